"""The state in one word and one sentence: never more than is the case, with its age and the way out."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_SECOND
from minhos.models.bundle import BundleInfo
from minhos.models.forecast import Forecast
from minhos.testing.builders import MONDAY_OPEN, forecast, trading_events
from minhos.trading import events as ev
from minhos.views.health import ml_health, service_health
from minhos.views.heartbeats import FeedBeat, SupervisorBeat, TraderBeat, TrainerBeat, TrainingProgress, WatchdogBeat
from minhos.views.kelly import recommendation
from minhos.views.ml import ml_performance
from minhos.views.status import STATES, state_of, status, trader_words
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.training_report import Line, Lines, TrainingReport

CALENDAR = SessionCalendar.load()
NOW = MONDAY_OPEN + 3_600 * NANOS_PER_SECOND
TRADER = TraderBeat(
    state="running",
    time_ns=NOW - NANOS_PER_SECOND,
    market_time_ns=NOW,
    mode="simulated",
    serving=True,
    market_open=True,
    feed=FeedBeat(connected=True, live=True, detail="a feed"),
)
RUNNING = Surroundings(now_ns=NOW, mode="simulated", trader=TRADER)
replace = msgspec.structs.replace


def folded(events: list[ev.Event]) -> Views:
    views = Views(CALENDAR)
    for sequence, event in enumerate(events, 1):
        views.apply(sequence, event)
    return views


def without(*names: str) -> list[ev.Event]:
    """A day of decisions whose forecasts lack those members."""
    lacking: Forecast = replace(forecast(0.7, members=4), missing=names)
    return [
        replace(e, decision=replace(e.decision, forecast=lacking)) if isinstance(e, ev.DecisionMade) else e
        for e in trading_events(6)
    ]


@pytest.mark.parametrize("verdict", ["no_edge", "too_little_data", "edge"])
def test_a_finished_file_runs_nothing_and_says_its_verdict(verdict):
    around = Surroundings(mode="paper", finished_data=True, report=TrainingReport(verdict, "Because."))
    assert state_of(Views(CALENDAR), around) == ("not_running", "Finished data, tested and not traded: Because.")


def test_no_trader_is_not_running_whatever_else_is_the_case():
    """Never started, stopped, silent or killed: beside any journal, feed, market, training and model."""
    gone = {"trader_gone": True}
    traders = [
        (None, {}),
        (replace(TRADER, state="stopped"), {}),
        (replace(TRADER, time_ns=NOW - 11 * NANOS_PER_SECOND), {}),
        (TRADER, gone),
        (replace(TRADER, market_open=False), gone),
        (replace(TRADER, serving=False, no_model="Refused."), gone),
        (replace(TRADER, feed=FeedBeat(connected=True, detail="is finished")), gone),
    ]
    journals = [
        Views(CALENDAR),
        *(folded(trading_events(12, verdict=verdict)) for verdict in ("edge", "no_edge", "too_little_data")),
        folded(trading_events(0)),
    ]
    trainings = [
        {},
        {
            "trainer": TrainerBeat(state="training", time_ns=NOW),
            "training": TrainingProgress("NQ", 0.4, "fitting", NOW),
        },
        {"journal_error": "The journal is damaged."},
    ]
    for (trader, changes), views, more in itertools.product(traders, journals, trainings):
        around = replace(RUNNING, trader=trader, **changes, **more)
        now, health = status(views, around), service_health(views, around)
        assert (now.state, now.connected) == ("not_running", False)
        assert (health.status, health.integration, health.state) == ("unhealthy", "incomplete", "not_running")
        assert state_of(views, replace(around, halt_file=True))[0] == "halted", "a halt is said first"
        assert "start" in now.reason or "not been heard of" in now.reason


def test_an_absent_trader_is_said_with_its_age_and_what_it_held():
    held = folded(trading_events(6))
    gone = state_of(held, replace(RUNNING, trader_gone=True, now_ns=NOW + 3 * NANOS_PER_SECOND))[1]
    assert gone.startswith("The trader ended without a word, last heard 4 s ago: nothing is being decided;")
    assert gone.endswith(" It held +2 NQZ25.")
    silent = state_of(held, replace(RUNNING, now_ns=NOW + 600 * NANOS_PER_SECOND))[1]
    assert silent.startswith("The trader has not been heard of for 10 min:")
    stopped = replace(RUNNING, trader=replace(TRADER, state="stopped"))
    assert trader_words(stopped) == "stopped 1 s ago"
    assert "No trader runs: stopped 1 s ago." in state_of(held, replace(stopped, halt_file=True))[1]


@pytest.mark.parametrize("halted", [False, True])
def test_a_trader_that_lives_and_cannot_be_heard_is_not_said_to_be_away(halted):
    """A full disk takes no heartbeat, and the trader goes on."""
    around = replace(RUNNING, trader=replace(TRADER, pid=7), now_ns=NOW + 11 * NANOS_PER_SECOND, halt_file=halted)
    views = folded(trading_events(6))
    now = status(views, around)
    assert (now.state, now.connected, now.trader) == (
        "halted" if halted else "degraded",
        False,
        "alive and silent for 12 s",
    )
    assert (
        "The trader (process 7) lives and has not been heard of for 12 s: it hangs, or the disk is full" in now.reason
    )
    assert "nothing is being decided" not in now.reason
    assert service_health(views, around).status == "unhealthy"
    assert state_of(views, replace(around, trader_gone=True))[0] == ("halted" if halted else "not_running")


def test_while_start_runs_nobody_is_told_to_start():
    begun = replace(RUNNING, trader=None, supervisor=SupervisorBeat(time_ns=NOW))
    assert state_of(Views(CALENDAR), begun)[1] == "MinhOS is starting; the trader has not been heard of yet."
    again = replace(begun, trader=replace(TRADER, state="stopped"))
    assert "MinhOS is starting" in state_of(folded(trading_events()), again)[1]
    refused = replace(begun, supervisor=SupervisorBeat(time_ns=NOW, refused={"trader": "Port 1 is taken."}))
    assert state_of(Views(CALENDAR), refused) == ("not_running", "The trader does not run: Port 1 is taken.")
    ended = replace(begun, ended=frozenset({"supervisor"}))
    assert "Nothing has been started yet" in state_of(Views(CALENDAR), ended)[1]


def test_a_contract_that_has_ended_promises_no_bar():
    feed = FeedBeat(connected=True, live=False, detail="NQH24-CME.scid is finished: it ends at 2024-03-15T13:30:00Z")
    for open_ in (True, False):
        around = replace(RUNNING, trader=replace(TRADER, feed=feed, market_open=open_))
        state, reason = state_of(folded(trading_events(0)), around)
        assert state == "no_predictions"
        assert "No bar is expected any more: NQH24-CME.scid is finished" in reason
        assert "current contract" in reason
        assert service_health(folded(trading_events()), around).status == "unhealthy"


def test_a_refused_bundle_is_said_with_the_reason():
    refused = "No model serves, as bundle B was refused: its features are of another version."
    around = replace(RUNNING, trader=replace(TRADER, serving=False, no_model=refused))
    state, reason = state_of(folded(trading_events(0)[:2]), around)
    assert (state, reason.startswith(refused[:-1])) == ("no_predictions", True)
    assert "minh.py train" in reason
    model = next(part for part in service_health(folded(trading_events()), around).components if part.name == "model")
    assert (model.status, model.detail) == ("failed", refused)


def test_too_little_data_is_not_no_edge():
    few = folded(trading_events(6, verdict="too_little_data"))
    state, reason = state_of(few, RUNNING)
    assert state == "live"
    assert reason.startswith("Training had too little data to tell whether there is an edge; bets are made")


@pytest.mark.parametrize("slope_low", [-0.1, 0.0, 0.6])
def test_too_little_data_and_flat_is_not_no_edge_either(slope_low):
    events = [
        replace(e, slope_low=slope_low) if isinstance(e, ev.ModelActivated) else e
        for e in trading_events(12, verdict="too_little_data")
    ]
    state, reason = state_of(folded(events), RUNNING)
    assert state == "live"
    assert ("nothing is bet" in reason) == (slope_low <= 0.0)


def test_nothing_is_bet_is_not_said_beside_a_position():
    held, flat = folded(trading_events(6, verdict="no_edge")), folded(trading_events(12, verdict="no_edge"))
    assert state_of(held, RUNNING)[0] == "live"
    assert "proved no edge" in state_of(held, RUNNING)[1]
    state, reason = state_of(flat, RUNNING)
    assert (state, "At the last bar nothing was" in reason) == ("no_edge", True)


@pytest.mark.parametrize(
    ("off", "missing", "state"),
    [
        (("lstm",), ("lstm",), "live"),
        (("ensemble",), ("catboost",), "live"),
        (("ensemble",), ("lstm",), "degraded"),
        ((), ("lstm",), "degraded"),
    ],
)
def test_a_member_that_is_switched_off_is_no_failure(off, missing, state):
    events = [
        replace(e, settings=replace(e.settings, members_off=off)) if isinstance(e, ev.SettingsActivated) else e
        for e in without(*missing)
    ]
    views = folded(events)
    assert state_of(views, RUNNING)[0] == state
    model = next(part for part in service_health(views, RUNNING).components if part.name == "model")
    assert model.status == ("ok" if state == "live" else "failed")


def test_a_trader_that_holds_something_without_a_watchdog_is_not_healthy():
    held, flat = folded(trading_events(6)), folded(trading_events(12))
    seen = replace(RUNNING, watchdog=WatchdogBeat(state="fine", time_ns=NOW))
    assert [service_health(views, RUNNING).status for views in (held, flat)] == ["unhealthy", "healthy"]
    assert service_health(held, seen).status == "healthy"


def test_a_trainer_that_fell_silent_does_not_train():
    around = replace(RUNNING, trainer=TrainerBeat(state="training", time_ns=NOW - 90 * NANOS_PER_SECOND))
    trainer = next(
        part for part in service_health(folded(trading_events()), around).components if part.name == "trainer"
    )
    assert (trainer.status, trainer.detail) == ("waiting", "not heard of for 90 s")


def test_what_a_simulated_market_showed_gets_older_while_its_trader_is_away():
    views = folded(trading_events())
    beside = recommendation(views, RUNNING).age_s
    away = recommendation(views, replace(RUNNING, trader_gone=True, now_ns=NOW + 3_599 * NANOS_PER_SECOND)).age_s
    assert (beside, away) == (0.0, 3_600.0)


def test_another_models_training_is_not_shown_beside_the_one_that_serves():
    report = TrainingReport("edge", "Because.", lines=Lines(all=Line("all", 0.6, (0.55, 0.65), 900)))
    views = folded(trading_events())
    own = replace(RUNNING, report=report, report_id=views.trading.model.bundle_id)
    assert ml_performance(views, own).trained[0].accuracy == 0.6
    assert ml_performance(views, replace(own, report_id="another")).trained == ()


def test_the_states_are_those_of_the_interface():
    assert set(STATES) == {
        "not_running",
        "no_predictions",
        "training",
        "no_edge",
        "live",
        "degraded",
        "halted",
        "market_closed",
    }


@pytest.mark.parametrize("seconds", [-3600, -11, 11])
def test_a_heartbeat_from_the_future_is_no_sign_of_life(seconds):
    """The clock was set back while the trader hung: whoever lives has stamped anew since."""
    stamped = msgspec.structs.replace(TRADER, time_ns=NOW - seconds * 10**9)
    around = msgspec.structs.replace(RUNNING, trader=stamped)
    assert (around.trader_alive, around.trader_age_s) == (False, abs(seconds))
    near = msgspec.structs.replace(RUNNING, trader=msgspec.structs.replace(TRADER, time_ns=NOW + 10**9))
    assert near.trader_alive


def test_a_bundle_that_another_clock_stamped_minutes_ahead_has_no_age_below_zero():
    views = folded(trading_events(6))
    bundle_id = views.trading.model.bundle_id
    ahead = BundleInfo(bundle_id, Path(bundle_id), created_ns=NOW + 271 * NANOS_PER_SECOND)
    around = replace(RUNNING, models=(ahead,))
    (model,) = [part for part in service_health(views, around).components if part.name == "model"]
    assert model.age_s == 0.0
    age = next(part for part in ml_health(views, around).parts if part.name == "age of the model")
    assert age.detail.startswith("0.0 of ")
