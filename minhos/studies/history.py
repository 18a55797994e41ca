"""Bars to learn from: the file or folder that was named, else the configured one, else a simulated market.

Data are judged before anything is learnt from them; what was cut and how stamps were read is said.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from minhos.assembly.feeds import iso_ns, make_feed, market_model
from minhos.assembly.mirror import copy_now
from minhos.errors import DataError, DataRefused
from minhos.feeds.files import Loaded, last_trade_dates, load, refusal_of_adjusted
from minhos.feeds.simulated.market import simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SystemClock
from minhos.market.gate import GateParameters, accept
from minhos.market.instruments import instrument
from minhos.market.symbols import parse_symbol
from minhos.market.types import NANOS_PER_MINUTE, Bars
from minhos.settings import Settings

DAY_NS = 24 * 60 * NANOS_PER_MINUTE
BARS_PER_DAY = 197
"""Of the calendar: 276 a session, five sessions a week."""


class History(msgspec.Struct, frozen=True):
    """Bars with the settings that fit them, and what is to be said of them."""

    bars: Bars
    settings: Settings
    notes: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        return self.bars.simulated


def history_of(
    source: Path | None,
    chosen: Settings,
    *,
    symbol: str = "",
    days: int | None = None,
    timezone: str = "",
    stamps: str = "",
    adjusted: bool = False,
) -> History:
    """Load and judge.  adjusted: prices that were adjusted over rolls may be learnt from.

    Raises DataError for what cannot be read, DataRefused for what must not be used."""
    path = source or (Path(chosen.data.source) if chosen.data.source else None)
    if chosen.data.bridge and path == Path(chosen.data.bridge_folder):
        copy_now(chosen)
    if path is None and chosen.simulated:
        return simulated_history(chosen, days, symbol)
    calendar = SessionCalendar.load()
    if path is None:
        loaded = _history_of_feed(chosen, calendar, days)
    else:
        loaded = load(
            path,
            symbol=symbol or None,
            timezone=timezone or chosen.data.timezone or None,
            stamps=stamps or chosen.data.stamps or None,
            days=days,
            calendar=calendar,
        )
    if not adjusted and (refusal := refusal_of_adjusted(loaded.bars)):
        raise DataRefused(f"refused: {refusal}")
    own = instrument(loaded.bars.instrument.root, chosen.market.instruments)
    bars, report = accept(msgspec.structs.replace(loaded.bars, instrument=own), calendar, GateParameters())
    return History(bars, _for_bars(chosen, bars, path), (*loaded.sentences(), report.reason))


def _history_of_feed(chosen: Settings, calendar: SessionCalendar, days: int | None) -> Loaded:
    """What a feed of the user's own has of the past.  Raises DataError where that is nothing."""
    feed = make_feed(chosen, calendar, SystemClock())
    try:
        bars = feed.history()
    finally:
        feed.close()
    if not len(bars):
        raise DataError(f"the feed {chosen.data.feed!r} has no history; name a file or folder to learn from.")
    kept = bars if days is None else last_trade_dates(bars, days, calendar)
    return Loaded(kept, (), (), (f"{len(bars):,} bars from the feed {chosen.data.feed!r}",))


def simulated_history(chosen: Settings, days: int | None, symbol: str = "") -> History:
    """The simulated market of the settings.  Raises DataError where a symbol was named that has no data."""
    root = parse_symbol(symbol or chosen.market.symbol).root
    simulation = chosen.simulation
    calendar_days = simulation.history_days if days is None else -(-days * 7 // 5) + 2
    start_ns = iso_ns(simulation.start) - calendar_days * DAY_NS
    n_bars = calendar_days * BARS_PER_DAY if days is None else days * 276
    model = market_model(chosen)
    market = simulate(model, instrument(root), SessionCalendar.load(), start_ns, n_bars)
    note = (
        f"SIMULATED: there is no data for {symbol or chosen.market.symbol}; this is the market {model.kind!r} with a "
        f"ceiling of {simulation.ceiling:.0%}, far easier than any real one (50 to 52.5 %)."
    )
    simulated = chosen.model_copy(update={"data": chosen.data.model_copy(update={"source": ""})})
    return History(market.bars, simulated, (note,))


def _for_bars(chosen: Settings, bars: Bars, path: Path | None) -> Settings:
    """The same settings for this data's instrument."""
    if not len(bars):
        raise DataError(f"{path or 'the feed'} holds no bars; name another file.")
    market = chosen.market.model_copy(update={"symbol": bars.instrument.root})
    data = chosen.data.model_copy(update={"source": str(path or "")})
    return chosen.model_copy(update={"market": market, "data": data})
