"""Long work says how far it is where there is no terminal, too: on stderr, so that JSON stays one object on stdout."""

from __future__ import annotations

import json
import threading
import time

import pytest

from minhos.commands import terminal
from minhos.commands.terminal import Lines, progress, working


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(terminal, "FIRST_LINE_S", 0.0)
    monkeypatch.setattr(terminal, "LEAST_PAUSE_S", 0.005)


def until(said, capsys, text: str) -> str:
    """What was said until that text came."""
    for _ in range(400):
        said += capsys.readouterr().err
        if text in said:
            return said
        time.sleep(0.005)
    pytest.fail(f"{text!r} never came: {said!r}")


@pytest.mark.parametrize("quiet", [True, False])
def test_lines_on_stderr_where_there_is_no_terminal(at_once, capsys, quiet):
    with progress("Training", quiet=quiet) as report:
        report(0.25, "fold 3 of 12")
        said = until("", capsys, "Training: 25%, fold 3 of 12, after 0 s\n")
        report(0.5, "fold 6 of 12")
        until(said, capsys, "Training: 50%, fold 6 of 12, after 0 s\n")


def test_work_that_says_nothing_goes_on_visibly(at_once, capsys):
    with working("Reading"):
        until("", capsys, "Reading: after 0 s\n")


def test_nothing_is_said_of_what_is_done_within_a_second(capsys):
    with progress("Replay") as report:
        report(0.5, "half")
    assert capsys.readouterr() == ("", "")


def test_the_thread_ends_with_the_work_also_where_that_fails():
    def fails() -> None:
        with Lines("Training"):
            assert any(thread.name == "progress" for thread in threading.enumerate())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not any(thread.name == "progress" for thread in threading.enumerate())


def test_json_is_one_object_on_stdout_beside_the_lines(at_once, minh):
    done = minh("lab", "scenarios", "--name", "flash-crash", "--json")
    assert json.loads(done.out)["scenarios"]
    assert done.err.startswith("Scenarios: ")
