"""Splits that do not leak: purged k-fold, a chronological holdout, and blocks for the LSTM.

Own code because the libraries purge by a number of rows; here a training label is dropped when its life touches the
test's (Lopez de Prado 2018, chapter 7).  Not for combinatorial or walk-forward schemes, which research owns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData

Ints = npt.NDArray[np.int64]
Split = tuple[Ints, Ints]


def purged_folds(start_ns: Ints, end_ns: Ints, n_folds: int, embargo: int = 0) -> Iterator[Split]:
    """(train, test) row numbers of n_folds contiguous test blocks.

    start_ns, end_ns: life of each row's label, shape (n,), starts ascending.  A training row is dropped when its
    life overlaps or touches that of the test block, and when it is one of the first `embargo` rows after that life.
    Raises NotEnoughData when there are fewer rows than folds.
    """
    n = len(start_ns)
    if n < n_folds:
        raise NotEnoughData(f"{n} bars cannot be split into {n_folds} folds; {n_folds - n} more are needed.")
    rows = np.arange(n)
    for test in np.array_split(rows, n_folds):
        yield purge(rows, test, start_ns, end_ns, embargo), test


def purge(train: Ints, test: Ints, start_ns: Ints, end_ns: Ints, embargo: int = 0) -> Ints:
    """The rows of train whose labels neither overlap the life of the test block nor fall into the embargo after it.

    train and test are row numbers of start_ns and end_ns, test a contiguous block.
    """
    first, last = start_ns[test[0]], end_ns[test].max()
    free_again = int(np.searchsorted(start_ns, last, side="right")) + embargo
    kept: Ints = train[(end_ns[train] < first) | (train >= free_again)]
    return kept


def holdout(start_ns: Ints, end_ns: Ints, share: float) -> Split:
    """(train, test): the last `share` of the rows is the test, the rest is purged against it."""
    rows = np.arange(len(start_ns))
    first = len(rows) - round(len(rows) * share)
    if not 0 < first < len(rows):
        raise NotEnoughData(f"{len(rows)} bars leave nothing to train or to test on at a holdout of {share:.0%}.")
    return purge(rows[:first], rows[first:], start_ns, end_ns), rows[first:]


def tail(train: Ints, start_ns: Ints, end_ns: Ints, share: float) -> Split:
    """(fit, validation) for early stopping: the last `share` of the training rows validates, the rest is purged."""
    first = len(train) - max(1, round(len(train) * share))
    if first < 1:
        raise NotEnoughData(f"{len(train)} training bars leave nothing to fit on beside the validation rows.")
    return purge(train[:first], train[first:], start_ns, end_ns), train[first:]
