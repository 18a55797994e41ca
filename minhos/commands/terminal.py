"""The terminal: lines that say SIMULATED, and progress with the newest sentence.  Not for `--json`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from minhos.progress import Progress

PIPED_WIDTH = 120
MARK = "SIMULATED "
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


@contextmanager
def progress(title: str, quiet: bool = False) -> Iterator[Progress]:
    """A bar with the newest sentence; nothing where output is JSON or not a terminal."""
    if quiet or not console.is_terminal:
        yield lambda share, text: None
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
