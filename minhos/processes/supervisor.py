"""The supervisor behind `minh.py start`: keeps trader, trainer, web and watchdog running, each in a process of its own.

A process that dies is started again after a growing pause; one that ends with exit code 2 (a user's mistake) is
not, and its sentence is shown.  The supervisor trades nothing and may be killed: the others go on.
"""

from __future__ import annotations

import os
from contextlib import suppress

from minhos.assembly import heartbeats
from minhos.assembly.children import Child
from minhos.assembly.heartbeats import SupervisorBeat
from minhos.assembly.layout import Layout
from minhos.assembly.running import ALWAYS, SERVICES, running_pids
from minhos.errors import MinhosError
from minhos.market.clock import Clock, SystemClock
from minhos.processes.process import after

ROUND_S = 0.25
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CALM_S = 60.0
"""After this long without a crash the pause is short again."""
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
MISTAKE = 2


class Tended:
    """One process that is to run: started, seen to end, started again."""

    def __init__(self, name: str, module: str, layout: Layout, environment: dict[str, str]) -> None:
        self.name = name
        self._module, self._layout, self._environment = module, layout, environment
        self.child: Child | None = None
        self.pause_s = FIRST_PAUSE_S
        self.refused = ""
        """Why it is not started again; empty where it may be."""
        self.problem = ""
        """Why it could not be started when that was last tried; it is tried again."""
        self.starts = 0
        self._started_s = self._start_at_s = 0.0

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)

    def tend(self, now_s: float) -> None:
        """Start it, notice its end, or wait."""
        if self.refused:
            return
        if self.child is None:
            if now_s >= self._start_at_s:
                self._start(now_s)
            return
        code = self.child.exit_code()
        if code is None:
            if now_s - self._started_s > CALM_S:
                self.pause_s = FIRST_PAUSE_S
            return
        ended, self.child = self.child, None
        if code == MISTAKE:
            self.refused = ended.last_words() or f"{self.name} ended with exit code {code}"
            return
        self._wait(now_s)

    def _wait(self, now_s: float) -> None:
        self._start_at_s = now_s + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)

    def _start(self, now_s: float) -> None:
        errors = self._layout.logs / f"{self.name}.stderr"
        try:
            self.child = self._layout.machine.start(self._module, self._environment, errors)
        except OSError as error:
            self.problem = (
                f"{self.name} cannot be started ({error.strerror or error}) and is tried again; make room on the disk "
                "or end other programs, whichever that names."
            )
            self._wait(now_s)
            return
        self.problem = ""
        self._started_s = now_s
        self.starts += 1

    @property
    def ended(self) -> bool:
        return self.child is None or self.child.exit_code() is not None


class Supervisor:
    """Tends the processes of one home until it is told to stop."""

    def __init__(self, layout: Layout, names: tuple[str, ...] = ALWAYS, clock: Clock | None = None) -> None:
        self.layout, self._clock = layout, clock or SystemClock()
        environment = dict(os.environ, MINHOS_HOME=str(layout.home), OMP_NUM_THREADS="1", PYTHONUTF8="1")
        self.tended = [Tended(name, SERVICES[name], layout, environment) for name in names]
        self.stopping = self._opened = False

    def open(self) -> None:
        """Raises MinhosError where this home is already run."""
        refuse_second_start(self.layout)
        self.layout.make()
        self._opened = True

    def step(self) -> int | None:
        """One round.  A full disk ends neither the supervisor nor what it tends."""
        if self.stopping:
            return None
        for one in self.tended:
            one.tend(self._clock.monotonic_ns() / 1e9)
        running = {one.name: one.child for one in self.tended if one.child is not None}
        beat = SupervisorBeat(
            children={name: child.pid for name, child in running.items()},
            children_created_s={name: child.created_s for name, child in running.items()},
            restarts={one.name: one.restarts for one in self.tended},
            refused=self.problems | self.refusals,
        )
        with suppress(OSError):
            heartbeats.write(self.layout, beat, self._clock)
        return after(self._clock, ROUND_S)

    @property
    def refusals(self) -> dict[str, str]:
        """Sentences of processes that cannot run until a person changes something."""
        return {one.name: one.refused for one in self.tended if one.refused}

    @property
    def problems(self) -> dict[str, str]:
        """Sentences of processes that could not be started and are tried again."""
        return {one.name: one.problem for one in self.tended if one.problem}

    def close(self) -> None:
        """End everything; whoever does not end in time is killed."""
        if not self._opened:
            return
        for one in self.tended:
            if one.child is not None and not one.ended:
                one.child.terminate()
        end_ns = after(self._clock, STOP_TIMEOUT_S)
        while not all(one.ended for one in self.tended) and self._clock.monotonic_ns() < end_ns:
            self._clock.sleep(POLL_S)
        for one in self.tended:
            if one.child is not None and not one.ended:
                one.child.kill()
        with suppress(OSError):
            self.layout.disk.remove(heartbeats.path_of(self.layout, SupervisorBeat))


def refuse_second_start(layout: Layout) -> None:
    """Raises MinhosError where this home is already run."""
    running = running_pids(layout)
    if running:
        text = ", ".join(f"{name} (process {pid})" for name, pid in running.items())
        raise MinhosError(f"MinhOS already runs here: {text}; `python3 minh.py stop` ends it.")


def stop_running(layout: Layout, timeout_s: float = STOP_TIMEOUT_S, clock: Clock | None = None) -> list[str]:
    """Ask every process of this home to end; returns the names of those that ran, the supervisor last.

    The supervisor is asked first, so that it starts none of the others again.
    """
    clock = clock or SystemClock()
    asked = running_pids(layout)
    left = [seen for pid in asked.values() if (seen := layout.machine.see(pid)) is not None]
    for seen in left:
        _end(layout, seen.pid)
    end_ns = after(clock, timeout_s)
    while left and clock.monotonic_ns() < end_ns:
        clock.sleep(POLL_S)
        left = [seen for seen in left if layout.machine.see(seen.pid) == seen]
    for seen in left:
        _end(layout, seen.pid, kill=True)
    return sorted(asked, key=lambda name: name == SupervisorBeat.PROCESS)


def _end(layout: Layout, pid: int, *, kill: bool = False) -> None:
    with suppress(OSError):
        layout.machine.end(pid, kill=kill)
