"""What of a journal is told to a person who does not look: an event becomes messages, each of a kind and a severity.

One fold, `Teller`: it keeps what a change is seen by (the level, the venue, the bundle).  Not for to whom, when and
how often: that is `minhos.processes.outbox`'s.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from minhos.accounting.types import Fill, Role
from minhos.market.instruments import instrument
from minhos.risk.types import Action, Level
from minhos.trading import events as ev
from minhos.words import count, money


class Severity(enum.IntEnum):
    """In the settings by its name in small letters."""

    INFO = 0
    """As it should be: a fill, a model that serves."""
    WARNING = 1
    """Something is other than usual, and MinhOS does what it is made for."""
    CRITICAL = 2
    """A person should look now."""


class Message(NamedTuple):
    """kind: a word of `KINDS`.  key: what is told once though it comes again.  text: one sentence."""

    kind: str
    severity: Severity
    key: str
    text: str


KINDS = {
    "alarm": "what trader, watchdog or supervisor raised: unprotected, feed or broker lost, process restarted",
    "stopped": "a limit or a person took hold of the position, or everything was halted",
    "stop_hit": "a protective stop was filled",
    "fill": "any other fill",
    "trade": "a trade from flat to flat has ended",
    "word": "a person's halt, resume, pause, arm and the like",
    "level": "the risk level rose or fell",
    "venue": "the venue takes orders, or does not",
    "store": "the journal cannot be written, or can again",
    "model": "another bundle serves",
    "start": "the trader took the journal over again",
}


class Known(msgspec.Struct):
    """What a change is seen by; None and empty where nothing was heard yet."""

    level: Level | None = None
    venue: bool | None = None
    bundle: str = ""


class Teller:
    """Of one journal, from some event on.  known: what was heard up to there, else the first is no change."""

    def __init__(self, known: Known | None = None) -> None:
        self.known = known or Known()

    def hear(self, event: msgspec.Struct) -> Iterator[Message]:
        """Messages of that event, in order."""
        tell = _TELLS.get(type(event))
        if tell is not None:
            yield from tell(self, event)

    def _alarm(self, event: ev.Alarm) -> Iterator[Message]:
        yield Message("alarm", Severity.CRITICAL, f"alarm {event.text}", event.text)

    def _contradiction(self, event: ev.ContradictionFound) -> Iterator[Message]:
        yield Message("stopped", Severity.CRITICAL, f"stopped {event.text}", f"Everything is halted: {event.text}")

    def _refused(self, event: ev.FillRefused) -> Iterator[Message]:
        text = f"A fill was not booked: {event.why}. Nothing is added until `resume`."
        yield Message("alarm", Severity.CRITICAL, f"refused {event.fill.fill_id}", text)

    def _intervention(self, event: ev.Intervention) -> Iterator[Message]:
        what = "What is held is being closed" if event.action is Action.FLATTEN else "Nothing is added"
        severity = Severity.CRITICAL if event.action is Action.FLATTEN else Severity.WARNING
        text = f"{what}, by {event.who}: {event.reason}"
        yield Message("stopped", severity, f"stopped {text}", text)

    def _word(self, event: ev.CommandReceived) -> Iterator[Message]:
        text = f"{event.name} by {event.who}: {event.why or 'no reason given'}"
        yield Message("word", Severity.WARNING, f"word {event.command_id}", text)

    def _filled(self, event: ev.OrderFilled) -> Iterator[Message]:
        fill = event.fill
        text = _fill_words(fill)
        if fill.role is Role.STOP:
            yield Message("stop_hit", Severity.WARNING, f"fill {fill.fill_id}", f"A stop was hit: {text}")
        else:
            yield Message("fill", Severity.INFO, f"fill {fill.fill_id}", text[:1].upper() + text[1:])

    def _trade(self, event: ev.TradeClosed) -> Iterator[Message]:
        trade = event.trade
        side = "long" if trade.side > 0 else "short"
        text = (
            f"Trade ended: {side} {count(trade.max_contracts)} {trade.symbol}, {money(trade.pnl_cents, sign=True)} net."
        )
        yield Message("trade", Severity.INFO, f"trade {trade.opened_ns} {trade.closed_ns}", text)

    def _decision(self, event: ev.DecisionMade) -> Iterator[Message]:
        verdict = event.decision.verdict
        if verdict is None:
            return
        before, self.known.level = self.known.level, verdict.level
        if before is not None and before is not verdict.level:
            rose = verdict.level > before
            severity = Severity.CRITICAL if verdict.level >= Level.EMERGENCY else Severity.WARNING
            text = f"The risk level {'rose' if rose else 'fell'} from {before.name} to {verdict.level.name}."
            yield Message("level", severity if rose else Severity.INFO, f"level {event.decision.close_time_ns}", text)

    def _venue_status(self, event: ev.VenueStatusSeen) -> Iterator[Message]:
        before, self.known.venue = self.known.venue, event.status.ready
        if before == event.status.ready or (before is None and event.status.ready):
            return
        if event.status.ready:
            yield Message("venue", Severity.WARNING, "venue", "The venue takes orders again.")
        else:
            text = f"The venue takes no orders: {event.status.reason or 'it said no reason'}"
            yield Message("venue", Severity.CRITICAL, "venue", text)

    def _store(self, event: ev.StoreSeen) -> Iterator[Message]:
        if event.reason:
            yield Message("store", Severity.CRITICAL, "store", f"Nothing can be stored: {event.reason}")
        else:
            yield Message("store", Severity.WARNING, "store", "What happened is stored again.")

    def _model(self, event: ev.ModelActivated) -> Iterator[Message]:
        if event.bundle_id != self.known.bundle:
            self.known.bundle = event.bundle_id
            text = f"The bundle {event.bundle_id} serves; its verdict: {event.verdict}."
            yield Message("model", Severity.INFO, f"model {event.bundle_id}", text)

    def _start(self, event: ev.EngineStarted) -> Iterator[Message]:
        text = f"The trader of {event.mode} {event.account} runs; version {event.version}."
        yield Message("start", Severity.INFO, f"start {event.time_ns}", text)


def _fill_words(fill: Fill) -> str:
    word = "bought" if fill.side > 0 else "sold"
    points = fill.price_ticks * instrument(fill.symbol).tick_size
    return f"{word} {count(fill.contracts)} {fill.symbol} at {points:,.2f}."


_TELLS: dict[type[msgspec.Struct], Callable[..., Iterator[Message]]] = {
    ev.Alarm: Teller._alarm,
    ev.ContradictionFound: Teller._contradiction,
    ev.FillRefused: Teller._refused,
    ev.Intervention: Teller._intervention,
    ev.CommandReceived: Teller._word,
    ev.OrderFilled: Teller._filled,
    ev.TradeClosed: Teller._trade,
    ev.DecisionMade: Teller._decision,
    ev.VenueStatusSeen: Teller._venue_status,
    ev.StoreSeen: Teller._store,
    ev.ModelActivated: Teller._model,
    ev.EngineStarted: Teller._start,
}
HEARD = tuple(kind.__name__ for kind in _TELLS)
"""Kinds of events that can become a message."""
