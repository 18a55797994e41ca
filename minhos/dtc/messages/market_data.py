"""Trades, quotes and the statistics of a session.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class MarketDataFeedStatus(Message, frozen=True, gc=False):
    """Type 100; 8 bytes in binary."""

    TYPE: ClassVar[int] = 100

    status: int = 0  # MarketDataFeedStatus


class MarketDataRequest(Message, frozen=True, gc=False):
    """Type 101; 96 bytes in binary."""

    TYPE: ClassVar[int] = 101

    request_action: int = 1  # RequestAction
    symbol_id: int = 0
    symbol: str = ""
    exchange: str = ""
    interval_for_snapshot_updates_in_milliseconds: int = 0


class MarketDataReject(Message, frozen=True, gc=False):
    """Type 103; 104 bytes in binary."""

    TYPE: ClassVar[int] = 103

    symbol_id: int = 0
    reject_text: str = ""


class MarketDataSnapshot(Message, frozen=True, gc=False):
    """Type 104; 144 bytes in binary."""

    TYPE: ClassVar[int] = 104

    symbol_id: int = 0
    session_settlement_price: float | None = None
    session_open_price: float | None = None
    session_high_price: float | None = None
    session_low_price: float | None = None
    session_volume: float | None = None
    session_num_trades: int | None = None
    open_interest: int | None = None
    bid_price: float | None = None
    ask_price: float | None = None
    ask_quantity: float | None = None
    bid_quantity: float | None = None
    last_trade_price: float | None = None
    last_trade_volume: float | None = None
    last_trade_date_time: float = 0.0
    bid_ask_date_time: float = 0.0
    session_settlement_date_time: int = 0
    trading_session_date: int = 0
    trading_status: int = 0  # TradingStatus
    market_depth_update_date_time: float = 0.0


class MarketDataUpdateTrade(Message, frozen=True, gc=False):
    """Type 107; 40 bytes in binary."""

    TYPE: ClassVar[int] = 107

    symbol_id: int = 0
    at_bid_or_ask: int = 0  # AtBidOrAsk
    price: float = 0.0
    volume: float = 0.0
    date_time: float = 0.0


class MarketDataUpdateBidAsk(Message, frozen=True, gc=False):
    """Type 108; 40 bytes in binary."""

    TYPE: ClassVar[int] = 108

    symbol_id: int = 0
    bid_price: float | None = None
    bid_quantity: float = 0.0
    ask_price: float | None = None
    ask_quantity: float = 0.0
    date_time: int = 0


class MarketDataUpdateTradeCompact(Message, frozen=True, gc=False):
    """Type 112; 24 bytes in binary."""

    TYPE: ClassVar[int] = 112

    price: float = 0.0
    volume: float = 0.0
    date_time: int = 0
    symbol_id: int = 0
    at_bid_or_ask: int = 0  # AtBidOrAsk


class MarketDataUpdateSessionVolume(Message, frozen=True, gc=False):
    """Type 113; 24 bytes in binary."""

    TYPE: ClassVar[int] = 113

    symbol_id: int = 0
    volume: float = 0.0
    trading_session_date: int = 0
    is_final_session_volume: int = 0


class MarketDataUpdateSessionHigh(Message, frozen=True, gc=False):
    """Type 114; 24 bytes in binary."""

    TYPE: ClassVar[int] = 114

    symbol_id: int = 0
    price: float = 0.0
    trading_session_date: int = 0


class MarketDataUpdateSessionLow(Message, frozen=True, gc=False):
    """Type 115; 24 bytes in binary."""

    TYPE: ClassVar[int] = 115

    symbol_id: int = 0
    price: float = 0.0
    trading_session_date: int = 0


class MarketDataFeedSymbolStatus(Message, frozen=True, gc=False):
    """Type 116; 12 bytes in binary."""

    TYPE: ClassVar[int] = 116

    symbol_id: int = 0
    status: int = 0  # MarketDataFeedStatus


class MarketDataUpdateBidAskCompact(Message, frozen=True, gc=False):
    """Type 117; 28 bytes in binary."""

    TYPE: ClassVar[int] = 117

    bid_price: float | None = None
    bid_quantity: float = 0.0
    ask_price: float | None = None
    ask_quantity: float = 0.0
    date_time: int = 0
    symbol_id: int = 0


class MarketDataUpdateSessionSettlement(Message, frozen=True, gc=False):
    """Type 119; 24 bytes in binary."""

    TYPE: ClassVar[int] = 119

    symbol_id: int = 0
    price: float = 0.0
    date_time: int = 0


class MarketDataUpdateSessionOpen(Message, frozen=True, gc=False):
    """Type 120; 24 bytes in binary."""

    TYPE: ClassVar[int] = 120

    symbol_id: int = 0
    price: float = 0.0
    trading_session_date: int = 0


class MarketDataUpdateOpenInterest(Message, frozen=True, gc=False):
    """Type 124; 16 bytes in binary."""

    TYPE: ClassVar[int] = 124

    symbol_id: int = 0
    open_interest: int = 0
    trading_session_date: int = 0


class MarketDataUpdateLastTradeSnapshot(Message, frozen=True, gc=False):
    """Type 134; 32 bytes in binary."""

    TYPE: ClassVar[int] = 134

    symbol_id: int = 0
    last_trade_price: float = 0.0
    last_trade_volume: float = 0.0
    last_trade_date_time: float = 0.0


class MarketDataUpdateSessionNumTrades(Message, frozen=True, gc=False):
    """Type 135; 16 bytes in binary."""

    TYPE: ClassVar[int] = 135

    symbol_id: int = 0
    num_trades: int = 0
    trading_session_date: int = 0


class MarketDataUpdateTradingSessionDate(Message, frozen=True, gc=False):
    """Type 136; 12 bytes in binary."""

    TYPE: ClassVar[int] = 136

    symbol_id: int = 0
    date: int = 0


class MarketDataUpdateTradeWithUnbundledIndicator(Message, frozen=True, gc=False):
    """Type 137; 40 bytes in binary."""

    TYPE: ClassVar[int] = 137

    symbol_id: int = 0
    at_bid_or_ask: int = 0  # AtBidOrAsk
    unbundled_trade_indicator: int = 0  # UnbundledTradeIndicator
    trade_condition: int = 0
    reserve_1: int = 0
    reserve_2: int = 0
    price: float = 0.0
    volume: int = 0
    reserve_3: int = 0
    date_time: float = 0.0


class TradingSymbolStatus(Message, frozen=True, gc=False):
    """Type 138; 12 bytes in binary."""

    TYPE: ClassVar[int] = 138

    symbol_id: int = 0
    status: int = 0  # TradingStatus


class MarketDataUpdateTradeNoTimestamp(Message, frozen=True, gc=False):
    """Type 142; 19 bytes in binary."""

    TYPE: ClassVar[int] = 142

    symbol_id: int = 0
    price: float = 0.0
    volume: int = 0
    at_bid_or_ask: int = 0  # AtBidOrAsk
    unbundled_trade_indicator: int = 0  # UnbundledTradeIndicator
    trade_condition: int = 0  # TradeCondition


class MarketDataUpdateBidAskNoTimeStamp(Message, frozen=True, gc=False):
    """Type 143; 24 bytes in binary."""

    TYPE: ClassVar[int] = 143

    symbol_id: int = 0
    bid_price: float | None = None
    bid_quantity: int = 0
    ask_price: float | None = None
    ask_quantity: int = 0


class MarketDataUpdateBidAskFloatWithMicroseconds(Message, frozen=True, gc=False):
    """Type 144; 32 bytes in binary."""

    TYPE: ClassVar[int] = 144

    symbol_id: int = 0
    bid_price: float | None = None
    bid_quantity: float = 0.0
    ask_price: float | None = None
    ask_quantity: float = 0.0
    date_time: int = 0


class MarketDataUpdateTradeWithUnbundledIndicator2(Message, frozen=True, gc=False):
    """Type 146; 27 bytes in binary."""

    TYPE: ClassVar[int] = 146

    symbol_id: int = 0
    price: float = 0.0
    volume: int = 0
    date_time: int = 0
    at_bid_or_ask: int = 0  # AtBidOrAsk
    unbundled_trade_indicator: int = 0  # UnbundledTradeIndicator
    trade_condition: int = 0  # TradeCondition
