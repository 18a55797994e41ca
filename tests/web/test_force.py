"""Force and clear over REST: the fields that reach the trader, what is refused, and what the risk view tells."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from fastapi.testclient import TestClient
from web_journal import append

from minhos.assembly.layout import Layout
from minhos.journal.inbox import Inbox
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Arming, Forced, Ladder, RiskState
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev
from minhos.views.live import armed_sentence, forced_line, ladder_line
from minhos.web import commands
from minhos.web.api import risk_of
from minhos.web.panels import live_rows


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(commands, "ANSWER_WAIT_S", 0.0)


def test_force_and_unforce_reach_the_inbox_with_who_and_why(client: TestClient, tmp_path):
    asked = {"side": "long", "size": 2, "minutes": 30, "who": "anna", "why": "my view"}
    answer = client.post("/api/commands/force", json=asked)
    assert (answer.status_code, answer.json()["command"]) == (200, "force")
    assert client.post("/api/commands/unforce").status_code == 200
    forced, unforced = Inbox(Layout(tmp_path).inbox).pending(0)
    assert (forced.name, forced.who) == ("force", "anna (testclient)")
    assert (forced.why, forced.fields) == ("my view", {"side": "long", "contracts": 2, "minutes": 30.0})
    assert (unforced.name, unforced.who) == ("unforce", "web (testclient)")


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({}, 409, "nothing to force"),
        ({"side": "flat", "size": 1}, 409, "flat has no size"),
        ({"side": "up"}, 422, "side"),
        ({"size": 0}, 422, "size"),
        ({"size": 10**30}, 422, "size"),
        ({"size": 1, "minutes": -1}, 422, "minutes"),
        ({"size": 1, "armed": True}, 422, "armed"),
    ],
)
def test_what_means_nothing_is_refused_in_words(client: TestClient, tmp_path, asked, code, words):
    answer = client.post("/api/commands/force", json=asked)
    assert (answer.status_code, words in answer.text) == (code, True)
    assert Inbox(Layout(tmp_path).inbox).pending(0) == []


@pytest.mark.parametrize("name", ["arm", "disarm"])
def test_arming_is_not_offered_over_rest(client: TestClient, tmp_path, name):
    assert client.post(f"/api/commands/{name}").status_code == 422
    assert Inbox(Layout(tmp_path).inbox).pending(0) == []


def test_what_is_forced_stands_in_the_risk_view_until_cleared(client: TestClient, journal):
    payload = {"side": "short", "contracts": 1, "minutes": 0.0}
    append(journal, ev.CommandReceived(MONDAY_OPEN, "1", "force", "anna", "my view", payload))
    risk = client.get("/api/risk/status").json()["risk"]
    assert risk["forced"] == {
        "side": "short",
        "contracts": 1,
        "who": "anna",
        "why": "my view",
        "until": None,
        "sentence": "Forced to short 1 by anna (my view)",
    }
    assert (risk["armed_sentence"], risk["ladder"]) == ("", None)
    append(journal, ev.CommandReceived(MONDAY_OPEN, "2", "unforce", "anna"))
    assert client.get("/api/risk/status").json()["risk"]["forced"] is None


def test_live_mode_shows_arming_and_ladder():
    parameters, state = RiskParameters(), RiskState(ladder=Ladder(0, 37))
    assert ladder_line(state, parameters, "live").sentence == "0.25 now; 37 of 50 trades to 0.40"
    assert ladder_line(state, parameters, "paper") is None
    assert armed_sentence(state, "live").startswith("not armed")
    assert "python3 minh.py arm" in armed_sentence(state, "live")
    armed = msgspec.structs.replace(state, armed=True, arming=Arming("anna", MONDAY_OPEN, True, "my own test"))
    assert "armed by anna since 2025-10-06T13:30:00" in armed_sentence(armed, "live")
    assert "one micro at most: my own test" in armed_sentence(armed, "live")


def test_the_panel_lists_what_is_forced_armed_and_earned(client: TestClient):
    view = client.app.state.live.read(risk_of)
    assert live_rows(view) == []
    state = RiskState(forced=Forced("long", 0, "anna", "", MONDAY_OPEN + 1))
    full = msgspec.structs.replace(state, ladder=Ladder(2, 0))
    shown = live_rows(replaced(view, full))
    assert shown == [
        ("forced", "BY HAND", "Forced to long only by anna, until 13:30 UTC"),
        ("live orders", "NOT ARMED", armed_sentence(full, "live")),
        ("Kelly multiplier", "0.60", "0.60 now, the highest step"),
    ]


def replaced(view, state: RiskState):
    """The risk view of that state in live mode."""
    parameters = RiskParameters()
    return dataclasses.replace(
        view,
        armed_sentence=armed_sentence(state, "live"),
        ladder=ladder_line(state, parameters, "live"),
        forced=forced_line(state, MONDAY_OPEN),
    )
