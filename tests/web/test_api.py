"""REST over a journal that the test wrote, and over nothing at all."""

from __future__ import annotations

import csv
import io
import threading
import time
from pathlib import Path

import msgspec
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.journal.inbox import Answer, Inbox
from minhos.journal.store import Journal
from minhos.testing.builders import trading_events
from minhos.trading import events as ev

GETS = [
    "kelly/current-recommendation",
    "kelly/performance-metrics",
    "kelly/service-health",
    "kelly/recent-recommendations",
    "kelly/dashboard-data",
    "ml/performance",
    "ml/models",
    "ml/predictions",
    "ml/calibration",
    "trading/status",
    "trading/positions",
    "trading/orders",
    "trading/trades",
    "trading/decisions",
    "risk/status",
    "market/bars",
    "market/status",
    "checklist",
]


@pytest.mark.parametrize("path", GETS)
def test_every_question_is_answered_out_of_nothing(empty: TestClient, path: str) -> None:
    answer = empty.get(f"/api/{path}")
    assert answer.status_code == 200
    assert answer.json()["state"] == "not_running"
    assert answer.json()["mode"] == "simulated"


@pytest.mark.parametrize("path", GETS)
def test_every_answer_says_state_and_mode(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/{path}").json()
    assert answer["state"] == "live"
    assert answer["mode"] == "simulated"


def test_asking_writes_nothing(empty: TestClient, tmp_path: Path) -> None:
    for path in GETS:
        empty.get(f"/api/{path}")
    assert list(tmp_path.iterdir()) == []


def test_service_health_is_as_documented(client: TestClient) -> None:
    health = client.get("/api/kelly/service-health").json()
    assert (health["status"], health["integration"]) == ("healthy", "complete"), health
    assert health["latency_p50_ms"] == 0.256
    assert {part["name"] for part in health["components"]} >= {"trader", "journal", "feed", "model", "risk manager"}


def test_without_a_trader_nothing_is_healthy_and_nothing_is_live(client: TestClient, tmp_path: Path) -> None:
    heartbeats.path_of(Layout(tmp_path), TraderBeat).unlink()
    health = client.get("/api/kelly/service-health").json()
    assert (health["status"], health["integration"], health["state"]) == ("unhealthy", "incomplete", "not_running")
    assert {client.get(f"/api/{path}").json()["state"] for path in GETS} == {"not_running"}


def test_a_killed_traders_fresh_heartbeat_is_not_live(client: TestClient, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    beat = msgspec.structs.replace(heartbeats.read(layout, TraderBeat), pid=2**22 + 7, created_s=1.0)
    heartbeats.path_of(layout, TraderBeat).write_bytes(msgspec.json.encode(beat))
    status = client.get("/api/trading/status").json()["status"]
    assert (status["state"], status["connected"]) == ("not_running", False)
    assert "ended without a word" in status["reason"]


def test_the_recommendation_is_that_of_the_last_bar(client: TestClient) -> None:
    found = client.get("/api/kelly/current-recommendation").json()
    assert found["win_probability"] == 0.7
    assert found["last_update"] == "2025-10-06T14:30:00Z"
    assert found["banner"].startswith("SIMULATED")


def test_what_is_appended_is_answered_at_once(client: TestClient, journal: Journal) -> None:
    assert client.get("/api/trading/decisions").json()["decisions"][0]["reason"] == "Sentence 11."
    for event in trading_events(13)[-2:]:
        journal.append(ev.kind_of(event), ev.encode(event), 0)
    newest = client.get("/api/trading/decisions?limit=1").json()["decisions"]
    assert [line["reason"] for line in newest] == ["Sentence 12."]


def test_trades_are_the_same_as_a_table(client: TestClient) -> None:
    (trade,) = client.get("/api/trading/trades").json()["trades"]
    (row,) = csv.DictReader(io.StringIO(client.get("/api/trading/trades.csv").text))
    assert float(row["pnl"]) == trade["pnl"]
    assert row["closed"] == trade["closed"]


def test_a_damaged_journal_is_degraded_and_told(tmp_path: Path, app: FastAPI, journal: Journal) -> None:
    journal.append("Unheard", b"", 0)
    answer = TestClient(app).get("/api/kelly/service-health").json()
    assert (answer["status"], answer["state"]) == ("unhealthy", "degraded")
    assert "Unheard" in answer["reason"]


def test_sizing_for_a_supposed_p_sends_nothing(client: TestClient, tmp_path: Path) -> None:
    sure = client.post("/api/kelly/calculate-position-size", json={"win_probability": 0.9}).json()
    unsure = client.post("/api/kelly/calculate-position-size", json={"win_probability": 0.5}).json()
    short = client.post("/api/kelly/calculate-position-size", json={"win_probability": 0.9, "side": "short"}).json()
    assert sure["recommended_position"] == -short["recommended_position"] > 0
    assert unsure["recommended_position"] == 0
    assert sure["trace"]
    assert not Layout(tmp_path).inbox.exists()


def test_sizing_without_an_account_says_what_is_missing(empty: TestClient) -> None:
    answer = empty.post("/api/kelly/calculate-position-size", json={"win_probability": 0.9})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "start the trader" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{"win_probability": 1.5}, {"win_probability": "much"}, {}, {"p": 0.6}])
def test_a_wrong_request_is_a_problem_with_the_field(client: TestClient, body: dict[str, object]) -> None:
    answer = client.post("/api/kelly/calculate-position-size", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(("win_probability", "p:"))


@pytest.mark.parametrize("name", ["halt", "flatten"])
def test_stopping_writes_the_halt_file_even_without_a_trader(client: TestClient, tmp_path: Path, name: str) -> None:
    answer = client.post(f"/api/commands/{name}", json={"who": "Ann", "why": "news"}).json()
    assert (answer["answered"], answer["halt_file"]) == (False, True)
    assert "Ann" in Layout(tmp_path).halt_file.read_text()
    assert client.get("/api/trading/status").json()["state"] == "halted"


def test_a_command_waits_for_the_traders_answer(client: TestClient, tmp_path: Path) -> None:
    inbox = Inbox(Layout(tmp_path).inbox)

    def trader() -> None:
        for _ in range(100):
            for command in inbox.pending(time.time_ns()):
                inbox.acknowledge(command.id, Answer(True, f"done for {command.who}: {command.why}"))
                return
            time.sleep(0.01)

    thread = threading.Thread(target=trader)
    thread.start()
    answer = client.post("/api/commands/pause", json={"who": "Ann", "why": "lunch"}).json()
    thread.join()
    assert answer["answered"]
    assert answer["answer"] == "pause: done for Ann (testclient): lunch"


def test_unknown_commands_and_paths_are_problems(client: TestClient) -> None:
    assert client.post("/api/commands/explode").status_code == 422
    missing = client.get("/api/nothing")
    assert missing.status_code == 404


def test_training_is_asked_for_by_a_file(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/api/commands/train").json()
    assert answer["accepted"]
    assert (Layout(tmp_path).training / "request.json").exists()


def test_docs_and_metrics_need_nothing_from_outside(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "https://" not in page
    assert "http://" not in page
    assert 'minhos_state{state="live"} 1.0' in client.get("/metrics").text


def test_every_operation_and_field_of_the_description_is_readable(app: FastAPI) -> None:
    described = app.openapi()
    for path, operations in described["paths"].items():
        assert path.startswith("/api/")
        assert all(operation["description"] for operation in operations.values())


def test_answers_fit_their_own_description(app: FastAPI) -> None:
    """Schemathesis asks every GET and the sizing with generated parameters."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    readable = schema.include(method="GET").include(path="/api/kelly/calculate-position-size")
    asked = [found.ok() for found in readable.get_all_operations()]
    assert len(asked) >= 20
    for operation in asked:
        ask(operation)


def ask(operation: schemathesis.APIOperation) -> None:
    """A few generated requests; every answer has to be one that the description announces."""

    @given(operation.as_strategy())
    @settings(max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def each(case: schemathesis.Case) -> None:
        case.call_and_validate()

    each()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nonsense", 404),
        ("POST", "nonsense", 404),
        ("DELETE", "risk/status", 405),
        ("POST", "risk/status", 405),
    ],
)
def test_what_no_endpoint_answers_is_a_problem_and_no_page(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, f"/api/{path}")
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert f"/api/{path}" in answer.json()["detail"]
