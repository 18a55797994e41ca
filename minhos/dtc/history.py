"""Historical prices: a connection and a logon of its own for each request (Sierra Chart: port 11098), in binary.

async for record in history(ClientOptions(port=11098), HistoricalPriceDataRequest(symbol="EURUSD", ...)):
    ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.codec import Encoding, Malformed, encode
from minhos.dtc.logon import ClientOptions, log_on
from minhos.dtc.messages import Message
from minhos.dtc.transport import Sockets, Transport
from minhos.dtc.wire import Wire
from minhos.errors import DtcDisconnected, DtcError, DtcRejected, DtcTimeout

Record = m.HistoricalPriceDataRecordResponse | m.HistoricalPriceDataTickRecordResponse
PORT = 11098
LATEST_SECOND = 16_725_225_600
"""A record's start may be in seconds or microseconds; what is larger than this can only be microseconds."""
NO_HEARTBEATS_S = 3_600
"""None may come between compressed records: the interval is set so long that none is due."""


async def history(options: ClientOptions, request: m.HistoricalPriceDataRequest) -> AsyncIterator[Record]:
    """The records of one request, oldest first; start_date_time of 803 always in UTC microseconds since 1970.

    Prices are the server's.  Raises DtcRejected with the server's reason, DtcTimeout after a silence of
    request_timeout_s, and DtcDisconnected when the connection ends before the last record.
    """
    quiet = _quiet(options)
    wire, _, quiet = await log_on(quiet, Sockets())
    try:
        if not await _begin(wire, quiet, request):
            return
        n_records = 0
        while True:
            message = await _next(wire, quiet, n_records)
            if isinstance(message, m.HistoricalPriceDataResponseTrailer):
                return
            if not isinstance(message, Record):
                continue
            record = _in_microseconds(message)
            if _is_data(record):
                n_records += 1
                yield record
            if record.is_final_record:
                return
    finally:
        wire.abort()


async def packed_history(
    options: ClientOptions, request: m.HistoricalPriceDataRequest, transport: Transport = Sockets()
) -> AsyncGenerator[bytes, None]:
    """The same as the stream of binary messages in the pieces in which it comes, for histories of millions.

    The caller cuts it and stops at the last record or the trailer.  Raises as `history` does; where the stream ends
    before the caller has stopped, DtcDisconnected.
    """
    quiet = _quiet(options)
    wire, _, quiet = await log_on(quiet, transport)
    try:
        if not await _begin(wire, quiet, request):
            yield encode(m.HistoricalPriceDataResponseTrailer(request.request_id, 0), Encoding.BINARY)
        while True:
            try:
                piece = await asyncio.wait_for(wire.receive_bytes(), quiet.request_timeout_s)
            except TimeoutError:
                raise DtcTimeout(f"{quiet.address} fell silent for {quiet.request_timeout_s:g} seconds.") from None
            if not piece:
                raise DtcDisconnected(f"{quiet.address} closed the connection before the last record.")
            yield piece
    finally:
        wire.abort()


def _quiet(options: ClientOptions) -> ClientOptions:
    return msgspec.structs.replace(options, encoding=Encoding.BINARY, heartbeat_interval_s=NO_HEARTBEATS_S)


async def _begin(wire: Wire, options: ClientOptions, request: m.HistoricalPriceDataRequest) -> bool:
    """Ask; True when records follow, which are inflated where they are compressed."""
    wire.send(msgspec.structs.replace(request, request_id=request.request_id or 1))
    header = await _header(wire, options)
    if header.no_records_to_return:
        return False
    if header.use_zlib_compression:
        wire.start_inflating()
    return True


async def _header(wire: Wire, options: ClientOptions) -> m.HistoricalPriceDataResponseHeader:
    while True:
        message = await _next(wire, options, 0)
        if isinstance(message, m.HistoricalPriceDataReject):
            again = f" Try again in {message.retry_time_in_seconds} seconds." if message.retry_time_in_seconds else ""
            raise DtcRejected(f"The server gives no history: {message.reject_text or 'no reason given'}{again}")
        if isinstance(message, m.HistoricalPriceDataResponseHeader):
            return message


async def _next(wire: Wire, options: ClientOptions, n_records: int) -> Message:
    try:
        message = await asyncio.wait_for(wire.receive(), options.request_timeout_s)
    except TimeoutError:
        silence = f"{options.request_timeout_s:g} seconds"
        raise DtcTimeout(f"{options.address} fell silent for {silence} after {n_records} records.") from None
    if message is None:
        raise DtcDisconnected(f"{options.address} closed the connection after {n_records} records, before the last.")
    if isinstance(message, Malformed):
        raise DtcError(f"{options.address} sent a record that cannot be read: {message.reason}")
    if isinstance(message, m.Logoff):
        raise DtcDisconnected(f"{options.address} ended the history after {n_records} records: {message.reason}")
    return message


def _in_microseconds(record: Record) -> Record:
    if isinstance(record, m.HistoricalPriceDataTickRecordResponse) or record.start_date_time > LATEST_SECOND:
        return record
    return msgspec.structs.replace(record, start_date_time=record.start_date_time * 1_000_000)


def _is_data(record: Record) -> bool:
    """The last record may be an empty one that only says that it is the last."""
    tick = isinstance(record, m.HistoricalPriceDataTickRecordResponse)
    return bool(record.date_time if tick else record.start_date_time)  # type: ignore[union-attr]
