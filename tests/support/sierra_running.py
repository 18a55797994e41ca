"""A DTC server over the simulated backend in a thread of its own, and a venue that is connected to it."""

import asyncio
import contextlib
import itertools
import threading
import time
from collections import Counter

from minhos.accounting.types import Fill, Order, OrderType, Role
from minhos.dtc.client import ClientOptions
from minhos.dtc.codec import Encoding
from minhos.dtc.faults import Faults
from minhos.dtc.messages.enums import OrderStatus as DtcStatus
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.simulated import SimulatedBackend
from minhos.market.clock import SimulatedClock, SystemClock
from minhos.market.types import Price
from minhos.testing.builders import MNQ, MONDAY_OPEN
from minhos.trading.venue import OrderReport, Survey, VenueStatus
from minhos.venues.order_gate import OrderGate
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.venue import SierraVenue

CONTRACT, SYMBOL = "MNQZ25", "MNQZ25-CME"
PRICE = 20_000.0
TICKS = MNQ.to_ticks(PRICE)
STOP = 120
"""Ticks from the entry to its stop: 30 points."""
PATIENCE_S = 20.0


class Broker:
    """The server's side; everything about it happens in its loop, through `call`."""

    def __init__(self, faults=Faults(), prices=None, accounts=("Sim1", "Sim2"), backend=None):
        self.faults = faults
        self.backend = backend or SimulatedBackend(prices or {SYMBOL: PRICE}, accounts=accounts, faults=faults)
        self.trade = self.backend.trade
        self.requests = []
        self.backend.trade = self._trade
        self.before_trade = lambda requests: None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self.open()

    def open(self):
        """Listen, on the same port as before."""
        self.server = DtcServer(self.backend, ServerOptions(port=self.port), faults=self.faults)
        self.port = self.wait_for(self.server.start())

    def shut(self):
        """Stop listening and cut every connection."""
        self.call(self.server.disconnect_all)
        self.wait_for(self.server.close())

    def close(self):
        self.wait_for(self.server.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()

    def call(self, function, *arguments):
        """Run a function in the server's loop and return what it returns."""

        async def run():
            return function(*arguments)

        return self.wait_for(run())

    def wait_for(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def move(self, price, symbol=SYMBOL):
        """The market trades at price."""
        self.call(self.backend.set_price, symbol, price)

    def held(self, symbol=SYMBOL, account="Sim1"):
        return sum(
            round(fill.quantity) * (1 if fill.buy_sell == 1 else -1)
            for fill in self.backend.fills
            if (fill.symbol, fill.trade_account) == (symbol, account)
        )

    def positions(self):
        """The position after each fill."""
        signed = [round(fill.quantity) * (1 if fill.buy_sell == 1 else -1) for fill in self.backend.fills]
        return list(itertools.accumulate(signed))

    def live(self, kind=None):
        """Working orders by client order id."""
        return {
            order.client_order_id: order
            for order in self.backend.orders.values()
            if order.status in (DtcStatus.OPEN, DtcStatus.PARTIALLY_FILLED) and kind in (None, order.order_type)
        }

    def sent(self, kind):
        """What clients sent, of that type."""
        return [request for requests in self.requests for request in requests if isinstance(request, kind)]

    def _trade(self, requests):
        self.before_trade(requests)
        self.requests.append(list(requests))
        return self.trade(requests)


class Trading:
    """The trader's side: a venue, what it told, and waiting for more."""

    def __init__(self, venue):
        self.venue = venue
        self.news = []

    def wait(self, done, what="what was waited for"):
        """Poll until done() is true of what was told; fails in words."""
        until = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < until:
            self.news += self.venue.poll(0)
            found = done()
            if found:
                return found
            time.sleep(0.001)
        raise AssertionError(f"{what} did not come; told: {self.news}")

    def wait_ready(self):
        return self.wait(lambda: self.status.ready, "readiness")

    def wait_reason(self, text):
        self.wait(lambda: not self.status.ready and text in self.status.reason, f"the reason {text!r}")
        return self.status.reason

    def wait_status(self, order_id, status):
        return self.wait(lambda: self.reports(order_id, status), f"{status} of {order_id}")[-1]

    def wait_filled(self, order_id, contracts):
        return self.wait(lambda: self.filled(order_id) == contracts, f"{contracts} of {order_id}")

    def wait_held(self, contracts):
        return self.wait(lambda: self.held == contracts, f"a position of {contracts}")

    def ask(self):
        """A survey that was started after now."""
        before = len(self.of(Survey))
        self.venue.ask()
        return self.wait(lambda: self.of(Survey)[before + 1 :] or self.settled(before), "a survey")[-1]

    def settled(self, before):
        return [survey for survey in self.of(Survey)[before:] if survey.quiet]

    def of(self, kind):
        return [news for news in self.news if isinstance(news, kind)]

    def reports(self, order_id, status=None):
        return [r for r in self.of(OrderReport) if r.order_id == order_id and status in (None, r.status)]

    def statuses(self, order_id):
        return [report.status for report in self.reports(order_id)]

    def filled(self, order_id):
        return sum(fill.contracts for fill in self.of(Fill) if fill.order_id == order_id)

    @property
    def held(self):
        return sum(fill.side * fill.contracts for fill in self.of(Fill))

    @property
    def status(self):
        told = self.of(VenueStatus)
        return told[-1] if told else VenueStatus(0, False, "nothing was told")

    def enter(self, name="E1", contracts=2, side=1):
        """Send an entry and wait until its stop rests."""
        self.venue.submit(entry(name, contracts, side), 0)
        self.wait_filled(name, contracts)
        self.wait(lambda: stop_contracts(self, f"{name}-S") == contracts, f"the stop of {name}")

    def no_fill_twice(self):
        counts = Counter(fill.fill_id for fill in self.of(Fill))
        return all(count == 1 for count in counts.values())


def stop_contracts(trading, stop_id):
    """What the trader was last told that a stop is for."""
    shown = [report.order.contracts for report in trading.reports(stop_id) if report.order is not None]
    return shown[-1] if shown else 0


def entry(name="E1", contracts=2, side=1, role=Role.ENTRY, symbol=CONTRACT):
    return Order(name, symbol, side, contracts, role, stop_distance_ticks=STOP, stop_id=f"{name}-S")


def closing(name="X1", contracts=2, side=-1, role=Role.EXIT):
    return Order(name, CONTRACT, side, contracts, role)


def protection(name="P1", contracts=2, side=-1, trigger=TICKS - STOP):
    return Order(name, CONTRACT, side, contracts, Role.STOP, OrderType.STOP, trigger, parent_id="E1")


def options(port, account="Sim1", client=None, **changes):
    line = {"port": port, "encoding": Encoding.BINARY, "reconnect_first_s": 0.02, "reconnect_most_s": 0.1}
    line |= {"handshake_timeout_s": 2.0, "request_timeout_s": 5.0} | (client or {})
    given = {"target_per_stop": 20.0 / 3.0, "request_timeout_s": 5.0, "gate_timeout_s": 0.3} | changes
    return SierraOptions(client=ClientOptions(**line), account=account, **given)


def venue_of(port, folder, instruments=None, clock=None, **changes):
    gate = OrderGate(folder / "orders.lock")
    instruments = {CONTRACT: MNQ} if instruments is None else instruments
    clock = clock or SimulatedClock(MONDAY_OPEN, wall=SystemClock())
    return SierraVenue(options(port, **changes), instruments, clock, gate, folder / "HALT")


@contextlib.contextmanager
def trading_with(broker, folder, *, price=TICKS, venue=None, **changes):
    """A venue that has been started; it is not waited for."""
    venue = venue or venue_of(broker.port, folder, **changes)
    if price:
        venue.on_price(Price(CONTRACT, 0, price))
    venue.open()
    try:
        yield Trading(venue)
    finally:
        venue.close()


@contextlib.contextmanager
def ready(folder, faults=Faults(), *, broker=None, **changes):
    """A broker, and a venue that is ready to trade there."""
    broker = broker or Broker(faults)
    try:
        with trading_with(broker, folder, **changes) as trading:
            trading.wait_ready()
            yield trading, broker
    finally:
        broker.close()
