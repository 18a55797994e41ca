"""A broker without faults: the paper venue's book, which answers through `poll` and shows its account when asked."""

from __future__ import annotations

from collections import Counter

from minhos.accounting.types import Fill
from minhos.trading.venue import Survey, VenueFill, VenueOrder, VenueStatus
from minhos.venues.paper import PaperVenue


class AnsweringBroker(PaperVenue):
    name = "broker"
    answers_at_once = owns_account = False

    def __init__(self, instruments) -> None:
        super().__init__(instruments)
        self.held: Counter[str] = Counter()
        self.fills: list[VenueFill] = []
        self.asked = True
        self._news: list = []

    def connect(self, time_ns) -> None:
        self._news.append(VenueStatus(time_ns, True))

    def _later(self, reports):
        self._news += reports
        for fill in reports:
            if isinstance(fill, Fill):
                self.held[fill.symbol] += fill.side * fill.contracts
                self.fills.append(VenueFill(fill, fill.order_id))
        return []

    def submit(self, order, time_ns):
        return self._later(super().submit(order, time_ns))

    def cancel(self, order_id, time_ns):
        return self._later(super().cancel(order_id, time_ns))

    def resize(self, order_id, contracts, time_ns):
        return self._later(super().resize(order_id, contracts, time_ns))

    def on_price(self, price):
        return self._later(super().on_price(price))

    def match_open(self, closed):
        return self._later(super().match_open(closed))

    def match_range(self, closed):
        return self._later(super().match_range(closed))

    def ask(self) -> None:
        self.asked = True

    def poll(self, time_ns):
        news, self._news = self._news, []
        if not news and self.asked:
            self.asked = False
            news = [self._survey(time_ns)]
        return news

    def _survey(self, time_ns):
        working = [*self._book.stops.values(), *self._book.markets.values()]
        orders = [
            VenueOrder(
                each.order.order_id,
                each.order.order_id,
                each.order.symbol,
                each.order.side,
                each.remaining,
                bool(each.order.trigger_ticks),
                each.order.trigger_ticks,
            )
            for each in working
        ]
        positions = {symbol: held for symbol, held in self.held.items() if held}
        return Survey(time_ns, time_ns, positions, tuple(orders), tuple(self.fills[-20:]))
