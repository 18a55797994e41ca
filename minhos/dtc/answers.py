"""Requests that wait for answers: which messages answer which request, and when an answer is whole.

Answers are matched by RequestID, and for orders by ClientOrderID.  Rows may come twice or out of order: they are
counted by their numbers, not by their arrival.
"""

from __future__ import annotations

import asyncio

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import OrderStatus, OrderUpdateReason
from minhos.errors import DtcError, DtcRejected

MOST_ROWS = 100_000
REJECTS = (
    *(m.OpenOrdersReject, m.HistoricalOrderFillsReject, m.CurrentPositionsReject),
    *(m.AccountBalanceReject, m.SecurityDefinitionReject),
)
ROWS: dict[type[Message], tuple[type[Message], str]] = {
    m.TradeAccountsRequest: (m.TradeAccountResponse, ""),
    m.AccountBalanceRequest: (m.AccountBalanceUpdate, "no_account_balances"),
    m.CurrentPositionsRequest: (m.PositionUpdate, "no_positions"),
    m.OpenOrdersRequest: (m.OrderUpdate, "no_orders"),
    m.HistoricalOrderFillsRequest: (m.HistoricalOrderFillResponse, "no_order_fills"),
    m.SecurityDefinitionForSymbolRequest: (m.SecurityDefinitionResponse, ""),
}
"""What answers a request, and the flag by which a row says that there are none."""


class Rows:
    """The rows of one request, and the future that they complete."""

    def __init__(self, request: Message, future: asyncio.Future[list[Message]]) -> None:
        self._kind, self._none_flag = ROWS[type(request)]
        self._rows: dict[int, Message] = {}
        self.future = future

    def take(self, message: Message) -> bool:
        """Whether the message belongs to this request; completes the future with the last one."""
        if self.future.done():
            return False
        if isinstance(message, REJECTS):
            self.future.set_exception(DtcRejected(f"The server refused: {message.reject_text or 'no reason given'}"))
            return True
        if not isinstance(message, self._kind):
            return False
        if self._none_flag and getattr(message, self._none_flag):
            self.future.set_result([])
            return True
        if isinstance(message, m.SecurityDefinitionResponse):
            self._rows[len(self._rows)] = message
            whole = bool(message.is_final_message)
        else:
            names = ("total_number_messages", "total_num_messages")
            total = next(getattr(message, name) for name in names if hasattr(message, name))
            self._rows[message.message_number] = message  # type: ignore[attr-defined]
            whole = len(self._rows) >= total
        if whole:
            self.future.set_result([row for _, row in sorted(self._rows.items())])
        elif len(self._rows) > MOST_ROWS:
            self.future.set_exception(DtcRejected(f"The server answered with more than {MOST_ROWS} rows."))
        return True


class Ask(msgspec.Struct, frozen=True):
    """What an order message waits for: the reason that grants it, and the one that refuses it."""

    granted: OrderUpdateReason
    refused: OrderUpdateReason


NEW = Ask(OrderUpdateReason.NEW_ORDER_ACCEPTED, OrderUpdateReason.NEW_ORDER_REJECTED)
CANCEL = Ask(OrderUpdateReason.ORDER_CANCELED, OrderUpdateReason.ORDER_CANCEL_REJECTED)
REPLACE = Ask(OrderUpdateReason.ORDER_CANCEL_REPLACE_COMPLETE, OrderUpdateReason.ORDER_CANCEL_REPLACE_REJECTED)


class OrderAnswers:
    """The order messages under way, by what is asked and ClientOrderID."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Ask, str], asyncio.Future[m.OrderUpdate]] = {}

    def expect(self, ask: Ask, client_order_id: str) -> asyncio.Future[m.OrderUpdate]:
        """The future of the answer to one order message.  Raises DtcError while the same is already under way."""
        if (ask, client_order_id) in self._waiting:
            raise DtcError(f"Order {client_order_id} still waits for the answer to the same request.")
        future: asyncio.Future[m.OrderUpdate] = asyncio.get_running_loop().create_future()
        self._waiting[(ask, client_order_id)] = future
        future.add_done_callback(lambda _: self._waiting.pop((ask, client_order_id), None))
        return future

    def take(self, update: m.OrderUpdate) -> None:
        """Complete what this update answers; an order that fills at once was accepted, too."""
        reason, name = update.order_update_reason, update.client_order_id
        for ask in (NEW, CANCEL, REPLACE):
            future = self._waiting.get((ask, name))
            if future is None or future.done():
                continue
            if reason == ask.refused:
                text = update.info_text or "no reason given"
                future.set_exception(DtcRejected(f"Order {name} was refused by the server: {text}"))
            elif ask is not NEW and update.order_status == OrderStatus.FILLED:
                future.set_exception(DtcRejected(f"Order {name} had filled before it could be changed or cancelled."))
            elif reason == ask.granted or (ask is NEW and reason in _SHOWS_ACCEPTANCE):
                future.set_result(update)

    def fail(self, error: Exception) -> None:
        """Give up on all of them."""
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(error)


_SHOWS_ACCEPTANCE = (
    *(OrderUpdateReason.GENERAL_ORDER_UPDATE, OrderUpdateReason.ORDER_FILLED),
    OrderUpdateReason.ORDER_FILLED_PARTIALLY,
)
