"""Higher timeframes: a worked example of which bars are closed, and when."""

from __future__ import annotations

import msgspec
import numpy as np

from minhos.features.parameters import PARAMETERS
from minhos.features.talib_guard import talib
from minhos.features.timeframe import Timeframe
from minhos.market.types import BAR_INTERVAL_NS

OPEN = 1_000 * BAR_INTERVAL_NS
CLOSE = OPEN + 22 * BAR_INTERVAL_NS
SHORT = msgspec.structs.replace(PARAMETERS, timeframe_ema=2, atr=1, rsi=2)


class Counted(Timeframe):
    """Counts the bars that closed."""

    closed_bars = 0

    def _close_bar(self) -> None:
        self.closed_bars += 1
        super()._close_bar()


def fed(bars: list[tuple[int, int]], minutes: int = 15, open_ns: int = OPEN, close_ns: int = CLOSE) -> Counted:
    """bars: (number of the 5-minute bar in the session from 1 on, close); high and low lie one tick beside it."""
    timeframe = Counted(minutes, SHORT)
    for number, close in bars:
        timeframe.update(open_ns + number * BAR_INTERVAL_NS, open_ns, close_ns, close + 1, close - 1, close)
    return timeframe


def test_only_closed_bars_count():
    bars = [(1, 100), (2, 110), (3, 106), (4, 90), (5, 80), (6, 120), (7, 500), (8, 900)]
    assert fed(bars[:5]).ema == 0.0, "one closed bar is no average of two"
    before = fed(bars[:6])
    assert before.ema == (106 + 120) / 2
    assert before.atr == (120 + 1) - (80 - 1)
    unfinished = fed(bars)
    assert (unfinished.ema, unfinished.atr) == (before.ema, before.atr)


def test_trend_measures_the_newest_close_against_closed_bars():
    timeframe = fed([(1, 100), (2, 110), (3, 106), (4, 90), (5, 80), (6, 120)])
    assert timeframe.trend(134.0) == (134.0 - 113.0) / 42.0


def test_a_session_ends_its_last_bar_and_the_next_starts_anew():
    timeframe = fed([(19, 100), (20, 101), (21, 102), (22, 103)])
    assert timeframe.ema == (102 + 103) / 2
    later = CLOSE + 12 * BAR_INTERVAL_NS
    for number in (1, 2, 3):
        timeframe.update(later + number * BAR_INTERVAL_NS, later, later + 276 * BAR_INTERVAL_NS, 105, 103, 104)
    assert timeframe.ema == 102.5 + (104 - 102.5) * 2 / 3


def test_missing_bars_close_what_they_left_open():
    assert fed([(1, 100), (2, 101), (7, 102)]).ema == 0.0, "one closed bar is no average of two"
    assert fed([(1, 100), (2, 101), (7, 102), (9, 103)]).ema == (101 + 103) / 2


def test_values_are_talibs_on_the_closed_bars():
    closes = np.random.default_rng(5).normal(0, 30, 240).cumsum().round() + 5000
    timeframe = Timeframe(60, PARAMETERS)
    for i, close in enumerate(closes.tolist()):
        timeframe.update(OPEN + (i + 1) * BAR_INTERVAL_NS, OPEN, OPEN + 240 * BAR_INTERVAL_NS, close, close, close)
    hourly = closes.reshape(20, 12)
    high, low, last = hourly.max(axis=1), hourly.min(axis=1), np.ascontiguousarray(hourly[:, -1])
    assert timeframe.ema == talib.EMA(last, PARAMETERS.timeframe_ema)[-1]
    assert timeframe.atr == talib.ATR(high, low, last, PARAMETERS.atr)[-1]
    assert timeframe.rsi == talib.RSI(last, PARAMETERS.rsi)[-1]
