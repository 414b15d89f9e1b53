"""A gRPC client that asserts what it gets. Arguments: target, an `Attest-Token` for each method as Method=token, and optionally a
CA file for TLS with the name that the certificate has."""

import queue
import sys
import time

import grpc

target, ca, name = sys.argv[1], sys.argv[2], sys.argv[3]
tokens = dict(argument.split("=", 1) for argument in sys.argv[4:])

if ca:
    with open(ca, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    channel = grpc.secure_channel(target, credentials, (("grpc.ssl_target_name_override", name),))
else:
    channel = grpc.insecure_channel(target)


def metadata(method):
    return (("attest-token", tokens[method]),) if method in tokens else ()


def path(method):
    return "/field.Echo/" + method


unary = channel.unary_unary(path("Unary"))
meta = metadata("Unary")

# Unary, with trailers.
reply, call = unary.with_call(b"hello", timeout=20, metadata=meta)
assert reply == b"echo hello", reply
trailers = dict(call.trailing_metadata())
assert trailers["x-trailer"] == "of-unary" and trailers["x-blob-bin"] == b"\x00\xff", trailers
print("ok unary and trailers")

# The gateway vouches for the app, and keeps the token.
reply = unary(b"seen", timeout=20, metadata=meta)
assert reply == b"decision=allow token=False", reply
print("ok vouched for")

# Status codes and messages.
for code in ("NOT_FOUND", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAUTHENTICATED"):
    try:
        unary(b"fail " + code.encode(), timeout=20, metadata=meta)
        raise SystemExit("no error for " + code)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode[code], (code, error)
        assert error.details() == "asked for it: ü", error.details()
print("ok status codes")

# A deadline.
try:
    unary(b"sleep", timeout=0.5, metadata=meta)
    raise SystemExit("the deadline was not kept")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
assert unary(b"after", timeout=20, metadata=meta) == b"echo after"
print("ok deadline")

# A megabyte, both ways.
blob = bytes(range(256)) * 4096
assert unary(blob, timeout=30, metadata=meta) == b"echo " + blob
print("ok megabyte")

# Server streaming.
call = channel.unary_stream(path("ServerStream"))(b"200", timeout=30, metadata=metadata("ServerStream"))
assert list(call) == [b"part %d" % number for number in range(200)]
assert dict(call.trailing_metadata())["x-trailer"] == "of-stream"
print("ok server streaming")

# Client streaming.
parts = (b"x" * 1000 for _ in range(300))
reply = channel.stream_unary(path("ClientStream"))(parts, timeout=30, metadata=metadata("ClientStream"))
assert reply == b"300 messages, 300000 bytes", reply
print("ok client streaming")

# Bidirectional: each message is sent after the answer to the one before.
to_send = queue.Queue()
call = channel.stream_stream(path("Bidi"))(iter(to_send.get, None), timeout=30, metadata=metadata("Bidi"))
for number in range(100):
    to_send.put(b"%d" % number)
    assert next(call) == b"echo %d" % number
to_send.put(None)
assert list(call) == []
print("ok bidirectional streaming")

# Many calls at once on one connection.
futures = [unary.future(b"call %d" % number, timeout=30, metadata=meta) for number in range(200)]
for number, future in enumerate(futures):
    assert future.result() == b"echo call %d" % number
print("ok many at once")

# A server that answers before the client has sent everything.
endless = (b"y" * 10000 for _ in range(10000))
try:
    channel.stream_unary(path("Impatient"))(endless, timeout=30, metadata=metadata("Impatient"))
    raise SystemExit("no early answer")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and error.details() == "enough", error
assert unary(b"after", timeout=20, metadata=meta) == b"echo after"
print("ok early answer")

# A status after messages, with its details.
call = channel.unary_stream(path("ServerStream"))(b"-3", timeout=30, metadata=metadata("ServerStream"))
parts = []
try:
    for part in call:
        parts.append(part)
    raise SystemExit("no status after messages")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.DATA_LOSS, error
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"\x08\x0f", error
assert parts == [b"part 0", b"part 1", b"part 2"], parts
print("ok status after messages")

# What the client knows of a call, the server does: its deadline, its metadata, and that it gave up.
told = unary(b"known", timeout=17, metadata=meta + (("x-text", "a, b"), ("x-more-bin", b"\x00\xfe")))
left, rest = told.split(b" ", 1)
assert 14 < float(left) < 18 and rest == b"text=a, b more=00fe", told
before = int(unary(b"cancelled", timeout=20, metadata=meta))
call = channel.unary_stream(path("ServerStream"))(b"wait", timeout=30, metadata=metadata("ServerStream"))
assert next(call) == b"waiting"
call.cancel()
for _ in range(200):
    # Calls whose deadline passed earlier may be heard of now, too.
    if int(unary(b"cancelled", timeout=20, metadata=meta)) > before:
        break
    time.sleep(0.05)
else:
    raise SystemExit("the server never heard that the call was cancelled")
print("ok metadata, deadline and cancellation")

# Compressed messages.
reply = unary(b"z" * 100000, timeout=20, metadata=meta, compression=grpc.Compression.Gzip)
assert reply == b"echo " + b"z" * 100000
print("ok compressed")

# Without a token nothing comes through.
try:
    unary(b"hello", timeout=20)
    raise SystemExit("a call without a token was answered")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
print("ok refused without a token")
