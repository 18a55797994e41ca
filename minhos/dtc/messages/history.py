"""Historical prices and depth.

Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file.
"""

from typing import ClassVar

from minhos.dtc.messages.base import Message


class HistoricalPriceDataRequest(Message, frozen=True, gc=False):
    """Type 800; 128 bytes in binary."""

    TYPE: ClassVar[int] = 800

    request_id: int = 0
    symbol: str = ""
    exchange: str = ""
    record_interval: int = 0  # HistoricalDataInterval
    start_date_time: int = 0
    end_date_time: int = 0
    max_days_to_return: int = 0
    use_zlib_compression: int = 0
    request_dividend_adjusted_stock_data: int = 0
    integer_1: int = 0
    use_zlib_ng_compression: int = 0


class HistoricalPriceDataResponseHeader(Message, frozen=True, gc=False):
    """Type 801; 24 bytes in binary."""

    TYPE: ClassVar[int] = 801

    request_id: int = 0
    record_interval: int = 0  # HistoricalDataInterval
    use_zlib_compression: int = 0
    no_records_to_return: int = 0
    int_to_float_price_divisor: float = 0.0
    use_zlib_ng_compression: int = 0


class HistoricalPriceDataReject(Message, frozen=True, gc=False):
    """Type 802; 108 bytes in binary."""

    TYPE: ClassVar[int] = 802

    request_id: int = 0
    reject_text: str = ""
    reject_reason_code: int = 0  # HistoricalPriceDataRejectReasonCode
    retry_time_in_seconds: int = 0


class HistoricalPriceDataRecordResponse(Message, frozen=True, gc=False):
    """Type 803; 88 bytes in binary."""

    TYPE: ClassVar[int] = 803

    request_id: int = 0
    start_date_time: int = 0
    open_price: float = 0.0
    high_price: float = 0.0
    low_price: float = 0.0
    last_price: float = 0.0
    volume: float = 0.0
    num_trades: int = 0
    bid_volume: float = 0.0
    ask_volume: float = 0.0
    is_final_record: int = 0


class HistoricalPriceDataTickRecordResponse(Message, frozen=True, gc=False):
    """Type 804; 48 bytes in binary."""

    TYPE: ClassVar[int] = 804

    request_id: int = 0
    date_time: float = 0.0
    at_bid_or_ask: int = 0  # AtBidOrAsk
    price: float = 0.0
    volume: float = 0.0
    is_final_record: int = 0


class HistoricalPriceDataResponseTrailer(Message, frozen=True, gc=False):
    """Type 807; 16 bytes in binary."""

    TYPE: ClassVar[int] = 807

    request_id: int = 0
    final_record_last_date_time: int = 0


class HistoricalMarketDepthDataRequest(Message, frozen=True, gc=False):
    """Type 900; 112 bytes in binary."""

    TYPE: ClassVar[int] = 900

    request_id: int = 0
    symbol: str = ""
    exchange: str = ""
    start_date_time: int = 0
    end_date_time: int = 0
    use_zlib_compression: int = 0
    integer_1: int = 0
    use_zlib_ng_compression: int = 0


class HistoricalMarketDepthDataResponseHeader(Message, frozen=True, gc=False):
    """Type 901; 12 bytes in binary."""

    TYPE: ClassVar[int] = 901

    request_id: int = 0
    use_zlib_compression: int = 0
    no_records_to_return: int = 0
    use_zlib_ng_compression: int = 0


class HistoricalMarketDepthDataReject(Message, frozen=True, gc=False):
    """Type 902; 108 bytes in binary."""

    TYPE: ClassVar[int] = 902

    request_id: int = 0
    reject_text: str = ""
    reject_reason_code: int = 0  # HistoricalPriceDataRejectReasonCode


class HistoricalMarketDepthDataRecordResponse(Message, frozen=True, gc=False):
    """Type 903; 32 bytes in binary."""

    TYPE: ClassVar[int] = 903

    request_id: int = 0
    start_date_time: int = 0
    command: int = 0
    flags: int = 0
    num_orders: int = 0
    price: float = 0.0
    quantity: int = 0
    is_final_record: int = 0
