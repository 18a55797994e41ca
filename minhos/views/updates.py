"""Numbered messages for whoever listens: what happened, in the journal's order, and resumable after any number.

A number is ten times the event's sequence in the journal plus the place of its type, so it rises strictly, and is
the same after a restart.  Types: decision, fill, trade, risk, status, alert; `health` is sent by the clock instead.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from minhos.market.types import Instrument
from minhos.risk.types import Level, RiskState
from minhos.trading import events as ev
from minhos.views.decisions import line_of
from minhos.views.market import fill_line
from minhos.views.performance import trade_line
from minhos.views.risk import stop_lines
from minhos.views.values import iso

KEPT = 5_000
TYPES = ("decision", "fill", "risk", "health", "status", "trade", "alert")
PER_EVENT = 10


class Update(NamedTuple):
    """One message.  Most are never asked for, so what it says is put into words when it is."""

    seq: int
    type: str
    tell: Callable[[], dict[str, object]]

    def plain(self) -> dict[str, object]:
        """{"seq", "type", "data"} in plain values."""
        return {"seq": self.seq, "type": self.type, "data": self.tell()}


class Updates:
    """Mutable: the newest messages, for listeners that come back."""

    def __init__(self) -> None:
        self.recent: deque[Update] = deque()
        self.oldest = 0
        """The lowest number after which nothing is missing here."""
        self._risk: tuple[Level, tuple[str, ...]] = (Level.LOW, ())

    @property
    def last(self) -> int:
        return self.recent[-1].seq if self.recent else 0

    def forget(self, keep: int) -> None:
        """Drop all but the newest messages."""
        while len(self.recent) > keep:
            self.oldest = self.recent.popleft().seq

    def after(self, seq: int) -> list[Update]:
        """Everything with a higher number, oldest first."""
        found: list[Update] = []
        for update in reversed(self.recent):
            if update.seq <= seq:
                break
            found.append(update)
        return found[::-1]

    def on_event(self, sequence: int, event: ev.Event, risk: RiskState, instruments: dict[str, Instrument]) -> None:
        """What an event means to listeners; most prices and reports mean nothing."""
        kind = _KINDS.get(type(event))
        if kind is not None:
            self._add(sequence, kind, partial(_words, sequence, event, instruments))
        stops = stop_lines(risk)
        now = (risk.level(), tuple(stop.name for stop in stops))
        if now != self._risk:
            self._risk = now
            reason = stops[0].why if stops else ""
            self._add(sequence, "risk", partial(dict, level=now[0].name, stops=list(now[1]), reason=reason))

    def _add(self, sequence: int, kind: str, tell: Callable[[], dict[str, object]]) -> None:
        self.recent.append(Update(sequence * PER_EVENT + _PLACES[kind], kind, tell))
        self.forget(KEPT)


_PLACES = {"decision": 0, "fill": 1, "trade": 2, "status": 3, "alert": 4, "risk": 5}
_KINDS: dict[type, str] = {
    ev.DecisionMade: "decision",
    ev.OrderFilled: "fill",
    ev.TradeClosed: "trade",
    ev.ModelActivated: "status",
    ev.EngineStarted: "status",
    ev.CommandReceived: "status",
    ev.ContradictionFound: "status",
    ev.Alarm: "alert",
    ev.Intervention: "alert",
}


def _words(sequence: int, event: ev.Event, instruments: dict[str, Instrument]) -> dict[str, object]:
    """What an event says, in plain values."""
    match event:
        case ev.DecisionMade():
            return dataclasses.asdict(line_of(sequence, event, instruments))
        case ev.OrderFilled():
            return dataclasses.asdict(fill_line(sequence, event.fill, instruments))
        case ev.TradeClosed():
            return dataclasses.asdict(trade_line(sequence, event, instruments))
        case ev.ModelActivated():
            text = f"Bundle {event.bundle_id} serves."
        case ev.EngineStarted():
            text = f"The trader started in mode {event.mode}."
        case ev.Intervention():
            text = f"{event.action.value} by {event.who}: {event.reason}"
        case ev.CommandReceived():
            text = f"{event.name} by {event.who}. {event.why}".strip()
        case ev.ContradictionFound():
            text = f"halt by engine. {event.text}"
        case ev.Alarm():
            text = event.text
        case _:
            text = ""
    return {"text": text, "time": iso(getattr(event, "time_ns", 0))}
