"""The backtest: the live engine over a history, with out-of-sample forecasts only.

Nothing is simulated here that the engine does not do live: the same decide, the same limits, the same venue.  What
differs is the clock (moved by the bars), the feed (a history) and, where forecasts are given, that features and
models are not computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.accounting.types import Account, Fill
from minhos.features.pipeline import FeatureTable
from minhos.features.types import MarketState, Observation
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import Bar, Bars, Instrument, Slice
from minhos.models.forecast import Forecast
from minhos.risk.types import RiskState
from minhos.trading import events as ev
from minhos.trading.engine import Engine, EventStore
from minhos.trading.state import Observe, TradingState
from minhos.trading.types import Decision
from minhos.venues.matching import MatchingParameters
from minhos.venues.paper import PaperVenue

Progress = Callable[[float, str], None]
_REPORT_EVERY = 2_000
_NO_FEATURES = np.zeros(0, dtype=np.float32)


class BacktestResult(msgspec.Struct, frozen=True):
    """What happened.  equity_cents: at each decided bar's close, shape (n,)."""

    decisions: list[Decision]
    trades: list[ev.TradeClosed]
    fills: list[Fill]
    account: Account
    time_ns: npt.NDArray[np.int64]
    equity_cents: npt.NDArray[np.int64]
    initial_cash_cents: int
    risk: RiskState
    """At the end: levels, the shadow book, the evidence."""


class GivenForecasts:
    """Forecasts that were made before, by the live call, looked up by the bar's close."""

    def __init__(self, forecasts: dict[int, Forecast]) -> None:
        self._forecasts = forecasts

    def forecast(self, observation: Observation) -> Forecast:
        return self._forecasts[observation.close_time_ns]


def given_features(table: FeatureTable, decided: dict[int, Forecast]) -> Callable[[Instrument], Observe]:
    """Market states from a computed table; bars without a forecast count as not yet warm."""
    index = {int(close): i for i, close in enumerate(table.close_time_ns.tolist())}
    atr, volatility, volume = table.atr_ticks.tolist(), table.volatility_ratio.tolist(), table.volume_ratio.tolist()

    def make(_: Instrument) -> Observe:
        def observe(bar: Bar) -> Observation | None:
            close = bar.close_time_ns
            if close not in decided:
                return None
            i = index[close]
            state = MarketState(bar.symbol, close, bar.close_ticks, atr[i], volatility[i], volume[i])
            return Observation(bar.symbol, close, table.anchor_time_ns, _NO_FEATURES, _NO_FEATURES, state)

        return observe

    return make


def run_backtest(
    bars: Bars,
    forecasts: dict[int, Forecast],
    table: FeatureTable,
    model: ev.ModelActivated,
    settings: ev.TradingSettings,
    calendar: SessionCalendar,
    *,
    cash_cents: int,
    matching: MatchingParameters = MatchingParameters(),
    journal: EventStore | None = None,
    progress: Progress | None = None,
) -> BacktestResult:
    """Run the engine over `bars`.

    Args:
        forecasts: by close (UTC ns), out of sample; bars without one are decided as "warming up".
        table: features of the same bars, for ATR and the market's state.
        model: the payoff and the recipe behind the forecasts.
        journal: where every event goes; None keeps them in memory only.

    Returns:
        Decisions (one a bar), trades, fills and equity.
    """
    clock = SimulatedClock()
    engine = BacktestEngine(
        TradingState(calendar, given_features(table, forecasts)),
        PaperVenue(settings.instruments, matching), clock, journal, GivenForecasts(forecasts),
    )  # fmt: skip
    start_ns = int(bars.close_time_ns[0]) - bars.interval_ns
    clock.advance_to(start_ns)
    engine.start(settings, mode="paper", account="backtest", version="", cash_cents=cash_cents)
    engine.record(msgspec.structs.replace(model, time_ns=start_ns), start_ns)
    decisions = []
    symbol = settings.signal_symbol
    for i, closed in enumerate(slices(bars)):
        clock.advance_to(closed.close_time_ns)
        if closed.bars[0].symbol != symbol:
            symbol = closed.bars[0].symbol
            engine.activate_settings(rolled(settings, symbol))
        decisions.append(engine.on_slice(closed))
        if progress is not None and i % _REPORT_EVERY == 0:
            progress(i / len(bars), f"bar {i:,} of {len(bars):,}")
    return BacktestResult(
        decisions, engine.trades, engine.fills, engine.state.ledger.account(),
        np.array([d.close_time_ns for d in decisions], dtype=np.int64),
        np.array([d.equity_cents for d in decisions], dtype=np.int64), cash_cents, engine.state.risk,
    )  # fmt: skip


def rolled(settings: ev.TradingSettings, symbol: str) -> ev.TradingSettings:
    """The same settings with another contract of the same root as signal and order."""
    instrument = settings.instruments[settings.signal_symbol]
    instruments = {**settings.instruments, symbol: instrument}
    order_symbol = symbol
    if settings.order_symbol != settings.signal_symbol:
        order = settings.instruments[settings.order_symbol]
        order_symbol = symbol.replace(instrument.root, order.root, 1)
        instruments[order_symbol] = order
    return msgspec.structs.replace(
        settings, instruments=instruments, signal_symbol=symbol, order_symbol=order_symbol
    )  # fmt: skip


class BacktestEngine(Engine):
    """The engine, which also keeps trades and fills in lists."""

    def __init__(
        self, state: TradingState, venue: PaperVenue, clock: SimulatedClock, journal: EventStore | None,
        forecasts: GivenForecasts,
    ) -> None:  # fmt: skip
        super().__init__(state, venue, clock, journal, forecasts)
        self.trades: list[ev.TradeClosed] = []
        self.fills: list[Fill] = []

    def record(self, event: ev.Event, time_ns: int) -> None:
        if type(event) is ev.OrderFilled:
            self.fills.append(event.fill)
        elif type(event) is ev.TradeClosed:
            self.trades.append(event)
        super().record(event, time_ns)


def slices(bars: Bars) -> Iterator[Slice]:
    """Each bar as the slice in which it closes."""
    for bar in bars:
        yield Slice(bar.close_time_ns, (bar,))
