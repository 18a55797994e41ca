"""The periods, decays and bounds of every feature.  They enter the feature version, so that a model trained on
other values is refused instead of being served silently wrong rows."""

from __future__ import annotations

import msgspec


class FeatureParameters(msgspec.Struct, frozen=True):
    """Periods count bars of the timeframe that the name gives, 5 minutes otherwise.

    revision: raised whenever a formula changes while names and parameters stay.
    """

    revision: int = 1
    window: int = 60
    indicator_bars: int = 300
    """Bars before the first row: enough for each recursion and for 20 closed bars of 60 minutes."""

    season_days: int = 30
    volume_days: int = 10
    level_half_life: float = 48.0
    return_lags: tuple[int, ...] = (3, 6, 12, 24)
    return_bound: float = 4.0
    lag_bound: float = 2.0
    drift_persistence: float = 0.9
    drift_gains: tuple[float, ...] = (0.05, 0.12, 0.25)
    product_periods: tuple[int, ...] = (24, 96)
    regime_strength: float = 0.25
    regime_switch: float = 0.005
    rsi: int = 14
    macd: tuple[int, int, int] = (12, 26, 9)
    bollinger: int = 20
    stochastic: tuple[int, int, int] = (14, 3, 3)
    mfi: int = 14
    adx: int = 14
    atr: int = 14
    atr_mean: int = 276
    ema: tuple[int, ...] = (9, 21)
    volume_period: int = 48
    flow_period: int = 12
    timeframes: tuple[int, ...] = (15, 30, 60)
    timeframe_ema: int = 20
    distance_bound: float = 5.0
    log_bound: float = 3.0


PARAMETERS = FeatureParameters()
