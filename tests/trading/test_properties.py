"""What must hold on every path of bars and forecasts, whatever is decided."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading_desk import CASH_CENTS, NAN, Desk, folded, remembered, settings_with

from minhos.risk.types import Action
from minhos.testing.builders import NQ
from minhos.trading import events as ev
from minhos.trading.types import Outcome
from minhos.venues.matching import MatchingParameters

ticks = st.integers(-150, 150)
forecasts = st.one_of(st.floats(0.02, 0.98), st.sampled_from([NAN, 0.5, 0.75, 0.25, 0.9, 0.1]))
inputs = st.one_of(
    st.tuples(st.just("bar"), ticks, ticks, st.integers(0, 80), st.integers(0, 80), forecasts),
    st.tuples(st.just("bar"), ticks, ticks, st.integers(0, 80), st.integers(0, 80), forecasts),
    st.tuples(st.just("price"), ticks),
    st.tuples(st.just("command"), st.sampled_from(["pause", "resume", "halt", "flatten"])),
    st.tuples(st.just("late")),
    st.tuples(st.just("missing")),
)
paths = st.lists(inputs, min_size=8, max_size=30)


class Walk:
    """A path of inputs through a desk; `check` is asked after each of them."""

    def __init__(self, desk: Desk, check) -> None:
        self.desk, self.check, self.at, self.seconds = desk, check, 80_000, 0

    def take(self, path) -> Desk:
        for what, *values in path:
            getattr(self, what)(*values)
            self.check(self.desk)
        return self.desk

    def bar(self, gap: int = 0, move: int = 0, up: int = 0, down: int = 0, p: float = 0.5, **flags) -> None:
        open_ = self.at + gap
        self.at = close = open_ + move
        self.seconds = 0
        self.desk.bar(open_, max(open_, close) + up, min(open_, close) - down, close, p=p, **flags)

    def late(self) -> None:
        self.bar(late=True)

    def missing(self) -> None:
        self.seconds = 0
        self.desk.slice(missing=("NQZ25",))

    def price(self, move: int) -> None:
        self.at += move
        self.seconds += 1
        self.desk.price(self.at, self.seconds)

    def command(self, name: str) -> None:
        self.seconds += 1
        self.desk.command(name, self.seconds)


def keeps_its_promises(desk: Desk) -> None:
    limits = desk.settings.risk
    held = sum(contracts for contracts, _ in desk.stops)
    assert abs(desk.position) <= limits.max_position_size
    assert held == abs(desk.position)
    assert desk.stops == desk.venue_stops
    assert desk.venue._book.net.get("NQZ25", 0) == desk.position
    at_entry = sum(
        lot.contracts * (abs(lot.entry_ticks - lot.stop_ticks) * NQ.tick_value_cents)
        for position in desk.account.positions
        for lot in position.lots
    )
    assert at_entry <= limits.max_capital_risk * desk.account.peak_equity_cents


def cash_by_hand(desk: Desk) -> int:
    """Cash plus open profit, from the fills alone."""
    last = desk.account.last_ticks["NQZ25"]
    flows = sum(
        f.side * f.contracts * (last - f.price_ticks) * NQ.tick_value_cents - f.commission_cents for f in desk.fills
    )
    return CASH_CENTS + flows


@given(paths)
@settings(max_examples=40, deadline=None)
def test_size_stops_and_money_on_any_path(path):
    desk = Walk(Desk(settings_with(risk={"daily_loss_limit": 0.03})), keeps_its_promises).take(path)
    if desk.fills:
        assert desk.account.equity_cents == cash_by_hand(desk)
    assert sum(f.side * f.contracts for f in desk.fills) == desk.position
    assert len({f.fill_id for f in desk.fills}) == len(desk.fills)
    intended = [order.order_id for order in desk.intents]
    assert len(set(intended)) == len(intended)


@given(paths)
@settings(max_examples=40, deadline=None)
def test_every_bar_is_decided_once_and_adds_only_where_that_is_allowed(path):
    desk = Walk(Desk(), lambda _: None).take(path)
    assert [d.close_time_ns for d in desk.decisions] == [e.slice.close_time_ns for e in desk.events(ev.SliceClosed)]
    for decision in desk.decisions:
        assert decision.reason.strip()
        adds = [order for order in decision.orders if order.stop_id]
        if decision.unready is not None or decision.verdict.action is Action.FLATTEN:
            assert not adds
        if adds:
            assert decision.outcome is Outcome.TRADE
            assert all(order.stop_distance_ticks > 0 for order in adds)


@given(paths)
@settings(max_examples=25, deadline=None)
def test_the_journals_fold_is_the_live_state_at_every_point(path):
    def same(desk: Desk) -> None:
        assert remembered(folded(desk)) == remembered(desk.state)

    Walk(Desk(), same).take(path)


@given(paths)
@settings(max_examples=25, deadline=None)
def test_the_same_inputs_give_the_same_decisions_bit_for_bit(path):
    first, second = (Walk(Desk(), lambda _: None).take(path) for _ in range(2))
    assert msgspec.msgpack.encode(first.decisions) == msgspec.msgpack.encode(second.decisions)


@pytest.mark.parametrize("delay_bars", [1, 2])
@given(path=paths)
@settings(max_examples=20, deadline=None)
def test_orders_that_fill_late_never_reverse_or_outgrow_the_position(delay_bars, path):
    def holds(desk: Desk) -> None:
        assert abs(desk.position) <= desk.settings.risk.max_position_size
        assert sum(contracts for contracts, _ in desk.stops) == abs(desk.position)

    Walk(Desk(matching=MatchingParameters(delay_bars=delay_bars)), holds).take(path)
