"""A command means what runs, then what the settings name, and says in one line which."""

from __future__ import annotations

import json

import pytest

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import SupervisorBeat, TraderBeat
from minhos.assembly.in_use import settings_in_use
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of
from minhos.market.clock import SystemClock
from minhos.settings import OVERRIDES, load

REAL = {"data": {"source": "/bars/NQZ25-CME.scid"}, "market": {"symbol": "NQ"}}


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path).make()


def start(layout, monkeypatch, beat, switches):
    """A process of this home, which is this very one, told so."""
    monkeypatch.setenv(OVERRIDES, json.dumps(switches))
    heartbeats.write(layout, beat, SystemClock())
    monkeypatch.delenv(OVERRIDES)


def end(layout, kind):
    """Its process is gone, its heartbeat stays."""
    path = heartbeats.path_of(layout, kind)
    path.write_text(path.read_text().replace(f'"pid":{heartbeats.read(layout, kind).pid}', '"pid":4194311'))


def test_nothing_runs_and_the_files_are_meant(layout):
    assert settings_in_use(layout, last=True) == (load(layout.home), "")


def test_what_runs_comes_first_and_is_said_in_one_line(layout, monkeypatch):
    start(layout, monkeypatch, SupervisorBeat(), REAL)
    chosen, said = settings_in_use(layout)
    assert chosen.data.source == REAL["data"]["source"]
    assert registry_of(chosen, layout).root == layout.models
    assert said == (
        "Of what runs here: NQ from /bars/NQZ25-CME.scid; the settings name a simulated NQ market (ou, ceiling 58.0 %)."
    )


def test_a_run_as_the_settings_say_needs_no_line(layout, monkeypatch):
    start(layout, monkeypatch, TraderBeat(), {})
    assert settings_in_use(layout) == (load(layout.home), "")


def test_a_run_of_the_same_market_needs_no_line_and_keeps_its_switches(layout, monkeypatch):
    start(layout, monkeypatch, SupervisorBeat(), {"web": {"port": 8123}})
    chosen, said = settings_in_use(layout)
    assert (chosen.web.port, said) == (8123, "")


def test_a_run_that_ended_is_meant_only_where_its_journal_is_shown(layout, monkeypatch):
    start(layout, monkeypatch, TraderBeat(state="stopped"), REAL)
    end(layout, TraderBeat)
    assert settings_in_use(layout) == (load(layout.home), "")
    chosen, said = settings_in_use(layout, last=True)
    assert chosen.data.source == REAL["data"]["source"]
    assert said.startswith("Of what ran here last; nothing runs now: NQ from /bars/NQZ25-CME.scid;")


def test_who_is_started_goes_by_what_it_was_told(layout, monkeypatch):
    start(layout, monkeypatch, SupervisorBeat(), REAL)
    monkeypatch.setenv(OVERRIDES, json.dumps({"simulation": {"ceiling": 0.53}}))
    chosen, said = settings_in_use(layout)
    assert (chosen.simulation.ceiling, chosen.simulated, said) == (0.53, True, "")
