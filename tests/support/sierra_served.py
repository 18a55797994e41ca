"""A DTC server in a thread of its own, for the commands that connect to Sierra Chart by themselves."""

import asyncio
import contextlib
import socket
import threading

import msgspec

import minhos.dtc.messages as m
from minhos.assembly.layout import Layout
from minhos.dtc.messages.enums import OrderUpdateReason
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.simulated import SimulatedBackend
from minhos.settings import parse
from minhos.sierra_check.walk import check_sierra

REFUSED = "Market data request not allowed"
NOW_NS = 1_791_979_200 * 10**9
"""2026-10-14 12:00 UTC: the front month by date is December."""
SYMBOL = "NQZ26-CME"


class Clock:
    """The check's clock: a fixed day, real durations."""

    def __init__(self, wall):
        self._wall, self._start_ns = wall, wall.monotonic_ns()

    def now_ns(self):
        return NOW_NS + self._wall.monotonic_ns() - self._start_ns

    def monotonic_ns(self):
        return self._wall.monotonic_ns()

    def sleep(self, seconds):
        self._wall.sleep(seconds)


class Broker(SimulatedBackend):
    """The simulated backend with what a broker's own rows may say beside."""

    definition_changes = {}
    balance_changes = {}
    echo_times = 1.0
    one_leg = True
    listed = True
    children_stay = False
    refused_cancels = 0
    accepts_duplicates = False
    on_order = None

    @property
    def faults(self):
        return self._faults

    def query(self, request):
        rows = super().query(request)
        if isinstance(request, m.AccountBalanceRequest):
            return [msgspec.structs.replace(row, **self.balance_changes) for row in rows]
        if isinstance(request, m.OpenOrdersRequest):
            return [self._told(row) for row in rows if self.listed]
        return rows

    def trade(self, requests):
        if self.on_order is not None:
            self.on_order(requests)
        if isinstance(requests[0], m.CancelOrder) and self.refused_cancels:
            self.refused_cancels -= 1
            order = self.orders[requests[0].server_order_id]
            return [order.update(OrderUpdateReason.ORDER_CANCEL_REJECTED, "Not now.")]
        legs = [each for each in requests if isinstance(each, m.SubmitNewOCOOrder)]
        if not self.one_leg and any(not leg.quantity_2 for leg in legs):
            orders = (
                (requests[0].client_order_id, "The parent's bracket is not complete."),
                (legs[0].client_order_id_1, "An OCO order has two legs."),
            )
            return [
                m.OrderUpdate(
                    symbol=SYMBOL, client_order_id=name, order_status=9, order_update_reason=8, info_text=text
                )
                for name, text in orders
            ]
        return [self._told(update) for update in super().trade(requests)]

    def _children(self, order):
        return [] if self.children_stay and order.filled == 0 else super()._children(order)

    def _problem(self, order):
        text = super()._problem(order)
        return "" if self.accepts_duplicates and "used before" in text else text

    def _definition(self, symbol):
        return msgspec.structs.replace(super()._definition(symbol), **self.definition_changes)

    def _told(self, update):
        if isinstance(update, m.OrderUpdate) and update.price1:
            return msgspec.structs.replace(update, price1=update.price1 * self.echo_times)
        return update


@contextlib.contextmanager
def served(broker=None, faults=None, tls=None, now_s=lambda: 0):
    """The port of a server that runs beside the test, and its backend."""
    backend = broker or Broker({SYMBOL: 25_000.0}, accounts=("Sim1", "120005"))
    faults = backend.faults if faults is None else faults
    started, ended, found = threading.Event(), None, {}

    async def serve():
        nonlocal ended
        ended = asyncio.Event()
        server = DtcServer(backend, ServerOptions(tls=tls, now_s=now_s), faults)
        found["port"], found["server"], found["loop"] = await server.start(), server, asyncio.get_running_loop()
        started.set()
        await ended.wait()
        await server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10.0)
    try:
        yield found["port"], backend, found
    finally:
        found["loop"].call_soon_threadsafe(ended.set)
        thread.join(10.0)


@contextlib.contextmanager
def answering(behave):
    """The port of a plain socket server: behave(connection) in a thread for each client."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=quietly, args=(connection,), daemon=True).start()

    def quietly(connection):
        with contextlib.suppress(OSError), connection:
            behave(connection)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def settings(port, **sierra):
    """Settings of a house that trades there; bars come from a folder that does not exist."""
    section = {"host": "127.0.0.1", "port": port, "request_timeout_s": 2.0} | sierra
    return parse({"sierra": section, "data": {"source": "/nowhere/data"}})


def checked(home, port, clock, *, seconds=0.3, changes=None, **sierra):
    """The report of a check, by step, and the report itself."""
    chosen = settings(port, **sierra)
    for section, values in (changes or {}).items():
        part = getattr(chosen, section).model_copy(update=values)
        chosen = chosen.model_copy(update={section: part})
    report = check_sierra(chosen, Layout(home), seconds=seconds, clock=clock, history_port=port)
    return {each.step: each for each in report.findings}, report
