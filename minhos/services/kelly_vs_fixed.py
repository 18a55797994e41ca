"""Kelly against fixed sizes on the same out-of-sample signals: the same engine, limits and venue, another size.

Fixed sizes follow the same entry rule, so what differs is the size alone.  The limits on capital, position and the
day's loss hold for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np

from minhos.market.calendar import SessionCalendar
from minhos.research.backtest import BacktestResult, daily_returns, run_backtest, summary
from minhos.services.studies import Study, activation
from minhos.services.trading_setup import trading_settings
from minhos.settings import Settings
from minhos.sizing.types import SizingParameters
from minhos.venues.matching import MatchingParameters

Progress = Callable[[float, str], None]
KELLY, FIXED_SHARE, FIXED_ONE = "kelly", "fixed 10 %", "fixed 1 contract"
FIXED_FRACTION = 0.10
ENOUGH_AHEAD = 0.05


class Figures(msgspec.Struct, frozen=True):
    """One way to size.  Shares 0 to 1; None where nothing was traded.  risk_adjusted: return over maximum drawdown.

    volatility: standard deviation of the returns by trade date.  sharpe_ratio: annualised over 252 trade dates.
    largest: contracts held at most.  risked: largest share of equity that a recommendation put at risk.
    """

    name: str
    total_return: float
    risk_adjusted: float | None
    max_drawdown: float
    volatility: float | None
    sharpe_ratio: float | None
    win_rate: float | None
    trades: int
    largest: int
    risked: float


class Check(msgspec.Struct, frozen=True):
    """One line of what was asked for.  holds: None where the comparison cannot tell."""

    holds: bool | None
    value: str


class Comparison(msgspec.Struct, frozen=True):
    """All ways to size on the same bars, and what was asked of Kelly against a fixed 10 %."""

    simulated: bool
    bars: int
    first_ns: int
    last_ns: int
    sizes: tuple[Figures, ...]
    checks: dict[str, Check]


def kelly_vs_fixed(found: Study, chosen: Settings, progress: Progress) -> Comparison:
    """Size the study's signals in three ways."""
    sizing = chosen.sizing_parameters()
    ways = {KELLY: sizing, FIXED_SHARE: fixed(sizing, FIXED_FRACTION), FIXED_ONE: fixed(sizing, 0.0)}
    results = {}
    for i, (name, parameters) in enumerate(ways.items()):
        progress(i / len(ways), name)
        results[name] = found.result if parameters == sizing else _run(found, chosen, parameters)
    figures = {name: figures_of(name, result) for name, result in results.items()}
    closes = found.bars.close_time_ns
    return Comparison(
        found.bars.simulated, len(found.bars), int(closes[0]), int(closes[-1]), tuple(figures.values()),
        checks_of(figures[KELLY], figures[FIXED_SHARE], sizing),
    )  # fmt: skip


def fixed(sizing: SizingParameters, fraction: float) -> SizingParameters:
    """The same settings with a fixed share of capital at risk (zero: one contract) in Kelly's place."""
    return msgspec.structs.replace(sizing, kelly_enabled=False, fixed_fraction=fraction, drawdown_bound=False)


def _run(found: Study, chosen: Settings, sizing: SizingParameters) -> BacktestResult:
    bars = found.bars
    settings = trading_settings(chosen, bars.instrument, bars.contracts[int(bars.contract[0])])
    return run_backtest(
        bars, found.forecasts, found.table, activation(found.bundle), msgspec.structs.replace(settings, sizing=sizing),
        SessionCalendar.load(), cash_cents=round(100 * chosen.paper.initial_cash),
        matching=MatchingParameters(delay_bars=chosen.paper.delay_bars),
    )  # fmt: skip


def figures_of(name: str, result: BacktestResult) -> Figures:
    """The figures that were asked for, of one backtest."""
    plain, returns = summary(result), daily_returns(result)
    drawdown = plain["max_drawdown"]
    asked = [d.recommendation for d in result.decisions if d.recommendation is not None]
    equity = [d.equity_cents for d in result.decisions if d.recommendation is not None]
    return Figures(
        name=name,
        total_return=plain["return"],
        risk_adjusted=plain["return"] / drawdown if drawdown > 0.0 else None,
        max_drawdown=drawdown,
        volatility=float(np.std(returns, ddof=1)) if len(returns) > 1 else None,
        sharpe_ratio=plain["sharpe_ratio"],
        win_rate=plain["win_rate"],
        trades=plain["trades"],
        largest=max((abs(d.target) for d in result.decisions), default=0),
        risked=max((abs(r.target) * r.r_cents / e for r, e in zip(asked, equity, strict=True) if e > 0), default=0.0),
    )


def checks_of(kelly: Figures, other: Figures, sizing: SizingParameters) -> dict[str, Check]:
    """What was asked of Kelly, with the two values side by side; without trades there is nothing to compare."""
    traded = kelly.trades > 0 and other.trades > 0

    def check(holds: bool, text: str) -> Check:
        return Check(holds, text) if traded else Check(None, "nothing was traded: no bet beat break-even")

    ahead = _ahead(kelly.risk_adjusted, other.risk_adjusted)
    within = kelly.largest <= sizing.max_position_size and kelly.risked <= sizing.max_capital_risk
    return {
        "risk_adjusted": check(
            ahead is not None and ahead > ENOUGH_AHEAD,
            f"{_number(kelly.risk_adjusted)} against {_number(other.risk_adjusted)} (return over drawdown)",
        ),
        "drawdown": check(
            kelly.max_drawdown < other.max_drawdown, f"{kelly.max_drawdown:.2%} against {other.max_drawdown:.2%}"
        ),
        "volatility": check(
            _below(kelly.volatility, other.volatility),
            f"{_percent(kelly.volatility)} against {_percent(other.volatility)} a day",
        ),
        "win_rate": check(
            _below(other.win_rate, kelly.win_rate, equal=True),
            f"{_percent(kelly.win_rate)} against {_percent(other.win_rate)}",
        ),
        "constraints": Check(
            within if kelly.trades else None,
            f"at most {kelly.largest} of {sizing.max_position_size} contracts and {kelly.risked:.2%} of "
            f"{sizing.max_capital_risk:.0%} of equity at risk",
        ),
    }


def _ahead(a: float | None, b: float | None) -> float | None:
    """By what share of |b| a lies above b."""
    if a is None or b is None:
        return None
    return (a - b) / abs(b) if b else math.copysign(math.inf, a)


def _below(a: float | None, b: float | None, *, equal: bool = False) -> bool:
    return a is not None and b is not None and (a < b or (equal and a == b))


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:+.2f}"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.2%}"
