"""From .scid records to bars at the speed of memory.

One numba pass over the mapped file; where numba is missing, the same in chunks of numpy with the same result.
Every record is judged by the bits of its Open, because a file may mix recorded ticks and downloaded bars.
Used by importers only: the trading process never loads numba.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.feeds.aggregate import Rows, concatenate, fold
from minhos.market.types import Ints

RECORD = np.dtype([
    ("stamp", "<i8"), ("open", "<f4"), ("high", "<f4"), ("low", "<f4"), ("close", "<f4"),
    ("trades", "<u4"), ("volume", "<u4"), ("bid_volume", "<u4"), ("ask_volume", "<u4"),
])  # fmt: skip
"""One record of 40 bytes; stamp is microseconds since 1899-12-30 00:00 UTC."""

FIRST_SUB_TRADE = 0xFD709EF9
LAST_SUB_TRADE = 0xFD709F01
"""Bits of the two floats that stand in Open at the first and the last part of an unbundled trade."""

PRICE_END = 0x4E6E6B28
"""Bits of 1e9, above every price that makes sense; with bits, 0 < price < 1e9 also keeps out NaN and infinity."""
CHUNK = 1 << 20
MAX_THREADS = 4

Records = npt.NDArray[np.void]


class Counts(NamedTuple):
    """Records by kind: single trades, ready-made bars, bid/ask updates (skipped), records without a price (skipped)."""

    ticks: int
    bars: int
    quotes: int
    rejected: int


def kinds(records: Records) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Masks (tick, quote, usable): single trade; bid/ask update only; trade or bar with a price above zero.

    A single trade has NumTrades 1 and in Open zero or a sub-trade marker, compared as bits; then High and Low
    are ask and bid, and the price is Close.  With no volume but bid and ask it is a quote and no trade.
    """
    bits = np.ascontiguousarray(records["open"]).view(np.uint32)
    marked = (bits == FIRST_SUB_TRADE) | (bits == LAST_SUB_TRADE)
    tick = (records["trades"] == 1) & ((bits == 0) | marked)
    quote = tick & (bits == 0) & (records["volume"] == 0) & (records["high"] != 0) & (records["low"] != 0)
    sane = {name: (records[name] > 0) & (records[name] < 1e9) for name in ("open", "high", "low", "close")}
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


def _fold_loop(
    stamps: Ints, words: Any, interval: int, prices: Any, sums: Ints, counts: Ints
) -> int:  # pragma: no cover - runs compiled
    """Fold records seen as 5 int64 = 10 uint32; returns the number of bars, or -1 at a stamp that goes back.

    Prices stay bits: positive floats order like their bits, and integers compare faster.  The first test lets
    the common record, an ordinary tick, pass with one branch.
    """
    n_bars = n_quotes = n_rejected = 0
    bar, previous, end = -1, np.int64(0), np.int64(0)
    open_ = high = low = close = np.int64(0)
    volume = bid_volume = ask_volume = trades = np.int64(0)
    for i in range(stamps.shape[0]):
        stamp, marker, price = stamps[i, 0], np.int64(words[i, 2]), np.int64(words[i, 5])
        count, size = np.int64(words[i, 6]), np.int64(words[i, 7])
        first = top = bottom = price
        if ((count ^ 1) | marker) != 0 or size == 0 or not 0 < price < PRICE_END:
            if count != 1 or (marker != 0 and marker != FIRST_SUB_TRADE and marker != LAST_SUB_TRADE):
                first, top, bottom = marker, np.int64(words[i, 3]), np.int64(words[i, 4])
                if not (0 < first < PRICE_END and 0 < bottom <= top < PRICE_END and 0 < price < PRICE_END):
                    n_rejected += 1
                    continue
                n_bars += 1
            elif marker == 0 and size == 0 and words[i, 3] != 0 and words[i, 4] != 0:
                n_quotes += 1
                continue
            elif not 0 < price < PRICE_END:
                n_rejected += 1
                continue
        if not previous <= stamp < end:
            if stamp < previous:
                return -1
            if bar >= 0:
                prices[0, bar], prices[1, bar], prices[2, bar], prices[3, bar] = open_, high, low, close
                sums[1, bar], sums[2, bar], sums[3, bar], sums[4, bar] = volume, bid_volume, ask_volume, trades
            bar += 1
            sums[0, bar] = stamp // interval
            end = (sums[0, bar] + 1) * interval
            open_, high, low = first, top, bottom
            volume = bid_volume = ask_volume = trades = np.int64(0)
        previous = stamp
        high, low, close = max(high, top), min(low, bottom), price
        volume += size
        bid_volume += np.int64(words[i, 8])
        ask_volume += np.int64(words[i, 9])
        trades += count
    if bar >= 0:
        prices[0, bar], prices[1, bar], prices[2, bar], prices[3, bar] = open_, high, low, close
        sums[1, bar], sums[2, bar], sums[3, bar], sums[4, bar] = volume, bid_volume, ask_volume, trades
    counts[0] = stamps.shape[0] - n_bars - n_quotes - n_rejected
    counts[1], counts[2], counts[3] = n_bars, n_quotes, n_rejected
    return bar + 1


@cache
def _compiled() -> Callable[..., int] | None:
    """The loop as machine code, kept on disk where a place is writable; None where numba is missing."""
    try:
        from numba import njit
    except ImportError:
        return None
    try:
        return njit(cache=True, nogil=True)(_fold_loop)
    except RuntimeError:  # no writable place for the cache
        return njit(nogil=True)(_fold_loop)


def fold_records(records: Records, interval: int) -> tuple[Rows, Counts, int]:
    """Bars of records, their counts, and how many records were stamped before their predecessor.

    records: contiguous, dtype RECORD; interval in microseconds.  Records out of order are sorted first (stable),
    so that the bars are those of the same trades in order of time.
    """
    if (result := _fold_ordered(records, interval)) is not None:
        return *result, 0
    stamps = np.ascontiguousarray(records["stamp"])
    ordered = records[np.argsort(stamps, kind="stable")]
    return *(_fold_ordered(ordered, interval) or fold_numpy(ordered, interval)), out_of_order(stamps)


def out_of_order(stamps: Ints) -> int:
    """How many stamps are smaller than the one before."""
    return int(np.count_nonzero(stamps[1:] < stamps[:-1]))


def _fold_ordered(records: Records, interval: int) -> tuple[Rows, Counts] | None:
    """Bars of records in order of time, one thread a part of the file; None when a stamp goes back."""
    loop = _compiled()
    if loop is None or len(records) == 0:
        return None if out_of_order(records["stamp"]) else fold_numpy(records, interval)
    n_parts = min(os.cpu_count() or 1, MAX_THREADS, 1 + len(records) // CHUNK)
    parts = np.array_split(records, n_parts)
    with ThreadPoolExecutor(n_parts) as pool:
        done = list(pool.map(lambda part: _run(loop, part, interval), parts))
    if any(result is None for result in done):
        return None
    folded = [result for result in done if result is not None]
    if any(int(b["stamp"][0]) < int(a["stamp"][-1]) for a, b in itertools.pairwise(parts)):
        return None
    counts = Counts(*(sum(column) for column in zip(*(count for _, count in folded), strict=True)))
    return fold(concatenate([rows for rows, _ in folded])), counts


def _run(loop: Callable[..., int], records: Records, interval: int) -> tuple[Rows, Counts] | None:
    """The compiled loop over records, or None when a stamp goes back."""
    span = int(records["stamp"][-1]) - int(records["stamp"][0])
    if span < 0:
        return None
    n = min(len(records), span // interval + 2)
    prices, sums, counts = np.empty((4, n), np.uint32), np.empty((5, n), np.int64), np.zeros(4, np.int64)
    stamps, words = records.view(np.int64).reshape(-1, 5), records.view(np.uint32).reshape(-1, 10)
    filled = loop(stamps, words, interval, prices, sums, counts)
    if filled < 0:
        return None
    columns = [column[:filled].copy() for column in (*sums, *prices.view(np.float32))]
    return Rows(columns[0], *columns[5:], *columns[1:5]), Counts(*counts.tolist())
