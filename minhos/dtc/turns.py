"""An event loop without a thread of its own: it runs while its owner gives it a turn, by its owner's clock.

    loop = TurnLoop(clock.monotonic_ns)
    task = loop.create_task(client.connect())
    while not task.done():
        clock.sleep(0.002)
        loop.turn()

So whoever drives other things in the same thread drives the connection with them, and a simulated clock drives it too.
Not for code that wants an answer before it goes on: there `asyncio.run` waits better.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable
from contextvars import Context

MOST_ROUNDS = 1_000
"""Of one turn: a task that never waits must not keep its owner."""


class TurnLoop(asyncio.SelectorEventLoop):
    """See the module.  monotonic_ns: what its timers go by."""

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._has_calls = False
        self._polled = selectors.DefaultSelector()
        super().__init__(self._polled)

    def time(self) -> float:
        """Seconds of the owner's clock."""
        return self._monotonic_ns() / 1e9

    def turn(self) -> None:
        """Take in what has come, then do what is due, until there is nothing to do now.

        In this order: where the owner was away for long, what lies in the sockets is read before anybody's patience
        ends.
        """
        self._run_ready()
        while self._is_due():
            self._run_ready()  # a reader that was held up goes on without a call
            self._fire_timers()
            self._run_ready()

    def next_due_s(self) -> float | None:
        """When, by `time`, the next turn has something to do unless something comes before; None for never."""
        if self._has_calls:
            return self.time()
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        self._has_calls = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Kept here and not by the base, which would let timers fire before it has read."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)

        def fire() -> None:
            if not timer.cancelled():
                callback(*args)

        heapq.heappush(self._timers, (when, next(self._numbers), timer, fire))
        return timer

    def _run_ready(self) -> None:
        if not self._has_calls and not self._polled.select(0):
            return  # as most turns of a quiet connection: nothing was called for and nothing has come
        for _ in range(MOST_ROUNDS):
            self._has_calls = False
            super().call_soon(self.stop)
            self.run_forever()
            if not self._has_calls:
                return

    def _is_due(self) -> bool:
        due_s = self.next_due_s()
        return due_s is not None and due_s <= self.time()

    def _fire_timers(self) -> None:
        now_s = self.time()
        while self._timers and self._timers[0][0] <= now_s:
            _, _, timer, fire = heapq.heappop(self._timers)
            if not timer.cancelled():
                self.call_soon(fire)
