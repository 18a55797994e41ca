"""What `start` shows ends nothing that it tends."""

from __future__ import annotations

from pathlib import Path

import pytest

from minhos.assembly.layout import Layout
from minhos.commands.operate import running
from minhos.errors import MinhosError
from minhos.processes.service_manager import ServiceManager
from minhos.settings import parse


class Supervisor:
    """One that is stopped after a few rounds."""

    def __init__(self, refusals: dict[str, str]) -> None:
        self.rounds, self.refusals, self.closed = 0, refusals, 0
        self.layout, self.stopping, self.notes, self.problems = None, False, {}, {"web": "web is tried again."}

    def open(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1

    def step(self) -> int | None:
        self.rounds += 1
        return 0 if self.rounds < 5 else None


class Watch:
    def __init__(self, *_: object) -> None:
        pass

    def line(self) -> None:
        raise ZeroDivisionError("a defect of a view")


def test_a_view_that_fails_ends_nothing(monkeypatch, capsys) -> None:
    monkeypatch.setattr(running, "Watch", Watch)
    supervisor = Supervisor({})
    running._with_lines(supervisor, parse({}), ServiceManager({}))
    assert supervisor.rounds == 5
    assert "web is tried again." in capsys.readouterr().out


def test_a_mistake_that_ends_the_start_does(monkeypatch) -> None:
    monkeypatch.setattr(running, "Watch", Watch)
    with pytest.raises(MinhosError, match=r"trader cannot run: MinhOS trader: why\."):
        running._with_lines(Supervisor({"trader": "MinhOS trader: why."}), parse({}), ServiceManager({}))


def test_a_section_in_what_a_process_says_is_shown(monkeypatch, capsys) -> None:
    monkeypatch.setattr(running, "Watch", Watch)
    supervisor = Supervisor({})
    supervisor.problems = {"web": '[web] host = "0.0.0.0" needs a password.'}
    running._with_lines(supervisor, parse({}), ServiceManager({}))
    assert '[web] host = "0.0.0.0" needs a password.' in capsys.readouterr().out


def test_who_started_it_hears_of_every_round_also_where_a_view_fails(monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(ServiceManager, "_tell", lambda self, *lines: told.append(lines[0]))
    monkeypatch.setattr(running, "Watch", Watch)
    monkeypatch.setattr(running.signal, "signal", lambda *_: None)
    monkeypatch.setattr(running, "configure", lambda *_: None)
    supervisor = Supervisor({})
    supervisor.layout = Layout(Path())
    running.supervise(supervisor, parse({}), ServiceManager({}), monitor=False)
    assert told == ["READY=1", *["WATCHDOG=1"] * 4, "STOPPING=1"]
    assert supervisor.closed == 1
