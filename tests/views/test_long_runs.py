"""What pages show of a long run takes no more room than of a month."""

from __future__ import annotations

import sys
import tracemalloc
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading.events import DecisionMade
from minhos.views import performance, scores
from minhos.views.performance import Performance
from minhos.views.scores import ScoredBars, Scores

BAR_NS = 300 * 10**9


def after_bars(n: int) -> Performance:
    fold = Performance(SessionCalendar.load())
    fold.on_start(1_000_000)
    for i in range(n):
        decision = SimpleNamespace(
            equity_cents=1_000_000 + i, close_time_ns=MONDAY_OPEN + i * BAR_NS, position_before=i % 3
        )
        fold.on_decision(cast(DecisionMade, SimpleNamespace(decision=decision)))
    return fold


@pytest.mark.parametrize("n", [1, 10, 11, 12, 19, 20, 21, 40, 57, 163])
def test_the_curve_of_equity_is_thinned_evenly_and_keeps_first_and_newest(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performance, "POINTS_KEPT", 10)
    fold = after_bars(n)
    bars = [cents - 1_000_000 for _, cents, _ in fold.points]
    apart = {later - earlier for earlier, later in pairwise(bars[:-1])}
    assert (bars[0], bars[-1]) == (0, n - 1)
    assert len(bars) <= 10
    assert len(apart) <= 1


def test_a_short_curve_has_every_bar() -> None:
    fold = after_bars(300)
    assert len(fold.points) == 300
    assert [point.position for point in fold.equity_curve(at_most=10)][-1] == 299 % 3


def kept_of(n: int, most: int) -> ScoredBars:
    kept = ScoredBars(most)
    for i in range(n):
        kept.append(
            trade_date=20260105 + i // 200,
            side=(-1, 0, 1)[i % 3],
            up=i % 2 == 0,
            p_up=0.4 + (i % 97) / 1e3,
            break_even=None if i % 5 else 0.5,
        )
    return kept


def test_scored_bars_come_back_as_they_were_and_the_oldest_go() -> None:
    whole, kept = kept_of(60, 1_000).columns(), kept_of(60, 40)
    assert 40 <= len(kept) <= 44
    assert [whole.side[4], whole.up[4], whole.p_up[4], whole.break_even[5]] == [0, True, 0.404, 0.5]
    assert np.isnan(whole.break_even[4])
    for newest, column in zip(kept.columns(), whole, strict=True):
        np.testing.assert_array_equal(newest, column[-len(kept) :])


def test_a_year_of_scored_bars_is_small() -> None:
    columns = [column for column in vars(kept_of(10_000, scores.KEPT)).values() if not isinstance(column, int)]
    assert sum(sys.getsizeof(column) for column in columns) < 30 * 10_000


def test_the_figures_of_a_year_are_made_in_columns() -> None:
    """Each bar asks for them again: an object a scored bar cost 30 MB each time, which no process gave back."""
    fold = Scores(SessionCalendar.load())
    fold.scored = kept_of(20_000, scores.KEPT)
    tracemalloc.start()
    try:
        fold.lines()
        fold.calibration()
        assert tracemalloc.get_traced_memory()[1] < 100 * 20_000
    finally:
        tracemalloc.stop()
