"""A broker that answers late, out of order, twice or not at all; what it keeps to itself shows in its surveys, whose
lists of orders and positions may be older than their fills.

Whatever it does is drawn from its own generator, so that a seed and a list of inputs always give the same run.
"""

from __future__ import annotations

import random
from collections import deque

import msgspec
from answering_broker import AnsweringBroker

from minhos.accounting.types import Fill, Role
from minhos.trading.venue import OrderReport, OrderStatus, Survey, VenueFill, VenueStatus


class SlowBroker(AnsweringBroker):
    """lost, twice: shares of reports that are never said, or said again.  most_polls: how late one may come."""

    def __init__(self, instruments, seed: int, *, lost=0.1, twice=0.1, most_polls=4) -> None:
        super().__init__(instruments)
        self._random = random.Random(seed)
        self._lost, self._twice, self._most_polls = lost, twice, most_polls
        self._waiting: list[list] = []
        self.connected = False
        self._shown: deque[Survey] = deque(maxlen=4)
        """What the last polls would have shown: its lists may be older than its fills."""

    def adopt(self, orders, positions) -> None:
        """Nothing: it has a memory of its own."""

    def connect(self, time_ns: int, *, ready: bool = True) -> None:
        """The connection is made or lost; lost with it is what was under way."""
        self.connected, self._waiting, self._news = ready, [], []
        self._news.append(VenueStatus(time_ns, ready, "" if ready else "the connection was lost"))
        self.asked = ready

    def by_hand(self, symbol: str, side: int, price_ticks: int, time_ns: int, *, listed: bool) -> None:
        """Somebody else trades a contract in the account; the fill is listed in surveys, or only the position shows."""
        name = f"hand-{time_ns}"
        self.held[symbol] += side
        if listed:
            fill = Fill(name, "", symbol, side, 1, price_ticks, time_ns, 225, Role.UNKNOWN)
            self.fills.append(VenueFill(fill, name))

    def nonsense(self, status: OrderStatus, time_ns: int) -> None:
        """Something that was never true is said of one of our orders."""
        known = sorted(fill.fill.order_id for fill in self.fills if fill.fill.order_id)
        if known and self.connected:
            self._news.append(OrderReport(self._random.choice(known), status, time_ns, "nonsense"))

    def settle(self, time_ns: int) -> None:
        """From here on it answers everything, at once."""
        self._lost = self._twice = self._most_polls = 0
        self.connect(time_ns, ready=True)

    def _later(self, reports):
        super()._later(reports)
        said, self._news = self._news, [news for news in self._news if not isinstance(news, OrderReport | Fill)]
        for report in said:
            if isinstance(report, OrderReport | Fill) and self.connected:
                again = 1 + (self._random.random() < self._twice)
                for _ in range(0 if self._random.random() < self._lost else again):
                    self._waiting.append([self._random.randint(0, self._most_polls), report])
        return []

    def poll(self, time_ns):
        due = [report for left, report in self._waiting if left <= 0]
        self._waiting = [[left - 1, report] for left, report in self._waiting if left > 0]
        if self._most_polls:
            self._random.shuffle(due)
        self._news += due
        news = super().poll(time_ns)
        self._shown.append(super()._survey(time_ns))
        return news

    def _survey(self, time_ns):
        survey = super()._survey(time_ns)
        if self._shown and self._random.random() < self._lost:
            older = self._random.choice(self._shown)
            survey = msgspec.structs.replace(survey, orders=older.orders, positions=older.positions)
        return msgspec.structs.replace(survey, quiet=self._random.random() >= self._lost)
