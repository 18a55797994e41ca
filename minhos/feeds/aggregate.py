"""Folding rows (ticks or shorter bars) into bars, in plain numpy.

The one place where "first open, highest high, lowest low, last close, summed volumes" is written for arrays;
text and parquet readers and the slow path of .scid files share it.  Not for live data: that is BarBuilder's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.feeds.notes import to_ticks
from minhos.market.types import UNKNOWN, Bars, Instrument, Ints


class Rows(NamedTuple):
    """Columns of shape (n,).  bin: the number of the interval since the epoch in use; prices in the file's units."""

    bin: Ints
    open: npt.NDArray[np.floating]
    high: npt.NDArray[np.floating]
    low: npt.NDArray[np.floating]
    close: npt.NDArray[np.floating]
    volume: Ints
    bid_volume: Ints
    ask_volume: Ints
    trades: Ints

    def prices(self) -> npt.NDArray[np.floating]:
        """Open, high, low, close as shape (4, n)."""
        return np.stack([self.open, self.high, self.low, self.close])


def fold(rows: Rows) -> Rows:
    """One row for each run of equal bins, in the order given; bins must not decrease."""
    if len(rows.bin) == 0:
        return rows
    first = np.flatnonzero(np.r_[True, rows.bin[1:] != rows.bin[:-1]])
    last = np.r_[first[1:] - 1, len(rows.bin) - 1]
    sums = (np.add.reduceat(column, first) for column in rows[5:])
    return Rows(
        rows.bin[first],
        rows.open[first],
        np.maximum.reduceat(rows.high, first),
        np.minimum.reduceat(rows.low, first),
        rows.close[last],
        *sums,
    )


def concatenate(parts: list[Rows]) -> Rows:
    """Parts one after the other."""
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class BarsOf(NamedTuple):
    """Bars, and how many of them have a price beside the tick grid."""

    bars: Bars
    off_tick: int


def bars_of(rows: Rows, closes: Ints, instrument: Instrument, contract: str, interval_ns: int, unit: float) -> BarsOf:
    """Rows as bars of one contract that close at `closes`, and how many have a price beside the tick grid.

    unit: points in one unit of the rows' prices.  A volume by side, or a number of trades, that one row lacks is
    unknown.
    """
    (open_, high, low, close), off_grid = to_ticks(rows.prices(), instrument.tick_size / unit)
    bid, ask, trades = (np.full(len(closes), UNKNOWN) if (column < 0).any() else column for column in rows[6:])
    which = np.zeros(len(closes), np.int64)
    bars = Bars(
        instrument, (contract,), which, closes, open_, high, low, close, rows.volume, bid, ask, trades, interval_ns
    )
    return BarsOf(bars, int(off_grid.any(axis=0).sum()))
