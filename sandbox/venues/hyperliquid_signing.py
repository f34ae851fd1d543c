"""Who signed a Hyperliquid action: the request body in, an address out.

An action is packed with MessagePack, hashed with nonce, vault and expiry, wrapped as
the EIP-712 message `Agent` (chain 1337, source "a" for the main network) and signed on
secp256k1, as ccxt 4.5.90 does.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import coincurve

_MASK: Final = (1 << 64) - 1
_RATE: Final = 136
_ROUNDS: Final = 24


def _round_constants() -> list[int]:
    """Return the constants of Keccak-f[1600], made by its shift register."""
    made: list[int] = []
    register = 1
    for _ in range(_ROUNDS):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        made.append(constant)
    return made


def _moves() -> list[tuple[int, int, int]]:
    """Return for each lane where it goes to and how far it is turned."""
    turns = {(0, 0): 0}
    x, y = 1, 0
    for step in range(_ROUNDS):
        turns[x, y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return [
        (x, y + 5 * ((2 * x + 3 * y) % 5), turns[x, y])
        for y in range(5)
        for x in range(5)
    ]


_CONSTANTS: Final = _round_constants()
_MOVES: Final = _moves()


def _permute(state: list[int]) -> list[int]:
    """Return 25 lanes, row after row, after 24 rounds."""
    for constant in _CONSTANTS:
        c0, c1, c2, c3, c4 = (
            state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            for x in range(5)
        )
        mixed = (
            c4 ^ (c1 << 1 | c1 >> 63),
            c0 ^ (c2 << 1 | c2 >> 63),
            c1 ^ (c3 << 1 | c3 >> 63),
            c2 ^ (c4 << 1 | c4 >> 63),
            c3 ^ (c0 << 1 | c0 >> 63),
        )
        moved = [0] * 25
        for lane, (x, place, turn) in zip(state, _MOVES, strict=True):
            turned = (lane ^ mixed[x]) & _MASK
            moved[place] = (turned << turn | turned >> (64 - turn)) & _MASK
        state = []
        for row in range(0, 25, 5):
            a, b, c, d, e = moved[row : row + 5]
            state += (a ^ ~b & c, b ^ ~c & d, c ^ ~d & e, d ^ ~e & a, e ^ ~a & b)
        state[0] ^= constant
    return state


def keccak(message: bytes) -> bytes:
    """Return Keccak-256 with the original padding, which Ethereum uses.

    >>> keccak(b"").hex()[:16]
    'c5d2460186f7233c'
    """
    padded = bytearray(message + b"\x01")
    padded += bytes(-len(padded) % _RATE)
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        words = struct.unpack("<17Q", padded[start : start + _RATE])
        for place, word in enumerate(words):
            state[place] ^= word
        state = _permute(state)
    return struct.pack("<4Q", *state[:4])


def pack_message(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return a JSON value as MessagePack.

    Raises:
        ValueError: an action contains no such value.
    """
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _pack_whole(value)
    if isinstance(value, str):
        raw = value.encode()
        return _head(len(raw), 0xA0, 32, b"\xd9\xda\xdb") + raw
    if isinstance(value, list):
        items = b"".join(pack_message(one) for one in value)
        return _head(len(value), 0x90, 16, b"\x00\xdc\xdd") + items
    if isinstance(value, dict):
        items = b"".join(
            pack_message(name) + pack_message(one) for name, one in value.items()
        )
        return _head(len(value), 0x80, 16, b"\x00\xde\xdf") + items
    message = f"an action holds no {type(value).__name__}"
    raise ValueError(message)


def _head(length: int, short: int, limit: int, long: bytes) -> bytes:
    if length < limit:
        return bytes([short | length])
    if length < 1 << 8 and long[0]:
        return long[:1] + bytes([length])
    if length < 1 << 16:
        return long[1:2] + struct.pack(">H", length)
    return long[2:] + struct.pack(">I", length)


def _pack_whole(value: int) -> bytes:
    if value < 0:
        message = "an action holds no number below zero"
        raise ValueError(message)
    if value < 1 << 7:
        return bytes([value])
    for code, form, bits in ((0xCC, ">B", 8), (0xCD, ">H", 16), (0xCE, ">I", 32)):
        if value < 1 << bits:
            return bytes([code]) + struct.pack(form, value)
    return b"\xcf" + struct.pack(">Q", value)


_DOMAIN: Final = keccak(
    keccak(
        b"EIP712Domain(string name,string version,uint256 chainId,"
        b"address verifyingContract)"
    )
    + keccak(b"Exchange")
    + keccak(b"1")
    + (1337).to_bytes(32, "big")
    + bytes(32)
)
_AGENT: Final = keccak(b"Agent(string source,bytes32 connectionId)")
_MAIN_NETWORK: Final = keccak(b"a")


def signer_of(body: dict[str, Any]) -> str:
    """Return the address whose key signed an action, in lower case.

    Raises:
        KeyError, TypeError, ValueError: there is no well-formed signature.
    """
    text = pack_message(body["action"]) + struct.pack(">Q", int(body["nonce"]))
    vault = body.get("vaultAddress")
    text += b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault[2:])
    if body.get("expiresAfter") is not None:
        text += b"\x00" + struct.pack(">Q", int(body["expiresAfter"]))
    agent = keccak(_AGENT + _MAIN_NETWORK + keccak(text))
    digest = keccak(b"\x19\x01" + _DOMAIN + agent)
    given = body["signature"]
    signature = (
        int(given["r"], 16).to_bytes(32, "big")
        + int(given["s"], 16).to_bytes(32, "big")
        + bytes([int(given["v"]) - 27])
    )
    key = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()
