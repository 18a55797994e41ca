"""The venue Sierra Chart: the port `Venue` over a DTC connection, driven from the caller's own thread.

    venue = SierraVenue(options, instruments, clock, OrderGate(run / "orders.lock"), halt_file)
    venue.know(venue_ids)
    venue.adopt(orders, positions)
    venue.open()
    venue.submit(order, now_ns)      # returns [] at once; the order is on the wire
    venue.poll(now_ns)               # what became of it, beside surveys and the state of the connection

Nothing here waits for the network, and no error of the network comes out of it except as news.  The connection lives
while `poll` is called: heartbeats go and patience ends by the clock that it was given.  Whoever stays away for longer
than two heartbeat intervals (20 s) is cut off by the server, connects again and asks what happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from minhos.accounting.types import Order
from minhos.dtc.logon import ClientOptions
from minhos.dtc.transport import Sockets, Transport
from minhos.dtc.turns import TurnLoop
from minhos.errors import DtcError, VenueError
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND, Instrument, Price, Slice
from minhos.trading.venue import (
    Flattened,
    News,
    Note,
    OrderReport,
    OrderStatus,
    Report,
    Standing,
    Venue,
    VenueStatus,
)
from minhos.venues.order_gate import OrderGate
from minhos.venues.sierra import account
from minhos.venues.sierra.book import SierraBook
from minhos.venues.sierra.desk import Desk
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.session import SierraSession

CLOSE_WITHIN_S, CLOSE_POLL_S = 5.0, 0.002
ENDED = "The connection to Sierra Chart has ended for good; nothing was sent. Start the trader again."


class SierraVenue(Venue):
    """instruments: by contract symbol.  halt_file: while it exists no entry is sent.  transport: how bytes travel.

    exists: how the disk that it lies on is asked for it.
    """

    name = "sierra"
    answers_at_once = owns_account = False

    def __init__(
        self,
        options: SierraOptions,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        gate: OrderGate,
        halt_file: Path,
        transport: Transport = Sockets(),
        exists: Callable[[Path], bool] = Path.exists,
    ) -> None:
        self.targets = options.legs == "stop_and_target"
        self._options, self._clock, self._transport = options, clock, transport
        self._news: list[News] = []
        self._book = SierraBook(options.account)
        self._session = SierraSession(
            options, dict(instruments), self._book, clock, transport, self._news.extend, self._wake, self._take_back
        )
        halted = partial(exists, halt_file)
        self._desk = Desk(self._book, self._session, gate, halted, options, clock, self._news.extend)
        self._loop: TurnLoop | None = None
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to connect; returns at once."""
        self._loop = TurnLoop(self._clock.monotonic_ns)
        self._tasks = [self._loop.create_task(self._session.run()), self._loop.create_task(self._desk.run())]
        self._turn()

    def close(self) -> None:
        """Log off; working orders stay at the broker.  Safe to call twice."""
        if self._loop is not None:
            self._end("The venue is closed.")

    def know(self, venue_ids: Mapping[str, str]) -> None:
        """The broker's numbers of our orders, as the journal has them: ServerOrderID to order id."""
        self._book.know(venue_ids)

    def ask(self) -> None:
        """Ask the broker for orders, positions and fills as soon as possible; a `Survey` comes out of poll."""
        self._session.ask()

    def add_instrument(self, symbol: str, instrument: Instrument) -> None:
        """A further contract may be traded, as after a roll."""
        self._session.add_instrument(symbol, instrument)

    def submit(self, order: Order, time_ns: int) -> list[Report]:
        if self._ended:
            return [OrderReport(order.order_id, OrderStatus.REJECTED, time_ns, ENDED)]
        self._desk.submit(order)
        self._turn()
        return []

    def cancel(self, order_id: str, time_ns: int) -> list[Report]:
        self._desk.cancel(order_id)
        self._turn()
        return []

    def resize(self, order_id: str, contracts: int, time_ns: int) -> list[Report]:
        self._desk.resize(order_id, contracts)
        self._turn()
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
        self._book.adopt(orders, positions)

    def poll(self, time_ns: int) -> list[News]:
        """What came since the last call, in order."""
        self._turn()
        news = self._news[:]
        self._news.clear()
        return news

    # From outside the trader ---------------------------------------------------------------------------------------

    def cash_cents(self) -> int:
        try:
            asked = account.cash_cents(self._options.client, self._options.account, self._transport)
            return self._transport.run(asked, self._clock)
        except DtcError as error:
            raise VenueError(f"The balance of account {self._options.account} cannot be asked for: {error}") from error

    def standing(self, roots: frozenset[str], asked_by: str) -> Standing:
        options, names = self._client_options(asked_by), account.names_of(roots, self._options.broker_symbols)
        try:
            asked = account.standing(options, self._options.account, names, self._clock, self._transport)
            return self._transport.run(asked, self._clock)
        except DtcError as error:
            return Standing(None, problem=str(error))

    def flatten_account(self, roots: frozenset[str], note: Note, closed_until: Callable[[], str]) -> Flattened:
        options, names = self._client_options("MinhOS flatten"), account.names_of(roots, self._options.broker_symbols)
        where = (options, self._options.account, names, self._clock)
        return self._transport.run(account.Flatten(*where, note, closed_until, self._transport).run(), self._clock)

    def _client_options(self, name: str) -> ClientOptions:
        return msgspec.structs.replace(self._options.client, client_name=name)

    # The connection -----------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Let connection and desk do what they can now; one that failed ends the venue, which must not look ready."""
        if self._loop is None:
            return
        self._loop.turn()
        failed = [task for task in self._tasks if task.done() and not task.cancelled() and task.exception() is not None]
        if failed:
            error = failed[0].exception()
            self._end(f"The venue failed ({type(error).__name__}: {error}); start the trader again.")

    def _end(self, reason: str) -> None:
        """Log off as far as the server lets us, and say that nothing can be sent any more."""
        assert self._loop is not None
        loop, self._loop, self._ended = self._loop, None, True
        for task in self._tasks:
            task.cancel()
        end_ns = self._clock.monotonic_ns() + int(CLOSE_WITHIN_S * NANOS_PER_SECOND)
        loop.turn()
        while not all(task.done() for task in self._tasks) and self._clock.monotonic_ns() < end_ns:
            self._clock.sleep(CLOSE_POLL_S)
            loop.turn()
        loop.close()
        self._news.append(VenueStatus(self._clock.now_ns(), False, reason))

    def _take_back(self, order_id: str, left: int) -> None:
        if left:
            self._desk.resize(order_id, left)
        else:
            self._desk.cancel(order_id)

    def _wake(self) -> None:
        self._desk.moved.set()
