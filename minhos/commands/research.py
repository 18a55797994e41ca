"""check-data, backtest, replay, compare, checklist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Column, Table
from rich.text import Text

from minhos.assembly.layout import write_json
from minhos.assembly.naming import account_of, mode_of, registry_of
from minhos.assembly.trading import matching_of
from minhos.commands.common import (
    DaysOption,
    JsonOption,
    SchedulerOption,
    SourceArgument,
    SourceOption,
    StampsOption,
    SymbolOption,
    TimezoneOption,
    chosen_source,
    console,
    layout,
    print_json,
    progress,
    settings,
    tell,
)
from minhos.errors import CheckFailed, DataError, DataRefused
from minhos.feeds.check import check_data as judge_data
from minhos.feeds.scid.folders import find_sierra_folder
from minhos.journal.reader import JournalReader, reader
from minhos.research.backtest import daily_returns, summary
from minhos.research.compare import compare as compare_day
from minhos.research.replay import replay as replay_journal
from minhos.studies.history import history_of
from minhos.studies.studies import bundle_for, study
from minhos.studies.trials import enter_and_deflate, judged_with

JournalOption = Annotated[Path | None, typer.Option("--journal", help="Another journal than the configured one's.")]


def check_data(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    days: DaysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether data may be trained on and traded, and why not.  Example: minh.py check-data NQZ25-CME.scid."""
    path = chosen_source(source, source_option) or configured_source(symbol)
    report = judge_data(path, symbol=symbol or None, timezone=timezone or None, stamps=stamps or None, days=days)
    write_json(layout().make().reports / "data.json", report)
    if as_json:
        print_json(report)
    else:
        show_data_report(report)
    if not report.accepted:
        raise DataRefused(report.reason)


def configured_source(symbol: str) -> Path:
    """The configured data, else Sierra Chart's own folder.  Raises DataError that names the folders searched."""
    chosen = settings()
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


def show_data_report(report: Any) -> None:
    """Notes, quality and the dates that failed."""
    for note in report.notes:
        console.print(note, highlight=False, markup=False)
    console.print(f"{report.bars:,} bars of {', '.join(report.contracts)}, {report.first} to {report.last}.")
    console.print(report.quality.summary, highlight=False, markup=False)
    failed = [date for date in report.dates if not date.passed]
    if failed:
        table = Table("trade date", "volume", "expected", "bars", "of", "why", title="Dates that fail")
        for date in failed[:20]:
            table.add_row(
                str(date.trade_date),
                f"{date.volume:,}",
                f"{date.expected_volume:,.0f}",
                str(date.bars),
                str(date.expected_bars),
                date.reason,
            )
        console.print(table)
        if len(failed) > 20:
            console.print(f"… and {len(failed) - 20} more.")
    style = "green" if report.accepted else "red"
    console.print(Text(report.reason, style=style))


def backtest(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    scheduler: SchedulerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the live engine over bars that the model has not seen.  Example: minh.py backtest NQZ25-CME.scid."""
    history = history_of(
        chosen_source(source, source_option), settings(), symbol=symbol, days=days, timezone=timezone, stamps=stamps
    )
    if not as_json:
        tell(history)
    chosen, place = history.settings, layout().make()
    registry = registry_of(chosen, place)
    with progress("Model", quiet=as_json) as report:
        bundle, trained = bundle_for(history.bars, chosen, place, registry, report, scheduler=scheduler)
    with progress("Backtest", quiet=as_json) as report:
        found = study(history.bars, bundle, chosen, place, report)
    figures = summary(found.result)
    verdict = {"verdict": trained["verdict"], "reason": trained["reason"], "bundle": bundle.id}
    deflation = enter_and_deflate(
        place,
        found.bars,
        bundle.manifest.recipe_id,
        judged_with(chosen, bundle),
        "backtest",
        daily_returns(found.result),
    )
    result = {
        **verdict,
        "simulated": history.simulated,
        "bars": len(found.bars),
        **figures,
        "sharpe_ratio": deflation.annual,
        "trials": deflation.n_trials,
        "deflated_sharpe_ratio": deflation.probability,
    }
    write_json(place.reports / "backtest.json", result)
    if as_json:
        print_json(result)
        return
    show_figures(result, history.simulated)
    console.print(("SIMULATED: " if history.simulated else "") + deflation.sentence, highlight=False, markup=False)


def show_figures(result: dict[str, Any], simulated: bool) -> None:
    """A table of one figure a line; SIMULATED stands on each of them where that is the case."""
    mark = "SIMULATED " if simulated else ""
    table = Table("figure", "value", title=f"{mark}Backtest, out of sample")
    for key, value in result.items():
        if isinstance(value, dict):
            text = ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
        else:
            text = f"{value:,.4g}" if isinstance(value, float) else str(value)
        table.add_row(mark + key.replace("_", " "), text)
    console.print(table)


def open_journal(journal: Path | None) -> JournalReader:
    """The configured journal, or the one named.  Raises DataError where there is none yet."""
    chosen = settings()
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
    source = open_journal(journal)
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
    source = open_journal(journal)
    with progress("Compare", quiet=as_json) as report:
        found = compare_day(source, day, matching=matching_of(settings()), progress=report)
    if as_json:
        print_json(found)
    else:
        console.print(found.sentence, highlight=False)
        if found.rows:
            table = Table("bar", "what", "paper", "backtest", "why")
            for row in found.rows[:40]:
                table.add_row(row.time, row.what, row.paper, row.backtest, row.reason)
            console.print(table)
    if found.verdict != "identical":
        raise CheckFailed(found.sentence)


def checklist(as_json: JsonOption = False) -> None:
    """Everything that was asked for: met, not met, or not known here.  Example: minh.py checklist."""
    from minhos.commands.checklist import checklist_rows

    rows = checklist_rows(settings(), layout())
    if as_json:
        print_json({"rows": rows})
        return
    table = Table("part", "what was asked for", "state", "value", Column("command", overflow="fold"))
    for row in rows:
        table.add_row(row.section, row.text, row.state, row.value, row.command)
    console.print(table)
