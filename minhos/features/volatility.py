"""The volatility to expect of a bar, from its time of day and from how lively the market is of late.

It turns moves in ticks into standardised returns.  High-low ranges are used, for they measure volatility about five
times as precisely as closes do (Parkinson, 1980); the mean range of a driftless path is 1.6 standard deviations.
"""

from __future__ import annotations

from minhos.features.filters import SlotMean
from minhos.features.parameters import FeatureParameters

RANGE_OF_SIGMA = 1.6
MIN_RANGE_TICKS = 1.0
MAX_SURPRISE = 6.0
"""A range beyond so many times the expected one counts as so many: one jump must not blind the estimate."""


class SeasonalVolatility:
    """Expected range = level (exponentially weighted) times season (mean of the slot of the session)."""

    __slots__ = ("_gain", "_level", "_seasons")

    def __init__(self, parameters: FeatureParameters, slots: int) -> None:
        self._gain: float = 1.0 - 0.5 ** (1.0 / parameters.level_half_life)
        self._seasons = SlotMean(parameters.season_days, slots)
        self._level = 0.0

    def update(self, slot: int, range_ticks: int) -> float:
        """Take in the bar's range; returns the standard deviation of its move in ticks, above zero."""
        season = self._seasons.get(slot) or 1.0
        level = self._level or max(float(range_ticks), MIN_RANGE_TICKS)
        relative = min(range_ticks / (level * season), MAX_SURPRISE)
        level += self._gain * level * (relative - 1.0)
        self._level = level = max(level, MIN_RANGE_TICKS)
        self._seasons.update(slot, max(season * relative, 0.01))
        return max(level * season, MIN_RANGE_TICKS) / RANGE_OF_SIGMA
