"""What settlement, guard, outage and recovery may do with the engine: the protocol `Hands`.

They conclude what is to be done and do it through these methods alone, so that none of them knows the engine and each
can be tried with a double.  Every one of them ends in an event of the journal; nothing here changes state by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from minhos.accounting.types import Order
from minhos.market.clock import Clock
from minhos.market.types import Slice
from minhos.trading import events as ev
from minhos.trading.state import TradingState
from minhos.trading.types import Decision
from minhos.trading.venue import Report, Venue


class Hands(Protocol):
    """One engine, as those see it who act through it."""

    state: TradingState
    venue: Venue
    clock: Clock
    refused_ids: set[str]
    last_sent_ns: int

    def record(self, event: ev.Event, time_ns: int, *, more: bool = False) -> None:
        """Journal an event, then apply it."""

    def record_trades(self) -> None:
        """Record the trades that the last fill closed."""

    def take(self, reports: Sequence[Report], time_ns: int) -> None:
        """Take in what the venue said, and do what that asks of the resting orders."""

    def send(self, orders: Sequence[Order], time_ns: int) -> None:
        """Intents first, all durable, then the wire."""

    def ask(self) -> None:
        """Have the venue survey the account."""

    def cancel(self, order_id: str, time_ns: int) -> None:
        """Ask the venue to take an order back."""

    def is_over(self, about: str) -> None:
        """What an alarm was about is so no more: should it come again, it is told again."""

    def waits_to_ask_again(self) -> bool:
        """Whether something that was refused may be asked for again, once a survey has shown what works."""

    def ask_refused_again(self) -> None:
        """What was refused may be asked for again, unless it was refused again and again."""

    def keep_orders(self, time_ns: int) -> None:
        """Bring the resting orders in line with the position."""

    def alarm(self, about: str, text: str, time_ns: int) -> None:
        """Raise an alarm, unless the same (but for its numbers) was raised lately."""

    def close(self, symbol: str, contracts: int, time_ns: int) -> None:
        """Close so many of the signed contracts that are held, at most what is held and not being closed yet."""

    def flatten(self, reason: str, who: str, time_ns: int, symbols: frozenset[str] | None = None) -> None:
        """Cancel what would open and close what is open."""

    def settle_contradiction(self, time_ns: int) -> None:
        """Halt where our record and the venue's contradict each other."""

    def on_slice(self, closed: Slice, received_ns: int | None = None) -> Decision:
        """Decide on a bar that closed."""
