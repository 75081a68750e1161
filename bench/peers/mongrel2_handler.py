"""A handler of Mongrel2 over pyzmq: says hello, or sends 1 MiB for /bytes, one message a reply."""

import json
import sys

import zmq

LARGE = b"x" * 1048576


def netstring(rest):
    length, rest = rest.split(b":", 1)
    return rest[: int(length)], rest[int(length) + 1 :]


def parsed(message):
    sender, conn_id, path, rest = message.split(b" ", 3)
    headers, rest = netstring(rest)
    body, _ = netstring(rest)
    return sender, conn_id, path, json.loads(headers), body


def response(body, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


context = zmq.Context()
requests = context.socket(zmq.PULL)
replies = context.socket(zmq.PUB)
replies.connect(sys.argv[2])
requests.connect(sys.argv[1])
while True:
    sender, conn_id, path, headers, body = parsed(requests.recv())
    if headers.get("METHOD") == "JSON":
        continue
    payload = LARGE if path == b"/bytes" else b"Hello World"
    reply = response(payload, {"Content-Type": "text/plain"})
    replies.send(b"%s %d:%s, %s" % (sender, len(conn_id), conn_id, reply))
