"""A home folder with a journal of a few bars, and the app over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from minhos.assembly.layout import Layout
from minhos.journal.store import Journal
from minhos.settings import load
from minhos.testing.builders import MONDAY_OPEN, trading_events
from minhos.trading import events as ev
from minhos.web.app import create_app


def write_journal(home: Path, events: list[ev.Event]) -> Journal:
    """A journal that stays open, so that more can be appended."""
    layout = Layout(home).make()
    journal = Journal.open(layout.journal("simulated", "paper"), {"mode": "simulated"})
    for event in events:
        append(journal, event)
    return journal


def append(journal: Journal, event: ev.Event) -> None:
    journal.append(ev.kind_of(event), ev.encode(event), MONDAY_OPEN)


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
    yield opened
    opened.close()


@pytest.fixture
def app(tmp_path: Path, journal: Journal) -> FastAPI:
    return create_app(load(tmp_path), Layout(tmp_path))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)
