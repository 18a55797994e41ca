"""Measures of the holdout: break-even and net R as formulas, lines with what stands beside them, and the verdict."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from minhos.models.calibration import Calibrator
from minhos.models.payoff import Payoff
from minhos.sizing.payoff import Terms
from minhos.testing.builders import ns
from minhos.training.dataset import Dataset
from minhos.training.results import evaluate
from minhos.training.results.evaluate import Holdout
from minhos.training.results.result import Bets

PLAIN = Payoff(right=(0.5,), wrong=(-0.5,), gap_probability=0.0)
COST = 3.0


def holdout(
    p_up: list[float],
    moves: list[float],
    *,
    dates: list[int] | None = None,
    break_even: float = 0.53,
    score: list[float] | None = None,
) -> Holdout:
    n = len(moves)
    move = np.array(moves)
    start = ns("2025-10-06T14:00:00") + np.arange(n) * 300 * 10**9
    data = Dataset(
        rows=np.zeros((n, 1), np.float32),
        bar=np.arange(n),
        decided=move != 0,
        up=(move > 0).astype(float),
        move_ticks=move,
        atr_ticks=np.full(n, 40.0),
        weight=np.ones(n),
        start_ns=start,
        end_ns=start + 300 * 10**9,
        trade_date=np.array(dates or [20251006] * n),
    )
    return Holdout(data, np.array(p_up if score is None else score), np.array(p_up), np.full(n, break_even))


def test_break_even_of_equal_gain_and_loss_is_half_plus_cost_over_twice_the_move():
    p = evaluate.break_even(PLAIN, np.array([40.0, 80.0]), COST)
    assert p == pytest.approx([0.5 + COST / (2 * 0.5 * 40), 0.5 + COST / (2 * 0.5 * 80)])


def test_break_even_is_where_the_mean_of_the_frozen_payoff_is_zero():
    payoff = Payoff(right=(0.2, 0.8, 1.4), wrong=(-0.1, -0.7, -5.0), gap_probability=0.002)
    atr = 40.0
    p = float(evaluate.break_even(payoff, np.array([atr]), COST)[0])
    stop = payoff.stop_atr * atr
    gain = np.mean(payoff.right) * atr - COST
    loss = np.mean(np.maximum(payoff.wrong, -payoff.stop_atr)) * atr - COST
    mean = (1 - 0.002) * (p * gain + (1 - p) * loss) - 0.002 * payoff.gap_r * (stop + COST)
    assert mean == pytest.approx(0.0, abs=1e-9)


def test_break_even_agrees_with_what_is_sized_on():
    payoff = Payoff(right=(0.2, 0.8, 1.4), wrong=(-0.1, -0.7, -5.0))
    atr = np.array([8.4, 40.0, 41.3])
    sized = [Terms(payoff, a, COST, payoff.stop_atr).break_even for a in atr.tolist()]
    assert evaluate.break_even(payoff, atr, COST).tolist() == pytest.approx(sized, abs=1e-9)


def test_cost_that_no_probability_can_carry_gives_one():
    assert evaluate.break_even(PLAIN, np.array([2.0]), 10.0).tolist() == [1.0]


def test_net_r_takes_off_cost_and_cuts_at_the_stop():
    stop = 3 * 40.0
    result = evaluate.net_r(np.array([1.0, -1.0, 1.0]), np.array([20.0, 20.0, -500.0]), np.full(3, 40.0), 3.0, COST)
    assert result == pytest.approx([(20 - COST) / (stop + COST), (-20 - COST) / (stop + COST), -1.0])


def test_a_line_has_the_majority_and_the_break_even_of_its_own_bars():
    found = evaluate.line("all", holdout([0.6, 0.6, 0.4, 0.7, 0.6], [5, -5, -5, 5, 0]), np.ones(5, bool))
    assert (found.n, found.accuracy, found.majority) == (4, 3 / 4, 2 / 4), "the tie is not counted"
    assert found.break_even == pytest.approx(0.53)
    assert found.interval[0] < 0.75 < found.interval[1]
    nothing = evaluate.line("traded", holdout([0.6], [5]), np.zeros(1, bool))
    assert (nothing.n, nothing.accuracy, nothing.coverage) == (0, None, 0.0)


def test_on_a_falling_market_without_a_side_there_is_no_accuracy():
    dates = [20251006] * 5 + [20251013] * 5
    falling = holdout([0.5] * 10, [-4.0] * 9 + [0.0], dates=dates, break_even=0.4)
    for found in (evaluate.line("all", falling, np.ones(10, bool)), *evaluate.weeks(falling)):
        assert (found.accuracy, found.interval, found.n, found.majority) == (None, None, 0, None)
    assert evaluate.line("all", falling, np.ones(10, bool)).silent == 9, "the tie is not silent: it has no direction"
    assert [week.silent for week in evaluate.weeks(falling)] == [5, 4]
    assert evaluate.skill_p_value(falling) is None
    assert evaluate.bets(falling, PLAIN, COST).n == 0, "a p of one half is no bet, however low break-even is"


def test_where_the_calibration_does_not_believe_the_score_its_side_is_judged():
    unseen = holdout([0.5] * 4, [-4.0, -4.0, -4.0, 4.0], score=[0.6, 0.6, 0.4, 0.5])
    found = evaluate.line("all", unseen, np.ones(4, bool))
    assert (found.accuracy, found.n, found.silent) == (1 / 3, 3, 1)


def test_bets_are_the_bars_that_beat_break_even_and_a_tie_costs():
    placed = evaluate.bets(holdout([0.6, 0.52, 0.3, 0.6], [12, 12, -12, 0]), PLAIN, COST)
    r = 3 * 40.0 + COST
    assert placed.n == 3
    assert placed.total_net_r == pytest.approx((12 - COST) / r + (12 - COST) / r - COST / r)


def test_weeks_are_iso_weeks_of_trade_dates_in_order():
    found = evaluate.weeks(holdout([0.6] * 4, [1, 1, -1, 1], dates=[20241230, 20250103, 20250106, 20250106]))
    assert [(week.week, week.n) for week in found] == [("2025-W01", 2), ("2025-W02", 2)]
    assert [week.accuracy for week in found] == [1.0, 0.5]


def test_hours_are_those_of_new_york():
    assert [(row.hour, row.n) for row in evaluate.break_even_by_hour(holdout([0.6] * 13, [1.0] * 13))] == [
        (10, 12),
        (11, 1),
    ]


@pytest.mark.parametrize(
    ("sessions", "bars", "slope_low", "bets", "expected"),
    [
        (19, 5000, 0.5, Bets(100, 0.05, (0.01, 0.09)), "too_little_data"),
        (40, 999, 0.5, Bets(100, 0.05, (0.01, 0.09)), "too_little_data"),
        (40, 5000, 0.0, Bets(100, 0.05, (0.01, 0.09)), "no_edge"),
        (40, 5000, 0.5, Bets(29, 0.05, (0.01, 0.09)), "no_edge"),
        (40, 5000, 0.5, Bets(0, None, None), "no_edge"),
        (40, 5000, 0.5, Bets(100, 0.05, None), "no_edge"),
        (40, 5000, 0.5, Bets(100, 0.05, (-0.01, 0.09)), "no_edge"),
        (40, 5000, 0.5, Bets(30, 0.05, (0.01, 0.09)), "edge"),
    ],
)
def test_verdict(sessions, bars, slope_low, bets, expected):
    verdict, reason = evaluate.verdict(sessions, bars, Calibrator(1.0, 0.1, slope_low, 4000), bets)
    assert verdict == expected
    assert reason.endswith((".", "no bet."))


def test_calibrated_probabilities_have_slope_one_on_the_holdout():
    rng = np.random.default_rng(1)
    p = rng.uniform(0.35, 0.65, 20_000)
    unseen = holdout(p.tolist(), np.where(rng.random(20_000) < p, 5.0, -5.0).tolist())
    found = evaluate.calibration_report(unseen, Calibrator(0.9, 0.05, 0.85, 8000))
    assert abs(found.holdout_slope - 1.0) < 3 * found.holdout_slope_se
    assert found.error < 0.01
    assert sum(row.n for row in found.table) == 20_000
    assert evaluate.skill_p_value(unseen) < 0.01


def test_without_bars_nothing_is_claimed():
    whole = holdout([0.6], [5])
    empty = msgspec.structs.replace(
        whole,
        data=whole.data.take(np.zeros(0, int)),
        score=np.zeros(0),
        p_up=np.zeros(0),
        break_even=np.zeros(0),
    )
    assert evaluate.calibration_report(empty, Calibrator(0.9, 0.05, 0.85, 8000)).error is None
    assert evaluate.skill_p_value(empty) is None
    assert evaluate.bets(empty, PLAIN, COST).n == 0


def test_bets_of_two_trade_dates_prove_nothing():
    placed = evaluate.bets(holdout([0.6] * 60, [50.0] * 60, dates=[20251006] * 30 + [20251007] * 30), PLAIN, COST)
    assert placed.n == 60
    verdict, reason = evaluate.verdict(40, 5000, Calibrator(1.0, 0.1, 0.5, 4000), placed)
    assert verdict == "no_edge"
    assert "trade dates" in reason
