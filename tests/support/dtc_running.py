"""A client, a server and its backend in one event loop, and a time that tests move."""

import asyncio
import contextlib
import functools

import minhos.dtc.messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.faults import Faults
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages.enums import BuySell, OrderType
from minhos.dtc.server import DtcServer
from minhos.dtc.simulated import SimulatedBackend

SYMBOL = "MNQZ25-CME"
SHORT_S = 0.05
"""Time-outs that a test waits for."""


def in_loop(test):
    """Run an async test, at most ten seconds."""

    @functools.wraps(test)
    def run(*arguments, **named):
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 10.0))

    return run


class Time:
    """Sleeps that end when a test says so."""

    def __init__(self):
        self.sleeping = []

    async def sleep(self, seconds):
        future = asyncio.get_running_loop().create_future()
        self.sleeping.append((seconds, future))
        await future

    async def pass_by(self, times=1, sleepers=1):
        """Wake everyone once so many sleep, so many times."""
        for _ in range(times):
            while sum(not future.done() for _, future in self.sleeping) < sleepers:
                await asyncio.sleep(0.001)
            due, self.sleeping = self.sleeping, []
            for _, future in due:
                if not future.done():
                    future.set_result(None)
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(faults=Faults(), prices=None, **named):
    """A server, its backend and its port."""
    backend = SimulatedBackend(prices or {SYMBOL: 20_000.0}, accounts=("Sim1", "Sim2"), faults=faults)
    server = DtcServer(backend, faults=faults, **named)
    port = await server.start()
    try:
        yield server, backend, port
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def connected(faults=Faults(), sleep=asyncio.sleep, prices=None, **options):
    """A client that is logged on, the backend and the server."""
    async with serving(faults, prices) as (server, backend, port):
        options = {"request_timeout_s": 2.0, "reconnect_first_s": 0.01} | options
        async with DtcClient(ClientOptions(port=port, **options), sleep=sleep) as client:
            yield client, backend, server


def order(name="a1", kind=OrderType.MARKET, side=BuySell.BUY, quantity=2.0, price1=0.0, **fields):
    """An order for SYMBOL in Sim1."""
    given = {"symbol": SYMBOL, "trade_account": "Sim1"} | fields
    return m.SubmitNewSingleOrder(
        client_order_id=name, order_type=int(kind), buy_sell=int(side), quantity=quantity, price1=price1, **given
    )


def exits(names=("x1", "x2"), target=20_100.0, stop=19_900.0, quantity=2.0):
    """A target and a stop for a long position."""
    return m.SubmitNewOCOOrder(
        symbol=SYMBOL,
        trade_account="Sim1",
        client_order_id_1=names[0],
        order_type_1=int(OrderType.LIMIT),
        buy_sell_1=2,
        price1_1=target,
        quantity_1=quantity,
        client_order_id_2=names[1],
        order_type_2=int(OrderType.STOP),
        buy_sell_2=2,
        price1_2=stop,
        quantity_2=quantity,
    )


async def next_event(client, kind, accept=lambda event: True):
    """The next event of a kind; the others are passed over."""
    async for event in client.events():
        if isinstance(event, kind) and accept(event):
            return event
    raise AssertionError(f"the events ended without {kind}")
