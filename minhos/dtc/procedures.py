"""What a DTC server answers, request by request, to a client that has logged on.

The facts come from the backend; here are the numbers, counts, final flags, and the rejects.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.backend import Backend, Packed, Publish, Refused
from minhos.dtc.codec import Encoding, decode, encode
from minhos.dtc.faults import Faults
from minhos.dtc.framing import Framer
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import HistoricalPriceDataRejectReasonCode, OrderStatus, OrderUpdateReason, RequestAction
from minhos.dtc.wire import Wire

MOST_SUBSCRIPTIONS = 1_000
HISTORY_BATCH = 500
PACKED_COMPRESSION = 1
"""zlib's fastest: market data shrink eightfold with it, and the machine that serves them draws charts too."""
LONGEST_TEXT = 95
TRADING = (
    *(m.SubmitNewSingleOrder, m.SubmitNewOCOOrder, m.SubmitFlattenPositionOrder),
    *(m.CancelOrder, m.CancelReplaceOrder),
)


class _Query(msgspec.Struct, frozen=True):
    """How the answer to one kind of request looks: when there are no rows, when refused, and how rows are counted."""

    nothing: Message
    reject: type[Message] | None
    total_field: str = "total_number_messages"


QUERIES: dict[type[Message], _Query] = {
    m.OpenOrdersRequest: _Query(m.OrderUpdate(no_orders=1), m.OpenOrdersReject, "total_num_messages"),
    m.HistoricalOrderFillsRequest: _Query(
        m.HistoricalOrderFillResponse(no_order_fills=1), m.HistoricalOrderFillsReject
    ),
    m.CurrentPositionsRequest: _Query(m.PositionUpdate(no_positions=1), m.CurrentPositionsReject),
    m.AccountBalanceRequest: _Query(m.AccountBalanceUpdate(no_account_balances=1), m.AccountBalanceReject),
    m.TradeAccountsRequest: _Query(m.TradeAccountResponse(), None),
    m.SecurityDefinitionForSymbolRequest: _Query(m.SecurityDefinitionResponse(), m.SecurityDefinitionReject, ""),
}


class Procedures:
    """One client's requests; holds its subscriptions and a parent order that waits for its bracket."""

    def __init__(self, wire: Wire, backend: Backend, faults: Faults, publish: Publish) -> None:
        self._wire, self._backend, self._faults, self._publish = wire, backend, faults, publish
        self._subscribed: dict[type[Message], dict[int, str]] = {m.MarketDataRequest: {}, m.MarketDepthRequest: {}}
        self._parent: m.SubmitNewSingleOrder | None = None
        self.is_compressing = False

    async def handle(self, message: Message) -> bool:
        """Answer one message; False when the connection has done its work (history is one request each)."""
        if self._parent is not None and not isinstance(message, m.SubmitNewOCOOrder):
            parent, self._parent = self._parent, None
            self._reject_order(parent, "The parent order was not followed by its OCO order.")
        if type(message) in QUERIES:
            self._answer_query(message)
        elif isinstance(message, m.MarketDataRequest | m.MarketDepthRequest):
            self._answer_market(message)
        elif isinstance(message, TRADING):
            self._trade(message)
        elif isinstance(message, m.HistoricalPriceDataRequest):
            await self._send_history(message)
            return False
        return True

    def push(self, message: Message, symbol: str) -> None:
        """Send what the backend published: market data under this client's number for the symbol."""
        if not symbol:
            self._wire.send(message)
            return
        is_depth = type(message).__name__.startswith("MarketDepth")
        numbers = self._subscribed[m.MarketDepthRequest if is_depth else m.MarketDataRequest]
        for symbol_id, subscribed in numbers.items():
            if subscribed == symbol:
                self._wire.send(msgspec.structs.replace(message, symbol_id=symbol_id))

    def _answer_query(self, request: Message) -> None:
        query, number = QUERIES[type(request)], request.request_id  # type: ignore[attr-defined]
        if isinstance(request, m.HistoricalOrderFillsRequest) and not request.trade_account:
            rows: Sequence[Message] | Refused = Refused("TradeAccount is not set")
        else:
            rows = self._backend.query(request)
        if isinstance(rows, Refused) and query.reject is not None:
            self._wire.send(query.reject(request_id=number, reject_text=rows.reason[:LONGEST_TEXT]))
            return
        rows = [] if isinstance(rows, Refused) else rows  # the protocol has no way to refuse the list of accounts
        for index, row in enumerate(rows or [query.nothing], start=1):
            changes = {"request_id": number}
            if query.total_field:
                changes |= {query.total_field: max(1, len(rows)), "message_number": index}
            else:
                changes["is_final_message"] = int(index >= len(rows))
            self._wire.send(msgspec.structs.replace(row, **changes))

    def _answer_market(self, request: m.MarketDataRequest | m.MarketDepthRequest) -> None:
        numbers = self._subscribed[type(request)]
        if request.request_action == RequestAction.UNSUBSCRIBE:
            numbers.pop(request.symbol_id, None)
            return
        refusal = self._market_refusal(request, numbers)
        first = Refused(refusal) if refusal else self._backend.snapshot(request)
        if isinstance(first, Refused):
            reject = m.MarketDataReject if isinstance(request, m.MarketDataRequest) else m.MarketDepthReject
            self._wire.send(reject(request.symbol_id, first.reason[:LONGEST_TEXT]))
            return
        if request.request_action != RequestAction.SNAPSHOT:
            numbers[request.symbol_id] = request.symbol
        for message in first:
            self._wire.send(msgspec.structs.replace(message, symbol_id=request.symbol_id))

    def _market_refusal(self, request: m.MarketDataRequest | m.MarketDepthRequest, numbers: dict[int, str]) -> str:
        if self._faults.reject_market_data:
            return self._faults.reject_market_data
        if len(numbers) >= MOST_SUBSCRIPTIONS:
            return f"No more than {MOST_SUBSCRIPTIONS} symbols can be subscribed."
        if numbers.get(request.symbol_id, request.symbol) != request.symbol:
            return f"SymbolID {request.symbol_id} is in use for {numbers[request.symbol_id]}."
        others = [number for number, symbol in numbers.items() if symbol == request.symbol]
        if others and others != [request.symbol_id]:
            return f"{request.symbol} is already subscribed as SymbolID {others[0]}."
        return ""

    def _trade(self, message: Message) -> None:
        if self._faults.trading_disabled:
            self._reject_order(message, "Trading is not allowed on this server.")
        elif self._faults.reject_orders and not isinstance(message, m.CancelOrder | m.CancelReplaceOrder):
            self._reject_order(message, self._faults.reject_orders)
        elif isinstance(message, m.SubmitNewSingleOrder) and message.is_parent_order:
            self._parent = message
        else:
            parent, self._parent = self._parent, None
            for update in self._backend.trade([message] if parent is None else [parent, message]):
                self._publish(update, "")

    def _reject_order(self, message: Message, reason: str) -> None:
        names = ("client_order_id", "client_order_id_1", "client_order_id_2")
        texts = {
            m.CancelOrder: OrderUpdateReason.ORDER_CANCEL_REJECTED,
            m.CancelReplaceOrder: OrderUpdateReason.ORDER_CANCEL_REPLACE_REJECTED,
        }
        for order_id in filter(None, (getattr(message, name, "") for name in names)):
            self._wire.send(
                m.OrderUpdate(
                    symbol=getattr(message, "symbol", ""),
                    trade_account=getattr(message, "trade_account", ""),
                    client_order_id=order_id,
                    order_status=int(OrderStatus.REJECTED),
                    order_update_reason=int(texts.get(type(message), OrderUpdateReason.NEW_ORDER_REJECTED)),
                    info_text=reason[:LONGEST_TEXT],
                )
            )

    async def _send_history(self, request: m.HistoricalPriceDataRequest) -> None:
        """801, then every record, compressed where asked; the last record is marked, or 807 follows."""
        records = self._backend.history(request)
        number = request.request_id
        if isinstance(records, Refused):
            code = HistoricalPriceDataRejectReasonCode.UNABLE_TO_SERVE_DATA_DO_NOT_RETRY
            self._wire.send(m.HistoricalPriceDataReject(number, records.reason[:LONGEST_TEXT], int(code)))
            return
        if isinstance(records, Packed):
            await self._send_packed(records, request)
            return
        rows = self._marked(records, number)
        first = next(rows, None)
        self._send_header(request, empty=first is None)
        if first is not None:
            await self._send_records(chain([first], rows), bool(request.use_zlib_compression))

    def _send_header(self, request: m.HistoricalPriceDataRequest, *, empty: bool) -> None:
        self._wire.send(
            m.HistoricalPriceDataResponseHeader(
                request_id=request.request_id,
                record_interval=request.record_interval,
                use_zlib_compression=int(bool(request.use_zlib_compression)),
                no_records_to_return=int(empty),
            )
        )

    async def _send_packed(self, records: Packed, request: m.HistoricalPriceDataRequest) -> None:
        """The pieces in this connection's encoding, then the trailer, because no record bears the final mark."""
        pieces = (_in_encoding(piece, self._wire.encoding) for piece in records.pieces)
        first = next(pieces, b"")
        self._send_header(request, empty=not first)
        if not first:
            return
        end = encode(m.HistoricalPriceDataResponseTrailer(request.request_id, 0), self._wire.encoding)
        deflate = zlib.compressobj(PACKED_COMPRESSION) if request.use_zlib_compression else None
        self.is_compressing = deflate is not None
        for piece in chain([first], pieces, [end]):
            self._wire.send_bytes(piece if deflate is None else deflate.compress(piece))
            await self._wire.drain()
            await asyncio.sleep(0)  # others are served between two pieces, however fast this peer reads
        if deflate is not None:
            self._wire.send_bytes(deflate.flush())

    def _marked(self, records: Iterable[Message], number: int) -> Iterator[Message]:
        """The records with their request's number, the last one marked, or followed by a trailer."""
        held: Message | None = None
        for record in records:
            if held is not None:
                yield held
            held = msgspec.structs.replace(record, request_id=number)
        if held is None:
            return
        if self._faults.no_final_record:
            yield from (held, m.HistoricalPriceDataResponseTrailer(number, 0))
        else:
            yield msgspec.structs.replace(held, is_final_record=1)

    async def _send_records(self, rows: Iterator[Message], compress: bool) -> None:
        if not compress:
            for row in rows:
                self._wire.send(row)
                await self._wire.drain()
            return
        self.is_compressing, deflate = True, zlib.compressobj()
        while batch := list(islice(rows, HISTORY_BATCH)):
            plain = b"".join(encode(row, self._wire.encoding) for row in batch)
            self._wire.send_bytes(deflate.compress(plain))
            await self._wire.drain()
        self._wire.send_bytes(deflate.flush())


def _in_encoding(piece: bytes, encoding: Encoding) -> bytes:
    """Whole binary messages in another encoding."""
    if encoding == Encoding.BINARY:
        return piece
    framer, out = Framer(Encoding.BINARY), []
    framer.feed(piece)
    while isinstance(frame := framer.next_frame(), bytes):
        message = decode(frame, Encoding.BINARY)
        if isinstance(message, Message):
            out.append(encode(message, encoding))
    return b"".join(out)
