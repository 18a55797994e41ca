"""replay, compare: a recorded journal decided again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from minhos.assembly.naming import account_of, mode_of
from minhos.assembly.venues import matching_of
from minhos.commands.common import JsonOption, layout, print_json, settings, settings_with_parts
from minhos.commands.terminal import console, progress
from minhos.errors import CheckFailed, DataError
from minhos.journal.reader import JournalReader, reader
from minhos.research.compare import compare as compare_day
from minhos.research.replay import replay as replay_journal

JournalOption = Annotated[Path | None, typer.Option("--journal", help="Another journal than the configured one's.")]
ROWS_SHOWN = 40


def _open(journal: Path | None) -> JournalReader:
    """The configured journal, or the one named.  Raises DataError where there is none yet."""
    chosen = settings_with_parts()
    path = journal or layout().journal(mode_of(chosen), account_of(chosen))
    if not path.exists():
        raise DataError(f"there is no journal {path}; `python3 minh.py start` begins one, --journal names another.")
    return reader(path)


def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Recompute every decision and compare.")] = True,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide every recorded bar again and name the first that differs.  Example: minh.py replay --verify."""
    source = _open(journal)
    with progress("Replay", quiet=as_json) as report:
        chain = source.verify() if verify else None
        found = replay_journal(source, progress=report)
    if as_json:
        print_json({"chain": chain, **msgspec.to_builtins(found)})
    else:
        if chain is not None:
            console.print(f"Hash chain: {chain.records:,} records, {'sound' if chain.sound else chain.reason}.")
        console.print(found.sentence, highlight=False)
    if chain is not None and not chain.sound:
        raise CheckFailed(f"the hash chain is broken at record {chain.first_broken}: {chain.reason}")
    if found.verdict != "identical":
        raise CheckFailed(found.sentence)


def compare(
    day: Annotated[int, typer.Option("--day", help="Trade date, as 20251006.")] = 0,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Backtest a paper day and list what differs, with the reason.  Example: minh.py compare --day 20251006."""
    source = _open(journal)
    with progress("Compare", quiet=as_json) as report:
        found = compare_day(source, day, matching=matching_of(settings()), progress=report)
    if as_json:
        print_json(found)
    else:
        console.print(found.sentence, highlight=False)
        if found.rows:
            table = Table("bar", "what", "paper", "backtest", "why")
            for row in found.rows[:ROWS_SHOWN]:
                table.add_row(row.time, row.what, row.paper, row.backtest, row.reason)
            console.print(table)
    if found.verdict != "identical":
        raise CheckFailed(found.sentence)
