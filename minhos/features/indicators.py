"""Plain indicators, as TA-Lib's streams compute them: bit for bit its batch functions on the same bars.

A stream needs some bars before it can open; until then its value is None.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minhos.features.talib_guard import stream


class Indicator:
    """One TA-Lib stream that opens itself at `bars` bars, the first at which it has a value."""

    __slots__ = ("_bars", "_history", "_name", "_options", "_stream")

    def __init__(self, name: str, bars: int, **options: int) -> None:
        """name: TA-Lib's.  bars: its lookback plus one.  options: its own arguments."""
        self._name = name
        self._bars = bars
        self._options = options
        self._history: list[tuple[float, ...]] = []
        self._stream: Any = None  # TA-Lib's streams have no types

    def update(self, *bar: float) -> Any:  # one number, or as many as TA-Lib's function of that name gives
        """Take in one bar's prices in TA-Lib's order; returns its value, a tuple where it has several, or None."""
        if self._stream is not None:
            return self._stream.update(*bar)
        self._history.append(bar)
        if len(self._history) < self._bars:
            return None
        columns = np.array(self._history, dtype=np.float64).T
        self._stream = getattr(stream, self._name)(*map(np.ascontiguousarray, columns), **self._options)
        self._history.clear()
        return self._stream.value


def rsi(period: int) -> Indicator:
    """Relative strength index of closes, 0 to 100."""
    return Indicator("RSI", period + 1, timeperiod=period)


def ema(period: int) -> Indicator:
    """Exponential moving average of closes."""
    return Indicator("EMA", period, timeperiod=period)


def macd(fast: int, slow: int, signal: int) -> Indicator:
    """MACD, its signal line and their difference, of closes."""
    return Indicator("MACD", slow + signal - 1, fastperiod=fast, slowperiod=slow, signalperiod=signal)


def bollinger(period: int) -> Indicator:
    """Upper, middle and lower band of closes, two standard deviations wide each way."""
    return Indicator("BBANDS", period, timeperiod=period)


def atr(period: int) -> Indicator:
    """Average true range of (high, low, close), Wilder's smoothing."""
    return Indicator("ATR", period + 1, timeperiod=period)


def adx(period: int) -> Indicator:
    """Average directional index of (high, low, close), 0 to 100."""
    return Indicator("ADX", 2 * period, timeperiod=period)


def stochastic(fast: int, slow: int, smooth: int) -> Indicator:
    """Slow stochastic K and D of (high, low, close), 0 to 100."""
    return Indicator("STOCH", fast + slow + smooth - 2, fastk_period=fast, slowk_period=slow, slowd_period=smooth)


def mfi(period: int) -> Indicator:
    """Money flow index of (high, low, close, volume), 0 to 100."""
    return Indicator("MFI", period + 1, timeperiod=period)
