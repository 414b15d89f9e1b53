"""A gRPC server without generated code: messages are bytes. Prints its port, serves until its standard input closes."""

import sys
import threading
import time
from concurrent import futures

import grpc

# Calls that were given up by their clients.
cancelled = []


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "of-unary"), ("x-blob-bin", b"\x00\xff")))
    if request.startswith(b"fail "):
        context.abort(grpc.StatusCode[request[5:].decode()], "asked for it: ü")
    if request == b"sleep":
        time.sleep(3)
    if request == b"seen":
        seen = {key: value for key, value in context.invocation_metadata()}
        return ("decision=%s token=%s" % (seen.get("attest-decision"), "attest-token" in seen)).encode()
    if request == b"known":
        seen = dict(context.invocation_metadata())
        known = (context.time_remaining(), seen.get("x-text"), seen.get("x-more-bin", b"").hex())
        return ("%.3f text=%s more=%s" % known).encode()
    if request == b"cancelled":
        return b"%d" % len(cancelled)
    return b"echo " + request


def server_stream(request, context):
    if request == b"wait":
        gone = threading.Event()
        context.add_callback(gone.set)
        yield b"waiting"
        if gone.wait(20):
            cancelled.append(True)
        return
    for number in range(abs(int(request))):
        yield b"part %d" % number
    if int(request) < 0:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x0f"),))
        context.abort(grpc.StatusCode.DATA_LOSS, "asked for it")
    context.set_trailing_metadata((("x-trailer", "of-stream"),))


def client_stream(requests, context):
    count = size = 0
    for request in requests:
        count, size = count + 1, size + len(request)
    return b"%d messages, %d bytes" % (count, size)


def impatient(requests, context):
    next(requests)
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")


def bidi(requests, context):
    for request in requests:
        yield b"echo " + request


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "Impatient": grpc.stream_unary_rpc_method_handler(impatient),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("field.Echo", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


main()
