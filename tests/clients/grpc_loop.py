"""Calls a gRPC method from four threads until its standard input closes, and fails with the first call that does. Each line that it
prints is fifty answered calls. Arguments: target, `Attest-Token`."""

import os
import sys
import threading

import grpc

channel = grpc.insecure_channel(sys.argv[1])
unary = channel.unary_unary("/field.Echo/Unary")
answered = 0
lock = threading.Lock()


def call():
    global answered
    while True:
        try:
            reply = unary(b"again", timeout=20, metadata=(("attest-token", sys.argv[2]),))
        except grpc.RpcError as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        assert reply == b"echo again", reply
        with lock:
            answered += 1
            if answered % 50 == 0:
                print(answered, flush=True)


for _ in range(4):
    threading.Thread(target=call, daemon=True).start()
sys.stdin.read()
os._exit(0)
