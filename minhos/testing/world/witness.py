"""What a journal says, read as it grows by somebody who never wrote it: the fold beside the live state, and lists.

For the invariants.  It reads with a connection of its own, through another disk than the processes': what a fault does
to theirs it does not suffer.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from minhos.accounting.types import Fill, Order, Role
from minhos.errors import JournalError
from minhos.journal.database import OpenDatabase
from minhos.journal.reader import JournalReader, reader
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Instrument
from minhos.trading import events as ev
from minhos.trading.recovery import take_snapshot
from minhos.trading.state import Observe, TradingState


class Seen(msgspec.Struct):
    """What one journal has said so far."""

    alarms: list[tuple[int, str]] = []
    """Time and text."""
    intents: dict[str, Order] = {}
    intents_twice: list[str] = []
    intended_ns: dict[str, int] = {}
    fills: dict[str, Fill] = {}
    commands: dict[str, ev.CommandReceived] = {}
    """By the inbox's number."""
    decisions: int = 0
    starts: int = 0
    halted_since: int = 0
    """Sequence of the command that halted; 0 where nothing does."""
    opened_while_halted: list[Order] = []
    lowered: list[str] = []
    """Levels that went down without a person's word or a new trade date."""


class Witness:
    """Follows the journal at `path`."""

    def __init__(self, path: Path, calendar: SessionCalendar, opened: OpenDatabase) -> None:
        self.path, self._calendar, self._opened = path, calendar, opened
        self.seen = Seen()
        self.state = self._fresh()
        """The fold of what was read."""
        self.last = 0
        self._reader: JournalReader | None = None

    def _fresh(self) -> TradingState:
        state = TradingState(self._calendar, _no_features)
        state.warming = False
        return state

    def follow(self) -> bool:
        """Take in what is new; True where there was anything.  Raises JournalError where the chain is broken."""
        if self._reader is None:
            if not self.path.exists():
                return False
            self._reader = reader(self.path, self._opened)
        before = self.last
        for record in self._reader.records(after=self.last):
            event = ev.decode(record.kind, record.payload, record.version)
            self._take(record.sequence, record.time_ns, event)
            self.last = record.sequence
        return self.last != before

    def again(self) -> None:
        """The file was replaced: forget it and read from the beginning."""
        self.close()
        self.seen, self.state, self.last = Seen(), self._fresh(), 0

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def verified(self) -> str:
        """Why the chain is not whole; empty where it is."""
        if self._reader is None:
            return ""
        try:
            report = self._reader.verify()
        except JournalError as error:
            return str(error)
        return "" if report.sound else report.reason

    def _take(self, sequence: int, time_ns: int, event: ev.Event) -> None:
        seen, state = self.seen, self.state
        level, date = state.risk.level(), state.ledger.account().trade_date
        state.apply(event)
        if isinstance(event, ev.Alarm):
            seen.alarms.append((event.time_ns, event.text))
        elif isinstance(event, ev.OrderIntended):
            if event.order.order_id in seen.intents:
                seen.intents_twice.append(event.order.order_id)
            seen.intents[event.order.order_id] = event.order
            seen.intended_ns[event.order.order_id] = event.time_ns
            if seen.halted_since and event.order.role in (Role.ENTRY, Role.ADD):
                seen.opened_while_halted.append(event.order)
        elif isinstance(event, ev.OrderFilled):
            seen.fills.setdefault(event.fill.fill_id, event.fill)
        elif isinstance(event, ev.CommandReceived):
            seen.commands[event.command_id] = event
            if event.name in ("halt", "resume"):
                seen.halted_since = sequence if event.name == "halt" else 0
        elif isinstance(event, ev.DecisionMade):
            seen.decisions += 1
        elif isinstance(event, ev.EngineStarted):
            seen.starts += 1
        after = state.risk.level()
        begins = isinstance(event, ev.EngineStarted | ev.SettingsActivated)
        if begins and after < level and state.ledger.account().trade_date == date:
            seen.lowered.append(f"{level.name} became {after.name} with {ev.kind_of(event)} {sequence}")


def remembered(state: TradingState) -> bytes:
    """All that a state knows, as bytes, but for the features' own."""
    return take_snapshot(state)


def _no_features(instrument: Instrument) -> Observe:
    return lambda bar: None
