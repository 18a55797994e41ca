"""The world's broker with one plain DTC client at it, in one thread: what is seen beside what is true."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.events import Connected, Disconnected
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages.enums import BuySell, OrderType
from minhos.dtc.transport import Memory
from minhos.dtc.turns import TurnLoop
from minhos.errors import DtcError
from minhos.market.clock import SimulatedClock
from minhos.testing.builders import MNQ, MONDAY_OPEN
from minhos.testing.world.broker import WorldBroker
from minhos.testing.world.broker_faults import BrokerFault

MNQ_AT_BROKER, NEXT_AT_BROKER = "MNQZ25-CME", "MNQH26-CME"
PRICE = 80_000
PATIENCE_S = 60.0


class Desk:
    """A client that is logged on, reconnects, and keeps every word that it hears."""

    def __init__(self) -> None:
        self.clock, self.memory = SimulatedClock(MONDAY_OPEN), Memory()
        self.broker = WorldBroker(self.clock, self.memory, {MNQ_AT_BROKER: MNQ, NEXT_AT_BROKER: MNQ})
        self.broker.start()
        self.loop = TurnLoop(self.clock.monotonic_ns)
        options = ClientOptions(port=11099, request_timeout_s=1.0, reconnect_first_s=0.1, reconnect_most_s=0.5)
        self.client = DtcClient(options, transport=self.memory)
        self.heard: list[object] = []
        self._reading: asyncio.Task[None] = self.loop.create_task(self._read())
        self.run(self.client.connect())
        self.run(self.client.definition(MNQ_AT_BROKER))
        self.heard.clear()
        self.broker.price(MNQ_AT_BROKER, PRICE)
        self.broker.price(NEXT_AT_BROKER, PRICE + 400)

    async def _read(self) -> None:
        async for event in self.client.events():
            self.heard.append(event)

    def wait(self, seconds: float = 0.05) -> None:
        """Both sides go on until then."""
        end_ns = self.clock.monotonic_ns() + round(seconds * 1e9)
        while self.clock.monotonic_ns() < end_ns:
            self.clock.sleep(0.05)
            self.turn()

    def turn(self) -> None:
        for _ in range(3):
            self.broker.turn()
            self.loop.turn()

    def run(self, work: Coroutine[object, None, object]) -> object:
        """In the client's loop, until it is done; raises what it raises."""
        task = self.loop.create_task(work)
        end_ns = self.clock.monotonic_ns() + round(PATIENCE_S * 1e9)
        self.turn()
        while not task.done() and self.clock.monotonic_ns() < end_ns:
            self.wait()
        return task.result()

    def refused(self, work: Coroutine[object, None, object]) -> str:
        """Why it failed; empty where it did not."""
        try:
            self.run(work)
        except DtcError as error:
            return str(error)
        return ""

    def begin(self, fault: BrokerFault) -> BrokerFault:
        self.broker.begin(fault)
        self.turn()
        return fault

    def end(self, fault: BrokerFault) -> None:
        self.broker.end(fault)
        self.turn()

    def price(self, price_ticks: int, symbol: str = MNQ_AT_BROKER) -> None:
        self.broker.price(symbol, price_ticks)
        self.turn()

    # What the client does ---------------------------------------------------------------------------------------

    def market(self, side: int, contracts: int, name: str) -> str:
        """A market order; why it was refused, empty where it was not."""
        return self.refused(self.client.submit(self._order(side, contracts, name, OrderType.MARKET)))

    def stop(self, side: int, contracts: int, name: str, price_ticks: int) -> str:
        return self.refused(self.client.submit(self._order(side, contracts, name, OrderType.STOP, price_ticks)))

    def bracket(self, side: int, contracts: int, name: str) -> str:
        """An entry with a stop 40 ticks and a target 400 ticks away."""
        parent = self._order(side, contracts, name, OrderType.MARKET, PRICE, parent=True)
        away = BuySell.SELL if side > 0 else BuySell.BUY
        exits = m.SubmitNewOCOOrder(
            symbol=MNQ_AT_BROKER,
            trade_account="Sim1",
            client_order_id_1=f"{name}-S",
            order_type_1=int(OrderType.STOP),
            buy_sell_1=int(away),
            quantity_1=float(contracts),
            client_order_id_2=f"{name}-T",
            order_type_2=int(OrderType.LIMIT),
            buy_sell_2=int(away),
            quantity_2=float(contracts),
            parent_trigger_client_order_id=name,
            use_offsets=1,
            offset_from_parent1=10.0,
            offset_from_parent2=100.0,
        )
        return self.refused(self.client.submit_bracket(parent, exits))

    def cancel(self, name: str) -> str:
        """Cancel the order of that name, as the client heard of it last."""
        found = [e for e in self.heard if isinstance(e, m.OrderUpdate) and e.client_order_id == name]
        return self.refused(self.client.cancel(found[-1]))

    def _order(
        self, side: int, contracts: int, name: str, kind: OrderType, price_ticks: int = 0, *, parent: bool = False
    ) -> m.SubmitNewSingleOrder:
        return m.SubmitNewSingleOrder(
            symbol=MNQ_AT_BROKER,
            trade_account="Sim1",
            client_order_id=name,
            order_type=int(kind),
            buy_sell=int(BuySell.BUY if side > 0 else BuySell.SELL),
            price1=price_ticks * 0.25,
            quantity=float(contracts),
            is_parent_order=int(parent),
        )

    # What it sees -----------------------------------------------------------------------------------------------

    def orders(self) -> list[str]:
        """Names of the orders in the list of open orders."""
        rows = self.run(self.client.open_orders("Sim1"))
        assert isinstance(rows, list)
        return [row.client_order_id for row in rows]

    def positions(self) -> list[int]:
        """Contracts of each row in the list of positions."""
        rows = self.run(self.client.positions("Sim1"))
        assert isinstance(rows, list)
        return [round(row.quantity) for row in rows]

    def fills(self) -> list[str]:
        """Execution ids in the list of fills."""
        rows = self.run(self.client.fills("Sim1"))
        assert isinstance(rows, list)
        return [row.unique_execution_id for row in rows]

    def fills_heard(self) -> list[m.OrderUpdate]:
        """Words of fills, as they came."""
        return [e for e in self.heard if isinstance(e, m.OrderUpdate) and e.last_fill_execution_id]

    def connections(self) -> str:
        """C for each time that it was logged on, D for each that it was cut off."""
        marks = {Connected: "C", Disconnected: "D"}
        return "".join(marks.get(type(event), "") for event in self.heard)

    @property
    def held(self) -> int:
        """What is true."""
        return self.broker.truth.positions.get(MNQ_AT_BROKER, 0)

    def close(self) -> None:
        self.run(self.client.close())
        self._reading.cancel()
        self.broker.close()
        self.loop.turn()
        self.loop.close()
