"""The backtest: the live engine over a history, with out-of-sample forecasts only.

Nothing is simulated here that the engine does not do live: the same decide, the same limits, the same venue.  What
differs is the clock (moved by the bars), the feed (a history) and, where forecasts are given, that features and
models are not computed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypedDict

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.accounting.types import Account, Fill
from minhos.features.pipeline import FeatureTable
from minhos.features.types import MarketState, Observation
from minhos.journal.store import Journal
from minhos.journal.types import Entry
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.types import Bar, Bars, Instrument, Price, Slice
from minhos.models.forecast import Forecast
from minhos.progress import Progress
from minhos.risk.types import RiskState
from minhos.stats import annualised, finite, max_drawdown, profit_factor, sharpe_ratio, win_rate
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.state import Observe, TradingState
from minhos.trading.types import Decision
from minhos.venues.matching import MatchingParameters
from minhos.venues.paper import PaperVenue
from minhos.words import utc

_REPORT_EVERY = 2_000
_BATCH = 2_000
NANOS_PER_MS = 1_000_000
SESSIONS_A_YEAR = 252
_NO_FEATURES = np.zeros(0, dtype=np.float32)


class BacktestResult(msgspec.Struct, frozen=True):
    """What happened.

    time_ns, trade_date (yyyymmdd; 0 outside sessions), equity_cents: at each decided bar's close, shape (n,).
    """

    decisions: list[Decision]
    trades: list[ev.TradeClosed]
    fills: list[Fill]
    account: Account
    time_ns: npt.NDArray[np.int64]
    trade_date: npt.NDArray[np.int64]
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
    model: ev.ModelActivated | Sequence[ev.ModelActivated],
    settings: ev.TradingSettings,
    calendar: SessionCalendar,
    *,
    cash_cents: int,
    matching: MatchingParameters = MatchingParameters(),
    journal: Journal | None = None,
    progress: Progress | None = None,
) -> BacktestResult:
    """Run the engine over `bars`; what is held is closed at the last close of each contract.

    Args:
        forecasts: by close (UTC ns), out of sample; bars without one are decided as "warming up".
        table: features of the same bars, for ATR and the market's state.
        model: the payoff and the recipe behind the forecasts; where these are of several models, each with the time
            from which it serves, ascending.
        journal: where every event goes; None keeps them in memory only.

    Returns:
        Decisions (one a bar), trades, fills and equity.
    """
    clock = SimulatedClock()
    store = BatchingStore(journal) if journal is not None else None
    venue = PaperVenue(settings.instruments, matching)
    state = TradingState(calendar, given_features(table, forecasts))
    engine = BacktestEngine(state, venue, clock, store, GivenForecasts(forecasts))
    start_ns = int(bars.close_time_ns[0]) - bars.interval_ns
    clock.advance_to(start_ns)
    engine.start(settings, mode="paper", account="backtest", version="", cash_cents=cash_cents)
    first, *later = serving_from(start_ns, [model] if isinstance(model, ev.ModelActivated) else model)
    engine.record(first, start_ns)
    decisions = []
    symbol = settings.signal_symbol
    last_bars = set(np.flatnonzero(np.diff(bars.contract)).tolist())
    delay_ns = matching.delay_bars * bars.interval_ns + matching.delay_ms * NANOS_PER_MS
    for i, closed in enumerate(slices(bars)):
        bar = closed.bars[0]
        while later and later[0].time_ns <= bar.close_time_ns:
            following = later.pop(0)
            clock.advance_to(following.time_ns)
            engine.record(following, following.time_ns)
        clock.advance_to(bar.close_time_ns)
        if bar.symbol != symbol:
            symbol = bar.symbol
            next_contract = rolled(settings, symbol)
            venue.add_instrument(next_contract.order_symbol, next_contract.instruments[next_contract.order_symbol])
            engine.activate_settings(next_contract)
        decisions.append(engine.on_slice(closed))
        if i in last_bars:
            engine.flatten(f"{symbol} ends here", "roll", bar.close_time_ns)
            engine.on_price(Price(symbol, bar.close_time_ns + delay_ns, bar.close_ticks))
        if progress is not None and i % _REPORT_EVERY == 0:
            progress(i / len(bars), f"bar {i:,} of {len(bars):,}")
    if store is not None:
        store.flush()
    return BacktestResult(
        decisions,
        engine.trades,
        engine.fills,
        engine.state.ledger.account(),
        bars.close_time_ns,
        calendar.trade_dates_of_bars(bars.close_time_ns),
        np.array([d.equity_cents for d in decisions], dtype=np.int64),
        cash_cents,
        engine.state.risk,
    )


def serving_from(start_ns: int, models: Sequence[ev.ModelActivated]) -> list[ev.ModelActivated]:
    """The model that serves at the start, with that time, and those that follow it in their order."""
    at = max(0, sum(model.time_ns <= start_ns for model in models) - 1)
    return [msgspec.structs.replace(models[at], time_ns=start_ns), *models[at + 1 :]]


def rolled(settings: ev.TradingSettings, symbol: str) -> ev.TradingSettings:
    """The same settings with another contract of the same root as signal and order."""
    instrument = settings.instruments[settings.signal_symbol]
    instruments = {**settings.instruments, symbol: instrument}
    order_symbol = symbol
    if settings.order_symbol != settings.signal_symbol:
        order = settings.instruments[settings.order_symbol]
        order_symbol = symbol.replace(instrument.root, order.root, 1)
        instruments[order_symbol] = order
    return msgspec.structs.replace(settings, instruments=instruments, signal_symbol=symbol, order_symbol=order_symbol)


class BacktestEngine(Engine):
    """The engine, which also keeps trades and fills in lists."""

    tolerant = False

    def __init__(
        self,
        state: TradingState,
        venue: PaperVenue,
        clock: SimulatedClock,
        journal: BatchingStore | None,
        forecasts: GivenForecasts,
    ) -> None:
        super().__init__(state, venue, clock, journal, forecasts)
        self.trades: list[ev.TradeClosed] = []
        self.fills: list[Fill] = []

    def record(self, event: ev.Event, time_ns: int, *, more: bool = False) -> None:
        if type(event) is ev.OrderFilled:
            self.fills.append(event.fill)
        elif type(event) is ev.TradeClosed:
            self.trades.append(event)
        super().record(event, time_ns, more=more)


class BatchingStore:
    """A journal that is written in large transactions: nothing of a backtest need survive a kill on its own.

    `flush` writes what waits; the chain of hashes is the same as that of single appends.
    """

    away = ""
    """A disk that fails ends a backtest."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: list[Entry] = []

    def append(self, kind: str, payload: bytes, time_ns: int, *, durable: bool = False) -> int:
        self._waiting.append(Entry(kind, payload, time_ns))
        sequence = self._journal.last + len(self._waiting)
        if len(self._waiting) >= _BATCH:
            self.flush()
        return sequence

    def flush(self) -> None:
        self._journal.append_many(self._waiting)
        self._waiting.clear()


def slices(bars: Bars) -> Iterator[Slice]:
    """Each bar as the slice in which it closes."""
    for bar in bars:
        yield Slice(bar.close_time_ns, (bar,))


Summary = TypedDict(
    "Summary",
    {
        "first": str,
        "last": str,
        "return": float,
        "pnl_cents": int,
        "max_drawdown": float,
        "sharpe_ratio": float | None,
        "trades": int,
        "win_rate": float | None,
        "profit_factor": float | None,
        "exposure": float,
        "commission_cents": int,
        "slippage_cents": int,
        "outcomes": dict[str, int],
        "bound_by": dict[str, int],
    },
)
"""Shares are 0 to 1, money is cents.  sharpe_ratio: of returns by trade date, annualised over 252 of them.  exposure:
share of bars on which something was held.  bound_by: how often each limit held the size."""


def summary(result: BacktestResult) -> Summary:
    """The figures of a backtest; None where there is nothing to measure."""
    equity = np.concatenate([[result.initial_cash_cents], result.equity_cents]).astype(np.float64)
    pnl = [closed.trade.pnl_cents for closed in result.trades]
    tick_cents = {symbol: instrument.tick_value_cents for symbol, instrument in result.account.instruments.items()}
    slippage = sum(
        f.contracts * f.side * (f.price_ticks - f.expected_ticks) * tick_cents[f.symbol] for f in result.fills
    )
    return {
        "first": utc(int(result.time_ns[0])),
        "last": utc(int(result.time_ns[-1])),
        "return": float(equity[-1] / equity[0] - 1.0),
        "pnl_cents": int(equity[-1] - equity[0]),
        "max_drawdown": max_drawdown(equity),
        "sharpe_ratio": finite(annualised(sharpe_ratio(daily_returns(result)), SESSIONS_A_YEAR)),
        "trades": len(pnl),
        "win_rate": finite(win_rate(pnl)),
        "profit_factor": finite(profit_factor(pnl)),
        "exposure": float(np.mean([decision.position_before != 0 for decision in result.decisions])),
        "commission_cents": sum(fill.commission_cents for fill in result.fills),
        "slippage_cents": slippage,
        "outcomes": dict(Counter(str(decision.outcome) for decision in result.decisions).most_common()),
        "bound_by": dict(
            Counter(d.verdict.bound for d in result.decisions if d.verdict and d.verdict.bound).most_common()
        ),
    }


def daily_returns(result: BacktestResult) -> npt.NDArray[np.float64]:
    """Return of each trade date on the equity with which it began, shape (n_dates,)."""
    inside = result.trade_date > 0
    dates, equity = result.trade_date[inside], result.equity_cents[inside].astype(np.float64)
    if not len(dates):
        return np.zeros(0)
    ends = equity[np.append(np.flatnonzero(np.diff(dates)), len(dates) - 1)]
    return np.asarray(ends / np.concatenate([[result.initial_cash_cents], ends[:-1]]) - 1.0)
