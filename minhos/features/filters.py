"""Small recursive filters on plain floats: each takes one value a bar and keeps a few numbers.

They read no bar and no clock, and every result is bounded as long as its input is.
"""

from __future__ import annotations

import math
from collections import deque


def clip(value: float, bound: float) -> float:
    """value, winsorised to [-bound, bound]."""
    return -bound if value < -bound else bound if value > bound else value


class RollingMean:
    """Mean of the last `period` values; values before the first count as zero."""

    __slots__ = ("_period", "_sum", "_values")

    def __init__(self, period: int) -> None:
        self._period = period
        self._values: deque[float] = deque([0.0] * period, maxlen=period)
        self._sum = 0.0

    def update(self, value: float) -> float:
        values = self._values
        self._sum += value - values[0]
        values.append(value)
        return self._sum / self._period


class RollingShare:
    """Sum of the signed parts over the sum of the whole, of the last `period` bars; exact, for both are integers."""

    __slots__ = ("_parts", "_sum", "_total", "_wholes")

    def __init__(self, period: int) -> None:
        self._parts: deque[int] = deque([0] * period, maxlen=period)
        self._wholes: deque[int] = deque([0] * period, maxlen=period)
        self._sum = self._total = 0

    def update(self, part: int, whole: int) -> float:
        """Share in [-1, 1]; 0 while the whole is zero."""
        self._sum += part - self._parts[0]
        self._total += whole - self._wholes[0]
        self._parts.append(part)
        self._wholes.append(whole)
        return self._sum / self._total if self._total > 0 else 0.0


class RollingZ:
    """Standard score of the newest of the last `period` integers; exact sums, so nothing drifts."""

    __slots__ = ("_period", "_squares", "_sum", "_values")

    def __init__(self, period: int) -> None:
        self._period = period
        self._values: deque[int] = deque([0] * period, maxlen=period)
        self._sum = self._squares = 0

    def update(self, value: int) -> float:
        old, n = self._values[0], self._period
        self._sum += value - old
        self._squares += value * value - old * old
        self._values.append(value)
        variance = (n * self._squares - self._sum * self._sum) / (n * n)
        return (value - self._sum / n) / math.sqrt(variance) if variance > 0.0 else 0.0


class SteadyKalman:
    """Forecast of an AR(1) drift seen in noise: a' = rho (a + K (z - a)), the steady form of the Kalman filter."""

    __slots__ = ("_forecast", "_gain", "_rho")

    def __init__(self, rho: float, gain: float) -> None:
        self._rho = rho
        self._gain = gain
        self._forecast = 0.0

    def update(self, z: float) -> float:
        """Forecast of the next standardised return."""
        self._forecast = self._rho * (self._forecast + self._gain * (z - self._forecast))
        return self._forecast


class RegimeBelief:
    """Whether returns follow or oppose the last one: a two-state hidden Markov model, forward recursion.

    The drift is g * strength * (last return), g in {-1, +1}, and g switches with a small probability a bar.
    """

    __slots__ = ("_odds", "_strength", "_switch")

    def __init__(self, strength: float, switch: float) -> None:
        self._strength = strength
        self._switch = switch
        self._odds = 1.0

    def update(self, product: float) -> float:
        """product: this return times the (winsorised) last one.  Returns P(momentum) - P(reversal), in (-1, 1)."""
        odds = self._odds * math.exp(2.0 * self._strength * product)
        q = self._switch
        self._odds = odds = (odds * (1.0 - q) + q) / (odds * q + 1.0 - q)
        return (odds - 1.0) / (odds + 1.0)


class SlotMean:
    """Running mean for each slot of the session, of about the last `days` days."""

    __slots__ = ("_counts", "_days", "_means")

    def __init__(self, days: int, slots: int) -> None:
        self._days = days
        self._means = [0.0] * slots
        self._counts = [0] * slots

    def get(self, slot: int) -> float:
        """Mean of that slot so far; 0 where it has never been seen."""
        return self._means[slot]

    def update(self, slot: int, value: float) -> None:
        count = self._counts[slot] = min(self._counts[slot] + 1, self._days)
        self._means[slot] += (value - self._means[slot]) / count
