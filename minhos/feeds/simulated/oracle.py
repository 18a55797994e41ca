"""The exact forecaster of a simulated market, and how much of what it knows a model has captured.

The oracle knows the parameters and each bar's volatility and tells jumps from drift; it does not know the hidden
drift.  Scoring a model with the oracle's probabilities instead of realised labels removes the noise of labels.
Probabilities refer to the sign of the next bar's return, up to the rounding of prices to ticks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from minhos.feeds.simulated.model import REGIME_CLIP, MarketModel

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

JUMP_PROBABILITY = 0.0015
JUMP_SIGMAS = 4.0
_SQRT2 = math.sqrt(2.0)


def _normal_cdf(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / _SQRT2))


def _up_probability(mean: float, variance: float) -> float:
    """P(z + jump > 0) for z normal; a jump is rare, symmetric and hides the drift."""
    plain = _normal_cdf(mean / math.sqrt(variance))
    jumped = _normal_cdf(mean / math.sqrt(variance + JUMP_SIGMAS**2))
    return (1.0 - JUMP_PROBABILITY) * plain + JUMP_PROBABILITY * jumped


def oracle_probabilities(model: MarketModel, z: Floats, broken: Mask) -> Floats:
    """P(next bar rises) at each bar's close.

    z: (n,) standardised returns without jumps.  broken: (n,), True where the bar lies after the model's break.
    Returns (n,) float64.
    """
    if model.drift == "ou":
        return ou_oracle(z, model.drift_variance(), drift_persistence(model, broken))
    if model.drift == "regime":
        return regime_oracle(z, np.where(broken, 0.0, model.strength()), model.q)
    return np.full(len(z), 0.5)


def drift_persistence(model: MarketModel, broken: Mask) -> Floats:
    """rho of each bar's step to the next: after the break zero ("null") or negative ("reversed")."""
    after = -model.rho if model.breaks_to == "reversed" else 0.0
    return np.where(broken, after, model.rho)


def ou_oracle(z: Floats, v: float, rho: Floats) -> Floats:
    """Scalar Kalman filter of the drift m: m' = rho m + noise, z = m + e, Var(m) = v, Var(e) = 1.

    With rho = 0 the drift has ended: the forecast is one half from then on.
    """
    mean, variance = 0.0, v
    p_up = []
    for observed, persistence in zip(z.tolist(), rho.tolist(), strict=True):
        if persistence == 0.0:
            p_up.append(0.5)
            continue
        gain = variance / (1.0 + variance)
        mean = persistence * (mean + gain * (observed - mean))
        variance = persistence**2 * variance / (1.0 + variance) + v * (1.0 - persistence**2)
        p_up.append(_up_probability(mean, 1.0 + variance))
    return np.array(p_up)


def regime_oracle(z: Floats, phi: Floats, q: float) -> Floats:
    """Two-state hidden Markov model, forward recursion.

    The drift is g * phi * clip(last z) with g in {-1, +1}, which switches with probability q.  pi = P(g = +1);
    P(up) = pi Phi(d) + (1 - pi) Phi(-d) with d = phi * clip(z).
    """
    momentum, last = 0.5, 0.0
    p_up = []
    for observed, strength in zip(z.tolist(), phi.tolist(), strict=True):
        odds = momentum / (1.0 - momentum) * math.exp(2.0 * strength * last * observed)
        momentum = odds / (1.0 + odds)
        momentum = momentum * (1.0 - q) + (1.0 - momentum) * q
        last = max(-REGIME_CLIP, min(REGIME_CLIP, observed))
        up = _up_probability(strength * last, 1.0)
        p_up.append(momentum * up + (1.0 - momentum) * (1.0 - up))
    return np.array(p_up)


def regime_returns(noise: Floats, switches: Mask, phi: Floats) -> Floats:
    """Standardised returns of the regime market: noise plus g * phi * clip(last return)."""
    g, last = 1.0, 0.0
    z = []
    for shock, switch, strength in zip(noise.tolist(), switches.tolist(), phi.tolist(), strict=True):
        g = -g if switch else g
        value = g * strength * last + shock
        z.append(value)
        last = max(-REGIME_CLIP, min(REGIME_CLIP, value))
    return np.array(z)


def edge_share(p_true: Floats, p_forecast: Floats, mask: Mask | None = None) -> float:
    """Share of the available edge that a forecast's side captures; 1 is the oracle, 0 a coin.

    (mean P_true(side) - 1/2) / (mean max(P, 1 - P) - 1/2).  p_true, p_forecast: (n,); mask: the bars that count.
    A forecast of exactly one half has no side and earns nothing.  NaN on a market without an edge.
    """
    p_true, p_forecast = (p_true, p_forecast) if mask is None else (p_true[mask], p_forecast[mask])
    available = np.abs(p_true - 0.5).mean()
    captured = (np.sign(p_forecast - 0.5) * (p_true - 0.5)).mean()
    return float(captured / available) if available > 0.0 else math.nan
