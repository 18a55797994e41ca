"""Splits that only research needs: combinatorial purged cross-validation, and walk-forward blocks as live trading has.

Both purge by label end time (Lopez de Prado 2018, chapters 7 and 12), on the rule of `training.splits`: a training
label whose life overlaps or touches that of a test label is dropped.  Purged k-fold, which training uses, is there.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData
from minhos.training.splits import purge

Ints = npt.NDArray[np.int64]

FULL_SESSION_SHARE = 0.9
"""A session counts as full with at least this share of the rows of the median one."""


class CombinatorialSplit(msgspec.Struct, frozen=True, eq=False):
    """train: row numbers.  tests: rows of each test group by the group's number, in order of time."""

    train: Ints
    tests: dict[int, Ints]


def combinatorial_purged(
    start_ns: Ints, end_ns: Ints, n_groups: int, n_test: int, embargo: int = 0
) -> Iterator[CombinatorialSplit]:
    """Every choice of n_test of n_groups contiguous groups as the test, the rest purged against each of them.

    start_ns, end_ns: life of each row's label, shape (n,), starts ascending.  embargo: rows dropped after the life of
    each test group.  There are C(n_groups, n_test) splits, and each row is tested in C(n_groups - 1, n_test - 1).
    Raises ValueError unless 1 <= n_test < n_groups, NotEnoughData when there are fewer rows than groups.
    """
    _check(n_groups, n_test)
    if len(start_ns) < n_groups:
        raise NotEnoughData(
            f"{len(start_ns)} bars cannot be split into {n_groups} groups; {n_groups - len(start_ns)} more are needed."
        )
    groups = np.array_split(np.arange(len(start_ns)), n_groups)
    for chosen in itertools.combinations(range(n_groups), n_test):
        train = np.concatenate([groups[g] for g in range(n_groups) if g not in chosen])
        for g in chosen:
            train = purge(train, groups[g], start_ns, end_ns, embargo)
        yield CombinatorialSplit(train, {g: groups[g] for g in chosen})


def paths(n_groups: int, n_test: int) -> Ints:
    """Which split forecasts which group on which path, shape (n_paths, n_groups): numbers of `combinatorial_purged`.

    n_paths = n_test / n_groups * C(n_groups, n_test); each path covers the whole history once, out of sample.
    """
    _check(n_groups, n_test)
    chosen = list(itertools.combinations(range(n_groups), n_test))
    n_paths = math.comb(n_groups - 1, n_test - 1)
    tested_by = [[split for split, groups in enumerate(chosen) if g in groups] for g in range(n_groups)]
    return np.array(tested_by, dtype=np.int64).reshape(n_groups, n_paths).T


def _check(n_groups: int, n_test: int) -> None:
    if not 1 <= n_test < n_groups:
        raise ValueError(f"n_test must lie between 1 and n_groups - 1, got {n_test} of {n_groups}")


class Block(msgspec.Struct, frozen=True, eq=False):
    """One training and the bars that it serves: row numbers, and the trade dates (yyyymmdd) of the first and last."""

    train: Ints
    test: Ints
    first_date: int
    last_date: int


def weekly(
    trade_date: Ints,
    start_ns: Ints,
    end_ns: Ints,
    *,
    every_days: int,
    first_train_sessions: int,
    window_sessions: int | None = None,
) -> list[Block]:
    """Walk-forward blocks with the live retraining schedule: a new training every `every_days` calendar days.

    The first test date follows the first `first_train_sessions` full sessions.  A block learns from all rows before
    it, or from its last `window_sessions` trade dates, whose labels ended before its first test label began.

    Args:
        trade_date: yyyymmdd of each row, shape (n,), ascending; start_ns, end_ns: life of its label, shape (n,).

    Raises:
        NotEnoughData: no trade date is left to test on.
    """
    dates, first_row, counts = np.unique(trade_date, return_index=True, return_counts=True)
    full = np.cumsum(counts >= FULL_SESSION_SHARE * np.median(counts)) if len(counts) else np.zeros(0)
    first = int(np.searchsorted(full, first_train_sessions)) + 1
    if first >= len(dates):
        found = int(full[-1]) if len(full) else 0
        raise NotEnoughData(
            f"There are {found} full sessions with warm features; a walk-forward needs {first_train_sessions} to learn "
            f"from and at least one more to forecast, so {first_train_sessions + 1 - found} more."
        )
    days = np.array([_ordinal(date) for date in dates[first:].tolist()])
    number = (days - days[0]) // every_days
    begins = first + np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(begins[1:], len(dates))
    rows = np.append(first_row, len(trade_date))
    blocks = []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        oldest = 0 if window_sessions is None else max(0, begin - window_sessions)
        test = np.arange(rows[begin], rows[end])
        train = purge(np.arange(rows[oldest], rows[begin]), test, start_ns, end_ns)
        blocks.append(Block(train, test, int(dates[begin]), int(dates[end - 1])))
    return blocks


def _ordinal(trade_date: int) -> int:
    return dt.date(trade_date // 10_000, trade_date // 100 % 100, trade_date % 100).toordinal()
