"""The trading process of `bench faults`: the real engine, journal, recovery and venue; what it wants is told.

It obeys words that come through a pipe and answers each one, and it may be told to die at a step of its own: before
or after anything is appended to the journal, before or after anything is handed to the venue.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import numpy as np

from minhos.accounting.types import Order
from minhos.assembly.layout import Layout
from minhos.dtc.logon import ClientOptions
from minhos.features.types import MarketState, Observation
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock, SystemClock
from minhos.market.types import Bar, Instrument, Slice
from minhos.models.forecast import Forecast
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import MNQ, MONDAY_OPEN, forecast, payoff
from minhos.trading import events as ev
from minhos.trading.book import is_stop
from minhos.trading.engine import Engine, EventStore
from minhos.trading.recovery import fold, reconcile
from minhos.trading.state import TradingState
from minhos.trading.venue import Report
from minhos.venues.order_gate import OrderGate
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.venue import SierraVenue

CONTRACT, SYMBOL, ACCOUNT = "MNQZ25", "MNQZ25-CME", "Sim1"
ATR_TICKS = 40.0
STOP_TICKS = 120
"""3 × ATR."""
CASH_CENTS = 25_000_000
POLL_S = 0.001
NO_LIMITS = RiskParameters(
    max_consecutive_losses=10**6,
    daily_loss_limit=1.0,
    max_commission_share_a_day=1.0,
    max_orders_a_minute=10**6,
    max_orders_a_day=10**6,
    max_round_trips_a_day=10**6,
    min_confidence=0.5,
)
"""The limits that would end the day are set so wide that orders keep coming."""
SETTINGS = ev.TradingSettings(
    SizingParameters(confidence_threshold=0.5, half_of_remaining_budget=False, drawdown_bound=False),
    NO_LIMITS,
    {CONTRACT: MNQ},
    CONTRACT,
    CONTRACT,
    settings_id="bench",
)
MODEL = ev.ModelActivated(MONDAY_OPEN, "bundle-bench", "recipe-bench", payoff(), "edge", 0.6, False)
NOTHING = np.zeros(0, dtype=np.float32)


class ShiftedClock(SystemClock):
    """The machine's clock, moved to a Monday's open; jump_ns comes on top."""

    def __init__(self, shift_ns: int) -> None:
        self.shift_ns = shift_ns

    @classmethod
    def at_open(cls) -> ShiftedClock:
        """It is a minute past the open now."""
        return cls(MONDAY_OPEN + 60 * 10**9 - SystemClock().now_ns())

    def now_ns(self) -> int:
        return super().now_ns() + self.shift_ns


class TraderProcess(msgspec.Struct, frozen=True, kw_only=True):
    """What a trading process is told.  home: its folder; port: the broker's; shift_ns: of its clock.  dies_at_step: it
    kills itself there, 0 for nowhere."""

    home: Path
    port: int
    shift_ns: int
    request_timeout_s: float = 0.5
    reconcile_every_s: float = 1.0
    dies_at_step: int = 0


class Standing(msgspec.Struct, frozen=True):
    """How the trader stands.  trouble: why it takes no new risk, empty for none.  working: orders that are not stops
    and not final.  flat_only: why only what shrinks the position is allowed."""

    trouble: str
    working: int
    unknown: int
    position: int
    stops: int
    flat_only: str

    @property
    def is_settled(self) -> bool:
        """Nothing is under way."""
        return not self.trouble and not self.working and not self.unknown


class Life:
    """Counts this process's steps and ends it, by SIGKILL, at the one that was chosen."""

    def __init__(self, dies_at_step: int = 0) -> None:
        self.left = dies_at_step

    def step(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalJournal:
    """A journal on both sides of whose every event the process may end; it notes when the last decision was stored and
    when the first intent after it was on the disk."""

    away = ""

    def __init__(self, journal: Journal, life: Life, clock: Clock) -> None:
        self._journal, self._life, self._clock = journal, life, clock
        self.decided_ns = self.intended_ns = 0

    def append(self, kind: str, payload: bytes, time_ns: int, *, durable: bool = False) -> int:
        self._life.step()
        sequence = self._journal.append(kind, payload, time_ns, durable=durable)
        if kind == ev.DecisionMade.__name__:
            self.decided_ns, self.intended_ns = self._clock.monotonic_ns(), 0
        elif kind == ev.OrderIntended.__name__:
            self.intended_ns = self.intended_ns or self._clock.monotonic_ns()
        self._life.step()
        return sequence


class MortalVenue(SierraVenue):
    """The venue, on both sides of whose every order the process may end."""

    life = Life()

    def submit(self, order: Order, time_ns: int) -> list[Report]:
        self.life.step()
        reports = super().submit(order, time_ns)
        self.life.step()
        return reports

    def cancel(self, order_id: str, time_ns: int) -> list[Report]:
        self.life.step()
        return super().cancel(order_id, time_ns)


class Undecided:
    """A forecast without a side: the position is what a person forces."""

    def forecast(self, observation: Observation) -> Forecast:
        return forecast(0.5, symbol=CONTRACT, close_time_ns=observation.close_time_ns)


def no_features(_: Instrument) -> Callable[[Bar], Observation]:
    """No features but a market state with a fixed ATR."""
    first: list[int] = []

    def observe(closed: Bar) -> Observation:
        first.append(closed.close_time_ns)
        state = MarketState(closed.symbol, closed.close_time_ns, closed.close_ticks, ATR_TICKS)
        return Observation(closed.symbol, closed.close_time_ns, first[0], NOTHING, NOTHING, state)

    return observe


class BenchTrader:
    """One trading process over the journal in its home; `obey` carries out one word."""

    def __init__(self, told: TraderProcess, calendar: SessionCalendar) -> None:
        layout = Layout(told.home).make()
        self.clock, self.life = ShiftedClock(told.shift_ns), Life(told.dies_at_step)
        self.forecasts = Undecided()
        self.sqlite = Journal.open(layout.journal("paper", ACCOUNT), {"mode": "paper", "account": ACCOUNT})
        self.journal = MortalJournal(self.sqlite, self.life, self.clock)
        state = TradingState(calendar, no_features)
        fold(state, self.sqlite.records())
        self.engine = self._engine(state, self._venue(told, layout), self.journal)

    def _venue(self, told: TraderProcess, layout: Layout) -> SierraVenue:
        options = SierraOptions(
            client=ClientOptions(
                port=told.port, request_timeout_s=told.request_timeout_s, reconnect_first_s=0.02, reconnect_most_s=0.1
            ),
            account=ACCOUNT,
            target_per_stop=20 / 3,
            request_timeout_s=told.request_timeout_s,
            reconcile_every_s=told.reconcile_every_s,
        )
        venue = MortalVenue(options, SETTINGS.instruments, self.clock, OrderGate(layout.orders_lock), layout.halt_file)
        venue.life = self.life
        return venue

    def _engine(self, state: TradingState, venue: SierraVenue, journal: EventStore) -> Engine:
        engine = Engine(state, venue, self.clock, journal, self.forecasts)
        engine.start(SETTINGS, mode="paper", account=ACCOUNT, version="bench", cash_cents=CASH_CENTS)
        engine.activate_model(MODEL, self.forecasts)
        reconcile(engine, self.clock.now_ns())
        venue.open()
        return engine

    def obey(self, word: str, value: int = 0, price_ticks: int = 0) -> object:
        """Carry out one word; returns the answer."""
        if word == "die":
            self.life.left = value
        elif word == "decide":
            self._decide(value, price_ticks)
        elif word == "flatten":
            self.engine.flatten("told to", "bench", self.clock.now_ns())
        elif word == "jump":
            self.clock.shift_ns += value
        elif word == "moments":
            return self.journal.decided_ns, self.journal.intended_ns
        return self.standing()

    def standing(self) -> Standing:
        """How things stand."""
        state = self.engine.state
        records = state.book.open_records()
        flat_only = state.risk.distrust
        return Standing(
            trouble=state.venue_trouble(),
            working=sum(not is_stop(record.order) for record in records),
            unknown=len(state.book.unknown()),
            position=state.ledger.account().position(CONTRACT).contracts,
            stops=sum(record.contracts - record.filled for record in records if is_stop(record.order)),
            flat_only=flat_only.why if flat_only is not None else "",
        )

    def _decide(self, target: int, price_ticks: int) -> None:
        """A bar closes now, at that price, and a person has forced that many signed contracts."""
        now_ns = self.clock.now_ns()
        side = "long" if target > 0 else "short" if target < 0 else "flat"
        wanted: dict[str, str | int | float | bool] = {"side": side, "contracts": abs(target)}
        self.engine.on_command(ev.CommandReceived(now_ns, f"force-{now_ns}", "force", "bench", "told to", wanted))
        bar = Bar(CONTRACT, now_ns, price_ticks, price_ticks, price_ticks, price_ticks, 1_000)
        self.engine.on_slice(Slice(now_ns, (bar,)), now_ns)


def trade(told: TraderProcess, calendar: SessionCalendar, pipe: Connection, theirs: Connection) -> None:
    """The process: until its parent ends."""
    theirs.close()
    parent = os.getppid()
    trader = BenchTrader(told, calendar)
    gc.collect()
    gc.freeze()  # as the trader's own start does
    pipe.send(trader.standing())
    while os.getppid() == parent:
        trader.engine.poll_venue()
        if not pipe.poll(POLL_S):
            continue
        try:
            words = pipe.recv()
        except EOFError:
            break
        pipe.send(trader.obey(*words))
    os._exit(0)
