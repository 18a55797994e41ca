"""While the trader cannot store what happens, page and status say so, and how old what they show is."""

from __future__ import annotations

from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import MONDAY_OPEN
from minhos.views.health import service_health
from minhos.views.heartbeats import TraderBeat
from minhos.views.status import state_of
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings

WHY = "the journal cannot be written (database or disk is full)"


def around(store: str) -> Surroundings:
    beat = TraderBeat(time_ns=MONDAY_OPEN, market_time_ns=MONDAY_OPEN, state="running", store=store, store_away_s=42.0)
    return Surroundings(now_ns=MONDAY_OPEN, trader=beat)


def test_it_is_degraded_with_the_reason_and_for_how_long() -> None:
    state, sentence = state_of(Views(SessionCalendar.load()), around(WHY))
    assert state == "degraded"
    assert sentence == f"No new risk: for 42 s {WHY}; what is held keeps its stops and can be closed."
    assert state_of(Views(SessionCalendar.load()), around(""))[0] == "no_predictions"


def test_health_names_the_journal() -> None:
    health = service_health(Views(SessionCalendar.load()), around(WHY))
    assert (health.status, health.reason) == ("unhealthy", f"journal: {WHY}")
