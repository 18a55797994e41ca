"""research: what a statistician would say of your bars, as a page, as JSON and on the terminal."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from minhos.commands.common import (
    DaysOption,
    JsonOption,
    SchedulerOption,
    SourceArgument,
    SourceOption,
    StampsOption,
    SymbolOption,
    TimezoneOption,
    layout,
    print_json,
)
from minhos.commands.study.history import read_history
from minhos.commands.terminal import MARK, console, progress, show
from minhos.research.report.summary import highlights
from minhos.research.report.values import ResearchReport
from minhos.studies.report import make_folder, report_of, study_of, write


class Members(enum.StrEnum):
    """Which members a walk-forward trains."""

    TREES = "trees"
    ALL = "all"


STYLES = {"edge": "bold green", "no_edge": "bold yellow", "too_little_data": "bold cyan"}


def research(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    holdout: Annotated[
        bool, typer.Option("--holdout", help="One training and its newest bars, instead of retraining every week.")
    ] = False,
    members: Annotated[
        Members, typer.Option("--members", help="Of the walk-forward; all takes hours longer for two years.")
    ] = Members.TREES,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the report.", show_default=False)] = None,
    scheduler: SchedulerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove an edge on your bars or say that there is none.  Example: minh.py research NQZ25-CME.scid."""
    folder = make_folder(out) if out is not None else None
    history = read_history(
        source, source_option, symbol=symbol, days=days, timezone=timezone, stamps=stamps, quiet=as_json
    )
    place = layout().make()
    folder = folder or make_folder(place.reports / "research")
    with progress("Forecasts", quiet=as_json) as shown:
        study = study_of(history, place, shown, holdout=holdout, members=members.value, scheduler=scheduler)
    with progress("Measuring", quiet=as_json) as shown:
        found = report_of(history, study, place, shown, scheduler=scheduler)
    written = write(found, folder)
    if as_json:
        print_json(found)
        return
    show_report(found)
    console.print(f"The whole report: {written.html}", highlight=False, markup=False, soft_wrap=True)


def show_report(report: ResearchReport) -> None:
    """The verdict, then the lines that matter most."""
    simulated = report.data.simulated
    sentence = report.sentence.removeprefix(f"{MARK.strip()}: ") if simulated else report.sentence
    show(Text(sentence, style=STYLES[report.verdict]), simulated=simulated)
    table = Table(Column(no_wrap=True), Column(overflow="fold"), show_header=False, box=None)
    for name, value in highlights(report):
        table.add_row(name, value)
    show(table, simulated=simulated)
