"""Wealth from fractions, and histories put together from whole days: exact against the plain path, arch as second."""

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import NotEnoughData
from minhos.research.sizing_lab.bootstrap import drawn_dates, histories, mean_block_of, observed
from minhos.research.sizing_lab.days import budget_share, day_grid, day_paths, flipped, play
from minhos.research.sizing_lab.policies import ENTRY_RULES, taken
from minhos.stats import max_drawdown, sharpe_ratio
from minhos.testing.markets import oracle_study

ONE_DAY = np.array([20240102] * 4)
FREE = math.inf
days_of_bets = st.lists(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=6), min_size=1, max_size=8)


def dated(days):
    return np.repeat(20240101 + np.arange(len(days)), [len(day) for day in days])


def test_wealth_multiplies_and_a_day_at_its_limit_bets_no_more():
    net_r = np.array([-0.3, -0.3, 1.0, 1.0])
    played = play(np.full((1, 4), 0.1), net_r, day_grid(ONE_DAY), 0.05, [FREE])
    assert played.fraction[0].tolist() == [0.1, 0.1, 0.0, 0.0]  # 0.97 * 0.97 = 0.9409: beyond - 5 %
    assert played.days.total[0, 0] == pytest.approx(2 * math.log(0.97))


def test_a_new_trade_date_begins_anew():
    dates = np.array([20240102, 20240102, 20240103])
    played = play(np.full((1, 3), 0.1), np.array([-0.5, 1.0, 1.0]), day_grid(dates), 0.05, [FREE])
    assert played.fraction[0].tolist() == [0.1, 0.0, 0.1]


def test_one_half_of_the_remaining_budget_bounds_a_bet():
    played = play(np.full((1, 4), 0.1), np.array([-0.5, -0.5, 0.0, 0.0]), day_grid(ONE_DAY), 0.05, [0.5])
    after_one = 1.0 - 0.025 * 0.5
    second = 0.5 * (0.05 + after_one - 1.0) / after_one
    after_two = after_one * (1.0 - second * 0.5)
    third = 0.5 * (0.05 + after_two - 1.0) / after_two
    assert played.fraction[0].tolist() == pytest.approx([0.025, second, third, third])
    assert (budget_share(True, True), budget_share(False, True), budget_share(True, False)) == (0.5, 1.0, math.inf)


@settings(deadline=None, max_examples=40)
@given(days=days_of_bets, fraction=st.floats(0.001, 0.9), share=st.sampled_from([0.5, 1.0, math.inf]))
def test_play_is_the_plain_loop(days, fraction, share):
    net_r, dates = np.concatenate([np.array(day) for day in days]), dated(days)
    played = play(np.full((1, len(net_r)), fraction), net_r, day_grid(dates), 0.05, [share])
    expected = []
    for day in days:
        wealth = 1.0
        for x in day:
            room = 0.05 + wealth - 1.0
            expected.append(min(fraction, share * room / wealth) if room > 1e-12 else 0.0)
            wealth *= 1.0 + expected[-1] * x
    assert played.fraction[0] == pytest.approx(np.array(expected), abs=1e-12)
    assert played.growth[0] == pytest.approx(np.log1p(np.array(expected) * net_r), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(days=days_of_bets, order=st.lists(st.integers(0, 7), min_size=2, max_size=12))
def test_a_history_of_whole_days_falls_as_deep_as_its_path_bet_by_bet(days, order):
    order = [i % len(days) for i in order]
    growth = [0.2 * np.array(day) for day in days]
    paths = day_paths(np.concatenate(growth)[None], day_grid(dated(days)))
    found = histories(paths, np.array(order)[:, None])
    path = np.concatenate([[0.0], *(growth[i] for i in order)]).cumsum()
    assert found.growth[0, 0] == pytest.approx(path[-1], abs=1e-12)
    assert found.drawdown[0, 0] == pytest.approx(max_drawdown(np.exp(path)), abs=1e-12)
    assert found.lowest[0, 0] == pytest.approx(np.exp(path.min()), abs=1e-12)
    returns = np.array([math.expm1(growth[i].sum()) for i in order])
    if np.ptp(returns) > 1e-3:
        assert found.sharpe_ratio[0, 0] == pytest.approx(sharpe_ratio(returns), rel=1e-6)


def test_wealth_that_is_lost_stays_lost():
    played = play(np.array([[1.0, 0.5, 0.5, 0.5]]), np.array([-1.0, 1.0, 1.0, 1.0]), day_grid(ONE_DAY), 0.05, [FREE])
    found = observed(played.days)
    assert found.drawdown[0, 0] == 1.0
    assert found.lowest[0, 0] == 0.0
    assert found.growth[0, 0] == -math.inf


def test_drawn_dates_stay_together_for_a_week_on_average_and_come_again_with_the_seed():
    drawn = drawn_dates(250, 400, seed=3)
    assert (drawn == drawn_dates(250, 400, seed=3)).all()
    assert (drawn != drawn_dates(250, 400, seed=4)).any()
    following = (drawn[1:] - drawn[:-1]) % 250 == 1
    assert following.mean() == pytest.approx(1.0 - 1.0 / 5.0 + 1.0 / 5.0 / 250, abs=0.01)
    assert np.bincount(drawn.ravel(), minlength=250) == pytest.approx(np.full(250, 400.0), rel=0.4)
    assert drawn_dates(1, 3, seed=0).tolist() == [[0, 0, 0]]


def test_few_dates_are_drawn_one_by_one():
    assert [mean_block_of(n) for n in (1, 6, 40, 100, 200, 1000)] == [1.0, 1.0, 1.0, 2.5, 5.0, 5.0]


def test_the_spread_of_histories_is_that_of_arch():
    rng, daily = np.random.default_rng(5), np.zeros(300)
    for i in range(1, 300):
        daily[i] = 0.6 * daily[i - 1] + 0.01 * rng.standard_normal()
    paths = day_paths(daily[None], day_grid(np.arange(300)))
    ours = histories(paths, drawn_dates(300, 4_000, seed=1, mean_block=5.0)).growth[0]
    peer = StationaryBootstrap(5, daily, seed=1).apply(lambda x: np.array([x.sum()]), 4_000)[:, 0]
    assert ours.std() == pytest.approx(peer.std(), rel=0.06)
    assert ours.mean() == pytest.approx(peer.mean(), abs=4 * peer.std() / math.sqrt(2_000))


def test_bands_are_the_quantiles_of_the_drawn_wealth():
    rng = np.random.default_rng(0)
    paths = day_paths(0.01 * rng.standard_normal((1, 100)), day_grid(np.arange(100)))
    found = histories(paths, drawn_dates(100, 500, seed=2), with_bands=True)
    last = found.bands[0][-1]
    assert last.trade_dates == 100
    assert (last.low, last.median, last.high) == pytest.approx(np.quantile(found.growth[0], (0.05, 0.5, 0.95)))


def test_flipped_outcomes_lower_the_hit_rate_by_two_points():
    signals = oracle_study("ou", 0.58, sessions=60).signals
    bets = np.flatnonzero(taken(signals, ENTRY_RULES[1]))
    rng, rates = np.random.default_rng(1), []
    won = signals.side * signals.move_ticks > 0
    for _ in range(20):
        net_r = flipped(signals, bets, 0.02, rng)
        turned = net_r != signals.net_r
        rates.append((won & ~turned)[bets].mean())
        assert not turned[~np.isin(np.arange(len(signals)), bets)].any()
        assert (net_r[turned] < 0.0).all()
        assert (net_r >= -1.0).all()
    decided = signals.decided[bets].mean()
    assert won[bets].mean() - np.mean(rates) == pytest.approx(0.02 * decided, abs=0.004)


def test_no_bar_is_refused_in_words():
    with pytest.raises(NotEnoughData, match="no bar out of sample"):
        day_grid(np.zeros(0, dtype=np.int64))
