"""Any body at an endpoint that takes one: done or refused in a sentence, never a fault of ours."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minhos.errors import CommandRefused
from minhos.web import commands

PATHS = ("pause", "resume", "halt", "flatten", "train", "force", "unforce", "arm", "../x")
TEXT = st.one_of(st.text(max_size=12), st.sampled_from(["", "long", "flat", "any", "NaN", "\ud800", "\x00", "x" * 600]))
LARGE = st.sampled_from([2**53, 2**64, -(2**64), 10**400, 1e308, 5e-324, -0.0])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, LARGE)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2))
KEYS = st.sampled_from(["who", "why", "side", "size", "minutes", "x"])
BODIES = st.one_of(
    st.dictionaries(KEYS, LEAVES, max_size=4).map(json.dumps),
    JSON.map(json.dumps),
    st.text(max_size=20),
    st.just("[" * 20_000),
)
HALF_TO_ONE = st.floats(0.5, 1.0)
SUPPOSED = st.fixed_dictionaries(
    {"win_probability": HALF_TO_ONE},
    optional={
        "probability_low": HALF_TO_ONE,
        "side": st.sampled_from(["long", "short"]),
        "payoff_ratio": st.one_of(st.floats(0.01, 100.0), LARGE),
        "atr_points": st.one_of(st.floats(0.0, 10_000.0), LARGE),
    },
).map(json.dumps)
ASKED = st.one_of(
    st.tuples(st.sampled_from(PATHS).map("commands/{}".format), BODIES),
    st.tuples(st.just("kelly/calculate-position-size"), st.one_of(SUPPOSED, BODIES)),
)


@pytest.fixture
def asked(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Nobody waits for a trader here; what it is asked goes into the inbox all the same."""
    monkeypatch.setattr(commands, "ANSWER_WAIT_S", 0.0)
    monkeypatch.setattr(commands, "stop_trading", lambda settings, layout, name, who, why, clock: refuse(who, why))
    return TestClient(app, raise_server_exceptions=False)


def refuse(who: str, why: str) -> None:
    """In place of what closes positions; it writes both words into the HALT file."""
    f"{who}: {why}".encode()
    raise CommandRefused("not in this test.")


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(ASKED)
def test_any_body_is_done_or_refused_in_a_sentence(asked: TestClient, question: tuple[str, str]) -> None:
    path, body = question
    content = body.encode("utf-8", "surrogatepass")
    answer = asked.post(f"/api/{path}", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400, 404, 405, 409, 422), answer.text
    if answer.status_code != 200:
        assert answer.json()["detail"]
