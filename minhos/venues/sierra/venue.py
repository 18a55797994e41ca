"""The venue Sierra Chart: the port `Venue` over a DTC connection that lives in a thread of its own.

    venue = SierraVenue(options, instruments, clock, OrderGate(run / "orders.lock"), halt_file)
    venue.know(venue_ids)
    venue.adopt(orders, positions)
    venue.open()
    venue.submit(order, now_ns)      # returns [] at once
    venue.poll(now_ns)               # what became of it, beside surveys and the state of the connection

Nothing here waits for the network, and no error of the network comes out of it except as news.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from minhos.accounting.types import Order
from minhos.market.clock import Clock
from minhos.market.types import Instrument, Price, Slice
from minhos.trading.venue import News, OrderReport, OrderStatus, Report, Venue, VenueStatus
from minhos.venues.order_gate import OrderGate
from minhos.venues.sierra.book import SierraBook
from minhos.venues.sierra.desk import Desk
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.session import SierraSession

CLOSE_WITHIN_S = 5.0
SEND_WITHIN_S = 0.005
"""How long `submit` stands back, so that the other thread can put the order on the wire at once."""
ENDED = "The connection to Sierra Chart has ended for good; nothing was sent. Start the trader again."


class SierraVenue(Venue):
    """instruments: by contract symbol.  halt_file: while it exists no entry is sent."""

    name = "sierra"
    answers_at_once = owns_account = False

    def __init__(
        self,
        options: SierraOptions,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        gate: OrderGate,
        halt_file: Path,
    ) -> None:
        self.targets = options.legs == "stop_and_target"
        self._clock = clock
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._book = SierraBook(options.account)
        self._session = SierraSession(
            options, dict(instruments), self._book, clock, self._tell, self._wake, self._take_back
        )
        self._desk = Desk(self._book, self._session, gate, halt_file, options, clock, self._tell)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping = asyncio.Event()

    def open(self) -> None:
        """Connect, in a thread of its own; returns at once."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="sierra", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Log off and end the thread; working orders stay at the broker.  Safe to call twice."""
        if self._thread is not None and self._thread.is_alive():
            self._hand(self._stopping.set)
            self._thread.join(CLOSE_WITHIN_S)

    def know(self, venue_ids: Mapping[str, str]) -> None:
        """The broker's numbers of our orders, as the journal has them: ServerOrderID to order id."""
        known = dict(venue_ids)
        self._hand(lambda: self._book.know(known))

    def ask(self) -> None:
        """Ask the broker for orders, positions and fills as soon as possible; a `Survey` comes out of poll."""
        self._hand(self._session.ask)

    def add_instrument(self, symbol: str, instrument: Instrument) -> None:
        """A further contract may be traded, as after a roll."""
        self._hand(lambda: self._session.add_instrument(symbol, instrument))

    def submit(self, order: Order, time_ns: int) -> list[Report]:
        self._desk.took_up.clear()
        if not self._hand(lambda: self._desk.submit(order)):
            return [OrderReport(order.order_id, OrderStatus.REJECTED, time_ns, ENDED)]
        if self._loop is not None:
            self._desk.took_up.wait(SEND_WITHIN_S)  # else this thread would keep the interpreter for itself
        return []

    def cancel(self, order_id: str, time_ns: int) -> list[Report]:
        self._hand(lambda: self._desk.cancel(order_id))
        return []

    def resize(self, order_id: str, contracts: int, time_ns: int) -> list[Report]:
        self._hand(lambda: self._desk.resize(order_id, contracts))
        return []

    def on_price(self, price: Price) -> list[Report]:
        """Prices are only for knowing where the market is: what fills, the broker decides."""
        self._book.fills.last_ticks[price.symbol] = price.price_ticks
        return []

    def match_range(self, closed: Slice) -> list[Report]:
        for bar in closed.bars:
            self._book.fills.last_ticks[bar.symbol] = bar.close_ticks
        return []

    def adopt(self, orders: list[tuple[Order, int]], positions: Mapping[str, int]) -> None:
        """After a restart: the orders that the journal shows working, and the net position by contract."""
        working, held = list(orders), dict(positions)
        self._hand(lambda: self._book.adopt(working, held))

    def poll(self, time_ns: int) -> list[News]:
        """What came since the last call, in order."""
        news = []
        with contextlib.suppress(queue.Empty):
            while True:
                news.append(self._news.get_nowait())
        return news

    # The other thread ---------------------------------------------------------------------------------------------

    def _hand(self, call: Callable[[], None]) -> bool:
        """Let the venue's thread make a call (before it runs, make it here); False where the thread has ended."""
        if self._loop is None:
            call()
            return True
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            return False
        return True

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        reason = "The venue is closed."
        try:
            loop.run_until_complete(self._live())
        except Exception as error:  # the last guard: a thread that ends must not look ready
            reason = f"The venue's thread failed ({type(error).__name__}: {error}); start the trader again."
        finally:
            self._tell([VenueStatus(self._clock.now_ns(), False, reason)])
            loop.close()

    async def _live(self) -> None:
        """Connection and desk side by side, until closed."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._session.run()), group.create_task(self._desk.run())]
            await self._stopping.wait()
            for task in tasks:
                task.cancel()

    def _tell(self, news: list[News]) -> None:
        for item in news:
            self._news.put(item)

    def _take_back(self, order_id: str) -> None:
        self._desk.cancel(order_id)

    def _wake(self) -> None:
        self._desk.moved.set()
