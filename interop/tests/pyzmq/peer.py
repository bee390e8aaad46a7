"""One pyzmq socket for the tests of the monocoque command: frames on a line, parted by tabs.

    peer.py TYPE bind|connect ENDPOINT [COUNT]

push, pub and req send the lines of standard input; pull, sub and req print what they receive; rep and router
answer COUNT messages with what they were sent. Every wait ends after 20 seconds, with an exception.
"""

import sys

import zmq

TIMEOUT_MS = 20_000


def main(kind, verb, endpoint, count="0"):
    context = zmq.Context()
    socket = context.socket(getattr(zmq, kind.upper()))
    socket.sndtimeo = socket.rcvtimeo = TIMEOUT_MS
    # A subscriber that lingers waits for a publisher to take its subscriptions, even when it has all it wants.
    socket.linger = 0 if kind in ("sub", "pull") else TIMEOUT_MS
    if kind == "sub":
        socket.subscribe(b"")
    if verb == "bind":
        socket.bind(endpoint)
    else:
        socket.connect(endpoint)

    def send(line):
        socket.send_multipart([frame.encode() for frame in line.rstrip("\n").split("\t")])

    def show(frames):
        print("\t".join(frame.decode() for frame in frames), flush=True)

    if kind == "req":
        for line in sys.stdin:
            send(line)
            show(socket.recv_multipart())
    elif kind in ("push", "pub", "xpub"):
        if kind == "xpub":
            assert socket.recv() == b"\x01", "a subscription to everything"
        for line in sys.stdin:
            send(line)
    elif kind in ("rep", "router"):
        for _ in range(int(count)):
            socket.send_multipart(socket.recv_multipart())
    else:
        for _ in range(int(count)):
            show(socket.recv_multipart())
    socket.close()
    context.term()


main(*sys.argv[1:])
