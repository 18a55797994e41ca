"""The enumerations of the protocol.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

import enum


class LogonStatus(enum.IntEnum):
    """LogonStatusEnum."""

    SUCCESS = 1
    ERROR = 2
    ERROR_NO_RECONNECT = 3
    RECONNECT_NEW_ADDRESS = 4


class RequestAction(enum.IntEnum):
    """RequestActionEnum."""

    SUBSCRIBE = 1
    UNSUBSCRIBE = 2
    SNAPSHOT = 3
    SNAPSHOT_WITH_INTERVAL_UPDATES = 4


class UnbundledTradeIndicator(enum.IntEnum):
    """UnbundledTradeIndicatorEnum."""

    NONE = 0
    FIRST_SUB_TRADE_OF_UNBUNDLED_TRADE = 1
    LAST_SUB_TRADE_OF_UNBUNDLED_TRADE = 2


class OrderStatus(enum.IntEnum):
    """OrderStatusEnum."""

    UNSPECIFIED = 0
    ORDER_SENT = 1
    PENDING_OPEN = 2
    PENDING_CHILD = 3
    OPEN = 4
    PENDING_CANCEL_REPLACE = 5
    PENDING_CANCEL = 6
    FILLED = 7
    CANCELED = 8
    REJECTED = 9
    PARTIALLY_FILLED = 10


class OrderUpdateReason(enum.IntEnum):
    """OrderUpdateReasonEnum."""

    UNSET = 0
    OPEN_ORDERS_REQUEST_RESPONSE = 1
    NEW_ORDER_ACCEPTED = 2
    GENERAL_ORDER_UPDATE = 3
    ORDER_FILLED = 4
    ORDER_FILLED_PARTIALLY = 5
    ORDER_CANCELED = 6
    ORDER_CANCEL_REPLACE_COMPLETE = 7
    NEW_ORDER_REJECTED = 8
    ORDER_CANCEL_REJECTED = 9
    ORDER_CANCEL_REPLACE_REJECTED = 10


class AtBidOrAsk(enum.IntEnum):
    """AtBidOrAskEnum."""

    UNSET = 0
    AT_BID = 1
    AT_ASK = 2


class MarketDepthUpdateType(enum.IntEnum):
    """MarketDepthUpdateTypeEnum."""

    UNSET = 0
    INSERT_UPDATE_LEVEL = 1
    DELETE_LEVEL = 2


class FinalUpdateInBatch(enum.IntEnum):
    """FinalUpdateInBatchEnum."""

    UNSET = 0
    TRUE = 1
    FALSE = 2
    BEGIN_BATCH = 3


class MessageSetBoundary(enum.IntEnum):
    """MessageSetBoundaryEnum."""

    UNSET = 0
    BEGIN = 1
    END = 2


class OrderType(enum.IntEnum):
    """OrderTypeEnum."""

    UNSET = 0
    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    MARKET_IF_TOUCHED = 5
    LIMIT_IF_TOUCHED = 6
    MARKET_LIMIT = 7


class TimeInForce(enum.IntEnum):
    """TimeInForceEnum."""

    UNSET = 0
    DAY = 1
    GOOD_TILL_CANCELED = 2
    GOOD_TILL_DATE_TIME = 3
    IMMEDIATE_OR_CANCEL = 4
    ALL_OR_NONE = 5
    FILL_OR_KILL = 6


class BuySell(enum.IntEnum):
    """BuySellEnum."""

    UNSET = 0
    BUY = 1
    SELL = 2


class OpenCloseTrade(enum.IntEnum):
    """OpenCloseTradeEnum."""

    UNSET = 0
    OPEN = 1
    CLOSE = 2


class PartialFillHandling(enum.IntEnum):
    """PartialFillHandlingEnum."""

    UNSET = 0
    REDUCE_QUANTITY = 1
    IMMEDIATE_CANCEL = 2


class MarketDataFeedStatus(enum.IntEnum):
    """MarketDataFeedStatusEnum."""

    UNSET = 0
    UNAVAILABLE = 1
    AVAILABLE = 2


class TradingStatus(enum.IntEnum):
    """TradingStatusEnum."""

    UNKNOWN = 0
    PRE_OPEN = 1
    OPEN = 2
    CLOSE = 3
    TRADING_HALT = 4


class PriceDisplayFormat(enum.IntEnum):
    """PriceDisplayFormatEnum."""

    UNSET = -1
    DECIMAL_0 = 0
    DECIMAL_1 = 1
    DECIMAL_2 = 2
    DECIMAL_3 = 3
    DECIMAL_4 = 4
    DECIMAL_5 = 5
    DECIMAL_6 = 6
    DECIMAL_7 = 7
    DECIMAL_8 = 8
    DECIMAL_9 = 9
    DENOMINATOR_256 = 356
    DENOMINATOR_128 = 228
    DENOMINATOR_64 = 164
    DENOMINATOR_32_EIGHTHS = 140
    DENOMINATOR_32_QUARTERS = 136
    DENOMINATOR_32_HALVES = 134
    DENOMINATOR_32 = 132
    DENOMINATOR_16 = 116
    DENOMINATOR_8 = 108
    DENOMINATOR_4 = 104
    DENOMINATOR_2 = 102


class SecurityType(enum.IntEnum):
    """SecurityTypeEnum."""

    UNSET = 0
    FUTURES = 1
    STOCK = 2
    FOREX = 3
    INDEX = 4
    FUTURES_STRATEGY = 5
    FUTURES_OPTION = 7
    STOCK_OPTION = 6
    INDEX_OPTION = 8
    BOND = 9
    MUTUAL_FUND = 10


class PutCall(enum.IntEnum):
    """PutCallEnum."""

    UNSET = 0
    CALL = 1
    PUT = 2


class SearchType(enum.IntEnum):
    """SearchTypeEnum."""

    UNSET = 0
    BY_SYMBOL = 1
    BY_DESCRIPTION = 2


class HistoricalDataInterval(enum.IntEnum):
    """HistoricalDataIntervalEnum."""

    INTERVAL_TICK = 0
    INTERVAL_1_SECOND = 1
    INTERVAL_2_SECONDS = 2
    INTERVAL_4_SECONDS = 4
    INTERVAL_5_SECONDS = 5
    INTERVAL_10_SECONDS = 10
    INTERVAL_30_SECONDS = 30
    INTERVAL_1_MINUTE = 60
    INTERVAL_5_MINUTE = 300
    INTERVAL_10_MINUTE = 600
    INTERVAL_15_MINUTE = 900
    INTERVAL_30_MINUTE = 1800
    INTERVAL_1_HOUR = 3600
    INTERVAL_2_HOURS = 7200
    INTERVAL_1_DAY = 86400
    INTERVAL_1_WEEK = 604800


class HistoricalPriceDataRejectReasonCode(enum.IntEnum):
    """HistoricalPriceDataRejectReasonCodeEnum."""

    UNSET = 0
    UNABLE_TO_SERVE_DATA_RETRY_IN_SPECIFIED_SECONDS = 1
    UNABLE_TO_SERVE_DATA_DO_NOT_RETRY = 2
    DATA_REQUEST_OUTSIDE_BOUNDS_OF_AVAILABLE_DATA = 3
    GENERAL_REJECT_ERROR = 4


class TradeCondition(enum.IntEnum):
    """TradeConditionEnum."""

    NONE = 0
    NON_LAST_UPDATE_EQUITY_TRADE = 1
    ODD_LOT_EQUITY_TRADE = 2
