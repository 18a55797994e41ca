"""A trading engine whose broker says only what a test lets it say."""

from __future__ import annotations

from trading_desk import STOP_TICKS, SYMBOL, Desk

from minhos.accounting.types import Fill, Order, OrderType, Role
from minhos.market.types import Instrument
from minhos.trading import events as ev
from minhos.trading.order_ids import target_id
from minhos.trading.venue import OrderReport, OrderStatus, Survey, Venue, VenueFill, VenueOrder, VenueStatus

SURE = 0.75


class Mute(Venue):
    """A broker that keeps what it is sent; its words are put into `news` by the test."""

    name = "broker"
    answers_at_once = owns_account = False
    targets = True

    def __init__(self) -> None:
        self.sent: list[Order] = []
        self.cancelled: list[str] = []
        self.resized: list[tuple[str, int]] = []
        self.news: list = []
        self.asked = 0
        self.known: dict[str, str] = {}
        self.instruments: dict[str, Instrument] = {}

    def add_instrument(self, symbol, instrument):
        self.instruments[symbol] = instrument

    def submit(self, order, time_ns):
        self.sent.append(order)
        return []

    def cancel(self, order_id, time_ns):
        self.cancelled.append(order_id)
        return []

    def resize(self, order_id, contracts, time_ns):
        self.resized.append((order_id, contracts))
        return []

    def know(self, venue_ids):
        self.known = dict(venue_ids)

    def poll(self, time_ns):
        news, self.news = self.news, []
        return news

    def ask(self):
        self.asked += 1


class BrokerDesk(Desk):
    """A desk whose venue is a broker; every poll happens a millisecond after the last."""

    def __init__(self, settings=None, *, journal=None, connected: bool = True) -> None:
        super().__init__(settings, journal=journal, venue=Mute())
        if connected:
            self.hear(VenueStatus(self.clock.now_ns(), True))

    def hear(self, *news) -> None:
        self.clock.advance_to(self.clock.now_ns() + 1_000_000)
        self.venue.news += news
        self.engine.poll_venue()

    def survey(self, position: int = 0, *, orders=(), fills=(), quiet: bool = True, times: int = 1) -> None:
        """The broker shows that position in SYMBOL, these orders and these fills, so many times, a second apart."""
        for _ in range(times):
            self.clock.advance_to(self.clock.now_ns() + 10**9)
            now_ns = self.clock.now_ns()
            positions = {SYMBOL: position} if position else {}
            self.hear(Survey(now_ns, now_ns, positions, tuple(orders), tuple(fills), quiet))

    def sent(self, role: Role) -> Order:
        return [order for order in self.venue.sent if order.role is role][-1]

    def accept(self, order: Order, number: str) -> None:
        self.hear(OrderReport(order.order_id, OrderStatus.ACCEPTED, self.clock.now_ns(), venue_id=number))

    def fill(self, order: Order, name: str, ticks: int = 80_000, contracts: int = 0) -> Fill:
        """What the broker would report; not heard yet."""
        return Fill(
            name,
            order.order_id,
            SYMBOL,
            order.side,
            contracts or order.contracts,
            ticks,
            self.clock.now_ns(),
            225,
            order.role,
            parent_id=order.parent_id,
        )

    def stop_of(self, entry: Order, ticks: int = 80_000) -> VenueOrder:
        """The bracket's stop as the broker lists it."""
        return VenueOrder("S1", entry.stop_id, SYMBOL, -entry.side, entry.contracts, True, ticks - STOP_TICKS)

    def rest_stop(self, entry: Order, contracts: int = 0, status: OrderStatus = OrderStatus.ACCEPTED) -> None:
        """The bracket's stop rests, for so many contracts (0: all of the entry's)."""
        stop = self.stop_of(entry)
        rested = Order(
            stop.order_id,
            SYMBOL,
            stop.side,
            contracts or stop.contracts,
            Role.STOP,
            OrderType.STOP,
            stop.trigger_ticks,
            parent_id=entry.order_id,
        )
        self.hear(OrderReport(stop.order_id, status, self.clock.now_ns(), order=rested, venue_id="S1"))

    def order_entry(self) -> Order:
        """Reconciled, then an entry that the broker has taken."""
        self.survey()
        self.flat_bar(p=SURE)
        entry = self.sent(Role.ENTRY)
        self.accept(entry, "P1")
        return entry

    def enter(self) -> Order:
        """An entry that fills, with its stop at rest."""
        entry = self.order_entry()
        self.hear(self.fill(entry, "F1"))
        self.rest_stop(entry)
        return entry

    def hit_target(self, entry: Order, contracts: int = 0) -> None:
        """The bracket's target fills."""
        leg = Order(target_id(entry.stop_id), SYMBOL, -entry.side, entry.contracts, Role.EXIT, parent_id=entry.order_id)
        self.hear(self.fill(leg, f"T-{self.clock.now_ns()}", 80_800, contracts))

    def say(self, order_id: str, status: OrderStatus, reason: str = "no") -> None:
        """The broker says that of an order."""
        self.hear(OrderReport(order_id, status, self.clock.now_ns(), reason))

    @property
    def alarms(self) -> list[str]:
        return [event.text for event in self.events(ev.Alarm)]

    @property
    def bound(self) -> str:
        return self.decisions[-1].verdict.bound


def listed(fill: Fill, number: str, *, named: bool = False) -> VenueFill:
    """As the broker lists it: under its own number, without our id unless the venue knew it."""
    bare = Fill(
        fill.fill_id,
        fill.order_id if named else "",
        fill.symbol,
        fill.side,
        fill.contracts,
        fill.price_ticks,
        fill.time_ns,
        fill.commission_cents,
        Role.UNKNOWN,
    )
    return VenueFill(bare, number)
