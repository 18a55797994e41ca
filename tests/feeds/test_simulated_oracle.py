"""The oracle against other ways to compute the same probabilities, and the scores that rest on it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from minhos.feeds.simulated.oracle import edge_share, ou_oracle, regime_oracle, regime_returns

RARE_JUMP = 3e-4
"""The oracle allows for a jump in 0.15 % of bars, which the textbook formulas below leave out."""


def phi(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def test_ou_oracle_equals_conditioning_a_joint_normal():
    n, v, rho = 12, 0.4, 0.9
    z = np.random.default_rng(3).normal(size=n)
    lag = np.abs(np.subtract.outer(np.arange(n + 1), np.arange(n + 1)))
    drift = v * rho**lag
    observed = drift[:n, :n] + np.eye(n)
    for t in range(1, n + 1):
        weights = np.linalg.solve(observed[:t, :t], drift[t, :t])
        mean, variance = weights @ z[:t], v - weights @ drift[t, :t]
        expected = phi(mean / math.sqrt(1.0 + variance))
        assert ou_oracle(z, v, np.full(n, rho))[t - 1] == pytest.approx(expected, abs=RARE_JUMP)


def test_regime_oracle_equals_summing_over_all_regimes():
    n, strength, q = 8, 0.6, 0.1
    z = np.random.default_rng(4).normal(size=n) * 1.5
    lag = np.clip(np.concatenate([[0.0], z]), -2.0, 2.0)
    up = total = 0.0
    for path in itertools.product((-1, 1), repeat=n + 1):
        weight = 0.5
        for before, now in itertools.pairwise(path):
            weight *= q if before != now else 1.0 - q
        for g, last, value in zip(path, lag, z, strict=False):
            weight *= math.exp(-0.5 * (value - g * strength * last) ** 2)
        total += weight
        up += weight * phi(path[-1] * strength * lag[-1])
    assert regime_oracle(z, np.full(n, strength), q)[-1] == pytest.approx(up / total, abs=RARE_JUMP)


def test_regime_returns_are_noise_plus_the_clipped_last_return():
    noise = np.array([3.0, 0.1, -0.2, 0.3])
    z = regime_returns(noise, np.array([False, False, True, False]), np.full(4, 0.5))
    second = 0.1 + 0.5 * 2.0
    third = -0.2 - 0.5 * second
    np.testing.assert_allclose(z, [3.0, second, third, 0.3 - 0.5 * third])


def test_shares_of_the_oracle_a_coin_and_a_contrarian():
    p = np.array([0.6, 0.45, 0.52, 0.3])
    assert edge_share(p, p) == pytest.approx(1.0)
    assert edge_share(p, np.full(4, 0.5)) == 0.0
    assert edge_share(p, 1.0 - p) == pytest.approx(-1.0)


def test_edge_share_by_hand_with_a_mask():
    p_true, p_forecast = np.array([0.6, 0.45, 0.9]), np.array([0.7, 0.55, 0.1])
    mask = np.array([True, True, False])
    assert edge_share(p_true, p_forecast, mask) == pytest.approx((0.10 - 0.05) / (0.10 + 0.05))


def test_no_edge_has_no_share():
    p = np.full(5, 0.5)
    assert math.isnan(edge_share(p, np.full(5, 0.6)))
