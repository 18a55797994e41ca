"""The engine over Sierra Chart's venue and a broker double in one thread, whose lists lie: never does more
rest than is held, whatever price comes, and it is covered again in time."""

from __future__ import annotations

import msgspec
import pytest
from trading_desk import CALENDAR, MODEL, FixedFeatures, Told, settings_with
from venue_benches import AT_BROKER, CONTRACT, MNQ, SierraBench

from minhos.accounting.types import Role
from minhos.dtc import messages as m
from minhos.journal.memory import MemoryJournal
from minhos.market.types import BAR_INTERVAL_NS, Price, Slice
from minhos.testing.builders import MONDAY_OPEN, bar
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.recovery import reconcile
from minhos.trading.state import TradingState

AT = 80_000
SETTINGS = msgspec.structs.replace(
    settings_with(), instruments={CONTRACT: MNQ}, signal_symbol=CONTRACT, order_symbol=CONTRACT, micro=None
)


class Account:
    """An engine that trades at the double, and the double's true books."""

    def __init__(self, folder) -> None:
        self.bench = SierraBench(folder)
        self.clock, self.backend = self.bench.clock, self.bench.backend
        self.told, self.journal = Told(), MemoryJournal()
        state = TradingState(CALENDAR, FixedFeatures())
        self.engine = Engine(state, self.bench.venue(), self.clock, self.journal, self.told)
        self.engine.start(SETTINGS, mode="paper", account="Sim1", version="1", cash_cents=25_000_000)
        self.engine.activate_model(MODEL, self.told)
        reconcile(self.engine, self.clock.now_ns())
        self.price(AT)
        self.engine.venue.open()
        self.query, self.lie = self.backend.query, None
        self.backend.query = self._query
        self.most_excess = 0
        self.run(2.0)

    def _query(self, request):
        rows = self.query(request)
        return self.lie(request, rows) if self.lie is not None else rows

    def price(self, ticks: int) -> None:
        self.bench.market(ticks)
        self.engine.on_price(Price(CONTRACT, self.clock.now_ns(), ticks))

    def run(self, seconds: float) -> None:
        """The engine listens for so long; what orders at rest could do beyond the position is measured throughout."""
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        while self.clock.now_ns() < end_ns:
            self.engine.poll_venue()
            self.most_excess = max(self.most_excess, self.excess())
            self.clock.sleep(0.02)

    def decide(self, p: float) -> None:
        """A bar closes."""
        self.told.says = p
        i = (self.clock.now_ns() - MONDAY_OPEN) // BAR_INTERVAL_NS
        closed = bar(i, AT, AT, AT, AT, symbol=CONTRACT)
        self.clock.advance_to(max(self.clock.now_ns(), closed.close_time_ns))
        self.engine.on_slice(Slice(closed.close_time_ns, (closed,)))
        self.run(1.0)

    def reconnect(self) -> None:
        self.bench.server.disconnect_all()
        self.run(0.2)

    @property
    def held(self) -> int:
        held = self.backend.state.books.holdings.get("Sim1", {}).get(AT_BROKER)
        return held.contracts if held is not None else 0

    def resting(self, side: int) -> int:
        """Contracts of that side at rest, a stop and its target counted once."""
        most: dict[str, int] = {}
        for order in self.backend.book.live.values():
            if order.side == side and order.order_type != 1 and order.status != m.enums.OrderStatus.PENDING_CHILD:
                group = min(order.key, order.sibling) if order.sibling else order.key
                most[group] = max(most.get(group, 0), order.remaining)
        return sum(most.values())

    def excess(self) -> int:
        return max(self.resting(-1) - max(self.held, 0), self.resting(1) - max(-self.held, 0))

    @property
    def alarms(self) -> list[str]:
        events = [ev.decode(r.kind, r.payload) for r in self.journal.records()]
        return [event.text for event in events if isinstance(event, ev.Alarm)]


@pytest.fixture
def account(tmp_path):
    account = Account(tmp_path)
    account.decide(0.75)
    assert account.held > 0
    assert account.resting(-1) == account.held
    yield account
    account.bench.close()


def lists(kind, change):
    return lambda request, rows: change(list(rows)) if isinstance(request, kind) else rows


ORDERS, POSITIONS = m.OpenOrdersRequest, m.CurrentPositionsRequest
LIES = {
    "no orders": lists(ORDERS, lambda rows: []),
    "half of the orders": lists(ORDERS, lambda rows: rows[: len(rows) // 2]),
    "the other half": lists(ORDERS, lambda rows: rows[len(rows) // 2 :]),
    "every order twice": lists(ORDERS, lambda rows: rows + rows),
    "no positions": lists(POSITIONS, lambda rows: []),
}


@pytest.mark.parametrize("lasts_s", [0.5, 3.0, 20.0])
@pytest.mark.parametrize("lie", LIES)
def test_a_list_that_lies_after_a_reconnection_never_makes_more_rest_than_is_held(account, lie, lasts_s):
    before = sorted(account.backend.book.live)
    account.lie = LIES[lie]
    account.reconnect()
    account.run(lasts_s)
    account.lie = None
    account.run(8.0)
    assert account.most_excess <= 0
    covered = account.resting(-1) == account.held
    assert covered or any("unprotected" in text for text in account.alarms)
    if lasts_s == 0.5:
        assert sorted(account.backend.book.live) == before
    account.price(AT - 400)
    account.run(5.0)
    assert account.held >= 0, "price through every stop must not reverse the position"


def test_positions_that_are_older_than_the_fills_are_outvoted_by_them_and_by_what_the_broker_says(account):
    """A list that stays as it was before a position was turned round cancels no stop of the new one."""
    held = account.held
    rows = account.query(POSITIONS(trade_account="Sim1"))
    account.lie = lists(POSITIONS, lambda _: list(rows))
    account.decide(0.25)
    account.price(AT)
    account.run(3.0)
    turned = account.held
    assert turned <= 0 < held
    account.run(40.0)
    assert account.held == turned
    assert account.resting(1) == -turned
    assert account.most_excess <= 0


def test_a_fill_of_a_target_that_never_was_leaves_no_target_for_more_than_its_stop(account):
    """What is left of a changed order is reckoned from what the broker's lists say was filled of it."""
    before = account.held
    target = next(o for o in account.backend.book.live.values() if o.order_type == m.enums.OrderType.LIMIT)
    account.bench.run(_invent(account, target, 1))
    account.run(8.0)
    stops = [o for o in account.backend.book.live.values() if o.order_type == m.enums.OrderType.STOP]
    assert (account.held, [stop.remaining for stop in stops]) == (before, [before - 1])
    assert target.remaining == before - 1


async def _invent(account, order, contracts: int) -> None:
    book = account.backend.book
    told = msgspec.structs.replace(
        book.update(order, m.enums.OrderUpdateReason.ORDER_FILLED_PARTIALLY),
        order_status=int(m.enums.OrderStatus.PARTIALLY_FILLED),
        filled_quantity=float(contracts),
        remaining_quantity=float(order.remaining - contracts),
        last_fill_quantity=float(contracts),
        last_fill_price=AT / 4,
        last_fill_execution_id="X1",
    )
    account.backend._publish(told, "")


def test_a_stop_that_was_ended_at_the_broker_is_placed_again_within_five_seconds(account):
    stop = next(o for o in account.backend.book.live.values() if o.order_type == 3)
    account.bench.run(_end(account, stop))
    account.run(5.0)
    assert account.resting(-1) == account.held > 0
    assert account.most_excess <= 0


async def _end(account, order) -> None:
    for update in account.backend.book.cancel(m.CancelOrder(order.server_id, order.client_id, "Sim1")):
        account.backend._publish(update, "")


def test_a_close_that_the_broker_refuses_leaves_a_stop_and_is_tried_again_smaller(account):
    trade, held, refused = account.backend.trade, account.held, []

    def clipped(requests):
        first = requests[0]
        is_close = isinstance(first, m.SubmitNewSingleOrder) and first.order_type == 1 and not first.is_parent_order
        if is_close and first.quantity > 1:
            refused.append(first.quantity)
            rejected = m.OrderUpdate(
                symbol=first.symbol,
                trade_account="Sim1",
                client_order_id=first.client_order_id,
                server_order_id=f"R{len(refused)}",
                order_status=int(m.enums.OrderStatus.REJECTED),
                order_update_reason=int(m.enums.OrderUpdateReason.NEW_ORDER_REJECTED),
                buy_sell=first.buy_sell,
                info_text="Clip size",
            )
            return [rejected]
        return trade(requests)

    account.backend.trade = clipped
    account.engine.on_command(ev.CommandReceived(account.clock.now_ns(), "1", "flatten", "anna", "now"))
    account.run(4.0)
    assert (account.resting(-1), account.held) == (held, held)
    for _ in range(30):
        account.run(10.0)
    assert refused[0] == held
    assert account.held == 0
    assert any("was refused (Clip size)" in text for text in account.alarms)
    assert account.most_excess <= 0


def test_where_the_broker_does_not_link_the_legs_only_the_stop_rests(tmp_path):
    account = Account(tmp_path)
    logon = account.backend.logon
    account.backend.logon = lambda request: _without_oco(logon(request))
    account.reconnect()
    account.run(3.0)
    account.decide(0.75)
    assert account.held > 0
    roles = [order.order_type for order in account.backend.book.live.values()]
    assert roles == [3]
    assert account.most_excess <= 0
    account.bench.close()


def test_targets_that_rest_when_the_broker_no_longer_links_them_are_taken_back(account):
    logon = account.backend.logon
    account.backend.logon = lambda request: _without_oco(logon(request))
    account.reconnect()
    account.run(8.0)
    assert account.resting(-1) == account.held
    assert [order.order_type for order in account.backend.book.live.values()] == [3]


def _without_oco(response):
    import msgspec

    return msgspec.structs.replace(response, oco_orders_supported=0)


def test_the_entry_that_was_sent_is_an_entry(account):
    events = [ev.decode(r.kind, r.payload) for r in account.journal.records()]
    assert [event.order.role for event in events if isinstance(event, ev.OrderIntended)] == [Role.ENTRY]
