"""A stop and an exit that meet: whatever the market does in between, the position ends flat and is never reversed."""

import itertools
import random

import pytest
from sierra_running import PRICE, STOP, closing, entry, ready

from minhos.accounting.types import Role
from minhos.dtc import messages as m
from minhos.dtc.faults import Faults
from minhos.testing.builders import MNQ
from minhos.trading.venue import OrderStatus

THROUGH = PRICE - MNQ.to_points(STOP) - 1.0
"""A price beyond the stop of a long position."""


def move_when(broker, kind, price=THROUGH):
    """Let the market trade at price right before the server handles the first message of a kind."""

    def before(requests):
        if isinstance(requests[0], kind):
            broker.before_trade = lambda _: None
            broker.backend.set_price("MNQZ25-CME", price)

    broker.before_trade = before


def test_a_stop_that_fills_before_it_can_be_cancelled_leaves_nothing_to_close(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        move_when(broker, m.CancelOrder)
        trading.venue.submit(closing(), 0)
        report = trading.wait_status("X1", OrderStatus.CANCELLED)
        assert "The stop was faster" in report.reason
        assert trading.filled("E1-S") == 2
        assert broker.positions() == [2, 0]


def test_a_stop_that_filled_before_the_exit_was_even_decided_leaves_nothing_to_close(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        broker.move(THROUGH)
        trading.venue.submit(closing(), 0)
        trading.wait_status("X1", OrderStatus.CANCELLED)
        assert broker.positions() == [2, 0]


def test_a_market_beyond_the_stop_after_the_cancel_is_no_danger(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        move_when(broker, m.SubmitNewSingleOrder)
        trading.venue.submit(closing(), 0)
        trading.wait_filled("X1", 2)
        assert trading.filled("E1-S") == 0
        assert broker.positions() == [2, 0]


def test_of_two_lots_the_exit_closes_what_the_stop_left(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter("E1", 2)
        broker.move(PRICE - 10.0)
        trading.enter("E2", 1)
        move_when(broker, m.CancelOrder, THROUGH)  # beyond the first lot's stop, not the second's
        trading.venue.submit(closing(contracts=3), 0)
        report = trading.wait_status("X1", OrderStatus.CANCELLED)
        assert "Closed 1 of 3" in report.reason
        assert (trading.filled("E1-S"), trading.filled("X1")) == (2, 1)
        assert broker.positions()[-1] == 0


def test_a_reduction_whose_stop_fills_meanwhile_reverses_nothing(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter(contracts=2)
        move_when(broker, m.CancelReplaceOrder)
        trading.venue.submit(closing(contracts=1, role=Role.REDUCE), 0)
        trading.wait_status("X1", OrderStatus.CANCELLED)
        assert broker.positions() == [2, 0]


def test_a_flatten_takes_back_an_entry_that_has_not_filled(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter("E1", 1)
        fill = broker.backend._try_fill
        broker.backend._try_fill = lambda order: [] if order.client_order_id == "E2" else fill(order)
        trading.venue.submit(entry("E2", 1), 0)
        trading.wait_status("E2", OrderStatus.ACCEPTED)
        trading.venue.submit(closing("X1", 1, role=Role.FLATTEN), 0)
        trading.wait_filled("X1", 1)
        assert trading.statuses("E2")[-1] is OrderStatus.CANCELLED
        assert (broker.positions(), broker.live()) == ([1, 0], {})


def test_two_flattens_do_not_reverse(tmp_path):
    with ready(tmp_path) as (trading, broker):
        trading.enter()
        trading.venue.submit(closing("X1", role=Role.FLATTEN), 0)
        trading.venue.submit(closing("X2", role=Role.FLATTEN), 0)
        trading.wait_status("X2", OrderStatus.CANCELLED)
        assert broker.positions() == [2, 0]


@pytest.mark.parametrize("faults", [Faults(), Faults(partial_fills=True), Faults(new_id_on_replace=True)])
def test_whatever_the_market_does_between_the_messages(tmp_path, faults):
    """Random prices around the stops before every message of reductions and exits, long and short."""
    draw = random.Random(5)
    with ready(tmp_path, faults) as (trading, broker):
        for round_ in range(40):
            broker.before_trade = lambda _: None
            broker.move(PRICE)
            side = draw.choice((1, -1))
            lots = draw.randint(1, 3)
            sizes = [draw.randint(1, 3) for _ in range(lots)]
            for lot, size in enumerate(sizes):
                broker.move(PRICE - side * 10.0 * lot)
                trading.venue.submit(entry(f"E{round_}-{lot}", size, side), 0)
                trading.wait_filled(f"E{round_}-{lot}", size)
            path = [PRICE - side * draw.uniform(-20.0, 80.0) for _ in range(12)]

            def before(_, path=path):
                if path:
                    broker.backend.set_price("MNQZ25-CME", round(4 * path.pop()) / 4)

            broker.before_trade = before
            if draw.random() < 0.5:
                trading.venue.submit(closing(f"R{round_}", draw.randint(1, sum(sizes)), -side, Role.REDUCE), 0)
            last = closing(f"X{round_}", sum(sizes), -side, Role.FLATTEN)
            trading.venue.submit(last, 0)
            trading.wait(
                lambda last=last, n=sum(sizes): (
                    trading.filled(last.order_id) == n or trading.reports(last.order_id, OrderStatus.CANCELLED)
                ),
                "the end of the exit",
            )
            trading.wait_held(0)
            assert broker.live() == {}
        assert broker.held() == 0
        assert trading.no_fill_twice()
        signs = [(held > 0) - (held < 0) for held in broker.positions()]
        assert all(before * after >= 0 for before, after in itertools.pairwise(signs))
