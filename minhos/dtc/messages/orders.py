"""Orders, fills and positions.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class SubmitNewOCOOrder(Message, frozen=True, gc=False):
    """Type 201; 448 bytes in binary."""

    TYPE: ClassVar[int] = 201

    symbol: str = ""
    exchange: str = ""
    client_order_id_1: str = ""
    order_type_1: int = 0  # OrderType
    buy_sell_1: int = 0  # BuySell
    price1_1: float = 0.0
    price2_1: float = 0.0
    quantity_1: float = 0.0
    client_order_id_2: str = ""
    order_type_2: int = 0  # OrderType
    buy_sell_2: int = 0  # BuySell
    price1_2: float = 0.0
    price2_2: float = 0.0
    quantity_2: float = 0.0
    time_in_force: int = 0  # TimeInForce
    good_till_date_time: int = 0
    trade_account: str = ""
    is_automated_order: int = 0
    parent_trigger_client_order_id: str = ""
    free_form_text: str = ""
    open_or_close: int = 0  # OpenCloseTrade
    partial_fill_handling: int = 0  # PartialFillHandling
    use_offsets: int = 0
    offset_from_parent1: float = 0.0
    offset_from_parent2: float = 0.0
    maintain_same_prices_on_parent_fill: int = 0
    price1_1_as_string: str = ""
    price2_1_as_string: str = ""
    price1_2_as_string: str = ""
    price2_2_as_string: str = ""


class CancelOrder(Message, frozen=True, gc=False):
    """Type 203; 100 bytes in binary."""

    TYPE: ClassVar[int] = 203

    server_order_id: str = ""
    client_order_id: str = ""
    trade_account: str = ""


class CancelReplaceOrder(Message, frozen=True, gc=False):
    """Type 204; 192 bytes in binary."""

    TYPE: ClassVar[int] = 204

    server_order_id: str = ""
    client_order_id: str = ""
    price1: float = 0.0
    price2: float = 0.0
    quantity: float = 0.0
    price1_is_set: int = 1
    price2_is_set: int = 1
    unused: int = 0
    time_in_force: int = 0  # TimeInForce
    good_till_date_time: int = 0
    update_price1_offset_to_parent: int = 0
    trade_account: str = ""
    price1_as_string: str = ""
    price2_as_string: str = ""


class SubmitNewSingleOrder(Message, frozen=True, gc=False):
    """Type 208; 304 bytes in binary."""

    TYPE: ClassVar[int] = 208

    symbol: str = ""
    exchange: str = ""
    trade_account: str = ""
    client_order_id: str = ""
    order_type: int = 0  # OrderType
    buy_sell: int = 0  # BuySell
    price1: float = 0.0
    price2: float = 0.0
    quantity: float = 0.0
    time_in_force: int = 0  # TimeInForce
    good_till_date_time: int = 0
    is_automated_order: int = 0
    is_parent_order: int = 0
    free_form_text: str = ""
    open_or_close: int = 0  # OpenCloseTrade
    max_show_quantity: float = 0.0
    price1_as_string: str = ""
    price2_as_string: str = ""
    intended_position_quantity: float = 0.0


class SubmitFlattenPositionOrder(Message, frozen=True, gc=False):
    """Type 209; 198 bytes in binary."""

    TYPE: ClassVar[int] = 209

    symbol: str = ""
    exchange: str = ""
    trade_account: str = ""
    client_order_id: str = ""
    free_form_text: str = ""
    is_automated_order: int = 0


class OpenOrdersRequest(Message, frozen=True, gc=False):
    """Type 300; 76 bytes in binary."""

    TYPE: ClassVar[int] = 300

    request_id: int = 0
    request_all_orders: int = 1
    server_order_id: str = ""
    trade_account: str = ""


class OrderUpdate(Message, frozen=True, gc=False):
    """Type 301; 720 bytes in binary."""

    TYPE: ClassVar[int] = 301

    request_id: int = 0
    total_num_messages: int = 0
    message_number: int = 0
    symbol: str = ""
    exchange: str = ""
    previous_server_order_id: str = ""
    server_order_id: str = ""
    client_order_id: str = ""
    exchange_order_id: str = ""
    order_status: int = 0  # OrderStatus
    order_update_reason: int = 0  # OrderUpdateReason
    order_type: int = 0  # OrderType
    buy_sell: int = 0  # BuySell
    price1: float | None = None
    price2: float | None = None
    time_in_force: int = 0  # TimeInForce
    good_till_date_time: int = 0
    order_quantity: float | None = None
    filled_quantity: float | None = None
    remaining_quantity: float | None = None
    average_fill_price: float | None = None
    last_fill_price: float | None = None
    last_fill_date_time: int = 0
    last_fill_quantity: float | None = None
    last_fill_execution_id: str = ""
    trade_account: str = ""
    info_text: str = ""
    no_orders: int = 0
    parent_server_order_id: str = ""
    oco_linked_order_server_order_id: str = ""
    open_or_close: int = 0  # OpenCloseTrade
    previous_client_order_id: str = ""
    free_form_text: str = ""
    order_received_date_time: int = 0
    latest_transaction_date_time: float = 0.0
    username: str = ""


class OpenOrdersReject(Message, frozen=True, gc=False):
    """Type 302; 104 bytes in binary."""

    TYPE: ClassVar[int] = 302

    request_id: int = 0
    reject_text: str = ""


class HistoricalOrderFillsRequest(Message, frozen=True, gc=False):
    """Type 303; 88 bytes in binary."""

    TYPE: ClassVar[int] = 303

    request_id: int = 0
    server_order_id: str = ""
    number_of_days: int = 0
    trade_account: str = ""
    start_date_time: int = 0


class HistoricalOrderFillResponse(Message, frozen=True, gc=False):
    """Type 304; 480 bytes in binary."""

    TYPE: ClassVar[int] = 304

    request_id: int = 0
    total_number_messages: int = 0
    message_number: int = 0
    symbol: str = ""
    exchange: str = ""
    server_order_id: str = ""
    buy_sell: int = 0  # BuySell
    price: float = 0.0
    date_time: int = 0
    quantity: float = 0.0
    unique_execution_id: str = ""
    trade_account: str = ""
    open_close: int = 0  # OpenCloseTrade
    no_order_fills: int = 0
    info_text: str = ""
    high_price_during_position: float = 0.0
    low_price_during_position: float = 0.0
    position_quantity: float | None = None
    username: str = ""
    exchange_order_id: str = ""
    sender_sub_id: str = ""


class CurrentPositionsRequest(Message, frozen=True, gc=False):
    """Type 305; 40 bytes in binary."""

    TYPE: ClassVar[int] = 305

    request_id: int = 0
    trade_account: str = ""


class PositionUpdate(Message, frozen=True, gc=False):
    """Type 306; 240 bytes in binary."""

    TYPE: ClassVar[int] = 306

    request_id: int = 0
    total_number_messages: int = 0
    message_number: int = 0
    symbol: str = ""
    exchange: str = ""
    quantity: float = 0.0
    average_price: float = 0.0
    position_identifier: str = ""
    trade_account: str = ""
    no_positions: int = 0
    unsolicited: int = 0
    margin_requirement: float = 0.0
    entry_date_time: int = 0
    open_profit_loss: float = 0.0
    high_price_during_position: float = 0.0
    low_price_during_position: float = 0.0
    quantity_limit: float = 0.0
    max_potential_postion_quantity: float = 0.0


class CurrentPositionsReject(Message, frozen=True, gc=False):
    """Type 307; 104 bytes in binary."""

    TYPE: ClassVar[int] = 307

    request_id: int = 0
    reject_text: str = ""


class HistoricalOrderFillsReject(Message, frozen=True, gc=False):
    """Type 308; 104 bytes in binary."""

    TYPE: ClassVar[int] = 308

    request_id: int = 0
    reject_text: str = ""


class AddCorrectingOrderFill(Message, frozen=True, gc=False):
    """Type 309; 216 bytes in binary."""

    TYPE: ClassVar[int] = 309

    symbol: str = ""
    exchange: str = ""
    trade_account: str = ""
    client_order_id: str = ""
    buy_sell: int = 0  # BuySell
    fill_price: float = 0.0
    fill_quantity: float = 0.0
    free_form_text: str = ""


class CorrectingOrderFillResponse(Message, frozen=True, gc=False):
    """Type 310; 294 bytes in binary."""

    TYPE: ClassVar[int] = 310

    client_order_id: str = ""
    result_text: str = ""
    is_error: int = 0
