"""How long an order takes from the stored decision to the broker, over loopback: the durable intent included."""

from __future__ import annotations

from pathlib import Path

from minhos.bench.faults_rig import Rig
from minhos.bench.faults_rounds import settle
from minhos.dtc.faults import Faults
from minhos.market.calendar import SessionCalendar
from minhos.venues.served_book import BrokerOptions


def order_out_ms(folder: Path, calendar: SessionCalendar, n_orders: int) -> list[float]:
    """Milliseconds from the moment at which DecisionMade is in the journal to the one at which the broker has the
    bracket, for n_orders entries.  Both are read from the machine's monotonic clock, which all processes share."""
    rig = Rig(folder, calendar, BrokerOptions(), Faults(), timeout_s=5.0)
    taken: list[float] = []
    try:
        settle(rig)
        for i in range(n_orders):
            rig.trader.ask("decide", 1 if i % 2 else -1, rig.broker.price_ticks)
            settle(rig)
            decided_ns = rig.trader.ask("decided")
            requests = [int(number) for number in rig.broker.ask("requests").split()]
            taken.append(min(number for number in requests if number >= decided_ns) / 1e6 - decided_ns / 1e6)
            rig.trader.ask("decide", 0, rig.broker.price_ticks)
            settle(rig)
    finally:
        rig.close()
    return taken
