"""The venue Sierra Chart: the port `Venue` over a DTC connection that lives in a thread of its own.

    venue = SierraVenue(options, instruments, clock, OrderGate(run / "orders.lock"), halt_file)
    venue.know(venue_ids)
    venue.adopt(orders, positions)
    venue.start()
    venue.submit(order, now_ns)      # returns [] at once
    venue.poll(now_ns)               # what became of it, beside surveys and the state of the connection

Nothing here waits for the network, and no error of the network comes out of it except as news.
"""

from __future__ import annotations

import queue
from collections.abc import Mapping
from pathlib import Path

from minhos.accounting.types import Order
from minhos.market.clock import Clock
from minhos.market.types import Instrument, Price, Slice
from minhos.trading.venue import News, Report
from minhos.venues.order_gate import OrderGate
from minhos.venues.sierra_options import SierraOptions


class SierraVenue:
    """instruments: by contract symbol.  halt_file: while it exists no entry is sent."""

    name = "sierra"
    simulated = False

    def __init__(
        self,
        options: SierraOptions,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        gate: OrderGate,
        halt_file: Path,
    ) -> None:
        self._options, self._clock, self._gate, self._halt_file = options, clock, gate, halt_file
        self._instruments = dict(instruments)
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()

    def start(self) -> None:
        """Connect, in a thread of its own; returns at once."""

    def close(self) -> None:
        """Log off and end the thread; working orders stay at the broker."""

    def know(self, venue_ids: Mapping[str, str]) -> None:
        """The broker's numbers of our orders, as the journal has them: ServerOrderID to order id."""

    def ask(self) -> None:
        """Ask the broker for orders, positions and fills as soon as possible; a `Survey` comes out of poll."""

    def add_instrument(self, symbol: str, instrument: Instrument) -> None:
        """A further contract may be traded, as after a roll."""
        self._instruments[symbol] = instrument

    def submit(self, order: Order, time_ns: int) -> list[Report]:
        return []

    def cancel(self, order_id: str, time_ns: int) -> list[Report]:
        return []

    def resize(self, order_id: str, contracts: int, time_ns: int) -> list[Report]:
        return []

    def on_price(self, price: Price) -> list[Report]:
        return []

    def match_open(self, closed: Slice) -> list[Report]:
        return []

    def match_range(self, closed: Slice) -> list[Report]:
        return []

    def adopt(self, orders: list[tuple[Order, int]], positions: Mapping[str, int]) -> None:
        """After a restart: the orders that the journal shows working, and the net position by contract."""

    def poll(self, time_ns: int) -> list[News]:
        """What came since the last call, in order."""
        news = []
        while not self._news.empty():
            news.append(self._news.get())
        return news
