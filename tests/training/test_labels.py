"""Labels: the sign of the move from the next open to the one after, never across a break, a hole or a splice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market.types import BAR_INTERVAL_NS, Bars
from minhos.testing.builders import NQ, bar, random_bars
from minhos.training.labels import next_bar_labels, training_weights


def bars_with_opens(*opens: int, symbols: str = "") -> Bars:
    names = symbols or "Z" * len(opens)
    return Bars.from_bars(
        NQ,
        [
            bar(i, o, o + 9, o - 9, o, symbol=f"NQ{name}25")
            for i, (o, name) in enumerate(zip(opens, names, strict=True))
        ],
    )


def one_session(bars: Bars) -> np.ndarray:
    return np.full(len(bars), 20251006)


def test_label_is_the_move_from_the_open_after_the_close_to_the_next_open():
    bars = bars_with_opens(100, 104, 110, 107, 107)
    labels = next_bar_labels(bars, one_session(bars))
    assert labels.move_ticks.tolist() == [110 - 104, 107 - 110, 107 - 107, 0, 0]
    assert labels.up.tolist() == [1, 0, 0, 0, 0]
    assert labels.exists.tolist() == [True, True, True, False, False]
    assert labels.decided.tolist() == [True, True, False, False, False], "a tie is no label"


def test_label_lives_from_the_close_of_its_bar_to_the_open_two_bars_on():
    bars = bars_with_opens(100, 104, 110)
    labels = next_bar_labels(bars, one_session(bars))
    assert labels.start_ns[0] == bars.close_time_ns[0]
    assert labels.end_ns[0] == bars.close_time_ns[2] - bars.interval_ns


def test_no_label_across_a_session_break_that_time_does_not_show():
    bars = bars_with_opens(100, 104, 110, 107, 120)
    labels = next_bar_labels(bars, np.array([20251006, 20251006, 20251006, 20251007, 20251007]))
    assert labels.exists.tolist() == [True, False, False, False, False]


def test_no_label_outside_every_session():
    bars = bars_with_opens(100, 104, 110)
    assert not next_bar_labels(bars, np.zeros(3, dtype=np.int64)).exists.any()


def test_no_label_across_a_missing_bar_or_a_splice():
    whole = bars_with_opens(100, 104, 110, 107, 120, symbols="UUZZZ")
    assert next_bar_labels(whole, one_session(whole)).exists.tolist() == [False, False, True, False, False]
    holed = random_bars(6).rows(np.array([0, 1, 3, 4, 5]))
    assert next_bar_labels(holed, one_session(holed)).exists.tolist() == [False, False, True, False, False]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-50, 50), min_size=0, max_size=30), st.integers(0, 5))
def test_a_label_never_needs_more_than_the_next_two_opens(steps: list[int], cut: int):
    opens = [1000, *(1000 + int(x) for x in np.cumsum(steps))]
    bars = bars_with_opens(*opens)
    labels = next_bar_labels(bars, one_session(bars))
    kept = max(len(bars) - cut, 0)
    shorter = bars.rows(slice(0, kept))
    known = next_bar_labels(shorter, one_session(shorter))
    agree = known.exists
    assert (labels.move_ticks[:kept][agree] == known.move_ticks[agree]).all()
    assert (bars.close_time_ns[:kept][agree] + 2 * BAR_INTERVAL_NS <= bars.close_time_ns[-1]).all()


def test_weights_follow_the_move_in_volatilities_and_average_one():
    sigma = 40.0 / math.sqrt(8 / math.pi)
    weight = training_weights([sigma, -2 * sigma, 5 * sigma, 0.0], [40.0] * 4)
    assert weight == pytest.approx(np.array([1, 2, 3, 0]) / np.mean([1, 2, 3, 0]))


def test_dead_zone_ignores_small_moves():
    sigma = 40.0 / math.sqrt(8 / math.pi)
    weight = training_weights([0.4 * sigma, 0.6 * sigma], [40.0, 40.0], dead_zone=0.5)
    assert weight.tolist() == pytest.approx([0.0, 2.0])


def test_weights_of_a_market_that_stands_still_are_equal():
    assert training_weights([0.0, 0.0], [40.0, 40.0]).tolist() == [1.0, 1.0]
