"""The client: sends two messages and prints the replies.

usage: client.py HOST PORT
"""

import socket
import sys

MESSAGES = ["Hello, world", "汉语/漢語 Hànyǔ"]


def connect(host, port):
    failure = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, socket.AF_UNSPEC, socket.SOCK_STREAM
    ):
        try:
            connection = socket.socket(family, kind, protocol)
            connection.connect(address)
            return connection
        except OSError as error:
            failure = error
    sys.exit(f"cannot connect to {host} port {port}: {failure}")


with connect(sys.argv[1], int(sys.argv[2])) as connection:
    for message in MESSAGES:
        connection.sendall(message.encode())
        print(connection.recv(1024).decode())
