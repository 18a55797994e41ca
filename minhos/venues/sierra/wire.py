"""Our orders as DTC messages, and DTC's numbers as ours.  Pure: no connection, no memory.

Prices in these messages are display prices (points); `DtcClient` converts them to the server's.
"""

from __future__ import annotations

import msgspec

from minhos.accounting.types import Order, OrderType
from minhos.dtc import messages as m
from minhos.dtc.messages import Message
from minhos.dtc.messages import enums as dtc
from minhos.errors import VenueError
from minhos.market.types import NANOS_PER_SECOND, Instrument
from minhos.trading.order_ids import target_id

LONGEST_ID = 31
MOST_DEVIATION = 0.2
"""A price further than this share from the last one known is no price of this contract: it may be 100 times off."""
TEXT = "MinhOS"
STOPS = (dtc.OrderType.STOP, dtc.OrderType.STOP_LIMIT)
MOST_CONTRACTS, MOST_POINTS = 1e6, 1e9
"""A server that reports more than these reports no account: nothing is compared with it."""
_MOST_SECONDS, _MOST_MILLIS, _MOST_MICROS = 10**11, 10**14, 9 * 10**15


class Route(msgspec.Struct, frozen=True):
    """Where orders in one contract go; symbol is the broker's name of it."""

    contract: str
    symbol: str
    account: str
    instrument: Instrument


def bracket(order: Order, route: Route, last_ticks: int, target_ticks: int) -> list[Message]:
    """An entry with its exits: 208 as parent, and 201 with their distances from its fill.

    target_ticks: distance of the target; 0 for a stop alone.  last_ticks: Sierra Chart wants a parent's price where
    the exits are distances, also of a market order.
    """
    parent = m.SubmitNewSingleOrder(
        symbol=route.symbol,
        trade_account=route.account,
        client_order_id=_checked(order.order_id),
        order_type=int(dtc.OrderType.MARKET),
        buy_sell=_buy_sell(order.side),
        price1=route.instrument.to_points(last_ticks),
        quantity=float(order.contracts),
        time_in_force=int(dtc.TimeInForce.DAY),
        is_automated_order=1,
        is_parent_order=1,
        free_form_text=TEXT,
    )
    stop = m.SubmitNewOCOOrder(
        symbol=route.symbol,
        trade_account=route.account,
        client_order_id_1=_checked(order.stop_id),
        order_type_1=int(dtc.OrderType.STOP),
        buy_sell_1=_buy_sell(-order.side),
        quantity_1=float(order.contracts),
        time_in_force=int(dtc.TimeInForce.GOOD_TILL_CANCELED),
        is_automated_order=1,
        parent_trigger_client_order_id=order.order_id,
        free_form_text=TEXT,
        partial_fill_handling=int(dtc.PartialFillHandling.REDUCE_QUANTITY),
        use_offsets=1,
        offset_from_parent1=route.instrument.to_points(order.stop_distance_ticks),
    )
    return [parent, _with_target(stop, order, route, target_ticks) if target_ticks else stop]


def _with_target(exits: m.SubmitNewOCOOrder, order: Order, route: Route, target_ticks: int) -> m.SubmitNewOCOOrder:
    """The second leg: a limit order on the winning side."""
    return msgspec.structs.replace(
        exits,
        client_order_id_2=_checked(target_id(order.stop_id)),
        order_type_2=int(dtc.OrderType.LIMIT),
        buy_sell_2=_buy_sell(-order.side),
        quantity_2=float(order.contracts),
        offset_from_parent2=route.instrument.to_points(target_ticks),
    )


def single(order: Order, route: Route, contracts: int) -> Message:
    """A market order, or a stop that rests until it is cancelled."""
    is_stop = order.order_type is OrderType.STOP
    return m.SubmitNewSingleOrder(
        symbol=route.symbol,
        trade_account=route.account,
        client_order_id=_checked(order.order_id),
        order_type=int(dtc.OrderType.STOP if is_stop else dtc.OrderType.MARKET),
        buy_sell=_buy_sell(order.side),
        price1=route.instrument.to_points(order.trigger_ticks) if is_stop else 0.0,
        quantity=float(contracts),
        time_in_force=int(dtc.TimeInForce.GOOD_TILL_CANCELED if is_stop else dtc.TimeInForce.DAY),
        is_automated_order=1,
        free_form_text=TEXT,
    )


def cancel(server_id: str, order_id: str, account: str) -> Message:
    """Take a working order back."""
    return m.CancelOrder(server_id, order_id, account)


def change_quantity(server_id: str, order_id: str, account: str, total: int) -> Message:
    """Let a working order be for another number of contracts, those that it has filled included."""
    return m.CancelReplaceOrder(
        server_order_id=server_id,
        client_order_id=order_id,
        quantity=float(total),
        price1_is_set=0,
        price2_is_set=0,
        trade_account=account,
    )


def is_far_off(price_ticks: int, last_ticks: int) -> bool:
    """Whether a price cannot be meant; False while no price is known."""
    return last_ticks > 0 and abs(price_ticks - last_ticks) > MOST_DEVIATION * last_ticks


def price_distrust(symbol: str, price: float, market: float) -> str:
    """The sentence for a reported price that cannot be right; in points."""
    return (
        f"Sierra Chart reports a price of {price:g} for {symbol} while the market is at {market:g}: "
        "100 times off? See the symbol's Price Multiplier in Sierra Chart."
    )


def side_of(buy_sell: int) -> int:
    """+1 buy, -1 sell."""
    return 1 if buy_sell == dtc.BuySell.BUY else -1


def contracts_of(quantity: float | None) -> int:
    """Whole contracts; 0 where the server does not say.  Raises VenueError for more than anybody can hold."""
    if quantity is not None and abs(quantity) > MOST_CONTRACTS:
        raise VenueError(f"Sierra Chart reports {quantity:g} contracts, which cannot be.")
    return 0 if quantity is None else round(quantity)


def ticks_of(price: float, instrument: Instrument) -> int:
    """The nearest tick of a reported price in points.  Raises VenueError for what can be no price."""
    if abs(price) > MOST_POINTS:
        raise VenueError(f"Sierra Chart reports a price of {price:g}, which cannot be.")
    return instrument.to_ticks(price)


def time_ns_of(stamp: float, otherwise_ns: int) -> int:
    """UTC nanoseconds of a stamp in seconds, milliseconds or microseconds since 1970; 0 is none, nor is nonsense."""
    if not 0 < stamp < _MOST_MICROS:
        return otherwise_ns
    per_second = 1 if stamp < _MOST_SECONDS else 1_000 if stamp < _MOST_MILLIS else 1_000_000
    return int(stamp) * (NANOS_PER_SECOND // per_second)


def _buy_sell(side: int) -> int:
    return int(dtc.BuySell.BUY if side > 0 else dtc.BuySell.SELL)


def _checked(order_id: str) -> str:
    if not 0 < len(order_id) <= LONGEST_ID:
        raise VenueError(f"The order id {order_id!r} has {len(order_id)} characters; DTC carries 1 to {LONGEST_ID}.")
    return order_id
