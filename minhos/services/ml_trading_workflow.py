"""From the models to the decision, for programs that use MinhOS as a library: `manual_decision` says what and why.

It tells the newest decision, or makes one from the active bundle and the newest bars with the function that trades
(`minhos.trading.decide`).  It has no venue and no way to write: nothing that it says is ever sent or journaled.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools

from minhos.assembly.in_use import settings_in_use
from minhos.assembly.layout import Layout
from minhos.assembly.live_views import LiveViews
from minhos.assembly.naming import registry_of, scope_of
from minhos.assembly.trading import active_bundle, bars_since, load_model, make_state, trading_settings
from minhos.errors import DataError, ModelError, NotEnoughData
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Slice
from minhos.models.bundle import BundleInfo
from minhos.settings import Settings, home
from minhos.studies.history import history_of
from minhos.trading import events as ev
from minhos.trading.decide import decide
from minhos.views.decisions import DecisionLine, line_of
from minhos.views.status import Status, status
from minhos.views.values import View


@dataclasses.dataclass(frozen=True)
class ManualDecision(View):
    """What would be done now.  source: `journal` (the trader's newest), `recomputed`, or `none`."""

    state: str
    mode: str
    banner: str
    source: str
    reason: str
    decision: DecisionLine | None


class MLTradingWorkflow:
    """Asks, never acts."""

    def __init__(self, settings: Settings | None = None, layout: Layout | None = None) -> None:
        self.layout = layout or Layout(home())
        self.settings = settings or settings_in_use(self.layout, last=True)[0]
        self._house = LiveViews(self.settings, self.layout)

    async def manual_decision(self) -> ManualDecision:
        """The newest decision that rests on a forecast; else one made now, in another thread; nothing is sent.

        Raises MinhosError for settings or data that cannot be used.
        """
        return await asyncio.to_thread(self._manual_decision)

    def _manual_decision(self) -> ManualDecision:
        now = self._house.read(lambda views, around: status(views, around))
        recorded = self._house.read(lambda views, _: views.decisions.lines(1, views.instruments, with_forecast=True))
        if recorded:
            return _answer(now, "journal", recorded[0].reason, recorded[0])
        info = active_bundle(registry_of(self.settings, self.layout), scope_of(self.settings))
        if info is None:
            return _answer(now, "none", now.reason, None)
        try:
            line = self._recompute(info)
        except (DataError, ModelError) as error:
            return _answer(now, "none", str(error), None)
        return _answer(now, "recomputed", line.reason, line)

    def _recompute(self, info: BundleInfo) -> DecisionLine:
        """Decide on the newest bar for a flat account with the starting cash."""
        history = history_of(None, self.settings)
        bars = bars_since(history.bars, 0)
        chosen, calendar = history.settings, SessionCalendar.load()
        last = bars.bar(len(bars) - 1)
        state = make_state(calendar)
        activation, forecaster = load_model(info, last.open_time_ns, chosen.members_off)
        settings = trading_settings(chosen, bars.instrument, last.symbol)
        cash_cents = round(100 * chosen.paper.initial_cash)
        mode = "simulated" if history.simulated else "paper"
        for event in (
            ev.EngineStarted(last.open_time_ns, mode, "manual", "", cash_cents),
            ev.SettingsActivated(last.open_time_ns, settings),
            activation,
            ev.HistoryLoaded(last.open_time_ns, tuple(bars.rows(slice(0, len(bars) - 1))), True),
            ev.SliceClosed(last.close_time_ns, Slice(last.close_time_ns, (last,))),
        ):
            state.apply(event)
        assert state.manager is not None
        forecast = forecaster.forecast(state.observation) if state.observation else None
        if forecast is None:
            raise NotEnoughData(f"{len(bars)} bars are too few to warm the features; name a longer history.")
        decision = decide(state.moment(forecast), state.manager)
        return line_of(0, ev.DecisionMade(decision), settings.instruments)


def _answer(now: Status, source: str, reason: str, line: DecisionLine | None) -> ManualDecision:
    return ManualDecision(now.state, now.mode, now.banner, source, reason, line)


@functools.cache
def get_ml_trading_workflow() -> MLTradingWorkflow:
    """The one workflow of this process."""
    return MLTradingWorkflow()
