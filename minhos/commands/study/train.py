"""train: a training in a process of its own, what it found, and the bundle that may serve from the next bar on."""

from __future__ import annotations

from typing import Annotated

import typer

from minhos.assembly.naming import registry_of, scope_of
from minhos.commands.common import (
    AdjustedOption,
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
    user,
)
from minhos.commands.study.history import read_history
from minhos.commands.terminal import progress, say, show
from minhos.errors import LeakSuspected, MinhosError
from minhos.market.clock import SystemClock
from minhos.settings import LARGEST_SEED
from minhos.studies.training_runs import run_training
from minhos.training.results.report import tables

ONLY_TARGET = "kelly_integration"


def _only_target(text: str) -> str:
    """Raises MinhosError for a target that there is not."""
    if text not in ("", ONLY_TARGET):
        raise MinhosError(f"--target {text!r} is not one: {ONLY_TARGET} is the only target, and may be left out.")
    return text


def train(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    seed: Annotated[int | None, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the random numbers.")] = None,
    target: Annotated[
        str, typer.Option(callback=_only_target, help="Kept as documented; kelly_integration is the only target.")
    ] = "",
    promote: Annotated[bool, typer.Option(help="Serve the new bundle from the next bar on.")] = True,
    scheduler: SchedulerOption = None,
    adjusted: AdjustedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the five members and say what they are worth.  Example: minh.py train NQZ25-CME.scid --days 30."""
    history = read_history(
        source,
        source_option,
        symbol=symbol,
        days=days,
        timezone=timezone,
        stamps=stamps,
        quiet=as_json,
        adjusted=adjusted,
    )
    chosen, place = history.settings, layout()
    registry = registry_of(chosen, place)
    active = registry.active(scope_of(chosen))
    with progress("Training", quiet=as_json) as report:
        found = run_training(
            history.bars,
            chosen,
            place,
            registry.root,
            progress=report,
            seed=seed,
            parent=active.id if active else "",
            scheduler=scheduler,
        )
    if promote and found.bundle_id and not history.bars.adjusted:
        registry.promote(found.bundle_id, user(), SystemClock().now_ns())
    if as_json:
        print_json(found)
    else:
        show(tables(found), simulated=history.simulated)
    if history.bars.adjusted and found.bundle_id:
        say(f"{found.bundle_id} is kept and does not serve: {history.bars.adjusted}; no size comes of such prices.")
    if found.leak_suspected:
        raise LeakSuspected("a leak is suspected, so that no bundle was saved and no figure is a result.")
