"""Positions, open orders and the account as they are now; read from the same state that trading folds."""

from __future__ import annotations

import dataclasses

from minhos.accounting.types import Account
from minhos.market.types import Instrument
from minhos.trading.book import OrderBook, OrderRecord
from minhos.trading.order_states import FINAL
from minhos.views.values import View, in_dollars, iso, rounded


@dataclasses.dataclass(frozen=True)
class OrderLine(View):
    """One of our orders and how far it is."""

    order_id: str
    symbol: str
    side: str
    contracts: int
    filled: int
    role: str
    type: str
    state: str
    open: bool
    trigger: float | None
    """A stop order's price, in points."""
    decided: str | None
    reason: str


@dataclasses.dataclass(frozen=True)
class LotLine(View):
    """Contracts that were added together and share one protective stop."""

    contracts: int
    entry: float | None
    entry_time: str | None
    stop: float | None
    """Null where the lot is unprotected."""


@dataclasses.dataclass(frozen=True)
class PositionLine(View):
    """An open position; contracts are above zero long, below zero short."""

    symbol: str
    contracts: int
    entry: float | None
    """Volume-weighted, for display."""
    last_price: float | None
    open_pnl: float | None
    lots: tuple[LotLine, ...]


@dataclasses.dataclass(frozen=True)
class AccountLine(View):
    """What is owned and owed, in dollars, marked at the last prices."""

    equity: float
    cash: float
    day_pnl: float
    commission_day: float
    stop_risk: float
    """What all open lots lose from the last price to their stops, exit cost included."""
    capital_at_risk: float | None
    """The same as a share of equity."""
    drawdown: float
    trade_date: int | None
    round_trips_day: int
    orders_day: int
    losses_in_a_row: int


def order_line(record: OrderRecord, instruments: dict[str, Instrument]) -> OrderLine:
    order, instrument = record.order, instruments.get(record.order.symbol)
    return OrderLine(
        order_id=order.order_id,
        symbol=order.symbol,
        side="buy" if order.side > 0 else "sell",
        contracts=record.contracts,
        filled=record.filled,
        role=order.role.value,
        type=order.order_type.value,
        state=record.state.value,
        open=record.state not in FINAL,
        trigger=rounded(instrument.to_points(order.trigger_ticks)) if instrument and order.trigger_ticks else None,
        decided=iso(order.decided_ns),
        reason=record.reason,
    )


def order_lines(book: OrderBook, instruments: dict[str, Instrument], limit: int) -> list[OrderLine]:
    """Open orders first, then those of the trade date that are done, newest first."""
    lines = [order_line(record, instruments) for record in reversed(list(book.records.values()))]
    return sorted(lines, key=lambda line: not line.open)[:limit]


def position_lines(account: Account) -> list[PositionLine]:
    """Every open position."""
    return [_position(account, position.symbol) for position in account.positions]


def _position(account: Account, symbol: str) -> PositionLine:
    position, instrument = account.position(symbol), account.instruments.get(symbol)
    last = account.last_ticks.get(symbol)
    lots = position.lots
    total = sum(lot.contracts for lot in lots)
    open_cents = None
    if instrument and last is not None:
        open_cents = sum(lot.side * lot.contracts * (last - lot.entry_ticks) for lot in lots) * (
            instrument.tick_value_cents
        )

    def points(ticks: float | None) -> float | None:
        return rounded(instrument.to_points(ticks), 4) if instrument and ticks else None

    return PositionLine(
        symbol=symbol,
        contracts=position.contracts,
        entry=points(sum(lot.contracts * lot.entry_ticks for lot in lots) / total if total else None),
        last_price=points(last),
        open_pnl=in_dollars(open_cents) if open_cents is not None else None,
        lots=tuple(
            LotLine(
                lot.side * lot.contracts,
                points(lot.entry_ticks),
                iso(lot.entry_time_ns),
                points(lot.stop_ticks) if lot.stop_id else None,
            )
            for lot in lots
        ),
    )


def account_line(account: Account) -> AccountLine:
    equity = account.equity_cents
    return AccountLine(
        equity=in_dollars(equity),
        cash=in_dollars(account.cash_cents),
        day_pnl=in_dollars(account.day_pnl_cents),
        commission_day=in_dollars(account.commission_day_cents),
        stop_risk=in_dollars(account.stop_risk_cents),
        capital_at_risk=rounded(account.stop_risk_cents / equity) if equity > 0 else None,
        drawdown=round(account.drawdown, 6),
        trade_date=account.trade_date or None,
        round_trips_day=account.round_trips_day,
        orders_day=account.orders_day,
        losses_in_a_row=account.losses_in_a_row,
    )
