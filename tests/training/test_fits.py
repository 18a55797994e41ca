"""Calibration, payoff, votes: worked examples, and what must hold whatever the data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import NotEnoughData, TrainingError
from minhos.models.calibration import Calibrator
from minhos.models.combine import combine
from minhos.stats import slope_through_origin
from minhos.training.calibration_fit import PRIOR_BELOW_N, fit_calibrator
from minhos.training.forecasts import calibrated, combine_columns, cross_weighted, logit, sigmoid, vote_weights
from minhos.training.payoff_fit import fit_payoff
from minhos.training.results import evaluate

probabilities = st.floats(0.0, 1.0)


def outcomes(slope: float, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and outcomes that come true with sigmoid(slope * logit(score))."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.3, 0.7, n)
    return score, (rng.random(n) < sigmoid(slope * logit(score))).astype(float)


@pytest.mark.parametrize("slope", [0.4, 1.0, 2.0])
def test_the_slope_of_the_data_is_found(slope):
    score, up = outcomes(slope, 40_000)
    fitted = fit_calibrator(score, up, np.arange(len(up)) // 276)
    assert abs(fitted.slope - slope) < 3 * fitted.slope_se
    assert fitted.slope_low == fitted.slope - fitted.slope_se
    assert fitted.n == 40_000


def test_two_scores_have_a_slope_in_closed_form():
    score, up = np.full(4000, 0.6), np.repeat([1.0, 0.0], [2600, 1400])
    fitted = fit_calibrator(score, up, np.arange(4000))
    assert fitted.slope == pytest.approx(math.log(0.65 / 0.35) / math.log(0.6 / 0.4))
    independent = 1 / math.sqrt(4000 * 0.65 * 0.35 * math.log(1.5) ** 2)
    assert fitted.slope_se == pytest.approx(independent, rel=1e-3)


def test_days_that_move_together_widen_the_error():
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(50), 100)
    up = (rng.random(50) < 0.5)[day].astype(float)
    alone = fit_calibrator(np.full(5000, 0.6), up, np.arange(5000))
    together = fit_calibrator(np.full(5000, 0.6), up, day)
    assert together.slope_se > 5 * alone.slope_se


def test_a_short_history_must_earn_its_slope():
    score, up = outcomes(1.0, PRIOR_BELOW_N - 1)
    with_prior = fit_calibrator(score, up, np.arange(len(up)))
    twice = fit_calibrator(np.tile(score, 2), np.tile(up, 2), np.arange(2 * len(up)))
    assert 0 < with_prior.slope < twice.slope, "only the short one is drawn to zero"


def test_scores_that_say_nothing_give_no_edge():
    fitted = fit_calibrator(np.full(100, 0.5), np.tile([0.0, 1.0], 50), np.arange(100))
    assert fitted.slope == 0.0
    assert fitted.slope_low <= 0.0
    with pytest.raises(NotEnoughData):
        fit_calibrator([], [], [])


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from("abcde"), st.tuples(probabilities, st.floats(0.01, 1.0)), min_size=1))
def test_columns_are_combined_and_calibrated_as_in_serving(members):
    weights = {name: weight for name, (_, weight) in members.items()}
    expected = combine({name: p for name, (p, _) in members.items()}, weights)
    columns = {name: np.array([p]) for name, (p, _) in members.items()}
    score = combine_columns(columns, weights)
    assert score[0] == pytest.approx(expected, abs=1e-12)
    calibrator = Calibrator(0.8, 0.2, 0.6, 1000)
    assert calibrated(calibrator, score)[0] == pytest.approx(calibrator.p_up(expected), abs=1e-12)
    low = calibrated(calibrator, score, low=True)[0]
    assert max(low, 1 - low) == pytest.approx(calibrator.p_low(expected), abs=1e-12)


def test_votes_follow_what_each_member_knows_whatever_its_confidence():
    score, up = outcomes(1.0, 20_000)
    timid = sigmoid(0.1 * logit(score))
    coin = np.random.default_rng(9).uniform(0.4, 0.6, len(up))
    weights = vote_weights({"sure": score, "timid": timid, "wrong": 1 - score, "coin": coin}, up)
    assert weights["sure"] == pytest.approx(weights["timid"])
    assert weights["wrong"] == 0.0
    assert weights["coin"] < 0.02
    assert sum(weights.values()) == pytest.approx(1.0)


def test_votes_are_equal_when_nobody_knows_anything():
    up = np.tile([0.0, 1.0], 50)
    assert vote_weights({"a": np.full(100, 0.5), "b": np.full(100, 0.5)}, up) == {"a": 0.5, "b": 0.5}


def test_the_votes_behind_a_calibrated_score_come_from_the_other_half():
    rng = np.random.default_rng(3)
    up = (rng.random(1000) < 0.5).astype(float)
    known = {name: rng.uniform(0.4, 0.6, 1000) for name in "abc"}
    known["right"] = np.clip(0.5 + 0.1 * (up - 0.5) + rng.normal(0, 0.05, 1000), 0.01, 0.99)
    score = cross_weighted(known, up)
    first = {name: p[:500] for name, p in known.items()}
    assert score[500:] == pytest.approx(
        combine_columns({name: p[500:] for name, p in known.items()}, vote_weights(first, up[:500]))
    )
    other = np.concatenate([1 - up[:500], up[500:]])
    assert (cross_weighted(known, other)[:500] == score[:500]).all(), "no label of its own half moves a score"


def test_votes_do_not_make_an_edge_out_of_noise():
    """Mean slope of pure noise over 100 samples within 3 standard errors of zero; votes of the same bars fail that."""
    rng = np.random.default_rng(4)
    crossed, plain = [], []
    for _ in range(100):
        up = (rng.random(600) < 0.5).astype(float)
        known = {name: sigmoid(rng.normal(0, 0.2, 600)) for name in "abcde"}
        crossed.append(slope_through_origin(up, cross_weighted(known, up)).slope)
        plain.append(slope_through_origin(up, combine_columns(known, vote_weights(known, up))).slope)
    error = 3 * np.std(crossed) / 10
    assert abs(np.mean(crossed)) < error < np.mean(plain)


def test_members_without_any_weight_cannot_be_combined():
    with pytest.raises(TrainingError, match="a have no weight"):
        combine_columns({"a": np.array([0.6])}, {"a": 0.0})


def test_payoff_keeps_the_mean_size_of_a_move():
    rng = np.random.default_rng(2)
    side, atr = rng.choice([-1.0, 1.0], 4000), rng.uniform(20, 60, 4000)
    move = np.rint(rng.standard_t(4, 4000) * atr / 2)
    fitted = fit_payoff(side, move, atr)
    along = side * move / atr
    assert len(fitted.right) == len(fitted.wrong) == 10
    assert np.mean(fitted.right) == pytest.approx(np.abs(along[along != 0]).mean(), rel=2e-3)
    assert min(fitted.right) > 0 > max(fitted.wrong)
    assert fitted.n_right + fitted.n_wrong == int((along != 0).sum())


@given(skill=st.floats(0.0, 1.0), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_coin_flip_never_pays_however_well_the_market_is_forecast(skill, seed):
    rng = np.random.default_rng(seed)
    drift = skill * rng.standard_normal(3000)
    move = 40 * (drift + rng.standard_normal(3000))
    fitted = fit_payoff(np.sign(drift) if skill else rng.choice([-1.0, 1.0], 3000), move, np.full(3000, 60.0))
    for cost in (0.0, 2.9):
        assert evaluate.break_even(fitted, np.array([60.0]), cost)[0] >= 0.5


def test_payoff_needs_bars_of_both_kinds():
    with pytest.raises(NotEnoughData, match="Only 0 out-of-fold bars were wrong"):
        fit_payoff(np.ones(100), np.full(100, 5.0), np.full(100, 40.0))
