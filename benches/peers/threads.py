"""A peer to be measured against: a thread per connection in Python.

build: nothing to build
run:   python3 threads.py PORT
"""

import socket
import sys
import threading
import time

BACKLOG = 4096
BUFFER = 64 * 1024  # bytes read at once; the same in all peers
STACK = 128 * 1024  # bytes; a thread of Python needs more than one of Rust
PAUSE = 0.1  # seconds, to wait for descriptors or threads


def echo(peer):
    """Gives everything back; closing sends the FIN behind it."""
    with peer:
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while received := peer.recv(BUFFER):
                peer.sendall(received)
        except OSError:
            pass  # a peer that breaks off is its own affair


def start(peer):
    try:
        threading.Thread(target=echo, args=(peer,), daemon=True).start()
    except RuntimeError:
        peer.close()  # no thread is to be had: this one peer is refused


def main(port):
    threading.stack_size(STACK)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
        host, port = listener.getsockname()
        print(f"listening on {host}:{port}", flush=True)
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                time.sleep(PAUSE)  # this peer is gone, or there are no descriptors left
            else:
                start(peer)


main(int(sys.argv[1]))
