"""check-context, integration: behind the scripts of the same purpose."""

from __future__ import annotations

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
    tell,
)
from minhos.commands.research import configured_source
from minhos.errors import CheckFailed, NotEnoughData
from minhos.features.pipeline import FEATURE_NAMES, compute
from minhos.market.calendar import SessionCalendar
from minhos.services.kelly_service import KellyService
from minhos.studies.history import history_of


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
        "verdict": "accepted" if warm else "refused",
        "source": str(path),
        "bars": len(bars),
        "sessions": sessions,
        "contracts": list(bars.contracts),
        "features": len(FEATURE_NAMES),
        "bars_with_features": warm,
        "last_close_ticks": int(bars.close_ticks[-1]),
        "atr_ticks": float(table.atr_ticks[-1]),
    }
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
