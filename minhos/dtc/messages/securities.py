"""Security definitions and symbol searches.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class ExchangeListRequest(Message, frozen=True, gc=False):
    """Type 500; 8 bytes in binary."""

    TYPE: ClassVar[int] = 500

    request_id: int = 0


class ExchangeListResponse(Message, frozen=True, gc=False):
    """Type 501; 76 bytes in binary."""

    TYPE: ClassVar[int] = 501

    request_id: int = 0
    exchange: str = ""
    is_final_message: int = 0
    description: str = ""


class SymbolsForExchangeRequest(Message, frozen=True, gc=False):
    """Type 502; 96 bytes in binary."""

    TYPE: ClassVar[int] = 502

    request_id: int = 0
    exchange: str = ""
    security_type: int = 0  # SecurityType
    request_action: int = 1  # RequestAction
    symbol: str = ""


class UnderlyingSymbolsForExchangeRequest(Message, frozen=True, gc=False):
    """Type 503; 28 bytes in binary."""

    TYPE: ClassVar[int] = 503

    request_id: int = 0
    exchange: str = ""
    security_type: int = 0  # SecurityType


class SymbolsForUnderlyingRequest(Message, frozen=True, gc=False):
    """Type 504; 60 bytes in binary."""

    TYPE: ClassVar[int] = 504

    request_id: int = 0
    underlying_symbol: str = ""
    exchange: str = ""
    security_type: int = 0  # SecurityType


class SecurityDefinitionForSymbolRequest(Message, frozen=True, gc=False):
    """Type 506; 88 bytes in binary."""

    TYPE: ClassVar[int] = 506

    request_id: int = 0
    symbol: str = ""
    exchange: str = ""


class SecurityDefinitionResponse(Message, frozen=True, gc=False):
    """Type 507; 432 bytes in binary."""

    TYPE: ClassVar[int] = 507

    request_id: int = 0
    symbol: str = ""
    exchange: str = ""
    security_type: int = 0  # SecurityType
    description: str = ""
    min_price_increment: float = 0.0
    price_display_format: int = -1  # PriceDisplayFormat
    currency_value_per_increment: float = 0.0
    is_final_message: int = 0
    float_to_int_price_multiplier: float = 1.0
    int_to_float_price_divisor: float = 1.0
    underlying_symbol: str = ""
    updates_bid_ask_only: int = 0
    strike_price: float = 0.0
    put_or_call: int = 0  # PutCall
    short_interest: int = 0
    security_expiration_date: int = 0
    buy_rollover_interest: float = 0.0
    sell_rollover_interest: float = 0.0
    earnings_per_share: float = 0.0
    shares_outstanding: int = 0
    int_to_float_quantity_divisor: float = 0.0
    has_market_depth_data: int = 1
    display_price_multiplier: float = 1.0
    exchange_symbol: str = ""
    initial_margin_requirement: float = 0.0
    maintenance_margin_requirement: float = 0.0
    currency: str = ""
    contract_size: float = 0.0
    open_interest: int = 0
    rollover_date: int = 0
    is_delayed: int = 0
    security_identifier: int = 0
    product_identifier: str = ""


class SymbolSearchRequest(Message, frozen=True, gc=False):
    """Type 508; 96 bytes in binary."""

    TYPE: ClassVar[int] = 508

    request_id: int = 0
    search_text: str = ""
    exchange: str = ""
    security_type: int = 0  # SecurityType
    search_type: int = 0  # SearchType


class SecurityDefinitionReject(Message, frozen=True, gc=False):
    """Type 509; 104 bytes in binary."""

    TYPE: ClassVar[int] = 509

    request_id: int = 0
    reject_text: str = ""
