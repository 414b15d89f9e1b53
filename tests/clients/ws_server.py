"""A WebSocket echo server. Prints its port, serves until its standard input closes."""

import sys
import threading

from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        if isinstance(message, str) and message.startswith("close "):
            connection.close(int(message[6:]), "asked for it")
            return
        if message == "seen":
            headers = connection.request.headers
            seen = "decision=%s token=%s" % (headers.get("attest-decision"), "attest-token" in headers)
            connection.send(seen)
            continue
        connection.send(message)


with serve(echo, "127.0.0.1", 0, max_size=2**25) as server:
    print(server.socket.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()
