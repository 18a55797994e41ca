"""Orders that close and were refused: tried again, after a growing pause and for fewer contracts.

A broker refuses a close for its size (the clip), the margin or a price band, and the stop of what is closed may be gone
by then.  That stop is placed again by `settlement`; this sees to it that the close is not forgotten.  Not for deciding
what is closed: a decision, a limit or a person did.
"""

from __future__ import annotations

import msgspec

from minhos.accounting.types import CLOSING, Fill, Order
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading.hands import Hands
from minhos.trading.venue import OrderReport, OrderStatus

FIRST_PAUSE_NS = 5 * NANOS_PER_SECOND
MOST_PAUSE_NS = 60 * NANOS_PER_SECOND


class Refused(msgspec.Struct):
    """What became of the closes of one contract since it was flat last."""

    clip: int = 0
    """At most so many contracts are tried at once; 0 for no bound."""
    failures: int = 0
    """Refusals in a row."""
    again_ns: int = 0
    """On the clock that never goes back."""
    left: int = 0
    """Contracts whose close was refused, with the order's side; 0 for none, and once a bar was decided on."""


class Closing:
    """By contract; nothing of it needs to outlive the process: what demands a close demands it again."""

    def __init__(self, engine: Hands) -> None:
        self._engine = engine
        self._refused: dict[str, Refused] = {}

    def at_most(self, symbol: str, contracts: int) -> int:
        """So many of these signed contracts are closed with the next order; 0 while a pause lasts."""
        refused = self._refused.get(symbol)
        if refused is None:
            return contracts
        if self._engine.clock.monotonic_ns() < refused.again_ns:
            return 0
        most = min(abs(contracts), refused.clip or abs(contracts))
        return most if contracts > 0 else -most

    def hurry(self) -> None:
        """A person wants it now: no pause holds."""
        for refused in self._refused.values():
            refused.again_ns = 0

    def decided(self) -> None:
        """A bar was decided on: what its decision did not close is not to be closed any more."""
        for refused in self._refused.values():
            refused.left = 0

    def on_report(self, report: OrderReport, time_ns: int) -> None:
        """A close that was refused."""
        order = self._engine.state.book.order(report.order_id)
        if report.status is not OrderStatus.REJECTED or order is None or order.role not in CLOSING:
            return
        refused = self._refused.setdefault(order.symbol, Refused())
        pause_ns = min(FIRST_PAUSE_NS << min(refused.failures, 10), MOST_PAUSE_NS)
        refused.failures += 1
        refused.again_ns = self._engine.clock.monotonic_ns() + pause_ns
        if report.venue_id:  # the broker's own word, not ours before anything was sent
            refused.clip = max(1, order.contracts // 2)
        if order.contracts > order.side * refused.left:  # else a smaller part of it, tried again
            refused.left = order.side * order.contracts
        self._engine.alarm(order.symbol, self._words(order, report.reason, refused, pause_ns), time_ns)

    def _words(self, order: Order, reason: str, refused: Refused, pause_ns: int) -> str:
        size = refused.clip or order.contracts
        return (
            f"The close of {order.contracts} {order.symbol} was refused ({reason.rstrip('.') or 'no reason given'}); "
            f"{size} are tried in {pause_ns // NANOS_PER_SECOND} s, and what is held keeps a stop until then."
        )

    def on_fill(self, fill: Fill) -> None:
        """A close that got through: the rest of it does not wait."""
        refused = self._refused.get(fill.symbol)
        if refused is None:
            return
        refused.failures = refused.again_ns = 0
        refused.left = fill.side * max(0, abs(refused.left) - fill.contracts) if refused.left else 0
        if not self._engine.state.ledger.account().position(fill.symbol):
            del self._refused[fill.symbol]

    def act(self, time_ns: int) -> None:
        """Try what was to be closed again, where it is time; also what no limit demands, as at a session's end."""
        elapsed_ns, book = self._engine.clock.monotonic_ns(), self._engine.state.book
        for symbol, refused in list(self._refused.items()):
            under_way = any(order.role in CLOSING for order in book.working(symbol))
            if refused.left and elapsed_ns >= refused.again_ns and not under_way:
                self._engine.close(symbol, -refused.left, time_ns)

    def is_open(self) -> bool:
        """Whether something waits here."""
        return any(refused.left for refused in self._refused.values())
