"""The WebSocket: numbers that rise, resumption, acknowledged subscriptions."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from minhos.journal.store import Journal
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev

ENOUGH = 60


def messages(client: TestClient, query: str, n: int) -> list[dict]:
    with client.websocket_connect(f"/api/ws{query}") as socket:
        return [socket.receive_json() for _ in range(n)]


def numbered(found: list[dict]) -> list[dict]:
    """Those of the journal; health and state changes repeat the newest number."""
    return [m for m in found if m["type"] in ("decision", "fill", "trade", "alert", "risk")]


def test_numbers_rise_and_a_client_that_comes_back_misses_nothing(client: TestClient) -> None:
    hello, *first = messages(client, "?after=0", 18)
    assert hello["type"] == "hello"
    seqs = [message["seq"] for message in first]
    assert seqs == sorted(seqs)
    assert len({m["seq"] for m in numbered(first)}) == len(numbered(first))
    half = numbered(first)[5]["seq"]
    _, *rest = messages(client, f"?after={half}", 6)
    after_half = [message for message in numbered(first) if message["seq"] > half]
    assert numbered(rest)[:3] == after_half[:3]


def test_what_happens_now_is_pushed(client: TestClient, journal: Journal) -> None:
    with client.websocket_connect("/api/ws") as socket:
        assert socket.receive_json()["type"] == "hello"
        alarm = ev.Alarm(MONDAY_OPEN, "Look here.")
        journal.append(ev.kind_of(alarm), ev.encode(alarm), 0)
        for _ in range(ENOUGH):
            message = socket.receive_json()
            if message["type"] == "alert":
                break
        assert message["data"]["text"] == "Look here."


def test_a_subscription_is_acknowledged_and_narrows(client: TestClient) -> None:
    with client.websocket_connect("/api/ws") as socket:
        socket.send_json({"type": "subscribe", "topics": ["trade", "alert"]})
        for _ in range(ENOUGH):
            message = socket.receive_json()
            if message["type"] == "subscribed":
                break
        assert message["topics"] == ["alert", "trade"]


@pytest.mark.parametrize("request_", ['{"type": "subscribe", "topics": ["prices"]}', "no json", "[" * 5000, "{}"])
def test_a_wrong_request_is_refused_in_words(client: TestClient, request_: str) -> None:
    with client.websocket_connect("/api/ws") as socket:
        socket.send_text(request_)
        for _ in range(ENOUGH):
            message = socket.receive_json()
            if message["type"] == "error":
                break
        assert "'prices'" in message["reason"] if "prices" in request_ else "subscribe" in message["reason"]


def test_the_state_and_health_come_without_asking(client: TestClient) -> None:
    types = [message["type"] for message in messages(client, "", 3)]
    assert types == ["hello", "status", "health"]


def test_a_number_that_is_no_longer_kept_is_refused_with_the_way_out(app: FastAPI) -> None:
    live = app.state.live
    client = TestClient(app)
    client.get("/api/ping")
    live.read(lambda views, _: views.updates.forget(keep=3))
    with client.websocket_connect("/api/ws?after=10") as socket:
        assert "dashboard-data" in socket.receive_json()["reason"]
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()
