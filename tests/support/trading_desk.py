"""A whole trading engine over hand-made bars: what is forecast is said, what happened is read from the journal."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from minhos.accounting.types import Fill, Order
from minhos.features.types import MarketState, Observation
from minhos.journal.memory import MemoryJournal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import BAR_INTERVAL_NS, Bar, Instrument, Price, Slice
from minhos.models.forecast import Forecast
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import MNQ, MONDAY_OPEN, NQ, bar, forecast, payoff
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.recovery import fold, reconcile, take_snapshot
from minhos.trading.state import TradingState
from minhos.trading.types import Decision
from minhos.trading.venue import Venue
from minhos.venues.matching import MatchingParameters
from minhos.venues.paper import PaperVenue

SYMBOL = "NQZ25"
MICRO = "MNQZ25"
CASH_CENTS = 25_000_000
ATR_TICKS = 40.0
STOP_TICKS = 120
"""3 x ATR."""
NOTHING = np.zeros(0, dtype=np.float32)
MODEL = ev.ModelActivated(MONDAY_OPEN, "bundle-test", "recipe-test", payoff(), "edge", 0.6, False)
CALENDAR = SessionCalendar.load()


class Told:
    """Forecasts that a test says: p of "up", an error, or a whole forecast."""

    def __init__(self) -> None:
        self.says: float | Exception | Forecast = 0.5

    def forecast(self, observation: Observation) -> Forecast:
        if isinstance(self.says, Exception):
            raise self.says
        if isinstance(self.says, Forecast):
            return msgspec.structs.replace(self.says, close_time_ns=observation.close_time_ns)
        return forecast(self.says, close_time_ns=observation.close_time_ns)


class FixedFeatures:
    """No features but a market state; `warm_up` bars give none.  atr_ticks may be changed on the way."""

    def __init__(self, warm_up: int = 0) -> None:
        self.atr_ticks = ATR_TICKS
        self.warm_up = warm_up

    def __call__(self, _: Instrument):
        seen = []

        def observe(closed: Bar) -> Observation | None:
            seen.append(closed.close_time_ns)
            if len(seen) <= self.warm_up:
                return None
            state = MarketState(closed.symbol, closed.close_time_ns, closed.close_ticks, self.atr_ticks)
            return Observation(closed.symbol, closed.close_time_ns, seen[0], NOTHING, NOTHING, state)

        return observe


def settings_with(*, sizing: dict | None = None, risk: dict | None = None, **changes) -> ev.TradingSettings:
    """NQ on NQ with every default, except for what is changed."""
    return ev.TradingSettings(
        SizingParameters(**(sizing or {})),
        RiskParameters(**(risk or {})),
        {SYMBOL: NQ, MICRO: MNQ},
        SYMBOL,
        **{"order_symbol": SYMBOL, "settings_id": "s", **changes},
    )


class MirroredEngine(Engine):
    """An engine beside which the journal is folded as it is written; `mirror` is that fold."""

    def __init__(self, state, venue, clock, journal, forecasts=None) -> None:
        super().__init__(state, venue, clock, journal, forecasts)
        self.mirror = TradingState(CALENDAR, FixedFeatures())
        fold(self.mirror, journal.records())

    def record(self, event, time_ns, *, more=False):
        super().record(event, time_ns, more=more)
        self.mirror.apply(ev.decode(ev.kind_of(event), ev.encode(event)))


class Desk:
    """One engine, its journal and its venue.  Bars follow one another from a Monday 09:30 New York."""

    def __init__(
        self,
        settings: ev.TradingSettings | None = None,
        *,
        journal=None,
        warm_up: int = 0,
        matching: MatchingParameters = MatchingParameters(),
        engine_class: type[Engine] = Engine,
        cash_cents: int = CASH_CENTS,
        venue: Venue | None = None,
    ) -> None:
        self.settings = settings or settings_with()
        self.told, self.features = Told(), FixedFeatures(warm_up)
        self.journal = MemoryJournal() if journal is None else journal
        self._decoded: list[ev.Event] = []
        self.clock = SimulatedClock(max([MONDAY_OPEN, *(record.time_ns for record in self.journal.records())]))
        self.matching = matching
        self.state = TradingState(CALENDAR, self.features)
        fold(self.state, self.journal.records())
        self.venue = venue or PaperVenue(self.settings.instruments, matching)
        self.engine = engine_class(self.state, self.venue, self.clock, self.journal, self.told)
        self.next_bar = 0
        self.engine.start(self.settings, mode="paper", account="test", version="1", cash_cents=cash_cents)
        self.engine.activate_model(MODEL, self.told)
        reconcile(self.engine, self.clock.now_ns())

    # What comes in ------------------------------------------------------------------------------------------------

    def bar(self, open_: int, high: int, low: int, close: int, *, p: float | None = None, **flags) -> Decision:
        """The next bar closes; p: what is forecast at its close."""
        return self.slice(bar(self.next_bar, open_, high, low, close), p=p, **flags)

    def slice(self, *bars: Bar, p: float | None = None, age_s: int = 0, **flags) -> Decision:
        """The next slice closes, with these bars (none: they are missing)."""
        if p is not None:
            self.told.says = p
        close_ns = self.close_ns(self.next_bar)
        self.next_bar += 1
        self.clock.advance_to(close_ns)
        return self.engine.on_slice(Slice(close_ns, bars, **flags), close_ns + age_s * 10**9)

    def flat_bar(self, at: int = 80_000, *, p: float | None = None) -> Decision:
        """A bar that opens, stays and closes at one price."""
        return self.bar(at, at, at, at, p=p)

    def price(self, ticks: int, seconds: int = 1) -> None:
        """A price so many seconds into the bar that is under way."""
        time_ns = self.close_ns(self.next_bar - 1) + seconds * 10**9
        self.clock.advance_to(time_ns)
        self.engine.on_price(Price(SYMBOL, time_ns, ticks))

    def command(self, name: str, seconds: int = 1) -> None:
        time_ns = self.close_ns(self.next_bar - 1) + seconds * 10**9
        self.engine.on_command(ev.CommandReceived(time_ns, f"{name}-{time_ns}", name, "anna", f"{name}, please"))

    def close_ns(self, i: int) -> int:
        return MONDAY_OPEN + (i + 1) * BAR_INTERVAL_NS

    # What came of it ----------------------------------------------------------------------------------------------

    @property
    def account(self):
        return self.state.ledger.account()

    @property
    def position(self) -> int:
        return sum(position.contracts for position in self.account.positions)

    @property
    def stops(self) -> list[tuple[int, int]]:
        """(contracts, trigger) of the resting stops, oldest first, as our book has them."""
        return [
            (record.contracts - record.filled, record.order.trigger_ticks)
            for record in self.state.book.open_records()
            if record.order.role == "stop"
        ]

    @property
    def venue_stops(self) -> list[tuple[int, int]]:
        """The same as the venue has them."""
        return [(working.remaining, working.order.trigger_ticks) for working in self.venue._book.stops.values()]

    def events(self, *kinds: type) -> list:
        for record in self.journal.records(after=len(self._decoded)):
            self._decoded.append(ev.decode(record.kind, record.payload))
        return [event for event in self._decoded if not kinds or isinstance(event, kinds)]

    @property
    def fills(self) -> list[Fill]:
        return [event.fill for event in self.events(ev.OrderFilled)]

    @property
    def intents(self) -> list[Order]:
        return [event.order for event in self.events(ev.OrderIntended)]

    @property
    def decisions(self) -> list[Decision]:
        return [event.decision for event in self.events(ev.DecisionMade)]


def remembered(state: TradingState) -> bytes:
    """All that the state remembers, as bytes; only the features are left out (they begin again at a restart)."""
    return take_snapshot(state) + msgspec.msgpack.encode(tuple(state.book.open_ids))


def folded(desk: Desk) -> TradingState:
    """The state that the journal alone gives."""
    state = TradingState(CALENDAR, desk.features)
    fold(state, desk.journal.records())
    return state


NAN = math.nan


def is_whole(desk: Desk) -> None:
    """Every lot protected, venue and journal agreed, no order or fill twice; the fold is the live state."""
    assert sum(contracts for contracts, _ in desk.stops) == abs(desk.position)
    assert sorted(desk.stops) == sorted(desk.venue_stops)
    assert desk.venue._book.net.get(SYMBOL, 0) == desk.position
    assert sum(fill.side * fill.contracts for fill in desk.fills) == desk.position
    assert len({fill.fill_id for fill in desk.fills}) == len(desk.fills)
    assert len({order.order_id for order in desk.intents}) == len(desk.intents)
    known = {name for order in desk.intents for name in (order.order_id, order.stop_id)}
    assert {fill.order_id for fill in desk.fills} <= known
    mirror = desk.engine.mirror if isinstance(desk.engine, MirroredEngine) else folded(desk)
    assert remembered(mirror) == remembered(desk.state)
