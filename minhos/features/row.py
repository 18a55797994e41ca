"""One row of features out of one bar: all groups side by side, and what their names and version are."""

from __future__ import annotations

import hashlib

import msgspec

from minhos import parts
from minhos.errors import PartsError
from minhos.features import indicators
from minhos.features.feature import Own, Seen
from minhos.features.filters import clip
from minhos.features.groups import (
    CLOCK_NAMES,
    MIN_ATR_TICKS,
    Drift,
    Oscillators,
    Regime,
    Returns,
    Shape,
    Volume,
    clock_values,
)
from minhos.features.parameters import PARAMETERS, FeatureParameters
from minhos.features.timeframe import Timeframe
from minhos.features.types import FeatureSet
from minhos.features.volatility import SeasonalVolatility
from minhos.market.calendar import Session
from minhos.market.types import BAR_INTERVAL_NS, Bar

SLOTS = 288
"""5-minute slots of a session, with room for one of 24 hours."""


class RowBuilder:
    """All groups, and the names of their features in the order of the row; the user's come after ours."""

    def __init__(self, parameters: FeatureParameters, own: Own | None = None) -> None:
        self.volatility = SeasonalVolatility(parameters, SLOTS)
        self.atr = indicators.atr(parameters.atr)
        self.returns = Returns(parameters)
        self.drift = Drift(parameters)
        self.regime = Regime(parameters)
        self.oscillators = Oscillators(parameters)
        self.shape = Shape(parameters)
        self.volume = Volume(parameters, SLOTS)
        self.timeframes = [Timeframe(minutes, parameters) for minutes in parameters.timeframes]
        self.own = own
        self.bars = 0
        self.return_bound = parameters.return_bound
        self.atr_ticks = 0.0
        """ATR(14) at the last bar, 0 while unknown."""
        in_order = (self.returns, self.drift, self.regime, self.oscillators, self.shape, self.volume)
        self.names = (
            *(name for group in in_order for name in group.names),
            *CLOCK_NAMES,
            *(f"trend_{minutes}" for minutes in parameters.timeframes),
            f"rsi_{parameters.timeframes[-1]}",
        )
        """Of ours."""

    def update(self, bar: Bar, session: Session, high: int, low: int, close: int, move: int) -> list[float] | None:
        """The row, or None while an indicator has no value.  Prices in ticks, spliced.

        Raises Refused where a feature of the user's has no value.
        """
        time_ns, volume = bar.close_time_ns, bar.volume
        slot = (time_ns - 1 - session.open_ns) // BAR_INTERVAL_NS
        sigma = self.volatility.update(slot, high - low)
        z = clip(move / sigma, self.return_bound)
        self.atr_ticks = atr = self.atr.update(high, low, close) or 0.0
        scale = max(atr, MIN_ATR_TICKS)
        for timeframe in self.timeframes:
            timeframe.update(time_ns, session.open_ns, session.close_ns, high, low, close)
        returns, drift, regime = self.returns.update(z), self.drift.update(z), self.regime.update(z)
        shape = self.shape.update(high, low, close, atr, sigma)
        traded = self.volume.update(slot, move, volume, bar.bid_volume, bar.ask_volume)
        own: list[float] = []
        self.bars += 1
        oscillators = self.oscillators.update(high, low, close, volume, scale)
        if self.own:
            own = self.own.update(Seen(bar, session, high, low, close, move, scale, sigma), self.bars)
        if oscillators is None:
            return None
        return [
            *returns,
            *drift,
            *regime,
            *oscillators,
            *shape,
            *traded,
            *clock_values(time_ns, session),
            *[timeframe.trend(close) for timeframe in self.timeframes],
            self.timeframes[-1].rsi / 50.0 - 1.0,
            *own,
        ]


def _version(names: tuple[str, ...], own: list[str]) -> str:
    """First 12 hex digits of the SHA-256 of all names, parameters and versions."""
    raw = msgspec.json.encode((names, PARAMETERS, own), order="deterministic")
    return hashlib.sha256(raw).hexdigest()[:12]


FEATURE_NAMES: tuple[str, ...] = RowBuilder(PARAMETERS).names
"""Names of ours in the order of a row."""

FEATURE_VERSION: str = _version(FEATURE_NAMES, [])
"""Identifies what a row of ours means."""


def feature_set() -> FeatureSet:
    """What a row holds with the user's features that are loaded.

    Raises PartsError where one of them is no feature, or has the name of one of ours.
    """
    own = parts.features.own()
    if not own:
        return FeatureSet(FEATURE_NAMES, FEATURE_VERSION)
    Own()
    for part in own:
        if part.name in FEATURE_NAMES:
            raise PartsError(f"{part.where}: {part.name!r} is a feature of MinhOS; give this one another name.")
    names = (*FEATURE_NAMES, *(part.name for part in own))
    return FeatureSet(names, _version(names, [part.identity for part in own]))
