"""A recorded journal for replay and compare: the engine over made-up sessions, forecasts that follow from features."""

import msgspec
import numpy as np

from minhos.features.types import Observation
from minhos.journal.memory import MemoryJournal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import Bars
from minhos.models.forecast import Forecast
from minhos.research.replay import standard_features
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import NQ, forecast, payoff, session_bars
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.recovery import fold
from minhos.trading.state import TradingState
from minhos.venues.paper import PaperVenue

SYMBOL = "NQZ25"
CALENDAR = SessionCalendar.load()
SETTINGS = ev.TradingSettings(SizingParameters(), RiskParameters(), {SYMBOL: NQ}, SYMBOL, SYMBOL, settings_id="a")
MODEL = ev.ModelActivated(0, "bundle-a", "recipe", payoff(), "edge", 0.6, False)


class FromFeatures:
    """A stand-in for a bundle: its p follows from the row alone, so that it can be recomputed."""

    def __init__(self, bundle_id: str = "bundle-a", shift: float = 0.0) -> None:
        self.bundle_id, self.shift = bundle_id, shift

    def forecast(self, observation: Observation) -> Forecast:
        p = 0.5 + 0.45 * float(np.tanh(observation.row[:8].sum() + observation.window.mean())) + self.shift
        told = forecast(p, close_time_ns=observation.close_time_ns)
        return msgspec.structs.replace(told, bundle_id=self.bundle_id)


def bars() -> Bars:
    return session_bars(400_000, 400_000, 400_000, 400_000)


def trading(journal: MemoryJournal, start_ns: int, settings: ev.TradingSettings = SETTINGS) -> Engine:
    """An engine as the trader starts it over this journal."""
    state = TradingState(CALENDAR, standard_features(CALENDAR))
    fold(state, journal.records())
    engine = Engine(state, PaperVenue(settings.instruments), SimulatedClock(start_ns), journal, FromFeatures())
    engine.start(settings, mode="paper", account="test", version="1", cash_cents=25_000_000)
    engine.activate_model(MODEL, engine.forecasts)
    return engine
