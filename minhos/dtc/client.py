"""A DTC client on asyncio: queries, market data and orders, with every answer awaited and every refusal an error.

    async with DtcClient(ClientOptions(username="...", password="...")) as client:
        account = (await client.accounts())[0]
        update = await client.submit(SubmitNewSingleOrder(symbol="MNQZ25-CME", trade_account=account, ...))
        async for event in client.events():
            ...

Prices given and received are display prices: the client asks once per connection for a symbol's security definition
and converts (see `minhos.dtc.prices`).  What was refused raises DtcRejected and is final; DtcTimeout and
DtcDisconnected leave open what happened, so look at the open orders before sending anything again.  Historical
prices are served elsewhere: `minhos.dtc.history`.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.answers import CANCEL, NEW, REPLACE, Ask, OrderAnswers, Rows
from minhos.dtc.events import Notice
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import MarketDataFeedStatus, RequestAction
from minhos.dtc.prices import PRICE_FIELDS, PriceScale
from minhos.dtc.session import Session
from minhos.dtc.transport import Sockets, Transport
from minhos.dtc.wire import Sleep
from minhos.errors import DtcDisconnected, DtcError, DtcRejected, DtcTimeout

TRADING_OFF = (
    "The server does not allow trading; in Sierra Chart set Allow Trading to Yes under Global Settings, "
    "Sierra Chart Server Settings, DTC Protocol Server."
)
REPORTS = (m.OrderUpdate, m.HistoricalOrderFillResponse, m.PositionUpdate)
T = TypeVar("T")


class Subscription(msgspec.Struct, frozen=True):
    """A symbol's market data or depth; its messages carry symbol_id."""

    symbol: str
    symbol_id: int
    depth_levels: int = 0
    scale: PriceScale = PriceScale()

    @property
    def request(self) -> Message:
        """What asks the server for it."""
        if self.depth_levels:
            return m.MarketDepthRequest(symbol_id=self.symbol_id, symbol=self.symbol, num_levels=self.depth_levels)
        return m.MarketDataRequest(symbol_id=self.symbol_id, symbol=self.symbol)


class DtcClient(Session):
    """See the module; the methods of connecting are those of `Session`."""

    def __init__(
        self,
        options: ClientOptions = ClientOptions(),
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        transport: Transport = Sockets(),
    ) -> None:
        super().__init__(options, sleep, jitter, transport)
        self._numbers, self._symbol_numbers = itertools.count(1), itertools.count(1)
        self._rows: dict[int, Rows] = {}
        self._orders = OrderAnswers()
        self._scales: dict[str, PriceScale] = {}
        self._undefined: set[str] = set()
        """Symbols of the account that this connection's server does not define."""
        self._subscriptions: dict[int, Subscription] = {}
        self._starting: dict[int, asyncio.Future[None]] = {}
        self._reports: list[Message] = []
        self._reporting: asyncio.Task[None] | None = None

    async def accounts(self) -> list[str]:
        """The trade accounts of this login; simulated ones of Sierra Chart are Sim1, Sim2, ..."""
        rows = await self._query(m.TradeAccountsRequest())
        return [row.trade_account for row in cast(list[m.TradeAccountResponse], rows) if row.trade_account]

    async def balances(self, account: str = "") -> list[m.AccountBalanceUpdate]:
        """The balances of one account, or of all."""
        return cast(list[m.AccountBalanceUpdate], await self._query(m.AccountBalanceRequest(trade_account=account)))

    async def positions(self, account: str = "") -> list[m.PositionUpdate]:
        """The open positions; Sierra Chart's rows of quantity 0 are not positions."""
        rows = cast(list[m.PositionUpdate], await self._query(m.CurrentPositionsRequest(trade_account=account)))
        return cast(list[m.PositionUpdate], await self._displayed([row for row in rows if row.quantity]))

    async def open_orders(self, account: str = "") -> list[m.OrderUpdate]:
        """The working orders."""
        rows = await self._query(m.OpenOrdersRequest(trade_account=account))
        return cast(list[m.OrderUpdate], await self._displayed(rows))

    async def fills(self, account: str, days: int = 1) -> list[m.HistoricalOrderFillResponse]:
        """The fills of one account in the last days; Sierra Chart refuses the request without an account."""
        rows = await self._query(m.HistoricalOrderFillsRequest(number_of_days=days, trade_account=account))
        return cast(list[m.HistoricalOrderFillResponse], await self._displayed(rows))

    async def definition(self, symbol: str) -> m.SecurityDefinitionResponse:
        """The security definition.  Raises DtcRejected for a symbol that the server does not know."""
        rows = await self._query(m.SecurityDefinitionForSymbolRequest(symbol=symbol))
        found = next(iter(cast(list[m.SecurityDefinitionResponse], rows)), None)
        if found is None or not (found.symbol and (found.security_type or found.description)):
            raise DtcRejected(f"The server knows no symbol {symbol!r}; take it from File, Find Symbol in Sierra Chart.")
        self._scales[symbol] = PriceScale.of(found)
        self._undefined.discard(symbol)
        return found

    async def subscribe(self, symbol: str) -> Subscription:
        """Trades and quotes as events, from the snapshot on; resumed after a lost connection.

        Raises DtcRejected, which is final: Sierra Chart refuses data of CME Group, EUREX, NASDAQ and CBOE.
        """
        return await self._start(Subscription(symbol, next(self._symbol_numbers), 0, await self._scale(symbol)))

    async def subscribe_depth(self, symbol: str, levels: int = 10) -> Subscription:
        """The book by price level, likewise."""
        return await self._start(Subscription(symbol, next(self._symbol_numbers), levels, await self._scale(symbol)))

    def unsubscribe(self, subscription: Subscription) -> None:
        """No more events of it."""
        if self._subscriptions.pop(subscription.symbol_id, None) is not None:
            kind = m.MarketDepthRequest if subscription.depth_levels else m.MarketDataRequest
            self.send(kind(request_action=int(RequestAction.UNSUBSCRIBE), symbol_id=subscription.symbol_id))

    async def submit(self, order: m.SubmitNewSingleOrder) -> m.OrderUpdate:
        """Send one order and return the update that accepts it (or already fills it)."""
        return (await self._submit(order.symbol, [order], [order.client_order_id]))[0]

    async def submit_oco(self, orders: m.SubmitNewOCOOrder) -> list[m.OrderUpdate]:
        """Send two orders of which one cancels the other; returns the two acceptances."""
        return await self._submit(orders.symbol, [orders], [orders.client_order_id_1, orders.client_order_id_2])

    async def submit_bracket(self, parent: m.SubmitNewSingleOrder, exits: m.SubmitNewOCOOrder) -> list[m.OrderUpdate]:
        """Send a parent, and at once its two exits, which wait for its fills; returns the three acceptances."""
        first = msgspec.structs.replace(parent, is_parent_order=1)
        second = msgspec.structs.replace(exits, parent_trigger_client_order_id=parent.client_order_id)
        names = [parent.client_order_id, exits.client_order_id_1, exits.client_order_id_2]
        return await self._submit(parent.symbol, [first, second], names)

    async def cancel(self, order: m.OrderUpdate) -> m.OrderUpdate:
        """Cancel a working order, given its latest update.  Raises DtcRejected when it is no longer working."""
        request = m.CancelOrder(order.server_order_id, order.client_order_id, order.trade_account)
        return (await self._ask(CANCEL, [order.client_order_id], [request]))[0]

    async def replace(
        self, order: m.OrderUpdate, price1: float | None = None, price2: float | None = None, quantity: float = 0.0
    ) -> m.OrderUpdate:
        """Change a working order: None and 0 leave as is; quantity is the new total, filled contracts included.

        The ServerOrderID may change; go on with the update that is returned.
        """
        request = m.CancelReplaceOrder(
            server_order_id=order.server_order_id,
            client_order_id=order.client_order_id,
            price1=price1 or 0.0,
            price2=price2 or 0.0,
            quantity=quantity,
            price1_is_set=int(price1 is not None),
            price2_is_set=int(price2 is not None),
            trade_account=order.trade_account,
        )
        scaled = (await self._scale(order.symbol)).to_server(request)
        return (await self._ask(REPLACE, [order.client_order_id], [scaled]))[0]

    async def flatten(self, symbol: str, account: str, client_order_id: str) -> m.OrderUpdate:
        """Close the position of a symbol with one order, named client_order_id."""
        request = m.SubmitFlattenPositionOrder(symbol, "", account, client_order_id, is_automated_order=1)
        return (await self._ask(NEW, [client_order_id], [request]))[0]

    async def send_orders(self, symbol: str, orders: list[Message]) -> None:
        """Send order messages back to back without waiting: what becomes of them comes out of `events`, in order."""
        scale = await self._scale(symbol)
        if self._wire is None:
            raise DtcDisconnected(f"There is no connection to {self.options.address} now.")
        self._wire.send_together([scale.to_server(order) for order in orders])

    async def _submit(self, symbol: str, orders: list[Message], names: list[str]) -> list[m.OrderUpdate]:
        scale = await self._scale(symbol)
        return await self._ask(NEW, names, [scale.to_server(order) for order in orders])

    async def _ask(self, ask: Ask, names: list[str], messages: list[Message]) -> list[m.OrderUpdate]:
        """Send order messages back to back and wait until each order named has been granted what is asked."""
        if self.logon is not None and not self.logon.trading_is_supported:
            raise DtcRejected(TRADING_OFF)
        futures = [self._orders.expect(ask, name) for name in names]
        try:
            for message in messages:
                self.send(message)
            return await self._within(futures, f"order {names[0]}; look at the open orders before sending it again")
        finally:
            for future in futures:
                future.cancel()

    async def _query(self, request: Message) -> list[Message]:
        """All rows that answer a request."""
        number = next(self._numbers)
        future: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        self._rows[number] = Rows(request, future)
        try:
            self.send(msgspec.structs.replace(request, request_id=number))
            return (await self._within([future], type(request).__name__))[0]
        finally:
            del self._rows[number]

    async def _within(self, futures: list[asyncio.Future[T]], what: str) -> list[T]:
        """The results, or the first error; DtcTimeout names what was not answered."""
        timeout_s = self.options.request_timeout_s
        done, late = await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_EXCEPTION)
        errors = [error for error in (future.exception() for future in done) if error is not None]
        if errors:
            raise errors[0]
        if late:
            raise DtcTimeout(f"{self.options.address} did not answer within {timeout_s:g} seconds: {what}.")
        return [future.result() for future in futures]

    async def _scale(self, symbol: str) -> PriceScale:
        """How the server keeps this symbol's prices; asked once per connection."""
        if not symbol:
            return PriceScale()
        if symbol not in self._scales:
            if self.logon is not None and not self.logon.security_definitions_supported:
                return PriceScale()
            await self.definition(symbol)
        return self._scales[symbol]

    async def _displayed(self, rows: Sequence[Message]) -> list[Message]:
        """Rows of an account in display prices; in a symbol that the server does not define, as it keeps them."""
        return [(await self._scale_of_row(getattr(row, "symbol", ""))).to_display(row) for row in rows]

    async def _scale_of_row(self, symbol: str) -> PriceScale:
        if symbol in self._undefined:
            return PriceScale()
        try:
            return await self._scale(symbol)
        except DtcRejected as error:
            self._undefined.add(symbol)
            self._emit(Notice(f"Prices of {symbol} are shown as the server keeps them: {error}"))
        return PriceScale()

    async def _start(self, subscription: Subscription) -> Subscription:
        number = subscription.symbol_id
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._subscriptions[number], self._starting[number] = subscription, started
        try:
            self.send(subscription.request)
            await self._within([started], f"the subscription of {subscription.symbol}")
        except DtcError:
            self._subscriptions.pop(number, None)
            raise
        finally:
            del self._starting[number]
        return subscription

    def _receive(self, message: Message) -> None:
        rows = self._rows.get(getattr(message, "request_id", 0))
        if rows is not None and rows.take(message):
            return
        if isinstance(message, REPORTS):
            self._report(message)
        elif getattr(message, "symbol_id", 0):
            self._receive_market(message)
        else:
            self._emit(message)
            self._note_feed(message)

    def _note_feed(self, message: Message) -> None:
        """Subscribe again when the server's own feed is back, on servers that want that."""
        back = isinstance(message, m.MarketDataFeedStatus) and message.status == MarketDataFeedStatus.AVAILABLE
        if back and self.logon is not None and self.logon.resubscribe_when_market_data_feed_available:
            self._resume()

    def _receive_market(self, message: Message) -> None:
        """Market data of a subscription, in display prices; a price of 0 is never passed on."""
        number = getattr(message, "symbol_id", 0)
        subscription, started = self._subscriptions.get(number), self._starting.get(number)
        if subscription is None:
            return
        refusal = ""
        if isinstance(message, m.MarketDataReject | m.MarketDepthReject):
            refusal = f"The server gives no data of {subscription.symbol}: {message.reject_text or 'no reason given'}"
            del self._subscriptions[number]
        elif isinstance(message, m.MarketDataSnapshot) and not _has_prices(message):
            refusal = f"The server has no prices of {subscription.symbol!r}; is the symbol right?"
        if started is not None and not started.done():
            if refusal:
                started.set_exception(DtcRejected(refusal))
                return
            started.set_result(None)
        if refusal:
            self._emit(Notice(refusal))
        else:
            self._emit(subscription.scale.to_display(message))

    def _report(self, message: Message) -> None:
        """An order, fill or position update: in order, and not before its prices can be read."""
        scale = self._scales.get(message.symbol)  # type: ignore[attr-defined]
        if scale is not None and not self._reports:
            self._publish(message, scale)
            return
        self._reports.append(message)
        if len(self._reports) > self.options.most_waiting_events:
            self._cut_off(f"{len(self._reports)} reports wait for the definition of their symbol.")
        elif self._reporting is None or self._reporting.done():
            self._reporting = asyncio.create_task(self._publish_reports())

    async def _publish_reports(self) -> None:
        unreadable: set[str] = set()
        while self._reports:
            symbol = getattr(self._reports[0], "symbol", "")
            scale = PriceScale()
            if symbol not in unreadable:
                try:
                    scale = await self._scale(symbol)
                except DtcDisconnected:
                    self._reports.clear()  # after connecting again, orders and positions are asked for anew
                    return
                except DtcError as error:
                    unreadable.add(symbol)
                    self._emit(Notice(f"Prices of {symbol} are shown as the server keeps them: {error}"))
            self._publish(self._reports.pop(0), scale)

    def _publish(self, message: Message, scale: PriceScale) -> None:
        displayed = scale.to_display(message)
        if isinstance(displayed, m.OrderUpdate):
            self._orders.take(displayed)
        self._emit(displayed)

    def _resume(self) -> None:
        for subscription in self._subscriptions.values():
            self.send(subscription.request)

    def _fail(self, error: DtcDisconnected) -> None:
        self._scales.clear()
        self._undefined.clear()
        self._orders.fail(error)
        rows = [rows.future for rows in self._rows.values()]
        waiting: list[asyncio.Future[list[Message]] | asyncio.Future[None]] = [*rows, *self._starting.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(error)


def _has_prices(snapshot: m.MarketDataSnapshot) -> bool:
    return any(getattr(snapshot, name) for name in PRICE_FIELDS[m.MarketDataSnapshot])
