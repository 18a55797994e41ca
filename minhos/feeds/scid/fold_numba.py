"""From .scid records to bars at the speed of memory: one pass of compiled code over the mapped file.

The same result as `fold`, which also stands in where numba is missing.  For importers and benchmarks: the
trading process must not load numba.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import numpy.typing as npt

from minhos.feeds.aggregate import Rows, concatenate, fold
from minhos.feeds.scid import fold as scid_fold
from minhos.feeds.scid.fold import FIRST_SUB_TRADE, LAST_SUB_TRADE, Counts, Records
from minhos.market.types import Ints

Words = npt.NDArray[np.uint32]
PRICE_END = 0x4E6E6B28
"""Bits of the float 1e9 (`fold.MAX_PRICE`); as bits, 0 < price < 1e9 also keeps out NaN and infinity."""
MIN_PART = 1 << 20
MAX_THREADS = 4


def fold_records(records: Records, interval: int) -> tuple[Rows, Counts, int]:
    """As `fold.fold_records`; records must be contiguous."""
    loop = _compiled()
    folded = _in_parts(loop, records, interval) if loop is not None and len(records) else None
    return scid_fold.fold_records(records, interval) if folded is None else (*folded, 0)


def _in_parts(loop: Callable[..., int], records: Records, interval: int) -> tuple[Rows, Counts] | None:
    """Bars of records in order of time, one thread a part of the file; None when a stamp goes back."""
    n_parts = min(os.cpu_count() or 1, MAX_THREADS, 1 + len(records) // MIN_PART)
    parts = np.array_split(records, n_parts)
    if any(int(b["stamp"][0]) < int(a["stamp"][-1]) for a, b in itertools.pairwise(parts)):
        return None
    with ThreadPoolExecutor(n_parts) as pool:
        done = list(pool.map(lambda part: _run(loop, part, interval), parts))
    folded = [result for result in done if result is not None]
    if len(folded) < len(done):
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


def _fold_loop(
    stamps: Ints, words: Words, interval: int, prices: Words, sums: Ints, counts: Ints
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
        if stamp < previous:
            return -1
        previous = stamp
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
        if stamp >= end:
            if bar >= 0:
                prices[0, bar], prices[1, bar], prices[2, bar], prices[3, bar] = open_, high, low, close
                sums[1, bar], sums[2, bar], sums[3, bar], sums[4, bar] = volume, bid_volume, ask_volume, trades
            bar += 1
            sums[0, bar] = stamp // interval
            end = (sums[0, bar] + 1) * interval
            open_, high, low = first, top, bottom
            volume = bid_volume = ask_volume = trades = np.int64(0)
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
