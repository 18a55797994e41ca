"""Ticks that stand in a file more than once: of bars the stamp tells, of ticks only whole stretches do.

Two ticks alike are two trades.  A stretch that a file goes back for and repeats is one export put behind another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from minhos.errors import DataRefused
from minhos.feeds.tables.checks import MIN_ROWS
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Ints
from minhos.words import utc

BACK_NS = NANOS_PER_MINUTE
"""A tick that is stamped so much before the one above it begins a stretch of its own; less is a tick out of order."""
MOST_STRETCHES, MOST_LOOKS = 1000, 10**9
"""So many stretches are compared with all above them, and more where that takes no more looks at a tick."""


def repeated(ns: Ints, values: Sequence[npt.NDArray[np.generic]], source: str) -> npt.NDArray[np.bool_]:
    """Which ticks, shape (n,), repeat a stretch that stands above them.

    ns: in the order of the file, oldest first; values: all that is known of each, a column of shape (n,) each.
    Raises DataRefused for stretches that overlap and differ, for too many to compare, and where every tick stands
    twice.
    """
    again = np.zeros(len(ns), np.bool_)
    cuts = np.flatnonzero(np.diff(ns) < -BACK_NS) + 1
    if len(cuts) > MOST_STRETCHES and len(cuts) * len(ns) > MOST_LOOKS:
        raise DataRefused(
            f"{source}: its ticks go back in time by more than {BACK_NS / NANOS_PER_SECOND:g} s in {len(cuts):,} "
            "places, too many to tell which of them repeat what stands above; export it once, in the order of time"
        )
    for start, end in pairwise([*cuts.tolist(), len(ns)]):
        low, high = int(ns[start:end].min()), min(int(ns[start:end].max()), int(ns[:start].max()))
        above = np.flatnonzero((ns[:start] >= low) & (ns[:start] <= high) & ~again[:start])
        below = start + np.flatnonzero((ns[start:end] >= low) & (ns[start:end] <= high))
        if not len(above):
            continue
        above, below = (each[np.argsort(ns[each], kind="stable")] for each in (above, below))
        inner_above, inner_below = (each[(ns[each] > low) & (ns[each] < high)] for each in (above, below))
        same = len(inner_above) == len(inner_below)
        if not (same and all((each[inner_above] == each[inner_below]).all() for each in (ns, *values))):
            raise DataRefused(
                f"{source}: ticks from {utc(low)} to {utc(high)} stand in it twice, {len(above):,} and then "
                f"{len(below):,} of them, and differ: two exports are put together; export it once"
            )
        again[below] = True
        last_above, last_below = above[ns[above] == high], below[ns[below] == high]
        if len(last_below) > len(last_above):
            again[last_above], again[last_below] = True, False
    _not_each_twice(ns[~again], [each[~again] for each in values] if again.any() else values, source)
    return again


def _not_each_twice(ns: Ints, values: Sequence[npt.NDArray[np.generic]], source: str) -> None:
    """Rule: not every tick is followed by one that is the same in all."""
    if len(ns) < MIN_ROWS:
        return
    new = np.diff(ns) != 0
    for each in values:
        new |= each[1:] != each[:-1]
    runs = np.diff(np.r_[0, np.flatnonzero(new) + 1, len(ns)])
    if (runs % 2 == 0).all():
        raise DataRefused(f"{source}: each of its {len(ns) // 2:,} ticks stands twice; export it once")
