"""The matching engine as a broker behind a DTC server: the counterpart that our own venue is tried against.

    server = DtcServer(MatchingBackend({"MNQZ25-CME": MNQ}, Path("broker.sqlite"), SystemClock()))

It keeps the documented procedures of a broker and nothing of ours: orders have no role, so two sells against one long
contract do end short, and an order that is sent twice may be two orders.  A leg that is cancelled leaves its sibling
working; a flatten (209) is a market order for the position as it stands and cancels nothing.  Each change is on the
disk before its answer leaves: a broker that is killed comes back with the same orders, positions, fills and numbers.

    python -m minhos.testing.broker --state broker.sqlite --port 11099

Not for trading: `paper` is the venue for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from minhos.dtc import messages as m
from minhos.dtc.backend import Packed, Publish, Refused
from minhos.dtc.faults import Faults
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import OrderUpdateReason, SecurityType
from minhos.market.clock import Clock
from minhos.market.types import Instrument
from minhos.testing.broker.book import NOWHERE, BrokerBook, BrokerOptions
from minhos.testing.broker.orders import Scale, requested
from minhos.testing.broker.store import BrokerState, BrokerStore, Store

_NANOS_PER_S = 10**9
_NANOS_PER_DAY = 86_400 * _NANOS_PER_S


class MatchingBackend:
    """The port `Backend`.  instruments: by the server's symbols.  state: the file that survives, or a store.

    faults: those of them that concern a backend (`partial_fills`: one contract a price; `new_id_on_replace`;
    `display_price_multiplier`).  watch hears of every step of an order ("received", "written", "answered"), so that
    tests can end the process in it.  book: the order book, of this kind or one derived from it.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        state: Path | Store,
        clock: Clock,
        options: BrokerOptions = BrokerOptions(),
        faults: Faults = Faults(),
        watch: Callable[[str], None] = lambda step: None,
        book: type[BrokerBook] = BrokerBook,
    ) -> None:
        self._scales = {symbol: Scale(each, faults.display_price_multiplier) for symbol, each in instruments.items()}
        self._options, self._watch = options, watch
        self._store = BrokerStore(state) if isinstance(state, Path) else state
        self.book = book(self._scales, self._store, clock, options, faults)
        self._publish: Publish = lambda message, symbol: None

    @property
    def state(self) -> BrokerState:
        """The broker's own books."""
        return self.book.state

    def open(self, publish: Publish) -> None:
        self._publish = publish

    def logon(self, request: m.LogonRequest) -> m.LogonResponse:
        return m.LogonResponse(
            result_text="Logon successful.",
            server_name="MinhOS matching engine",
            trading_is_supported=1,
            oco_orders_supported=1,
            order_cancel_replace_supported=1,
            bracket_orders_supported=1,
            security_definitions_supported=1,
            market_data_supported=1,
        )

    def query(self, request: Message) -> Sequence[Message] | Refused:
        if isinstance(request, m.TradeAccountsRequest):
            return [m.TradeAccountResponse(trade_account=account) for account in self._options.accounts]
        if isinstance(request, m.SecurityDefinitionForSymbolRequest):
            return [self._definition(request.symbol)] if request.symbol in self._scales else []
        account = getattr(request, "trade_account", "")
        if account and account not in self._options.accounts:
            return Refused(f"Trade account {account} does not exist.")
        wanted = (account,) if account else self._options.accounts
        if isinstance(request, m.AccountBalanceRequest):
            return [self._balance(each) for each in wanted]
        if isinstance(request, m.CurrentPositionsRequest):
            held = [(each, symbol) for each in wanted for symbol in self.state.books.holdings.get(each, {})]
            return [self.book.position(*key) for key in held]
        if isinstance(request, m.OpenOrdersRequest):
            live = [order for order in self.book.live.values() if order.account in wanted]
            named = [order for order in live if request.server_order_id in ("", order.server_id)]
            return [self.book.update(order, OrderUpdateReason.OPEN_ORDERS_REQUEST_RESPONSE) for order in named]
        return self._past_fills(request, wanted) if isinstance(request, m.HistoricalOrderFillsRequest) else []

    def snapshot(self, request: Message) -> Sequence[Message] | Refused:
        if isinstance(request, m.MarketDepthRequest):
            return Refused("Market depth is not kept here.")
        symbol = getattr(request, "symbol", "")
        price_ticks = self.state.books.prices.get(symbol, 0)
        price = self._scales.get(symbol, NOWHERE).price(price_ticks)
        return [m.MarketDataSnapshot(bid_price=price, ask_price=price, last_trade_price=price)]

    def history(self, request: m.HistoricalPriceDataRequest) -> Iterable[Message] | Packed | Refused:
        return Refused("Historical data is not kept here.")

    def trade(self, requests: Sequence[Message]) -> Iterator[Message]:
        """What became of it, one message at a time; all of it is on the disk before the first."""
        self._watch("received")
        first, book = requests[0], self.book
        if isinstance(first, m.CancelOrder):
            updates = book.cancel(first)
        elif isinstance(first, m.CancelReplaceOrder):
            updates = book.replace(first)
        elif isinstance(first, m.SubmitFlattenPositionOrder):
            updates = book.flatten(first)
        else:
            scale = self._scales.get(getattr(first, "symbol", ""), NOWHERE)
            orders = [order for request in requests for order in requested(request, scale)]
            updates = book.accept(orders, bracket=len(requests) == 2)
        self._save()
        for update in updates:
            yield update
            self._watch("answered")

    def set_price(self, symbol: str, price_ticks: int) -> None:
        """Trade one contract at that price: subscribers see it, and working orders that it reaches fill."""
        price = self._scales[symbol].price(price_ticks)
        at_s = self.book.now() // _NANOS_PER_S
        self._publish(m.MarketDataUpdateTradeCompact(price, 1.0, at_s, 0, 2), symbol)
        updates = self.book.set_price(symbol, price_ticks)
        if updates:
            self._save()
        for update in updates:
            self._publish(update, "")
            self._watch("answered")

    def close(self) -> None:
        """Close the state file."""
        self._store.close()

    def _save(self) -> None:
        self.book.save()
        self._watch("written")

    def _past_fills(self, request: m.HistoricalOrderFillsRequest, accounts: Sequence[str]) -> Sequence[Message]:
        days = request.number_of_days
        since_ns = self.book.now() - days * _NANOS_PER_DAY if days else request.start_date_time * _NANOS_PER_S
        wanted = [fill for fill in self.state.fills if fill.account in accounts and fill.time_ns >= since_ns]
        return [fill.as_response(self._scales[fill.symbol]) for fill in wanted]

    def _balance(self, account: str) -> m.AccountBalanceUpdate:
        cash = self.state.books.cash_cents[account] / 100
        limit = self._options.daily_net_loss_limit_cents / 100
        return m.AccountBalanceUpdate(0, cash, cash, "USD", account, daily_net_loss_limit=limit)

    def _definition(self, symbol: str) -> m.SecurityDefinitionResponse:
        scale = self._scales[symbol]
        return m.SecurityDefinitionResponse(
            symbol=symbol,
            security_type=int(SecurityType.FUTURES),
            description=scale.instrument.description,
            min_price_increment=scale.instrument.tick_size,
            currency_value_per_increment=scale.instrument.tick_value_cents / 100,
            display_price_multiplier=scale.multiplier,
            currency=scale.instrument.currency,
        )
