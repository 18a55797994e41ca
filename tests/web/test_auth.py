"""Who gets in, and which requests may act."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from minhos.assembly.layout import Layout
from minhos.errors import SettingsError
from minhos.market.clock import SimulatedClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import load
from minhos.web import auth
from minhos.web.__main__ import listen, main
from minhos.web.app import create_app
from minhos.web.auth import Guard, check_host, trusted_name

PASSWORD = "correct horse"


@pytest.fixture
def locked(tmp_path: Path) -> TestClient:
    return TestClient(create_app(load(tmp_path, {"web": {"password": PASSWORD}}), Layout(tmp_path)))


def test_other_hosts_need_a_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set \\[web\\] password"):
        create_app(load(tmp_path, {"web": {"host": "0.0.0.0"}}), Layout(tmp_path))
    check_host("0.0.0.0", PASSWORD)
    for local in ("127.0.0.1", "localhost", "::1"):
        check_host(local, "")


def test_nothing_is_told_without_the_password(locked: TestClient) -> None:
    for path in ("/api/kelly/dashboard-data", "/metrics", "/docs", "/openapi.json"):
        assert locked.get(path).status_code == 401
    assert locked.post("/api/commands/halt").status_code == 401
    assert locked.get("/api/ping").json() == {"status": "pong"}
    with pytest.raises(WebSocketDisconnect) as refused, locked.websocket_connect("/api/ws"):
        pass
    assert refused.value.code == 1008


def test_a_browser_is_sent_to_the_sign_in_and_back(locked: TestClient) -> None:
    answer = locked.get("/", headers={"accept": "text/html"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Password" in locked.get("/login").text
    wrong = locked.post("/login", data={"password": "guess"})
    assert wrong.status_code == 401
    right = locked.post("/login", data={"password": PASSWORD}, follow_redirects=False)
    assert right.status_code == 303
    assert "httponly" in right.headers["set-cookie"].lower()
    assert "samesite=strict" in right.headers["set-cookie"].lower()
    assert locked.get("/api/trading/status").status_code == 200
    with locked.websocket_connect("/api/ws") as socket:
        assert socket.receive_json()["type"] == "hello"


def test_programs_use_basic_or_a_token(locked: TestClient) -> None:
    assert locked.get("/api/trading/status", auth=("any", PASSWORD)).status_code == 200
    assert locked.get("/api/trading/status", auth=("any", "guess")).status_code == 401
    token = locked.post("/api/token/login", auth=("any", PASSWORD)).json()["access_token"]
    assert locked.get("/api/trading/status", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert locked.get("/api/trading/status", headers={"authorization": "Bearer forged"}).status_code == 401
    assert locked.get("/api/trading/status", headers={"authorization": "Basic !!"}).status_code == 401


def test_wrong_passwords_cost_growing_time() -> None:
    clock = SimulatedClock(NANOS_PER_SECOND)
    guard = Guard(PASSWORD, clock)
    waits = []
    for _ in range(12):
        guard.knows("guess", "mallory")
        waits.append(guard.wait_s("mallory"))
        clock.advance_to(clock.now_ns() + round(waits[-1] * NANOS_PER_SECOND))
    assert waits == [0, 0, *[min(60.0, 2.0**k) for k in range(10)]]
    guard.knows("guess", "mallory")
    assert not guard.knows(PASSWORD, "mallory")  # too early, although right
    assert guard.knows(PASSWORD, "ann")


def test_a_token_ends() -> None:
    clock = SimulatedClock(NANOS_PER_SECOND)
    guard = Guard(PASSWORD, clock)
    token = guard.new_token()
    assert guard.valid(token)
    clock.advance_to(clock.now_ns() + 13 * 3600 * NANOS_PER_SECOND)
    assert not guard.valid(token)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://testserver", "x-requested-with": "page"}, 200),
        ({"origin": "http://testserver"}, 403),
        ({"origin": "http://evil.example", "x-requested-with": "page"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "x-requested-with": "page"}, 403),
        ({"cookie": "a=b"}, 403),
        ({"host": "evil.example"}, 403),
    ],
)
def test_another_site_cannot_make_a_browser_act(
    empty: TestClient, tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    assert empty.post("/api/commands/halt", headers=headers).status_code == status
    assert Layout(tmp_path).halt_file.exists() == (status == 200)


def test_another_sites_socket_is_refused(empty: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        empty.websocket_connect("/api/ws", headers={"origin": "http://evil.example"}),
    ):
        pass


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("box", True),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.", True),
        ("LOCALHOST:8000", True),
        ("192.168.1.7:8000", True),
        ("localhost:80@evil.example", False),
        ("localhost:8000:9000", False),
        ("evil.example.", False),
        ("[::1].evil.example", False),
        ("", False),
    ],
)
def test_a_name_that_strangers_own_is_not_trusted(host: str, trusted: bool) -> None:
    assert trusted_name(host) == trusted


READS = ("/", "/api/ping", "/api/trading/status", "/metrics", "/openapi.json", "/_nicegui_ws/socket.io/?EIO=4", "/none")


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_nothing_is_read_under_a_strangers_name(path: str, password: str, tmp_path: Path) -> None:
    settings = load(tmp_path, {"web": {"password": password, "names": ["trading.example.com"]}})
    client = TestClient(create_app(settings, Layout(tmp_path)), raise_server_exceptions=False)
    for host in ("evil.example", "localhost.evil.example:8000", "127.0.0.1.nip.io", "trading.example.com.evil.example"):
        answer = client.get(path, headers={"host": host}, follow_redirects=False)
        assert answer.status_code == 421
        assert "[web] names" in answer.json()["detail"]
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    for host in ("localhost:8000", "trading.example.com", "Trading.Example.com:443", "127.0.0.1", "[::1]:8000"):
        assert client.get(path, headers={"host": host}, follow_redirects=False).status_code not in (403, 421)


@pytest.mark.parametrize("path", ["/api/ws", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"])
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_strangers_socket_is_refused(empty: TestClient, path: str, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, empty.websocket_connect(path, headers=headers):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_another_sites_page_loads_and_frames_nothing(empty: TestClient, headers: dict[str, str], status: int) -> None:
    for path in ("/api/trading/status", "/docs"):
        assert empty.get(path, headers=headers).status_code == status


def test_a_name_in_the_settings_is_one() -> None:
    for wrong in ("http://a.example", "a.example:8000", "a b", "", "*.example.com"):
        with pytest.raises(SettingsError, match="names"):
            load(Path("/nowhere"), {"web": {"names": [wrong]}})


def test_guesses_from_countless_addresses_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MOST_CLIENTS", 3)
    guard = Guard(PASSWORD, SimulatedClock(NANOS_PER_SECOND))
    for i in range(10):
        for _ in range(4):
            guard.knows("guess", f"client {i}")
    assert len(guard._failed) == 3
    assert guard.wait_s("client 9") > 0


def test_a_port_in_use_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch) -> None:
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    assert main(["--port", str(port)]) == 1, "it may be free later"
    said = capsys.readouterr().err
    taken.close()
    assert said.count("\n") == 1
    assert f"Port {port}" in said
    assert "--port" in said
