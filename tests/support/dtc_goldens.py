"""The 22 messages whose bytes a C++ compiler made from the protocol's header, and what they say."""

from pathlib import Path

import minhos.dtc.messages as m

EXPECTED = {
    "ENCODING_REQUEST_JSON": m.EncodingRequest(encoding=2),
    "ENCODING_REQUEST_BINARY": m.EncodingRequest(),
    "ENCODING_RESPONSE_JSON": m.EncodingResponse(encoding=2),
    "LOGON_REQUEST": m.LogonRequest(
        username="user", password="pass", integer_1=1572868, heartbeat_interval_in_seconds=10, client_name="MinhOS"
    ),
    "LOGON_RESPONSE": m.LogonResponse(
        result_text="ok",
        server_name="SC DTC Server",
        trading_is_supported=1,
        oco_orders_supported=1,
        security_definitions_supported=1,
        historical_price_data_supported=1,
        bracket_orders_supported=1,
    ),
    "HEARTBEAT": m.Heartbeat(current_date_time=1756800000),
    "MARKET_DATA_REQUEST": m.MarketDataRequest(symbol_id=1, symbol="NQU25-CME"),
    "MARKET_DATA_REJECT": m.MarketDataReject(symbol_id=1, reject_text="Market data request not allowed"),
    "MARKET_DATA_SNAPSHOT": m.MarketDataSnapshot(
        symbol_id=1,
        bid_price=23500.25,
        ask_price=23500.5,
        last_trade_price=23500.5,
        last_trade_volume=3.0,
        last_trade_date_time=1756800000.125,
    ),
    "MARKET_DATA_UPDATE_TRADE": m.MarketDataUpdateTrade(
        symbol_id=1, at_bid_or_ask=2, price=23500.5, volume=2.0, date_time=1756800000.125
    ),
    "MARKET_DATA_UPDATE_TRADE_COMPACT": m.MarketDataUpdateTradeCompact(
        price=23500.5, volume=2.0, date_time=1756800000, symbol_id=1, at_bid_or_ask=2
    ),
    "MARKET_DATA_UPDATE_TRADE_WITH_UNBUNDLED_INDICATOR_2": m.MarketDataUpdateTradeWithUnbundledIndicator2(
        symbol_id=1, price=23500.25, volume=2, date_time=1756800000125000, at_bid_or_ask=1, unbundled_trade_indicator=1
    ),
    "MARKET_DATA_UPDATE_BID_ASK_COMPACT": m.MarketDataUpdateBidAskCompact(
        bid_price=23500.25, bid_quantity=4.0, ask_price=23500.5, ask_quantity=5.0, date_time=1756800000, symbol_id=1
    ),
    "MARKET_DATA_UPDATE_BID_ASK_FLOAT_WITH_MICROSECONDS": m.MarketDataUpdateBidAskFloatWithMicroseconds(
        symbol_id=1,
        bid_price=23500.25,
        bid_quantity=4.0,
        ask_price=23500.5,
        ask_quantity=5.0,
        date_time=1756800000125000,
    ),
    "SUBMIT_NEW_SINGLE_ORDER": m.SubmitNewSingleOrder(
        symbol="NQU25-CME",
        trade_account="Sim1",
        client_order_id="minhos-1",
        order_type=2,
        buy_sell=1,
        price1=23500.25,
        quantity=1.0,
        time_in_force=1,
        is_automated_order=1,
    ),
    "CANCEL_REPLACE_ORDER": m.CancelReplaceOrder(
        server_order_id="1001",
        client_order_id="minhos-1",
        price1=23499.75,
        quantity=1.0,
        price2_is_set=0,
        trade_account="Sim1",
    ),
    "CANCEL_ORDER": m.CancelOrder(server_order_id="1001", client_order_id="minhos-1", trade_account="Sim1"),
    "ORDER_UPDATE": m.OrderUpdate(
        total_num_messages=1,
        message_number=1,
        symbol="NQU25-CME",
        server_order_id="1001",
        client_order_id="minhos-1",
        order_status=7,
        order_update_reason=4,
        order_type=2,
        buy_sell=1,
        price1=23500.25,
        time_in_force=1,
        order_quantity=1.0,
        filled_quantity=1.0,
        remaining_quantity=0.0,
        average_fill_price=23500.25,
        last_fill_price=23500.25,
        last_fill_date_time=1756800000125,
        last_fill_quantity=1.0,
        last_fill_execution_id="E1",
        trade_account="Sim1",
    ),
    "POSITION_UPDATE": m.PositionUpdate(
        total_number_messages=1,
        message_number=1,
        symbol="NQU25-CME",
        quantity=-1.0,
        average_price=23500.25,
        trade_account="Sim1",
        unsolicited=1,
    ),
    "HISTORICAL_PRICE_DATA_REQUEST": m.HistoricalPriceDataRequest(
        request_id=7, symbol="EURUSD", record_interval=300, start_date_time=1756684800, use_zlib_compression=1
    ),
    "HISTORICAL_PRICE_DATA_RESPONSE_HEADER": m.HistoricalPriceDataResponseHeader(
        request_id=7, record_interval=300, use_zlib_compression=1
    ),
    "HISTORICAL_PRICE_DATA_RECORD_RESPONSE": m.HistoricalPriceDataRecordResponse(
        request_id=7,
        start_date_time=1756684800000000,
        open_price=1.1,
        high_price=1.2,
        low_price=1.0,
        last_price=1.15,
        volume=100.0,
        num_trades=10,
        bid_volume=40.0,
        ask_volume=60.0,
        is_final_record=1,
    ),
}


def goldens() -> list[tuple[str, bytes, m.Message]]:
    """Name, bytes and message of each."""
    lines = (Path(__file__).parent / "golden_binary.txt").read_text().split("\n")
    rows = [line.split() for line in lines if line]
    return [(name, bytes.fromhex(digits), EXPECTED[name]) for name, _, digits in rows]
