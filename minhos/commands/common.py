"""What every command shares: the terminal, `--json`, progress, and errors as one sentence."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from minhos.assembly.layout import Layout
from minhos.errors import MinhosError
from minhos.parallel.calls import checked_address
from minhos.settings import Settings, home, load
from minhos.studies.history import History

PIPED_WIDTH = 120
console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
SourceArgument = Annotated[Path | None, typer.Argument(help="File or folder of bars.", show_default=False)]
SourceOption = Annotated[Path | None, typer.Option("--source", help="The same as the argument.", show_default=False)]
SymbolOption = Annotated[str, typer.Option("--symbol", help="Contract or root; by default from the file's name.")]
TimezoneOption = Annotated[str, typer.Option("--timezone", help="Zone of stamps without an offset, as Europe/Berlin.")]
StampsOption = Annotated[str, typer.Option("--stamps", help="What a stamp means: open or close of its bar.")]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Train on the workers of this Dask scheduler, as tcp://192.168.1.5:8786.",
        callback=lambda address: address if address is None else checked_address(address),
        show_default=False,
    ),
]
DaysOption = Annotated[int | None, typer.Option("--days", min=1, help="Only the last trading days of the data.")]

MARK = "SIMULATED "
Report = Callable[[float, str], None]


def layout() -> Layout:
    return Layout(home())


def settings(overrides: dict[str, dict[str, Any]] | None = None) -> Settings:
    return load(home(), overrides)


def user() -> str:
    """Who types this, for the journal.  A machine that has no name for them does not keep them from a halt."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return "unknown"


def print_json(value: Any) -> None:
    """One object on stdout; NaN and infinity become null."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


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
def progress(title: str, quiet: bool = False) -> Iterator[Report]:
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
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1.0, text="")
        yield lambda share, text: bar.update(task, completed=max(0.0, share), text=text)


def run(main: Callable[[], None]) -> int:
    """Call the command line; a user's mistake becomes one sentence and its exit code."""
    try:
        main()
    except MinhosError as error:
        complain(str(error))
        return error.exit_code
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        complain(f"{what}{error.strerror or error}.")
        return 2
    except KeyboardInterrupt:
        errors.print("Broken off.")
        return 130
    return 0


def complain(sentence: str) -> None:
    """A user's mistake, in one sentence on stderr; brackets in it are no markup."""
    errors.print(Text.assemble(("MinhOS: ", "red"), sentence), highlight=False, soft_wrap=True)


def tell(history: History) -> None:
    """How the bars were read, what was cut, and that they are simulated where they are."""
    for note in history.notes:
        console.print(note, highlight=False, markup=False)


def chosen_source(argument: Path | None, option: Path | None) -> Path | None:
    """The file or folder, given in either of two ways.  Raises MinhosError where both differ."""
    if argument is not None and option is not None and argument != option:
        raise MinhosError(f"two sources are given, {argument} and {option}; give one of them.")
    return argument or option
