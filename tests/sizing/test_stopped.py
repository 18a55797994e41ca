"""A resting stop and the path to the bar's end: on a path without drift no stop is worth anything."""

import functools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market.types import Bar
from minhos.models.payoff import Payoff
from minhos.models.stopped import stopped
from minhos.risk.shadow import ShadowBet, ShadowBook, on_bar
from minhos.sizing import break_even, mean_outcome, net_outcomes
from minhos.testing.builders import bar
from minhos.training.labels import next_bar_labels
from minhos.training.payoff_fit import fit_payoff
from minhos.training.results import evaluate

bounded = settings(deadline=None, max_examples=100)
sizes = st.lists(st.floats(0.01, 12.0), min_size=1, max_size=12)
stops = st.floats(0.05, 8.0)
curves = st.one_of(
    st.just(()), st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda y: ((0.1, y[0]), (1.0, y[1]), (4.0, 0.5)))
)


def even(found: list[float], curve: tuple[tuple[float, float], ...] = (), **changes: float) -> Payoff:
    """One distribution of sizes for right and wrong bars, as a fit makes it; without the gap."""
    rising = sorted(found)
    values = {"gap_probability": 0.0, "right_share": curve, **changes}
    return msgspec.structs.replace(Payoff(tuple(rising), tuple(-x for x in reversed(rising))), **values)


@bounded
@given(sizes, curves, st.floats(2, 400), st.floats(0, 30), stops)
def test_a_coin_flip_loses_its_cost_at_every_stop(found, curve, atr, cost, stop_atr):
    """Optional stopping, and what follows from it for break-even."""
    payoff = even(found, curve)
    r_ticks = max(1, math.ceil(stop_atr * atr - 1e-9)) + cost
    assert mean_outcome(payoff, atr, cost, 0.5, stop_atr) == pytest.approx(-cost / r_ticks, abs=1e-9)
    half_and_cost = 0.5 + cost / (2.0 * atr * float(np.mean(found)))
    assert break_even(payoff, atr, cost, stop_atr) >= min(1.0, half_and_cost) - 1e-9


@bounded
@given(sizes, curves, st.floats(2, 400), st.floats(0.1, 30), stops, st.floats(0.1, 20))
def test_gaps_and_a_stop_that_slips_only_raise_break_even(found, curve, atr, cost, stop_atr, slip):
    plain = break_even(even(found, curve), atr, cost, stop_atr)
    assert break_even(even(found, curve), atr, cost, stop_atr, slip) >= plain - 1e-12
    assert break_even(even(found, curve, gap_probability=0.002), atr, cost, stop_atr) >= plain - 1e-12


@bounded
@given(sizes, curves, st.floats(2, 400), st.floats(0, 30), stops, st.floats(0, 1), st.floats(0, 5))
def test_the_distribution_has_the_mean_that_is_said(found, curve, atr, cost, stop_atr, p, slip):
    outcomes, odds = net_outcomes(even(found, curve), atr, cost, p, stop_atr, slip_ticks=slip)
    assert math.fsum(odds) == pytest.approx(1.0)
    assert min(odds) >= 0.0
    mean = mean_outcome(even(found, curve), atr, cost, p, stop_atr, slip)
    assert math.fsum(x * w for x, w in zip(outcomes, odds, strict=True)) == pytest.approx(mean, abs=1e-9)


@bounded
@given(sizes, curves, st.lists(st.floats(2, 400), min_size=1, max_size=4), st.floats(0, 30), stops, st.floats(0, 5))
def test_what_is_reported_is_what_is_sized_on(found, curve, atr, cost, stop_atr, slip):
    payoff = even(found, curve, stop_atr=stop_atr)
    sized = [break_even(payoff, a, cost, stop_atr, slip) for a in atr]
    assert evaluate.break_even(payoff, np.array(atr), cost, slip).tolist() == pytest.approx(sized, abs=1e-9)


def test_a_stop_by_hand():
    """Sizes 1 and 3, stop 2: it saves 1 on one of two wrong bars, 0.5 a bar, which bars of 1 + 2, 3 + 2 and 2 - 1 ATR
    lose again."""
    found = stopped(even([1.0, 3.0]), 2.0)
    rate = -math.log(found.right[0]) / 3.0
    assert found.right == pytest.approx((math.exp(-3 * rate), math.exp(-5 * rate)))
    assert found.wrong == pytest.approx((1.0, math.exp(-rate)))
    lost = (3 * found.right[0] + 5 * found.right[1]) / 2, found.wrong[1] / 2
    assert sum(lost) == pytest.approx(0.5)
    assert (found.right_mean, found.wrong_mean) == pytest.approx((2.0 - lost[0], -2.0 + lost[0]))


def test_where_paths_were_measured_right_bars_bear_their_share():
    found = stopped(even([1.0, 3.0], ((1.0, 0.9), (3.0, 0.7))), 2.0)
    assert (found.right_mean, found.wrong_mean) == pytest.approx((2.0 - 0.8 * 0.5, -2.0 + 0.8 * 0.5))


@pytest.mark.parametrize("tail", ["normal", "student"])
def test_at_three_atr_nothing_changes(tail):
    """Break-even without any stop but today's cut, within .002; ATR of a Brownian bar is 1.6 standard deviations."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal(20_000) if tail == "normal" else rng.standard_t(3, 20_000) / math.sqrt(3)
    payoff = fit_payoff(np.ones(20_000), np.rint(z * 10), np.full(20_000, 16.0))
    for atr in (8.0, 16.0, 40.0):
        right = np.array(payoff.right) * atr
        wrong = np.minimum(right, math.ceil(3 * atr))
        gap = 0.002 * 3.0 * (math.ceil(3 * atr) + 2.9) / 0.998
        today = min(1.0, (wrong.mean() + 2.9 + gap) / (right.mean() + wrong.mean()))
        assert break_even(payoff, atr, 2.9, 3.0) == pytest.approx(today, abs=0.002)


# The same path, bar by bar ------------------------------------------------------------------------------------------

STEPS, BARS, COST = 401, 6_000, 8.0
ATR = 1.6 * math.sqrt(STEPS)
"""Of a walk of single ticks, which no stop is passed in; an odd number of steps leaves no bar without a move."""


@functools.cache
def walked() -> tuple[list[Bar], np.ndarray, np.ndarray, np.ndarray]:
    """Bars that each open at the last one's close, their moves, and how far they went below and above their open."""
    rng = np.random.default_rng(1)
    path = np.cumsum(2 * rng.integers(0, 2, (BARS, STEPS), dtype=np.int16) - 1, axis=1, dtype=np.int16).astype(int)
    move, down, up = path[:, -1], -np.minimum(path.min(axis=1), 0), np.maximum(path.max(axis=1), 0)
    opens = 100_000 + np.concatenate([[0], np.cumsum(move)[:-1]])
    bars = [
        bar(i, o, o + high, o - low, o + m)
        for i, (o, m, low, high) in enumerate(zip(*(x.tolist() for x in (opens, move, down, up)), strict=True))
    ]
    return bars, move.astype(float), down.astype(float), up.astype(float)


def booked(side: np.ndarray, stop_ticks: int) -> ShadowBook:
    """The shadow book of one bet on each bar."""
    bars, book = walked()[0], ShadowBook()
    for shown, side_of_next in zip(bars, [*side[1:].tolist(), 0.0], strict=True):
        bet = ShadowBet(shown.symbol, shown.close_time_ns, int(side_of_next), 0.6, 0.5, stop_ticks, COST)
        book, _ = on_bar(book, shown, bet if side_of_next else None)
    return book


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("p", [0.5, 0.6])
@pytest.mark.parametrize("stop_atr", [0.25, 0.5, 1.0, 3.0])
def test_payoff_and_shadow_book_give_the_same_mean_on_the_same_path(measured, p, stop_atr):
    """A quarter of an ATR once promised a coin flip +0.2 R, where the book loses its cost."""
    _, move, down, up = walked()
    paths = {"down_ticks": down, "up_ticks": up} if measured else {}
    payoff = fit_payoff(np.ones(BARS), move, np.full(BARS, ATR), **paths)
    payoff = msgspec.structs.replace(payoff, gap_probability=0.0)
    assert bool(payoff.right_share) is measured
    side = np.sign(move) * np.where(np.random.default_rng(2).random(BARS) < p, 1.0, -1.0)
    stop_ticks = math.ceil(stop_atr * ATR)
    book = booked(side, stop_ticks)
    error = math.sqrt((book.sum_r_squared / book.bets - book.mean_r**2) / book.bets)
    assert book.bets > BARS - 3
    assert mean_outcome(payoff, ATR, COST, p, stop_atr) == pytest.approx(book.mean_r, abs=3.5 * error)
    against = np.where(side > 0, down, up)
    results = evaluate.net_r(side, move, np.full(BARS, ATR), stop_atr, COST, against)
    assert results[1:-1].mean() == pytest.approx(book.mean_r, abs=1e-3)


def test_labels_know_how_far_the_bet_went():
    from minhos.testing.builders import random_bars

    bars = random_bars(400, seed=4)
    labels = next_bar_labels(bars, np.full(400, 20251006))
    at = np.flatnonzero(labels.exists)
    assert len(at) > 300
    assert labels.down_ticks[at].tolist() == (bars.open_ticks[at + 1] - bars.low_ticks[at + 1]).tolist()
    assert labels.up_ticks[at].tolist() == (bars.high_ticks[at + 1] - bars.open_ticks[at + 1]).tolist()
