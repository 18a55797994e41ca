"""The features of 5-minute bars, in groups that share their inputs; each feature is defined here and nowhere else.

A group names its features and returns their values in that order, once a bar.  Every value is dimensionless, bounded
and finite: distances are in ATR or standard deviations, oscillators run from -1 to 1, ratios are logarithms.
"""

from __future__ import annotations

import math
from collections import deque

from minhos.features import indicators
from minhos.features.filters import (
    RegimeBelief,
    RollingMean,
    RollingShare,
    RollingZ,
    SlotMean,
    SteadyKalman,
    clip,
)
from minhos.features.parameters import FeatureParameters
from minhos.market.calendar import Session
from minhos.market.types import NANOS_PER_MINUTE, UNKNOWN

Values = tuple[float, ...]

SESSION_MINUTES = 1380.0
MIN_ATR_TICKS = 1.0


class Returns:
    """Standardised returns z, of this bar, of the last, and summed over some bars (over the root of their number)."""

    def __init__(self, parameters: FeatureParameters) -> None:
        self.names = ("return_1", "return_1_last", *(f"return_{lag}" for lag in parameters.return_lags))
        longest = max(parameters.return_lags)
        self._path: deque[float] = deque([0.0] * (longest + 1), maxlen=longest + 1)
        self._lags = [(-1 - lag, 1.0 / math.sqrt(lag)) for lag in parameters.return_lags]
        self._bound = parameters.return_bound
        self._last = 0.0

    def update(self, z: float) -> Values:
        path, bound = self._path, self._bound
        total = path[-1] + z
        path.append(total)
        last, self._last = self._last, z
        return (z, last, *[clip((total - path[lag]) * scale, bound) for lag, scale in self._lags])


class Drift:
    """Forecasts of a slowly changing drift: steady Kalman filters of z, from patient to quick."""

    def __init__(self, parameters: FeatureParameters) -> None:
        self.names = tuple(f"drift_{round(100 * gain)}" for gain in parameters.drift_gains)
        self._filters = [SteadyKalman(parameters.drift_persistence, gain) for gain in parameters.drift_gains]

    def update(self, z: float) -> Values:
        return tuple([kalman.update(z) for kalman in self._filters])


class Regime:
    """Do moves continue or revert of late?  Means of z times the z before it, the same times z, and a belief.

    The products with z are what a forecast of the next bar needs: its side is that of z where moves continue.
    On the simulated "regime" market the belief times z nearly is the exact forecast (as the drift filters are on
    "ou"): there a model must find it among forty features, it need not invent it.
    """

    def __init__(self, parameters: FeatureParameters) -> None:
        periods = parameters.product_periods
        self.names = (
            *(f"autocorrelation_{period}" for period in periods),
            *(f"autocorrelation_{period}_return" for period in periods),
            "momentum_belief",
            "momentum_belief_return",
        )
        self._means = [RollingMean(period) for period in periods]
        self._belief = RegimeBelief(parameters.regime_strength, parameters.regime_switch)
        self._bound = parameters.lag_bound
        self._last = 0.0

    def update(self, z: float) -> Values:
        product = z * self._last
        self._last = lag = clip(z, self._bound)
        means = [mean.update(product) for mean in self._means]
        belief = self._belief.update(product)
        return (*means, *[mean * lag for mean in means], belief, belief * lag)


class Oscillators:
    """The indicators that every chart has, of prices in ticks."""

    names = (
        "rsi",
        "macd_histogram",
        "bollinger_position",
        "bollinger_width",
        "stochastic",
        "money_flow",
        "adx",
        "ema_fast",
        "ema_slow",
    )

    def __init__(self, parameters: FeatureParameters) -> None:
        self._rsi = indicators.rsi(parameters.rsi)
        self._macd = indicators.macd(*parameters.macd)
        self._bands = indicators.bollinger(parameters.bollinger)
        self._stochastic = indicators.stochastic(*parameters.stochastic)
        self._mfi = indicators.mfi(parameters.mfi)
        self._adx = indicators.adx(parameters.adx)
        self._fast, self._slow = (indicators.ema(period) for period in parameters.ema)
        self._bound = parameters.distance_bound
        self._log_bound = parameters.log_bound

    def update(self, high: float, low: float, close: float, volume: float, atr: float) -> Values | None:
        """None until every indicator has a value."""
        rsi, macd, bands = self._rsi.update(close), self._macd.update(close), self._bands.update(close)
        stochastic = self._stochastic.update(high, low, close)
        mfi, adx = self._mfi.update(high, low, close, volume), self._adx.update(high, low, close)
        fast, slow = self._fast.update(close), self._slow.update(close)
        if macd is None or adx is None:
            return None
        upper, middle, _ = bands
        half_width = upper - middle
        bound = self._bound
        return (
            rsi / 50.0 - 1.0,
            clip(macd[2] / atr, bound),
            clip((close - middle) / half_width, bound) if half_width > 0.0 else 0.0,
            clip(math.log(half_width / atr), self._log_bound) if half_width > 0.0 else -self._log_bound,
            stochastic[0] / 50.0 - 1.0,
            mfi / 50.0 - 1.0,
            adx / 100.0,
            clip((close - fast) / atr, bound),
            clip((close - slow) / atr, bound),
        )


class Shape:
    """Where the bar closed within its range, and how wide the range and the ATR are against what is usual."""

    names = ("close_location", "range_ratio", "atr_ratio")

    def __init__(self, parameters: FeatureParameters) -> None:
        self._mean_atr = RollingMean(parameters.atr_mean)
        self._bound = parameters.log_bound
        self.volatility_ratio = 1.0
        """ATR over its mean of the last `atr_mean` bars."""

    def update(self, high: int, low: int, close: int, atr: float, sigma: float) -> Values:
        """atr, sigma: in ticks; the ATR may be zero, sigma is not."""
        span = high - low
        mean = self._mean_atr.update(atr)
        self.volatility_ratio = atr / mean if atr > 0.0 and mean > 0.0 else 1.0
        return (
            (2.0 * close - high - low) / span if span else 0.0,
            clip(math.log((span + 1.0) / (1.6 * sigma + 1.0)), self._bound),
            clip(math.log(self.volatility_ratio), self._bound),
        )


class Volume:
    """Volume against the same time of other days and against the last hours, and the side on which it traded.

    Signed volume (as in on-balance volume) counts a bar's volume on the side of its move; order flow is the share
    of volume traded at the ask less that at the bid, 0 where the source has neither.
    """

    names = ("relative_volume", "volume_z", "signed_volume", "order_flow", "order_flow_slow")

    def __init__(self, parameters: FeatureParameters, slots: int) -> None:
        self._usual = SlotMean(parameters.volume_days, slots)
        self._score = RollingZ(parameters.volume_period)
        self._signed = RollingShare(parameters.flow_period)
        self._flow = RollingShare(parameters.flow_period)
        self._bound = parameters.return_bound
        self._log_bound = parameters.log_bound
        self.volume_ratio = 1.0
        """Volume over its mean at this time of day in the last days; 1 while unknown."""

    def update(self, slot: int, move: float, volume: int, bid_volume: int, ask_volume: int) -> Values:
        usual = self._usual.get(slot)
        self._usual.update(slot, volume)
        self.volume_ratio = ratio = volume / usual if usual > 0.0 else 1.0
        known = bid_volume != UNKNOWN and ask_volume != UNKNOWN
        delta, sides = (ask_volume - bid_volume, ask_volume + bid_volume) if known else (0, 0)
        side = (move > 0) - (move < 0)
        return (
            clip(math.log(ratio), self._log_bound) if ratio > 0.0 else -self._log_bound,
            clip(self._score.update(volume), self._bound),
            self._signed.update(side * volume, volume),
            delta / sides if sides else 0.0,
            self._flow.update(delta, sides),
        )


def clock_values(close_time_ns: int, session: Session) -> Values:
    """Position in the session as an angle, regular hours or not, and how near the end is (1 in the last hour)."""
    angle = (close_time_ns - session.open_ns) * (math.tau / SESSION_MINUTES / NANOS_PER_MINUTE)
    left = (session.close_ns - close_time_ns) / (60.0 * NANOS_PER_MINUTE)
    regular = session.rth_open_ns < close_time_ns <= session.rth_close_ns
    return (math.sin(angle), math.cos(angle), 1.0 if regular else 0.0, 1.0 / (1.0 + left))


CLOCK_NAMES = ("session_sine", "session_cosine", "regular_hours", "close_nearness")
