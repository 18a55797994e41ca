"""A broker that takes no orders for a while although something is at stake there: an alarm, and word of its end.

The status shows every moment without a ready broker; this is for a person who is not looking.  It closes nothing.
"""

from __future__ import annotations

from minhos.market.types import NANOS_PER_SECOND
from minhos.trading import events as ev
from minhos.trading.hands import Hands

REPORT_AFTER_NS = 30 * NANOS_PER_SECOND
"""A connection that comes back sooner is no outage."""


class Outage:
    """Since when the broker is not ready, and whether that was reported; after a restart both begin anew."""

    def __init__(self, engine: Hands) -> None:
        self._engine = engine
        self._since_ns: int | None = None
        """On the clock that never goes back; None while the broker is ready."""
        self._reported = False

    def watch(self) -> None:
        """To be called with every look at the broker, whether or not it said anything."""
        engine, status = self._engine, self._engine.state.venue_status
        if status is None:
            return
        elapsed_ns = engine.clock.monotonic_ns()
        since_ns = elapsed_ns if self._since_ns is None else self._since_ns
        lasted_ns = elapsed_ns - since_ns
        if status.ready:
            if self._reported:
                self._alarm(f"Orders can be sent again, after {lasted_ns // NANOS_PER_SECOND} s.")
            self._since_ns, self._reported = None, False
            return
        self._since_ns = since_ns
        at_stake = self._at_stake() if lasted_ns >= REPORT_AFTER_NS and not self._reported else ""
        if at_stake:
            self._reported = True
            self._alarm(
                f"Orders could not be sent for {lasted_ns // NANOS_PER_SECOND} s while {at_stake}: "
                f"{status.reason.rstrip('.')}. Only what rests at the broker protects it: look there."
            )

    def _at_stake(self) -> str:
        """What is held or may be, in words; empty for nothing."""
        state = self._engine.state
        held = [f"{contracts:+d} {symbol} is held" for symbol, contracts in sorted(state.held().items()) if contracts]
        unknown = len(state.book.unknown())
        unanswered = "1 order is unanswered" if unknown == 1 else f"{unknown} orders are unanswered"
        return ", ".join([*held, unanswered] if unknown else held)

    def _alarm(self, text: str) -> None:
        now_ns = self._engine.clock.now_ns()
        self._engine.record(ev.Alarm(now_ns, text), now_ns)
