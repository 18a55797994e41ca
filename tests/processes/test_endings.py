"""What follows when a child ends: by child and by error, on a machine whose processes end as a test says."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from minhos.assembly import heartbeats
from minhos.assembly.children import Seen
from minhos.assembly.endings import POLICY, Ending, Then, ending_of, what_follows
from minhos.assembly.heartbeats import SupervisorBeat, TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.running import ALWAYS, SERVICES
from minhos.errors import FeedError, InUse, JournalError, MinhosError, OrderStateError, SettingsError, VenueError
from minhos.journal.inbox import Inbox
from minhos.market.clock import SimulatedClock
from minhos.processes.supervisor import LAST, Supervisor
from minhos.processes.tended import LONGEST_PAUSE_S, Adopted
from minhos.testing.builders import MONDAY_OPEN

SECOND = 10**9
NAMES = (*ALWAYS, "alerts")
OTHERS = tuple(name for name in NAMES if name != "trader")


class Child:
    """A process that ends when it is asked, and otherwise when a test says so."""

    def __init__(self, machine: Machine, pid: int, name: str) -> None:
        self.pid, self.created_s, self.name = pid, float(pid), name
        self._machine = machine
        self.code: int | None = None

    def exit_code(self) -> int | None:
        return self.code

    def last_words(self) -> str:
        return f"MinhOS {self.name}: why."

    def terminate(self) -> None:
        self._machine.ended.append(self.name)
        self.code = 0

    def kill(self) -> None:
        self.code = -9


class Machine:
    def __init__(self) -> None:
        self.children: list[Child] = []
        self.ended: list[str] = []

    def own(self) -> Seen:
        return Seen(1, 1.0)

    def see(self, pid: int) -> Seen | None:
        alive = any(child.pid == pid and child.code is None for child in self.children)
        return Seen(pid, float(pid)) if alive else None

    def started_as(self, words: Collection[str]) -> list[Seen]:
        return []

    def start(self, module: str, environment: Mapping[str, str], errors: Path) -> Child:
        name = next(name for name, known in SERVICES.items() if known == module)
        self.children.append(Child(self, 100 + len(self.children), name))
        return self.children[-1]

    def end(self, pid: int, *, kill: bool = False) -> None:
        raise NotImplementedError

    def of(self, name: str) -> Child:
        return next(child for child in reversed(self.children) if child.name == name)


class Memory:
    """A disk for small files."""

    def __init__(self) -> None:
        self.files: dict[Path, bytes] = {}

    def read(self, path: Path) -> bytes | None:
        return self.files.get(path)

    def replace(self, path: Path, content: bytes, *, durable: bool = False) -> None:
        self.files[path] = content

    def exists(self, path: Path) -> bool:
        return path in self.files

    def touch(self, path: Path) -> None:
        self.files.setdefault(path, b"")

    def remove(self, path: Path) -> None:
        self.files.pop(path, None)

    def claim(self, path: Path) -> ExitStack:
        return ExitStack()


class House:
    def __init__(self, folder: Path) -> None:
        self.machine, self.clock = Machine(), SimulatedClock(MONDAY_OPEN)
        self.layout = Layout(folder, disk=Memory(), machine=self.machine).make()
        self.supervisor = Supervisor(self.layout, NAMES, self.clock)
        self.supervisor.open()
        self.supervisor.step()

    def run(self, seconds: float) -> None:
        end_ns = self.clock.now_ns() + round(seconds * SECOND)
        while self.clock.now_ns() < end_ns:
            self.clock.advance_to(min(end_ns, self.supervisor.step() or end_ns))

    def alarms(self) -> list[str]:
        inbox = Inbox(self.layout.inbox)
        waiting = [str(request.fields["text"]) for request in inbox.pending(self.clock.now_ns())]
        inbox.close()
        return waiting


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_every_child_has_a_policy() -> None:
    assert set(POLICY) == set(SERVICES)
    ends = [
        name for name in POLICY for ending in Ending if what_follows(name, ending, first=True) is Then.ENDS_THE_START
    ]
    assert ends == ["trader"], "and only at a mistake, only at its first start"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("code", [1, 2, 3, 4, 15, -9])
def test_no_end_of_a_child_that_ran_is_the_end_of_another(house: House, name: str, code: int) -> None:
    house.run(30.0)
    before = {other: house.machine.of(other) for other in NAMES if other != name}
    house.machine.of(name).code = code
    house.run(0.25)
    house.machine.of(name).code = code  # and if it was started again, once more
    house.run(100.0)
    assert {other: house.machine.of(other) for other in before} == before
    assert all(child.code is None for child in before.values())
    assert house.supervisor.refusals == {}
    assert house.machine.of(name).code is None, "started again"


@pytest.mark.parametrize("name", OTHERS)
def test_a_mistake_at_the_first_start_of_any_but_the_trader_waits_and_is_said(house: House, name: str) -> None:
    house.machine.of(name).code = 2
    house.run(1.0)
    assert house.supervisor.refusals == {}
    assert house.supervisor.problems == {name: f"{name} is looked at again every minute: MinhOS {name}: why."}
    assert house.alarms() == [house.supervisor.problems[name]]
    beat = heartbeats.read(house.layout, SupervisorBeat)
    assert beat is not None
    assert beat.refused == house.supervisor.problems
    house.run(70.0)
    assert house.machine.of(name).code is None


def test_a_mistake_at_the_traders_first_start_ends_nothing_while_something_is_held(tmp_path: Path) -> None:
    house = House(tmp_path)
    heartbeats.write(house.layout, TraderBeat(positions={"MNQZ25": 2}), house.clock)
    house.machine.of("trader").code = 2
    house.run(2.0)
    assert (house.supervisor.refusals, house.machine.of("trader").code) == ({}, None)


def test_settings_that_are_half_saved_at_a_restart_are_tried_again(house: House) -> None:
    house.run(5.0)
    house.machine.of("trader").code = -9
    house.run(1.0)
    for _ in range(4):
        house.machine.of("trader").code = 2
        house.run(20.0)
    assert (house.supervisor.refusals, house.machine.of("trader").code) == ({}, None)


def test_a_fault_that_stays_is_tried_with_growing_pauses_and_told_once(house: House) -> None:
    starts = []
    for _ in range(4 * 300):
        child = house.machine.of("web")
        if child.code is None:
            starts.append(house.clock.now_ns())
            child.code = 1
        house.run(0.25)
    pauses = [(b - a) / SECOND for a, b in itertools.pairwise(starts)]
    assert pauses[0] <= 1.0
    assert all(a <= b for a, b in itertools.pairwise(pauses))
    assert pauses[-1] <= LONGEST_PAUSE_S + 1.0
    assert len(house.alarms()) == 1


def test_the_end_of_a_generated_market_is_an_end(house: House) -> None:
    house.machine.of("trader").code = Ending.DONE
    house.run(120.0)
    assert [child.name for child in house.machine.children].count("trader") == 1
    assert "the generated market is over" in house.supervisor.problems["trader"]
    assert all(house.machine.of(name).code is None for name in OTHERS)


def test_a_process_that_got_the_id_of_one_that_was_taken_over_is_left_alone() -> None:
    class Recycled(Machine):
        def see(self, pid: int) -> Seen | None:
            return Seen(pid, 99.0, ("an", "editor"))

        def end(self, pid: int, *, kill: bool = False) -> None:
            self.ended.append("a stranger")

    machine = Recycled()
    adopted = Adopted(machine, Seen(7, 7.0, ("python", "-m", SERVICES["trader"])))
    assert adopted.exit_code() == Ending.PASSING
    adopted.terminate()
    adopted.kill()
    assert machine.ended == []


def test_what_is_told_to_stop_ends_the_watchdog_last(house: House) -> None:
    house.run(1.0)
    states = []
    at_stop = house.machine.of("watchdog").terminate

    def noted() -> None:
        beat = heartbeats.read(house.layout, SupervisorBeat)
        states.append((beat.state if beat else "", [c.name for c in house.machine.children if c.code is None]))
        at_stop()

    house.machine.of("watchdog").terminate = noted  # type: ignore[method-assign]
    house.supervisor.close()
    assert set(house.machine.ended) == set(NAMES)
    assert house.machine.ended[-1] in LAST
    assert states == [("stopping", ["watchdog"])]


@pytest.mark.parametrize(
    ("error", "first", "later"),
    [
        (SettingsError("x"), Ending.MISTAKE, Ending.PASSING),
        (JournalError("locked"), Ending.PASSING, Ending.PASSING),
        (InUse("the port"), Ending.PASSING, Ending.PASSING),
        (VenueError("x"), Ending.PASSING, Ending.PASSING),
        (FeedError("x"), Ending.PASSING, Ending.PASSING),
        (OrderStateError("x"), Ending.FATAL, Ending.FATAL),
        (OSError(errno.ENOSPC, "full"), Ending.PASSING, Ending.PASSING),
        (ZeroDivisionError(), Ending.PASSING, Ending.PASSING),
    ],
)
def test_what_an_error_is(error: Exception, first: Ending, later: Ending) -> None:
    assert (ending_of(error, ran=False), ending_of(error, ran=True)) == (first, later)


def test_a_mistake_behind_which_a_full_disk_stands_passes() -> None:
    error = MinhosError("The folder cannot be made")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert ending_of(error, ran=False) is Ending.PASSING
    error.__cause__ = OSError(errno.EACCES, "Permission denied")
    assert ending_of(error, ran=False) is Ending.MISTAKE
