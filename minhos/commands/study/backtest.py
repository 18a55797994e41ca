"""backtest: the live engine over bars that the model has not seen."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from minhos.assembly.files import write_json
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
from minhos.commands.study.history import read_history
from minhos.commands.terminal import MARK, console, progress, say
from minhos.research.backtest import daily_returns, summary
from minhos.studies.studies import bundle_for, study
from minhos.studies.trials import enter_and_deflate, judged_with


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
    history = read_history(
        source, source_option, symbol=symbol, days=days, timezone=timezone, stamps=stamps, quiet=as_json
    )
    chosen, place = history.settings, layout().make()
    with progress("Model", quiet=as_json) as report:
        bundle, trained = bundle_for(
            history.bars, chosen, place, registry_of(chosen, place), report, scheduler=scheduler
        )
    with progress("Backtest", quiet=as_json) as report:
        found = study(history.bars, bundle, chosen, place, report)
    deflation = enter_and_deflate(
        place,
        found.bars,
        bundle.manifest.recipe_id,
        judged_with(chosen, bundle),
        "backtest",
        daily_returns(found.result),
    )
    result = {
        "verdict": trained.verdict,
        "reason": trained.reason,
        "bundle": bundle.id,
        "simulated": history.simulated,
        "bars": len(found.bars),
        **summary(found.result),
        "sharpe_ratio": deflation.annual,
        "trials": deflation.n_trials,
        "deflated_sharpe_ratio": deflation.probability,
    }
    write_json(place.reports / "backtest.json", result, place.disk)
    if as_json:
        print_json(result)
        return
    _show(result, history.simulated)
    say(("SIMULATED: " if history.simulated else "") + deflation.sentence)


def _show(result: Mapping[str, object], simulated: bool) -> None:
    """A table of one figure a line; SIMULATED stands on each of them where that is the case."""
    mark = MARK if simulated else ""
    table = Table("figure", "value", title=f"{mark}Backtest, out of sample")
    for key, value in result.items():
        if isinstance(value, dict):
            text = ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
        else:
            text = f"{value:,.4g}" if isinstance(value, float) else str(value)
        table.add_row(mark + key.replace("_", " "), text)
    console.print(table)
