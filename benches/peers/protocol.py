"""A peer to be measured against: asyncio, with a protocol, its quickest way.

build: nothing to build
run:   python3 protocol.py PORT

(It is not called asyncio.py: then it would import itself.)
"""

import asyncio
import sys

BACKLOG = 4096


class Echo(asyncio.Protocol):
    """The transport sends at once what the kernel takes and keeps the rest; at the end of the input it
    sends what it has kept, and then the FIN."""

    def connection_made(self, transport):
        self.transport = transport  # with TCP_NODELAY, which asyncio sets by itself

    def data_received(self, data):
        self.transport.write(data)

    # Who does not take what he is owed is not heard further.

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def main(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", port, backlog=BACKLOG)
    host, port = server.sockets[0].getsockname()
    print(f"listening on {host}:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
