"""What people are shown is compared with what is the case, and each kind of untruth is found."""

from __future__ import annotations

import dataclasses
import itertools

import msgspec
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_SECOND
from minhos.testing.builders import MONDAY_OPEN, trading_events
from minhos.views import truth as module
from minhos.views.heartbeats import FeedBeat, TraderBeat, TrainerBeat, TrainingProgress, WatchdogBeat
from minhos.views.status import Status
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.truth import NO_WORDS, Truth, untrue

CALENDAR = SessionCalendar.load()
NOW = MONDAY_OPEN + 3_600 * NANOS_PER_SECOND
TRADER = TraderBeat(
    state="running",
    time_ns=NOW,
    market_time_ns=NOW,
    mode="simulated",
    serving=True,
    market_open=True,
    feed=FeedBeat(connected=True, live=True, detail="a feed"),
)
RUNNING = Surroundings(now_ns=NOW, mode="simulated", trader=TRADER)
ALIVE = Truth(gone_s=None, mode="simulated", halted=False, positions={"NQZ25": 2})
replace = msgspec.structs.replace


def folded(n_bars: int, **changes: object) -> Views:
    views = Views(CALENDAR)
    for sequence, event in enumerate(trading_events(n_bars, **changes), 1):
        views.apply(sequence, event)
    return views


HELD = folded(6)


def test_in_every_surroundings_what_is_said_is_so():
    traders = [
        (None, 1e9),
        (TRADER, None),
        (replace(TRADER, time_ns=NOW - 11 * NANOS_PER_SECOND), 11.0),
        (replace(TRADER, state="stopped"), 60.0),
        (replace(TRADER, serving=False), None),
        (replace(TRADER, market_open=False, next_open_ns=NOW), None),
        (replace(TRADER, feed=FeedBeat(detail="gone")), None),
        (replace(TRADER, feed=FeedBeat(connected=True, detail="NQH25 is finished")), None),
    ]
    more = [
        {},
        {"journal_error": "The journal is damaged."},
        {"models_error": "A bundle is damaged."},
        {"watchdog": WatchdogBeat(state="alarm", sentence="A position and no trader.", time_ns=NOW)},
        {
            "trainer": TrainerBeat(state="training", time_ns=NOW),
            "training": TrainingProgress("NQ", 0.4, "fitting", NOW),
        },
    ]
    journals = [folded(n, verdict=v) for n in (0, 6, 12) for v in ("edge", "no_edge", "too_little_data")]
    for (trader, gone_s), facts, views, halted in itertools.product(traders, more, journals, (False, True)):
        around = replace(RUNNING, trader=trader, halt_file=halted, **facts)
        truth = Truth(gone_s=gone_s, mode="simulated", halted=halted)
        assert list(untrue(views, around, truth)) == []
    assert list(untrue(Views(CALENDAR), Surroundings(), Truth(gone_s=1e9, mode="", halted=False))) == []


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (replace(ALIVE, gone_s=12.0), "no trader has run for 12 s and the state is live"),
        (replace(ALIVE, gone_s=12.0), "no trader has run for 12 s and it is shown as connected"),
        (replace(ALIVE, silent_s=12.0), "the trader has had no turn for 12 s and the state is live"),
        (replace(ALIVE, silent_s=12.0), "the trader has had no turn for 12 s and is shown as connected or healthy"),
        (replace(ALIVE, supervisor_gone_s=12.0), "no supervisor has run for 12 s, and of it is said: nothing"),
        (replace(ALIVE, watchdog_gone_s=12.0), "no watchdog has run for 12 s, and of it is said: All is well."),
        (replace(ALIVE, halted=True), "everything is halted and the state is live"),
        (replace(ALIVE, mode="live"), "the mode is live and simulated is shown"),
        (replace(ALIVE, positions={"NQZ25": 1}), "held are {'NQZ25': 1}, shown are {'NQZ25': 2}"),
        (replace(ALIVE, positions={}), "held are none, shown are {'NQZ25': 2}"),
    ],
)
def test_what_is_not_so_is_found(truth, words):
    watched = replace(RUNNING, watchdog=WatchdogBeat(state="fine", sentence="All is well.", time_ns=NOW))
    assert words in list(untrue(HELD, watched, truth))


def test_a_killed_trader_beside_a_healthy_service_is_found():
    around = replace(RUNNING, watchdog=WatchdogBeat(state="fine", time_ns=NOW))
    found = list(untrue(HELD, around, replace(ALIVE, gone_s=12.0)))
    assert "no trader has run for 12 s and the service is said to be healthy" in found


def test_one_view_that_says_another_state_is_found(monkeypatch):
    def other(views: Views, around: Surroundings) -> Status:
        return dataclasses.replace(honest(views, around), state="training")

    honest = module.status
    monkeypatch.setattr(module, "status", other)
    assert "health says live while status says training" in list(untrue(HELD, RUNNING, ALIVE))


@pytest.mark.parametrize(
    "text", ["None", "mean nan R", "e-value inf", "held by {bound}", "ended.. Start", "two  spaces"]
)
def test_no_sentence_for_a_person_holds_these(text):
    assert NO_WORDS.search(text)


@pytest.mark.parametrize("text", ["Training …", "p 0.563", "nothing binds", "infinite patience", "wait..."])
def test_plain_sentences_are_left_alone(text):
    assert not NO_WORDS.search(text)
