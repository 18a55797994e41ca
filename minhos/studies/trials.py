"""Enter what was tried into the trial ledger, and deflate the Sharpe ratio that came of it by all trials so far.

Used by training, backtest, lab, walk-forward, search and the report: each is one more look at the same bars.  Reruns
do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy.typing as npt

from minhos.assembly.layout import Layout
from minhos.assembly.venues import matching_of
from minhos.market.clock import SystemClock
from minhos.market.types import Bars
from minhos.models.bundle import Bundle
from minhos.research.luck.deflation import Deflation, deflated, variance_of
from minhos.settings import Settings
from minhos.training.ledger import DataRange, TrialLedger


class Tried(msgspec.Struct, frozen=True):
    """n_trials: distinct configurations tried on overlapping bars, this one included.

    sharpe_ratio_variance: of the ratios per trade date of those on exactly these bars; None where these are fewer than
    five, or than half of all.  Ratios of a shorter record are noisier, and those of a few sizes of the same signals
    would say that hundreds of other trials were alike.
    """

    n_trials: int
    sharpe_ratio_variance: float | None = None


def ledger_of(layout: Layout) -> TrialLedger:
    """The home's trial ledger, on its disk."""
    return TrialLedger(layout.ledger, lambda path: layout.database(path, "write"))


def range_of(bars: Bars) -> DataRange:
    """The stretch of data that those bars are, for the ledger."""
    return DataRange(bars.instrument.root, int(bars.close_time_ns[0]), int(bars.close_time_ns[-1]), bars.simulated)


def enter(
    layout: Layout,
    bars: Bars,
    recipe_id: str,
    settings: Mapping[str, object],
    kind: str,
    sharpe_ratio: float | None = None,
) -> Tried:
    """Count one configuration on those bars and say how many there are now.

    settings: plain values, all that the result depends on beside the recipe and the cost of a round trip.  kind:
    train, backtest, lab, walk-forward, search.  sharpe_ratio: of returns by trade date, not annualised; None where
    there is none.
    """
    data, ledger = range_of(bars), ledger_of(layout)
    at_ns = SystemClock().now_ns()
    judged = {**settings, "cost_ticks": bars.instrument.round_trip_cost_ticks()}
    ledger.record(data, recipe_id, judged, kind=kind, at_ns=at_ns, sharpe_ratio=sharpe_ratio)
    return tried(layout, bars)


def judged_with(settings: Settings, bundle: Bundle) -> dict[str, object]:
    """Settings that a backtest of that bundle depends on beside its recipe, as the ledger wants them."""
    parts = (settings.sizing_parameters(), settings.risk_parameters(), matching_of(settings))
    names = ("sizing", "risk", "matching")
    plain = {name: msgspec.to_builtins(part) for name, part in zip(names, parts, strict=True)}
    return {**plain, "cash": settings.paper.initial_cash, "seed": bundle.manifest.seeds[0]}


def tried(layout: Layout, bars: Bars) -> Tried:
    """How often these bars were looked at so far; enters nothing."""
    data = range_of(bars)
    trials = ledger_of(layout).trials(data)
    count = len({trial.configuration for trial in trials})
    same = [trial for trial in trials if (trial.first_ns, trial.last_ns) == (data.first_ns, data.last_ns)]
    ratios = [trial.sharpe_ratio for trial in same if trial.sharpe_ratio is not None]
    return Tried(count, variance_of(ratios) if 2 * len(ratios) >= count else None)


def enter_and_deflate(
    layout: Layout, bars: Bars, recipe_id: str, settings: Mapping[str, object], kind: str, daily_returns: npt.ArrayLike
) -> Deflation:
    """Count one configuration with its returns by trade date, shape (n_dates,), and deflate their Sharpe ratio."""
    plain = deflated(daily_returns, 1)
    found = enter(layout, bars, recipe_id, settings, kind, plain.sharpe_ratio)
    return deflated(daily_returns, found.n_trials, found.sharpe_ratio_variance)
