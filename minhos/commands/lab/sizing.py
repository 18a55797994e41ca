"""lab sizing, and kelly-vs-fixed, which is the same: every way to size the same unseen signals, side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of
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
from minhos.commands.lab.sizing_tables import pages
from minhos.commands.study.history import read_history
from minhos.commands.terminal import progress, show
from minhos.errors import LeakSuspected
from minhos.research.out_of_sample import OutOfSample
from minhos.studies.history import History
from minhos.studies.kelly_vs_fixed import kelly_vs_fixed as compare_sizes
from minhos.studies.report_parts import canaries_of
from minhos.studies.studies import bundle_for, holdout_study, walk_forward_study

KELLY_VS_FIXED = "Kelly against fixed sizes: `lab sizing` by its old name.  Example: minh.py kelly-vs-fixed --days 30"
DEFAULT_DAYS = 30
REPORT = "backtest-kelly-vs-fixed.json"
WalkForwardOption = Annotated[
    bool, typer.Option("--walk-forward", help="Retrain every week as live, instead of one training and its holdout.")
]


def sizing(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = DEFAULT_DAYS,
    walk_forward: WalkForwardOption = False,
    scheduler: SchedulerOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Size the same unseen signals in every way there is and compare.  Example: minh.py lab sizing --days 30."""
    history = read_history(
        source, source_option, symbol=symbol, days=days, timezone=timezone, stamps=stamps, quiet=as_json
    )
    chosen, place = history.settings, layout().make()
    unseen = _walk_forward if walk_forward else _holdout
    study = unseen(history, place, scheduler, as_json)
    with progress("Sizing", quiet=as_json) as report:
        compared = compare_sizes(history.bars, study, chosen, place, report, scheduler=scheduler)
    write_json(place.reports / REPORT, compared, place.disk)
    if as_json:
        print_json(compared)
        return
    for page in pages(compared):
        show(page, simulated=compared.simulated)


def _holdout(history: History, place: Layout, scheduler: str | None, quiet: bool) -> OutOfSample:
    """One training, and the bars after those that it learnt from."""
    bars, chosen = history.bars, history.settings
    with progress("Model", quiet=quiet) as report:
        bundle, _ = bundle_for(bars, chosen, place, registry_of(chosen, place), report, scheduler=scheduler)
    with progress("Forecasts", quiet=quiet) as report:
        return holdout_study(bars, bundle, chosen, place, report, processes=chosen.training.processes)


def _walk_forward(history: History, place: Layout, scheduler: str | None, quiet: bool) -> OutOfSample:
    """Trained every week as live.  Raises LeakSuspected where a canary dies; the holdout's training asks its own."""
    chosen = history.settings
    with progress("Walk-forward", quiet=quiet) as report:
        study = walk_forward_study(
            history.bars, chosen, place, report, processes=chosen.training.processes, scheduler=scheduler
        )
    with progress("Leak canaries", quiet=quiet) as report:
        canaries = canaries_of(history, study, report)
    if canaries.dead:
        raise LeakSuspected(canaries.sentence)
    return study
