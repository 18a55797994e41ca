"""What is said of forecasts and of their bets, against markets whose odds are known and against counting by hand."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.accounting.types import Fill, Role
from minhos.errors import NotEnoughData
from minhos.market.instruments import instrument
from minhos.research.luck.permutation import day_permutation_p_value
from minhos.research.measures.costs import costs, realised
from minhos.research.measures.edge import daily_net_r, edge, log10_e_values, slices
from minhos.research.measures.prediction import prediction, said_up
from minhos.research.new_york import new_york_minutes
from minhos.research.out_of_sample import Signals
from minhos.stats import BettingProcess
from minhos.testing.builders import ns
from minhos.testing.markets import oracle_study


@pytest.fixture(scope="module")
def signals() -> Signals:
    return oracle_study("ou", 0.56, sessions=25).signals


def changed(signals: Signals, **columns: object) -> Signals:
    return msgspec.structs.replace(signals, **columns)


def test_the_oracle_of_a_56_percent_market_is_found_to_be_one(signals: Signals) -> None:
    found = prediction(signals)
    assert found.accuracy is not None
    assert found.scores is not None
    assert found.calibration is not None
    low, high = found.accuracy.interval
    assert low < 0.56 < high
    assert found.accuracy.n + found.accuracy.ties == len(signals)
    assert found.accuracy.p_value < 0.001
    assert found.accuracy.permutation_p_value == pytest.approx(1 / 5001)
    slope_low, slope_high = found.calibration.slope_interval or (math.nan, math.nan)
    assert slope_low < 1.0 < slope_high
    parts = found.scores
    assert parts.brier == pytest.approx(
        parts.reliability - parts.resolution + parts.uncertainty + parts.within_bin, abs=1e-12
    )
    assert sum(row.n for row in found.calibration.bins) == found.calibration.n
    assert not found.missing


def test_selective_accuracy_counts_the_bars_that_reach_the_threshold(signals: Signals) -> None:
    moved = signals.take(signals.decided)
    rows = {row.threshold: row for row in prediction(signals).selective}
    chosen = moved.p_side >= 0.60
    assert rows[0.60].n == chosen.sum()
    assert rows[0.60].coverage == pytest.approx(chosen.mean())
    assert rows[0.60].accuracy == pytest.approx((moved.side * moved.move_ticks > 0)[chosen].mean())
    assert [rows[a].n >= rows[b].n for a, b in itertools.pairwise(sorted(rows))] == [True] * (len(rows) - 1)


def test_without_skill_nothing_is_found() -> None:
    null = oracle_study("null", 0.5, sessions=25, seed=5).signals
    coin = np.random.default_rng(3).random(len(null))
    found = prediction(changed(null, score=coin, p_up=0.5 + 0.02 * (coin - 0.5)))
    assert found.accuracy is not None
    assert found.accuracy.permutation_p_value is not None
    assert found.accuracy.interval[0] < 0.5 < found.accuracy.interval[1]
    assert found.accuracy.permutation_p_value > 0.01


def test_a_p_of_one_half_everywhere_names_no_side_and_the_score_still_does(signals: Signals) -> None:
    found = prediction(changed(signals, p_up=np.full(len(signals), 0.5)))
    assert found.silent == len(signals)
    assert found.accuracy is not None
    assert found.accuracy.accuracy > 0.53
    assert found.selective == ()
    assert "one half" in found.missing["selective"]
    assert found.calibration is not None
    assert found.calibration.slope is None


def test_constant_prices_and_a_single_class_give_no_figure(signals: Signals) -> None:
    still = prediction(changed(signals, move_ticks=np.zeros(len(signals)), decided=np.zeros(len(signals), dtype=bool)))
    assert still.accuracy is None
    assert still.scores is None
    assert "constant" in still.missing["calibration"]
    rising = prediction(changed(signals, move_ticks=np.ones(len(signals)), decided=np.ones(len(signals), dtype=bool)))
    assert rising.scores is None
    assert "moved up" in rising.missing["scores"]
    assert rising.accuracy is not None
    assert rising.accuracy.majority == 1.0


def test_too_few_bars_say_how_many_are_missing(signals: Signals) -> None:
    few = prediction(signals.take(np.arange(100)))
    assert few.calibration is None
    assert "300 are needed" in few.missing["calibration"]
    assert "trade dates; permuting them needs 6" in few.missing["permutation"]


def test_permuting_dates_against_every_order_by_hand() -> None:
    """Three bars on each of six dates: all 720 orders, counted one by one."""
    rng = np.random.default_rng(0)
    said, moved = rng.choice([-1, 1], (6, 3)), rng.choice([-1, 1], (6, 3))
    scores = [float((said * moved[list(order)]).sum()) for order in itertools.permutations(range(6))]
    exact = np.mean(np.array(scores) >= scores[0])
    date, slot = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    found = day_permutation_p_value(said.ravel(), moved.ravel(), date, slot, reps=20_000)
    assert found == pytest.approx(exact, abs=4 * math.sqrt(0.25 / 20_000))


def test_five_dates_are_too_few_to_permute() -> None:
    with pytest.raises(NotEnoughData, match="5 trade dates"):
        day_permutation_p_value(np.ones(5), np.ones(5), np.arange(5), np.zeros(5))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=60))
def test_the_e_value_is_that_of_live_trading(signals: Signals, results: list[float]) -> None:
    bets = changed(signals.take(np.arange(len(results))), net_r=np.array(results))
    process = BettingProcess()
    for result in results:
        process.update(result)
    assert log10_e_values(bets)[-1] == pytest.approx(process.log_e_value / math.log(10.0), abs=1e-9)


def test_the_edge_is_the_mean_of_the_bets_that_beat_break_even(signals: Signals) -> None:
    found, chosen = edge(signals), signals.p_side > signals.break_even
    assert found.bets == chosen.sum()
    assert found.mean_net_r == pytest.approx(signals.net_r[chosen].mean())
    assert found.dates <= found.all_dates == len(np.unique(signals.trade_date))
    assert daily_net_r(signals)[1].sum() == pytest.approx(found.total_net_r)


def test_no_bet_no_figure(signals: Signals) -> None:
    found = edge(changed(signals, break_even=np.ones(len(signals))))
    assert (found.bets, found.mean_net_r, found.interval, found.bets_needed, found.hit_rate) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert costs(changed(signals, break_even=np.ones(len(signals)))).gross_bet_ticks is None


def test_slices_cut_the_same_bars_in_four_ways(signals: Signals) -> None:
    cut, counted = slices(signals), int((signals.decided & (said_up(signals) != 0)).sum())
    for rows in (cut.hours, cut.regimes, cut.weekdays, cut.months):
        assert sum(row.n for row in rows) == counted
        assert sum(row.bets for row in rows) == int(signals.bets.sum())
    assert [row.name for row in cut.regimes] == ["calm", "usual", "wild"]
    assert all(abs(row.n - counted / 3) < 0.02 * counted for row in cut.regimes)
    assert "17:00" not in [row.name for row in cut.hours]


def test_volatility_that_never_changes_has_no_terciles(signals: Signals) -> None:
    cut = slices(changed(signals, volatility_ratio=np.ones(len(signals))))
    assert (cut.regimes, cut.volatility_edges) == ((), None)


def test_new_york_keeps_its_clock_over_the_change_of_time() -> None:
    before, after = ns("2025-10-31T13:35:00"), ns("2025-11-03T14:35:00")
    assert new_york_minutes(np.array([before, after])).tolist() == [9 * 60 + 35] * 2


def test_the_share_that_costs_eat(signals: Signals) -> None:
    found, nq = costs(signals), instrument("NQ")
    chosen = signals.take(signals.bets)
    stopped = chosen.net_r <= -1.0 + 1e-9
    gross = np.where(stopped, -chosen.stop_ticks, chosen.side * chosen.move_ticks)
    assert found.gross_bet_ticks == pytest.approx(gross.mean())
    assert found.share_eaten == pytest.approx(found.round_trip_ticks / gross.mean())
    assert found.round_trip_dollars == pytest.approx((2 * nq.commission_cents + 2 * nq.tick_value_cents) / 100)


def fill(i: int, worse: int, role: Role = Role.ENTRY) -> Fill:
    return Fill(
        f"f{i}", f"o{i}", "NQZ25", 1, 2, 1000 + worse, ns("2025-10-06T14:00:00") + i * 6 * 3600 * 10**9, 450, role, 1000
    )


def test_fills_as_they_were_against_fills_as_assumed() -> None:
    fills = [fill(i, worse=1 + i % 2) for i in range(40)] + [fill(99, worse=500, role=Role.UNKNOWN)]
    found = realised(fills, {"NQZ25": instrument("NQ")}, "paper")
    assert (found.n, found.contracts) == (40, 80)
    assert found.slippage_ticks == pytest.approx(1.5)
    assert found.commission_dollars == pytest.approx(2.25)
    assert found.interval is not None
    assert found.interval[0] <= 1.5 <= found.interval[1]


def test_a_handful_of_fills_proves_nothing() -> None:
    with pytest.raises(NotEnoughData, match="3 fills in paper; 30 are needed"):
        realised([fill(i, 1) for i in range(3)], {"NQZ25": instrument("NQ")}, "paper")
