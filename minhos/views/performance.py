"""What trading earned: trades, equity, P&L by CME trade date, drawdown.  Folded from decisions and closed trades."""

from __future__ import annotations

import dataclasses
from collections import deque

from minhos.accounting.types import Trade
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Instrument
from minhos.stats.sharpe import Moments, annualised, moments, probabilistic_sharpe_ratio
from minhos.trading.events import DecisionMade, TradeClosed
from minhos.views.values import View, in_dollars, iso, rounded

POINTS_KEPT = 10_000
"""Of the curve of equity, of which a page shows some hundreds; beyond, every second point goes."""
TRADES_KEPT = 20_000
DAYS_A_YEAR = 252
ENOUGH_DAYS = 5


@dataclasses.dataclass(frozen=True)
class TradeLine(View):
    """A finished trade, from flat or flip to flat or flip, with all that its first decision knew."""

    sequence: int
    symbol: str
    side: str
    contracts: int
    opened: str | None
    closed: str | None
    entry: float | None
    exit: float | None
    pnl: float
    """Dollars, net of commission."""
    commission: float
    slippage_ticks: float | None
    r_multiple: float | None
    """P&L over the risk taken; null where that is unknown."""
    exit_reason: str
    probability: float | None
    probability_low: float | None
    break_even: float | None
    kelly_fraction: float | None
    contracts_wanted: float | None
    bound: str
    level: str
    bundle_id: str


@dataclasses.dataclass(frozen=True)
class DayLine(View):
    """P&L of one CME trade date, open positions included."""

    trade_date: int
    pnl: float
    equity: float
    trades: int


@dataclasses.dataclass(frozen=True)
class EquityPoint(View):
    """Equity at the close of one bar."""

    time: str | None
    equity: float
    position: int


@dataclasses.dataclass(frozen=True)
class PerformanceSummary(View):
    """Own trades so far; null where there is nothing to tell."""

    trades: int
    wins: int
    losses: int
    win_rate: float | None
    profit_factor: float | None
    total_pnl: float | None
    """Equity now less the money that the account started with."""
    commission: float | None
    mean_trade: float | None
    best_trade: float | None
    worst_trade: float | None
    mean_r: float | None
    max_drawdown: float | None
    """Worst share of a peak of equity that was lost, at closes of bars."""
    sharpe: float | None
    """Annualised from days; null before five of them."""
    trading_days: int
    equity: float | None
    start_equity: float | None
    sharpe_probability: float | None = None
    """That the true ratio lies above zero.  Trading comes after the choice of the model, so it is one trial."""


class Performance:
    """Mutable fold."""

    def __init__(self, calendar: SessionCalendar) -> None:
        self._calendar = calendar
        self.start_cents: int | None = None
        self.equity_cents: int | None = None
        self.peak_cents = 0
        self.max_drawdown = 0.0
        self.points: list[tuple[int, int, int]] = []
        self._bars = 0
        self._every = 1
        """A point stands for so many bars."""
        self.trades: deque[tuple[int, TradeClosed]] = deque(maxlen=TRADES_KEPT)
        self.days: dict[int, tuple[int, int]] = {}
        """By trade date: equity at its start and at its last bar.  A bar that comes after a later date's changes the
        later one: what the dates earned adds up to what equity changed by."""
        self._newest = 0

    def on_start(self, cash_cents: int) -> None:
        """The account's first money; later starts of the same journal change nothing."""
        if self.start_cents is None:
            self.start_cents = self.equity_cents = self.peak_cents = cash_cents

    def on_decision(self, event: DecisionMade) -> None:
        """Equity at one more bar's close."""
        decision = event.decision
        equity = decision.equity_cents
        if not equity:
            return
        before = self.equity_cents if self.equity_cents is not None else equity
        self.equity_cents = equity
        self.peak_cents = max(self.peak_cents, equity)
        if self.peak_cents > 0:
            self.max_drawdown = max(self.max_drawdown, 1.0 - equity / self.peak_cents)
        self._add_point((decision.close_time_ns, equity, decision.position_before))
        trade_date = max(self._calendar.happened_on(decision.close_time_ns), self._newest)
        self._newest = trade_date
        start, _ = self.days.get(trade_date, (before, 0))
        self.days[trade_date] = (start, equity)

    def _add_point(self, point: tuple[int, int, int]) -> None:
        """The newest bar is always the last point; the ones before it stand `_every` bars apart."""
        if self.points and (self._bars - 1) % self._every:
            self.points.pop()
        self._bars += 1
        self.points.append(point)
        if len(self.points) > POINTS_KEPT:
            self._every *= 2
            del self.points[1::2]

    def on_trade(self, sequence: int, event: TradeClosed) -> None:
        self.trades.append((sequence, event))

    def own_trades(self) -> list[Trade]:
        """Oldest first."""
        return [event.trade for _, event in self.trades]

    def summary(self) -> PerformanceSummary:
        """All figures at once."""
        pnl = [trade.pnl_cents for trade in self.own_trades()]
        wins, losses = [x for x in pnl if x > 0], [x for x in pnl if x < 0]
        known_r = [t.r for t in self.own_trades() if t.r]
        start, now, record = self.start_cents, self.equity_cents, self._record()
        return PerformanceSummary(
            trades=len(pnl),
            wins=len(wins),
            losses=len(losses),
            win_rate=rounded(len(wins) / len(pnl)) if pnl else None,
            profit_factor=rounded(sum(wins) / -sum(losses)) if losses else None,
            total_pnl=in_dollars(now - start) if now is not None and start is not None and self.points else None,
            commission=in_dollars(sum(t.commission_cents for t in self.own_trades())) if pnl else None,
            mean_trade=in_dollars(sum(pnl) / len(pnl)) if pnl else None,
            best_trade=in_dollars(max(pnl)) if pnl else None,
            worst_trade=in_dollars(min(pnl)) if pnl else None,
            mean_r=rounded(sum(known_r) / len(known_r)) if known_r else None,
            max_drawdown=rounded(self.max_drawdown) if self.points else None,
            sharpe=rounded(annualised(record.sharpe_ratio, DAYS_A_YEAR), 3) if record else None,
            trading_days=len(self.days),
            equity=in_dollars(now) if now is not None else None,
            start_equity=in_dollars(start) if start is not None else None,
            sharpe_probability=rounded(_above_zero(record)) if record else None,
        )

    def _record(self) -> Moments | None:
        """Moments of the returns by trade date; None before five of them."""
        returns = [end / start - 1.0 for start, end in self.days.values() if start > 0]
        return moments(returns) if len(returns) >= ENOUGH_DAYS else None

    def by_day(self) -> list[DayLine]:
        """Oldest first."""
        counts: dict[int, int] = {}
        for trade in self.own_trades():
            day = self._calendar.trade_date_of_fill(trade.closed_ns)
            counts[day] = counts.get(day, 0) + 1
        return [
            DayLine(day, in_dollars(end - start), in_dollars(end), counts.get(day, 0))
            for day, (start, end) in self.days.items()
        ]

    def equity_curve(self, at_most: int = 500) -> list[EquityPoint]:
        """Oldest first, thinned to that many points; the last bar is always there."""
        points = self.points
        step = max(1, -(-len(points) // max(1, at_most)))
        kept = points[::-1][::step][::-1]
        return [EquityPoint(iso(t), in_dollars(cents), position) for t, cents, position in kept]

    def trade_lines(self, limit: int, instruments: dict[str, Instrument]) -> list[TradeLine]:
        """Newest first."""
        newest = list(self.trades)[-limit:] if limit > 0 else []
        return [trade_line(sequence, event, instruments) for sequence, event in reversed(newest)]


def _above_zero(record: Moments) -> float:
    """Chance that the true Sharpe ratio lies above zero; NaN for returns that do not vary."""
    return probabilistic_sharpe_ratio(record.sharpe_ratio, 0.0, record.n, record.skewness, record.kurtosis)


def trade_line(sequence: int, event: TradeClosed, instruments: dict[str, Instrument]) -> TradeLine:
    """A trade as it is shown; a manual trade has no probabilities."""
    trade, instrument = event.trade, instruments.get(event.trade.symbol)
    decided = event.decided_ns > 0

    def points(ticks: float) -> float | None:
        return rounded(instrument.to_points(ticks), 4) if instrument and ticks else None

    return TradeLine(
        sequence=sequence,
        symbol=trade.symbol,
        side="long" if trade.side > 0 else "short",
        contracts=trade.max_contracts,
        opened=iso(trade.opened_ns),
        closed=iso(trade.closed_ns),
        entry=points(trade.entry_ticks),
        exit=points(trade.exit_ticks),
        pnl=in_dollars(trade.pnl_cents),
        commission=in_dollars(trade.commission_cents),
        slippage_ticks=rounded(trade.slippage_ticks, 3),
        r_multiple=rounded(trade.r, 4) if trade.r else None,
        exit_reason=trade.exit_role.value,
        probability=rounded(event.p) if decided else None,
        probability_low=rounded(event.p_low) if decided else None,
        break_even=rounded(event.break_even) if decided else None,
        kelly_fraction=rounded(event.fraction) if decided else None,
        contracts_wanted=rounded(event.contracts_wanted, 3) if decided else None,
        bound=event.bound,
        level=event.level.name,
        bundle_id=event.bundle_id,
    )
