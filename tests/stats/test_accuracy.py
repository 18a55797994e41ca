"""Directional accuracy against the majority and against luck."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minhos.stats import judge, majority_share, pesaran_timmermann, selective_accuracy, selective_curve, side_of


def test_pesaran_timmermann_vector():
    y = np.repeat([1, 0], [520, 480])
    x = np.repeat([1, 0, 1, 0], [300, 220, 230, 250])
    result = pesaran_timmermann(y, x)
    assert result.statistic == pytest.approx(3.095978, abs=5e-7)
    assert result.p_value == pytest.approx(0.000981, abs=5e-7)


def test_always_naming_the_majority_proves_nothing():
    y = np.repeat([1, 0], [700, 300])
    assert majority_share(y) == 0.7
    assert pesaran_timmermann(y, np.ones(1000)) == (0.0, 0.5)


def test_pesaran_timmermann_is_symmetric_in_up_and_down():
    rng = np.random.default_rng(0)
    y, x = rng.random(500) < 0.6, rng.random(500) < 0.4
    assert pesaran_timmermann(~y, ~x).statistic == pytest.approx(pesaran_timmermann(y, x).statistic)
    assert pesaran_timmermann(y, ~x).statistic == pytest.approx(-pesaran_timmermann(y, x).statistic)


def test_pesaran_timmermann_rejects_luck_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    draws = [pesaran_timmermann(rng.random(400) < 0.6, rng.random(400) < 0.55).p_value < 0.05 for _ in range(400)]
    assert 0.02 <= np.mean(draws) <= 0.085


def test_selective_accuracy_counts_only_confident_bars_on_both_sides():
    y, p = [1, 0, 1, 0, 1], [0.70, 0.30, 0.35, 0.5, 0.55]
    result = selective_accuracy(y, p, 0.6)
    assert (result.n, result.coverage, result.accuracy) == (3, 3 / 5, 2 / 3)
    assert result.interval.low < 2 / 3 < result.interval.high


def test_one_half_names_no_side_and_an_empty_selection_has_no_accuracy():
    assert selective_accuracy([1, 0], [0.5, 0.5], 0.5).n == 0
    assert math.isnan(selective_accuracy([1, 0], [0.5, 0.5], 0.5).accuracy)


def test_coverage_falls_along_the_curve():
    p = np.linspace(0.3, 0.7, 101)
    curve = selective_curve(p > 0.5, p)
    assert all(a.coverage >= b.coverage for a, b in itertools.pairwise(curve))
    assert {row.accuracy for row in curve} == {1.0}


@given(
    sides=st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_bar_that_moved_is_right_wrong_or_silent(sides, seed):
    moved = np.random.default_rng(seed).integers(-2, 3, len(sides))
    found = judge(sides, moved)
    assert found.n + found.silent == (moved != 0).sum()
    assert found.n == sum(side != 0 and move != 0 for side, move in zip(sides, moved.tolist(), strict=True))
    turned = judge([-side for side in sides], moved)
    if found.accuracy is None:
        assert (turned.accuracy, found.n, found.silent) == (None, 0, (moved != 0).sum())
    else:
        assert found.accuracy + turned.accuracy == pytest.approx(1.0)


def test_a_score_of_one_half_and_one_that_is_no_number_name_no_side():
    assert side_of([0.5, float("nan"), 0.5000001, 0.2]).tolist() == [0.0, 0.0, 1.0, -1.0]
