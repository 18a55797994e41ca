"""The served broker: what a faithful broker does, and that a killed one comes back as it was."""

import asyncio
import contextlib
import functools
import signal
import subprocess
import sys

import pytest

import minhos.dtc.messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.faults import Faults
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages.enums import BuySell, OrderStatus, OrderType
from minhos.dtc.server import DtcServer
from minhos.errors import DtcError, DtcRejected, VenueError
from minhos.market.clock import SystemClock
from minhos.testing.broker.backend import MatchingBackend
from minhos.testing.broker.book import BrokerOptions
from minhos.testing.broker.store import read_books
from minhos.testing.builders import MNQ

SYMBOL = "MNQZ25-CME"
AT = 80_000
"""Ticks; 20,000.00 points."""


def with_broker(options=BrokerOptions(), faults=Faults()):
    """Run an async test of (client, backend) against a broker whose last price is AT."""

    def decorate(test):
        @functools.wraps(test)
        def run(tmp_path):
            asyncio.run(asyncio.wait_for(_run(test, tmp_path, options, faults), 10.0))

        del run.__wrapped__  # pytest is to see this signature
        return run

    return decorate


async def _run(test, folder, options, faults):
    backend = MatchingBackend({SYMBOL: MNQ}, folder / "broker.sqlite", SystemClock(), options, faults)
    backend.set_price(SYMBOL, AT)
    server = DtcServer(backend, faults=faults)
    port = await server.start()
    async with DtcClient(ClientOptions(port=port, request_timeout_s=5.0)) as client:
        await test(client, backend)
    await server.close()


def order(name, side=BuySell.BUY, contracts=2, kind=OrderType.MARKET, price=20_000.0):
    return m.SubmitNewSingleOrder(
        symbol=SYMBOL,
        trade_account="Sim1",
        client_order_id=name,
        order_type=int(kind),
        buy_sell=int(side),
        quantity=float(contracts),
        price1=price,
    )


def legs(contracts=2, stop=30.0, target=200.0):
    """A stop and a target for a long parent, by their distances in points."""
    return m.SubmitNewOCOOrder(
        symbol=SYMBOL,
        trade_account="Sim1",
        use_offsets=1,
        time_in_force=2,
        client_order_id_1="stop",
        order_type_1=int(OrderType.STOP),
        buy_sell_1=2,
        quantity_1=float(contracts),
        offset_from_parent1=stop,
        client_order_id_2="target",
        order_type_2=int(OrderType.LIMIT),
        buy_sell_2=2,
        quantity_2=float(contracts),
        offset_from_parent2=target,
    )


def working(backend):
    """(name, contracts that remain, price in ticks) of every working order."""
    live = (each for each in backend.state.orders.values() if each.is_live)
    return [(each.client_id, each.remaining, each.price_ticks) for each in live]


@with_broker()
async def test_a_brackets_legs_lie_at_their_offsets_from_the_fill(client, backend):
    await client.submit_bracket(order("a"), legs())
    assert working(backend) == [("stop", 2, AT - 30 * 4), ("target", 2, AT + 200 * 4)]
    assert backend.state.position("Sim1", SYMBOL) == 2


@with_broker(BrokerOptions(fills_at_once=False))
async def test_legs_wait_until_the_parent_fills(client, backend):
    await client.submit_bracket(order("a"), legs())
    assert [row.order_status for row in await client.open_orders()] == [
        OrderStatus.OPEN,
        OrderStatus.PENDING_CHILD,
        OrderStatus.PENDING_CHILD,
    ]
    backend.set_price(SYMBOL, AT + 4)
    assert working(backend) == [("stop", 2, AT + 4 - 30 * 4), ("target", 2, AT + 4 + 200 * 4)]


@with_broker(BrokerOptions(fills_at_once=False))
async def test_a_cancelled_parent_takes_its_legs_along(client, backend):
    parent, *_ = await client.submit_bracket(order("a"), legs())
    await client.cancel(parent)
    assert working(backend) == []


@with_broker(faults=Faults(partial_fills=True))
async def test_legs_grow_with_each_partial_fill_and_keep_the_first_ones_price(client, backend):
    await client.submit_bracket(order("a", contracts=3), legs(3))
    assert working(backend) == [("a", 2, AT), ("stop", 1, AT - 120), ("target", 1, AT + 800)]
    backend.set_price(SYMBOL, AT + 7)
    assert working(backend)[1:] == [("stop", 2, AT - 120), ("target", 2, AT + 800)]
    backend.set_price(SYMBOL, AT - 7)
    assert working(backend) == [("stop", 3, AT - 120), ("target", 3, AT + 800)]


@with_broker(faults=Faults(partial_fills=True))
async def test_a_stop_that_fills_while_its_entry_still_does_closes_no_more_than_was_bought(client, backend):
    """At the second price entry and stop fill one contract each; the leg grows by one and has filled one."""
    await client.submit_bracket(order("a", contracts=3), legs(3))
    backend.set_price(SYMBOL, AT - 1)
    for _ in range(6):
        backend.set_price(SYMBOL, AT - 130)
    fills = [fill.side * fill.contracts for fill in backend.state.fills]
    assert sorted(fills) == [-1, -1, -1, 1, 1, 1]
    assert (backend.state.position("Sim1", SYMBOL), working(backend)) == (0, [])
    assert all(each.filled <= each.contracts for each in backend.state.orders.values())


@with_broker()
async def test_one_leg_that_fills_cancels_the_other(client, backend):
    await client.submit_bracket(order("a"), legs())
    backend.set_price(SYMBOL, AT - 130)
    assert working(backend) == []
    assert [fill.price_ticks for fill in backend.state.fills] == [AT, AT - 130]
    assert backend.state.position("Sim1", SYMBOL) == 0


@with_broker()
async def test_the_target_is_a_limit_order(client, backend):
    await client.submit_bracket(order("a"), legs())
    backend.set_price(SYMBOL, AT + 799)
    assert backend.state.position("Sim1", SYMBOL) == 2
    backend.set_price(SYMBOL, AT + 800)
    assert (backend.state.position("Sim1", SYMBOL), working(backend)) == (0, [])


@with_broker()
async def test_two_sells_against_one_long_position_turn_it_round(client, backend):
    await client.submit(order("a"))
    await client.submit(order("b", BuySell.SELL))
    await client.submit(order("c", BuySell.SELL))
    assert backend.state.position("Sim1", SYMBOL) == 2 - 2 - 2


@with_broker(BrokerOptions(fills_at_once=False))
async def test_two_flattens_at_once_turn_it_round_too(client, backend):
    await client.submit(order("a"))
    backend.set_price(SYMBOL, AT)
    await client.flatten(SYMBOL, "Sim1", "f1")
    await client.flatten(SYMBOL, "Sim1", "f2")
    backend.set_price(SYMBOL, AT)
    assert backend.state.position("Sim1", SYMBOL) == -2


@with_broker()
async def test_there_is_nothing_to_flatten_without_a_position(client, backend):
    with pytest.raises(DtcRejected, match="no position"):
        await client.flatten(SYMBOL, "Sim1", "f1")


@with_broker(faults=Faults(new_id_on_replace=True))
async def test_a_replaced_order_has_a_new_number_and_the_old_one_is_unknown(client, backend):
    await client.submit_bracket(order("a"), legs())
    stop = (await client.open_orders())[0]
    replaced = await client.replace(stop, quantity=1.0)
    assert replaced.previous_server_order_id == stop.server_order_id != replaced.server_order_id
    with pytest.raises(DtcRejected, match=f"Order {stop.server_order_id} is unknown"):
        await client.cancel(stop)
    assert working(backend)[0] == ("stop", 1, AT - 120)
    backend.set_price(SYMBOL, AT - 120)
    assert backend.state.fills[-1].server_id == replaced.server_order_id


@with_broker(faults=Faults(display_price_multiplier=0.01))
async def test_prices_are_the_servers_own(client, backend):
    definition = await client.definition(SYMBOL)
    assert definition.display_price_multiplier == pytest.approx(0.01)
    await client.submit(order("a", kind=OrderType.STOP, price=20_010.0))
    assert working(backend) == [("a", 2, 20_010 * 4)]


@with_broker(BrokerOptions(daily_net_loss_limit_cents=100_000))
async def test_the_balance_carries_profit_and_the_daily_loss_limit(client, backend):
    await client.submit(order("a"))
    backend.set_price(SYMBOL, AT + 10)
    await client.submit(order("b", BuySell.SELL))
    (balance,) = await client.balances("Sim1")
    assert balance.cash_balance == 250_000 + 2 * 10 * MNQ.tick_value_cents / 100
    assert balance.daily_net_loss_limit == 1_000.0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (order("a", contracts=0), "0 contracts"),
        (order("a", kind=OrderType.STOP_LIMIT), "type 4 is not supported"),
        (order("a", kind=OrderType.STOP, price=0.0), "needs a price"),
        (order("used"), "used before"),
    ],
)
def test_an_order_that_cannot_be_is_refused_in_words(tmp_path, bad, words):
    backend = MatchingBackend({SYMBOL: MNQ}, tmp_path / "broker.sqlite", SystemClock())
    list(backend.trade([order("used")]))
    (update,) = backend.trade([bad])
    assert update.order_status == OrderStatus.REJECTED
    assert words in update.info_text


def test_offsets_need_a_price_of_the_parent(tmp_path):
    backend = MatchingBackend({SYMBOL: MNQ}, tmp_path / "broker.sqlite", SystemClock())
    updates = list(backend.trade([order("a", price=0.0), legs()]))
    assert [update.client_order_id for update in updates] == ["a", "stop", "target"]
    assert {update.order_status for update in updates} == {OrderStatus.REJECTED}


def test_what_is_answered_is_on_the_disk(tmp_path):
    path = tmp_path / "broker.sqlite"
    seen = []
    backend = MatchingBackend(
        {SYMBOL: MNQ}, path, SystemClock(), watch=lambda step: seen.append((step, len(read_books(path).fills)))
    )
    backend.set_price(SYMBOL, AT)
    list(backend.trade([order("a"), legs()]))
    assert seen[:2] == [("received", 0), ("written", 1)]
    assert set(seen[2:]) == {("answered", 1)}


def test_another_broker_over_the_same_file_goes_on(tmp_path):
    path = tmp_path / "broker.sqlite"
    first = MatchingBackend({SYMBOL: MNQ}, path, SystemClock())
    first.set_price(SYMBOL, AT)
    list(first.trade([order("a"), legs()]))
    second = MatchingBackend({SYMBOL: MNQ}, path, SystemClock())
    assert working(second) == working(first)
    second.set_price(SYMBOL, AT - 120)
    assert second.state.position("Sim1", SYMBOL) == 0
    ids = [fill.execution_id for fill in second.state.fills]
    assert len(set(ids)) == len(ids) == 2


def test_a_file_that_is_none_of_ours_is_refused_in_words(tmp_path):
    path = tmp_path / "broker.sqlite"
    path.write_bytes(b"these are not the books of a broker, whoever may have written them " * 20)
    with pytest.raises(VenueError, match="cannot be opened"):
        MatchingBackend({SYMBOL: MNQ}, path, SystemClock())


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_broker_killed_at_any_step_of_an_order_took_it_whole_or_not_at_all(tmp_path, step):
    """Step 1 is the order's arrival, 2 the write, then one for each answer."""
    path = tmp_path / "broker.sqlite"
    command = [sys.executable, "-m", "minhos.testing.broker", "--state", str(path), "--symbol", SYMBOL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline().split()[1])
        for line in (f"price {SYMBOL} {AT}", f"kill {step}"):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ok\n"
        asyncio.run(_send_until_it_dies(port))
        assert process.wait(10.0) == -signal.SIGKILL
    state = read_books(path)
    assert [fill.contracts for fill in state.fills] == ([] if step == 1 else [2])
    assert [each.client_id for each in state.orders.values()] == ([] if step == 1 else ["a", "stop", "target"])


async def _send_until_it_dies(port):
    options = ClientOptions(port=port, request_timeout_s=5.0, reconnect_first_s=60.0)
    async with DtcClient(options) as client:
        with contextlib.suppress(DtcError):
            await client.submit_bracket(order("a"), legs())
