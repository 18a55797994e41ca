"""What stands at the broker for us, over one DTC connection: our working orders and positions, and cancelling.

"Ours" is every order and position of the account in the contracts that MinhOS trades, whoever sent it; the user's
other contracts are not seen.  For those outside the trader: flatten, watchdog, drill.  It prices nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.sierra_link import client_options
from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.messages.enums import BuySell, OrderStatus
from minhos.dtc.prices import PriceScale
from minhos.errors import DtcError, SymbolError, VenueError
from minhos.market.clock import Clock
from minhos.market.symbols import root_of
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import Settings

FINAL_S = 10.0
"""How long an order may take to end after its cancel, a closing order to fill, positions to stop changing."""
POLL_S = 0.1
SETTLED_S = 0.2
"""Between two looks at the positions that must agree: a fill shows in the order list before it shows in them."""
ENDED = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED)


def our_names(settings: Settings, layout: Layout) -> frozenset[str]:
    """Roots of what is traded by the settings, and of what the trader last said it holds; with the names that the
    broker has for their contracts by the settings.
    """
    beat = heartbeats.read(layout, TraderBeat)
    names = [settings.market.order_root or settings.market.symbol, *(beat.positions if beat is not None else ())]
    roots = {root for name in names if (root := _root(name))}
    given = settings.sierra.names_at_broker()
    return frozenset(roots | {name for contract, name in given.items() if _root(contract) in roots})


def describe(positions: dict[str, int] | None) -> str:
    """As a trader says it: "+2 MNQZ25-CME", "flat", "unknown"."""
    if positions is None:
        return "unknown"
    return ", ".join(f"{contracts:+d} {symbol}" for symbol, contracts in sorted(positions.items())) or "flat"


class Standing(msgspec.Struct, frozen=True):
    """positions: signed contracts by the broker's symbol, None where it could not be asked.  n_orders: that work.

    problem: why it could not be asked, empty where it could.
    """

    positions: dict[str, int] | None
    n_orders: int = 0
    problem: str = ""

    @property
    def nothing(self) -> bool:
        """Neither a position nor an order of ours."""
        return self.positions == {} and not self.n_orders


def what_stands(settings: Settings, layout: Layout, clock: Clock, client_name: str) -> Standing:
    """Ask the broker over a connection of its own; what fails is told and not raised."""
    try:
        return asyncio.run(_what_stands(settings, layout, clock, client_name))
    except DtcError as error:
        return Standing(None, problem=str(error))


async def _what_stands(settings: Settings, layout: Layout, clock: Clock, client_name: str) -> Standing:
    async with PricelessClient(client_options(settings.sierra, client_name)) as client:
        desk = Desk(client, settings.sierra.account, our_names(settings, layout), clock)
        return Standing(await desk.positions(), len(await desk.orders()))


class PricelessClient(DtcClient):
    """A client that asks for no definitions: nothing that is sent here bears a price, and none is shown."""

    async def _scale(self, symbol: str) -> PriceScale:
        return PriceScale()


class Desk:
    """account: the trade account.  names: of the contracts that are ours, roots or the broker's own."""

    def __init__(self, client: DtcClient, account: str, names: frozenset[str], clock: Clock) -> None:
        self.client, self.account, self._names, self._clock = client, account, names, clock

    async def orders(self) -> list[m.OrderUpdate]:
        """The orders that may still fill."""
        rows = await self.client.open_orders(self.account)
        return [row for row in rows if row.order_status not in ENDED and self._is_ours(row)]

    async def positions(self) -> dict[str, int]:
        """Signed contracts by the broker's symbol, without zeros."""
        rows = [row for row in await self.client.positions(self.account) if self._is_ours(row)]
        return {row.symbol: round(row.quantity) for row in rows}

    async def settled_positions(self) -> dict[str, int]:
        """The positions once two looks at them agree.  Raises VenueError where they keep changing."""
        end_ns = self.deadline_ns()
        seen = await self.positions()
        while not self.is_past(end_ns):
            await asyncio.sleep(SETTLED_S)
            again = await self.positions()
            if again == seen:
                return seen
            seen = again
        raise VenueError(f"The positions of {self.account} keep changing ({describe(seen)}): somebody else trades.")

    async def cancel_all(self, protect: Mapping[str, int] | None = None) -> tuple[int, list[m.OrderUpdate]]:
        """Cancel until nothing works, for `FINAL_S` at most: how many ended, and those that still work.

        protect: positions whose stops and targets are left alone.
        """
        asked: set[str] = set()
        end_ns = self.deadline_ns()
        working = without_protection(await self.orders(), protect or {})
        while working and not self.is_past(end_ns):
            for order in working:
                if order.server_order_id not in asked:
                    asked.add(order.server_order_id)
                    self.client.send(m.CancelOrder(order.server_order_id, order.client_order_id, self.account))
            await asyncio.sleep(POLL_S)
            working = without_protection(await self.orders(), protect or {})
        return len(asked - {order.server_order_id for order in working}), working

    def deadline_ns(self) -> int:
        """The moment, on the clock that never goes back, at which patience ends."""
        return self._clock.monotonic_ns() + int(FINAL_S * NANOS_PER_SECOND)

    def is_past(self, end_ns: int) -> bool:
        return self._clock.monotonic_ns() >= end_ns

    def _is_ours(self, row: m.OrderUpdate | m.PositionUpdate) -> bool:
        ours = not self._names.isdisjoint((row.symbol, _root(row.symbol)))
        return ours and row.trade_account in ("", self.account)


def without_protection(orders: list[m.OrderUpdate], held: Mapping[str, int]) -> list[m.OrderUpdate]:
    """The orders that close none of these positions: entries, and what rests where nothing is held.

    A target stays beside its stop: a broker may end both where one is cancelled.
    """
    closing = {symbol: BuySell.SELL if contracts > 0 else BuySell.BUY for symbol, contracts in held.items()}
    return [order for order in orders if order.buy_sell != closing.get(order.symbol)]


def _root(symbol: str) -> str:
    try:
        return root_of(symbol)
    except SymbolError:
        return ""
