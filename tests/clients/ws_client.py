"""A WebSocket client that asserts what it gets. Arguments: URL, token, and optionally a CA file for TLS and an address.

One thread: Python 3.11 lets two threads into one TLS object, which now and then ends a healthy connection.
"""

import asyncio
import os
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

url, token, ca, address = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
headers = {"attest-token": token}
options = {"max_size": 2**25, "open_timeout": 20, "close_timeout": 20, "proxy": None, "subprotocols": ["field.v1"]}
if ca:
    options["ssl"] = ssl.create_default_context(cafile=ca)
if address:
    options["host"], port = address.rsplit(":", 1)
    options["port"] = int(port)


def opened(more=headers):
    return connect(url, additional_headers=more, **options)


async def received(socket):
    return await asyncio.wait_for(socket.recv(), 30)


async def messages():
    async with opened() as socket:
        await socket.send("text: ü")
        assert await received(socket) == "text: ü"
        print("ok text")
        await socket.send("seen")
        assert await received(socket) == "decision=allow token=False"
        print("ok vouched for")
        await socket.send(b"\x00\x01\xff")
        assert await received(socket) == b"\x00\x01\xff"
        print("ok binary")
        await asyncio.wait_for(await socket.ping(b"are you there"), 20)
        print("ok ping")
        blob = os.urandom(4 * 1024 * 1024)
        await socket.send(blob)
        assert await received(socket) == blob
        print("ok large message")
        await socket.send(["in ", "three ", "fragments"])
        assert await received(socket) == "in three fragments"
        print("ok fragments")
        for number in range(500):
            await socket.send(str(number))
        for number in range(500):
            assert await received(socket) == str(number)
        print("ok order")
        extensions = [extension.name for extension in socket.protocol.extensions]
        assert extensions == ["permessage-deflate"] and socket.subprotocol == "field.v1", extensions
        print("ok extension and subprotocol")
        await socket.send("ping me")
        assert await received(socket) == "it answered"
        print("ok ping of the server")


async def closes():
    for code in (1000, 1001, 3000, 4999):
        async with opened() as socket:
            await socket.send(f"close {code}")
            try:
                await received(socket)
                raise SystemExit("it was not closed")
            except ConnectionClosed as closed:
                assert closed.rcvd.code == code and closed.rcvd.reason == "asked for it", closed
    print("ok close codes")
    async with opened() as socket, opened() as other:
        await socket.close(4001, "by the client")
        for _ in range(200):
            await other.send("last close")
            if await received(other) == "4001 by the client":
                break
            await asyncio.sleep(0.05)
        else:
            raise SystemExit("the server never heard of the close")
    print("ok close by the client")


async def refusal():
    try:
        await opened({})
        raise SystemExit("a connection without a token was opened")
    except InvalidStatus as refused:
        assert refused.response.status_code == 401, refused
        print("ok refused without a token")


async def conversation():
    await messages()
    await closes()
    await refusal()


asyncio.run(conversation())
