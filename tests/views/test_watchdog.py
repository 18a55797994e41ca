"""The watchdog as status, health and page tell of it."""

from __future__ import annotations

import msgspec
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_SECOND
from minhos.testing.builders import MONDAY_OPEN
from minhos.views.health import service_health
from minhos.views.heartbeats import TraderBeat, WatchdogBeat
from minhos.views.status import status
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings

VIEWS = Views(SessionCalendar.load())
HEARD = WatchdogBeat(state="fine", time_ns=MONDAY_OPEN - NANOS_PER_SECOND, sentence="The trader is heard.")
TRADER = TraderBeat(state="running", time_ns=MONDAY_OPEN - NANOS_PER_SECOND)


def around(**changes: object) -> Surroundings:
    return Surroundings(now_ns=MONDAY_OPEN, trader=TRADER, watchdog=msgspec.structs.replace(HEARD, **changes))


def part(seen: Surroundings):
    return next(part for part in service_health(VIEWS, seen).components if part.name == "watchdog")


def test_before_its_first_start_nothing_is_claimed():
    assert status(VIEWS, Surroundings()).watchdog is None
    assert part(Surroundings()).status == "waiting"


@pytest.mark.parametrize(
    ("changes", "trouble", "words", "health"),
    [
        ({}, False, "The trader is heard.", "ok"),
        ({"state": "idle"}, False, "The trader is heard.", "ok"),
        ({"state": "alarm", "sentence": "It holds +2 MNQZ25."}, True, "It holds +2 MNQZ25.", "failed"),
        ({"state": "act", "last_action": "The watchdog acted: flat."}, True, "The watchdog acted: flat.", "failed"),
        ({"state": "flat", "last_action": "The watchdog acted: flat."}, False, "The watchdog acted: flat.", "ok"),
        (
            {"time_ns": MONDAY_OPEN - 60 * NANOS_PER_SECOND, "state": "alarm"},
            False,
            "not heard of for 60 s; last: The trader is heard.",
            "failed",
        ),
        (
            {"time_ns": MONDAY_OPEN - 60 * NANOS_PER_SECOND, "state": "idle"},
            False,
            "not heard of for 60 s; last: The trader is heard.",
            "waiting",
        ),
    ],
)
def test_what_it_saw_and_did_is_told_with_its_age(changes, trouble, words, health):
    seen = around(**changes)
    line = status(VIEWS, seen).watchdog
    assert (line.trouble, line.words) == (trouble, words)
    assert line.word == ("silent" if "not heard" in words else line.state)
    assert line.urgent == (trouble or line.state == "flat")
    assert (part(seen).status, part(seen).detail) == (health, words)


def test_stopped_together_with_the_trader_it_is_no_failure():
    stopped = msgspec.structs.replace(around(time_ns=1), trader=msgspec.structs.replace(TRADER, state="stopped"))
    assert part(stopped).status == "waiting"
