"""The best of many is held against all of them, not against the benchmark alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from minhos.errors import MinhosError, NotEnoughData
from minhos.research.luck.snooping import superior_ability

NAMES = tuple(f"model {i}" for i in range(20))


def losses(seed: int, gain: float, n: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """A benchmark and 20 models of which the eighth has that mean gain; the gains' standard deviation is 0.5."""
    rng = np.random.default_rng(seed)
    benchmark = rng.normal(1.0, 0.3, n)
    models = benchmark[:, None] - rng.normal(0.0, 0.5, (n, 20))
    models[:, 7] -= gain
    return benchmark, models


def test_the_measured_vector():
    """20 models, 1,000 periods: a mean gain of 0.06 with deviation 0.5 shows nearly always, and luck never does."""
    with_edge = [superior_ability(*losses(seed, 0.06), NAMES, reps=200) for seed in range(4)]
    without = [superior_ability(*losses(seed, 0.0), NAMES, reps=200) for seed in range(4)]
    assert sum(found.p_value < 0.05 for found in with_edge) >= 3
    assert all(found.best == "model 7" for found in with_edge if found.p_value < 0.05)
    assert all(found.p_value > 0.05 for found in without)
    assert all(found.better == () for found in without)


def test_the_ones_that_are_better_are_named():
    benchmark, models = losses(1, 0.2)
    models[:, 3] -= 0.2
    found = superior_ability(benchmark, models, NAMES)
    assert {"model 3", "model 7"} <= set(found.better)
    assert found.gain == pytest.approx((benchmark - models[:, NAMES.index(found.best)]).mean())
    assert "beats the benchmark even after all 20 were tried" in found.sentence
    assert superior_ability(benchmark, models, NAMES) == found, "the same seed gives the same"


def test_luck_is_called_no_significant_difference():
    found = superior_ability(*losses(2, 0.0), NAMES, reps=300)
    assert "no significant difference from the benchmark after all 20" in found.sentence


def test_one_model_that_is_plainly_better_by_itself_is_lost_among_many():
    """A single test at 5 % is passed by the best of 20 without skill more often than not; this one is not."""
    alone = together = 0
    for seed in range(10):
        benchmark, models = losses(100 + seed, 0.0, n=400)
        gains = benchmark[:, None] - models
        t = gains.mean(axis=0) / gains.std(axis=0) * np.sqrt(400)
        alone += t.max() > 1.645
        together += superior_ability(benchmark, models, NAMES, reps=300).p_value < 0.05
    assert together <= 2 < alone


def test_what_it_needs_is_said():
    benchmark, models = losses(1, 0.1, n=60)
    with pytest.raises(NotEnoughData, match="40 more are needed"):
        superior_ability(benchmark, models, NAMES)
    with pytest.raises(NotEnoughData, match="some are unknown"):
        superior_ability(*[np.where(x < x.max(), x, np.nan) for x in losses(1, 0.1)], NAMES)
    with pytest.raises(ValueError, match="do not fit"):
        superior_ability(benchmark, models, NAMES[:3])


def test_models_that_do_not_differ_from_the_benchmark_prove_nothing():
    benchmark, _ = losses(1, 0.0)
    found = superior_ability(benchmark, np.column_stack([benchmark, benchmark]), ("a", "b"))
    assert (found.p_value, found.gain, found.better) == (1.0, 0.0, ())
    mixed = superior_ability(benchmark, np.column_stack([benchmark, benchmark - 0.1 * benchmark]), ("a", "b"))
    assert mixed.better == ("b",)


def test_without_arch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "arch", None)
    with pytest.raises(MinhosError, match="extra `research`"):
        superior_ability(*losses(1, 0.1), NAMES)
