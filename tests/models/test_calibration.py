"""The calibrator and the combination of members: worked examples and what must always hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import ModelError
from minhos.models.calibration import EXTREME, Calibrator, logit, sigmoid
from minhos.models.combine import agreement, combine

probabilities = st.floats(0.0, 1.0)
quick = settings(deadline=None, max_examples=50)


@pytest.mark.parametrize(
    ("slope", "slope_se", "score", "p_up", "p_low"),
    [(0.8, 0.2, 0.62, 0.596677, 0.572909), (0.8, 0.2, 0.55, 0.540048, 0.530064), (0.3, 0.4, 0.62, 0.536650, 0.5)],
)
def test_published_vectors(slope: float, slope_se: float, score: float, p_up: float, p_low: float) -> None:
    calibrator = Calibrator(slope, slope_se, slope - slope_se, 1000)
    assert calibrator.p_up(score) == pytest.approx(p_up, abs=5e-7)
    assert calibrator.p_low(score) == pytest.approx(p_low, abs=5e-7)
    assert calibrator.p_up(1 - score) == pytest.approx(1 - p_up, abs=5e-7)
    assert calibrator.p_low(1 - score) == pytest.approx(p_low, abs=5e-7)


def test_a_slope_below_zero_says_nothing_instead_of_the_opposite() -> None:
    calibrator = Calibrator(-0.5, 0.1, -0.6, 1000)
    assert calibrator.p_up(0.9) == 0.5
    assert calibrator.p_low(0.9) == 0.5


@given(probabilities, st.floats(-2, 5), st.floats(0, 3))
@quick
def test_the_lower_bound_lies_between_a_coin_and_the_sides_probability(score: float, slope: float, less: float) -> None:
    calibrator = Calibrator(slope, less, slope - less, 1000)
    p_up = calibrator.p_up(score)
    assert 0.0 < p_up < 1.0
    assert 0.5 <= calibrator.p_low(score) <= max(p_up, 1 - p_up) + 1e-15


@given(st.floats(-700, 700))
@quick
def test_sigmoid_is_symmetric_and_undoes_logit(x: float) -> None:
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1.0, abs=1e-15)
    p = 0.5 + math.atan(x) / math.pi * 0.99
    assert sigmoid(logit(p)) == pytest.approx(p, abs=1e-12)


def test_logits_are_averaged_by_weight_over_the_members_that_are_there() -> None:
    members = {"a": 0.6, "b": 0.3}
    weights = {"a": 3.0, "b": 1.0, "absent": 5.0}
    expected = sigmoid((3 * math.log(0.6 / 0.4) + math.log(0.3 / 0.7)) / 4)
    assert combine(members, weights) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("failed", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_failed_member_counts_as_absent(failed: float) -> None:
    weights = {"a": 1.0, "b": 1.0}
    assert combine({"a": 0.6, "b": failed}, weights) == combine({"a": 0.6}, weights)
    assert agreement({"a": 0.6, "b": failed}, 1) == 1.0


@pytest.mark.parametrize("members", [{}, {"a": float("nan")}, {"b": 0.6}])
def test_nobody_left_is_an_error(members: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="no forecast"):
        combine(members, {"a": 1.0, "b": 0.0})


@given(st.dictionaries(st.sampled_from("abcde"), probabilities, min_size=1))
@quick
def test_the_score_lies_between_its_members(members: dict[str, float]) -> None:
    score = combine(members, dict.fromkeys("abcde", 0.2))
    held = [min(max(p, EXTREME), 1 - EXTREME) for p in members.values()]
    assert min(held) - 1e-12 <= score <= max(held) + 1e-12


def test_agreement_is_the_share_of_present_members_on_the_side() -> None:
    members = {"a": 0.6, "b": 0.7, "c": 0.4, "d": 0.5}
    assert agreement(members, 1) == 2 / 4
    assert agreement(members, -1) == 1 / 4
    assert agreement(members, 0) == 0.0
    assert agreement({}, 1) == 0.0
