"""The bars that a command is asked to work on, and what was said while they were read."""

from __future__ import annotations

from pathlib import Path

from minhos.commands.common import chosen_source, settings_with_parts
from minhos.commands.terminal import say_all, working
from minhos.studies.history import History, history_of


def read_history(
    source: Path | None,
    source_option: Path | None,
    *,
    symbol: str,
    days: int | None,
    timezone: str,
    stamps: str,
    quiet: bool,
    adjusted: bool = False,
) -> History:
    """The bars of the file or folder, else of the settings, read with the user's parts; quiet: no notes are printed."""
    path = chosen_source(source, source_option)
    with working("Reading", quiet):
        history = history_of(
            path,
            settings_with_parts(),
            symbol=symbol,
            days=days,
            timezone=timezone,
            stamps=stamps,
            adjusted=adjusted,
        )
    if not quiet:
        say_all(history.notes)
    return history
