"""What every process is: an object that is built, opened, stepped and closed; and the shell that runs one.

A constructor builds and does nothing.  `open` acts.  `step` does one turn and says when the next one is due, so that
whoever drives processes, a shell that sleeps or a test with a queue of due times, needs no thread.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, Protocol

import structlog

from minhos.assembly.endings import Ending, ending_of
from minhos.assembly.layout import Layout
from minhos.assembly.logs import configure
from minhos.assembly.privacy import close_to_others, keep_to_owner
from minhos.errors import MinhosError
from minhos.market.clock import Clock, SystemClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import home

SLICE_S = 0.05
"""A shell looks this often whether it is to stop."""


class Process(Protocol):
    """One process, apart from what its shell does with signals and exit codes."""

    stopping: bool
    """Set from outside: the step after this is the last."""

    def open(self) -> None:
        """Take up what it needs.  Raises MinhosError where a person has to change something first."""

    def step(self) -> int | None:
        """One turn: the moment of the next, on the clock that never goes back, in the past for at once.

        None: it has ended by itself, or as `stopping` asked.
        """

    def close(self) -> None:
        """Let go of everything; also after an `open` that failed."""


def run(process: Process, clock: Clock, opened: Callable[[], None] = lambda: None) -> None:
    """Open, step when due and close, until it ends or a signal asks for it.  opened: called once it is open."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(process, "stopping", True))
    try:
        process.open()
        opened()
        while (due_ns := process.step()) is not None:
            sleep_until(process, due_ns, clock)
    finally:
        process.close()


def begin(module: str, main: Callable[[], int]) -> NoReturn:
    """What `python -m MODULE` does; a process takes no words, and one that asks for help starts nothing."""
    if words := sys.argv[1:]:
        asks = words[0] in ("-h", "--help")
        text = f"python -m {module} runs one process of MinhOS and takes no arguments; python3 minh.py start runs all."
        print(
            text if asks else f"MinhOS: {words[0]!r} is not understood: {text}", file=sys.stdout if asks else sys.stderr
        )
        raise SystemExit(0 if asks else Ending.MISTAKE.value)
    raise SystemExit(main())


def main_of(name: str, make: Callable[[Layout, Clock], Process], opened: Callable[[], None] = lambda: None) -> Ending:
    """A child from its log to its exit code; what ends it is one sentence on stderr and in its log.

    make: builds it, or raises MinhosError.
    """
    ran = False

    def has_opened() -> None:
        nonlocal ran
        ran = True
        opened()

    try:
        keep_to_owner()
        layout, clock = Layout(home()), SystemClock()
        configure(name, layout.home)
        if closed := close_to_others(layout):
            structlog.get_logger(name).warning("home closed to others", what=closed)
        process = make(layout, clock)
        run(process, clock, has_opened)
    except (MinhosError, OSError, sqlite3.Error) as error:
        ending = ending_of(error, ran=ran)
        structlog.get_logger(name).error("stopped", reason=str(error), ending=ending.name.lower())
        with suppress(OSError):
            print(f"MinhOS {name}: {error}", file=sys.stderr, flush=True)
        return ending
    return Ending.DONE if getattr(process, "done", False) else Ending.ASKED


def sleep_until(process: Process, due_ns: int, clock: Clock) -> None:
    """Pause until that moment, or until the process is to stop."""
    while not process.stopping:
        left_s = (due_ns - clock.monotonic_ns()) / NANOS_PER_SECOND
        if left_s <= 0.0:
            return
        clock.sleep(min(left_s, SLICE_S))


def after(clock: Clock, seconds: float) -> int:
    """The moment that lies so far ahead."""
    return clock.monotonic_ns() + round(seconds * NANOS_PER_SECOND)
