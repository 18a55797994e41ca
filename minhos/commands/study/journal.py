"""replay, compare: a recorded journal decided again."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from minhos.assembly.naming import account_of, mode_of
from minhos.assembly.venues import matching_of
from minhos.commands.common import JsonOption, layout, print_json, settings, settings_with_parts
from minhos.commands.terminal import console, progress, say
from minhos.errors import CalendarError, CheckFailed, DataError, MinhosError
from minhos.journal.reader import JournalReader, reader
from minhos.journal.types import VerifyReport
from minhos.market.calendar import SessionCalendar
from minhos.progress import part_of
from minhos.research.compare import compare as compare_day
from minhos.research.replay import replay as replay_journal

JournalOption = Annotated[Path | None, typer.Option("--journal", help="Another journal than the configured one's.")]
ROWS_SHOWN = 40
CHAINS_SHARE = 0.1
"""Of the work of a replay: proving the hash chain."""


def _open(journal: Path | None) -> JournalReader:
    """The journal of what runs, or ran last, or the one named.  Raises DataError where there is none yet."""
    chosen = settings_with_parts(last=True)
    place = layout()
    path = journal or place.journal(mode_of(chosen), account_of(chosen))
    if not place.database.exists(path):
        raise DataError(f"there is no journal {path}; `python3 minh.py start` begins one, --journal names another.")
    return reader(path, place.database)


def trade_date_named(text: str, calendar: SessionCalendar) -> int:
    """20251006 or 2025-10-06 as a trade date.  Raises MinhosError for what is no date, or a day without a session."""
    found = re.fullmatch(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})", text.strip())
    try:
        date = dt.date(int(found[1]), int(found[3]), int(found[4])) if found else None
    except ValueError:
        date = None
    if date is None:
        raise MinhosError(f"--day {text!r} is no date: write year, month and day, as 20251006 or 2025-10-06.")
    trade_date = int(f"{date:%Y%m%d}")
    if calendar.session_on(trade_date) is None:
        try:
            before, after = calendar.trade_date_before(trade_date), calendar.next_trade_date(trade_date)
        except CalendarError as error:
            raise MinhosError(f"--day {text}: {error}.") from None
        raise MinhosError(
            f"--day {text}: the market is closed on {date:%A}, {date:%Y-%m-%d}; the trade dates beside it are {before} "
            f"and {after}."
        )
    return trade_date


def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Recompute every decision and compare.")] = True,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide every recorded bar again and name the first that differs.  Example: minh.py replay --verify."""
    source = _open(journal)
    with progress("Replay", quiet=as_json) as report:
        chain = source.verify(part_of(report, 0.0, CHAINS_SHARE)) if verify else None
        if chain is not None and not chain.sound:
            _say_broken(chain, as_json)
        found = replay_journal(source, progress=part_of(report, CHAINS_SHARE if verify else 0.0, 1.0))
    if as_json:
        print_json({"chain": chain, **msgspec.to_builtins(found)})
    else:
        if chain is not None:
            console.print(f"Hash chain: {chain.records:,} records, sound.")
        say(found.sentence)
    if found.verdict != "identical":
        raise CheckFailed(found.sentence)


def _say_broken(chain: VerifyReport, as_json: bool) -> NoReturn:
    """What is recorded is not what was decided: nothing is decided again.  Raises CheckFailed."""
    sentence = (
        f"the hash chain is broken at record {chain.first_broken}: {chain.reason}; `python3 minh.py repair` says what "
        "can be kept."
    )
    if as_json:
        print_json({"chain": chain, "verdict": "differs", "sentence": sentence})
    raise CheckFailed(sentence)


def compare(
    day: Annotated[
        str, typer.Option("--day", metavar="<date>", help="Trade date, as 20251006; by default the newest.")
    ] = "",
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Backtest a paper day and list what differs, with the reason.  Example: minh.py compare --day 20251006."""
    calendar = SessionCalendar.load()
    trade_date = trade_date_named(day, calendar) if day else 0
    source = _open(journal)
    with progress("Compare", quiet=as_json) as report:
        found = compare_day(source, trade_date, calendar=calendar, matching=matching_of(settings()), progress=report)
    if as_json:
        print_json(found)
    else:
        say(found.sentence)
        if found.rows:
            table = Table("bar", "what", "paper", "backtest", "why")
            for row in found.rows[:ROWS_SHOWN]:
                table.add_row(row.time, row.what, row.paper, row.backtest, Text(row.reason))
            console.print(table)
    if found.verdict != "identical":
        raise CheckFailed(found.sentence)
