"""Logging on, staying connected, logging off, and the choice of an encoding.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class LogonRequest(Message, frozen=True, gc=False):
    """Type 1; 284 bytes in binary."""

    TYPE: ClassVar[int] = 1

    protocol_version: int = 8
    username: str = ""
    password: str = ""
    general_text_data: str = ""
    integer_1: int = 0
    integer_2: int = 0
    heartbeat_interval_in_seconds: int = 0
    unused1: int = 0
    trade_account: str = ""
    hardware_identifier: str = ""
    client_name: str = ""
    market_data_transmission_interval: int = 0


class LogonResponse(Message, frozen=True, gc=False):
    """Type 2; 256 bytes in binary."""

    TYPE: ClassVar[int] = 2

    protocol_version: int = 8
    result: int = 1  # LogonStatus
    result_text: str = ""
    reconnect_address: str = ""
    integer_1: int = 0
    server_name: str = ""
    market_depth_updates_best_bid_and_ask: int = 0
    trading_is_supported: int = 0
    oco_orders_supported: int = 0
    order_cancel_replace_supported: int = 1
    symbol_exchange_delimiter: str = ""
    security_definitions_supported: int = 0
    historical_price_data_supported: int = 0
    resubscribe_when_market_data_feed_available: int = 0
    market_depth_is_supported: int = 1
    one_historical_price_data_request_per_connection: int = 0
    bracket_orders_supported: int = 0
    unused_1: int = 0
    uses_multiple_positions_per_symbol_and_trade_account: int = 0
    market_data_supported: int = 1


class Heartbeat(Message, frozen=True, gc=False):
    """Type 3; 16 bytes in binary."""

    TYPE: ClassVar[int] = 3

    num_dropped_messages: int = 0
    current_date_time: int = 0


class Logoff(Message, frozen=True, gc=False):
    """Type 5; 102 bytes in binary."""

    TYPE: ClassVar[int] = 5

    reason: str = ""
    do_not_reconnect: int = 0


class EncodingRequest(Message, frozen=True, gc=False):
    """Type 6; 16 bytes in binary."""

    TYPE: ClassVar[int] = 6

    protocol_version: int = 8
    encoding: int = 0
    protocol_type: str = "DTC"


class EncodingResponse(Message, frozen=True, gc=False):
    """Type 7; 16 bytes in binary."""

    TYPE: ClassVar[int] = 7

    protocol_version: int = 8
    encoding: int = 0
    protocol_type: str = "DTC"
