"""A risk scenario through the engine: what came of the script, with all that its checks need to know.

Engine, limits, sizing and paper venue are those of trading; the script says what the market does, what the models
forecast and when nothing fills.  Not for judging it: see `checks`.
"""

from __future__ import annotations

import math

import msgspec

from minhos.accounting.types import Account, Fill, Lot
from minhos.features.pipeline import FeaturePipeline
from minhos.features.types import Observation
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import Bar, Instrument, Price, Slice
from minhos.models.forecast import Forecast
from minhos.research.scenarios.scene import BUNDLE, Conditions, Scene
from minhos.risk.types import Level, RiskState
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.state import Observe, TradingState
from minhos.trading.types import Decision
from minhos.trading.venue import Report
from minhos.venues.matching import MatchingParameters
from minhos.venues.paper import PaperVenue


class Filled(msgspec.Struct, frozen=True):
    """A fill, and what it closed beyond a stop.  stop_ticks: of the first lot that it closed, 0 for an entry.

    beyond_ticks: how far past that stop, slippage included (0 at or before it).  beyond_cents: of all lots it closed.
    """

    fill: Fill
    stop_ticks: int
    beyond_ticks: int
    beyond_cents: int


class Decided(msgspec.Struct, frozen=True):
    """A decision, and the account that it was taken on.  marks, trades: how many there were before it."""

    decision: Decision
    account: Account
    marks: int
    trades: int


class Mark(msgspec.Struct, frozen=True):
    """The account after one input (a price or a closed bar).

    beyond_cents: lost beyond stop prices since the scene began, by what was closed and by what is open at this price.
    level: the worst.  stopped: why everything must be closed, empty where nothing demands it.  fills: contracts of an
    order that this input can fill: none at a bar's close and where the venue is locked.
    """

    time_ns: int
    account: Account
    beyond_cents: int
    level: Level
    stopped: str
    fills: float

    @property
    def contracts(self) -> int:
        """Signed, of the one contract that is traded."""
        return sum(position.contracts for position in self.account.positions)


class Run(msgspec.Struct, frozen=True):
    """What happened, in order.  settings, matching: those that it ran with."""

    settings: ev.TradingSettings
    matching: MatchingParameters
    marks: list[Mark]
    decided: list[Decided]
    fills: list[Filled]
    trades: list[ev.TradeClosed]
    interventions: list[ev.Intervention]

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        return self.settings.instruments[self.settings.order_symbol]

    @property
    def account(self) -> Account:
        """At the end."""
        return self.marks[-1].account


class _Said:
    """The forecasts of the script."""

    def __init__(self) -> None:
        self.now: Forecast | None = None

    def forecast(self, observation: Observation) -> Forecast:
        assert self.now is not None
        assert self.now.close_time_ns == observation.close_time_ns
        return self.now


class _Features:
    """The features of live trading, beside the spread that the script tells."""

    def __init__(self, calendar: SessionCalendar) -> None:
        self._calendar = calendar
        self.conditions = Conditions()

    def __call__(self, instrument: Instrument) -> Observe:
        pipeline = FeaturePipeline(instrument, self._calendar)

        def observe(bar: Bar) -> Observation | None:
            seen = pipeline.update(bar)
            if seen is None:
                return None
            state = msgspec.structs.replace(seen.state, spread_ticks=self.conditions.spread_ticks)
            return msgspec.structs.replace(seen, state=state)

        return observe


class _Venue(PaperVenue):
    """The paper venue under the script's conditions."""

    def __init__(self, instruments: dict[str, Instrument], parameters: MatchingParameters) -> None:
        super().__init__(instruments, parameters)
        self._usual = parameters
        self.locked = False
        self.fills = math.inf
        """Contracts of an order that one price fills."""

    def under(self, conditions: Conditions) -> None:
        """From here on."""
        usual, slippage = self._usual, conditions.slippage_ticks
        self.locked = conditions.locked
        self.fills = 0.0 if conditions.locked else float(conditions.most_contracts or math.inf)
        self._parameters = msgspec.structs.replace(
            usual,
            slippage_ticks=usual.slippage_ticks if slippage is None else slippage,
            max_contracts_per_fill=conditions.most_contracts or usual.max_contracts_per_fill,
        )

    def on_price(self, price: Price) -> list[Report]:
        return [] if self.locked else super().on_price(price)

    def match_open(self, closed: Slice) -> list[Report]:
        return [] if self.locked else super().match_open(closed)

    def match_range(self, closed: Slice) -> list[Report]:
        return [] if self.locked else super().match_range(closed)


class _Watched(Engine):
    """The engine, which also keeps what the checks ask for."""

    tolerant = False

    def __init__(self, state: TradingState, venue: _Venue, clock: SimulatedClock, forecasts: _Said) -> None:
        super().__init__(state, venue, clock, None, forecasts)
        self.marks: list[Mark] = []
        self.decided: list[Decided] = []
        self.fills: list[Filled] = []
        self.trades: list[ev.TradeClosed] = []
        self.interventions: list[ev.Intervention] = []
        self.closed_beyond_cents = 0

    def record(self, event: ev.Event, time_ns: int, *, more: bool = False) -> None:
        if isinstance(event, ev.DecisionMade):
            before = len(self.marks), len(self.trades)
            self.decided.append(Decided(event.decision, self.state.ledger.account(), *before))
        elif isinstance(event, ev.TradeClosed):
            self.trades.append(event)
        elif isinstance(event, ev.Intervention):
            self.interventions.append(event)
        if isinstance(event, ev.OrderFilled):
            self._fill(event, time_ns, more=more)
        else:
            super().record(event, time_ns, more=more)

    def _fill(self, event: ev.OrderFilled, time_ns: int, *, more: bool) -> None:
        symbol = event.fill.symbol
        before = self.state.ledger.account().position(symbol).lots
        super().record(event, time_ns, more=more)
        closed = _closed(before, self.state.ledger.account().position(symbol).lots)
        price, tick_cents = event.fill.price_ticks, self.state.ledger.instruments[symbol].tick_value_cents
        cents = sum(beyond_ticks(lot, price) * contracts for lot, contracts in closed) * tick_cents
        self.closed_beyond_cents += cents
        first = closed[0][0] if closed else None
        stop, beyond = (first.stop_ticks, beyond_ticks(first, price)) if first else (0, 0)
        self.fills.append(Filled(event.fill, stop, beyond, cents))

    def mark(self, time_ns: int, fills: float = 0.0) -> None:
        """Note the account as it is now."""
        account, risk = self.state.ledger.account(), self.state.risk
        beyond = self.closed_beyond_cents + open_beyond_cents(account)
        self.marks.append(Mark(time_ns, account, beyond, risk.level(), _stopped(risk), fills))


def _closed(before: tuple[Lot, ...], after: tuple[Lot, ...]) -> list[tuple[Lot, int]]:
    """The lots that a fill closed, each with its contracts.  Those of one order may have come in several parts."""
    left: dict[tuple[str, int, int], int] = {}
    for lot in after:
        key = lot.order_id, lot.entry_time_ns, lot.entry_ticks
        left[key] = left.get(key, 0) + lot.contracts
    closed = []
    for lot in before:
        key = lot.order_id, lot.entry_time_ns, lot.entry_ticks
        kept = min(lot.contracts, left.get(key, 0))
        left[key] = left.get(key, 0) - kept
        if lot.contracts > kept:
            closed.append((lot, lot.contracts - kept))
    return closed


def beyond_ticks(lot: Lot, price_ticks: int) -> int:
    """How far a price lies past the lot's stop; 0 where it does not, or where the lot has none."""
    return max(0, lot.side * (lot.stop_ticks - price_ticks)) if lot.stop_id else 0


def open_beyond_cents(account: Account) -> int:
    """What open lots have lost beyond their stops at the last prices: they should have been closed there."""
    return sum(
        beyond_ticks(lot, account.last_ticks[position.symbol])
        * lot.contracts
        * account.instruments[position.symbol].tick_value_cents
        for position in account.positions
        for lot in position.lots
    )


def _stopped(risk: RiskState) -> str:
    stops = (risk.emergency, risk.day_stop, risk.trailing_stop, risk.loss_stop)
    return next((stop.why for stop in stops if stop is not None), "")


def play(
    scene: Scene, settings: ev.TradingSettings, *, cash_cents: int, matching: MatchingParameters = MatchingParameters()
) -> Run:
    """Play the scene through the engine, in memory.

    settings: for the scene's instrument as signal (symbol `scene.symbol`); what is traded may be its micro.
    matching: of the paper venue where the script says nothing else.
    """
    calendar, clock, said = SessionCalendar.load(), SimulatedClock(), _Said()
    features = _Features(calendar)
    venue = _Venue(settings.instruments, matching)
    state = TradingState(calendar, features)
    engine = _Watched(state, venue, clock, said)
    clock.advance_to(int(scene.history.close_time_ns[-1]))
    engine.start(settings, mode="simulated", account="scenario", version="", cash_cents=cash_cents)
    engine.load_history(list(scene.history), reset=True)
    model = ev.ModelActivated(clock.now_ns(), BUNDLE, BUNDLE, scene.payoff, "edge", 1.0, True)
    engine.activate_model(model, said)
    engine.mark(clock.now_ns())
    for beat in scene.beats():
        venue.under(beat.conditions)
        features.conditions, said.now = beat.conditions, beat.forecast
        for price in beat.prices:
            clock.advance_to(price.time_ns)
            engine.on_price(price)
            engine.mark(price.time_ns, venue.fills)
        close_ns = beat.closed.close_time_ns
        clock.advance_to(close_ns)
        engine.on_slice(beat.closed)
        engine.mark(close_ns)
    return Run(settings, matching, engine.marks, engine.decided, engine.fills, engine.trades, engine.interventions)
