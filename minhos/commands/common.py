"""What every command shares: its options, the settings and the home, `--json`, and errors as one sentence.

Imported by every command, so nothing heavy is: what draws on the terminal is in `terminal`.
"""

from __future__ import annotations

import difflib
import errno
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from minhos.assembly.in_use import settings_in_use
from minhos.assembly.layout import Layout
from minhos.commands.mistakes import USAGE_ERROR, end
from minhos.errors import MinhosError, SettingsError
from minhos.market.symbols import root_of
from minhos.settings import Settings, home


def _address(text: str | None) -> str | None:
    """A scheduler's address that can be one.  Raises TrainingError."""
    from minhos.parallel.calls import checked_address

    return text if text is None else checked_address(text)


BROKEN_OFF = 130


def _known_symbol(text: str) -> str:
    """A contract or a root that there is.  Raises SymbolError; whether there are bars of it, only the data tell."""
    if text:
        root_of(text)
    return text


def _known_zone(text: str) -> str:
    """Raises SettingsError for a zone that the table of zones does not have."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        if text:
            ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        close = difflib.get_close_matches(text, available_timezones(), n=1)
        meant = f"did you mean {close[0]}?" if close else "give its name, as Europe/Berlin or America/Chicago."
        raise SettingsError(f"--timezone {text!r} is not a zone that is known: {meant}") from None
    return text


def _known_stamps(text: str) -> str:
    """Raises SettingsError for another word than those two."""
    if text not in ("", "open", "close"):
        raise SettingsError(f"--stamps {text!r}: write open or close, which of its bar a stamp means.")
    return text


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
SourceArgument = Annotated[Path | None, typer.Argument(help="File or folder of bars.", show_default=False)]
SourceOption = Annotated[Path | None, typer.Option("--source", help="The same as the argument.", show_default=False)]
SymbolOption = Annotated[
    str, typer.Option("--symbol", callback=_known_symbol, help="Contract or root; by default from the file's name.")
]
TimezoneOption = Annotated[
    str, typer.Option("--timezone", callback=_known_zone, help="Zone of stamps without an offset, as Europe/Berlin.")
]
StampsOption = Annotated[
    str, typer.Option("--stamps", callback=_known_stamps, help="What a stamp means: open or close of its bar.")
]
AdjustedOption = Annotated[
    bool,
    typer.Option("--adjusted", help="Take prices that were adjusted over rolls: for training alone, never for sizes."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Train on the workers of this Dask scheduler, as tcp://192.168.1.5:8786.",
        callback=_address,
        show_default=False,
    ),
]
DaysOption = Annotated[int | None, typer.Option("--days", min=1, help="Only the last trading days of the data.")]


def layout() -> Layout:
    return Layout(home())


def settings(*, last: bool = False) -> Settings:
    """Those of what runs in this home, else of its files; where the two differ, a line on stderr says which.

    last: where nothing runs, those of the last run, as for all that shows its journal.
    """
    chosen, said = settings_in_use(layout(), last=last)
    if said and said not in _said:
        _said.append(said)
        print(said, file=sys.stderr)
    return chosen


_said: list[str] = []
"""Lines of this command on which market it means: each is said once."""


def settings_with_parts(*, last: bool = False) -> Settings:
    """The same with the user's parts loaded.  Raises PartsError, with file, line and way out."""
    from minhos.assembly.parts import load_parts, refuse_options_of_nobody

    chosen = settings(last=last)
    load_parts(chosen, layout())
    refuse_options_of_nobody(chosen)
    return chosen


def user() -> str:
    """Who types this, for the journal.  A machine that has no name for them does not keep them from a halt."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return "unknown"


def print_json(value: object) -> None:
    """One object on stdout; NaN and infinity become null."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


WAY_OUT = {
    errno.EACCES: "; give what you may read and write, or ask its owner",
    errno.EROFS: "; that disk is read-only: choose another place",
    errno.ENOTDIR: "; a part of that path is a file: give the path of a folder",
    errno.EISDIR: "; it is a folder: give the path of a file",
    errno.ENAMETOOLONG: "; give a shorter name",
    errno.ENOSPC: "; free some space and try again",
}
"""What to do about an error of the operating system that no command has a sentence for."""


def run(main: Callable[[], object]) -> int:
    """Call the command line; a user's mistake becomes one sentence and its exit code."""
    try:
        code = main()
    except USAGE_ERROR as error:
        return end(error)
    except MinhosError as error:
        _complain(str(error))
        return error.exit_code
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        way_out = WAY_OUT.get(error.errno or 0, "") if error.filename is not None else ""
        _complain(f"{what}{error.strerror or error}{way_out}.")
        return 2
    except KeyboardInterrupt:
        code = BROKEN_OFF
    if code == BROKEN_OFF:
        _complain("broken off.")
    return code if isinstance(code, int) else 0


def _complain(sentence: str) -> None:
    """A user's mistake, in one sentence on stderr; brackets in it are no markup."""
    from rich.text import Text

    from minhos.commands.terminal import errors

    errors.print(Text.assemble(("MinhOS: ", "red"), sentence), highlight=False, soft_wrap=True)


def chosen_source(argument: Path | None, option: Path | None) -> Path | None:
    """The file or folder, given in either of two ways.  Raises MinhosError where both differ."""
    if argument is not None and option is not None and argument != option:
        raise MinhosError(f"two sources are given, {argument} and {option}; give one of them.")
    return argument or option
