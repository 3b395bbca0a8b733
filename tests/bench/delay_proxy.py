#!/usr/bin/env python3
"""A line with a delay: delay_proxy.py LISTEN CONNECT MILLISECONDS

Every octet to 127.0.0.1:LISTEN arrives at 127.0.0.1:CONNECT half of MILLISECONDS later, and back again
likewise; the line is as wide as loopback.
"""

import asyncio
import socket
import sys


async def carry(reader, writer, delay):
    """Reads on while what was read is still on its way."""
    on_the_way = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def deliver():
        while True:
            due, octets = await on_the_way.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not octets:
                break
            writer.write(octets)
        try:
            writer.write_eof()
        except OSError:
            pass

    delivering = asyncio.create_task(deliver())
    try:
        while True:
            octets = await reader.read(1 << 18)
            on_the_way.put_nowait((loop.time() + delay, octets))
            if not octets:
                break
        await delivering
    except OSError:
        delivering.cancel()


async def main(listen, connect, delay):
    async def accept(reader, writer):
        there = await asyncio.open_connection("127.0.0.1", connect)
        for stream in (writer, there[1]):
            stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(carry(reader, there[1], delay), carry(there[0], writer, delay))
        writer.close()
        there[1].close()

    server = await asyncio.start_server(accept, "127.0.0.1", listen)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 2000))
