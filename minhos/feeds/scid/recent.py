"""The last weeks of a .scid file as bars, in little memory: what the process that trades reads of a history.

A file of ticks may hold gigabytes; this finds the place by bisection on the stamps and reads on from there in
pieces, without mapping the file.  Whole files are read by `files`, growing ones followed by `tail`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from minhos.feeds.aggregate import Rows, concatenate, fold
from minhos.feeds.scid.files import EPOCH_US, bars_of_rows, price_scale, time_ns
from minhos.feeds.scid.fold import RECORD, fold_records
from minhos.feeds.scid.reader import ScidReader
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
    with ScidReader(path) as file:
        return _newest_ns(file)


def read_since(path: Path, instrument: Instrument, symbol: Symbol, since_ns: int) -> Recent:
    """Bars that open at or after since_ns; none for a file that ends before.  Raises DataError."""
    interval = BAR_INTERVAL_NS // 1000
    with ScidReader(path) as file:
        n, start = len(file), file.first_at(-(-since_ns // BAR_INTERVAL_NS) * interval + EPOCH_US)
        spans = ((place, min(n, place + PIECE)) for place in range(start, n, PIECE))
        pieces = [fold_records(np.zeros(0, RECORD), interval)[0]]
        pieces += [fold_records(file.records(*span), interval)[0] for span in spans]
        newest_ns = _newest_ns(file)
    rows = concatenate(pieces)
    if np.any(np.diff(rows.bin) < 0):
        order = np.argsort(rows.bin, kind="stable")
        rows = Rows._make(column[order] for column in rows)
    rows = fold(rows)
    multiplier = price_scale(symbol, float(np.median(rows.close))).multiplier if len(rows.bin) else 1.0
    bars, _ = bars_of_rows(rows, instrument, symbol.contract, BAR_INTERVAL_NS, multiplier)
    return Recent(bars, newest_ns)


def _newest_ns(file: ScidReader) -> int:
    last = file.records(max(0, len(file) - 1), len(file))
    return int(time_ns(last["stamp"])[0]) if len(last) else 0
