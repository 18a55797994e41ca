"""A long random run of the matching engine with the ledger: what the oracle and the golden fills are compared with.

Everything is drawn from `Random.random`, whose numbers are the same in every version of Python.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import NamedTuple

from minhos.accounting.ledger import Ledger
from minhos.accounting.types import Fill, Order, Role
from minhos.market.types import Bar, Slice
from minhos.testing.builders import NQ, bar
from minhos.trading.venue import OrderReport, OrderStatus
from minhos.venues.matching import MatchingEngine

SYMBOL = "NQZ25"
START_CENTS = 10_000_000_000
SLIPPAGE = NQ.slippage_ticks
N_BARS = 3_000

Fills = Counter[tuple[int, int]]
"""Signed contracts by (bar, price before slippage)."""


class Wish(NamedTuple):
    """What the random trader wants at a bar's close: a change of position, and the stop of what it opens."""

    delta: int
    stop_ticks: int | None


class Run(NamedTuple):
    bars: list[Bar]
    wishes: dict[int, Wish]
    fills: Fills
    equity_cents: list[int]
    n_orders: int
    n_stopped: int
    n_gaps: int
    """Of the stopped, those that the open had already passed."""


def integer(draw: Random, low: int, high: int) -> int:
    return low + int(draw.random() * (high - low + 1))


def random_walk(draw: Random, n: int) -> list[Bar]:
    """Bars with gaps between close and open, often large ones."""
    bars, price = [], 80_000
    for i in range(n):
        gap = 150 if draw.random() < 0.15 else 4
        open_ = price + integer(draw, -gap, gap)
        price = open_ + integer(draw, -25, 25)
        bars.append(
            bar(i, open_, max(open_, price) + integer(draw, 0, 20), min(open_, price) - integer(draw, 0, 20), price)
        )
    return bars


class RandomTrader:
    """Enters, adds, reduces, leaves and flips at random; takes care of its stops as the engine does."""

    def __init__(self, seed: int, with_stops: bool) -> None:
        self.draw = Random(seed)
        self.with_stops = with_stops
        self.bars = random_walk(self.draw, N_BARS)
        self.venue = MatchingEngine({SYMBOL: NQ})
        self.ledger = Ledger(START_CENTS, {SYMBOL: NQ})
        self.orders: dict[str, Order] = {}
        self.fills: Fills = Counter()
        self.n_stopped = self.n_gaps = 0

    def run(self) -> Run:
        wishes, equity = {}, []
        for i, one in enumerate(self.bars):
            closed = Slice(one.close_time_ns, (one,))
            self.take(i, self.venue.match_open(closed))
            self.take(i, self.venue.match_range(closed))
            self.ledger.on_mark(SYMBOL, one.close_ticks, one.close_time_ns)
            equity.append(self.ledger.account().equity_cents)
            if 2 <= i < N_BARS - 1 and (wish := self.wish(i)) is not None:
                wishes[i] = wish
                self.send(i, wish)
        return Run(self.bars, wishes, self.fills, equity, len(wishes), self.n_stopped, self.n_gaps)

    def take(self, i: int, reports: list[Fill | OrderReport]) -> None:
        for report in reports:
            if isinstance(report, Fill):
                order = self.orders.get(report.order_id)
                self.ledger.apply_fill(
                    report,
                    stop_id=order.stop_id if order else "",
                    stop_distance_ticks=order.stop_distance_ticks if order else 0,
                )
                self.fills[i, report.expected_ticks] += report.side * report.contracts
                if report.role is Role.STOP:
                    self.n_stopped += 1
                    self.n_gaps += report.expected_ticks == self.bars[i].open_ticks
                self.fit_stop(report)
            else:
                assert report.status is OrderStatus.ACCEPTED, report

    def fit_stop(self, fill: Fill) -> None:
        """After a reduction the stop covers what is left, after an exit it goes."""
        if fill.role not in (Role.REDUCE, Role.EXIT):
            return
        left = self.ledger.account().position(SYMBOL)
        stop_id = self.orders[fill.parent_id].stop_id if fill.parent_id else ""
        if not stop_id:
            return
        answer = (
            self.venue.resize(stop_id, abs(left.contracts), fill.time_ns)
            if left
            else self.venue.cancel(stop_id, fill.time_ns)
        )
        assert answer[0].status in (OrderStatus.RESIZED, OrderStatus.CANCELLED)

    def wish(self, i: int) -> Wish | None:
        """A change of position that both engines understand alike.

        The oracle fills a stop before a market order of the same bar, although the open comes first in time; so
        nothing is wished for a bar whose range reaches the stop.
        """
        position = self.ledger.account().position(SYMBOL)
        held, following = position.contracts, self.bars[i + 1]
        stops = [lot for lot in position.lots if lot.stop_id]
        if any(
            following.low_ticks <= lot.stop_ticks <= following.high_ticks
            or lot.side * (following.open_ticks - lot.stop_ticks) <= 0
            for lot in stops
        ):
            return None
        if i >= N_BARS - 3:
            return Wish(-held, None) if held else None
        chance = self.draw.random()
        side = 1 if self.draw.random() < 0.5 else -1
        size = integer(self.draw, 1, 4)
        if chance < 0.3:
            return None
        if chance < 0.6 and held:
            return Wish(-held, None)
        if chance < 0.75 and abs(held) > 1:
            return Wish((-1 if held > 0 else 1) * integer(self.draw, 1, abs(held) - 1), None)
        if held * side > 0 and self.with_stops:
            return None  # the oracle closes oldest first: with stops of their own, lots would differ
        return self.opening(i, held, side, size)

    def opening(self, i: int, held: int, side: int, size: int) -> Wish | None:
        """Enter, add or flip, mostly with a stop."""
        delta = side * size - (held if held * side < 0 else 0)
        if not self.with_stops or self.draw.random() < 0.1:
            return Wish(delta, None)
        stop = self.bars[i + 1].open_ticks + side * (SLIPPAGE - integer(self.draw, 20, 100))
        beyond = side * (self.bars[i].close_ticks - stop) <= 0 or side * (self.bars[i + 1].open_ticks - stop) <= 0
        return None if beyond else Wish(delta, stop)

    def send(self, i: int, wish: Wish) -> None:
        position = self.ledger.account().position(SYMBOL)
        held, side, time_ns = position.contracts, 1 if wish.delta > 0 else -1, self.bars[i].close_time_ns
        closing = min(abs(held), abs(wish.delta)) if held * side < 0 else 0
        if closing:
            role = Role.EXIT if closing == abs(held) else Role.REDUCE
            protected = next((lot.order_id for lot in position.lots if lot.stop_id), "")
            self.submit(Order(f"x{i}", SYMBOL, side, closing, role, parent_id=protected, decided_ns=time_ns), time_ns)
        if opening := abs(wish.delta) - closing:
            distance = 0
            if wish.stop_ticks is not None:
                distance = side * (self.bars[i + 1].open_ticks + side * SLIPPAGE - wish.stop_ticks)
            role = Role.ADD if held * side > 0 else Role.ENTRY
            stop_id = f"s{i}" if distance else ""
            self.submit(
                Order(
                    f"e{i}",
                    SYMBOL,
                    side,
                    opening,
                    role,
                    stop_distance_ticks=distance,
                    stop_id=stop_id,
                    decided_ns=time_ns,
                ),
                time_ns,
            )

    def submit(self, order: Order, time_ns: int) -> None:
        self.orders[order.order_id] = order
        assert self.venue.submit(order, time_ns)[0].status is OrderStatus.ACCEPTED
