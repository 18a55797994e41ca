"""Orders, fills, positions and the immutable account.  Contracts, ticks and cents are integers throughout."""

from __future__ import annotations

import enum

import msgspec

from minhos.market.types import Instrument


class Role(enum.StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    ADD = "add"
    REDUCE = "reduce"
    EXIT = "exit"
    STOP = "stop"
    FLATTEN = "flatten"
    UNKNOWN = "unknown"
    """A fill that is not ours: a manual trade in our instrument and account."""


CLOSING = frozenset({Role.REDUCE, Role.EXIT, Role.FLATTEN})
"""Roles of orders that only make a position smaller (as stops do)."""


class OrderType(enum.StrEnum):
    MARKET = "market"
    STOP = "stop"


class Order(msgspec.Struct, frozen=True, gc=False):
    """An intent to trade, before any venue has seen it.

    side: +1 buy, -1 sell.  trigger_ticks: a stop order's price.  stop_distance_ticks: entries and adds carry the
    distance of their protective stop from the fill; the venue rests it when the entry fills, its id is
    `stop_id`.  parent_id: the entry that a stop protects.  decided_ns: close of the bar that decided it.
    """

    order_id: str
    symbol: str
    side: int
    contracts: int
    role: Role
    order_type: OrderType = OrderType.MARKET
    trigger_ticks: int = 0
    stop_distance_ticks: int = 0
    stop_id: str = ""
    parent_id: str = ""
    decided_ns: int = 0


class Fill(msgspec.Struct, frozen=True, gc=False):
    """What the venue did.  fill_id is the venue's execution id and is unique; commission is for the whole fill.

    expected_ticks: the price that the decision could expect (the open, before slippage), for shortfall.
    """

    fill_id: str
    order_id: str
    symbol: str
    side: int
    contracts: int
    price_ticks: int
    time_ns: int
    commission_cents: int
    role: Role
    expected_ticks: int = 0
    parent_id: str = ""


class Lot(msgspec.Struct, frozen=True, gc=False):
    """Contracts that were added together and share one protective stop.  side: +1 long, -1 short."""

    order_id: str
    side: int
    contracts: int
    entry_ticks: int
    entry_time_ns: int
    stop_id: str
    stop_ticks: int


class Position(msgspec.Struct, frozen=True, gc=False):
    """Open lots of one contract, oldest first; reductions close the newest first."""

    symbol: str
    lots: tuple[Lot, ...] = ()

    @property
    def contracts(self) -> int:
        """Signed: above zero long, below zero short."""
        return sum([lot.side * lot.contracts for lot in self.lots]) if self.lots else 0

    def __bool__(self) -> bool:
        return bool(self.lots)


class Trade(msgspec.Struct, frozen=True):
    """From flat or flip to flat or flip.  pnl_cents is net of commission; r is pnl over the risk taken (0 if unknown).

    entry_ticks and exit_ticks are volume-weighted averages, for display only.
    """

    symbol: str
    side: int
    max_contracts: int
    opened_ns: int
    closed_ns: int
    pnl_cents: int
    commission_cents: int
    slippage_ticks: float
    r: float
    order_ids: tuple[str, ...]
    exit_role: Role
    entry_ticks: float = 0.0
    exit_ticks: float = 0.0


class Account(msgspec.Struct, frozen=True, gc=False):
    """Everything that is owned and owed, at one moment, marked at the last prices.

    stop_risk_cents: what all open lots lose from the last price to their stops, plus exit cost (at least zero).
    losses_in_a_row counts closed losing trades of the trade date.
    """

    cash_cents: int
    equity_cents: int
    """Cash and open profit."""
    day_start_equity_cents: int
    """Equity at the start of the CME trade date."""
    peak_equity_cents: int
    trade_date: int
    day_pnl_cents: int = 0
    realised_day_cents: int = 0
    commission_day_cents: int = 0
    stop_risk_cents: int = 0
    losses_in_a_row: int = 0
    round_trips_day: int = 0
    orders_day: int = 0
    positions: tuple[Position, ...] = ()
    last_ticks: dict[str, int] = {}
    instruments: dict[str, Instrument] = {}
    """By contract symbol."""

    def position(self, symbol: str) -> Position:
        """The position in that contract; empty where there is none."""
        for position in self.positions:
            if position.symbol == symbol:
                return position
        return Position(symbol)

    @property
    def drawdown(self) -> float:
        """Share of the peak that is lost, 0 to 1."""
        if self.peak_equity_cents <= 0:
            return 1.0
        return max(0.0, 1.0 - self.equity_cents / self.peak_equity_cents)
