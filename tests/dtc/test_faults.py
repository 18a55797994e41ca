"""Every misbehaviour of a server, and what the client makes of it."""

import asyncio

import pytest
from dtc_running import SHORT_S, SYMBOL, connected, in_loop, next_event, order, serving

import minhos.dtc.messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.codec import Encoding
from minhos.dtc.events import Disconnected, Notice
from minhos.dtc.faults import CME_REJECT, Faults
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages.enums import OrderStatus, OrderType
from minhos.errors import DtcDisconnected, DtcRejected, DtcTimeout

UPDATE, BALANCE, SNAPSHOT = m.OrderUpdate.TYPE, m.AccountBalanceUpdate.TYPE, m.MarketDataSnapshot.TYPE
BINARY = {"encoding": Encoding.BINARY}


def types(*numbers):
    return frozenset(numbers)


@in_loop
async def test_a_dropped_answer_is_a_timeout_and_says_that_the_outcome_is_unknown():
    async with connected(Faults(drop=types(UPDATE)), request_timeout_s=SHORT_S) as (client, _, _):
        with pytest.raises(DtcTimeout, match="order a1; look at the open orders before sending it again"):
            await client.submit(order())


@in_loop
async def test_a_late_answer_is_still_the_answer():
    async with connected(Faults(delay=types(BALANCE))) as (client, _, _):
        assert len(await client.balances()) == 2


@in_loop
async def test_an_answer_that_comes_too_late_reaches_no_other_request():
    async with connected(Faults(delay=types(BALANCE), delay_s=0.04), request_timeout_s=0.02) as (client, _, _):
        with pytest.raises(DtcTimeout, match="AccountBalanceRequest"):
            await client.balances("Sim1")
        assert await client.accounts() == ["Sim1", "Sim2"]
        assert (await next_event(client, m.AccountBalanceUpdate)).trade_account == "Sim1"


@pytest.mark.parametrize("faults", [{"duplicate": types(BALANCE)}, {"reorder": types(BALANCE)}])
@in_loop
async def test_doubled_or_reordered_rows_are_counted_once(faults):
    async with connected(Faults(**faults)) as (client, _, _):
        assert [row.trade_account for row in await client.balances()] == ["Sim1", "Sim2"]


@in_loop
async def test_a_doubled_fill_bears_the_same_execution_id():
    async with connected(Faults(duplicate=types(UPDATE))) as (client, _, _):
        await client.submit(order())
        fills = [
            await next_event(client, m.OrderUpdate, lambda event: event.order_status == OrderStatus.FILLED)
            for _ in range(2)
        ]
        assert fills[0].last_fill_execution_id == fills[1].last_fill_execution_id != ""


@in_loop
async def test_an_answer_with_a_wrong_id_is_an_event_and_no_answer():
    async with connected(Faults(wrong_request_id=types(BALANCE)), request_timeout_s=SHORT_S) as (client, _, _):
        with pytest.raises(DtcTimeout):
            await client.balances()
        assert (await next_event(client, m.AccountBalanceUpdate)).trade_account == "Sim1"


@in_loop
async def test_a_disconnect_within_a_message_fails_what_waits():
    async with connected(Faults(disconnect_within=types(UPDATE))) as (client, _, _):
        with pytest.raises(DtcDisconnected, match=r"closed the connection\. Whether the request was carried out"):
            await client.submit(order())


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("size", [1, 7])
@in_loop
async def test_bytes_in_pieces(encoding, size):
    async with connected(Faults(split_bytes=size), encoding=encoding) as (client, _, _):
        await client.submit(order())
        assert [row.quantity for row in await client.positions()] == [2.0]


@pytest.mark.parametrize("encoding", list(Encoding))
@in_loop
async def test_unknown_messages_are_passed_over(encoding):
    async with connected(Faults(unknown_messages=True), encoding=encoding) as (client, _, _):
        await client.submit(order())
        assert [row.quantity for row in await client.positions()] == [2.0]
        await client.close()
        assert not [event async for event in client.events() if isinstance(event, m.Unknown)]


@pytest.mark.parametrize("faults", [Faults(shorter_by=4), Faults(longer_by=20)])
@in_loop
async def test_structs_of_older_and_newer_servers(faults):
    async with connected(faults, **BINARY) as (client, _, _):
        await client.submit(order())
        assert [row.quantity for row in await client.positions()] == [2.0]


@in_loop
async def test_data_of_cme_are_refused_for_good():
    async with connected(Faults(reject_market_data=CME_REJECT)) as (client, _, server):
        assert client.logon.market_data_supported == 1
        with pytest.raises(DtcRejected, match=f"no data of {SYMBOL}: Market data request not allowed"):
            await client.subscribe(SYMBOL)
        with pytest.raises(DtcRejected, match="not allowed"):
            await client.subscribe_depth(SYMBOL)
        server.disconnect_all()
        await next_event(client, Disconnected)
        while not client.is_connected:
            await asyncio.sleep(0.005)
        await client.accounts()
        await client.close()
        assert not [event async for event in client.events() if isinstance(event, Notice | m.MarketDataReject)]


@in_loop
async def test_trading_disabled_names_the_setting():
    async with connected(Faults(trading_disabled=True)) as (client, backend, _):
        with pytest.raises(DtcRejected, match="Allow Trading to Yes"):
            await client.submit(order())
        assert not backend.orders


@in_loop
async def test_a_server_that_rejects_orders():
    async with connected(Faults(reject_orders="Not enough margin.")) as (client, _, _):
        with pytest.raises(DtcRejected, match=r"Order a1 was refused by the server: Not enough margin\."):
            await client.submit(order())


@in_loop
async def test_partial_fills():
    async with connected(Faults(partial_fills=True)) as (client, _, _):
        await client.submit(order(quantity=3.0))
        first = await next_event(client, m.OrderUpdate, lambda event: event.last_fill_quantity)
        last = await next_event(client, m.OrderUpdate, lambda event: event.last_fill_quantity)
        assert (first.order_status, first.last_fill_quantity) == (OrderStatus.PARTIALLY_FILLED, 1.0)
        assert (last.order_status, last.filled_quantity) == (OrderStatus.FILLED, 3.0)


@in_loop
async def test_a_replace_that_changes_the_server_order_id():
    async with connected(Faults(new_id_on_replace=True)) as (client, _, _):
        working = await client.submit(order(kind=OrderType.LIMIT, price1=19_950.0))
        moved = await client.replace(working, price1=19_960.0)
        assert moved.previous_server_order_id == working.server_order_id != moved.server_order_id
        with pytest.raises(DtcRejected, match="is unknown"):
            await client.cancel(working)
        assert (await client.cancel(moved)).order_status == OrderStatus.CANCELED


@in_loop
async def test_a_server_that_answers_the_encoding_request_late_or_too_late():
    faults = Faults(encoding_response_delay_s=0.04)
    async with connected(faults) as (client, _, _):
        assert client.is_connected
    async with serving(faults) as (_, _, port):
        with pytest.raises(DtcTimeout, match=r"did not answer the encoding request within 0\.01 seconds"):
            await DtcClient(ClientOptions(port=port, handshake_timeout_s=0.01)).connect()


@in_loop
async def test_a_server_preset_to_json_is_spoken_to_in_json():
    async with connected(Faults(preset_encoding=Encoding.JSON), **BINARY) as (client, _, _):
        assert await client.accounts() == ["Sim1", "Sim2"]


@in_loop
async def test_username_and_password():
    faults = Faults(user="me", password="secret")
    async with connected(faults, username="me", password="secret") as (client, _, _):
        assert client.is_connected
    async with serving(faults) as (_, _, port):
        with pytest.raises(DtcRejected, match=r"refused the logon: Wrong username or password\."):
            await DtcClient(ClientOptions(port=port, username="me", password="guess")).connect()


@pytest.mark.parametrize("text", ["Back in a minute.", "x" * 95])
@in_loop
async def test_a_logoff_that_asks_not_to_reconnect_is_the_end(text):
    async with connected(Faults(logoff_after_logon=text, do_not_reconnect=True)) as (client, _, _):
        events = [event async for event in client.events()]
        assert isinstance(events[-1], Disconnected)
        assert events[-1].retry_in_s is None
        assert text in events[-1].reason


@in_loop
async def test_garbage_after_the_logon_ends_the_connection_in_one_sentence():
    async with connected(Faults(garbage_after_logon=b"\0" * 8), **BINARY) as (client, _, _):
        lost = await next_event(client, Disconnected)
        assert "Not DTC in binary: a message of type 0 says it has 0 bytes." in lost.reason
        assert lost.retry_in_s is not None


@in_loop
async def test_a_parent_without_its_bracket_is_rejected():
    async with connected() as (client, backend, _):
        parent = order(is_parent_order=1)
        client.send(parent)
        client.send(m.TradeAccountsRequest(request_id=77))
        rejected = await next_event(client, m.OrderUpdate)
        assert rejected.info_text == "The parent order was not followed by its OCO order."
        assert not backend.orders


@in_loop
async def test_a_symbol_subscribed_twice_or_a_number_used_twice_is_rejected():
    async with connected() as (client, _, _):
        first = await client.subscribe(SYMBOL)
        with pytest.raises(DtcRejected, match=f"already subscribed as SymbolID {first.symbol_id}"):
            await client.subscribe(SYMBOL)


@in_loop
async def test_fills_without_an_account_are_refused_as_sierra_chart_does():
    async with connected() as (client, _, _):
        with pytest.raises(DtcRejected, match="TradeAccount is not set"):
            await client.fills("")
