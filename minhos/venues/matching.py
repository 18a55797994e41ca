"""The matching engine: fills orders from bars and prices, in-process, with the assumptions written where they bite.

It serves backtest, replay and paper alike.  It holds no money (that is `accounting`) and decides nothing.  It has no
order book: size never moves the price, and a market order is filled whole unless a test says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from minhos.accounting.types import CLOSING, Fill, Order, OrderType, Role
from minhos.market.types import BAR_INTERVAL_NS, Bar, Instrument, Price, Slice
from minhos.trading.venue import OrderReport, OrderStatus, Report, Venue

_NANOS_PER_MS = 1_000_000
_REDUCING = CLOSING | {Role.STOP}
"""Orders of these roles close at most what is held; they never turn the position round."""


class MatchingParameters(msgspec.Struct, frozen=True):
    """What a fill costs beside the price, and how late it comes.

    slippage_ticks, commission_cents: per side (and contract); None takes the instrument's.  stop_slippage_ticks: what a
    stop's fill slips beyond that; None takes the instrument's.  delay_bars: opens to let pass.  delay_ms: further delay
    on streamed prices; bars alone are too coarse to show it.  max_contracts_per_fill: 0 for no bound; the rest fills at
    the next open or price.
    """

    slippage_ticks: int | None = None
    commission_cents: int | None = None
    delay_bars: int = 0
    delay_ms: int = 0
    interval_ns: int = BAR_INTERVAL_NS
    max_contracts_per_fill: int = 0
    stop_slippage_ticks: int | None = None


class _Working(msgspec.Struct):
    """An order in the book.  since_ns: when a market order was decided, or a stop came to rest.

    passed_ns: of the first price that came since a market order is in the book and is older than the order; 0 for none.
    """

    order: Order
    remaining: int
    since_ns: int
    fills: int = 0
    passed_ns: int = 0


class _Book(msgspec.Struct):
    """All that a restart must bring back.  first_price_ns: of the prices streamed since the last closed bar."""

    markets: dict[str, _Working] = {}
    stops: dict[str, _Working] = {}
    net: dict[str, int] = {}
    first_price_ns: dict[str, int] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Book)


class MatchingEngine(Venue):
    """A `Venue` without a wire: market orders fill at the next open or price, stops where the price touches them.

    instruments: by contract symbol; an order in any other is rejected.
    """

    name = "matching"

    def __init__(self, instruments: Mapping[str, Instrument], parameters: MatchingParameters | None = None) -> None:
        self._instruments = dict(instruments)
        self._parameters = parameters or MatchingParameters()
        self._book = _Book()

    def add_instrument(self, symbol: str, instrument: Instrument) -> None:
        """A further contract, as after a roll."""
        self._instruments[symbol] = instrument

    def submit(self, order: Order, time_ns: int) -> list[Report]:
        """Take an order into the book; the same id twice is one order."""
        if order.order_id in self._book.markets or order.order_id in self._book.stops:
            return [OrderReport(order.order_id, OrderStatus.ACCEPTED, time_ns, "was accepted before")]
        if reason := self._refusal(order):
            return [OrderReport(order.order_id, OrderStatus.REJECTED, time_ns, reason)]
        resting = self._book.stops if order.order_type is OrderType.STOP else self._book.markets
        resting[order.order_id] = _Working(order, order.contracts, order.decided_ns or time_ns)
        return [OrderReport(order.order_id, OrderStatus.ACCEPTED, time_ns)]

    def cancel(self, order_id: str, time_ns: int) -> list[Report]:
        """Take an order out of the book; with a stop goes what is left of the entry that it protects."""
        working = self._book.markets.pop(order_id, None) or self._book.stops.pop(order_id, None)
        if working is None:
            return [OrderReport(order_id, OrderStatus.CANCEL_REJECTED, time_ns, "no such order is working")]
        reports: list[Report] = [OrderReport(order_id, OrderStatus.CANCELLED, time_ns, "cancelled on request")]
        return reports + self._end_entry(working.order, time_ns)

    def resize(self, order_id: str, contracts: int, time_ns: int) -> list[Report]:
        """Let a resting stop cover fewer contracts."""
        stop = self._book.stops.get(order_id)
        if stop is None or not 0 < contracts <= stop.remaining:
            held = f"covers {stop.remaining}" if stop else "is not resting"
            reason = f"cannot be resized to {contracts}: the stop {held}"
            return [OrderReport(order_id, OrderStatus.CANCEL_REJECTED, time_ns, reason)]
        self._resize(stop, contracts - stop.remaining)
        return [OrderReport(order_id, OrderStatus.RESIZED, time_ns, order=stop.order)]

    def on_price(self, price: Price) -> list[Report]:
        """Fill what a streamed price allows: due market orders at it, then stops that it touches or passes."""
        book = self._book
        book.first_price_ns.setdefault(price.symbol, price.time_ns)
        reports: list[Report] = []
        if book.markets:
            self._match_markets(price.symbol, price.price_ticks, price.time_ns, self._parameters.delay_ms, reports)
        if book.stops:
            touched = [
                (stop, price.price_ticks)
                for stop in book.stops.values()
                if stop.order.symbol == price.symbol
                and stop.order.side * (price.price_ticks - stop.order.trigger_ticks) >= 0
            ]
            self._fill_stops(touched, price.time_ns, reports)
        return reports

    def match_open(self, closed: Slice) -> list[Report]:
        """Fill due market orders at the bars' opens, unless prices were streamed: then the first one did."""
        reports: list[Report] = []
        if self._book.markets:
            for bar in closed.bars:
                if not self._was_streamed(bar):
                    self._match_markets(bar.symbol, bar.open_ticks, bar.open_time_ns, 0, reports)
        return reports

    def match_range(self, closed: Slice) -> list[Report]:
        """Fill the stops that the bars' ranges touch, those included whose entry filled in the same bar."""
        book = self._book
        reports: list[Report] = []
        if book.stops:
            for bar in closed.bars:
                touched = []
                for stop in book.stops.values():
                    if stop.order.symbol == bar.symbol:
                        price_ticks = self._stop_price(stop, bar)
                        if price_ticks is not None:
                            touched.append((stop, price_ticks))
                if touched:
                    self._fill_stops(touched, bar.close_time_ns, reports)
        if book.first_price_ns:
            book.first_price_ns = {
                symbol: first for symbol, first in book.first_price_ns.items() if first >= closed.close_time_ns
            }
        return reports

    def snapshot(self) -> bytes:
        """The book and the net position, for a restart."""
        return _encoder.encode(self._book)

    def restore(self, state: bytes) -> None:
        """Go on from what `snapshot` returned."""
        self._book = _decoder.decode(state)

    def adopt(self, orders: list[tuple[Order, int]], positions: Mapping[str, int]) -> None:
        """After a restart without a snapshot: the orders that the journal shows working, with what remains of each,
        and the net position by contract.

        Fills are numbered on from the contracts filled, so that no execution id comes twice.
        """
        self._book = _Book(net=dict(positions))
        for order, remaining in orders:
            working = _Working(order, remaining, order.decided_ns, fills=order.contracts - remaining)
            if order.order_type is OrderType.STOP:
                self._book.stops[order.order_id] = working
            else:
                self._book.markets[order.order_id] = working

    def _refusal(self, order: Order) -> str:
        if order.symbol not in self._instruments:
            return f"{order.symbol} is not traded here ({', '.join(sorted(self._instruments))})"
        if order.side not in (1, -1) or order.contracts <= 0:
            return f"side {order.side} and {order.contracts} contracts: needs +1 or -1 and at least one contract"
        if order.order_type is OrderType.STOP and order.trigger_ticks <= 0:
            return f"a stop needs a trigger price above zero, this one has {order.trigger_ticks} ticks"
        return ""

    def _was_streamed(self, bar: Bar) -> bool:
        first = self._book.first_price_ns.get(bar.symbol)
        return first is not None and first < bar.close_time_ns

    def _match_markets(self, symbol: str, price_ticks: int, time_ns: int, delay_ms: int, reports: list[Report]) -> None:
        delay_ns = self._parameters.delay_bars * self._parameters.interval_ns + delay_ms * _NANOS_PER_MS
        for working in tuple(self._book.markets.values()):
            if working.order.symbol == symbol and self._is_due(working, time_ns, delay_ns):
                self._fill(working, price_ticks, time_ns, reports)

    def _is_due(self, working: _Working, time_ns: int, delay_ns: int) -> bool:
        """Whether the order may fill at a price of then: one that is not older than the order.

        An order that was decided by a clock ahead of the market's would wait for as long as that is ahead.  What
        closes does not: it fills once the market has gone on for a bar since the order is in the book.
        """
        if time_ns >= working.since_ns + delay_ns:
            return True
        working.passed_ns = working.passed_ns or time_ns
        waited = time_ns >= working.passed_ns + delay_ns + self._parameters.interval_ns
        return waited and working.order.role in _REDUCING

    def _stop_price(self, stop: _Working, bar: Bar) -> int | None:
        """The price, before slippage, at which the bar's range fills a stop; None where it does not touch it.

        A gap through the stop fills at the open, which is worse.  A stop that came to rest within the bar saw the
        prices that were streamed since; of the bar only its close is certain to lie after that.
        """
        order = stop.order
        if stop.since_ns >= bar.close_time_ns:
            return None
        if stop.since_ns > self._book.first_price_ns.get(bar.symbol, bar.open_time_ns):
            return bar.close_ticks if order.side * (bar.close_ticks - order.trigger_ticks) >= 0 else None
        if order.side > 0:
            return max(order.trigger_ticks, bar.open_ticks) if bar.high_ticks >= order.trigger_ticks else None
        return min(order.trigger_ticks, bar.open_ticks) if bar.low_ticks <= order.trigger_ticks else None

    def _fill_stops(self, touched: list[tuple[_Working, int]], time_ns: int, reports: list[Report]) -> None:
        """Nearest trigger first; what a bound on the contracts per fill leaves goes on as a market order."""
        book = self._book
        for stop, price_ticks in sorted(touched, key=lambda hit: hit[0].order.side * hit[0].order.trigger_ticks):
            del book.stops[stop.order.order_id]
            reports += self._end_entry(stop.order, time_ns)
            book.markets[stop.order.order_id] = stop
            self._fill(stop, price_ticks, time_ns, reports)

    def _fill(self, working: _Working, price_ticks: int, time_ns: int, reports: list[Report]) -> None:
        """Fill an order of `markets`; one that reduces closes at most what is held, and is cancelled beyond that."""
        book, order, parameters = self._book, working.order, self._parameters
        held = book.net.get(order.symbol, 0)
        fillable = min(working.remaining, max(0, -order.side * held)) if order.role in _REDUCING else working.remaining
        excess = fillable < working.remaining
        contracts = min(fillable, parameters.max_contracts_per_fill or fillable)
        if contracts:
            working.remaining -= contracts
            working.fills += 1
            book.net[order.symbol] = held + order.side * contracts
            fill = self._report_fill(working, contracts, price_ticks, time_ns)
            reports.append(fill)
            if order.stop_id and order.stop_distance_ticks > 0:
                reports.append(self._protect(order, contracts, fill.price_ticks, time_ns))
        if excess and contracts == fillable:
            reports.append(OrderReport(order.order_id, OrderStatus.CANCELLED, time_ns, "nothing is left to close"))
            working.remaining = 0
        if working.remaining == 0:
            del book.markets[order.order_id]

    def _report_fill(self, working: _Working, contracts: int, price_ticks: int, time_ns: int) -> Fill:
        order, parameters = working.order, self._parameters
        instrument = self._instruments[order.symbol]
        slippage = instrument.slippage_ticks if parameters.slippage_ticks is None else parameters.slippage_ticks
        if order.order_type is OrderType.STOP:
            beyond = parameters.stop_slippage_ticks
            slippage += instrument.stop_slippage_ticks if beyond is None else beyond
        commission = instrument.commission_cents if parameters.commission_cents is None else parameters.commission_cents
        return Fill(
            fill_id=f"{order.order_id}-{working.fills}",
            order_id=order.order_id,
            symbol=order.symbol,
            side=order.side,
            contracts=contracts,
            price_ticks=price_ticks + order.side * slippage,
            time_ns=time_ns,
            commission_cents=commission * contracts,
            role=order.role,
            expected_ticks=price_ticks,
            parent_id=order.parent_id,
        )

    def _protect(self, entry: Order, contracts: int, fill_ticks: int, time_ns: int) -> OrderReport:
        """Rest the protective stop of a filled entry; a further fill of the entry makes it larger, never moves it."""
        stop = self._book.stops.get(entry.stop_id)
        if stop is not None:
            self._resize(stop, contracts)
            return OrderReport(entry.stop_id, OrderStatus.RESIZED, time_ns, order=stop.order)
        order = Order(
            order_id=entry.stop_id,
            symbol=entry.symbol,
            side=-entry.side,
            contracts=contracts,
            role=Role.STOP,
            order_type=OrderType.STOP,
            trigger_ticks=fill_ticks - entry.side * entry.stop_distance_ticks,
            parent_id=entry.order_id,
            decided_ns=entry.decided_ns,
        )
        self._book.stops[order.order_id] = _Working(order, contracts, time_ns)
        return OrderReport(order.order_id, OrderStatus.ACCEPTED, time_ns, order=order)

    def _resize(self, stop: _Working, change: int) -> None:
        stop.remaining += change
        stop.order = msgspec.structs.replace(stop.order, contracts=stop.order.contracts + change)

    def _end_entry(self, stop: Order, time_ns: int) -> list[Report]:
        """An entry does not go on filling without its stop."""
        if stop.role is not Role.STOP or self._book.markets.pop(stop.parent_id, None) is None:
            return []
        return [OrderReport(stop.parent_id, OrderStatus.CANCELLED, time_ns, "its protective stop is gone")]
