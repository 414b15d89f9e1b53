"""A WebSocket client that asserts what it gets. Arguments: URL, token, and optionally a CA file for TLS."""

import os
import ssl
import sys
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

url, token, ca, address = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
options = {"max_size": 2**25, "open_timeout": 20, "close_timeout": 20, "proxy": None, "subprotocols": ["field.v1"]}
if ca:
    options["ssl"] = ssl.create_default_context(cafile=ca)
if address:
    host, port = address.rsplit(":", 1)
    import socket

    def dial():
        return socket.create_connection((host, int(port)), timeout=20)

else:
    dial = None


def open_socket(headers):
    more = {"sock": dial()} if dial else {}
    return connect(url, additional_headers=headers, **options, **more)


headers = {"attest-token": token}
with open_socket(headers) as socket_:
    socket_.send("text: ü")
    assert socket_.recv(timeout=20) == "text: ü"
    print("ok text")
    socket_.send("seen")
    assert socket_.recv(timeout=20) == "decision=allow token=False"
    print("ok vouched for")
    socket_.send(b"\x00\x01\xff")
    assert socket_.recv(timeout=20) == b"\x00\x01\xff"
    print("ok binary")
    assert socket_.ping(b"are you there").wait(20)
    print("ok ping")
    blob = os.urandom(4 * 1024 * 1024)
    socket_.send(blob)
    assert socket_.recv(timeout=30) == blob
    print("ok large message")
    socket_.send(["in ", "three ", "fragments"])
    assert socket_.recv(timeout=20) == "in three fragments"
    print("ok fragments")
    for number in range(500):
        socket_.send(str(number))
    for number in range(500):
        assert socket_.recv(timeout=20) == str(number)
    print("ok order")
    extensions = [extension.name for extension in socket_.protocol.extensions]
    assert extensions == ["permessage-deflate"] and socket_.subprotocol == "field.v1", extensions
    print("ok extension and subprotocol")
    socket_.send("ping me")
    assert socket_.recv(timeout=20) == "it answered"
    print("ok ping of the server")

for code in (1000, 1001, 3000, 4999):
    with open_socket(headers) as socket_:
        socket_.send("close %d" % code)
        try:
            socket_.recv(timeout=20)
            raise SystemExit("it was not closed")
        except ConnectionClosed as closed:
            assert closed.rcvd.code == code and closed.rcvd.reason == "asked for it", closed
print("ok close codes")

with open_socket(headers) as socket_, open_socket(headers) as other:
    socket_.close(4001, "by the client")
    for _ in range(200):
        other.send("last close")
        if other.recv(timeout=20) == "4001 by the client":
            break
        time.sleep(0.05)
    else:
        raise SystemExit("the server never heard of the close")
print("ok close by the client")

try:
    open_socket({})
    raise SystemExit("a connection without a token was opened")
except InvalidStatus as refused:
    assert refused.response.status_code == 401, refused
print("ok refused without a token")
