"""lab search: better hyper-parameters for one tree member, and whether they are better or luckier."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from minhos.assembly.files import write_json
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
from minhos.commands.suggest import chosen_of
from minhos.commands.terminal import progress, show
from minhos.market.calendar import SessionCalendar
from minhos.research.search.search import Candidate, SearchResult
from minhos.research.search.search import search as run_search
from minhos.settings import LARGEST_SEED
from minhos.studies.training_runs import recipe_of
from minhos.studies.trials import enter, tried
from minhos.training.members import member as member_of
from minhos.training.members import searchable
from minhos.training.ours import LIGHTGBM
from minhos.words import percent

MNAT = 1000.0


def search(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = None,
    member: Annotated[str, typer.Option("--member", help=f"One of {', '.join(searchable())}.")] = LIGHTGBM,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Configurations to try.")] = 30,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Of the proposals and of the fits.")
    ] = None,
    scheduler: SchedulerOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Search hyper-parameters; every trial is entered in the ledger.  Example: minh.py lab search NQZ25-CME.scid."""
    member = chosen_of(member, searchable(), "lab search --member")
    history = read_history(
        source, source_option, symbol=symbol, days=days, timezone=timezone, stamps=stamps, quiet=as_json
    )
    bars, chosen, place = history.bars, history.settings, layout().make()
    seed = chosen.training.seed if seed is None else seed
    with progress("Search", quiet=as_json) as report:
        found = run_search(
            bars,
            SessionCalendar.load(),
            recipe_of(chosen, len(bars)),
            member,
            trials=trials,
            seed=seed,
            record=lambda recipe_id: enter(place, bars, recipe_id, {"seed": seed}, "search"),
            processes=chosen.training.processes,
            scheduler=scheduler,
            progress=report,
        )
    result = {**msgspec.to_builtins(found), "trials": tried(place, bars).n_trials}
    write_json(place.reports / "search.json", result, place.disk)
    if as_json:
        print_json(result)
        return
    show(_page(found, result["trials"]), simulated=found.simulated)


def _page(found: SearchResult, ledger: int) -> Group:
    """The shipped parameters and the best five, the verdict, and the line to copy."""
    shown = (found.shipped, *found.best)
    title = f"{found.member} on {found.n_bars:,} bars of {found.n_dates} trade dates, out of fold"
    table = Table("", "shipped", *(f"trial {candidate.trial}" for candidate in found.best), title=title)
    for name in (name for name in found.shipped.parameters if name in member_of(found.member).space):
        table.add_row(name, *(f"{candidate.parameters[name]:g}" for candidate in shown))
    table.add_row("trees", *(f"{candidate.rounds:.0f}" for candidate in shown))
    table.add_row("accuracy", *(percent(candidate.accuracy, tight=True, unknown="no side") for candidate in shown))
    table.add_row("log loss", *(f"{candidate.log_loss:.5f}" for candidate in shown))
    table.add_row("gain, mnat a bar", "", *(f"{MNAT * candidate.gain:+.2f}" for candidate in found.best))
    table.add_row("from", "", *(_end(candidate, 0) for candidate in found.best))
    table.add_row("to (95 %)", "", *(_end(candidate, 1) for candidate in found.best))
    lines: list[RenderableType] = [table, Text(found.sentence)]
    if found.failed:
        lines.append(Text(f"{len(found.failed)} trials could not be judged, the first because: {found.failed[0]}"))
    lines.append(Text(f"{ledger} configurations have now been tried on these bars; every Sharpe ratio pays for them."))
    lines.append(
        Text(f"Nothing is changed. To train with trial {found.best[0].trial}, put this into minhos/training/ours.py:")
        if found.verdict == "better"
        else Text("Nothing is changed. The best trial, as it would stand in minhos/training/ours.py:")
    )
    lines.append(Padding(Text(found.recipe_line), (0, 4)))
    return Group(*lines)


def _end(candidate: Candidate, end: int) -> str:
    """Of the interval of its gain."""
    return "unknown" if candidate.gain_interval is None else f"{MNAT * candidate.gain_interval[end]:+.2f}"
