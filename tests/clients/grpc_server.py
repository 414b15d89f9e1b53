"""A gRPC server without generated code: messages are bytes. Prints its port, serves until its standard input closes."""

import sys
import time
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "of-unary"), ("x-blob-bin", b"\x00\xff")))
    if request.startswith(b"fail "):
        context.abort(grpc.StatusCode[request[5:].decode()], "asked for it: ü")
    if request == b"sleep":
        time.sleep(3)
    if request == b"seen":
        seen = {key: value for key, value in context.invocation_metadata()}
        return ("decision=%s token=%s" % (seen.get("attest-decision"), "attest-token" in seen)).encode()
    return b"echo " + request


def server_stream(request, context):
    for number in range(int(request)):
        yield b"part %d" % number
    context.set_trailing_metadata((("x-trailer", "of-stream"),))


def client_stream(requests, context):
    count = size = 0
    for request in requests:
        count, size = count + 1, size + len(request)
    return b"%d messages, %d bytes" % (count, size)


def bidi(requests, context):
    for request in requests:
        yield b"echo " + request


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("field.Echo", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


main()
