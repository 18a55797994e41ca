"""A trade while it runs: what its fills have cost and earned so far, from flat or flip to flat or flip.

Lots, cash and equity belong to `ledger`; this is only the record that becomes a `Trade` when it closes.
"""

from __future__ import annotations

import msgspec

from minhos.accounting.types import Fill, Lot, Role, Trade
from minhos.market.types import Instrument


def lot_risk_cents(lot: Lot, instrument: Instrument) -> int:
    """R of a lot: contracts x (distance from entry to stop + expected round-trip cost), in cents."""
    distance = lot.side * (lot.entry_ticks - lot.stop_ticks) * instrument.tick_value_cents
    cost = 2 * (instrument.commission_cents + instrument.slippage_ticks * instrument.tick_value_cents)
    return lot.contracts * (distance + cost)


class OpenTrade(msgspec.Struct):
    """Sums over the fills of a running trade; ticks are summed over contracts, so nothing is rounded.

    risk_cents: R of every lot that ever had a stop.  unprotected: contracts added whose stop is not known; while
    that is above zero the trade's R is unknown.
    """

    symbol: str
    side: int
    opened_ns: int
    contracts: int = 0
    max_contracts: int = 0
    gross_cents: int = 0
    commission_cents: int = 0
    risk_cents: int = 0
    unprotected: int = 0
    entry_contracts: int = 0
    entry_ticks: int = 0
    exit_contracts: int = 0
    exit_ticks: int = 0
    expected_contracts: int = 0
    slippage_ticks: int = 0
    order_ids: list[str] = []

    def add(self, fill: Fill, contracts: int, commission_cents: int) -> None:
        """A fill opened the trade or added to it."""
        self.contracts += contracts
        self.max_contracts = max(self.max_contracts, self.contracts)
        self.entry_contracts += contracts
        self.entry_ticks += contracts * fill.price_ticks
        self._note(fill, contracts, commission_cents)

    def reduce(self, fill: Fill, contracts: int, commission_cents: int, gross_cents: int) -> None:
        """A fill closed some or all of it; gross_cents is the profit of the contracts closed, before commission."""
        self.contracts -= contracts
        self.gross_cents += gross_cents
        self.exit_contracts += contracts
        self.exit_ticks += contracts * fill.price_ticks
        self._note(fill, contracts, commission_cents)

    def protect(self, risk_cents: int, contracts: int) -> None:
        """The stop of that many added contracts is known, and with it their R."""
        self.risk_cents += risk_cents
        self.unprotected -= contracts

    def closed(self, closed_ns: int, exit_role: Role) -> Trade:
        """The finished trade; slippage is the mean over contracts and sides whose expected price is known."""
        pnl_cents = self.gross_cents - self.commission_cents
        risk_known = self.risk_cents > 0 and self.unprotected == 0
        return Trade(
            symbol=self.symbol,
            side=self.side,
            max_contracts=self.max_contracts,
            opened_ns=self.opened_ns,
            closed_ns=closed_ns,
            pnl_cents=pnl_cents,
            commission_cents=self.commission_cents,
            slippage_ticks=self.slippage_ticks / self.expected_contracts if self.expected_contracts else 0.0,
            r=pnl_cents / self.risk_cents if risk_known else 0.0,
            order_ids=tuple(self.order_ids),
            exit_role=exit_role,
            entry_ticks=self.entry_ticks / self.entry_contracts,
            exit_ticks=self.exit_ticks / self.exit_contracts,
        )

    def _note(self, fill: Fill, contracts: int, commission_cents: int) -> None:
        self.commission_cents += commission_cents
        if fill.expected_ticks:
            self.expected_contracts += contracts
            self.slippage_ticks += contracts * fill.side * (fill.price_ticks - fill.expected_ticks)
        if fill.order_id not in self.order_ids:
            self.order_ids.append(fill.order_id)
