"""The account at Sierra Chart over a connection of one's own: what stands there, its cash, and flattening it.

"Ours" is every order and position of the account in the contracts that MinhOS trades, whoever sent it; the user's
other contracts are not seen.  For those outside the trader: flatten, watchdog, drill.  It prices nothing and decides
nothing.  Not for the trader's own closing orders: those are the venue's.

Flattening cancels every working order and waits until each has ended, reads the positions again, closes each with
message 209 (which the broker sizes itself and refuses where there is no position), and compares.  A contract of which
an order may still fill is not closed: two orders could turn the position round.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping

from minhos.dtc import messages as m
from minhos.dtc.client import TRADING_OFF, DtcClient
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages.enums import BuySell, OrderStatus
from minhos.dtc.prices import PriceScale
from minhos.dtc.transport import Sockets, Transport
from minhos.errors import DtcError, DtcRejected, DtcTimeout, SymbolError, VenueError
from minhos.market.clock import Clock
from minhos.market.symbols import root_of
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading.venue import Flattened, Note, Standing, describe

FINAL_S = 10.0
"""How long an order may take to end after its cancel, a closing order to fill, positions to stop changing."""
POLL_S = 0.1
SETTLED_S = 0.2
"""Between two looks at the positions that must agree: a fill shows in the order list before it shows in them."""
ENDED = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED)
ROUNDS = 3
NAME = "outside-"
"""How the client order ids of orders begin that were not sent by the trader."""


class PricelessClient(DtcClient):
    """A client that asks for no definitions: nothing that is sent here bears a price, and none is shown."""

    async def _scale(self, symbol: str) -> PriceScale:
        return PriceScale()


class AccountDesk:
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


class Flatten:
    """One flatten, over as many connections as it takes.  The caller holds the gate."""

    def __init__(
        self,
        options: ClientOptions,
        account: str,
        names: frozenset[str],
        clock: Clock,
        note: Note,
        closed_until: Callable[[], str],
        transport: Transport = Sockets(),
    ) -> None:
        self._options, self._account, self._names, self._transport = options, account, names, transport
        self._clock, self._note, self._closed_until = clock, note, closed_until
        self._before: dict[str, int] | None = None
        self._after: dict[str, int] | None = None
        self._working: list[m.OrderUpdate] = []
        self._n_cancelled = 0
        self._problem = ""

    async def run(self) -> Flattened:
        """Round after round until flat; what a lost connection left open is asked again over the next one."""
        for number in range(ROUNDS):
            self._problem = ""
            try:
                async with PricelessClient(self._options, transport=self._transport) as client:
                    self._note(0.2 + 0.2 * number, f"connected to {self._options.address}")
                    done = await self._round(AccountDesk(client, self._account, self._names, self._clock))
            except (DtcError, VenueError) as error:
                self._problem, self._after = str(error), None
                done = isinstance(error, DtcRejected)
            if self._problem:
                self._note(0.3 + 0.2 * number, self._problem)
            if done:
                break
            await asyncio.sleep(SETTLED_S)
        return Flattened(
            before=self._before,
            after=self._after,
            n_cancelled=self._n_cancelled,
            n_working=len(self._working),
            problem=self._problem,
        )

    async def _round(self, desk: AccountDesk) -> bool:
        """Cancel, read again, close, compare.  True where another round would not help."""
        if desk.client.logon is not None and not desk.client.logon.trading_is_supported:
            raise DtcRejected(TRADING_OFF)
        held = await desk.positions()
        self._before = held if self._before is None else self._before
        closed = self._closed_until() if held else ""
        if closed:
            await self._cancel(desk, protect=held)
            self._working, self._after = await desk.orders(), await desk.positions()
            self._problem = f"The market is closed until {closed}; until then position and stops stay as they are."
            return True
        await self._cancel(desk)
        held = await desk.settled_positions()
        self._note(0.5, f"position: {describe(held)}")
        blocked = {order.symbol for order in self._working}
        closing = [symbol for symbol in sorted(held) if symbol not in blocked and await self._close(desk, symbol)]
        if await self._ended(desk, closing):
            return not self._problem or bool(blocked)
        await self._cancel(desk)  # an order of ours that fills later would meet the trader's
        self._after = await desk.settled_positions()
        self._problem = f"The closing order did not fill within {FINAL_S:g} seconds; is the market closed?"
        return True

    async def _cancel(self, desk: AccountDesk, protect: Mapping[str, int] | None = None) -> None:
        n_ended, self._working = await desk.cancel_all(protect)
        self._n_cancelled += n_ended
        if n_ended or self._working:
            self._note(0.4, f"cancelled or filled: {n_ended} orders; still working: {len(self._working)}")

    async def _close(self, desk: AccountDesk, symbol: str) -> bool:
        """Whether the broker takes an order that closes this position; an unanswered one counts as taken."""
        name = f"{NAME}{secrets.token_hex(10)}"
        try:
            await desk.client.flatten(symbol, self._account, name)
        except DtcRejected as error:
            self._note(0.6, str(error))
            return False
        except DtcTimeout as error:
            self._note(0.6, str(error))
            return True
        self._note(0.6, f"{symbol}: the broker took the closing order {name}")
        return True

    async def _ended(self, desk: AccountDesk, closing: list[str]) -> bool:
        """Whether all positions that are being closed were 0 and without orders in time; sets what was seen last."""
        end_ns = desk.deadline_ns()
        while True:
            self._working, self._after = await desk.orders(), await desk.positions()
            open_still = {*self._after, *(order.symbol for order in self._working)}
            if not open_still.intersection(closing):
                self._problem = f"{', '.join(sorted(open_still))} could not be closed." if open_still else ""
                return True
            if desk.is_past(end_ns):
                return False
            await asyncio.sleep(POLL_S)


async def standing(
    options: ClientOptions, account: str, names: frozenset[str], clock: Clock, transport: Transport
) -> Standing:
    """What stands, asked over one short connection.  Raises DtcError."""
    async with PricelessClient(options, transport=transport) as client:
        desk = AccountDesk(client, account, names, clock)
        return Standing(await desk.positions(), len(await desk.orders()))


async def cash_cents(options: ClientOptions, account: str, transport: Transport) -> int:
    """The cash balance of the account.  Raises DtcError, or VenueError where the server does not show it."""
    async with DtcClient(options, transport=transport) as client:
        accounts = await client.accounts()
        if account not in accounts:
            raise VenueError(
                f"The server has no account {account}; it has {', '.join(accounts) or 'none'}: "
                "put one of them into [sierra] account."
            )
        balances = await client.balances(account)
    cash = next((b.cash_balance for b in balances if b.trade_account == account and b.cash_balance > 0), None)
    if cash is None:
        raise VenueError(f"The server shows no balance above zero for account {account}; nothing can be sized.")
    return round(100 * cash)


def names_of(roots: frozenset[str], broker_symbols: Mapping[str, str]) -> frozenset[str]:
    """The roots, and the names that the broker has for contracts of them."""
    return roots | {name for contract, name in broker_symbols.items() if _root(contract) in roots}


def _root(symbol: str) -> str:
    try:
        return root_of(symbol)
    except SymbolError:
        return ""
