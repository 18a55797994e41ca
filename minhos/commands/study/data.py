"""check-data, check-context: whether real bars may be trained on and traded, and what the models would see of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from minhos.assembly.files import write_json
from minhos.commands.common import (
    AdjustedOption,
    DaysOption,
    JsonOption,
    SourceArgument,
    SourceOption,
    StampsOption,
    SymbolOption,
    TimezoneOption,
    chosen_source,
    layout,
    print_json,
    settings_with_parts,
)
from minhos.commands.terminal import console, progress, say, say_all, working
from minhos.errors import DataError, DataRefused, NotEnoughData, SymbolError
from minhos.features.pipeline import compute, feature_set
from minhos.feeds.check import DataReport
from minhos.feeds.check import check_data as judge_data
from minhos.feeds.export import check_target
from minhos.feeds.scid.folders import find_sierra_folder
from minhos.market.calendar import SessionCalendar
from minhos.settings import Settings
from minhos.studies.history import history_of

DATES_SHOWN = 20


def check_data(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    days: DaysOption = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write what was read to this new .csv or .parquet file.", show_default=False),
    ] = None,
    adjusted: AdjustedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say whether data may be trained on and traded, and why not.  Example: minh.py check-data NQZ25-CME.scid."""
    if export is not None:
        check_target(export)  # what is typed wrong is said before data are looked for
    chosen = settings_with_parts()
    path = chosen_source(source, source_option) or _configured_source(chosen, symbol)
    try:
        with working("Reading", as_json):
            report = judge_data(
                path,
                symbol=symbol or None,
                timezone=timezone or None,
                stamps=stamps or None,
                days=days,
                export=export,
                adjusted=adjusted,
            )
    except (DataError, SymbolError) as error:
        if as_json:
            print_json(_unread(path, str(error)))
        raise
    place = layout().make()
    write_json(place.reports / "data.json", report, place.disk)
    if as_json:
        print_json(report)
    else:
        _show(report)
        if export is not None:
            say(f"What was read is in {export}.")
    if not report.accepted:
        raise DataRefused(report.reason)


def check_context(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    as_json: JsonOption = False,
) -> None:
    """What the models would see of real bars, and whether it is enough.  Example: minh.py check-context FILE."""
    chosen = settings_with_parts()
    path = chosen_source(source, source_option) or _configured_source(chosen, symbol)
    with working("Reading", as_json):
        history = history_of(path, chosen, symbol=symbol, days=days, timezone=timezone, stamps=stamps)
    bars, calendar = history.bars, SessionCalendar.load()
    with progress("Features", quiet=as_json) as report:
        table = compute(bars, calendar, report)
    warm = int(table.valid.sum())
    sessions = len(set(calendar.trade_dates_of_bars(bars.close_time_ns).tolist()) - {0})
    found = {
        "verdict": "accepted" if warm else "refused",
        "source": str(path),
        "bars": len(bars),
        "sessions": sessions,
        "contracts": list(bars.contracts),
        "features": len(feature_set().names),
        "bars_with_features": warm,
        "last_close_ticks": int(bars.close_ticks[-1]),
        "atr_ticks": float(table.atr_ticks[-1]),
    }
    if as_json:
        print_json(found)
    else:
        say_all(history.notes)
        for key, value in found.items():
            say(f"{key.replace('_', ' ')}: {value}")
    if not warm:
        raise NotEnoughData(f"{len(bars)} bars are too few to warm the features; name a longer history.")


def _configured_source(chosen: Settings, symbol: str) -> Path:
    """The configured data, else Sierra Chart's own folder.  Raises DataError that names the folders searched."""
    if chosen.data.source:
        return Path(chosen.data.source)
    folders = find_sierra_folder()
    if folders:
        return folders[0]
    what = symbol or chosen.market.symbol
    raise DataError(
        f"there is no data for {what}: no file was named, [data] source is empty, and Sierra Chart's folder was not "
        "found in SIERRACHART_DATA, C:\\SierraChart\\Data, Wine or a shared drive; name a file or folder."
    )


def _unread(path: Path, reason: str) -> dict[str, object]:
    """The report on what could not be read: the same keys, nothing known."""
    empty: dict[str, object] = dict.fromkeys(DataReport.__struct_fields__)
    known = {"verdict": "refused", "reason": reason, "sources": [str(path)], "bars": 0, "kept_bars": 0}
    return {**empty, **known, "contracts": [], "notes": [], "dates": []}


def _show(report: DataReport) -> None:
    """Notes, quality and the dates that failed."""
    say_all(report.notes)
    console.print(f"{report.bars:,} bars of {', '.join(report.contracts)}, {report.first} to {report.last}.")
    say(report.quality.summary)
    failed = [date for date in report.dates if not date.passed]
    if failed:
        table = Table("trade date", "volume", "expected", "bars", "of", "why", title="Dates that fail")
        for date in failed[:DATES_SHOWN]:
            table.add_row(
                str(date.trade_date),
                f"{date.volume:,}",
                f"{date.expected_volume:,.0f}",
                str(date.bars),
                str(date.expected_bars),
                date.reason,
            )
        console.print(table)
        if len(failed) > DATES_SHOWN:
            console.print(f"… and {len(failed) - DATES_SHOWN} more.")
    style = "green" if report.accepted else "red"
    console.print(Text(report.reason, style=style))
