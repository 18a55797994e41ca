"""Accounts for the conformance suite: our paper venue, and Sierra Chart's over a broker double, all in one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from minhos.dtc.faults import Faults
from minhos.dtc.logon import ClientOptions
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.transport import Memory
from minhos.dtc.turns import TurnLoop
from minhos.market.clock import SimulatedClock
from minhos.market.instruments import instrument
from minhos.testing.broker.backend import MatchingBackend
from minhos.testing.builders import MONDAY_OPEN
from minhos.testing.venue_conformance import VenueBench
from minhos.trading.venue import Venue
from minhos.venues.order_gate import OrderGate
from minhos.venues.paper import PaperVenue
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.venue import SierraVenue

CONTRACT, AT_BROKER = "MNQZ25", "MNQZ25-CME"
MNQ = instrument("MNQ")


class PaperBench(VenueBench):
    symbol, price_ticks = CONTRACT, 80_000

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, SimulatedClock(MONDAY_OPEN)

    def venue(self) -> Venue:
        return PaperVenue({CONTRACT: MNQ})


class DrivingClock(SimulatedClock):
    """While somebody sleeps, the server has its turn."""

    turn: Callable[[], None] = staticmethod(lambda: None)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.turn()


class SierraBench(PaperBench):
    """Server, broker and venue on one simulated clock, joined in memory: nothing waits, and every run is the same."""

    def __init__(self, folder: Path, faults: Faults = Faults()) -> None:
        super().__init__(folder)
        self.clock = DrivingClock(MONDAY_OPEN)
        self.memory, self.loop = Memory(), TurnLoop(self.clock.monotonic_ns)
        self.backend = MatchingBackend({AT_BROKER: MNQ}, folder / "broker.sqlite", self.clock, faults=faults)
        self.server = DtcServer(self.backend, ServerOptions(port=11099), faults, transport=self.memory)
        self._venues: list[SierraVenue] = []
        self.clock.turn = self.loop.turn
        self.run(self.server.start())

    def venue(self) -> SierraVenue:
        client = ClientOptions(port=11099, reconnect_first_s=0.1, reconnect_most_s=1.0)
        options = SierraOptions(client=client, account="Sim1", target_per_stop=20 / 3)
        gate = OrderGate(self.folder / "orders.lock", self.clock)
        made = SierraVenue(options, {CONTRACT: MNQ}, self.clock, gate, self.folder / "HALT", self.memory)
        self._venues.append(made)
        return made

    def market(self, price_ticks: int) -> None:
        self.backend.set_price(AT_BROKER, price_ticks)
        self.loop.turn()

    def silence(self, silent: bool) -> bool:
        for session in self.server._sessions:
            session.wire.muted = silent
        return True

    def run(self, coroutine) -> object:
        """In the server's loop, until it is done."""
        task: asyncio.Task[object] = self.loop.create_task(coroutine)
        while not task.done():
            self.wait()
        return task.result()

    def close(self) -> None:
        for venue in self._venues:
            venue.close()
        self.run(self.server.close())
        self.loop.close()
        self.backend.close()
