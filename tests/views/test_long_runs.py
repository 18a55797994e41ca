"""What pages show of a long run takes no more room than of a month."""

from __future__ import annotations

import sys
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest

from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading.events import DecisionMade
from minhos.views import performance, scores
from minhos.views.performance import Performance
from minhos.views.scores import _Scored, _ScoredBars

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


def test_scored_bars_come_back_as_they_were_and_the_oldest_go() -> None:
    rows = [
        _Scored(20260105 + i, (-1, 0, 1)[i % 3], 0.4 + i / 1e3, i % 2 == 0, None if i % 5 else 0.5) for i in range(60)
    ]
    kept = _ScoredBars(40)
    for row in rows:
        kept.append(row)
    assert list(kept) == rows[-len(kept) :]
    assert 40 <= len(kept) <= 44


def test_a_year_of_scored_bars_is_small() -> None:
    kept = _ScoredBars(scores.KEPT)
    for i in range(10_000):
        kept.append(_Scored(20260105, 1, 0.5 + i / 1e6, True, 0.51))
    columns = [column for column in vars(kept).values() if not isinstance(column, int)]
    assert sum(sys.getsizeof(column) for column in columns) < 30 * 10_000
