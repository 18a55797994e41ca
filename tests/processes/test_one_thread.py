"""All processes in one thread, by a queue of due times and a clock that a test moves; the machine is a test's, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from one_thread import World
from trading_home import events_of

from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import BEATS, SupervisorBeat, TraderBeat, WatchdogBeat
from minhos.assembly.running import running_pids
from minhos.processes.trader import Trader
from minhos.trading import events as ev

SECOND = 10**9


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for child in made.children:
        if child.code is None and isinstance(child.process, Trader):
            child.kill()
    parts.load_source(parts.Source())


def decided(world: World) -> list[tuple[int, str]]:
    """Each decision's bar and reason, oldest first."""
    made = [event.decision for event in events_of(world.layout, "DecisionMade") if isinstance(event, ev.DecisionMade)]
    return [(decision.close_time_ns, decision.reason) for decision in made]


def test_every_process_runs_in_one_thread(world: World) -> None:
    world.run(30.0)
    assert set(running_pids(world.layout)) == {"supervisor", "trader", "trainer", "watchdog"}
    beats = {kind.PROCESS: heartbeats.read(world.layout, kind) for kind in BEATS}
    heard = {name: beat.pid for name, beat in beats.items() if beat is not None}
    assert heard == {"supervisor": 100, "trader": 101, "trainer": 102, "watchdog": 103}
    assert 12 <= len(decided(world)) <= 16, "one bar every two seconds of the world's clock"


def test_a_killed_trader_is_started_again_and_goes_on_where_it_was(world: World) -> None:
    world.run(20.0)
    before = decided(world)
    world.child(Trader).kill()
    world.run(20.0)
    beat = heartbeats.read(world.layout, SupervisorBeat)
    assert beat is not None
    assert beat.restarts == {"trader": 1, "trainer": 0, "watchdog": 0}
    after = decided(world)
    assert (after[: len(before)], len(after) > len(before)) == (before, True)
    closes = [close_ns for close_ns, _ in after]
    assert closes == sorted(set(closes)), "each bar is decided once"


def test_a_trader_that_is_asked_to_stop_says_so(world: World) -> None:
    world.run(5.0)
    world.child(Trader).terminate()
    world.run(0.2)
    beat = heartbeats.read(world.layout, TraderBeat)
    watchdog = heartbeats.read(world.layout, WatchdogBeat)
    assert beat is not None
    assert watchdog is not None
    assert (beat.state, watchdog.state) == ("stopped", "idle")


def test_the_same_world_twice_takes_the_same_turns(tmp_path: Path) -> None:
    runs = []
    for name in ("one", "two"):
        world = World(tmp_path / name)
        world.run(15.0)
        world.child(Trader).kill()
        runs.append((world.turns, decided(world)))
    assert runs[0] == runs[1]
