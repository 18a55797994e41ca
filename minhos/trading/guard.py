"""Between bars: what must be closed before the next bar is decided on.

A limit that demands it, or something open in a contract that was left.  Not for deciding: it only ever closes.
"""

from __future__ import annotations

from minhos.market.types import NANOS_PER_SECOND
from minhos.trading.book import opens
from minhos.trading.hands import Hands

GUARD_PAUSE_NS = 5 * NANOS_PER_SECOND
"""A broker that refuses to close is asked again after that, not with every price."""


class Guard:
    """What it acted on last, and when it may act on that again; nothing of it needs to outlive the process."""

    def __init__(self, engine: Hands) -> None:
        self._engine = engine
        self._reason, self._again_ns = "", 0
        """The time is on the clock that never goes back."""
        self._seen: tuple[int, bool, frozenset[str]] = (-1, False, frozenset())
        """What is open and what of it is left behind, at that step of the state: no price changes it."""

    def hurry(self) -> None:
        """Something of it was closed: the rest does not wait."""
        self._again_ns = 0

    def is_due(self) -> bool:
        """Whether what was acted on last is to be looked at again, also where nothing was heard."""
        return bool(self._reason) and self._engine.clock.monotonic_ns() >= self._again_ns

    def act(self, time_ns: int) -> None:
        """Close what cannot wait.  A broker that did not close it is asked again after a pause."""
        engine = self._engine
        if self._seen[0] != engine.state.steps:
            self._seen = (engine.state.steps, self._is_anything_open(), self._left_behind())
        _, is_open, left = self._seen
        demand = engine.state.risk.demand_to_flatten() if is_open else ""
        left = frozenset() if demand else left
        reason = demand or (f"{', '.join(sorted(left))} is no longer traded" if left else "")
        elapsed_ns = engine.clock.monotonic_ns()
        if not reason or (reason == self._reason and elapsed_ns < self._again_ns):
            self._reason = reason
            return
        if not engine.venue.owns_account:
            self._reason, self._again_ns = reason, elapsed_ns + GUARD_PAUSE_NS
        engine.flatten(reason, "risk manager" if demand else "engine", time_ns, left or None)

    def _is_anything_open(self) -> bool:
        """Whether something is held, or an order works that may open something."""
        state = self._engine.state
        if any(state.held().values()):
            return True
        return not state.blind() and any(opens(record.order) for record in state.book.open_records())

    def _left_behind(self) -> frozenset[str]:
        """Contracts with something open that are no longer traded, or are left; none while both sides disagree."""
        state = self._engine.state
        if state.settings is None or state.risk.distrust is not None or state.blind():
            return frozenset()
        left = frozenset() if state.settings.leaving else frozenset({state.settings.order_symbol})
        return frozenset(state.open_symbols() - left)
