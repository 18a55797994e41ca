"""A machine whose processes run in one thread, by a queue of due times and a clock that a test moves."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from pathlib import Path

from trading_home import make_home, settings_of

from minhos.assembly.children import Seen
from minhos.assembly.endings import Ending, ending_of
from minhos.assembly.files import LOCAL, Disk
from minhos.assembly.layout import Layout
from minhos.assembly.running import SERVICES
from minhos.errors import MinhosError
from minhos.journal.database import OpenDatabase, open_database
from minhos.market.clock import SimulatedClock
from minhos.processes.process import Process
from minhos.processes.supervisor import Supervisor
from minhos.processes.trader import Trader
from minhos.processes.trainer import Trainer
from minhos.processes.watchdog import Watchdog
from minhos.testing.builders import MONDAY_OPEN

SECOND = 10**9


class Child:
    """A process of the world."""

    def __init__(self, pid: int, process: Process) -> None:
        self.pid, self.created_s, self.process = pid, float(pid), process
        self.code: int | None = None
        self.words = ""
        self.opened = False

    def exit_code(self) -> int | None:
        return self.code

    def last_words(self) -> str:
        return self.words

    def ends(self, error: Exception) -> None:
        """As the shell of a process ends it."""
        self.code, self.words = ending_of(error, ran=self.opened).value, str(error)
        self.process.close()

    def terminate(self) -> None:
        self.process.stopping = True

    def kill(self) -> None:
        """Nothing is closed in order; only the machine lets go of what it held."""
        self.code = -9
        if isinstance(self.process, Trader):
            self.process.journal.close()
        if isinstance(self.process, Supervisor) and self.process._claim is not None:
            self.process._claim.close()


class World:
    """The machine, its clock, and whose turn is next."""

    def __init__(self, home: Path, *, database: OpenDatabase = open_database, disk: Disk = LOCAL) -> None:
        self.wall = SimulatedClock(MONDAY_OPEN + 3600 * SECOND)
        self.layout = Layout(make_home(home, pace=2.0).home, disk=disk, machine=self, database=database)
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

    def started_as(self, words: Collection[str]) -> list[Seen]:
        return []  # each process here can write what it is

    def start(self, module: str, environment: Mapping[str, str], errors: Path) -> Child:
        made: dict[str, Process] = {
            SERVICES["trader"]: Trader(self.settings, self.layout, SimulatedClock(wall=self.wall), self.wall),
            SERVICES["trainer"]: Trainer(self.settings, self.layout, self.wall),
            SERVICES["watchdog"]: Watchdog(self.settings, self.layout, self.wall),
        }
        return self.begin(made[module])

    def end(self, pid: int, *, kill: bool = False) -> None:
        child = next(child for child in self.children if child.pid == pid)
        child.kill() if kill else child.terminate()

    # The queue -------------------------------------------------------------------------------------------------------

    def begin(self, process: Process) -> Child:
        child = Child(100 + len(self.children), process)
        self.children.append(child)
        acting, self.acting = getattr(self, "acting", child), child
        try:
            process.open()
            child.opened = True
            heapq.heappush(self.queue, (self.wall.now_ns(), child.pid, child))
        except (MinhosError, OSError) as error:
            child.ends(error)
        self.acting = acting
        return child

    def run(self, seconds: float) -> None:
        end_ns = self.wall.now_ns() + round(seconds * SECOND)
        while self.queue and self.queue[0][0] <= end_ns:
            due_ns, pid, child = heapq.heappop(self.queue)
            self.wall.advance_to(due_ns)
            if child.code is not None:
                continue
            self.acting, self.turns = child, self.turns + 1
            try:
                next_ns = child.process.step()
            except (MinhosError, OSError) as error:
                child.ends(error)
                continue
            if next_ns is None:
                child.process.close()
                child.code = Ending.DONE.value if getattr(child.process, "done", False) else 0
            else:
                heapq.heappush(self.queue, (max(next_ns, due_ns), pid, child))
        self.wall.advance_to(end_ns)

    def child(self, kind: type[Process]) -> Child:
        return next(c for c in reversed(self.children) if isinstance(c.process, kind))
