"""A supervisor that is gone: it is said, the trader is kept running, and the next start takes over what lives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from failing_disk import FailingDatabases
from one_thread import World
from trading_home import events_of

import minhos
from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import SupervisorBeat, TraderBeat, WatchdogBeat
from minhos.assembly.running import running_pids
from minhos.errors import MinhosError
from minhos.processes.supervisor import Supervisor, refuse_second_start, stop_running
from minhos.processes.trader import Trader
from minhos.processes.trainer import Trainer
from minhos.processes.watchdog import Watchdog
from minhos.settings import OVERRIDES

NAMES = ("trader", "trainer", "watchdog")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for child in made.children:
        if child.code is None and isinstance(child.process, Trader):
            child.kill()
    parts.load_source(parts.Source())


def watchdog_says(world: World) -> WatchdogBeat:
    found = heartbeats.read(world.layout, WatchdogBeat)
    assert found is not None
    return found


def stops(world: World) -> set[str]:
    """Orders that rest, by the living trader's book."""
    return {record.order.order_id for record in world.child(Trader).process.engine.state.book.stops("NQ-SIM")}


def restart(world: World) -> Supervisor:
    """A person types `start` again."""
    made = Supervisor(world.layout, NAMES, world.wall)
    world.begin(made)
    return made


def alarms(world: World) -> list[str]:
    return [event.text for event in events_of(world.layout, "Alarm")]


def test_that_it_is_dead_is_said_within_ten_seconds_and_nobody_else_ends(world: World) -> None:
    world.run(10.0)
    assert watchdog_says(world).supervisor == ""
    world.child(Supervisor).kill()
    world.run(3.0)
    said = watchdog_says(world).supervisor
    assert said.startswith("The supervisor (process 100) is gone: no process is started again but trader and watchdog")
    assert said.endswith("`python3 minh.py start` takes over what runs.")
    assert [text for text in alarms(world) if "supervisor" in text] == [said]
    assert [child.code for child in world.children[1:]] == [None] * 3
    world.run(30.0)
    assert len([text for text in alarms(world) if "supervisor" in text]) == 1


def test_an_alarm_that_cannot_be_left_now_is_left_once_the_inbox_works(tmp_path: Path) -> None:
    databases = FailingDatabases()
    world = World(tmp_path, database=databases)
    world.run(10.0)
    databases.failing, databases.all = {"inbox": "database is locked"}, True
    world.child(Supervisor).kill()
    world.run(20.0)
    assert not [text for text in alarms(world) if "supervisor" in text]
    databases.failing = {}
    world.run(10.0)
    assert len([text for text in alarms(world) if text.startswith("The supervisor (process 100) is gone")]) == 1
    world.child(Trader).kill()
    parts.load_source(parts.Source())


def test_a_supervisor_that_only_says_nothing_is_said_and_nothing_is_started_beside_it(world: World) -> None:
    world.run(5.0)
    world.queue = [entry for entry in world.queue if not isinstance(entry[2].process, Supervisor)]
    world.child(Trader).kill()
    world.run(10.0)
    assert "(process 100) has said nothing for" in watchdog_says(world).supervisor
    assert world.child(Trader).code is not None


def test_a_trader_without_a_supervisor_is_started_again_by_the_watchdog(world: World) -> None:
    world.run(10.0)
    world.child(Supervisor).kill()
    world.run(5.0)
    before = world.child(Trader)
    before.kill()
    world.run(5.0)
    assert world.child(Trader) is not before
    assert world.child(Trader).code is None
    for _ in range(5):
        world.child(Trader).kill()
        world.run(4.0)
    n_traders = sum(isinstance(child.process, Trader) for child in world.children)
    assert 4 <= n_traders <= 7, "with growing pauses"
    world.run(40.0)
    assert world.child(Trader).code is None


def test_a_watchdog_without_a_supervisor_is_started_again_by_the_trader(world: World) -> None:
    world.run(10.0)
    world.child(Supervisor).kill()
    world.child(Watchdog).kill()
    world.run(8.0)
    assert world.child(Watchdog).code is None
    world.child(Trader).kill()
    world.run(8.0)
    assert world.child(Trader).code is None, "and that one looks after the trader again"
    restart(world)
    world.run(20.0)
    living = [type(child.process).__name__ for child in world.children if child.code is None]
    assert sorted(living) == ["Supervisor", "Trader", "Trainer", "Watchdog"]


def test_the_next_start_takes_over_what_lives(world: World) -> None:
    world.run(10.0)
    world.child(Supervisor).kill()
    world.run(5.0)
    before = {kind: world.child(kind).pid for kind in (Trader, Trainer, Watchdog)}
    supervisor = restart(world)
    assert "was running and is looked after from here on" in supervisor.notes["trader"]
    world.run(15.0)
    assert {kind: world.child(kind).pid for kind in before} == before
    assert (supervisor.notes, supervisor.problems, watchdog_says(world).supervisor) == ({}, {}, "")
    world.child(Trader).kill()
    world.run(5.0)
    assert world.child(Trader).code is None
    assert sum(isinstance(child.process, Trader) for child in world.children) == 2
    beat = heartbeats.read(world.layout, SupervisorBeat)
    assert beat is not None
    assert beat.children["trader"] == world.child(Trader).pid


def test_a_trader_that_the_watchdog_started_is_taken_over_and_no_second_one_runs(world: World) -> None:
    world.run(5.0)
    world.child(Supervisor).kill()
    world.child(Trader).kill()
    world.run(5.0)
    supervisor = restart(world)
    world.run(5.0)
    world.child(Trader).kill()
    world.run(20.0)
    living = [child for child in world.children if isinstance(child.process, Trader) and child.code is None]
    assert len(living) == 1
    assert supervisor.problems == {}


def test_what_an_update_left_is_named_and_replaced_one_by_one_with_its_stops(world: World, monkeypatch) -> None:
    new = minhos.__version__
    monkeypatch.setattr(minhos, "__version__", "0.0.9")
    world.run(10.0)
    world.child(Supervisor).kill()
    world.run(3.0)
    resting = stops(world)
    assert resting, "something is held"
    monkeypatch.setattr(minhos, "__version__", new)
    before = {kind: world.child(kind) for kind in (Trader, Trainer, Watchdog)}
    supervisor, replaced, after = restart(world), [], set()
    for _ in range(120):
        world.run(0.25)
        if not after and world.child(Trader) is not before[Trader]:
            after = stops(world)
        gone = [kind.__name__ for kind, child in before.items() if child.code is not None]
        replaced += [name for name in gone if name not in replaced]
        down = [kind.__name__ for kind in before if world.child(kind).code is not None]
        assert len(down) <= 1, "one by one"
        for note in supervisor.notes.values():
            assert "of MinhOS 0.0.9" in note or "looked after" in note
    assert replaced == ["Trader", "Trainer", "Watchdog"]
    assert all(world.child(kind).code is None for kind in before)
    assert supervisor.notes == {}
    beat = heartbeats.read(world.layout, TraderBeat)
    assert beat is not None
    assert beat.version == new
    assert after == resting


def test_other_switches_are_no_reason_to_take_over(world: World, monkeypatch) -> None:
    world.run(5.0)
    world.child(Supervisor).kill()
    monkeypatch.setenv(OVERRIDES, '{"web": {"port": 8123}}')
    with pytest.raises(MinhosError, match=r"trader, trainer, watchdog with other switches of `start` than these"):
        refuse_second_start(world.layout)
    monkeypatch.setenv(OVERRIDES, '{"market": {"symbol": "NQ"}}')  # as `start --data` finds it
    refuse_second_start(world.layout)
    monkeypatch.delenv(OVERRIDES)
    refuse_second_start(world.layout)


def test_a_living_supervisor_refuses_a_second_start(world: World) -> None:
    world.run(5.0)
    with pytest.raises(MinhosError, match=r"already runs here: supervisor \(process 100\)"):
        refuse_second_start(world.layout)


def test_on_a_machine_whose_processes_end_at_once_stop_leaves_no_trader_for_the_watchdog_to_start(world: World) -> None:
    world.run(10.0)
    order = []

    def end(pid: int, *, kill: bool = False) -> None:
        child = next(child for child in world.children if child.pid == pid)
        order.append(type(child.process).__name__)
        child.kill()
        world.acting = world.child(Watchdog)
        for _ in range(3 if child.process is not world.acting.process else 0):
            world.acting.process.step()  # the watchdog looks between any two ends
            world.wall.advance_to(world.wall.now_ns() + 10**9)

    world.end = end  # type: ignore[method-assign]
    stop_running(world.layout, clock=world.wall)
    assert (order[0], order[-1]) == ("Supervisor", "Watchdog")
    assert sum(isinstance(child.process, Trader) for child in world.children) == 1
    assert running_pids(world.layout) == {}


def test_a_full_disk_is_no_death_of_a_supervisor(world: World, monkeypatch) -> None:
    """It lives and cannot say so: it is said that it is silent, and nothing is started beside it."""
    world.run(5.0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(heartbeats, "write", full)
    n_before = len(world.children)
    world.run(30.0)
    assert len(world.children) == n_before
    assert [child.code for child in world.children] == [None] * 4
