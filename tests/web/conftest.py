"""A home folder with a journal of a few bars, and the app over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from web_journal import say_running, write_journal

from minhos.assembly.layout import Layout
from minhos.journal.store import Journal
from minhos.settings import load
from minhos.testing.builders import trading_events
from minhos.web.app import create_app


@pytest.fixture
def empty_app(tmp_path: Path) -> FastAPI:
    """Nothing exists: no journal, no model, no folder."""
    return create_app(load(tmp_path), Layout(tmp_path))


@pytest.fixture
def empty(empty_app: FastAPI) -> TestClient:
    return TestClient(empty_app)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = write_journal(tmp_path, trading_events())
    say_running(Layout(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def app(tmp_path: Path, journal: Journal) -> FastAPI:
    return create_app(load(tmp_path), Layout(tmp_path))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)
