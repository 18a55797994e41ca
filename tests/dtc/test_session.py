"""Connecting, staying connected, and peers that are not what they should be."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess

import pytest
from dtc_running import SHORT_S, SYMBOL, Time, connected, in_loop, next_event, serving

import minhos.dtc.messages as m
from minhos.dtc import wire
from minhos.dtc.client import DtcClient
from minhos.dtc.codec import Encoding, encode
from minhos.dtc.events import Connected, Disconnected
from minhos.dtc.faults import Faults
from minhos.dtc.logon import ClientOptions, FinalRefusal
from minhos.dtc.messages.enums import LogonStatus
from minhos.dtc.server import ServerOptions
from minhos.errors import DtcDisconnected, DtcError, DtcTimeout


@contextlib.asynccontextmanager
async def peer(behave):
    """A listening socket whose connections are handled by behave(reader, writer)."""

    async def handle(reader, writer):
        with contextlib.suppress(ConnectionError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def client_of(port, sleep=asyncio.sleep, **options):
    options = {"handshake_timeout_s": SHORT_S, "reconnect_first_s": 0.01} | options
    return DtcClient(ClientOptions(port=port, **options), sleep=sleep)


@in_loop
async def test_nobody_listens():
    async with peer(None) as port:
        pass
    with pytest.raises(DtcDisconnected, match=rf"No DTC server at 127.0.0.1:{port} .*is it running and enabled"):
        await client_of(port).connect()


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 64])
@in_loop
async def test_not_a_dtc_server(banner):
    async def behave(reader, writer):
        writer.write(banner)
        await reader.read(1)

    async with peer(behave) as port:
        with pytest.raises(DtcError, match="which is not DTC"):
            await client_of(port).connect()


@in_loop
async def test_a_peer_that_says_nothing_and_one_that_hangs_up():
    async def silent(reader, writer):
        await reader.read()

    async def hangs_up(reader, writer):
        await reader.read(16)

    async with peer(silent) as port:
        with pytest.raises(DtcTimeout, match="did not answer the encoding request"):
            await client_of(port).connect()
    async with peer(hangs_up) as port:
        with pytest.raises(DtcDisconnected, match="closed the connection without a word; is it a DTC server"):
            await client_of(port).connect()


@in_loop
async def test_an_encoding_that_is_not_spoken_here_is_named():
    async def behave(reader, writer):
        writer.write(encode(m.EncodingResponse(encoding=4), Encoding.BINARY))
        await reader.read()

    async with peer(behave) as port:
        with pytest.raises(DtcError, match=r"insists on encoding 4, .* set the server's encoding to Automatic"):
            await client_of(port).connect()


def logon_peer(response):
    async def behave(reader, writer):
        await reader.readexactly(16)
        writer.write(encode(m.EncodingResponse(encoding=0), Encoding.BINARY))
        await reader.readexactly(284)
        writer.write(encode(response, Encoding.BINARY))
        await reader.read()

    return behave


@in_loop
async def test_a_server_that_sends_the_client_elsewhere():
    async with serving() as (_, _, port):
        moved = m.LogonResponse(result=int(LogonStatus.RECONNECT_NEW_ADDRESS), reconnect_address=f"127.0.0.1:{port}")
        async with peer(logon_peer(moved)) as first, client_of(first, handshake_timeout_s=1.0) as client:
            assert await client.accounts() == ["Sim1", "Sim2"]
            assert client.options.port == port
    nowhere = m.LogonResponse(result=int(LogonStatus.RECONNECT_NEW_ADDRESS), reconnect_address="nowhere:x")
    async with peer(logon_peer(nowhere)) as first:
        with pytest.raises(DtcError, match="'nowhere:x', which is no address"):
            await client_of(first, handshake_timeout_s=1.0).connect()


@in_loop
async def test_hostile_gigabytes_end_the_connection_and_are_not_kept():
    async def behave(reader, writer):
        await reader.readexactly(16)
        writer.write(encode(m.EncodingResponse(encoding=2), Encoding.BINARY) + b'{"')
        for _ in range(1_000):
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with peer(behave) as port:
        with pytest.raises(DtcError, match="goes on for more than 262144 bytes"):
            await client_of(port, handshake_timeout_s=5.0).connect()


@in_loop
async def test_heartbeats_in_both_directions_keep_a_quiet_connection():
    time = Time()
    async with (
        serving(sleep=time.sleep) as (server, _, port),
        client_of(port, time.sleep, handshake_timeout_s=1.0) as client,
    ):
        await time.pass_by(8, sleepers=2)
        assert client.is_connected
        assert (server.n_sessions, server.last_problem) == (1, "")


@in_loop
async def test_two_intervals_without_a_byte_end_the_connection():
    time = Time()
    async with connected(Faults(no_heartbeats=True), sleep=time.sleep) as (client, _, _):
        await time.pass_by()
        assert client.is_connected
        await time.pass_by()
        lost = await next_event(client, Disconnected)
        assert lost.reason == "The peer has been silent for 20 seconds."


@in_loop
async def test_the_server_drops_a_silent_client():
    time = Time()
    async with serving(sleep=time.sleep) as (server, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(encode(m.LogonRequest(heartbeat_interval_in_seconds=10), Encoding.BINARY))
        assert len(await reader.readexactly(256)) == 256
        await time.pass_by(2)
        rest = await reader.read()
        beat, logoff = encode(m.Heartbeat(), Encoding.BINARY), b"silent for 20 seconds"
        assert rest.startswith(beat)
        assert logoff in rest
        writer.close()
        assert server.last_problem == "The peer has been silent for 20 seconds."


@in_loop
async def test_a_lost_connection_comes_back_with_its_subscriptions():
    async with connected() as (client, backend, server):
        await client.subscribe(SYMBOL)
        server.disconnect_all()
        lost = await next_event(client, Disconnected)
        assert 0.005 <= lost.retry_in_s <= 0.01
        await next_event(client, Connected)
        assert (await next_event(client, m.MarketDataSnapshot)).last_trade_price == 20_000.0
        backend.set_price(SYMBOL, 20_001.0)
        assert (await next_event(client, m.MarketDataUpdateTradeCompact)).price == 20_001.0


@in_loop
async def test_delays_between_attempts_double_up_to_the_most():
    time, wants = Time(), [1.0, 2.0, 4.0, 8.0, 8.0]
    async with serving() as (server, _, port):
        options = ClientOptions(port=port, reconnect_most_s=8.0)
        client = DtcClient(options, sleep=time.sleep, jitter=lambda: 1.0)
        await client.connect()
        await server.close()
        waits = []
        while len(waits) < len(wants):
            waits.append((await next_event(client, Disconnected)).retry_in_s)
            await time.pass_by()
        assert waits == wants
        with pytest.raises(DtcDisconnected, match="no connection"):
            client.send(m.Heartbeat())
        await client.close()


@in_loop
async def test_a_final_refusal_stops_the_attempts():
    async with serving(Faults(user="me", logon_final=True)) as (server, _, port):
        with pytest.raises(FinalRefusal):
            await client_of(port).connect()
        client = client_of(port, username="me", handshake_timeout_s=1.0)
        await client.connect()
        client.options = ClientOptions(port=port, username="other", reconnect_first_s=0.01)
        server.disconnect_all()
        events = [event async for event in client.events()]
        assert events[-1].retry_in_s is None
        assert "refused the logon" in events[-1].reason


@in_loop
async def test_a_closing_server_says_so():
    async with connected() as (client, _, server):
        await server.close("Maintenance.", do_not_reconnect=True)
        events = [event async for event in client.events()]
        assert events[-1] == Disconnected(f"{client.options.address} logged the client off: Maintenance.", None, True)


@in_loop
async def test_events_that_nobody_reads_end_the_client_not_the_memory():
    async with connected(most_waiting_events=20) as (client, backend, _):
        await client.subscribe(SYMBOL)
        for _ in range(50):
            backend.set_price(SYMBOL, 20_000.0)
        await asyncio.sleep(0.02)
        events = [event async for event in client.events()]
        assert len(events) <= 22
        assert events[-1] == Disconnected("20 events wait and nobody reads them.", None)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "A WebSocket client called"),
        (b"\x01\0\x01\0", "A client was cut off: Not DTC in binary"),
        (b"{" + b"x" * 300_000, "goes on for more than 262144 bytes"),
        (encode(m.TradeAccountsRequest(), Encoding.BINARY), "sent TradeAccountsRequest before it logged on"),
    ],
)
@in_loop
async def test_the_server_cuts_off_who_does_not_speak_dtc(data, problem):
    async with serving() as (server, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        while not server.last_problem:
            await asyncio.sleep(0.001)
        assert problem in server.last_problem
        assert server.n_sessions == 0


@in_loop
async def test_the_server_waits_for_a_logon_only_so_long_and_keeps_only_so_many():
    options = ServerOptions(logon_within_s=0.03, most_sessions=1)
    async with serving(options=options) as (server, _, port):
        first, first_writer = await asyncio.open_connection("127.0.0.1", port)
        second, second_writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await second.read() == b""
        assert server.last_problem == "A connection was refused: 1 are open."
        assert await first.read() == b""
        assert server.last_problem == "A client did not log on within 0.03 seconds."
        first_writer.close()
        second_writer.close()


@in_loop
async def test_a_port_that_is_taken():
    async with serving() as (_, _, port):
        with pytest.raises(DtcError, match=f"No DTC server can listen on 127.0.0.1:{port}"):
            async with serving(options=ServerOptions(port=port)):
                pass


@in_loop
async def test_a_json_client_may_skip_the_handshake():
    async with serving() as (_, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(encode(m.LogonRequest(heartbeat_interval_in_seconds=10), Encoding.JSON))
        writer.write(b'{"Type":400,"RequestID":5}\0')
        await reader.readuntil(b"\0")
        assert b'"TradeAccount":"Sim1","RequestID":5' in await reader.readuntil(b"\0")
        writer.close()


@in_loop
async def test_a_client_that_reads_nothing_costs_bounded_memory_and_then_its_connection(monkeypatch):
    monkeypatch.setattr(wire, "MOST_UNSENT_BYTES", 100_000)
    async with serving() as (server, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(encode(m.LogonRequest(heartbeat_interval_in_seconds=10), Encoding.BINARY))
        await reader.readexactly(256)
        text = m.UserMessage("x" * 255)
        for _ in range(100_000):
            server.publish(text)
            if not server.n_sessions:
                break
            await asyncio.sleep(0)
        assert server.n_sessions == 0
        writer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 and its key, made by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is absent")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    paths = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*command.split(), *paths], check=True, capture_output=True)
    return folder


@in_loop
async def test_tls(certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trusting = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    async with serving(options=ServerOptions(tls=tls)) as (_, _, port):
        async with client_of(port, handshake_timeout_s=2.0, tls=trusting) as client:
            assert await client.accounts() == ["Sim1", "Sim2"]
        with pytest.raises(DtcDisconnected, match="does not accept this TLS"):
            await client_of(port, handshake_timeout_s=2.0, tls=ssl.create_default_context()).connect()
    async with serving() as (_, _, port):
        with pytest.raises(DtcError):
            await client_of(port, handshake_timeout_s=0.05, tls=trusting).connect()


@in_loop
async def test_an_observer_sees_every_message_as_it_came_heartbeats_with_the_servers_time_included():
    seen = []
    async with serving(options=ServerOptions(now_s=lambda: 1_760_000_000), prices={SYMBOL: 100.0}) as (_, _, port):
        client = DtcClient(ClientOptions(port=port, heartbeat_interval_s=1))
        client.observer = seen.append
        async with client:
            await client.accounts()
            while not any(isinstance(message, m.Heartbeat) for message in seen):
                await asyncio.sleep(0.01)
    assert isinstance(seen[0], m.TradeAccountResponse)
    assert next(each for each in seen if isinstance(each, m.Heartbeat)).current_date_time == 1_760_000_000
