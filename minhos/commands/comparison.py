"""kelly-vs-fixed, check-context, integration: behind the scripts of the same purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from rich.console import Group
from rich.table import Table

from minhos.commands.common import (
    DaysOption,
    JsonOption,
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
)
from minhos.commands.research import configured_source
from minhos.errors import CheckFailed, NotEnoughData
from minhos.features.pipeline import FEATURE_NAMES, compute
from minhos.market.calendar import SessionCalendar
from minhos.services.history import history_of
from minhos.services.kelly_service import KellyService
from minhos.services.kelly_vs_fixed import Comparison, Figures
from minhos.services.kelly_vs_fixed import kelly_vs_fixed as compare_sizes
from minhos.services.layout import write_json
from minhos.services.studies import bundle_for, study
from minhos.services.trading_setup import registry_of

SIZE_ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("return", lambda f: f"{f.total_return:+.2%}"),
    ("risk-adjusted return (over drawdown)", lambda f: _known(f.risk_adjusted, "+.2f")),
    ("maximum drawdown", lambda f: f"{f.max_drawdown:.2%}"),
    ("volatility a day", lambda f: _known(f.volatility, ".2%")),
    ("Sharpe ratio a year", lambda f: _known(f.sharpe_ratio, ".2f")),
    ("win rate", lambda f: _known(f.win_rate, ".1%")),
    ("trades", lambda f: str(f.trades)),
    ("largest position", lambda f: str(f.largest)),
)


def kelly_vs_fixed(
    source: SourceArgument = None,
    source_option: SourceOption = None,
    symbol: SymbolOption = "",
    days: DaysOption = None,
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Size the same unseen signals by Kelly, a fixed 10 % and one contract.  Example: minh.py kelly-vs-fixed."""
    history = history_of(
        chosen_source(source, source_option), settings(), symbol=symbol, days=days, timezone=timezone, stamps=stamps
    )
    if not as_json:
        tell(history)
    chosen, place = history.settings, layout().make()
    with progress("Model", quiet=as_json) as report:
        bundle, trained = bundle_for(history.bars, chosen, place, registry_of(chosen, place), report)
    with progress("Backtest", quiet=as_json) as report:
        found = study(history.bars, bundle, chosen, place, report)
        compared = compare_sizes(found, chosen, report)
    verdict = {"verdict": trained["verdict"], "reason": trained["reason"], "bundle": bundle.id}
    result = {**verdict, **msgspec.to_builtins(compared)}
    write_json(place.reports / "backtest-kelly-vs-fixed.json", result)
    if as_json:
        print_json(result)
    else:
        show_comparison(compared, trained)


def show_comparison(compared: Comparison, trained: dict[str, Any]) -> None:
    """One figure a line; then what was asked for."""
    table = Table("", *(figures.name for figures in compared.sizes), title="Kelly against fixed sizes")
    for name, value in SIZE_ROWS:
        table.add_row(name, *(value(figures) for figures in compared.sizes))
    words = {True: "yes", False: "NO", None: "cannot be told"}
    checks = [
        f"Kelly better, {name.replace('_', ' ')}: {words[check.holds]} ({check.value})"
        for name, check in compared.checks.items()
    ]
    head = (f"{trained['verdict']}: {trained['reason']}", f"{compared.bars:,} bars out of sample, the same for all.")
    show(Group(*head, table, *checks), simulated=compared.simulated)


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
    path = chosen_source(source, source_option) or configured_source(symbol)
    history = history_of(path, settings(), symbol=symbol, days=days, timezone=timezone, stamps=stamps)
    bars, calendar = history.bars, SessionCalendar.load()
    with progress("Features", quiet=as_json) as report:
        table = compute(bars, calendar, report)
    warm = int(table.valid.sum())
    sessions = len(set(calendar.trade_dates_of_bars(bars.close_time_ns).tolist()) - {0})
    found = {
        "verdict": "accepted" if warm else "refused", "source": str(path), "bars": len(bars), "sessions": sessions,
        "contracts": list(bars.contracts), "features": len(FEATURE_NAMES), "bars_with_features": warm,
        "last_close_ticks": int(bars.close_ticks[-1]), "atr_ticks": float(table.atr_ticks[-1]),
    }  # fmt: skip
    if as_json:
        print_json(found)
    else:
        tell(history)
        for key, value in found.items():
            console.print(f"{key.replace('_', ' ')}: {value}", highlight=False, markup=False)
    if not warm:
        raise NotEnoughData(f"{len(bars)} bars are too few to warm the features; name a longer history.")


def integration(as_json: JsonOption = False) -> None:
    """Is every part there, from data to order?  Example: minh.py integration."""
    health = KellyService(settings(), layout()).health()
    working = health.status == "healthy"
    if as_json:
        print_json({"verdict": "operational" if working else "not operational", "health": health})
    else:
        console.print(f"ML integration: {'operational' if working else 'NOT operational'}", highlight=False)
        console.print(f"status: {health.state} ({health.mode}): {health.reason}", highlight=False, markup=False)
        for part in health.components:
            console.print(f"  {part.name}: {part.status}, {part.detail}", highlight=False, markup=False)
    if not working:
        raise CheckFailed(health.reason)


def _known(value: float | None, shape: str) -> str:
    return "none" if value is None else format(value, shape)
