"""That the supervisor is dead, or a process does not run, is said by page, status and health within seconds."""

from __future__ import annotations

import msgspec
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import MONDAY_OPEN
from minhos.views.health import service_health
from minhos.views.heartbeats import SupervisorBeat, TraderBeat, WatchdogBeat
from minhos.views.status import status
from minhos.views.store import Views
from minhos.views.supervisor import supervisor_words
from minhos.views.surroundings import Surroundings

S = 10**9
TRADER = TraderBeat(time_ns=MONDAY_OPEN, state="running", market_time_ns=MONDAY_OPEN)


def around(age_s: float = 0.0, *, gone: bool = False, trader: TraderBeat | None = TRADER, **more: object):
    beat = SupervisorBeat(pid=7, time_ns=MONDAY_OPEN - round(age_s * S), state="running")
    beat = msgspec.structs.replace(beat, **more)
    return Surroundings(now_ns=MONDAY_OPEN, trader=trader, supervisor=beat, supervisor_gone=gone)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (around(), ""),
        (Surroundings(now_ns=MONDAY_OPEN, trader=TRADER), ""),
        (around(1.0, gone=True), "The supervisor (process 7) has been gone for 1 s: no process that ends is started"),
        (around(9.0), "The supervisor (process 7) has said nothing for 9 s, though it lives"),
        (around(900.0, gone=True, trader=None), "The supervisor (process 7) has been gone for 15 min: neither trader"),
        (around(20.0, state="stopping"), ""),
        (around(refused={"web": "web is tried again: the port is taken."}), "web is tried again: the port is taken."),
    ],
)
def test_what_is_said_of_it(found: Surroundings, words: str) -> None:
    said = supervisor_words(found)
    assert said.startswith(words) if words else said == ""
    assert status(Views(SessionCalendar.load()), found).supervisor == said


WATCHDOG = WatchdogBeat(pid=9, time_ns=MONDAY_OPEN, state="idle", sentence="Nothing stands at a broker.")
ALL = msgspec.structs.replace(around(gone=True), watchdog=WATCHDOG, trader=msgspec.structs.replace(TRADER, pid=8))


@pytest.mark.parametrize(
    ("trader_gone", "ended", "words"),
    [
        (False, frozenset(), "but trader and watchdog by each other;"),
        (True, frozenset(), "but the trader by the watchdog;"),
        (False, frozenset({"watchdog"}), "but the watchdog by the trader;"),
        (True, frozenset({"watchdog"}), "neither trader nor watchdog runs, and nothing is started again;"),
    ],
)
@pytest.mark.parametrize("later_s", [1, 9, 11, 3_600])
def test_what_is_gone_is_said_to_be_gone_as_long_as_it_is(later_s, trader_gone, ended, words) -> None:
    views = Views(SessionCalendar.load())
    found = msgspec.structs.replace(ALL, now_ns=MONDAY_OPEN + later_s * S, trader_gone=trader_gone, ended=ended)
    now, parts = status(views, found), {part.name: part for part in service_health(views, found).components}
    assert words in now.supervisor
    assert (parts["supervisor"].status, parts["supervisor"].detail) == ("failed", now.supervisor)
    assert (now.watchdog.word == "gone") == (parts["watchdog"].detail.startswith("ended, last heard")) == bool(ended)
    assert parts["watchdog"].status == "failed" or not ended
    assert (now.state == "not_running") == trader_gone or later_s < 10


def test_a_supervisor_that_ended_in_order_is_not_said_to_be_well() -> None:
    part = service_health(Views(SessionCalendar.load()), around(3.0, gone=True, state="stopping")).components[-1]
    assert (part.name, part.status, part.detail) == ("supervisor", "waiting", "ended in order")


def test_health_names_it() -> None:
    health = service_health(Views(SessionCalendar.load()), around(3.0, gone=True))
    part = next(part for part in health.components if part.name == "supervisor")
    assert (health.status, part.status) == ("unhealthy", "failed")
    assert part.detail.startswith("The supervisor (process 7) has been gone for 3 s")
