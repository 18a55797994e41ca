"""How many hostile inputs the DTC codec reads without an exception escaping.

    python -m minhos.bench.dtc_fuzz      # ten million, or MINHOS_DTC_FUZZ_EXAMPLES of them

Half of the inputs are made from valid messages of every type (bytes changed, cut, joined, repeated, lengths and types
rewritten), half are noise, in each encoding alike.  The tests of the codec search with hypothesis and few examples;
this counts.
"""

from __future__ import annotations

import os
import random
import sys
import time

import msgspec

from minhos.dtc.codec import Encoding, Malformed, decode, encode
from minhos.dtc.framing import Framer
from minhos.dtc.layouts import HEADER, LAYOUTS
from minhos.dtc.messages import Message

VARIABLE = "MINHOS_DTC_FUZZ_EXAMPLES"
LONGEST = 900
JSON_WORDS = (
    *(b"null", b"true", b"-1", b"1e400", b"NaN", b"[]", b"{}", b'"', b"\\ud800", b"\xff", b"\x00", b"," * 9),
    *(b"[" * 400, b"9" * 400, b'"Type":', b'"F":['),
)

ODD_NUMBERS = (b"\xff" * 8, b"\x00" * 8, b"\x7f" * 8, b"\x00\x00\x00\x00\x00\x00\xf8\x7f")
"""All ones, zero, unset or close to it, not a number."""


class Fuzzed(msgspec.Struct, frozen=True):
    """inputs: how many were read; escaped: the input (its beginning) and the exception of those that raised."""

    inputs: int
    seconds: float
    messages: int
    malformed: int
    escaped: tuple[tuple[str, str], ...] = ()


def fuzz(n_inputs: int, seed: int) -> Fuzzed:
    """Read so many inputs; stops at the first hundred that escape.  The same seed makes the same inputs."""
    chance = random.Random(seed)
    seeds = {encoding: [encode(layout.message(), encoding) for layout in LAYOUTS.values()] for encoding in Encoding}
    escaped: list[tuple[str, str]] = []
    encodings, messages, done, start = list(Encoding), 0, 0, time.perf_counter()
    while done < n_inputs and len(escaped) < 100:
        encoding = encodings[done % len(encodings)]
        data = _input(chance, seeds[encoding], encoding)
        try:
            messages += _read(data, encoding, framed=done % 7 == 0)
        except Exception as error:
            escaped.append((repr(data[:200]), f"{encoding.name}: {error!r}"))
        done += 1
    return Fuzzed(done, time.perf_counter() - start, messages, done - messages - len(escaped), tuple(escaped))


def _read(data: bytes, encoding: Encoding, framed: bool) -> int:
    """1 when the bytes are a message, through the framer as a stream would come where `framed`."""
    if framed:
        framer = Framer(encoding)
        framer.feed(data)
        for _ in range(20):
            frame = framer.next_frame()
            if not isinstance(frame, bytes):
                break
            decode(frame, encoding)
    found = decode(data, encoding)
    if not isinstance(found, Message | Malformed):
        raise TypeError(f"decode gave {found!r}")
    return int(isinstance(found, Message))


def _input(chance: random.Random, seeds: list[bytes], encoding: Encoding) -> bytes:
    kind = chance.random()
    if kind < 0.2:
        return chance.randbytes(chance.randrange(LONGEST))
    if kind < 0.5 and encoding is Encoding.BINARY:
        body = chance.randbytes(chance.randrange(LONGEST))
        return HEADER.pack(HEADER.size + len(body), chance.choice(tuple(LAYOUTS))) + body
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(1, 5)):
        _mutate(chance, data, seeds, encoding)
    if encoding is Encoding.BINARY and chance.random() < 0.7 and len(data) >= HEADER.size:
        data[:2] = min(len(data), 0xFFFF).to_bytes(2, "little")
    return bytes(data)


def _mutate(chance: random.Random, data: bytearray, seeds: list[bytes], encoding: Encoding) -> None:
    """Change the bytes in one of the ways in which hostile ones differ from valid ones."""
    place = chance.randrange(len(data) + 1)
    way = chance.randrange(6)
    if way == 0:
        data[place : place + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(9))
    elif way == 1:
        del data[place:]
    elif way == 2:
        data += chance.choice(seeds)[place % 64 :]
    elif way == 3:
        data[place:place] = data[: chance.randrange(64)]
    elif way == 4:
        data[place : place + 8] = chance.choice(ODD_NUMBERS)
    elif encoding is not Encoding.BINARY:
        data[place:place] = chance.choice(JSON_WORDS)


def main() -> int:
    """Print what was found; 1 when anything escaped."""
    found = fuzz(int(os.environ.get(VARIABLE, "10000000")), seed=1)
    kinds = f"{found.messages:,} messages, {found.malformed:,} malformed, {len(found.escaped)} exceptions escaped"
    print(f"{found.inputs:,} inputs in {found.seconds:.0f} s: {kinds}")
    for data, error in found.escaped[:10]:
        print(error, data, file=sys.stderr)
    return int(bool(found.escaped))


if __name__ == "__main__":
    sys.exit(main())
