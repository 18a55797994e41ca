"""What any `Venue` must keep, as checks that run on ours and on yours.  Needs no test library.

Write a bench: an account at your broker (or a double of it), and the venue that trades there.  Then, with pytest:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_venue(check, tmp_path):
        check(MyBench(tmp_path))

or `check_venue(lambda: MyBench(...))` for all of them.  A check raises `AssertionError` with a sentence.  Every report
is held against the table of order states, every fill against its order, whatever else a check looks at.  Not for what
a venue says in its sentences, nor for how fast it is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from minhos.accounting.types import Fill, Order, OrderType, Role
from minhos.errors import OrderStateError
from minhos.market.clock import SimulatedClock
from minhos.market.symbols import root_of
from minhos.market.types import NANOS_PER_SECOND, Price
from minhos.trading.book import OrderBook, OrderRecord
from minhos.trading.order_states import FINAL, OrderState, Trigger
from minhos.trading.venue import News, OrderReport, OrderStatus, Survey, Venue, VenueStatus

STOP_TICKS = 120
"""How far from its entry's fill a stop rests."""
MOST_LOOKS = 2_000
"""So many polls, a moment apart, are waited for what must come."""
QUIET_LOOKS = 100
"""So many are waited for what must not come."""
STATES = OrderState


class VenueBench(Protocol):
    """An empty account in one contract, in open hours."""

    symbol: str
    price_ticks: int
    """Where the market trades at first."""
    clock: SimulatedClock
    """The venue's only clock."""

    @abstractmethod
    def venue(self) -> Venue:
        """A new venue, not opened, on the account as it is now: as after a restart."""

    def market(self, price_ticks: int) -> None:
        """The market trades at that price, for whoever fills the orders; the check itself calls `on_price`."""
        return

    def wait(self) -> None:
        """Let a moment pass in which messages may travel."""
        self.clock.sleep(0.005)

    def silence(self, silent: bool) -> bool:
        """Let nothing come back from the broker, or everything again; False where no line can fall silent."""
        return False

    def close(self) -> None:
        """The check is over."""
        return


class Traded:
    """A venue, all that it reported, and every order's state by the table."""

    def __init__(self, bench: VenueBench, before: Traded | None = None) -> None:
        """before: what was traded until a restart; its book and its position go on."""
        self.bench, self.venue = bench, bench.venue()
        self.book: OrderBook = before.book if before is not None else OrderBook()
        self.fills: list[Fill] = list(before.fills) if before is not None else []
        self.news: list[News] = []
        if before is not None:
            self.venue.adopt([(_as_now(r), r.contracts - r.filled) for r in self.book.open_records()], before.positions)
            self.venue.know(self.book.venue_ids())
        self.market(bench.price_ticks)
        self.venue.open()
        if not self.venue.owns_account:
            self.wait(lambda: self.is_ready and self.surveys, "says that it is ready and shows a survey")

    @property
    def is_ready(self) -> bool:
        told = [item for item in self.news if isinstance(item, VenueStatus)]
        return bool(told) and told[-1].ready

    @property
    def surveys(self) -> list[Survey]:
        return [item for item in self.news if isinstance(item, Survey)]

    @property
    def position(self) -> int:
        return sum(fill.side * fill.contracts for fill in self.fills)

    @property
    def positions(self) -> dict[str, int]:
        return {self.bench.symbol: self.position} if self.position else {}

    def state(self, order_id: str) -> OrderState | None:
        record = self.book.records.get(order_id)
        return record.state if record is not None else None

    def reports(self, order_id: str, *statuses: OrderStatus) -> list[OrderReport]:
        return [
            item
            for item in self.news
            if isinstance(item, OrderReport) and item.order_id == order_id and (not statuses or item.status in statuses)
        ]

    def submit(self, order: Order) -> None:
        """Send an order, as the engine does: the intent first."""
        self.book.intend(order)
        self.book.trigger(order.order_id, Trigger.SEND)
        self.take(self.venue.submit(order, self.now_ns))

    def cancel(self, order_id: str) -> None:
        self._request(order_id, Trigger.REQUEST_CANCEL)
        self.take(self.venue.cancel(order_id, self.now_ns))

    def resize(self, order_id: str, contracts: int) -> None:
        self._request(order_id, Trigger.REQUEST_RESIZE)
        self.take(self.venue.resize(order_id, contracts, self.now_ns))

    def market(self, price_ticks: int) -> None:
        """The market trades there, a second later."""
        self.bench.clock.advance_to(self.now_ns + NANOS_PER_SECOND)
        self.bench.market(price_ticks)
        self.take(self.venue.on_price(Price(self.bench.symbol, self.now_ns, price_ticks)))
        self.look()

    def look(self) -> None:
        """One moment, and what came in it."""
        self.bench.wait()
        news = self.venue.poll(self.now_ns)
        _expect(not news or not self.venue.answers_at_once or not self.venue.owns_account, f"poll gives {news[:1]}")
        self.take(news)

    def wait(self, done: Callable[[], object], what: str) -> None:
        """Until that is so."""
        for _ in range(MOST_LOOKS):
            if done():
                return
            self.look()
        raise AssertionError(f"{self.venue.name} never {what}; it reported {[str(item) for item in self.news[-6:]]}")

    def wait_refusals(self, order_id: str, n: int, what: str) -> None:
        """Until so many requests about it were refused."""
        self.wait(lambda: len(self.reports(order_id, OrderStatus.CANCEL_REJECTED)) >= n, what)

    def settle(self) -> None:
        """Until what is under way has come."""
        for _ in range(QUIET_LOOKS):
            self.look()

    def take(self, news: Sequence[News]) -> None:
        """Hold what was reported against the table and against its order."""
        for item in news:
            self.news.append(item)
            try:
                if isinstance(item, OrderReport):
                    self._take_report(item)
                elif isinstance(item, Fill):
                    self._take_fill(item)
            except OrderStateError as error:
                raise AssertionError(f"{item} contradicts what was reported before: {error}") from error

    @property
    def now_ns(self) -> int:
        return self.bench.clock.now_ns()

    def _request(self, order_id: str, trigger: Trigger) -> None:
        if order_id in self.book.records and not self.book.refusal(order_id, trigger):
            self.book.trigger(order_id, trigger)

    def _take_report(self, report: OrderReport) -> None:
        if report.order is not None:
            _expect(report.order.order_id == report.order_id, f"{report} shows another order than it names")
        self.book.report(report)

    def _take_fill(self, fill: Fill) -> None:
        _expect(fill.fill_id not in {each.fill_id for each in self.fills}, f"fill {fill.fill_id} came twice")
        record = self.book.records.get(fill.order_id)
        if record is None:
            raise AssertionError(f"{fill} belongs to no order that was sent or reported")
        same = (fill.symbol, fill.side) == (record.order.symbol, record.order.side)
        _expect(same and fill.contracts > 0, f"{fill} does not fit its order {record.order}")
        self.fills.append(fill)
        self.book.fill(fill)
        total = self.book.records[fill.order_id].filled
        _expect(
            total <= record.contracts, f"{total} contracts of {fill.order_id} filled, which is for {record.contracts}"
        )


Check = Callable[[VenueBench], None]


def entry(bench: VenueBench, contracts: int = 2, name: str = "E1", side: int = 1) -> Order:
    """A market order with a protective stop attached."""
    return Order(
        name,
        bench.symbol,
        side,
        contracts,
        Role.ENTRY,
        stop_distance_ticks=STOP_TICKS,
        stop_id=f"{name}-S",
        decided_ns=bench.clock.now_ns(),
    )


def leaving(bench: VenueBench, contracts: int = 2, name: str = "X1", side: int = -1) -> Order:
    """A market order that closes."""
    return Order(name, bench.symbol, side, contracts, Role.EXIT, decided_ns=bench.clock.now_ns())


def entered(bench: VenueBench, contracts: int = 2, side: int = 1) -> Traded:
    """An entry E1 that has filled, with its stop E1-S at rest."""
    traded = Traded(bench)
    traded.submit(entry(bench, contracts, side=side))
    traded.wait(lambda: traded.state("E1") is not STATES.SENT, "answers an entry")
    traded.market(bench.price_ticks)
    traded.wait(lambda: abs(traded.position) == contracts, "fills the entry at the next price")
    traded.wait(lambda: _resting(traded) == contracts, "reports the entry's stop at rest")
    return traded


def says_what_it_is_like(bench: VenueBench) -> None:
    """A name, and two facts that go together; making it and closing it unopened does nothing."""
    venue = bench.venue()
    _expect(venue.name.isidentifier(), f"{venue.name!r} is no plain name")
    _expect(venue.answers_at_once or not venue.owns_account, "one that answers later must show surveys of its account")
    _expect(not venue.poll(bench.clock.now_ns()) or not venue.answers_at_once, "it reports before it is opened")
    venue.close()
    venue.close()


def fills_an_entry_and_rests_its_stop(bench: VenueBench) -> None:
    """Whole, once, with the stop on the losing side at the distance that was asked for."""
    traded = entered(bench)
    for name, side in (("E1", 1), ("E2", -1)):
        if name == "E2":
            _turn(bench, traded)
        (fill,) = [each for each in traded.fills if each.order_id == name]
        stop = traded.book.records[f"{name}-S"].order
        _expect(stop.order_type is OrderType.STOP and stop.role is Role.STOP, f"{stop} is no stop")
        _expect((stop.side, stop.parent_id) == (-side, name), f"{stop} does not protect {name}")
        distance = side * (fill.price_ticks - stop.trigger_ticks)
        _expect(distance == STOP_TICKS, f"the stop rests {distance} ticks from the fill, not {STOP_TICKS}")
        _expect(traded.state(name) is STATES.FILLED, f"an entry that filled whole is {traded.state(name)}")


def fills_a_stop_that_is_passed(bench: VenueBench) -> None:
    """Once, for all that it covers; nothing goes on working."""
    traded = entered(bench)
    traded.market(traded.book.records["E1-S"].order.trigger_ticks - 4)
    traded.wait(lambda: traded.position == 0, "fills a stop that the market has passed")
    traded.settle()
    _expect(traded.position == 0, f"after its stop the position is {traded.position}")
    _all_done(traded)


def closes_and_takes_the_stop_back(bench: VenueBench) -> None:
    """An order that closes fills; the stop is cancelled by the venue, or when it is asked to."""
    traded = entered(bench)
    traded.submit(leaving(bench))
    traded.market(bench.price_ticks + 8)
    traded.wait(lambda: traded.position == 0, "fills an order that closes")
    traded.settle()
    if traded.state("E1-S") not in FINAL:
        traded.cancel("E1-S")
    traded.wait(lambda: traded.state("E1-S") is STATES.CANCELLED, "cancels the stop of what was closed")
    traded.market(bench.price_ticks - 2 * STOP_TICKS)
    traded.settle()
    _expect(traded.position == 0, "a stop that was cancelled has filled")
    _all_done(traded)


def never_turns_a_position_round(bench: VenueBench) -> None:
    """An order that closes more than is held closes what is held."""
    traded = entered(bench)
    traded.submit(leaving(bench, contracts=5))
    traded.market(bench.price_ticks)
    traded.wait(lambda: traded.position == 0, "fills an order that closes")
    traded.wait(lambda: traded.state("X1") in FINAL, "ends an order with nothing left to close")
    traded.settle()
    _expect(traded.position == 0, f"an order that closes has made {traded.position:+d}")


def sends_an_order_once(bench: VenueBench) -> None:
    """The same id twice is one order."""
    traded = entered(bench)
    order = traded.book.records["E1"].order
    traded.take(traded.venue.submit(order, traded.now_ns))
    traded.market(bench.price_ticks)
    traded.settle()
    _expect(traded.position == 2, f"an order that was handed over twice has made {traded.position:+d}, not +2")


def refuses_what_it_does_not_trade(bench: VenueBench) -> None:
    """REJECTED with a reason, and no exception."""
    traded = Traded(bench)
    traded.submit(msgspec.structs.replace(entry(bench), symbol="ZZZ99"))
    traded.wait(lambda: traded.state("E1") is STATES.REJECTED, "refuses an order in a contract that is not traded")
    _expect(all(report.reason for report in traded.reports("E1")), "a refusal needs a reason")
    traded.market(bench.price_ticks)
    _expect(not traded.fills, "an order that was refused has filled")


def cancels_a_stop(bench: VenueBench) -> None:
    """CANCELLED; a second cancel is refused, and the market may pass."""
    traded = entered(bench)
    traded.cancel("E1-S")
    traded.wait(lambda: traded.state("E1-S") is STATES.CANCELLED, "cancels a stop")
    traded.cancel("E1-S")
    traded.wait(lambda: traded.reports("E1-S", OrderStatus.CANCEL_REJECTED), "refuses to cancel twice")
    traded.market(bench.price_ticks - 2 * STOP_TICKS)
    traded.settle()
    _expect(traded.position == 2, "a stop that was cancelled has filled")


def refuses_to_change_what_does_not_work(bench: VenueBench) -> None:
    """CANCEL_REJECTED for what has filled and for what never was; what is held stays."""
    traded = entered(bench)
    for name in ("E1", "nobody-s"):
        traded.cancel(name)
        traded.wait_refusals(name, 1, f"refuses to cancel {name}")
        traded.resize(name, 1)
        traded.wait_refusals(name, 2, f"refuses to resize {name}")
    _expect((traded.position, _resting(traded)) == (2, 2), "something was changed all the same")


def resizes_a_stop(bench: VenueBench) -> None:
    """RESIZED shows the stop as it is now; it never grows; it fills for no more than it covers."""
    traded = entered(bench)
    for n, wrong in enumerate((0, 3), start=1):
        traded.resize("E1-S", wrong)
        traded.wait_refusals("E1-S", n, f"refuses to resize a stop of 2 to {wrong}")
    traded.resize("E1-S", 1)
    traded.wait(lambda: _resting(traded) == 1, "resizes a stop")
    shown = traded.reports("E1-S", OrderStatus.RESIZED)[-1].order
    _expect(shown is not None and shown.contracts == 1, f"RESIZED shows {shown}, not a stop of 1")
    traded.market(traded.book.records["E1-S"].order.trigger_ticks - 4)
    traded.wait(lambda: traded.position == 1, "fills what is left of a stop")
    traded.settle()
    _expect(traded.position == 1, f"a stop of 1 has made {traded.position:+d} of +2")


def goes_on_after_a_restart(bench: VenueBench) -> None:
    """A new venue that adopts the orders fills the stop that rests, under a fill id that was not used before."""
    before = entered(bench)
    before.venue.close()
    after = Traded(bench, before)
    after.settle()
    _expect(
        (after.position, _resting(after)) == (2, 2),
        f"the restart made {after.position:+d}, {_resting(after)} protected",
    )
    after.market(after.book.records["E1-S"].order.trigger_ticks - 4)
    after.wait(lambda: after.position == 0, "fills a stop that it adopted")
    _all_done(after)


def closes_twice_and_says_nothing_more(bench: VenueBench) -> None:
    """Nothing raises after the end; what works at a broker stays there."""
    traded = entered(bench)
    traded.venue.close()
    traded.venue.close()
    traded.take(traded.venue.poll(traded.now_ns))
    traded.take(traded.venue.poll(traded.now_ns))
    _expect(traded.state("E1-S") is STATES.WORKING, "closing the venue has ended the stop")


def shows_its_account(bench: VenueBench) -> None:
    """One that does not own its account: a survey agrees with what it reported."""
    traded = entered(bench)
    if traded.venue.owns_account:
        return
    before = len(traded.surveys)
    traded.venue.ask()
    traded.wait(lambda: any(each.quiet for each in traded.surveys[before:]), "answers when a survey is asked for")
    survey = [each for each in traded.surveys[before:] if each.quiet][-1]
    _expect(survey.positions == {bench.symbol: 2}, f"the survey shows {survey.positions}")
    stops = {o.order_id: o for o in survey.orders if o.is_stop}
    _expect(list(stops) == ["E1-S"], f"the survey shows the stops {list(stops)}")
    stop = traded.book.records["E1-S"].order
    shown = (stops["E1-S"].contracts, stops["E1-S"].side, stops["E1-S"].trigger_ticks)
    _expect(shown == (2, -1, stop.trigger_ticks), f"the survey shows the stop as {shown}")
    listed = Counter(each.fill.fill_id for each in survey.fills)
    _expect(listed == Counter(fill.fill_id for fill in traded.fills), f"the survey lists the fills {dict(listed)}")


def says_what_was_not_answered(bench: VenueBench) -> None:
    """One that answers later: an order on a silent line is UNKNOWN, is not sent again, and comes out in the end."""
    traded = Traded(bench)
    if not bench.silence(True):
        return
    traded.submit(entry(bench))
    traded.wait(lambda: traded.state("E1") is STATES.UNKNOWN, "says that an order was not answered")
    bench.silence(False)
    traded.market(bench.price_ticks)
    traded.venue.ask()
    traded.wait(lambda: traded.surveys and traded.surveys[-1].positions, "shows what the silence hid")
    traded.settle()
    filled = sum(each.fill.side * each.fill.contracts for each in traded.surveys[-1].fills)
    _expect(filled == 2, f"an order that was not answered has made {filled:+d}, not +2")


def is_seen_and_flattened_from_outside(bench: VenueBench) -> None:
    """One that does not own its account: another process sees what stands, and closes it although the trader hangs."""
    traded = entered(bench)
    if traded.venue.owns_account:
        return
    outside, roots = bench.venue(), frozenset({root_of(bench.symbol)})
    cash = outside.cash_cents()
    _expect(cash is not None and cash > 0, f"the account holds {cash}")
    standing = outside.standing(roots, "conformance")
    found = list((standing.positions or {}).values())
    _expect(found == [2] and standing.n_orders > 0, f"from outside it shows {standing}")
    elsewhere = outside.standing(frozenset({"ZZZ"}), "conformance")
    _expect(elsewhere.nothing, f"it shows what is not ours: {elsewhere}")
    notes: list[str] = []
    closed = outside.flatten_account(roots, lambda share, text: notes.append(text), lambda: "tomorrow")
    _expect(not closed.flat and closed.after == standing.positions, f"in a closed market it did {closed}")
    _expect(outside.standing(roots, "conformance").n_orders > 0, "in a closed market it took the stop back")
    done = outside.flatten_account(roots, lambda share, text: notes.append(text), lambda: "")
    _expect(done.flat and bool(done.before) and bool(notes), f"it did not flatten: {done}")
    _expect(outside.standing(roots, "conformance").nothing, "after flattening something stands")
    traded.wait(lambda: not (traded.surveys[-1].positions or traded.surveys[-1].orders), "hears that all was closed")


CHECKS: tuple[Check, ...] = (
    says_what_it_is_like,
    fills_an_entry_and_rests_its_stop,
    fills_a_stop_that_is_passed,
    closes_and_takes_the_stop_back,
    never_turns_a_position_round,
    sends_an_order_once,
    refuses_what_it_does_not_trade,
    cancels_a_stop,
    refuses_to_change_what_does_not_work,
    resizes_a_stop,
    goes_on_after_a_restart,
    closes_twice_and_says_nothing_more,
    shows_its_account,
    says_what_was_not_answered,
    is_seen_and_flattened_from_outside,
)


def check_venue(make: Callable[[], VenueBench]) -> None:
    """Every check on a bench of its own."""
    for check in CHECKS:
        bench = make()
        try:
            check(bench)
        finally:
            bench.close()


def _turn(bench: VenueBench, traded: Traded) -> None:
    """What is held is closed, then the other side is entered as E2."""
    traded.submit(leaving(bench))
    traded.market(bench.price_ticks)
    traded.wait(lambda: traded.position == 0, "fills an order that closes")
    traded.settle()
    if traded.state("E1-S") not in FINAL:
        traded.cancel("E1-S")
    traded.wait(lambda: traded.state("E1-S") in FINAL, "cancels the stop of what was closed")
    traded.submit(entry(bench, name="E2", side=-1))
    traded.market(bench.price_ticks)
    traded.wait(lambda: traded.position == -2, "fills an entry on the other side")
    traded.wait(lambda: _resting(traded, "E2-S") == 2, "reports its stop at rest")


def _resting(traded: Traded, name: str = "E1-S") -> int:
    """Contracts that the stop covers, as it was reported."""
    record = traded.book.records.get(name)
    resting = record is not None and record.state in (STATES.WORKING, STATES.RESIZE_SENT)
    return record.contracts - record.filled if record is not None and resting else 0


def _all_done(traded: Traded) -> None:
    left = [record.order.order_id for record in traded.book.open_records()]
    _expect(not left, f"{left} still work although nothing is held")


def _as_now(record: OrderRecord) -> Order:
    return msgspec.structs.replace(record.order, contracts=record.contracts)


def _expect(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)
