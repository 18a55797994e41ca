"""Which events are told, with what severity, and that a change is told once."""

from __future__ import annotations

import msgspec
import pytest

from minhos.accounting.types import Fill, Role
from minhos.risk.types import Action, Level, Verdict
from minhos.testing.builders import MNQ, MONDAY_OPEN
from minhos.trading import events as ev
from minhos.trading.types import Decision, Outcome
from minhos.trading.venue import VenueStatus
from minhos.views.messages import HEARD, KINDS, Message, Severity, Teller

FILL = Fill("F1", "O1", "MNQZ25", 1, 2, 100_000, MONDAY_OPEN, 90, Role.ENTRY)
INFO, WARN, CRIT = Severity


def heard(*events: msgspec.Struct) -> list[tuple[str, Severity, str]]:
    teller = Teller()
    return [(m.kind, m.severity, m.text) for event in events for m in teller.hear(event)]


@pytest.mark.parametrize(
    ("event", "kind", "severity", "text"),
    [
        (ev.Alarm(1, "no broker"), "alarm", CRIT, "no broker"),
        (ev.ContradictionFound(1, "two at once"), "stopped", CRIT, "Everything is halted: two at once"),
        (
            ev.FillRefused(1, FILL, "it is of another side"),
            "alarm",
            CRIT,
            "A fill was not booked: it is of another side. Nothing is added until `resume`.",
        ),
        (
            ev.Intervention(1, Action.FLATTEN, "day", "risk"),
            "stopped",
            CRIT,
            "What is held is being closed, by risk: day",
        ),
        (ev.Intervention(1, Action.NO_ADDS, "pause", "me"), "stopped", WARN, "Nothing is added, by me: pause"),
        (ev.CommandReceived(1, "c1", "halt", "me", "news"), "word", WARN, "halt by me: news"),
        (ev.OrderFilled(FILL), "fill", INFO, "Bought 2 MNQZ25 at 25,000.00."),
        (
            ev.OrderFilled(msgspec.structs.replace(FILL, side=-1, role=Role.STOP)),
            "stop_hit",
            WARN,
            "A stop was hit: sold 2 MNQZ25 at 25,000.00.",
        ),
        (ev.StoreSeen(1, "the disk is full"), "store", CRIT, "Nothing can be stored: the disk is full"),
        (ev.StoreSeen(1), "store", WARN, "What happened is stored again."),
    ],
)
def test_an_event_is_told(event, kind: str, severity: Severity, text: str) -> None:
    assert heard(event) == [(kind, severity, text)]
    assert kind in KINDS
    assert type(event).__name__ in HEARD


def test_the_venue_is_told_where_it_changes() -> None:
    there, gone = (ev.VenueStatusSeen(VenueStatus(1, ready, "no line")) for ready in (True, False))
    assert heard(there, gone, gone, there) == [
        ("venue", CRIT, "The venue takes no orders: no line"),
        ("venue", WARN, "The venue takes orders again."),
    ]


def test_a_venue_that_is_away_from_the_start_is_told() -> None:
    assert len(heard(ev.VenueStatusSeen(VenueStatus(1, False, "no line")))) == 1


def decided(level: Level) -> ev.DecisionMade:
    verdict = Verdict(MNQ.root, MONDAY_OPEN, 0, 0, level, "", "")
    return ev.DecisionMade(Decision("MNQZ25", MONDAY_OPEN, 1, Outcome.NO_TRADE, "", 0, 0, verdict=verdict))


def test_a_level_is_told_where_it_changes() -> None:
    levels = (Level.LOW, Level.LOW, Level.HIGH, Level.EMERGENCY, Level.MEDIUM)
    assert heard(*map(decided, levels)) == [
        ("level", WARN, "The risk level rose from LOW to HIGH."),
        ("level", CRIT, "The risk level rose from HIGH to EMERGENCY."),
        ("level", INFO, "The risk level fell from EMERGENCY to MEDIUM."),
    ]


def test_one_fault_is_one_key() -> None:
    (first,) = Teller().hear(ev.Alarm(1, "no broker"))
    (second,) = Teller().hear(ev.Alarm(2, "no broker"))
    assert isinstance(first, Message)
    assert first.key == second.key
