"""That the supervisor is dead, or a process does not run, is said by page, status and health within seconds."""

from __future__ import annotations

import msgspec
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import MONDAY_OPEN
from minhos.views.health import service_health
from minhos.views.heartbeats import SupervisorBeat, TraderBeat
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
        (around(9.0), "The supervisor (process 7) has said nothing for 9 s"),
        (around(900.0, gone=True, trader=None), ""),
        (around(20.0, state="stopping"), ""),
        (around(refused={"web": "web is tried again: the port is taken."}), "web is tried again: the port is taken."),
    ],
)
def test_what_is_said_of_it(found: Surroundings, words: str) -> None:
    said = supervisor_words(found)
    assert said.startswith(words) if words else said == ""
    assert status(Views(SessionCalendar.load()), found).supervisor == said


def test_health_names_it() -> None:
    health = service_health(Views(SessionCalendar.load()), around(3.0, gone=True))
    part = next(part for part in health.components if part.name == "supervisor")
    assert (health.status, part.status) == ("unhealthy", "failed")
    assert part.detail.startswith("The supervisor (process 7) has been gone for 3 s")
