"""The server: a thread per client, on the first address of the host that can be bound.

usage: server.py HOST PORT

Prints its port. The original has two faults, which are kept here: it decodes what one recv returns as if it were
complete text, and it ignores that send may send only a part.
"""

import socket
import sys
import threading


def listen(host, port):
    failure = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, socket.AF_UNSPEC, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
    ):
        try:
            listener = socket.socket(family, kind, protocol)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
            return listener
        except OSError as error:
            failure = error
    sys.exit(f"cannot listen on {host} port {port}: {failure}")


def echo(peer):
    with peer:
        while data := peer.recv(1024):
            text = data.decode()
            peer.send(text.encode())


def main():
    listener = listen(sys.argv[1], int(sys.argv[2]))
    print(listener.getsockname()[1], flush=True)
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=echo, args=(peer,), daemon=True).start()


main()
