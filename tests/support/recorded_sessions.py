"""Ten recorded sessions of a simulated account, and more that went wrong: what `arm` counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from minhos.features.types import Observation
from minhos.journal.reader import reader
from minhos.journal.store import Journal
from minhos.journal.types import Record
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Slice
from minhos.models.forecast import Forecast
from minhos.research.replay import standard_features
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import MNQ, NQ, forecast, payoff, session_bars
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.state import TradingState
from minhos.venues.paper import PaperVenue

CALENDAR = SessionCalendar.load()
RECIPE = "recipe-test"
SIGNAL, ORDERS = "NQZ25", "MNQZ25"
N_WARM_UP, N_SESSIONS = 2, 10
SETTINGS = ev.TradingSettings(
    SizingParameters(), RiskParameters(), {SIGNAL: NQ, ORDERS: MNQ}, SIGNAL, ORDERS, settings_id="recorded"
)
MODEL = ev.ModelActivated(0, "bundle-recorded", RECIPE, payoff(), "edge", 0.6, False)


class Foresight:
    """Right three times of four, so that ten sessions prove an edge: it knows the bars that follow."""

    def __init__(self, bars: list[Bar]) -> None:
        opens = {bar.open_time_ns: bar.open_ticks for bar in bars}
        self._up = {
            bar.close_time_ns: opens.get(bar.close_time_ns + BAR_INTERVAL_NS, 0) > opens.get(bar.close_time_ns, 0)
            for bar in bars
        }

    def forecast(self, observation: Observation) -> Forecast:
        close_ns = observation.close_time_ns
        right = close_ns // BAR_INTERVAL_NS % 4 != 0
        p_up = 0.66 if self._up[close_ns] is right else 0.34
        return msgspec.structs.replace(forecast(p_up, close_time_ns=close_ns), bundle_id=MODEL.bundle_id)


def record(path: Path, *, differences: dict[int, tuple[str, ...]] | None = None) -> None:
    """A journal of ten whole sessions, each compared with the broker as it begins.

    differences: what the broker showed otherwise, by the session's number from 0 on.
    """
    bars = list(session_bars(*[400_000] * (N_WARM_UP + N_SESSIONS)))
    n_warm = len(bars) * N_WARM_UP // (N_WARM_UP + N_SESSIONS)
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal.open(path, {"mode": "paper", "account": "Sim1"})
    state = TradingState(CALENDAR, standard_features(CALENDAR))
    clock = SimulatedClock(bars[n_warm - 1].close_time_ns)
    engine = Engine(state, PaperVenue(SETTINGS.instruments), clock, journal, Foresight(bars))
    engine.start(SETTINGS, mode="paper", account="Sim1", version="1", cash_cents=25_000_000)
    engine.activate_model(MODEL, engine.forecasts)
    engine.load_history(bars[:n_warm], reset=True)
    dates: list[int] = []
    for bar in bars[n_warm:]:
        trade_date = CALENDAR.trade_date(bar.close_time_ns - 1)
        if trade_date not in dates:
            found, now_ns = (differences or {}).get(len(dates), ()), bar.close_time_ns - 60 * NANOS_PER_SECOND
            dates.append(trade_date)
            engine.record(ev.Reconciled(now_ns, found), now_ns)
        engine.on_slice(Slice(bar.close_time_ns, (bar,)))
    journal.close()


def unchanged(record: Record) -> bytes | None:
    return record.payload


def copied(source: Path, target: Path, change: Callable[[Record], bytes | None] = unchanged) -> None:
    """The journal again, each record with the payload that `change` gives it; None leaves the record out."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old, new = reader(source), Journal.open(target, {"mode": "paper", "account": "Sim1"})
    for each in old.records():
        payload = change(each)
        if payload is not None:
            new.append(each.kind, payload, each.time_ns)
    new.close()
    old.close()


def trade_dates(path: Path) -> list[int]:
    """Of the recorded sessions."""
    journal = reader(path)
    found = {CALENDAR.trade_date(each.time_ns - 1) for each in journal.records(kinds=("SliceClosed",))}
    journal.close()
    return sorted(found)
