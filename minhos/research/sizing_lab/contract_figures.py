"""What one backtest in whole contracts came to: the figures of a way to size, and what each bar held.

Taken out of a `BacktestResult` in the process that ran it, so that decisions need not travel.  Not for comparing ways
to size: that is `comparisons` and `criteria`.
"""

from __future__ import annotations

import msgspec
import numpy as np

from minhos.research.backtest import BacktestResult, daily_returns, summary
from minhos.research.luck.deflation import SESSIONS_A_YEAR, Deflation, deflated
from minhos.research.out_of_sample import Floats, Ints, Mask
from minhos.research.sizing_lab.comparisons import Days
from minhos.research.sizing_lab.days import day_grid, day_paths
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.stats import annualised, calmar_ratio, finite, sortino_ratio
from minhos.trading.types import Decision

_NO_BOUND = frozenset({"whole_contracts", "kelly_multiplier", "entry_rule"})
"""Steps of a trace that shrink a size without being a bound on it."""
YEARLY_DATES = 20
"""Trade dates below which growth is not scaled up to a year."""
ENOUGH_BETS, ENOUGH_TRADES, ENOUGH_DATES = 30, 10, 5
"""Bars held, trades from flat to flat and trade dates below which no ratio is given and nothing is compared."""


class ContractFigures(msgspec.Struct, frozen=True):
    """One way to size under one entry rule, in whole contracts.  Shares 0 to 1, money in cents; None: not measurable.

    policy, title, rule: as in `policies`.  risk_adjusted: total return over maximum drawdown.  deflation: its annual
    Sharpe ratio, deflated by the trials on these bars.  sortino_ratio, volatility: of daily returns, a year.
    calmar_ratio: growth a year over maximum drawdown, from daily equity; None under 20 trade dates.  max_drawdown: at
    closes of bars.  worst_day: its return.  win_rate, profit_factor: of trades from flat to flat.  bets: bars at whose
    close something was held; exposure: their share of all bars.  largest_position: contracts.  largest_risk: largest
    share of capital that was at risk (contracts x R) after anything was added; mean_risk: its mean over bets.
    trade_dates, daily_returns: the record itself, one entry a trade date.  missing: what is lacking for ratios, and how
    much; they are None then.
    """

    policy: str
    title: str
    rule: str
    total_return: float
    risk_adjusted: float | None
    deflation: Deflation
    sortino_ratio: float | None
    calmar_ratio: float | None
    volatility: float | None
    max_drawdown: float
    worst_day: float | None
    win_rate: float | None
    profit_factor: float | None
    exposure: float
    trades: int
    bets: int
    largest_position: int
    largest_risk: float
    mean_risk: float | None
    commission_cents: int
    slippage_cents: int
    trade_dates: tuple[int, ...]
    daily_returns: tuple[float, ...]
    missing: str = ""


class Bound(msgspec.Struct, frozen=True):
    """How often one limit or bound held the size: bars, and the trade dates (yyyymmdd) with at least one of them."""

    bars: int
    trade_dates: tuple[int, ...]


class Way(msgspec.Struct, frozen=True):
    """One way to size and to be limited: what a single backtest is run with.  policy, title, rule: its names."""

    policy: str
    title: str
    rule: str
    sizing: SizingParameters
    risk: RiskParameters


class Record(msgspec.Struct, frozen=True, eq=False):
    """One backtest, bar by bar: what comes back from the process that ran it.

    way: what it was run with.  trade_date (0 outside sessions), equity_cents, target: shape (n_bars,); target is what
    was to be held after the bar.  closed_date, closed_pnl_cents: of each finished trade.  bound: by the name of the
    limit (risk) or bound (sizing) that cut the size, or refused the entry.
    """

    way: Way
    figures: ContractFigures
    initial_cash_cents: int
    trade_date: Ints
    equity_cents: Ints
    target: Ints
    closed_date: Ints
    closed_pnl_cents: Ints
    bound: dict[str, Bound]


def record_of(result: BacktestResult, way: Way) -> Record:
    """The record of one backtest."""
    return Record(
        way,
        figures_of(result, way),
        result.initial_cash_cents,
        result.trade_date,
        result.equity_cents,
        np.array([decision.target for decision in result.decisions], dtype=np.int64),
        closed_dates(result),
        np.array([closed.trade.pnl_cents for closed in result.trades], dtype=np.int64),
        bounds_of(result),
    )


def days_of(record: Record) -> Days:
    """Cut a record at its trade dates; bars outside sessions are left out.  Raises NotEnoughData without any."""
    inside = record.trade_date > 0
    grid = day_grid(record.trade_date[inside])
    level = np.log(np.maximum(record.equity_cents[inside], 1).astype(np.float64))
    growth = np.diff(level, prepend=np.log(float(record.initial_cash_cents)))
    at = np.searchsorted(grid.trade_date, record.closed_date)
    known = (record.closed_date > 0) & (at < grid.n_days)
    won = known & (record.closed_pnl_cents > 0)
    counts = (np.bincount(at[which], minlength=grid.n_days) for which in (known, won))
    return Days(day_paths(growth[None, :], grid), *counts)


def figures_of(result: BacktestResult, way: Way) -> ContractFigures:
    """The figures of one backtest, its Sharpe ratio as if nothing else had been tried."""
    plain, returns = summary(result), daily_returns(result)
    risks, added = capital_at_risk(result.decisions, way.sizing.trading_capital_cents)
    held = np.array([decision.target != 0 for decision in result.decisions])
    dates = np.unique(result.trade_date[result.trade_date > 0])
    equity = result.initial_cash_cents * np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    drawdown = plain["max_drawdown"]
    found = ContractFigures(
        policy=way.policy,
        title=way.title,
        rule=way.rule,
        total_return=plain["return"],
        risk_adjusted=plain["return"] / drawdown if drawdown > 0.0 else None,
        deflation=deflated(returns, 1),
        sortino_ratio=finite(annualised(sortino_ratio(returns), SESSIONS_A_YEAR)),
        calmar_ratio=finite(calmar_ratio(equity, SESSIONS_A_YEAR)) if len(returns) >= YEARLY_DATES else None,
        volatility=annualised(float(np.std(returns, ddof=1)), SESSIONS_A_YEAR) if len(returns) > 1 else None,
        max_drawdown=drawdown,
        worst_day=float(returns.min()) if len(returns) else None,
        win_rate=plain["win_rate"],
        profit_factor=plain["profit_factor"],
        exposure=float(held.mean()),
        trades=plain["trades"],
        bets=int(held.sum()),
        largest_position=max((abs(d.target) for d in result.decisions), default=0),
        largest_risk=float(risks[added].max(initial=0.0)),
        mean_risk=float(risks[held].mean()) if held.any() else None,
        commission_cents=plain["commission_cents"],
        slippage_cents=plain["slippage_cents"],
        trade_dates=tuple(dates.tolist()),
        daily_returns=tuple(returns.tolist()),
        missing=missing_of(int(held.sum()), plain["trades"], len(dates)),
    )
    return without_ratios(found) if found.missing else found


def missing_of(bets: int, trades: int, trade_dates: int) -> str:
    """What a run lacks to be judged, with how much; empty where nothing is lacking."""
    found = {
        "bars with a position": (bets, ENOUGH_BETS),
        "trades": (trades, ENOUGH_TRADES),
        "trade dates": (trade_dates, ENOUGH_DATES),
    }
    lacking = [f"{have} {what} of the {need} needed" for what, (have, need) in found.items() if have < need]
    return f"too few bets: {', '.join(lacking)}" if lacking else ""


def without_ratios(figures: ContractFigures) -> ContractFigures:
    """The same with nothing in it that would look like a result."""
    return msgspec.structs.replace(
        figures,
        risk_adjusted=None,
        deflation=unknown(figures.deflation, figures.missing),
        sortino_ratio=None,
        calmar_ratio=None,
        volatility=None,
        win_rate=None,
        profit_factor=None,
    )


def unknown(found: Deflation, reason: str) -> Deflation:
    """No ratio, because of that."""
    return Deflation(None, found.n_trials, None, None, found.n_periods, reason=reason)


def capital_at_risk(decisions: list[Decision], trading_capital_cents: int | None) -> tuple[Floats, Mask]:
    """Share of capital that each bar's target puts at risk, contracts times R of a new one, and where it was added to.

    Both have shape (n,).
    """
    shares, added = np.zeros(len(decisions)), np.zeros(len(decisions), dtype=bool)
    for i, decision in enumerate(decisions):
        wanted, equity = decision.recommendation, decision.equity_cents
        if decision.target and wanted is not None and equity > 0:
            capital = equity if trading_capital_cents is None else min(equity, trading_capital_cents)
            shares[i] = abs(decision.target) * wanted.r_cents / capital
            added[i] = abs(decision.target) > abs(decision.position_before) or (
                decision.target * decision.position_before < 0
            )
    return shares, added


def bounds_of(result: BacktestResult) -> dict[str, Bound]:
    """Which limit or bound held the size at each bar with a bet to make, counted by name."""
    on: dict[str, list[int]] = {}
    for decision, date in zip(result.decisions, result.trade_date.tolist(), strict=True):
        name = bound_of(decision)
        if name:
            on.setdefault(name, []).append(date)
    return {name: Bound(len(dates), tuple(sorted(set(dates)))) for name, dates in on.items()}


def bound_of(decision: Decision) -> str:
    """The one limit or bound that held this bar's size; empty where there was no bet or nothing held it.

    Risk comes after sizing, so its cap is the one that counts.  The entry rule is named where p beats break-even and
    only the confidence threshold refused the bet; where rounding down left nothing, the bound before it is named.
    """
    wanted, verdict = decision.recommendation, decision.verdict
    if wanted is None or verdict is None:
        return ""
    if verdict.target != wanted.target:
        return verdict.bound
    if wanted.bound == "entry_rule":
        return "entry_rule" if wanted.p_low > wanted.break_even else ""
    if wanted.bound != "whole_contracts":
        return wanted.bound if wanted.target else ""
    reduced = (step.name for step in reversed(wanted.trace) if step.after < step.before and step.name not in _NO_BOUND)
    return next(reduced, wanted.bound)


def closed_dates(result: BacktestResult) -> Ints:
    """Trade date of the last bar that had closed when each trade ended; 0 before the first."""
    ended = np.array([closed.trade.closed_ns for closed in result.trades], dtype=np.int64)
    at = np.searchsorted(result.time_ns, ended, side="right") - 1
    return np.where(at >= 0, result.trade_date[np.maximum(at, 0)], 0)
