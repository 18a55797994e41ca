"""`Views`: all folds together, fed from a journal in its order.  Started again, it folds to the same.

Account, orders and risk are folded by the very state that trades (`minhos.trading.state`), without its features;
what pages show besides is folded beside it.  A long journal starts at the trader's newest snapshot: of what lies
before, only decisions, bars and trades are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from minhos.errors import JournalError, MinhosError
from minhos.features.types import Observation
from minhos.journal.reader import JournalReader
from minhos.journal.types import Record
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bar, Instrument
from minhos.trading import events as ev
from minhos.trading.recovery import SNAPSHOT, restore_snapshot
from minhos.trading.state import TradingState
from minhos.trading.types import Decision
from minhos.views.decisions import Decisions
from minhos.views.market import Market
from minhos.views.performance import Performance
from minhos.views.risk import BoundLimits
from minhos.views.scores import Scores
from minhos.views.updates import Update, Updates

ALERTS_KEPT = 200
SHOWN_KINDS = (
    "EngineStarted",
    "SettingsActivated",
    "ModelActivated",
    "HistoryLoaded",
    "SliceClosed",
    "OrderFilled",
    "DecisionMade",
    "TradeClosed",
    "Alarm",
    "Intervention",
    "CommandReceived",
    "ContradictionFound",
)
"""What the pages' own folds read; the rest matters to the trading state alone."""


class Views:
    """Mutable; one for each journal, and for one thread at a time."""

    def __init__(self, calendar: SessionCalendar) -> None:
        self.calendar = calendar
        self.sequence = 0
        self.trading = _without_features(calendar)
        self.decisions = Decisions()
        self.market = Market()
        self.performance = Performance(calendar)
        self.scores = Scores(calendar)
        self.bound = BoundLimits()
        self.updates = Updates()
        self.alerts: deque[tuple[int, int, str]] = deque(maxlen=ALERTS_KEPT)
        """Sequence, time and text, oldest first."""
        self.contradictions = 0
        """Events that the trading state could not take, such as a report against its table of order states."""
        self.model_since_ns = 0
        self.unread = ""
        """Which record before the newest snapshot was left out of what is shown, for it makes no sense."""

    @property
    def settings(self) -> ev.TradingSettings | None:
        return self.trading.settings

    @property
    def instruments(self) -> dict[str, Instrument]:
        """By contract symbol; empty before the first settings."""
        return self.trading.settings.instruments if self.trading.settings else {}

    @property
    def instrument(self) -> Instrument | None:
        """The one that is forecast."""
        return self.instruments.get(self.settings.signal_symbol) if self.settings else None

    @property
    def last(self) -> Decision | None:
        return self.decisions.last

    @property
    def mode(self) -> str:
        return self.trading.mode

    def apply(self, sequence: int, event: ev.Event) -> None:
        """Take one event in; events that were taken in already change nothing."""
        if sequence <= self.sequence:
            return
        pending = self.trading.contradiction
        try:
            self.trading.apply(event)
            problem = self.trading.contradiction if self.trading.contradiction != pending else ""
        except MinhosError as error:
            problem = str(error)
        if problem:
            self.contradictions += 1
            self._alert(sequence, _time_of(event), problem)
        self.show(sequence, event)
        self.sequence = sequence
        self.updates.on_event(sequence, event, self.trading.risk, self.instruments)

    def follow(self, journal: JournalReader, after: int = 0) -> Iterator[int]:
        """Apply what the journal holds after that sequence (and after what is known); yields each sequence.

        Raises JournalError where the journal cannot be read or holds what this version does not know.
        """
        for record in journal.records(after=max(after, self.sequence)):
            self.apply(record.sequence, _event(record))
            yield record.sequence

    def catch_up(self, journal: JournalReader) -> Iterator[int]:
        """Like `follow` for views that know nothing yet, by way of the newest snapshot; yields each sequence.

        A snapshot that another version took is not used: all events are folded.  A record before it that makes no
        sense is left out, see `unread`.
        """
        snapshot = journal.latest_snapshot(SNAPSHOT) if self.sequence == 0 else None
        restored = self._restored(snapshot.payload) if snapshot is not None else None
        if snapshot is not None and restored is not None:
            for record in journal.records(until=snapshot.sequence, kinds=SHOWN_KINDS):
                try:
                    event = _event(record)
                except JournalError:  # the account is the snapshot's; what the trader says of it stands behind that
                    self.unread = self.unread or (
                        f"Record {record.sequence:,} of the journal cannot be read and is left out here; "
                        "`python3 minh.py repair` says which records are sound and how to go on."
                    )
                    continue
                if isinstance(event, ev.SettingsActivated):
                    self.trading.apply(event)
                self.show(record.sequence, event)
                yield record.sequence
            self.trading, self.sequence = restored, snapshot.sequence
        yield from self.follow(journal)

    def _restored(self, payload: bytes) -> TradingState | None:
        state = _without_features(self.calendar)
        try:
            restore_snapshot(state, payload)
        except JournalError:
            return None
        return state

    def show(self, sequence: int, event: ev.Event) -> None:
        """The pages' own folds alone, for whoever has the account and the orders from elsewhere."""
        match event:
            case ev.EngineStarted():
                self.performance.on_start(event.initial_cash_cents)
            case ev.SettingsActivated():
                self.market.symbol = event.settings.signal_symbol
            case ev.ModelActivated():
                self.model_since_ns = event.time_ns
            case ev.HistoryLoaded():
                self._bars(event.bars)
            case ev.SliceClosed():
                self._bars(event.slice.bars)
            case ev.PriceSeen():
                self.market.price = event.price
            case ev.OrderFilled():
                self.market.on_fill(sequence, event.fill)
            case ev.DecisionMade():
                self.decisions.apply(sequence, event, model_serves=self.model_since_ns > 0)
                self.performance.on_decision(event)
                self.bound.on_decision(event.decision)
                self.scores.on_decision(event.decision)
            case ev.TradeClosed():
                self.performance.on_trade(sequence, event)
            case ev.Alarm():
                self._alert(sequence, event.time_ns, event.text)
            case ev.Intervention():
                self._alert(sequence, event.time_ns, f"{event.action.value} by {event.who}: {event.reason}")
            case ev.ContradictionFound():
                self._alert(sequence, event.time_ns, f"halt by engine: {event.text}")
            case ev.CommandReceived():
                self._alert(sequence, event.time_ns, f"{event.name} by {event.who}: {event.why or 'no reason given'}")

    def _bars(self, bars: tuple[Bar, ...]) -> None:
        for bar in bars:
            if bar.symbol == self.market.symbol and bar.close_time_ns > self.market.last_close_ns:
                self.market.on_bar(bar)
                self.scores.on_bar(bar)

    def _alert(self, sequence: int, time_ns: int, text: str) -> None:
        self.alerts.append((sequence, time_ns, text))


def _without_features(calendar: SessionCalendar) -> TradingState:
    state = TradingState(calendar, lambda _: _no_features)
    state.warming = False
    return state


def _no_features(_: Bar) -> Observation | None:
    return None


def _event(record: Record) -> ev.Event:
    try:
        return ev.decode(record.kind, record.payload, record.version)
    except JournalError as error:
        raise JournalError(f"Record {record.sequence}: {error}") from error


def _time_of(event: ev.Event) -> int:
    return int(getattr(event, "time_ns", 0))


__all__ = ["Update", "Views"]
