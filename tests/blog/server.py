"""The server of the pair: a thread per client, on whatever address comes first.

usage: server.py HOST PORT

Prints the port it got. Two faults are part of what it is, and are kept: it takes whatever one recv
returns for whole text, and it takes send at its word, however much of it was sent.
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
