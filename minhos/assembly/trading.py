"""From settings to an engine: which venue, which clock, which journal.  Shared by trader and research.

Nothing here runs for long; the loop is `trader`.  Feeds are made in `feeds`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import msgspec

from minhos import parts
from minhos.errors import ModelError
from minhos.features.pipeline import FeaturePipeline, feature_set
from minhos.features.types import Observation
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SimulatedClock, SystemClock
from minhos.market.types import Bar, Bars, Instrument
from minhos.models.bundle import BundleInfo, load_bundle
from minhos.models.forecast import LSTM
from minhos.models.registry import Registry
from minhos.models.serving import Forecaster
from minhos.settings import Settings
from minhos.trading import events as ev
from minhos.trading.state import Observe, TradingState

if TYPE_CHECKING:  # who only reads does not load what sends orders
    from minhos.trading.engine import Forecasts

MembersOff = Callable[[Iterable[str]], tuple[str, ...]]
"""Of a bundle's members those that a switch turns off."""
Report = Callable[[str, str], None]
"""Why a feature of the user's has no value at a bar, and which took too long at it; each a sentence, or empty."""


def make_clock(settings: Settings) -> Clock:
    return SimulatedClock(wall=SystemClock()) if settings.simulated else SystemClock()


def trading_settings(
    settings: Settings, signal: Instrument, symbol: str, leaving: str = "", parts_refusal: str = ""
) -> ev.TradingSettings:
    """What a decision depends on, with its id.

    symbol: the contract whose bars come in.  leaving: why it is left.  parts_refusal: why a part of the user's own
    cannot be relied on; his limits are then not asked, and nothing is added.
    """
    instruments = {symbol: signal}
    order_symbol = symbol
    if settings.market.order_root and settings.market.order_root != signal.root:
        order_symbol = symbol.replace(signal.root, settings.market.order_root, 1)
        instruments[order_symbol] = settings.instrument(settings.market.order_root)
    micro_root = instruments[order_symbol].micro_root
    values = ev.TradingSettings(
        sizing=settings.sizing_parameters(),
        risk=settings.risk_parameters(),
        instruments=instruments,
        signal_symbol=symbol,
        order_symbol=order_symbol,
        auto_trading=settings.autonomous.sends_orders(),
        events_text=settings.events_text,
        micro=settings.instrument(micro_root) if micro_root else None,
        members_off=settings.members_off((LSTM, "ensemble")),
        leaving=leaving,
        parts=parts.identities(*(() if parts_refusal else (parts.limits,)), parts.features),
        limit_options={part.name: settings.limit.get(part.name, {}) for part in parts.limits.own()},
        parts_refusal=parts_refusal,
    )
    digest = hashlib.sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()[:12]
    return msgspec.structs.replace(values, settings_id=digest)


def feature_factory(
    calendar: SessionCalendar, clock: Clock | None = None, report: Report | None = None
) -> Callable[[Instrument], Observe]:
    """A fresh pipeline for an instrument, as a function of a bar.

    report: hears after each bar how the user's features did; with the clock, also which took too long.  What it does
    with it must not change what the bar gives: a replay measures no time.
    """

    def make(instrument: Instrument) -> Observe:
        pipeline = FeaturePipeline(instrument, calendar, clock)
        if report is None or not parts.features.own():
            return pipeline.update

        def observe(bar: Bar) -> Observation | None:
            observation = pipeline.update(bar)
            report(pipeline.refusal, pipeline.slow)
            return observation

        return observe

    return make


def make_state(calendar: SessionCalendar, clock: Clock | None = None, report: Report | None = None) -> TradingState:
    """An empty one.  clock, report: for the user's features, see `feature_factory`."""
    return TradingState(calendar, feature_factory(calendar, clock, report))


MakeState = Callable[[SessionCalendar, Clock | None, Report | None], TradingState]
"""How a trader's empty state is made: `make_state`."""


class LoadModel(Protocol):
    """How a bundle comes to serve."""

    def __call__(
        self, info: BundleInfo, time_ns: int, members_off: MembersOff
    ) -> tuple[ev.ModelActivated, Forecasts]: ...


def load_model(
    info: BundleInfo, time_ns: int, members_off: MembersOff = lambda names: ()
) -> tuple[ev.ModelActivated, Forecaster]:
    """A verified, warmed bundle.  members_off: those of its members that a switch turns off.

    Raises ModelError where it is damaged or does not fit the features that run.
    """
    features = feature_set()
    bundle = load_bundle(info.path, feature_names=features.names, feature_version=features.version)
    manifest = bundle.manifest
    off = members_off(manifest.weights)
    present = {name: model for name, model in bundle.members.items() if name not in off}
    asked = {name: weight for name, weight in manifest.weights.items() if name not in off}
    serving = msgspec.structs.replace(manifest, weights=asked)  # what a switch turns off is not missing
    forecaster = Forecaster(msgspec.structs.replace(bundle, members=present, manifest=serving))
    forecaster.warm()
    activation = ev.ModelActivated(
        time_ns=time_ns,
        bundle_id=bundle.id,
        recipe_id=manifest.recipe_id,
        payoff=manifest.payoff,
        verdict=str(manifest.report.get("verdict", "")),
        slope_low=manifest.calibrator.slope_low,
        simulated=manifest.simulated,
        created_ns=manifest.created_ns,
        adjusted=manifest.adjusted or "",
        regular_hours=bool(manifest.regular_hours),
    )
    return activation, forecaster


def active_bundle(registry: Registry, scope: str) -> BundleInfo | None:
    """The promoted bundle; None where there is none or the pointer cannot be read."""
    try:
        return registry.active(scope)
    except ModelError:
        return None


def bars_since(history: Bars, anchor_time_ns: int, at_most: int = 6000) -> Bars:
    """The bars that warm the features: from the anchor where the history reaches it, else the newest ones."""
    closes = history.close_time_ns
    if anchor_time_ns and len(closes) and closes[0] <= anchor_time_ns:
        since = history.rows(closes >= anchor_time_ns)
        if len(since) <= 3 * at_most:
            return since
    return history.rows(slice(max(0, len(history) - at_most), None))
