"""A fill that nobody told of, while a trade is open: a target's where brackets carry one, else somebody's by hand."""

from __future__ import annotations

import pytest
from broker_desk import BrokerDesk
from trading_desk import SYMBOL

from minhos.accounting.types import Fill, Role
from minhos.trading.order_ids import target_id
from minhos.trading.venue import VenueFill


def sale(desk: BrokerDesk, number: str, order_id: str = "") -> VenueFill:
    """Sold one above the entry, under a number that we never heard of."""
    return VenueFill(Fill("M1", order_id, SYMBOL, -1, 1, 80_800, desk.clock.now_ns(), 0, Role.UNKNOWN), number)


@pytest.mark.parametrize(("targets", "role"), [(True, Role.EXIT), (False, Role.UNKNOWN)])
def test_a_missed_sale_is_a_targets_only_where_brackets_have_one(targets, role):
    desk = BrokerDesk()
    desk.venue.targets = targets
    entry = desk.enter()
    desk.survey(entry.contracts - 1, orders=[desk.stop_of(entry)], fills=[sale(desk, "N9")], times=3)
    assert desk.fills[-1].role is role
    assert desk.position == entry.contracts - 1


def test_a_target_that_the_broker_names_is_ours_whatever_brackets_carry_now():
    desk = BrokerDesk()
    entry = desk.enter()
    desk.venue.targets = False
    named = sale(desk, "N9", target_id(entry.stop_id))
    desk.survey(entry.contracts - 1, orders=[desk.stop_of(entry)], fills=[named], times=3)
    assert desk.fills[-1].role is Role.EXIT
