"""The book by price level and by order.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class MarketDepthRequest(Message, frozen=True, gc=False):
    """Type 102; 96 bytes in binary."""

    TYPE: ClassVar[int] = 102

    request_action: int = 1  # RequestAction
    symbol_id: int = 0
    symbol: str = ""
    exchange: str = ""
    num_levels: int = 0


class MarketDepthUpdateLevel(Message, frozen=True, gc=False):
    """Type 106; 56 bytes in binary."""

    TYPE: ClassVar[int] = 106

    symbol_id: int = 0
    side: int = 0  # AtBidOrAsk
    price: float = 0.0
    quantity: float = 0.0
    update_type: int = 0  # MarketDepthUpdateType
    date_time: float = 0.0
    num_orders: int = 0
    final_update_in_batch: int = 0  # FinalUpdateInBatch
    level: int = 0


class MarketDepthReject(Message, frozen=True, gc=False):
    """Type 121; 104 bytes in binary."""

    TYPE: ClassVar[int] = 121

    symbol_id: int = 0
    reject_text: str = ""


class MarketDepthSnapshotLevel(Message, frozen=True, gc=False):
    """Type 122; 56 bytes in binary."""

    TYPE: ClassVar[int] = 122

    symbol_id: int = 0
    side: int = 0  # AtBidOrAsk
    price: float = 0.0
    quantity: float = 0.0
    level: int = 0
    is_first_message_in_batch: int = 0
    is_last_message_in_batch: int = 0
    date_time: float = 0.0
    num_orders: int = 0


class MarketDepthUpdateLevelFloatWithMilliseconds(Message, frozen=True, gc=False):
    """Type 140; 31 bytes in binary."""

    TYPE: ClassVar[int] = 140

    symbol_id: int = 0
    date_time: int = 0
    price: float = 0.0
    quantity: float = 0.0
    side: int = 0  # AtBidOrAsk
    update_type: int = 0  # MarketDepthUpdateType
    num_orders: int = 0
    final_update_in_batch: int = 0  # FinalUpdateInBatch
    level: int = 0


class MarketDepthUpdateLevelNoTimestamp(Message, frozen=True, gc=False):
    """Type 141; 23 bytes in binary."""

    TYPE: ClassVar[int] = 141

    symbol_id: int = 0
    price: float = 0.0
    quantity: float = 0.0
    num_orders: int = 0
    side: int = 0
    update_type: int = 0
    final_update_in_batch: int = 0  # FinalUpdateInBatch
    level: int = 0


class MarketDepthSnapshotLevelFloat(Message, frozen=True, gc=False):
    """Type 145; 24 bytes in binary."""

    TYPE: ClassVar[int] = 145

    symbol_id: int = 0
    price: float = 0.0
    quantity: float = 0.0
    num_orders: int = 0
    level: int = 0
    side: int = 0  # AtBidOrAsk
    final_update_in_batch: int = 0  # FinalUpdateInBatch


class MarketOrdersRequest(Message, frozen=True, gc=False):
    """Type 150; 96 bytes in binary."""

    TYPE: ClassVar[int] = 150

    request_action: int = 1  # RequestAction
    symbol_id: int = 0
    symbol: str = ""
    exchange: str = ""
    send_quantities_greater_or_equal_to: int = 0


class MarketOrdersReject(Message, frozen=True, gc=False):
    """Type 151; 104 bytes in binary."""

    TYPE: ClassVar[int] = 151

    symbol_id: int = 0
    reject_text: str = ""


class MarketOrdersAdd(Message, frozen=True, gc=False):
    """Type 152; 40 bytes in binary."""

    TYPE: ClassVar[int] = 152

    symbol_id: int = 0
    side: int = 0  # BuySell
    quantity: int = 0
    price: float = 0.0
    order_id: int = 0
    date_time: int = 0


class MarketOrdersModify(Message, frozen=True, gc=False):
    """Type 153; 60 bytes in binary."""

    TYPE: ClassVar[int] = 153

    symbol_id: int = 0
    side: int = 0  # BuySell
    quantity: int = 0
    price: float = 0.0
    order_id: int = 0
    prior_price: float = 0.0
    prior_quantity: int = 0
    prior_order_id: int = 0
    date_time: int = 0


class MarketOrdersRemove(Message, frozen=True, gc=False):
    """Type 154; 40 bytes in binary."""

    TYPE: ClassVar[int] = 154

    symbol_id: int = 0
    quantity: int = 0
    price: float = 0.0
    order_id: int = 0
    date_time: int = 0
    side: int = 0  # BuySell


class MarketOrdersSnapshotMessageBoundary(Message, frozen=True, gc=False):
    """Type 155; 9 bytes in binary."""

    TYPE: ClassVar[int] = 155

    symbol_id: int = 0
    message_boundary: int = 0  # MessageSetBoundary
