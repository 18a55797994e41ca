"""From .scid records to bars, in chunks of numpy.

Every record is judged by the bits of its Open, because a file may mix recorded ticks and downloaded bars.
Importers use `fold_numba`, several times faster and equal in every bit, which the trading process never loads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.feeds.aggregate import Rows, concatenate, fold

RECORD = np.dtype(
    [
        ("stamp", "<i8"),
        ("open", "<f4"),
        ("high", "<f4"),
        ("low", "<f4"),
        ("close", "<f4"),
        ("trades", "<u4"),
        ("volume", "<u4"),
        ("bid_volume", "<u4"),
        ("ask_volume", "<u4"),
    ]
)
"""One record of 40 bytes; stamp is microseconds since 1899-12-30 00:00 UTC."""

FIRST_SUB_TRADE = 0xFD709EF9
LAST_SUB_TRADE = 0xFD709F01
"""Bits of the two floats that stand in Open at the first and the last part of an unbundled trade."""

MAX_PRICE = 1e9
"""Above every price that makes sense."""
CHUNK = 1 << 20

Records = npt.NDArray[np.void]


class Counts(NamedTuple):
    """Records by kind: single trades, ready-made bars, bid/ask updates (skipped), records without a price (skipped)."""

    ticks: int
    bars: int
    quotes: int
    rejected: int


Fold = Callable[[Records, int], tuple[Rows, Counts, int]]
"""Records and an interval in microseconds to bars, counts, and how many records stood before their predecessor."""


def kinds(records: Records) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Masks (tick, quote, usable): single trade; bid/ask update only; trade or bar with a price above zero.

    A single trade has NumTrades 1 and in Open zero or a sub-trade marker, compared as bits; then High and Low
    are ask and bid, and the price is Close.  With no volume but bid and ask it is a quote and no trade.
    """
    bits = np.ascontiguousarray(records["open"]).view(np.uint32)
    marked = (bits == FIRST_SUB_TRADE) | (bits == LAST_SUB_TRADE)
    tick = (records["trades"] == 1) & ((bits == 0) | marked)
    quote = tick & (bits == 0) & (records["volume"] == 0) & (records["high"] != 0) & (records["low"] != 0)
    sane = {name: (records[name] > 0) & (records[name] < MAX_PRICE) for name in ("open", "high", "low", "close")}
    ordered = sane["open"] & sane["high"] & sane["low"] & (records["high"] >= records["low"])
    usable = ~quote & sane["close"] & (tick | ordered)
    return tick, quote, usable


def rows(records: Records, interval: int) -> tuple[Rows, Counts]:
    """Each usable record as one row, and the counts; bins are stamp // interval (microseconds)."""
    tick, quote, usable = kinds(records)
    kept, single = records[usable], tick[usable]
    close = kept["close"]
    volumes = (kept[name].astype(np.int64) for name in ("volume", "bid_volume", "ask_volume", "trades"))
    counts = Counts(
        int(np.count_nonzero(single)),
        int(np.count_nonzero(~single)),
        int(np.count_nonzero(quote)),
        int(np.count_nonzero(~usable & ~quote)),
    )
    first, top, bottom = (np.where(single, close, kept[name]) for name in ("open", "high", "low"))
    return Rows(kept["stamp"] // interval, first, top, bottom, close, *volumes), counts


def fold_numpy(records: Records, interval: int) -> tuple[Rows, Counts]:
    """Bars of records in order of time, a chunk at a time."""
    parts, counts = [], np.zeros(4, np.int64)
    for start in range(0, max(len(records), 1), CHUNK):
        part, count = rows(records[start : start + CHUNK], interval)
        parts.append(fold(part))
        counts += count
    return fold(concatenate(parts)), Counts(*counts.tolist())


def fold_records(records: Records, interval: int) -> tuple[Rows, Counts, int]:
    """Bars of records, their counts, and how many records were stamped before their predecessor.

    records: dtype RECORD; interval in microseconds.  Records out of order are sorted first (stable), so that the
    bars are those of the same trades in order of time.
    """
    stamps = np.ascontiguousarray(records["stamp"])
    backwards = int(np.count_nonzero(stamps[1:] < stamps[:-1]))
    if backwards:
        records = records[np.argsort(stamps, kind="stable")]
    return *fold_numpy(records, interval), backwards
