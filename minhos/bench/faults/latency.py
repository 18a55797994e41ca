"""How long an order takes from the stored decision to the broker, over loopback: the durable intent included."""

from __future__ import annotations

from pathlib import Path

import msgspec

from minhos.bench.disk import fdatasync_ms
from minhos.bench.faults.rig import Rig
from minhos.bench.faults.rounds import SETTLE_S
from minhos.dtc.faults import Faults
from minhos.errors import CheckFailed
from minhos.market.calendar import SessionCalendar
from minhos.testing.broker.book import BrokerOptions


class OrderOut(msgspec.Struct, frozen=True):
    """One entry, in milliseconds.  total: from the moment at which DecisionMade is in the journal to the one at which
    the broker has the bracket.  intent: of these, until its intent was on the disk.  disk: a bare fdatasync of one page
    on the same disk, right after."""

    total: float
    intent: float
    disk: float

    @property
    def wire(self) -> float:
        """From the durable intent to the broker: gate, socket, and the broker's own waking up."""
        return self.total - self.intent


def orders_out(folder: Path, calendar: SessionCalendar, n_orders: int) -> list[OrderOut]:
    """n_orders entries, each closed again, with the time-out and the pace of comparisons that a trader has by default.

    Moments are of the monotonic clock, which all processes share.
    """
    rig = Rig(folder, calendar, BrokerOptions(), Faults(), timeout_s=5.0, reconcile_every_s=60.0)
    taken: list[OrderOut] = []
    try:
        _rest(rig)
        with (folder / "page").open("wb", buffering=0) as page:
            for i in range(n_orders):
                _reach(rig, 1 if i % 2 else -1)
                decided_ns, intended_ns = rig.trader.ask("moments")
                requests = [int(number) for number in rig.broker.ask("requests").split()]
                received_ns = min(number for number in requests if number >= decided_ns)
                total, intent = (received_ns - decided_ns) / 1e6, (intended_ns - decided_ns) / 1e6
                taken.append(OrderOut(total, intent, fdatasync_ms(page.fileno())))
                _reach(rig, 0)
    finally:
        rig.close()
    return taken


def _reach(rig: Rig, target: int) -> None:
    rig.trader.ask("decide", target, rig.broker.price_ticks)
    _rest(rig)


def _rest(rig: Rig) -> None:
    """Until the trader has nothing under way.  Raises CheckFailed where that does not come about."""
    if not rig.wait_for(lambda standing: standing.is_settled, SETTLE_S, jiggle=True):
        raise CheckFailed(f"the trader did not come to rest within {SETTLE_S:g} s")
