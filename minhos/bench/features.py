"""What a bar's features cost: one live update, against computing a window of 500 bars anew with TA-Lib.

The recomputation is the usual way of live systems and is given an advantage here: it computes the plain indicators
only, and none of what MinhOS adds to them.
"""

from __future__ import annotations

import time

import numpy as np

from minhos.bench.figures import Figure, at_most
from minhos.features.parameters import PARAMETERS
from minhos.features.pipeline import FEATURE_NAMES, WARM_UP_BARS, FeaturePipeline
from minhos.features.talib_guard import talib
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.market.types import Bars

TARGET_US = 25.0
WINDOW_BARS = 500
START_NS = 1_704_236_400 * 10**9
"""2 January 2024, 18:00 New York: the open of a session."""


def run(quick: bool = False) -> list[Figure]:
    """Figures: microseconds of one update() with all features, median; the 99th percentile; the recomputation."""
    n_bars = WARM_UP_BARS + (2_000 if quick else 20_000)
    calendar = SessionCalendar.load()
    bars = simulate(MarketModel(), instrument("NQ"), calendar, START_NS, n_bars).bars
    live = _update_times(bars, calendar)
    anew = _recompute_times(bars, 200 if quick else 2_000)
    median = float(np.median(live))
    return [
        at_most("us_per_bar", median, "us", TARGET_US, None),
        Figure("us_per_bar_p99", float(np.percentile(live, 99)), "us"),
        Figure(f"us_recomputing_{WINDOW_BARS}_bars", float(np.median(anew)), "us"),
        Figure("features", float(len(FEATURE_NAMES)), "features"),
    ]


def _update_times(bars: Bars, calendar: SessionCalendar) -> list[float]:
    """Microseconds of each update after the warm-up; what a trader keeps, the window included, is part of it."""
    pipeline = FeaturePipeline(bars.instrument, calendar)
    times = []
    for bar in bars:
        start = time.perf_counter_ns()
        observation = pipeline.update(bar)
        elapsed = time.perf_counter_ns() - start
        if observation is not None:
            times.append(elapsed / 1e3)
    return times


def _recompute_times(bars: Bars, repeats: int) -> list[float]:
    """Microseconds of the plain indicators over the last 500 bars, as at each bar of a live system."""
    columns = [column.astype(np.float64) for column in (bars.high_ticks, bars.low_ticks, bars.close_ticks, bars.volume)]
    times = []
    for end in range(len(bars) - repeats, len(bars)):
        window = [np.ascontiguousarray(column[max(0, end - WINDOW_BARS) : end]) for column in columns]
        start = time.perf_counter_ns()
        _indicators(*window)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return times


def _indicators(high: np.ndarray, low: np.ndarray, close: np.ndarray, volume: np.ndarray) -> None:
    p = PARAMETERS
    fast, slow, signal = p.macd
    fast_k, slow_k, slow_d = p.stochastic
    talib.RSI(close, p.rsi)
    talib.MACD(close, fast, slow, signal)
    talib.BBANDS(close, p.bollinger)
    talib.STOCH(high, low, close, fast_k, slow_k, slowd_period=slow_d)
    talib.MFI(high, low, close, volume, p.mfi)
    talib.ADX(high, low, close, p.adx)
    talib.ATR(high, low, close, p.atr)
    for period in p.ema:
        talib.EMA(close, period)
