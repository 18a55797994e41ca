"""All limits, in the order in which a trader would ask.  A limit of the user's own is appended to these.

A limit is a class of ten to twenty lines with a `name` and `cap(context)`; they lie by theme in `limits_*.py`.
"""

from __future__ import annotations

from minhos.risk.events import NewsEvent
from minhos.risk.limits.data import DataQuality, DelayedData, KnownValues, StaleData, UnusualMarket
from minhos.risk.limits.loss import DailyLoss, RiskLevel, ThreeLosses, TrailingDrawdown
from minhos.risk.limits.manual import Armed, Halted, Paused
from minhos.risk.limits.signal import Agreement, Confidence, EvidenceNeeded, Members, ModelState, UnprovenLive
from minhos.risk.limits.size import CapitalAtRisk, Margin, MaxPositionSize, Runaway
from minhos.risk.limits.time import EventBlackout, Expiry, FlatBeforeHalt, FlatBy, Roll, TradingHours
from minhos.risk.limits.venue import Reconciled, VenueReachable
from minhos.risk.parameters import Mode, RiskParameters
from minhos.risk.types import Limit


def standard_limits(
    parameters: RiskParameters, *, mode: Mode = "paper", events: tuple[NewsEvent, ...] = ()
) -> tuple[Limit, ...]:
    """Every limit with these settings; of two that allow the same, the first is named as the one that bound."""
    return (
        Halted(),
        RiskLevel(parameters),
        DailyLoss(parameters),
        TrailingDrawdown(parameters),
        ThreeLosses(parameters),
        Paused(),
        Armed(parameters, mode),
        VenueReachable(),
        Reconciled(),
        KnownValues(),
        TradingHours(parameters),
        FlatBeforeHalt(parameters),
        FlatBy(parameters),
        Roll(),
        Expiry(parameters),
        EventBlackout(parameters, events),
        StaleData(parameters, mode),
        DelayedData(parameters),
        DataQuality(parameters),
        UnusualMarket(parameters),
        ModelState(),
        Members(parameters),
        Agreement(parameters),
        Confidence(parameters),
        EvidenceNeeded(parameters, mode),
        UnprovenLive(parameters, mode),
        Runaway(parameters),
        MaxPositionSize(parameters),
        CapitalAtRisk(parameters),
        Margin(parameters),
    )
