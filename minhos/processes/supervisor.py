"""The supervisor behind `minh.py start`: keeps trader, trainer, web and watchdog running, each in a process of its own.

A process that dies is started again after a growing pause; one that ends with exit code 2 (a user's mistake) is
not, and its sentence is shown.  The supervisor trades nothing and may be killed: the others go on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from minhos.assembly.layout import Layout, write_json
from minhos.assembly.running import SERVICES, is_ours, running_pids
from minhos.errors import MinhosError
from minhos.market.clock import SystemClock

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CALM_S = 60.0
"""After this long without a crash the pause is short again."""
STOP_TIMEOUT_S = 10.0
MISTAKE = 2


class Child:
    """One supervised process."""

    def __init__(self, name: str, layout: Layout, environment: dict[str, str]) -> None:
        self.name = name
        self.layout = layout
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.pause_s = FIRST_PAUSE_S
        self.started_s = self.start_at_s = 0.0
        self.refused = ""
        self.restarts = -1

    def tend(self, now_s: float) -> None:
        """Start it, notice its end, or wait."""
        if self.refused:
            return
        if self.process is None:
            if now_s >= self.start_at_s:
                self._start(now_s)
            return
        code = self.process.poll()
        if code is None:
            if now_s - self.started_s > CALM_S:
                self.pause_s = FIRST_PAUSE_S
            return
        self.process = None
        if code == MISTAKE:
            self.refused = self._last_words() or f"{self.name} ended with exit code {code}"
            return
        self.start_at_s = now_s + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)

    def _start(self, now_s: float) -> None:
        errors = self._error_file.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", SERVICES[self.name]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=self.environment,
        )
        errors.close()
        self.started_s = now_s
        self.restarts += 1

    @property
    def _error_file(self) -> Path:
        return self.layout.logs / f"{self.name}.stderr"

    def _last_words(self) -> str:
        lines = self._error_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, deadline_s: float) -> None:
        """Kill it where it does not end in time."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline_s - _seconds()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Runs until it is told to stop."""

    def __init__(self, layout: Layout, names: tuple[str, ...] = tuple(SERVICES)) -> None:
        refuse_second_start(layout)
        self.layout = layout.make()
        environment = dict(os.environ, MINHOS_HOME=str(layout.home), OMP_NUM_THREADS="1", PYTHONUTF8="1")
        self.children = [Child(name, layout, environment) for name in names]
        self.stopping = False

    def tend(self) -> None:
        """One round; call it a few times a second.  A full disk ends neither the supervisor nor what it tends."""
        for child in self.children:
            child.tend(_seconds())
        pids = {c.name: c.process.pid for c in self.children if c.process is not None}
        state = {
            "pid": os.getpid(),
            "time_ns": SystemClock().now_ns(),
            "children": pids,
            "restarts": {c.name: max(0, c.restarts) for c in self.children},
            "refused": {c.name: c.refused for c in self.children if c.refused},
        }
        with suppress(OSError):
            write_json(self.layout.run / "supervisor.json", state)

    @property
    def refusals(self) -> dict[str, str]:
        """Sentences of processes that cannot run until a person changes something."""
        return {child.name: child.refused for child in self.children if child.refused}

    def stop(self) -> None:
        """End everything in order; whoever does not end in time is killed."""
        for child in self.children:
            child.stop()
        deadline_s = _seconds() + STOP_TIMEOUT_S
        for child in self.children:
            child.wait(deadline_s)
        (self.layout.run / "supervisor.json").unlink(missing_ok=True)


def _seconds() -> float:
    return SystemClock().monotonic_ns() / 1e9


def refuse_second_start(layout: Layout) -> None:
    """Raises MinhosError where this home is already run."""
    running = running_pids(layout)
    if running:
        text = ", ".join(f"{name} (process {pid})" for name, pid in running.items())
        raise MinhosError(f"MinhOS already runs here: {text}; `python3 minh.py stop` ends it.")


def stop_running(layout: Layout, timeout_s: float = STOP_TIMEOUT_S) -> list[str]:
    """Ask every process of this home to end; returns the names of those that ran."""
    running = running_pids(layout)
    supervisor = running.pop("supervisor", None)
    for pid in ([supervisor] if supervisor else []) + list(running.values()):
        _signal(pid, signal.SIGTERM)
    clock_end = _seconds() + timeout_s
    everyone = list(running.values()) + ([supervisor] if supervisor else [])
    while any(is_ours(pid) for pid in everyone) and _seconds() < clock_end:
        time.sleep(0.05)
    for pid in everyone:
        if is_ours(pid):
            _signal(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    return [*running, *(["supervisor"] if supervisor else [])]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
