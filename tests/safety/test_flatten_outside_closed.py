"""Flattening from outside while the market is closed: what would open something at the next open must go."""

from __future__ import annotations

from broker_house import SYMBOL, ClosedClock, broker, broker_home, settings_at

from minhos.dtc.messages.enums import OrderType
from minhos.safety.flatten_outside import flatten_outside


def test_an_entry_beside_a_position_is_cancelled_and_the_stop_stays(tmp_path):
    with broker() as there:
        there.hold(2)
        there.order(1, kind=OrderType.LIMIT, price=19_000.0)
        layout = broker_home(tmp_path, there.port)
        report = flatten_outside(settings_at(layout), layout, "test", clock=ClosedClock())
        left = there.do(lambda: [o.client_order_id for o in there.backend.orders.values() if o.is_live])
        assert left == ["other2", "other3"]  # the stop and the target
        assert (report.orders_cancelled, there.positions()) == (1, {SYMBOL: 2})
        assert "2 orders still work" in report.sentence


def test_entries_of_a_short_position_are_the_sales(tmp_path):
    with broker() as there:
        there.hold(-2)
        there.order(-1, kind=OrderType.LIMIT, price=21_000.0)
        layout = broker_home(tmp_path, there.port)
        assert flatten_outside(settings_at(layout), layout, "test", clock=ClosedClock()).orders_cancelled == 1
        assert there.working() == 2
