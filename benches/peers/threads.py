"""A server to compare with: Python, with a thread per connection.

build: nothing to build
run:   python3 threads.py PORT
"""

import socket
import sys
import threading
import time

BACKLOG = 4096
BUFFER = 64 * 1024  # bytes per read, as in all of these servers
STACK = 128 * 1024  # bytes; a Python thread needs more than a Rust thread
PAUSE = 0.1  # seconds, when there are no descriptors left


def echo(peer):
    """Echoes until end of file. Closing then sends the FIN after the last byte."""
    with peer:
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while received := peer.recv(BUFFER):
                peer.sendall(received)
        except OSError:
            pass  # an error ends this connection and nothing else


def start(peer):
    try:
        threading.Thread(target=echo, args=(peer,), daemon=True).start()
    except RuntimeError:
        peer.close()  # without a thread, the connection is closed


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
                time.sleep(PAUSE)  # this connection failed, or there are no descriptors left
            else:
                start(peer)


main(int(sys.argv[1]))
