"""No page and no answer may be framed by another site or read as another type, refusals included."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from minhos.assembly.layout import Layout
from minhos.settings import load
from minhos.web.app import create_app


@pytest.mark.parametrize("path", ["/", "/login", "/docs", "/api/ping", "/api/trading/trades.csv", "/api/nothing"])
@pytest.mark.parametrize("password", ["", "correct horse"])
def test_every_response_has_them(path: str, password: str, tmp_path: Path) -> None:
    client = TestClient(create_app(load(tmp_path, {"web": {"password": password}}), Layout(tmp_path)))
    headers = client.get(path, follow_redirects=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
