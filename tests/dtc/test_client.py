"""What a client asks of a server that behaves, in every encoding."""

import asyncio

import pytest
from dtc_running import SYMBOL, connected, exits, in_loop, next_event, order, serving

import minhos.dtc.messages as m
from minhos.dtc.backend import Refused
from minhos.dtc.client import DtcClient
from minhos.dtc.codec import Encoding
from minhos.dtc.faults import Faults
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages.enums import BuySell, MarketDataFeedStatus, OrderStatus, OrderType, OrderUpdateReason
from minhos.errors import DtcError, DtcRejected

encodings = pytest.mark.parametrize("encoding", list(Encoding))


@encodings
@in_loop
async def test_queries(encoding):
    async with connected(encoding=encoding) as (client, _, _):
        assert await client.accounts() == ["Sim1", "Sim2"]
        assert [row.trade_account for row in await client.balances()] == ["Sim1", "Sim2"]
        assert [row.cash_balance for row in await client.balances("Sim2")] == [250_000.0]
        assert await client.positions() == await client.open_orders() == await client.fills("Sim1") == []
        assert (await client.definition(SYMBOL)).min_price_increment == 0.25


@encodings
@in_loop
async def test_a_market_order_is_accepted_fills_and_becomes_a_position(encoding):
    async with connected(encoding=encoding) as (client, _, _):
        accepted = await client.submit(order())
        assert accepted.order_update_reason == OrderUpdateReason.NEW_ORDER_ACCEPTED
        filled = await next_event(client, m.OrderUpdate, lambda event: event.order_status == OrderStatus.FILLED)
        assert (filled.last_fill_price, filled.filled_quantity) == (20_000.0, 2.0)
        position = await next_event(client, m.PositionUpdate)
        assert (position.unsolicited, position.quantity) == (1, 2.0)
        assert [row.quantity for row in await client.positions("Sim1")] == [2.0]
        assert [row.unique_execution_id for row in await client.fills("Sim1")] == [filled.last_fill_execution_id]


@in_loop
async def test_a_wrong_account_is_named():
    async with connected() as (client, _, _):
        for query in (client.balances, client.positions, client.open_orders, client.fills):
            with pytest.raises(DtcRejected, match=r"The server refused: Trade account 120005 does not exist\."):
                await query("120005")


@in_loop
async def test_a_backend_may_refuse_any_query(monkeypatch):
    async with connected() as (client, backend, _):
        monkeypatch.setattr(backend, "query", lambda request: Refused("Not today."))
        assert await client.accounts() == []
        for query in (client.balances, client.positions, client.open_orders):
            with pytest.raises(DtcRejected, match="Not today"):
                await query()
        with pytest.raises(DtcRejected, match="Not today"):
            await client.definition(SYMBOL)


@in_loop
async def test_subscriptions_are_renewed_when_the_server_wants_it_after_its_feed_was_lost():
    async with connected() as (client, _, server):
        await client.subscribe(SYMBOL)
        await next_event(client, m.MarketDataSnapshot)
        client.logon = m.LogonResponse(resubscribe_when_market_data_feed_available=1)
        server.publish(m.MarketDataFeedStatus(int(MarketDataFeedStatus.AVAILABLE)))
        assert (await next_event(client, m.MarketDataSnapshot)).last_trade_price == 20_000.0


@in_loop
async def test_a_flat_row_is_no_position():
    async with connected() as (client, _, _):
        await client.submit(order())
        await client.flatten(SYMBOL, "Sim1", "out")
        await next_event(client, m.PositionUpdate, lambda event: event.quantity == 0.0)
        assert await client.positions() == []
        with pytest.raises(DtcRejected, match="no position to flatten"):
            await client.flatten(SYMBOL, "Sim1", "again")


@encodings
@in_loop
async def test_a_bracket_waits_for_its_parent_and_one_exit_cancels_the_other(encoding):
    async with connected(encoding=encoding) as (client, backend, _):
        parent, target, stop = await client.submit_bracket(order(kind=OrderType.LIMIT, price1=19_950.0), exits())
        children = (target.order_status, stop.order_status)
        assert (parent.order_status, children) == (OrderStatus.OPEN, (OrderStatus.PENDING_CHILD,) * 2)
        assert target.parent_server_order_id == parent.server_order_id
        backend.set_price(SYMBOL, 19_940.0)
        assert {row.client_order_id for row in await client.open_orders()} == {"x1", "x2"}
        backend.set_price(SYMBOL, 20_100.0)
        cancelled = await next_event(client, m.OrderUpdate, lambda event: event.order_status == OrderStatus.CANCELED)
        assert cancelled.client_order_id == "x2"
        assert await client.positions() == await client.open_orders() == []


@in_loop
async def test_cancelling_the_parent_cancels_the_exits():
    async with connected() as (client, _, _):
        parent, *_ = await client.submit_bracket(order(kind=OrderType.LIMIT, price1=19_950.0), exits())
        assert (await client.cancel(parent)).order_status == OrderStatus.CANCELED
        assert await client.open_orders() == []


@in_loop
async def test_an_oco_alone():
    async with connected() as (client, backend, _):
        await client.submit(order())
        await client.submit_oco(exits())
        backend.set_price(SYMBOL, 19_900.0)
        assert await client.open_orders() == await client.positions() == []


@in_loop
async def test_replace_changes_what_is_given_and_keeps_the_rest():
    async with connected() as (client, _, _):
        working = await client.submit(order(kind=OrderType.LIMIT, price1=19_950.0))
        moved = await client.replace(working, price1=19_960.1)
        assert (moved.price1, moved.order_quantity) == (19_960.0, 2.0)
        assert (await client.replace(moved, quantity=3.0)).price1 == 19_960.0


@in_loop
async def test_orders_that_are_over_cannot_be_cancelled_or_replaced():
    async with connected() as (client, _, _):
        accepted = await client.submit(order())
        with pytest.raises(DtcRejected, match="no longer working"):
            await client.cancel(accepted)
        with pytest.raises(DtcRejected, match="no longer working"):
            await client.replace(accepted, quantity=9.0)
        with pytest.raises(DtcRejected, match="Order nobody is unknown"):
            await client.cancel(m.OrderUpdate(server_order_id="nobody", client_order_id="a9"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"symbol": "ESZ26"}, "knows no symbol 'ESZ26'"),
        ({"symbol": "ESZ26", "name": "a2"}, "Find Symbol"),
        ({"trade_account": "120005"}, "Trade account 120005 does not exist"),
        ({"quantity": 0.0}, "0 contracts is not possible"),
        ({"name": "taken"}, "ClientOrderID taken was used before"),
    ],
)
@in_loop
async def test_refused_orders_say_why(fields, words):
    async with connected() as (client, _, _):
        await client.submit(order("taken"))
        with pytest.raises(DtcRejected, match=words):
            await client.submit(order(**fields))


@in_loop
async def test_what_cannot_be_sent_is_refused_before_it_leaves():
    async with connected() as (client, _, _):
        with pytest.raises(DtcError, match="client_order_id has 32 characters"):
            await client.submit(order("x" * 32))
        await client.submit(order("x" * 31))


@encodings
@in_loop
async def test_market_data_from_the_snapshot_until_unsubscribed(encoding):
    async with connected(encoding=encoding) as (client, backend, _):
        subscription = await client.subscribe(SYMBOL)
        snapshot = await next_event(client, m.MarketDataSnapshot)
        assert (snapshot.symbol_id, snapshot.last_trade_price) == (subscription.symbol_id, 20_000.0)
        backend.set_price(SYMBOL, 20_000.25)
        assert (await next_event(client, m.MarketDataUpdateTradeCompact)).price == 20_000.25
        client.unsubscribe(subscription)
        await client.accounts()
        backend.set_price(SYMBOL, 20_001.0)
        client.unsubscribe(subscription)
        await client.close()
        assert not [event async for event in client.events() if isinstance(event, m.MarketDataUpdateTradeCompact)]


@in_loop
async def test_depth():
    async with connected() as (client, _, _):
        subscription = await client.subscribe_depth(SYMBOL, levels=5)
        level = await next_event(client, m.MarketDepthSnapshotLevel)
        assert (level.symbol_id, level.price) == (subscription.symbol_id, 19_999.75)


@in_loop
async def test_a_missing_symbol_is_one_sentence_and_no_price_of_zero():
    async with connected() as (client, _, _):
        with pytest.raises(DtcRejected, match="knows no symbol 'ESZ26'"):
            await client.subscribe("ESZ26")


@in_loop
async def test_prices_are_converted_both_ways():
    async with connected(Faults(display_price_multiplier=0.01), prices={SYMBOL: 400_000.0}) as (client, backend, _):
        working = await client.submit(order(kind=OrderType.LIMIT, price1=3_990.6))
        (kept,) = backend.orders.values()
        assert kept.price1 == 399_050.0
        assert working.price1 == 3_990.5
        moved = await client.replace(working, price1=3_980.0)
        assert (kept.price1, moved.price1) == (398_000.0, 3_980.0)
        await client.submit(order("a2"))
        assert (await client.positions())[0].average_price == 4_000.0
        assert (await client.fills("Sim1"))[0].price == 4_000.0
        await client.subscribe(SYMBOL)
        assert (await next_event(client, m.MarketDataSnapshot)).last_trade_price == 4_000.0


@in_loop
async def test_an_order_of_someone_else_arrives_in_display_prices():
    async with serving(Faults(display_price_multiplier=0.01), prices={SYMBOL: 400_000.0}) as (_, _, port):
        options = ClientOptions(port=port)
        async with DtcClient(options) as one, DtcClient(options) as other:
            await one.submit(order(kind=OrderType.LIMIT, price1=3_990.5))
            assert (await next_event(other, m.OrderUpdate)).price1 == 3_990.5


@in_loop
async def test_requests_at_the_same_time_get_their_own_answers():
    async with connected() as (client, _, _):
        balances = await asyncio.gather(*(client.balances(name) for name in ["Sim1", "Sim2"] * 20))
        assert [rows[0].trade_account for rows in balances] == ["Sim1", "Sim2"] * 20


@in_loop
async def test_the_same_order_cannot_be_submitted_twice_at_once():
    async with connected() as (client, _, _):
        results = await asyncio.gather(client.submit(order()), client.submit(order()), return_exceptions=True)
        assert sum(isinstance(result, DtcError) for result in results) == 1


@in_loop
async def test_a_position_turns_around_at_its_new_average():
    async with connected() as (client, backend, _):
        await client.submit(order("a1", quantity=1.0))
        backend.set_price(SYMBOL, 20_010.0)
        await client.submit(order("a2", quantity=1.0))
        assert (await client.positions())[0].average_price == (20_000.0 + 20_010.0) / 2
        await client.submit(order("a3", side=BuySell.SELL, quantity=3.0))
        (short,) = await client.positions()
        assert (short.quantity, short.average_price) == (-1.0, 20_010.0)
