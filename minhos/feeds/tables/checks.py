"""Named rules that no table passes by accident: each compares what the columns claim with what bars can be.

A few faults are a sentence, many refuse the file; a refusal gives the rule, the evidence and the way out.  Whether
good bars are enough to learn from is the gate's question.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import DataRefused
from minhos.market.types import NANOS_PER_MINUTE, Ints
from minhos.words import utc

Floats = npt.NDArray[np.float64]

RANGES = {
    "NQ": (700.0, 70_000.0),
    "ES": (400.0, 20_000.0),
    "RTY": (150.0, 9_000.0),
    "YM": (5_000.0, 150_000.0),
}
"""Points between which each index has traded since its future began, and room above; micros trade on the same index."""
_OF_MICRO = {"MNQ": "NQ", "MES": "ES", "M2K": "RTY", "MYM": "YM"}
MIN_ROWS = 50
"""Fewer rows are judged by none of these rules."""
MAX_OUTSIDE = 0.005
"""Share of bars that may lie outside their own high and low."""
MAX_UNREAD = 0.01
"""Share of a column's cells that may hold something else than a number."""
OTHER_DECADE_NS = 5 * 366 * 24 * 60 * NANOS_PER_MINUTE
MAX_OTHER_DECADE = 0.001
"""Share of stamps that may lie years from the others and are cut."""
REST_NS = 45 * NANOS_PER_MINUTE
"""A longer hole in the stamps ends a session."""
ALWAYS_RISING = 0.999


class Columns(NamedTuple):
    """Rows in order of time.  prices: (4, n) in points as open, high, low, close; volume: (n,), -1 where unknown."""

    ns: Ints
    prices: Floats
    volume: Ints


def judge(columns: Columns, root: str, source: str) -> Iterator[str]:
    """Sentences on the few faults that were met.  Raises DataRefused for many."""
    if len(columns.ns) < MIN_ROWS:
        return
    yield from _inside_own_range(columns, source)
    _of_the_instrument(columns, root, source)
    _no_running_total(columns, source)


def _inside_own_range(columns: Columns, source: str) -> Iterator[str]:
    """Rule: no bar opens or closes outside its own high and low."""
    outside = outside_own_range(columns.prices)
    n = int(outside.sum())
    if not n:
        return
    i = int(np.flatnonzero(outside)[0])
    open_, high, low, close = (f"{price:g}" for price in columns.prices[:, i])
    found = f"{n:,} of {len(outside):,} bars lie outside their own high and low"
    first = f"first at {utc(int(columns.ns[i]))}: open {open_}, high {high}, low {low}, close {close}"
    if n > MAX_OUTSIDE * len(outside) and n > 3:
        raise DataRefused(
            f"{source}: {found} ({first}): the columns are not what their names say; export bars alone, without "
            "studies, or name the columns in a row of your own of the table of formats"
        )
    yield f"{found} ({first})"


def outside_own_range(prices: Floats) -> npt.NDArray[np.bool_]:
    """Which bars, shape (n,), have an open or a close beyond high or low, or a high below the low."""
    open_, high, low, close = prices
    slack = 1e-9 * np.abs(close)
    return np.asarray((np.maximum(open_, close) > high + slack) | (np.minimum(open_, close) < low - slack))


def power_of_ten(price: float, root: str) -> int:
    """0 where the instrument has traded at such prices, else the power of ten that leads there; 99 for none."""
    low, high = RANGES[_OF_MICRO.get(root, root)]
    if low <= price <= high:
        return 0
    near = sorted((k for k in range(-12, 7) if low <= price * 10.0**k <= high), key=abs)
    return near[0] if near else 99


def _of_the_instrument(columns: Columns, root: str, source: str) -> None:
    """Rule: prices are not a power of ten away from where the instrument trades."""
    price = float(np.median(columns.prices[3]))
    power = power_of_ten(price, root)
    if power == 0:
        return
    low, high = RANGES[_OF_MICRO.get(root, root)]
    much = f"they would be there times 10^{power}" if power != 99 else "no power of ten leads there"
    raise DataRefused(
        f"{source}: prices such as {price:g} are not those of {root}, which has traded between {low:g} and {high:g} "
        f"({much}); give the right --symbol, or the unit in a row of your own of the table of formats"
    )


def _no_running_total(columns: Columns, source: str) -> None:
    """Rule: volume does not run up over the session and begin anew with the next one."""
    volume, steps = columns.volume, np.diff(columns.ns)
    inside = (steps > 0) & (steps < REST_NS) & (volume[1:] >= 0) & (volume[:-1] >= 0)
    change = np.diff(volume)
    resets = int(((steps >= REST_NS) & (change < 0)).sum())
    if inside.sum() < MIN_ROWS or (change[inside] > 0).mean() < 0.5 or resets == 0:
        return
    if (change[inside] >= 0).mean() >= ALWAYS_RISING:
        raise DataRefused(
            f"{source}: the volume never falls within a session and begins anew {resets} times: it is the running "
            f"total of the day ({volume[0]:,}, {volume[1]:,}, {volume[2]:,} ...), not of each bar; export the volume "
            "of the bar (IQFeed's PeriodVolume)"
        )


def unread_volume(name: str, unread: int, example: str, n: int, source: str) -> str:
    """Rule: what a column of volume holds can be read.  A sentence on a few cells, empty for none."""
    if not unread:
        return ""
    found = f"{unread:,} of {n:,} values of {name} could not be read, as {example!r}"
    if unread > MAX_UNREAD * n:
        raise DataRefused(f"{source}: {found}; write them as plain numbers, or leave the column out")
    return f"{found}; they count as none"


def other_decade(ns: Ints, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Usable stamps, shape (n,), that lie years from all others and are too few to be data."""
    known = ns[usable]
    if len(known) < MIN_ROWS:
        return np.zeros(len(ns), np.bool_)
    far = usable & (np.abs(ns - int(np.median(known))) > OTHER_DECADE_NS)
    few = 0 < far.sum() <= max(3, MAX_OTHER_DECADE * len(known))
    alone = few and np.diff(np.sort(known)).max() > OTHER_DECADE_NS // 2
    return far if alone else np.zeros(len(ns), np.bool_)
