"""A higher timeframe that grows out of 5-minute bars: only its closed bars are ever used.

Its bars start anew with each session.  A bar closes at the end of its stretch or of the session; where 5-minute bars
are missing it closes when the next one proves that the stretch is over.
"""

from __future__ import annotations

from minhos.features import indicators
from minhos.features.filters import clip
from minhos.features.parameters import FeatureParameters
from minhos.market.types import NANOS_PER_MINUTE


class Timeframe:
    """EMA, ATR and RSI of the closed bars of one timeframe."""

    def __init__(self, minutes: int, parameters: FeatureParameters) -> None:
        self._length_ns = minutes * NANOS_PER_MINUTE
        self._bound = parameters.distance_bound
        self._ema = indicators.ema(parameters.timeframe_ema)
        self._atr = indicators.atr(parameters.atr)
        self._rsi = indicators.rsi(parameters.rsi)
        self._end_ns = 0
        self._high = self._low = self._close = 0.0
        self.ema = self.atr = self.rsi = 0.0

    def update(
        self, close_time_ns: int, session_open_ns: int, session_close_ns: int, high: float, low: float, close: float
    ) -> None:
        """Take in one 5-minute bar (prices in ticks)."""
        if close_time_ns > self._end_ns:
            if self._end_ns:
                self._close_bar()
            elapsed = -(-(close_time_ns - session_open_ns) // self._length_ns) * self._length_ns
            self._end_ns = min(session_open_ns + elapsed, session_close_ns)
            self._high, self._low = high, low
        else:
            self._high, self._low = max(self._high, high), min(self._low, low)
        self._close = close
        if close_time_ns == self._end_ns:
            self._close_bar()
            self._end_ns = 0

    def _close_bar(self) -> None:
        self.ema = self._ema.update(self._close) or 0.0
        self.atr = self._atr.update(self._high, self._low, self._close) or 0.0
        self.rsi = self._rsi.update(self._close) or 0.0

    def trend(self, close: float) -> float:
        """Distance of a close from the EMA, in ATR of this timeframe."""
        return clip((close - self.ema) / max(self.atr, 1.0), self._bound)
