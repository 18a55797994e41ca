"""Golden bytes for the tests of .scid files: headers and records built by hand."""

from __future__ import annotations

import struct
from pathlib import Path

EPOCH_US = 25_569 * 86_400 * 1_000_000
HEADER = struct.pack("<4sIIHHI36s", b"SCID", 56, 40, 1, 0, 0, b"")
FIRST, LAST = bytes.fromhex("f99e70fd"), bytes.fromhex("019f70fd")


def stamp(time_ns: int) -> int:
    """UTC nanoseconds as microseconds since 1899-12-30."""
    return time_ns // 1000 + EPOCH_US


def record(
    time_ns: int,
    open_: float | bytes,
    high: float,
    low: float,
    close: float,
    trades: int,
    volume: int,
    bid_volume: int = 0,
    ask_volume: int = 0,
) -> bytes:
    """40 bytes; `open_` may be the four bytes of a sub-trade marker."""
    first = open_ if isinstance(open_, bytes) else struct.pack("<f", open_)
    rest = struct.pack("<fffIIII", high, low, close, trades, volume, bid_volume, ask_volume)
    return struct.pack("<q", stamp(time_ns)) + first + rest


def tick(time_ns: int, price: float, volume: int = 1, *, buy: bool = True, marker: bytes = b"\0\0\0\0") -> bytes:
    """A single trade; its High and Low are ask and bid, a point away, as a reader must not take them for prices."""
    bid_volume, ask_volume = (0, volume) if buy else (volume, 0)
    return record(time_ns, marker, price + 1, price - 1, price, 1, volume, bid_volume, ask_volume)


def old_record(time_ns: int, price: float) -> bytes:
    """A single trade with its stamp in days as a double."""
    days = stamp(time_ns) / 86_400_000_000
    return struct.pack("<d", days) + tick(time_ns, price)[8:]


def write(path: Path, *records: bytes) -> Path:
    """A whole file."""
    path.write_bytes(HEADER + b"".join(records))
    return path
