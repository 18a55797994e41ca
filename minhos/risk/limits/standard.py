"""All limits, in the order in which a trader would ask; those of the user's own after ours.

A limit is a class of ten to twenty lines with a `name` and `cap(context)`; they lie by theme beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping

from minhos.risk.events import NewsEvent
from minhos.risk.limits.data import DataQuality, DelayedData, KnownValues, StaleData, UnusualMarket
from minhos.risk.limits.loss import DailyLoss, RiskLevel, ThreeLosses, TrailingDrawdown
from minhos.risk.limits.manual import Armed, Halted, Paused
from minhos.risk.limits.own import Options, PartsRefused, own_limits
from minhos.risk.limits.signal import (
    Agreement,
    Confidence,
    EvidenceNeeded,
    HoursLearnt,
    Members,
    ModelState,
    TradedPrices,
    UnprovenLive,
)
from minhos.risk.limits.size import CapitalAtRisk, Margin, MaxPositionSize, Runaway
from minhos.risk.limits.time import EventBlackout, Expiry, FlatBeforeHalt, FlatBy, OtherContract, Roll, TradingHours
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
        PartsRefused(),
        VenueReachable(),
        Reconciled(),
        KnownValues(),
        TradingHours(parameters),
        FlatBeforeHalt(parameters),
        FlatBy(parameters),
        Roll(),
        OtherContract(),
        Expiry(parameters),
        EventBlackout(parameters, events),
        StaleData(parameters, mode),
        DelayedData(parameters),
        DataQuality(parameters),
        UnusualMarket(parameters),
        ModelState(),
        TradedPrices(),
        HoursLearnt(),
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


def all_limits(
    parameters: RiskParameters,
    *,
    mode: Mode,
    events: tuple[NewsEvent, ...],
    own: Mapping[str, str],
    options: Mapping[str, Options],
) -> tuple[Limit, ...]:
    """Ours, then the user's; own: names and identities, options: by name.  Raises PartsError as `own_parts` does."""
    ours = standard_limits(parameters, mode=mode, events=events)
    return (*ours, *own_limits(own, options, names_of(ours)))


def names_of(limits: tuple[Limit, ...]) -> frozenset[str]:
    """Their names, which no other limit may bear."""
    return frozenset(limit.name for limit in limits)
