"""Splits: nothing of a test's life is learnt from; purgedcv and skfolio as oracles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import NotEnoughData
from minhos.training.splits import holdout, purge, purged_folds, tail


def lives(n: int, length: int = 1) -> tuple[np.ndarray, np.ndarray]:
    start = np.arange(n, dtype=np.int64) * 10
    return start, start + 10 * length


@settings(deadline=None, max_examples=50)
@given(st.integers(20, 300), st.integers(2, 6), st.integers(0, 20), st.integers(1, 8))
def test_no_training_label_overlaps_a_test_label_and_every_row_is_tested_once(n, n_folds, embargo, length):
    start, end = lives(n, length)
    tested = []
    for train, test in purged_folds(start, end, n_folds, embargo):
        overlap = (start[train][:, None] <= end[test]) & (end[train][:, None] >= start[test])
        assert not overlap.any()
        after = np.flatnonzero(start > end[test].max())[:embargo]
        assert not np.isin(train, after).any()
        tested.append(test)
    assert np.concatenate(tested).tolist() == list(range(n))


def test_purging_is_not_wasteful():
    start, end = lives(100)
    folds = list(purged_folds(start, end, 5, embargo=3))
    train, test = folds[2]
    assert test.tolist() == list(range(40, 60))
    assert train.tolist() == [*range(39), *range(64, 100)], "one row touches on each side, three are embargoed"


def test_agrees_with_purgedcv():
    from purgedcv import PurgedKFold

    n, length = 240, 4
    times = pd.date_range("2025-01-06", periods=n, freq="5min")
    start = np.asarray(times.as_unit("ns").asi8)
    end = start + length * 300 * 10**9
    peer = PurgedKFold(
        n_splits=5, prediction_times=pd.Series(times), evaluation_times=pd.Series(pd.to_datetime(end)), embargo="0s"
    )
    ours = purged_folds(start, end - 1, 5)  # the peer's lives are half-open, ours closed
    for (train, test), (peer_train, peer_test) in zip(ours, peer.split(np.zeros((n, 1))), strict=True):
        assert test.tolist() == list(peer_test)
        assert train.tolist() == list(peer_train)


def test_agrees_with_skfolio_where_it_purges_by_rows():
    from skfolio.model_selection import CombinatorialPurgedCV

    n, length, embargo = 600, 12, 24
    start, end = lives(n, length)
    peer = CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=length, embargo_size=embargo)
    compared = 0
    for peer_train, (first, second) in peer.split(np.zeros((n, 1))):
        if second[0] == first[-1] + 1:
            test = np.concatenate([first, second])
            assert purge(np.arange(n), test, start, end, embargo).tolist() == peer_train.tolist()
            compared += 1
    assert compared == 5


def test_holdout_is_the_newest_and_the_rest_is_purged_against_it():
    start, end = lives(100, 2)
    train, test = holdout(start, end, 0.2)
    assert test.tolist() == list(range(80, 100))
    assert train.tolist() == list(range(78))


def test_early_stopping_rows_are_the_newest_of_the_training_rows():
    start, end = lives(100)
    train, validation = tail(np.arange(10, 60), start, end, 0.1)
    assert validation.tolist() == list(range(55, 60))
    assert train.tolist() == list(range(10, 54))


def test_too_few_rows_are_refused_with_the_number():
    start, end = lives(3)
    with pytest.raises(NotEnoughData, match="3 bars cannot be split into 5 folds"):
        list(purged_folds(start, end, 5))
    with pytest.raises(NotEnoughData):
        holdout(start[:1], end[:1], 0.2)
