import zlib

import pytest
from dtc_running import SHORT_S, in_loop, serving

import minhos.dtc.messages as m
from minhos.dtc.codec import Encoding, encode
from minhos.dtc.faults import Faults
from minhos.dtc.history import history
from minhos.dtc.logon import ClientOptions
from minhos.errors import DtcDisconnected, DtcRejected, DtcTimeout

START_S = 1_756_684_800
BARS = [
    m.HistoricalPriceDataRecordResponse(0, (START_S + 60 * i) * 1_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, i)
    for i in range(1_200)
]
TICKS = [m.HistoricalPriceDataTickRecordResponse(0, START_S + i / 8, 1, 1.25, 2.0) for i in range(10)]


async def fetch(faults=Faults(), records=BARS, compress=0, symbol="EURUSD", **options):
    async with serving(faults) as (_, backend, port):
        backend.records["EURUSD"] = records
        request = m.HistoricalPriceDataRequest(symbol=symbol, record_interval=60, use_zlib_compression=compress)
        options = ClientOptions(port=port, **({"request_timeout_s": 2.0} | options))
        return [record async for record in history(options, request)]


def times(records):
    return [record.start_date_time for record in records]


@pytest.mark.parametrize("compress", [0, 1])
@pytest.mark.parametrize("faults", [{}, {"split_bytes": 997}, {"no_final_record": True}, {"longer_by": 8}])
@in_loop
async def test_all_records_arrive_oldest_first(compress, faults):
    if compress and "longer_by" in faults:
        faults = {"split_bytes": 3_000, **faults}
    assert times(await fetch(Faults(**faults), compress=compress)) == times(BARS)


@in_loop
async def test_compressed_bytes_one_by_one():
    assert times(await fetch(Faults(split_bytes=1), BARS[:5], compress=1)) == times(BARS[:5])


@in_loop
async def test_tick_records():
    assert [record.date_time for record in await fetch(records=TICKS)] == [tick.date_time for tick in TICKS]


@in_loop
async def test_seconds_are_told_from_microseconds():
    seconds = [m.HistoricalPriceDataRecordResponse(0, START_S)]
    assert times(await fetch(records=seconds)) == [START_S * 1_000_000]


@in_loop
async def test_an_empty_last_record_is_not_data():
    records = [*BARS[:2], m.HistoricalPriceDataRecordResponse()]
    assert times(await fetch(records=records)) == times(BARS[:2])


@in_loop
async def test_no_records():
    assert await fetch(records=[]) == []


@in_loop
async def test_a_refusal_says_why():
    with pytest.raises(DtcRejected, match=r"gives no history: There is no history of NQZ25-CME\."):
        await fetch(symbol="NQZ25-CME")


@in_loop
async def test_a_connection_that_ends_too_early_says_after_how_many_records():
    trailer = m.HistoricalPriceDataResponseTrailer.TYPE
    faults = Faults(no_final_record=True, disconnect_within=frozenset({trailer}))
    with pytest.raises(DtcDisconnected, match="after 3 records, before the last"):
        await fetch(faults, BARS[:3])


@in_loop
async def test_silence_is_a_timeout():
    faults = Faults(silent_after_logon=True, no_heartbeats=True)
    with pytest.raises((DtcTimeout, DtcDisconnected), match="after 0 records"):
        await fetch(faults, request_timeout_s=SHORT_S)


@in_loop
async def test_damaged_compression_is_one_sentence():
    header = encode(m.HistoricalPriceDataResponseHeader(use_zlib_compression=1), Encoding.BINARY)
    faults = Faults(garbage_after_logon=header + b"\x00garbage", no_heartbeats=True)
    with pytest.raises(DtcDisconnected, match="compressed history cannot be read"):
        await fetch(faults)


@in_loop
async def test_a_bomb_of_zeros_is_read_in_bounded_pieces_and_refused():
    header = encode(m.HistoricalPriceDataResponseHeader(use_zlib_compression=1), Encoding.BINARY)
    bomb = zlib.compress(bytes(50_000_000))
    with pytest.raises(Exception, match="Not DTC in binary"):
        await fetch(Faults(garbage_after_logon=header + bomb, no_heartbeats=True))
