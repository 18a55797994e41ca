"""The paper venue: real or simulated prices, our own matching engine, no broker.

A Sierra Chart simulated account is paper too, but another venue (`sierra`).
"""

from __future__ import annotations

from collections.abc import Mapping

from minhos.accounting.types import Order
from minhos.market.types import Instrument
from minhos.trading.venue import OrderReport, OrderStatus, Report
from minhos.venues.matching import MatchingEngine, MatchingParameters


class PaperVenue(MatchingEngine):
    """The matching engine under the name that journal and pages show; an order id is taken once."""

    name = "paper"

    def __init__(self, instruments: Mapping[str, Instrument], parameters: MatchingParameters | None = None) -> None:
        super().__init__(instruments, parameters)
        self._taken: set[str] = set()

    def submit(self, order: Order, time_ns: int) -> list[Report]:
        if order.order_id in self._taken:
            return [OrderReport(order.order_id, OrderStatus.ACCEPTED, time_ns, "was accepted before")]
        reports = super().submit(order, time_ns)
        accepted = (each for each in reports if isinstance(each, OrderReport) and each.status is OrderStatus.ACCEPTED)
        self._taken.update(each.order_id for each in accepted)
        return reports
