"""Prints what the tests of src/curve/boxes.rs expect, as libsodium computes it. Needs PyNaCl (pip install pynacl)."""

from nacl.bindings import (
    crypto_box,
    crypto_box_beforenm,
    crypto_box_afternm,
    crypto_scalarmult_base,
    crypto_secretbox,
)

CLIENT, SERVER = bytes(range(32)), bytes(range(32, 64))
CLIENT_SHORT, SERVER_SHORT = bytes(range(64, 96)), bytes(range(96, 128))
pub = crypto_scalarmult_base


def show(name, box):
    print(name, box.hex())


def counted(purpose, counter):
    return purpose + counter.to_bytes(8, "big")


show("hello", crypto_box(bytes(64), counted(b"CurveZMQHELLO---", 1), pub(SERVER), CLIENT_SHORT))
vouched = pub(CLIENT_SHORT) + pub(SERVER)
show("vouch", crypto_box(vouched, b"VOUCH---" + bytes(range(16)), pub(SERVER_SHORT), CLIENT))
kept = pub(CLIENT_SHORT) + SERVER_SHORT
show("cookie", crypto_secretbox(kept, b"COOKIE--" + bytes(range(16)), bytes([7] * 32)))
shared = crypto_box_beforenm(pub(SERVER_SHORT), CLIENT_SHORT)
for size in (0, 1, 31, 32, 33, 64):
    plain = bytes([0]) + bytes(i % 251 for i in range(size))
    show(f"message {size}", crypto_box_afternm(plain, counted(b"CurveZMQMESSAGEC", size + 3), shared))
