"""Records of .scid files as DTC messages and back, bit for bit: what the bridge and its mirror agree on.

History carries every record in Sierra Chart's own form of 803: Open as it stands (0, a sub-trade marker, or a bar's
open), High and Low (ask and bid of a tick), Last; stamps in microseconds since 1970.  Live, a tick is a quote (144)
and a trade (146).  Only a price that is no number, which no reader takes for a trade, becomes 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minhos.dtc import messages as m
from minhos.dtc.layouts import HEADER, LAYOUTS
from minhos.dtc.messages import Message
from minhos.dtc.messages.enums import AtBidOrAsk, UnbundledTradeIndicator
from minhos.errors import DtcError
from minhos.feeds.scid.files import EPOCH_US
from minhos.feeds.scid.fold import FIRST_SUB_TRADE, LAST_SUB_TRADE, MAX_PRICE, RECORD, Records

FIELDS = {
    "open": "OpenPrice",
    "high": "HighPrice",
    "low": "LowPrice",
    "close": "LastPrice",
    "trades": "NumTrades",
    "volume": "Volume",
    "bid_volume": "BidVolume",
    "ask_volume": "AskVolume",
}
"""Columns of a record, without the stamp, and the fields of 803 that carry them."""
SERVER_NAME = "MinhOS bridge"
PRICES = ("open", "high", "low", "close")
NO_TICKS = m.MarketDataFeedSymbolStatus(status=1)
"""Published for a symbol whose newest records the live messages cannot carry: they are to be taken by history."""
REWRITTEN = m.MarketDataFeedStatus(status=2)
"""Published to all when a file is not the one of before with records added: what was copied is to be compared."""

_ROW = LAYOUTS[m.HistoricalPriceDataRecordResponse.TYPE]
_CODES = {"i": "<i4", "q": "<i8", "d": "<f8", "I": "<u4", "B": "u1"}
_FIRST = UnbundledTradeIndicator.FIRST_SUB_TRADE_OF_UNBUNDLED_TRADE
_LAST = UnbundledTradeIndicator.LAST_SUB_TRADE_OF_UNBUNDLED_TRADE
_OPEN_BITS = {0: 0, int(_FIRST): FIRST_SUB_TRADE, int(_LAST): LAST_SUB_TRADE}
_INDICATORS = {bits: indicator for indicator, bits in _OPEN_BITS.items()}


def _rows(size: int) -> np.dtype[np.void]:
    """An 803 of that many bytes as one row; a newer peer's is longer."""
    return np.dtype(
        {
            "names": ["Size", "Type", *(field.name for field in _ROW.fields)],
            "formats": ["<u2", "<u2", *(_CODES[field.code] for field in _ROW.fields)],
            "offsets": [0, 2, *(field.offset for field in _ROW.fields)],
            "itemsize": size,
        }
    )  # type: ignore[call-overload, no-any-return, unused-ignore]


def packed(records: Records, request_id: int) -> bytes:
    """Records (dtype RECORD) as 803 messages in binary, none of them marked as the last."""
    rows = np.zeros(len(records), _rows(_ROW.size))
    rows["Size"], rows["Type"], rows["RequestID"] = _ROW.size, _ROW.message.TYPE, request_id
    rows["StartDateTime"] = records["stamp"] - EPOCH_US
    for name, field in FIELDS.items():
        rows[field] = records[name]
    for name in PRICES:
        rows[FIELDS[name]][~np.isfinite(records[name])] = 0.0
    return rows.tobytes()


def unpacked(data: bytes) -> tuple[Records, int]:
    """The records of the 803 messages, all of one size, with which data begins, and how many bytes those take.

    Stops before the first message of another type or size, or one that is not there whole.  Raises DtcError for
    an 803 that is too short.
    """
    if len(data) < HEADER.size:
        return np.zeros(0, RECORD), 0
    size, number = HEADER.unpack_from(data)
    if number != _ROW.message.TYPE:
        return np.zeros(0, RECORD), 0
    if size < _ROW.size:
        raise DtcError(f"A historical record has {_ROW.size} bytes; the server sends {size}.")
    rows = np.frombuffer(data, _rows(size), len(data) // size)
    other = np.flatnonzero((rows["Size"] != size) | (rows["Type"] != number))
    rows = rows[: other[0]] if len(other) else rows
    return _records(rows), len(rows) * size


def _records(rows: npt.NDArray[np.void]) -> Records:
    records = np.zeros(len(rows), RECORD)
    records["stamp"] = rows["StartDateTime"] + EPOCH_US
    with np.errstate(over="ignore", invalid="ignore"):
        for name, field in FIELDS.items():
            values = rows[field]
            if name not in PRICES and values.dtype.kind == "f":
                values = np.clip(np.nan_to_num(values), 0, 2**32 - 1)
            records[name] = values.astype(RECORD[name])
    return records


def are_live(records: Records) -> npt.NDArray[np.bool_]:
    """Which records a quote and a trade carry without loss: single trades, all of their volume on one side."""
    bits = np.ascontiguousarray(records["open"]).view(np.uint32)
    tick = (records["trades"] == 1) & np.any([bits == known for known in _INDICATORS], axis=0)
    sides = np.minimum(records["bid_volume"], records["ask_volume"]) == 0
    total = np.maximum(records["bid_volume"], records["ask_volume"])
    one_side = sides & ((total == records["volume"]) | (total == 0))
    sane = np.all([np.abs(records[name]) < MAX_PRICE for name in PRICES[1:]], axis=0)
    signed = np.any([np.signbit(records[name]) & (records[name] == 0) for name in PRICES[1:]], axis=0)
    return np.asarray(tick & one_side & sane & ~signed)


def live_messages(record: np.void) -> tuple[Message, Message]:
    """The quote and the trade of a record of which `are_live` is true."""
    time_us = int(record["stamp"]) - EPOCH_US
    if record["bid_volume"]:
        side = AtBidOrAsk.AT_BID
    else:
        side = AtBidOrAsk.AT_ASK if record["ask_volume"] else AtBidOrAsk.UNSET
    quote = m.MarketDataUpdateBidAskFloatWithMicroseconds(
        bid_price=float(record["low"]), ask_price=float(record["high"]), date_time=time_us
    )
    trade = m.MarketDataUpdateTradeWithUnbundledIndicator2(
        price=float(record["close"]),
        volume=int(record["volume"]),
        date_time=time_us,
        at_bid_or_ask=int(side),
        unbundled_trade_indicator=_INDICATORS[int(np.atleast_1d(record["open"]).view(np.uint32)[0])],
    )
    return quote, trade


def live_record(
    quote: m.MarketDataUpdateBidAskFloatWithMicroseconds, trade: m.MarketDataUpdateTradeWithUnbundledIndicator2
) -> Records:
    """The record, shape (1,), that a quote and a trade were made from."""
    record = np.zeros(1, RECORD)
    record["stamp"] = trade.date_time + EPOCH_US
    record["open"].view(np.uint32)[:] = _OPEN_BITS.get(trade.unbundled_trade_indicator, 0)
    record["high"], record["low"], record["close"] = quote.ask_price or 0.0, quote.bid_price or 0.0, trade.price
    record["trades"], record["volume"] = 1, trade.volume
    record["bid_volume"] = trade.volume if trade.at_bid_or_ask == AtBidOrAsk.AT_BID else 0
    record["ask_volume"] = trade.volume if trade.at_bid_or_ask == AtBidOrAsk.AT_ASK else 0
    return record
