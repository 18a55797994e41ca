"""Rows of a table that cannot be read: a few are left out and named by their lines, many refuse the file.

A row that was to be a bar and is lost takes the whole 5 minutes with it: what the others there add up to is no bar.
Lines that are no bars at all, and bars without a trade, are only counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import DataRefused
from minhos.feeds.tables.lines import lines_of
from minhos.feeds.tables.sniff import Sample
from minhos.feeds.tables.stamps import MISSING
from minhos.market.types import Ints

Mask = npt.NDArray[np.bool_]
FEW, MAX_LOST = 3, 0.005
"""So many rows, and such a share of them, may be lost."""
NAMED = 3
"""Lines that a sentence names."""
NAMELESS = "names no contract"
NOWHERE = "has a time that its zone leaves out when clocks change"
_WAYS_OUT = {
    "has more fields than the header line names": "a number such as 1,234 parts in two in a file that is parted by "
    "commas; export it without grouping",
    "has no time that can be read": "write times as 2025-01-31T17:30:00Z",
    "has no price that can be read": "export it again",
    "has no volume that can be read": "write it as a plain number, or leave the column out",
    NOWHERE: "give another --timezone",
    NAMELESS: "fill the column, or leave it out and give --symbol",
}


class Rows(NamedTuple):
    """What can be read of each row, shape (n,).  number: of the row as it was read, before blank ones were left out."""

    timed: Mask
    priced: Mask
    empty: Mask
    """Without any price, or all of them 0, and without volume: no trade."""
    unread_volume: Mask
    longer: Mask
    number: Ints

    def usable(self) -> Mask:
        """Rows that are bars."""
        return np.asarray(self.timed & self.priced & ~self.unread_volume & ~self.longer)

    def lost(self) -> dict[str, Mask]:
        """Rows that were to be bars and are none, by the reason."""
        bars = (self.timed | self.priced) & ~self.empty
        left, found = bars & ~self.usable(), {}
        for reason, at in zip(_WAYS_OUT, (self.longer, ~self.timed, ~self.priced, self.unread_volume), strict=False):
            found[reason] = left & at
            left = left & ~at
        return found


def judge_lost(sample: Sample, number: Ints, lost: dict[str, Mask]) -> list[str]:
    """Sentences on the few rows that are lost, each with its lines.  Raises DataRefused for many."""
    counts = {reason: int(at.sum()) for reason, at in lost.items() if at.any()}
    if not counts:
        return []
    worst = max(counts, key=lambda reason: counts[reason])
    total, n = sum(counts.values()), len(number)
    if total > max(FEW, MAX_LOST * n) or total == n:
        place, text = _places(sample, number, lost[worst], 1)
        also = f", and {total - counts[worst]:,} more cannot be read" if total > counts[worst] else ""
        raise DataRefused(
            f"{sample.path}: {counts[worst]:,} of {n:,} rows {_plural(worst)}{also}; the first is {place}{text}: "
            f"{_WAYS_OUT[worst]}"
        )
    return [f"{_said(sample, number, lost[reason], reason)}: left out" for reason in counts]


def _said(sample: Sample, number: Ints, at: Mask, reason: str) -> str:
    n = int(at.sum())
    place, text = _places(sample, number, at, NAMED)
    more = f" and {n - NAMED} more" if n > NAMED else ""
    return f"{place}{more} {reason if n == 1 else _plural(reason)}{text}"


def _plural(reason: str) -> str:
    verb, rest = reason.split(" ", 1)
    return f"{'have' if verb == 'has' else verb.removesuffix('s')} {rest}"


def _places(sample: Sample, number: Ints, at: Mask, most: int) -> tuple[str, str]:
    """Where the first of those rows stand, and how the first reads."""
    rows = number[np.flatnonzero(at)[:most]].tolist()
    lines = lines_of(sample, rows) if sample.lines else {}
    places = [f"{lines[row].number:,}" if row in lines else f"{row + 1:,}" for row in rows]
    word = ("line" if lines else "row") + ("s" if len(places) > 1 else "")
    text = f" ({lines[rows[0]].text[:60]!r})" if rows[0] in lines else ""
    return f"{word} {' and '.join(filter(None, (', '.join(places[:-1]), places[-1])))}", text


def stamps_of_lost(ns: Ints, lost: Mask) -> Ints:
    """Where rows without a stamp may have stood: a step after the row before, or before the row after, in a hole.

    ns: in the order of the file, MISSING where nothing is known.
    """
    known = np.flatnonzero(ns != MISSING)
    at = np.flatnonzero(lost & (ns == MISSING))
    steps = np.diff(ns[known])
    steps = steps[steps != 0]
    if not len(at) or not len(steps):
        return np.empty(0, np.int64)
    usual = int(np.median(steps))
    after = np.searchsorted(known, at)
    found: set[int] = set()
    for i, k in zip(at.tolist(), after.tolist(), strict=True):
        before = int(ns[known[k - 1]]) if k else None
        behind = int(ns[known[k]]) if k < len(known) else None
        places = [before + usual * (i - int(known[k - 1]))] if before is not None else []
        places += [behind - usual * (int(known[k]) - i)] if behind is not None else []
        found |= {each for each in places if each not in (before, behind) and _between(before, each, behind, usual)}
    return np.array(sorted(found), np.int64)


def _between(before: int | None, at: int, behind: int | None, step: int) -> bool:
    """In a hole, where both sides are known and follow each other as rows of the file do."""
    sign = 1 if step > 0 else -1
    if before is None or behind is None or sign * (behind - before) <= 0:
        return True
    return sign * (at - before) > 0 and sign * (behind - at) > 0
