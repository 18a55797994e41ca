"""A trader with the real engine, journal and venue in this process, and a broker in a thread that may misbehave."""

import asyncio
import threading
import time

from minhos.bench.faults.check import compare, journal_events
from minhos.bench.faults.trader import ACCOUNT, SYMBOL, BenchTrader, ShiftedClock, TraderProcess
from minhos.dtc.faults import Faults
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.market.calendar import SessionCalendar
from minhos.testing.broker.backend import MatchingBackend
from minhos.testing.broker.book import BrokerOptions
from minhos.testing.broker.store import read_books
from minhos.testing.builders import MNQ
from minhos.trading import events as ev

CALENDAR = SessionCalendar.load()
AT = 80_000
WITHIN_S = 30.0


class BrokerThread:
    """The served broker; a second one over the same folder and port goes on from the first one's books."""

    def __init__(self, folder, shift_ns, faults, port=0):
        self.state = folder / "broker.sqlite"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._in_loop(self._open(ShiftedClock(shift_ns), faults))
        self.port = self._in_loop(self._listen(faults, port))

    async def _open(self, clock, faults):
        options = BrokerOptions(refuses_used_ids=False)
        self._backend = MatchingBackend({SYMBOL: MNQ}, self.state, clock, options, faults)

    async def _listen(self, faults, port):
        self._server = DtcServer(self._backend, ServerOptions(port=port), faults)
        return await self._server.start()

    async def _move(self, ticks):
        self._backend.set_price(SYMBOL, ticks)

    async def _misbehave(self, faults):
        self._server.misbehave(faults)

    async def _end(self):
        await self._server.close()
        self._backend.close()

    def _in_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    def price(self, ticks):
        self._in_loop(self._move(ticks))

    def misbehave(self, faults):
        """From now on, also over the connection that exists."""
        self._in_loop(self._misbehave(faults))

    def close(self):
        self._in_loop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)


class House:
    """One trader, one broker; `heal` puts a broker without faults in the place of the first."""

    def __init__(self, folder, faults):
        self.folder = folder
        self.shift_ns = ShiftedClock.at_open().shift_ns
        self.broker = BrokerThread(folder, self.shift_ns, faults)
        self.broker.price(AT)
        told = TraderProcess(home=folder, port=self.broker.port, shift_ns=self.shift_ns, request_timeout_s=0.4)
        self.trader = BenchTrader(told, CALENDAR)

    def heal(self):
        """A broker without faults takes over, and the trader has compared itself with it."""
        compared = self.times_compared()
        self.broker.close()
        self.broker = BrokerThread(self.folder, self.shift_ns, Faults(), self.broker.port)
        self.broker.price(AT)
        self.until(lambda _: self.times_compared() > compared)

    def times_compared(self):
        return sum(isinstance(event, ev.Reconciled) for event in self.events)

    def close(self):
        self.trader.engine.venue.close()
        self.trader.sqlite.close()
        self.broker.close()

    def want(self, target):
        """A bar closes, and that position is wanted."""
        return self.trader.obey("decide", target, AT)

    def until(self, done, within_s=WITHIN_S):
        """Let the trader run until it stands so."""
        deadline = time.perf_counter() + within_s
        while not done(self.trader.standing()):
            assert time.perf_counter() < deadline, self.trader.standing()
            self.trader.engine.poll_venue()
            time.sleep(0.001)

    def run_for(self, seconds):
        deadline = time.perf_counter() + seconds
        self.until(lambda _: time.perf_counter() > deadline)

    def reach(self, position):
        """Until the trader holds that, with stops for it, and nothing is under way."""
        self.until(lambda s: s.is_settled and s.position == position and s.stops == abs(position))

    # What came of it ----------------------------------------------------------------------------------------------

    @property
    def books(self):
        return read_books(self.broker.state)

    @property
    def sent(self):
        """Entries, exits and flattens that the broker took, by name; legs of brackets are left out."""
        return [order.client_id for order in self.books.orders.values() if not order.parent]

    @property
    def position(self):
        return self.books.position(ACCOUNT, SYMBOL)

    @property
    def events(self):
        return journal_events(self.folder)

    def differs(self):
        """What broker and journal do not agree on."""
        return compare(self.books, self.events)
