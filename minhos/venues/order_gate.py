"""The gate through which everybody who sends orders goes: one at a time, over all processes of one house.

The trader holds it while it sends, and until an order that closes has ended; whoever flattens from outside (a command,
the watchdog, the drill) holds it the whole time.  So two flattens never meet at the broker.  It is a lock of the
operating system on a file, which ends with its holder however that ends; it protects nothing on other machines.
The descriptor's lock and not `FileLock`: that costs an order a tenth of a millisecond, and may fall back to a file that
outlives its holder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filelock import lock_descriptor, unlock_descriptor

from minhos.errors import VenueError
from minhos.market.clock import Clock, SystemClock

POLL_S = 0.002


class OrderGate:
    """The gate at `path`; its folder is made where it is missing."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.path = path
        self._clock = clock or SystemClock()

    @contextlib.contextmanager
    def hold(self, timeout_s: float) -> Iterator[None]:
        """Hold the gate.  Raises VenueError when another still holds it after timeout_s."""
        started_ns = self._clock.monotonic_ns()
        held = self.take()
        while held is None:
            if self._clock.monotonic_ns() - started_ns > timeout_s * 1e9:
                raise VenueError(self.refusal(timeout_s))
            self._clock.sleep(POLL_S)
            held = self.take()
        try:
            yield
        finally:
            held.release()

    def take(self) -> HeldGate | None:
        """The gate if it is free now, else None.  Raises VenueError where the file cannot be opened."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = open(self.path, "a+b")  # noqa: SIM115  (released by its holder)
        except OSError as error:
            raise VenueError(
                f"The order gate {self.path} cannot be opened ({error.strerror}); no order is sent."
            ) from None
        if lock_descriptor(file.fileno(), blocking=False):
            return HeldGate(file)
        file.close()
        return None

    def refusal(self, timeout_s: float) -> str:
        """The sentence for one who did not get it."""
        return (
            f"Another process has been sending orders for {timeout_s:g} seconds (it holds {self.path}); "
            "nothing was sent. See whether a flatten is under way."
        )


class HeldGate:
    """The gate while one has it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def release(self) -> None:
        """Let the next one in; safe to call twice."""
        if not self._file.closed:
            unlock_descriptor(self._file.fileno())
            self._file.close()
