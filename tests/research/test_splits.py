"""Splits of research: no training label touches a test label, every row gets its tests, skfolio and purgedcv agree."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import NotEnoughData
from minhos.research.walk_forward.splits import Block, combinatorial_purged, paths, weekly
from minhos.training.splits import purged_folds

STEP = 10
groups_and_tests = st.integers(2, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1)))


def lives(n: int, length: int = 1) -> tuple[np.ndarray, np.ndarray]:
    start = np.arange(n, dtype=np.int64) * STEP
    return start, start + STEP * length


def sessions(n_dates: int, rows: int, *, first: dt.date = dt.date(2025, 1, 6)) -> np.ndarray:
    """Trade dates of `rows` rows a weekday, as yyyymmdd."""
    days = (first + dt.timedelta(days=i) for i in range(2 * n_dates + 7))
    weekdays = [day for day in days if day.weekday() < 5][:n_dates]
    return np.repeat([day.year * 10_000 + day.month * 100 + day.day for day in weekdays], rows)


@settings(deadline=None, max_examples=50)
@given(groups_and_tests, st.integers(8, 120), st.integers(0, 9), st.integers(1, 8))
def test_no_training_label_touches_a_test_label_and_the_embargo_is_kept(shape, n, embargo, length):
    n_groups, n_test = shape
    start, end = lives(n, length)
    splits = list(combinatorial_purged(start, end, n_groups, n_test, embargo))
    assert len(splits) == math.comb(n_groups, n_test)
    tested = np.zeros(n, dtype=int)
    for split in splits:
        assert len(split.tests) == n_test
        for test in split.tests.values():
            tested[test] += 1
            touches = (start[split.train] <= end[test].max()) & (end[split.train] >= start[test[0]])
            assert not touches.any()
            embargoed = np.flatnonzero(start > end[test].max())[:embargo]
            assert not np.isin(split.train, embargoed).any()
    assert (tested == math.comb(n_groups - 1, n_test - 1)).all()


@settings(deadline=None, max_examples=50)
@given(groups_and_tests)
def test_every_path_takes_each_group_from_a_split_that_tests_it_and_no_forecast_twice(shape):
    n_groups, n_test = shape
    start, end = lives(4 * n_groups)
    splits = list(combinatorial_purged(start, end, n_groups, n_test))
    found = paths(n_groups, n_test)
    assert found.shape == (n_test * math.comb(n_groups, n_test) // n_groups, n_groups)
    for path in found:
        for group, split in enumerate(path.tolist()):
            assert group in splits[split].tests
    used = [(split, group) for path in found for group, split in enumerate(path.tolist())]
    assert len(set(used)) == len(used) == n_test * math.comb(n_groups, n_test)


def test_six_groups_two_of_them_tested_are_fifteen_splits_and_five_paths():
    start, end = lives(600, 12)
    splits = list(combinatorial_purged(start, end, 6, 2, embargo=24))
    assert len(splits) == 15
    assert paths(6, 2).shape == (5, 6)
    first = splits[0]
    assert [len(test) for test in first.tests.values()] == [100, 100]
    assert (int(first.train[0]), len(first.train)) == (200 + 12 + 24, 600 - 236)


@pytest.mark.parametrize(("length", "embargo"), [(12, 24), (1, 0), (1, 5)])
def test_all_splits_agree_with_skfolio_which_purges_by_rows(length, embargo):
    from skfolio.model_selection import CombinatorialPurgedCV

    n = 600
    start, end = lives(n, length)
    peer = CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=length, embargo_size=embargo)
    ours = list(combinatorial_purged(start, end, 6, 2, embargo))
    theirs = list(peer.split(np.zeros((n, 1))))
    assert len(ours) == len(theirs) == 15
    for split, (train, tests) in zip(ours, theirs, strict=True):
        assert split.train.tolist() == train.tolist()
        assert [test.tolist() for test in split.tests.values()] == [test.tolist() for test in tests]


def times(n: int, length: int) -> tuple[np.ndarray, np.ndarray, dict[str, pd.Series]]:
    """Lives of five-minute rows for us (closed) and for purgedcv (half-open)."""
    begin = pd.date_range("2025-01-06", periods=n, freq="5min")
    start = np.asarray(begin.as_unit("ns").asi8)
    end = start + length * 300 * 10**9
    peer = {"prediction_times": pd.Series(begin), "evaluation_times": pd.Series(pd.to_datetime(end))}
    return start, end - 1, peer


@pytest.mark.parametrize(("length", "embargo"), [(4, 0), (1, 7)])
def test_combinatorial_splits_agree_with_purgedcv(length, embargo):
    from purgedcv import CombinatorialPurgedCV

    start, end, about = times(240, length)
    peer = CombinatorialPurgedCV(
        6, 2, purge_horizon="0s" if embargo == 0 else None, embargo_observations=embargo or None, **about
    )
    ours = combinatorial_purged(start, end, 6, 2, embargo)
    for split, (train, test) in zip(ours, peer.split(np.zeros((240, 1))), strict=True):
        assert np.concatenate(list(split.tests.values())).tolist() == list(test)
        assert split.train.tolist() == list(train)


@pytest.mark.parametrize("length", [1, 3])
def test_walk_forward_blocks_agree_with_purgedcv(length):
    from purgedcv import WalkForwardSplit

    rows, n_dates, first = 20, 30, 10
    start, end, about = times(rows * n_dates, length)
    blocks = weekly(sessions(n_dates, rows), start, end, every_days=7, first_train_sessions=first)
    peer = WalkForwardSplit(4, 5 * rows, purge_horizon="0s", **about)
    for block, (train, test) in zip(blocks, peer.split(np.zeros((rows * n_dates, 1))), strict=True):
        assert block.test.tolist() == list(test)
        assert block.train.tolist() == list(train)


def test_one_tested_group_is_purged_k_fold():
    start, end = lives(100, 3)
    splits = combinatorial_purged(start, end, 5, 1, embargo=4)
    for split, (train, test) in zip(splits, purged_folds(start, end, 5, embargo=4), strict=True):
        assert split.train.tolist() == train.tolist()
        assert next(iter(split.tests.values())).tolist() == test.tolist()


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.booleans(), min_size=12, max_size=60),
    st.integers(1, 12),
    st.integers(1, 6),
    st.none() | st.integers(1, 9),
    st.integers(1, 3),
)
def test_blocks_tile_what_follows_the_first_training(holidays, every, first, window, length):
    """Trade dates with holidays among them, five rows each."""
    day_one = dt.date(2025, 1, 6)
    days = [day_one + dt.timedelta(days=i) for i, closed in enumerate(holidays) if not closed]
    dates = np.repeat([day.year * 10_000 + day.month * 100 + day.day for day in days], 5).astype(np.int64)
    start, end = lives(len(dates), length)
    if len(days) <= first:
        with pytest.raises(NotEnoughData, match=f"{first} to learn from"):
            weekly(dates, start, end, every_days=every, first_train_sessions=first, window_sessions=window)
        return
    blocks = weekly(dates, start, end, every_days=every, first_train_sessions=first, window_sessions=window)
    assert np.concatenate([block.test for block in blocks]).tolist() == list(range(5 * first, len(dates)))
    for block in blocks:
        assert end[block.train].max(initial=-1) < start[block.test[0]]
        unused = np.setdiff1d(np.arange(block.test[0]), block.train)
        newest_unused = unused[end[unused] >= start[block.test[0]]]
        assert window is not None or len(unused) == len(newest_unused), "purging is not wasteful"
        assert window is None or len(np.unique(dates[block.train])) <= window
        assert (dates[block.test[0]], dates[block.test[-1]]) == (block.first_date, block.last_date)
        assert ordinal(block.last_date) - ordinal(block.first_date) < every


def ordinal(trade_date: int) -> int:
    return dt.datetime.strptime(str(trade_date), "%Y%m%d").toordinal()


def spans(blocks: list[Block]) -> list[tuple[int, int]]:
    return [(block.first_date, block.last_date) for block in blocks]


def test_a_week_is_seven_calendar_days_even_when_one_begins_with_a_holiday():
    dates = sessions(25, 4)
    dates = dates[dates != 20250127]  # the Monday on which the third week would begin
    start, end = lives(len(dates))
    blocks = weekly(dates, start, end, every_days=7, first_train_sessions=5)
    assert spans(blocks) == [
        (20250113, 20250117),
        (20250120, 20250124),
        (20250128, 20250131),
        (20250203, 20250207),
    ]


def test_half_sessions_do_not_count_as_sessions_to_learn_from():
    dates = sessions(12, 10)
    thin = np.delete(dates, np.flatnonzero(dates == dates[0])[:6])
    start, end = lives(len(thin))
    blocks = weekly(thin, start, end, every_days=7, first_train_sessions=3)
    assert blocks[0].first_date == int(np.unique(dates)[4])


def test_what_is_impossible_is_refused_in_words():
    start, end = lives(3)
    with pytest.raises(NotEnoughData, match="3 bars cannot be split into 6 groups; 3 more"):
        list(combinatorial_purged(start, end, 6, 2))
    with pytest.raises(ValueError, match="got 6 of 6"):
        paths(6, 6)
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(NotEnoughData, match="0 full sessions"):
        weekly(none, none, none, every_days=7, first_train_sessions=20)
