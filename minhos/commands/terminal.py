"""The terminal: lines that say SIMULATED, and progress with the newest sentence.

Progress is a bar on a terminal, and lines on stderr where there is none or where stdout is to be one JSON object.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from minhos.market.clock import SystemClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.progress import Progress

PIPED_WIDTH = 120
MARK = "SIMULATED "
FIRST_LINE_S, LEAST_PAUSE_S, RARER = 1.0, 2.0, 0.1
"""Of `Lines`: when the first comes, how far the next are apart at least, and as a share of the time so far."""
console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True)


def say(text: str) -> None:
    """A sentence as it is: nothing in it is markup or a number to colour."""
    console.print(text, highlight=False, markup=False)


def show(what: RenderableType, *, simulated: bool) -> None:
    """Print it; every line of a result that is of a simulated market says so."""
    if not simulated:
        console.print(what, highlight=False)
        return
    with console.capture() as captured:
        console.print(what, highlight=False, width=max(40, console.width - len(MARK)))
    for line in captured.get().splitlines():
        sys.stdout.write(f"{MARK}{line}\n")


class Lines:
    """How far long work is, as lines on stderr: the first after a second, then rarer as it goes on.

    A thread of its own tells that work goes on also where the work says nothing meanwhile.
    """

    def __init__(self, title: str) -> None:
        self._title, self._share, self._text = title, 0.0, ""
        self._clock = SystemClock()
        self._began_ns, self._over = self._clock.monotonic_ns(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self._tell

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _tell(self, share: float, text: str) -> None:
        self._share, self._text = share, text

    def _run(self) -> None:
        wait_s = FIRST_LINE_S
        while not self._over.wait(wait_s):
            elapsed_s = (self._clock.monotonic_ns() - self._began_ns) / NANOS_PER_SECOND
            parts = [f"{self._share:.0%}" if self._share > 0.0 else "", self._text, f"after {elapsed_s:.0f} s"]
            with suppress(OSError, ValueError):  # nobody reads them any more
                sys.stderr.write(f"{self._title}: {', '.join(filter(None, parts))}\n")
                sys.stderr.flush()
            wait_s = max(LEAST_PAUSE_S, RARER * elapsed_s)


@contextmanager
def working(title: str, quiet: bool = False) -> Iterator[None]:
    """Work of which nobody knows how much is done."""
    if quiet or not console.is_terminal:
        with Lines(title):
            yield
        return
    with console.status(title):
        yield


@contextmanager
def progress(title: str, quiet: bool = False) -> Iterator[Progress]:
    """A bar with the newest sentence; lines on stderr where output is JSON or not a terminal."""
    if quiet or not console.is_terminal:
        with Lines(title) as tell:
            yield tell
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1.0, text="")
        yield lambda share, text: bar.update(task, completed=max(0.0, share), text=text)


def say_all(notes: Iterable[str]) -> None:
    """One line each: how bars were read, what was cut, and that they are simulated where they are."""
    for note in notes:
        say(note)
