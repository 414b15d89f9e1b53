"""A server for tests, with or without TLS: the bank behind the gateway, and servers that misbehave by path. Prints
its port, and ends when its standard input does."""
import argparse, http.server, json, os, socket, ssl, sys, threading


class Reply(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        self.body = self.rfile.read(length).decode("utf-8", "replace")
        path, _, self.query = self.path.partition("?")
        print("asked for", self.path, flush=True)
        getattr(self, path.strip("/").removeprefix("v1/").replace("-", "_"), self.echo)()

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def send(self, status, body, **headers):
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def echo(self):
        seen = {name.lower(): value for name, value in self.headers.items()}
        told = {"method": self.command, "path": self.path, "body": self.body, "headers": seen}
        self.send(200, json.dumps(told).encode(), content_type="application/json")

    def endless(self):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def silent(self):
        # Nothing is ever answered; the client goes away.
        self.connection.settimeout(None)
        self.rfile.read(1)
        self.close_connection = True

    def stuck(self):
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"x")
        self.wfile.flush()
        self.silent()

    def truncated(self):
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"x")
        self.close_connection = True

    def closed(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def garbage(self):
        self.wfile.write(b"\x00\xff\x13garbage\r\n\r\n")
        self.close_connection = True

    def redirect(self):
        self.send(302, b"", location="/v1/balance?redirected", set_cookie="a=b; Path=/")

    def sized(self):
        self.send(200, b"x" * int(self.query))

    def status(self):
        self.send(int(self.query), b"")

    def empty(self):
        self.send(200, b"", content_type="application/json")

    def deep(self):
        self.send(200, b"[" * 200_000, content_type="application/json")

    def later(self):
        problem = {"type": "urn:attest:problem:unavailable", "title": "x", "status": 503, "retry": "later", "support": "x"}
        body = json.dumps(problem | {"retry_after_s": 4294967295}).encode()
        self.send(503, body, content_type="application/problem+json")

    def long_refusal(self):
        self.send(403, b"x" * 200_000, content_type="text/plain")


arguments = argparse.ArgumentParser()
arguments.add_argument("--port", type=int, default=0)
arguments.add_argument("--certificate")
arguments.add_argument("--key")
options = arguments.parse_args()
server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Reply)
server.daemon_threads = True
if options.certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    # The handshake is made by the connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
