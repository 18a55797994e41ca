"""train, and models list | promote | rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of, scope_of
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
    show,
    tell,
    user,
)
from minhos.errors import LeakSuspected
from minhos.market.clock import SystemClock
from minhos.settings import Settings
from minhos.studies.history import history_of
from minhos.studies.training_runs import run_training
from minhos.training.report import tables
from minhos.training.result import TrainResult

models_app = typer.Typer(no_args_is_help=True, help="The bundles: list, promote, rollback.")


def train(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    seed: Annotated[int | None, typer.Option(help="Seed of the random numbers.")] = None,
    target: Annotated[str, typer.Option(help="Kept as documented; kelly_integration is the only target.")] = "",
    promote: Annotated[bool, typer.Option(help="Serve the new bundle from the next bar on.")] = True,
    scheduler: SchedulerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the five members and say what they are worth.  Example: minh.py train NQZ25-CME.scid --days 30."""
    chosen = settings()
    history = history_of(
        chosen_source(source, source_option), chosen, symbol=symbol, days=days, timezone=timezone, stamps=stamps
    )
    if not as_json:
        tell(history)
    result = train_and_promote(
        history.bars, history.settings, layout(), as_json=as_json, seed=seed, promote=promote, scheduler=scheduler
    )
    found = msgspec.convert(result, TrainResult, strict=False)
    if as_json:
        print_json(result)
    else:
        show(tables(found), simulated=history.simulated)
    if found.leak_suspected:
        raise LeakSuspected("a leak is suspected, so that no bundle was saved and no figure is a result.")


def train_and_promote(
    bars: Any,
    chosen: Settings,
    place: Layout,
    *,
    as_json: bool = False,
    seed: int | None = None,
    promote: bool = True,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Train with a progress bar; returns the report."""
    registry = registry_of(chosen, place)
    active = registry.active(scope_of(chosen))
    with progress("Training", quiet=as_json) as tell:
        result = run_training(
            bars,
            chosen,
            place,
            registry.root,
            progress=tell,
            seed=seed,
            parent=active.id if active else "",
            scheduler=scheduler,
        )
    if promote and result["bundle_id"]:
        registry.promote(result["bundle_id"], user(), SystemClock().now_ns())
    return result


@models_app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """All bundles, newest first, each verified.  Example: minh.py models list."""
    chosen = settings()
    infos = registry_of(chosen, layout()).list()
    if as_json:
        print_json({"scope": scope_of(chosen), "bundles": [msgspec.to_builtins(_plain(info)) for info in infos]})
        return
    table = Table("bundle", "scope", "status", "verdict", "why")
    for info in infos:
        table.add_row(info.id, info.scope, info.status, info.verdict, info.why)
    console.print(table if infos else "There is no bundle yet; `minh.py train` makes one.")


@models_app.command("promote")
def promote_model(bundle: Annotated[str, typer.Argument(help="Its id.")], as_json: JsonOption = False) -> None:
    """Serve this bundle from the next bar on.  Example: minh.py models promote ID."""
    info = registry_of(settings(), layout()).promote(bundle, user(), SystemClock().now_ns())
    _say(info.id, info.scope, as_json)


@models_app.command("rollback")
def rollback_model(as_json: JsonOption = False) -> None:
    """Go back to the bundle before.  Example: minh.py models rollback."""
    chosen = settings()
    info = registry_of(chosen, layout()).rollback(scope_of(chosen), user(), SystemClock().now_ns())
    _say(info.id, info.scope, as_json)


def _say(bundle_id: str, scope: str, as_json: bool) -> None:
    if as_json:
        print_json({"active": bundle_id, "scope": scope})
    else:
        console.print(f"{bundle_id} is active in {scope}.")


def _plain(info: Any) -> dict[str, Any]:
    values = msgspec.structs.asdict(info)
    return {key: str(value) if isinstance(value, Path) else value for key, value in values.items()}
