"""The last weeks of a .scid file as bars, in little memory: what the process that trades reads of a history.

A file of ticks may hold gigabytes; this finds the place by bisection on the stamps and reads on from there in
pieces, without mapping the file.  Whole files are read by `files`, growing ones followed by `tail`.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from minhos.feeds.aggregate import Rows, concatenate, fold
from minhos.feeds.scid.files import (
    HEADER_SIZE,
    RECORD_SIZE,
    bars_of_rows,
    open_scid,
    price_scale,
    time_ns,
    with_integer_stamps,
)
from minhos.feeds.scid.fold import RECORD, Records, fold_records
from minhos.market.symbols import Symbol
from minhos.market.types import BAR_INTERVAL_NS, Bars, Instrument

PIECE = 1 << 16
"""Records read at a time: 2.6 MB, and some five times that while they are folded."""


class Recent(NamedTuple):
    """bars, the last included even where it is not over; newest_ns: time of the last record, 0 for none."""

    bars: Bars
    newest_ns: int


def newest_record_ns(path: Path) -> int:
    """Time of the last whole record; 0 for a file without one.  Raises DataError."""
    with open_scid(path) as file:
        n = _count(file)
        return _time_of(file, n - 1, path) if n else 0


def read_since(path: Path, instrument: Instrument, symbol: Symbol, since_ns: int) -> Recent:
    """Bars that open at or after since_ns; none for a file that ends before.  Raises DataError."""
    interval = BAR_INTERVAL_NS // 1000
    with open_scid(path) as file:
        n = _count(file)
        start = _first_at(file, n, -(-since_ns // BAR_INTERVAL_NS) * BAR_INTERVAL_NS, path)
        spans = ((place, min(n, place + PIECE)) for place in range(start, n, PIECE))
        pieces = [fold_records(np.zeros(0, RECORD), interval)[0]]
        pieces += [fold_records(_read(file, *span, path), interval)[0] for span in spans]
        newest_ns = _time_of(file, n - 1, path) if n else 0
    rows = concatenate(pieces)
    if np.any(np.diff(rows.bin) < 0):
        order = np.argsort(rows.bin, kind="stable")
        rows = Rows._make(column[order] for column in rows)
    rows = fold(rows)
    multiplier = price_scale(symbol, float(np.median(rows.close))).multiplier if len(rows.bin) else 1.0
    bars, _ = bars_of_rows(rows, instrument, symbol.contract, BAR_INTERVAL_NS, instrument.tick_size / multiplier)
    return Recent(bars, newest_ns)


def _count(file: BinaryIO) -> int:
    return (file.seek(0, 2) - HEADER_SIZE) // RECORD_SIZE


def _first_at(file: BinaryIO, n: int, wanted_ns: int, path: Path) -> int:
    """Index of the first record at or after that time, by bisection; n where there is none."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if _time_of(file, middle, path) < wanted_ns:
            low = middle + 1
        else:
            high = middle
    return low


def _time_of(file: BinaryIO, index: int, path: Path) -> int:
    return int(time_ns(_read(file, index, index + 1, path)["stamp"])[0])


def _read(file: BinaryIO, start: int, end: int, path: Path) -> Records:
    file.seek(HEADER_SIZE + start * RECORD_SIZE)
    data = file.read((end - start) * RECORD_SIZE)
    return with_integer_stamps(np.frombuffer(data[: len(data) // RECORD_SIZE * RECORD_SIZE], RECORD), path)
