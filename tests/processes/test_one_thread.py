"""All processes in one thread, by a queue of due times and a clock that a test moves; the machine is a test's, too."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from trading_home import events_of, make_home, settings_of

from minhos import parts
from minhos.assembly import heartbeats
from minhos.assembly.children import Seen
from minhos.assembly.heartbeats import BEATS, SupervisorBeat, TraderBeat, WatchdogBeat
from minhos.assembly.layout import Layout
from minhos.assembly.running import SERVICES, running_pids
from minhos.market.clock import SimulatedClock
from minhos.processes.process import Process
from minhos.processes.supervisor import Supervisor
from minhos.processes.trader import Trader
from minhos.processes.trainer import Trainer
from minhos.processes.watchdog import Watchdog
from minhos.testing.builders import MONDAY_OPEN
from minhos.trading import events as ev

SECOND = 10**9


class Child:
    """A process of the world."""

    def __init__(self, pid: int, process: Process) -> None:
        self.pid, self.created_s, self.process = pid, float(pid), process
        self.code: int | None = None

    def exit_code(self) -> int | None:
        return self.code

    def last_words(self) -> str:
        return ""

    def terminate(self) -> None:
        self.process.stopping = True

    def kill(self) -> None:
        """Nothing is closed in order; only the machine lets go of what it held."""
        self.code = -9
        if isinstance(self.process, Trader):
            self.process.journal.close()


class World:
    """The machine, its clock, and whose turn is next."""

    def __init__(self, home: Path) -> None:
        self.wall = SimulatedClock(MONDAY_OPEN + 3600 * SECOND)
        self.layout = Layout(make_home(home, pace=2.0).home, machine=self)
        self.settings = settings_of(self.layout)
        self.children: list[Child] = []
        self.queue: list[tuple[int, int, Child]] = []
        self.turns = 0
        self.acting = self.begin(Supervisor(self.layout, ("trader", "trainer", "watchdog"), self.wall))

    # What a machine is asked -----------------------------------------------------------------------------------------

    def own(self) -> Seen:
        return Seen(self.acting.pid, self.acting.created_s)

    def see(self, pid: int) -> Seen | None:
        found = next((child for child in self.children if child.pid == pid and child.code is None), None)
        return Seen(pid, found.created_s) if found is not None else None

    def start(self, module: str, environment: Mapping[str, str], errors: Path) -> Child:
        made: dict[str, Process] = {
            SERVICES["trader"]: Trader(self.settings, self.layout, SimulatedClock(wall=self.wall), self.wall),
            SERVICES["trainer"]: Trainer(self.settings, self.layout, self.wall),
            SERVICES["watchdog"]: Watchdog(self.settings, self.layout, self.wall),
        }
        return self.begin(made[module])

    def end(self, pid: int, *, kill: bool = False) -> None:
        raise NotImplementedError

    # The queue -------------------------------------------------------------------------------------------------------

    def begin(self, process: Process) -> Child:
        child = Child(100 + len(self.children), process)
        self.children.append(child)
        acting, self.acting = getattr(self, "acting", child), child
        process.open()
        self.acting = acting
        heapq.heappush(self.queue, (self.wall.now_ns(), child.pid, child))
        return child

    def run(self, seconds: float) -> None:
        end_ns = self.wall.now_ns() + round(seconds * SECOND)
        while self.queue and self.queue[0][0] <= end_ns:
            due_ns, pid, child = heapq.heappop(self.queue)
            self.wall.advance_to(due_ns)
            if child.code is not None:
                continue
            self.acting, self.turns = child, self.turns + 1
            next_ns = child.process.step()
            if next_ns is None:
                child.process.close()
                child.code = 0
            else:
                heapq.heappush(self.queue, (max(next_ns, due_ns), pid, child))
        self.wall.advance_to(end_ns)

    def child(self, kind: type[Process]) -> Child:
        return next(c for c in reversed(self.children) if isinstance(c.process, kind))


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
