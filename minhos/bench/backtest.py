"""How fast the backtest is: the live engine over simulated bars with given forecasts, every decision with its trace.

CPU time of one process, features and forecasts not computed; best of the runs, in memory and into a hashed journal.
The forecasts are spread as in a real market, where few bars beat break-even; beside it the same on a simulated market
where most bars are worth a bet, so that Kelly is solved at nearly every one.  `scripts/compare_with_backtesting_py.py`
runs the same bars through backtesting.py.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minhos.bench.figures import Figure, at_least
from minhos.features.pipeline import FEATURE_NAMES, FeatureTable
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.market.types import Bars
from minhos.models.forecast import Forecast
from minhos.research.backtest import BacktestResult, run_backtest
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import ns, payoff
from minhos.trading import events as ev
from minhos.training.recipe import DEMO

TARGET = 25_000.0
TARGET_STORED = 8_000.0
START_NS = ns("2024-01-02T23:00:00")
CASH_CENTS = 25_000_000


def run(quick: bool = False) -> list[Figure]:
    """Figures: bars per CPU second in memory, stored, and where most bars are bet on."""
    n_bars, runs = (5_000, 1) if quick else (30_000, 3)
    calendar = SessionCalendar.load()
    market = simulate(MarketModel(), instrument("NQ"), calendar, START_NS, n_bars)
    forecasts, table = forecasts_of(market.bars, as_in_a_real_market(n_bars)), made_up_table(market.bars)
    betting = forecasts_of(market.bars, market.p_up)

    def test(journal: Journal | None = None) -> BacktestResult:
        return backtest(market.bars, forecasts, table, calendar, journal)

    in_memory = max(rate(n_bars, test) for _ in range(runs))
    stored = max(_stored(n_bars, test) for _ in range(runs))
    busy = rate(n_bars, lambda: backtest(market.bars, betting, table, calendar, None))
    return [
        at_least("bars_per_cpu_s", in_memory, "bars/s", TARGET, 0),
        at_least("bars_per_cpu_s_stored", stored, "bars/s", TARGET_STORED, 0),
        at_least("bars_per_cpu_s_betting", busy, "bars/s", None, 0),
    ]


def backtest(
    bars: Bars, forecasts: dict[int, Forecast], table: FeatureTable, calendar: SessionCalendar, journal: Journal | None
) -> BacktestResult:
    """The engine with every default over those bars."""
    symbol = bars.symbol
    settings = ev.TradingSettings(SizingParameters(), RiskParameters(), {symbol: bars.instrument}, symbol, symbol)
    model = ev.ModelActivated(0, "bench", "bench", payoff(), "edge", 0.8, True)
    return run_backtest(bars, forecasts, table, model, settings, calendar, cash_cents=CASH_CENTS, journal=journal)


def as_in_a_real_market(n_bars: int) -> np.ndarray:
    """p of "up", shape (n_bars,): within three points of one half, but for two bars in a hundred."""
    rng = np.random.default_rng(0)
    width = np.where(rng.random(n_bars) < 0.02, 0.15, 0.015)
    return np.clip(0.5 + width * rng.standard_normal(n_bars), 0.05, 0.95)


def forecasts_of(bars: Bars, p_up: np.ndarray) -> dict[int, Forecast]:
    """By close: five members of one mind."""
    found = {}
    for close_ns, p in zip(bars.close_time_ns.tolist(), p_up.tolist(), strict=True):
        side = (p > 0.5) - (p < 0.5)
        p_low = 0.5 + 0.8 * abs(p - 0.5)
        found[close_ns] = Forecast(
            bars.symbol, close_ns, dict.fromkeys(DEMO.members, p), p, p, p_low, side, 1.0, "bench"
        )
    return found


def made_up_table(bars: Bars) -> FeatureTable:
    """A calm market on every bar: a moving mean of the range for ATR, ratios of one."""
    n = len(bars)
    ranges = (bars.high_ticks - bars.low_ticks).astype(np.float64)
    atr = np.maximum(1.0, np.convolve(ranges, np.full(14, 1 / 14))[:n])
    rows = np.zeros((n, len(FEATURE_NAMES)), dtype=np.float32)
    valid = np.ones(n, dtype=bool)
    return FeatureTable(bars.close_time_ns, rows, valid, atr, np.ones(n), np.ones(n), int(bars.close_time_ns[0]))


def rate(n_bars: int, work: Callable[[], object]) -> float:
    """Bars per second of CPU time."""
    start = time.process_time()
    work()
    return n_bars / (time.process_time() - start)


def _stored(n_bars: int, test: Callable[[Journal], object]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "journal.sqlite", {"mode": "backtest"})
        try:
            return rate(n_bars, lambda: test(journal))
        finally:
            journal.close()
