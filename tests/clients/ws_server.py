"""A WebSocket echo server. Prints its port, serves until its standard input closes."""

import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

# How clients closed.
closes = []


def echo(connection):
    try:
        while True:
            answer(connection, connection.recv())
    except ConnectionClosed as closed:
        if closed.rcvd:
            closes.append("%d %s" % (closed.rcvd.code, closed.rcvd.reason))


def answer(connection, message):
    if message == "seen":
        headers = connection.request.headers
        message = "decision=%s token=%s" % (headers.get("attest-decision"), "attest-token" in headers)
    elif message == "ping me":
        connection.ping(b"server").wait(20)
        message = "it answered"
    elif message == "last close":
        message = closes[-1] if closes else "none"
    elif isinstance(message, str) and message.startswith("close "):
        connection.close(int(message[6:]), "asked for it")
        return
    connection.send(message)


with serve(echo, "127.0.0.1", 0, max_size=2**25, subprotocols=["field.v1"]) as server:
    print(server.socket.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()
