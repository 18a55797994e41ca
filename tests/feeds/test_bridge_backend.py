"""What the bridge serves, to whom, and what it refuses: any DTC client may call, and so may anyone else."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import time
from pathlib import Path

import pytest
from bridge_pair import NOW, SYMBOL, bridging, random_records, wait_for, write

from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.codec import Encoding, encode
from minhos.dtc.history import history
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages.enums import BuySell, OrderType
from minhos.errors import DtcError, DtcRejected
from minhos.feeds.bridge.backend import MOST_LIVE, ScidBackend
from minhos.feeds.bridge.records import NO_TICKS, REWRITTEN
from minhos.feeds.scid.files import EPOCH_US
from minhos.feeds.scid.fold import Records

NAME = f"{SYMBOL}.scid"
NOT_NAMES = ("../secret", "..", ".", "", "/etc/passwd", "NQZ25-CME.scid", "..\\secret", "nqz25-cme", "sub/NQZ25-CME")


def in_loop(test):
    @functools.wraps(test)
    def run(*arguments, **named):
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 20.0))

    return run


@contextlib.asynccontextmanager
async def calling(folder: Path, encoding: Encoding = Encoding.BINARY, password: str = ""):
    """A client of a bridge over the folder, and its options."""
    with bridging(folder, password=password) as bridge:
        options = ClientOptions(port=bridge.port, encoding=encoding, password=password)
        async with DtcClient(options) as client:
            yield client, options, bridge


def stamps(found: list[m.HistoricalPriceDataRecordResponse]) -> list[int]:
    return [record.start_date_time + EPOCH_US for record in found]


@pytest.mark.parametrize("compressed", [0, 1])
@in_loop
async def test_any_client_gets_the_history(tmp_path: Path, compressed: int) -> None:
    records = random_records(5_000, bars=0.2)
    write(tmp_path / NAME, records)
    async with calling(tmp_path) as (_, options, _):
        request = m.HistoricalPriceDataRequest(symbol=SYMBOL, use_zlib_compression=compressed)
        found = [record async for record in history(options, request)]
        assert stamps(found) == records["stamp"].tolist()
        assert [record.open_price for record in found] == records["open"].astype(float).tolist()
        assert [record.ask_volume for record in found] == records["ask_volume"].tolist()


@in_loop
async def test_history_begins_and_ends_where_it_is_asked_to(tmp_path: Path) -> None:
    records = random_records(2_000)
    write(tmp_path / NAME, records)
    start_us, end_us = (int(records["stamp"][i]) - EPOCH_US for i in (700, 1_500))
    async with calling(tmp_path) as (_, options, _):
        request = m.HistoricalPriceDataRequest(symbol=SYMBOL, start_date_time=start_us, end_date_time=end_us)
        found = [record async for record in history(options, request)]
        assert stamps(found) == records["stamp"][700:1_501].tolist()
        in_seconds = m.HistoricalPriceDataRequest(symbol=SYMBOL, start_date_time=start_us // 1_000_000)
        first = await anext(history(options, in_seconds))
        assert start_us // 1_000_000 <= first.start_date_time / 1e6 <= start_us / 1e6
        beyond = m.HistoricalPriceDataRequest(symbol=SYMBOL, start_date_time=NOW // 1_000 + 1)
        assert [record async for record in history(options, beyond)] == []


@pytest.mark.parametrize("encoding", list(Encoding))
@in_loop
async def test_definitions_are_of_the_files_alone(tmp_path: Path, encoding: Encoding) -> None:
    write(tmp_path / NAME, random_records(3))
    write(tmp_path / "NQZ25_FUT_CME.scid", random_records(3))
    async with calling(tmp_path, encoding) as (client, _, _):
        assert (await client.definition(SYMBOL)).min_price_increment == 0.25
        assert (await client.definition("NQZ25_FUT_CME")).min_price_increment == 25.0
        for name in NOT_NAMES:
            with pytest.raises(DtcRejected):
                await client.definition(name or "?")


@pytest.mark.parametrize("name", NOT_NAMES)
@in_loop
async def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "data/sub").mkdir(parents=True)
    write(tmp_path / "secret.scid", random_records(3))
    write(tmp_path / "data/sub" / NAME, random_records(3))
    write(tmp_path / "data" / NAME, random_records(3))
    backend = ScidBackend(tmp_path / "data")
    assert "There is no file" in backend.history(m.HistoricalPriceDataRequest(symbol=name)).reason
    assert "There is no file" in backend.snapshot(m.MarketDataRequest(symbol=name)).reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"record_interval": 60}, "interval 0"),
        ({"max_days_to_return": 5}, "StartDateTime"),
        ({"symbol": "ESZ25-CME"}, "no file ESZ25-CME"),
    ],
)
@in_loop
async def test_what_it_does_not_serve_is_refused_in_words(tmp_path: Path, changes: dict, words: str) -> None:
    write(tmp_path / NAME, random_records(3))
    async with calling(tmp_path) as (_, options, _):
        with pytest.raises(DtcRejected, match=words):
            async for _ in history(options, m.HistoricalPriceDataRequest(**{"symbol": SYMBOL, **changes})):
                pass


@in_loop
async def test_it_never_trades(tmp_path: Path) -> None:
    write(tmp_path / NAME, random_records(3))
    async with calling(tmp_path) as (client, _, _):
        order = m.SubmitNewSingleOrder(
            symbol=SYMBOL,
            client_order_id="a1",
            order_type=int(OrderType.MARKET),
            buy_sell=int(BuySell.BUY),
            quantity=1.0,
        )
        assert client.logon.trading_is_supported == 0
        with pytest.raises(DtcRejected, match="does not allow trading"):
            await client.submit(order)
        client.send(order)  # a client that does not ask
        async for event in client.events():
            if isinstance(event, m.OrderUpdate):
                assert "data only" in event.info_text
                break
        with pytest.raises(DtcRejected, match="data only"):
            await client.positions()


def test_files_that_cannot_be_served_are_said(tmp_path: Path) -> None:
    (tmp_path / "A.scid").write_bytes(b"not what it seems" * 10)
    write(tmp_path / "B.scid", random_records(0))
    backend = ScidBackend(tmp_path)
    assert "no .scid file" in backend.history(m.HistoricalPriceDataRequest(symbol="A")).reason
    assert "no .scid file" in backend.snapshot(m.MarketDataRequest(symbol="A")).reason
    assert "no record yet" in backend.snapshot(m.MarketDataRequest(symbol="B")).reason
    assert "cannot be read" in ScidBackend(tmp_path / "gone").snapshot(m.MarketDataRequest(symbol="B")).reason


def published(folder: Path, first: Records, *changes: Records) -> list[list[type]]:
    """What each poll publishes while the whole file becomes one after the other."""
    path = write(folder / NAME, first)
    backend, polls = ScidBackend(folder), []
    backend.open(lambda message, symbol: polls[-1].append(message))
    backend.snapshot(m.MarketDataRequest(symbol=SYMBOL))
    for records in changes:
        write(path, records)
        polls.append([])
        backend.poll()
    return polls


def test_what_live_messages_cannot_carry_is_announced(tmp_path: Path) -> None:
    records = random_records(MOST_LIVE + 200)
    bars = records.copy()
    bars["trades"][60:] = 2
    changed = bars[:70].copy()
    changed["volume"][-1] += 1
    polls = published(tmp_path, records[:50], records[:55], records[:55], bars[:70], changed, records[:20], records)
    assert len(polls[0]) == 10
    assert polls[1] == []
    assert polls[2:] == [[NO_TICKS], [NO_TICKS], [REWRITTEN], [NO_TICKS]]


def test_equal_stamps_are_left_to_history(tmp_path: Path) -> None:
    records = random_records(60)
    records["stamp"][50] = records["stamp"][49]
    assert published(tmp_path, records[:50], records[:55]) == [[NO_TICKS]]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        os.urandom(4_096),
        b"\xff" * 70_000,
        b"{" * 400_000,
        encode(m.LogonRequest(password="x"), Encoding.BINARY)[:100],
        b"\x00\x00\x00\x00",
    ],
)
def test_strangers_are_cut_off_and_others_served(tmp_path: Path, data: bytes) -> None:
    write(tmp_path / NAME, random_records(100))
    with bridging(tmp_path, password="p") as bridge:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", bridge.port), 5.0) as stranger, contextlib.suppress(OSError):
                stranger.sendall(data)

        async def count() -> int:
            options = ClientOptions(port=bridge.port, password="p")
            return len([r async for r in history(options, m.HistoricalPriceDataRequest(symbol=SYMBOL))])

        assert asyncio.run(count()) == 100


def test_a_client_that_reads_nothing_costs_bounded_memory(tmp_path: Path) -> None:
    write(tmp_path / NAME, random_records(400_000, span_s=20_000))
    with bridging(tmp_path) as bridge, socket.create_connection(("127.0.0.1", bridge.port), 5.0) as silent:
        silent.sendall(encode(m.LogonRequest(heartbeat_interval_in_seconds=3_600), Encoding.BINARY))
        silent.sendall(encode(m.HistoricalPriceDataRequest(symbol=SYMBOL), Encoding.BINARY))
        wait_for(lambda: bridge.server.n_sessions, "for the session")
        seen = -1
        while bridge.backend.records_served > seen or not seen:
            seen = bridge.backend.records_served
            time.sleep(0.3)
        assert 0 < bridge.backend.records_served < 400_000


def test_a_peer_that_is_no_bridge_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        async def call() -> None:
            async with DtcClient(ClientOptions(port=port, handshake_timeout_s=5.0)):
                pass

        async def answer() -> None:
            server = await asyncio.start_server(lambda r, w: w.write(b"SSH-2.0-OpenSSH\r\n"), sock=other)
            with pytest.raises(DtcError, match="not DTC"):
                await call()
            server.close()

        asyncio.run(answer())


def test_nearly_the_password_is_not_the_password(tmp_path: Path) -> None:
    write(tmp_path / NAME, random_records(3))
    backend = ScidBackend(tmp_path, "right")
    for given in ("", "righ", "rightt", "RIGHT", "r\u00efght", "right\x00"):
        assert backend.logon(m.LogonRequest(password=given)).result != 1
    assert backend.logon(m.LogonRequest(password="right")).result == 1


def test_a_shrinking_file_ends_its_history(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, random_records(10_000))
    pieces = iter(ScidBackend(tmp_path).history(m.HistoricalPriceDataRequest(symbol=SYMBOL)).pieces)
    assert len(next(pieces)) == 88 * 2_048
    write(path, random_records(2_500))
    assert sum(len(piece) for piece in pieces) == 88 * (2_500 - 2_048)
