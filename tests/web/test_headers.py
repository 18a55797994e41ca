"""No page and no answer may be framed by another site or read as another type, refusals included."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from minhos.assembly.layout import Layout
from minhos.settings import load
from minhos.web.app import create_app
from minhos.web.headers import HeadersMiddleware


@pytest.mark.parametrize("path", ["/", "/login", "/docs", "/api/ping", "/api/trading/trades.csv", "/api/nothing"])
@pytest.mark.parametrize("password", ["", "correct horse"])
def test_every_response_has_them(path: str, password: str, tmp_path: Path) -> None:
    client = TestClient(create_app(load(tmp_path, {"web": {"password": password}}), Layout(tmp_path)))
    headers = client.get(path, follow_redirects=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_a_socket_has_them_when_it_opens() -> None:
    sent: list[Message] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        for kind in ("websocket.accept", "websocket.http.response.start", "websocket.send"):
            await send({"type": kind})

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(HeadersMiddleware(inner)({"type": "websocket"}, send, send))  # type: ignore[arg-type]
    named = [{name for name, _ in message.get("headers", [])} for message in sent]
    assert [b"x-frame-options" in names for names in named] == [True, True, False]


def test_a_fault_of_ours_is_a_problem_with_them(empty_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(empty_app.state.live, "read", broken)
    answer = TestClient(empty_app, raise_server_exceptions=False).get("/api/trading/status")
    assert (answer.status_code, answer.headers["x-frame-options"]) == (500, "SAMEORIGIN")
    assert (
        answer.json()["detail"] == "GET /api/trading/status failed (ZeroDivisionError); the web log has the traceback."
    )
