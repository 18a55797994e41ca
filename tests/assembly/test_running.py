"""Which processes are a home's: known by home and start, those of earlier versions by their command line."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec
import pytest

from minhos.assembly import heartbeats
from minhos.assembly.children import LOCAL, Seen
from minhos.assembly.files import write_json
from minhos.assembly.heartbeats import SupervisorBeat, TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.running import living, running_pids, trader_pid
from minhos.market.clock import SystemClock
from minhos.processes.supervisor import stop_running

PID, BORN_S = 4711, 1_760_000_000.0


class Machine:
    """Processes that a test names; those that are asked to end do."""

    def __init__(self, *processes: Seen) -> None:
        self.processes = {seen.pid: seen for seen in processes}
        self.ended: list[int] = []

    def own(self) -> Seen:
        return self.processes[PID]

    def see(self, pid: int) -> Seen | None:
        return self.processes.get(pid)

    def started_as(self, words: Collection[str]) -> list[Seen]:
        return [seen for seen in self.processes.values() if not set(words).isdisjoint(seen.words)]

    def start(self, module: str, environment: Mapping[str, str], errors: Path) -> object:
        raise NotImplementedError

    def end(self, pid: int, *, kill: bool = False) -> None:
        self.ended.append(pid)
        del self.processes[pid]


def home_with(folder: Path, *processes: Seen) -> Layout:
    return Layout(folder, machine=Machine(*processes)).make()


def written(layout: Layout, **changes: object) -> None:
    """The heartbeat that a trader of this home would have left, with changes."""
    beat = TraderBeat(pid=PID, home=str(layout.home.resolve()), created_s=BORN_S, state="running")
    write_json(layout.run / "trader.json", msgspec.structs.replace(beat, **changes))


def trader(folder: Path, **changes: object) -> Seen:
    words = ("python", "-m", "minhos.processes.trader")
    return msgspec.structs.replace(Seen(PID, BORN_S, words, str(folder)), **changes)


def test_a_process_is_known_by_its_start_whatever_its_module_is_called(tmp_path):
    layout = home_with(tmp_path, Seen(PID, BORN_S, ("python", "my_own_start.py")))
    written(layout)
    assert trader_pid(layout) == PID
    assert running_pids(layout) == {"trader": PID}


def test_a_recycled_process_id_is_not_ours_and_is_not_ended(tmp_path):
    layout = home_with(tmp_path, Seen(PID, BORN_S + 3600.0, ("python", "-c", "reads /home/minhos/notes")))
    written(layout)
    assert trader_pid(layout) is None
    assert stop_running(layout) == []
    assert PID in layout.machine.processes


def test_another_homes_trader_with_a_recycled_id_is_not_ours(tmp_path):
    layout = home_with(tmp_path / "here", trader(tmp_path / "there", created_s=BORN_S + 3600.0))
    written(layout)
    assert (trader_pid(layout), stop_running(layout)) == (None, [])


def test_a_copied_home_ends_nothing_of_the_home_it_was_copied_from(tmp_path):
    layout = home_with(tmp_path / "copy", trader(tmp_path / "original"))
    written(layout, home=str(tmp_path / "original"))
    assert (running_pids(layout), stop_running(layout), layout.machine.ended) == ({}, [], [])


def test_after_the_clock_was_set_command_line_and_home_decide(tmp_path):
    layout = home_with(tmp_path, trader(tmp_path, created_s=BORN_S - 7200.0))
    written(layout)
    assert trader_pid(layout) == PID


@pytest.mark.parametrize("module", ["minhos.processes.trader", "minhos.services.trader"])
@pytest.mark.parametrize(("home", "ours"), [("own", True), ("", True), ("other", False)])
def test_a_trader_of_an_earlier_version_is_known_by_its_command_line(tmp_path, module, home, ours):
    where = {"own": str(tmp_path), "": "", "other": str(tmp_path / "other")}[home]
    layout = home_with(tmp_path, Seen(PID, BORN_S, ("python", "-m", module), where))
    write_json(layout.run / "trader.json", {"pid": PID, "state": "running"})
    assert (trader_pid(layout) == PID) is ours


def test_a_child_that_has_said_nothing_yet_is_known_by_its_supervisor(tmp_path):
    layout = home_with(tmp_path, Seen(PID, BORN_S, ("python", "minh.py")), Seen(PID + 1, BORN_S + 1.0, ("python",)))
    beat = SupervisorBeat(children={"trader": PID + 1}, children_created_s={"trader": BORN_S + 1.0})
    heartbeats.write(layout, beat, SystemClock())
    assert running_pids(layout) == {"supervisor": PID, "trader": PID + 1}
    assert stop_running(layout) == ["trader", "supervisor"]
    assert layout.machine.ended == [PID, PID + 1], "the supervisor first, so that it starts nothing again"


def test_who_could_write_nothing_is_found_by_command_line_and_home(tmp_path):
    here = trader(tmp_path)
    theirs = trader(tmp_path / "other", pid=PID + 1)
    nobodys = trader(tmp_path, pid=PID + 2, home="")
    layout = home_with(tmp_path, nobodys, theirs, here)
    assert running_pids(layout) == {"trader": PID}
    assert living(layout, "trader") == here
    assert living(layout, "watchdog") is None
    assert stop_running(layout) == ["trader"]
    assert layout.machine.ended == [PID], "no other home's, and none of an unknown one"


def test_this_machine_sees_this_process(tmp_path):
    own = LOCAL.own()
    seen = LOCAL.see(own.pid)
    assert seen is not None
    assert (own.pid, abs(seen.created_s - own.created_s) < 1.0) == (os.getpid(), True)
    assert LOCAL.see(2**31 - 1) is None
    assert own.pid in [each.pid for each in LOCAL.started_as(seen.words)]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "positions": [3]}', "[" * 100_000])
def test_a_heartbeat_that_makes_no_sense_is_none(tmp_path, content):
    layout = Layout(tmp_path).make()
    (layout.run / "trader.json").write_text(content, encoding="utf-8")
    assert heartbeats.read(layout, TraderBeat) is None
    assert trader_pid(layout) is None


def test_one_that_ends_while_it_is_looked_for_is_not_found(monkeypatch) -> None:
    """Its command line is empty by then."""
    own = LOCAL.own()
    monkeypatch.setattr(type(LOCAL), "see", lambda self, pid: Seen(pid, BORN_S, (), ""))
    assert LOCAL.started_as(own.words) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("/x/.venv/bin/python", "-m", "minhos.processes.trader"), True),
        (("python3.11", "-X", "dev", "-m", "minhos.services.trader"), True),
        (("watch", "pgrep", "-af", "minhos.processes.trader"), False),
        (("python", "-c", "pass", "minhos.processes.trader"), False),
        (("pgrep", "-m", "minhos.processes.trader"), False),
    ],
)
def test_who_only_names_a_process_is_not_that_process(tmp_path, words, found) -> None:
    seen = Seen(PID, BORN_S, words, str(tmp_path))
    layout = msgspec.structs.replace(Layout(tmp_path).make(), machine=Machine(seen))
    assert (living(layout, "trader") == seen) is found
