"""A server to compare with: Python on asyncio, with a protocol, which is faster than streams.

build: nothing to build
run:   python3 protocol.py PORT
       python3 protocol.py PORT uvloop   (on uvloop's event loop, which is libuv, instead of asyncio's own)

(The file is not called asyncio.py, because it would import itself.)
"""

import asyncio
import sys

BACKLOG = 4096


class Echo(asyncio.Protocol):
    """The transport sends at once what the kernel takes and keeps the rest. At end of file it sends the
    rest, then the FIN."""

    def connection_made(self, transport):
        self.transport = transport  # asyncio sets TCP_NODELAY

    def data_received(self, data):
        self.transport.write(data)

    # A peer that does not read is not read from.

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


port, *loop = sys.argv[1:]
if loop == ["uvloop"]:
    import uvloop

    uvloop.install()
asyncio.run(main(int(port)))
