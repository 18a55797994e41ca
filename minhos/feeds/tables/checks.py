"""Named rules that no table passes by accident: each compares what the columns claim with what bars can be.

A few faults are a sentence, many refuse the file; a refusal gives the rule, the evidence and the way out.  Whether
good bars are enough to learn from is the gate's question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import DataRefused
from minhos.market.levels import NO_POWER, power_of_ten, range_of
from minhos.market.types import NANOS_PER_MINUTE, Ints
from minhos.words import utc

Floats = npt.NDArray[np.float64]

MIN_ROWS = 50
"""Fewer rows are judged by none of these rules."""
MAX_OUTSIDE = 0.005
"""Share of bars that may lie outside their own high and low."""
ALONE_NS = 45 * 24 * 60 * NANOS_PER_MINUTE
"""So far from all others no handful of rows is data."""
MAX_STRAYS, MAX_STRAY = 3, 0.001
"""So many rows, and such a share, may lie there and are cut."""
MAX_FRACTIONS, MAX_FRACTION = 3, 0.005
"""So many values, and such a share, may be no whole contracts; they are none."""
MAX_CONTRADICTIONS, MAX_CONTRADICTION = 3, 0.005
"""So many rows, and such a share, may repeat a stamp with other values."""
ALWAYS_RISING = 0.85
"""Share of changes that rise in what adds up, were it for a quarter of an hour; of true volume about a half do."""
COUNTED = ("volume", "volume sold", "volume bought", "number of trades")


class Columns(NamedTuple):
    """Rows in order of time.  prices: (4, n) in points as open, high, low, close.

    volumes: four of shape (n,) as in `COUNTED`, -1 where unknown.
    """

    ns: Ints
    prices: Floats
    volumes: Sequence[Ints]


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


def _of_the_instrument(columns: Columns, root: str, source: str) -> None:
    """Rule: prices are not a power of ten away from where the instrument trades."""
    price = float(np.median(columns.prices[3]))
    power = power_of_ten(price, root)
    if power == 0:
        return
    low, high = range_of(root)
    much = f"they would be there times 10^{power}" if power != NO_POWER else "no power of ten leads there"
    raise DataRefused(
        f"{source}: prices such as {price:g} are not those of {root}, which has traded between {low:g} and {high:g} "
        f"({much}); give the right --symbol, or the unit in a row of your own of the table of formats"
    )


def _no_running_total(columns: Columns, source: str) -> None:
    """Rule: volume falls about as often as it rises.  One that hardly ever falls adds up, wherever it begins anew."""
    for name, volume in zip(COUNTED, columns.volumes, strict=True):
        known = volume >= 0
        if not known.any():
            continue
        change = np.diff(volume) if known.all() else np.diff(volume)[known[1:] & known[:-1]]
        rises, falls = int((change > 0).sum()), int((change < 0).sum())
        if rises + falls < MIN_ROWS or rises < ALWAYS_RISING * (rises + falls):
            continue
        anew = f"begins anew only {falls} times" if falls else "never begins anew"
        raise DataRefused(
            f"{source}: the {name} rises from row to row and {anew} in {len(volume):,} rows: it is a running total "
            f"({', '.join(f'{each:,}' for each in volume[:3])} ...), not that of each bar; export the {name} of the "
            "bar (IQFeed's PeriodVolume), or leave the column out"
        )


def whole_contracts(name: str, values: Floats, source: str) -> Floats:
    """Rule: volume counts contracts.  The values without a few fractions, NaN there.  Raises DataRefused for many."""
    parts = np.isfinite(values) & (np.abs(values - np.rint(values)) > 1e-6)
    n = int(parts.sum())
    if not n:
        return values
    if n > max(MAX_FRACTIONS, MAX_FRACTION * len(values)):
        raise DataRefused(
            f"{source}: {n:,} of {len(values):,} values of {name} are no whole contracts, as {values[parts][0]:g}; "
            "leave the column out, or write contracts"
        )
    return np.where(parts, np.nan, values)


def few_contradictions(n: int, rows: int, source: str) -> None:
    """Rule: rows of one stamp say the same.  Raises DataRefused for many that do not."""
    if n > max(MAX_CONTRADICTIONS, MAX_CONTRADICTION * rows):
        raise DataRefused(
            f"{source}: {n:,} of {rows:,} rows repeat the stamp of another with other values: it holds more than one "
            "series; export one contract to a file, or add a column with the contract"
        )


def strays(ns: Ints, usable: npt.NDArray[np.bool_], source: str) -> npt.NDArray[np.bool_]:
    """Rule: stamps are not alone.  Usable rows, shape (n,), that lie weeks from all others and are a few.

    Raises DataRefused for more of them.
    """
    found = np.zeros(len(ns), np.bool_)
    at = np.flatnonzero(usable)
    if len(at) < MIN_ROWS:
        return found
    steps = np.diff(ns[at])
    if steps.min() >= 0 and steps.max() <= ALONE_NS:
        return found
    at = at[np.argsort(ns[at], kind="stable")]
    cuts = np.flatnonzero(np.diff(ns[at]) > ALONE_NS) + 1
    groups = np.split(at, cuts)
    most = max(map(len, groups))
    alone = [group for group in groups if len(group) < min(MIN_ROWS, most)]
    if not alone:
        return found
    found[np.concatenate(alone)] = True
    n = int(found.sum())
    if n > max(MAX_STRAYS, MAX_STRAY * len(at)):
        first = int(np.flatnonzero(found)[0])
        raise DataRefused(
            f"{source}: {n:,} of {len(at):,} rows are stamped weeks away from all others, the first "
            f"{utc(int(ns[first]))} among rows around {utc(int(np.median(ns[at])))}; correct the stamps, or leave "
            "the rows out"
        )
    return found
