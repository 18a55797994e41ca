"""Journal and inbox of a running trader: whether they can be used, since when not, and who was told.

What follows is the engine's (`Engine.heed_store`: no new risk, and what protects goes on) and `trading.kept`'s, which
keeps what cannot be written.  Told at once in the log and the heartbeat, and by an alarm once that can be stored.
"""

from __future__ import annotations

import structlog

from minhos.errors import JournalError
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.kept import Kept

TOLD_FROM_S = 1.0
"""A lock that lasts shorter is in the log alone."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0
"""Between two looks into an inbox that cannot be used."""

log = structlog.get_logger("trader")


class StoreWatch:
    """Of one trader.  clock: the machine's."""

    def __init__(self, kept: Kept, engine: Engine, clock: Clock) -> None:
        self._kept, self._engine, self._clock = kept, engine, clock
        self._reason = ""
        self._since_ns = self._inbox_due_ns = 0
        self._pause_s = FIRST_PAUSE_S

    @property
    def away(self) -> str:
        """Why events cannot be stored or commands read now; empty where they can."""
        return self._kept.away or self._engine.deaf

    @property
    def away_s(self) -> float:
        """For how long that has been so."""
        return (self._clock.monotonic_ns() - self._since_ns) / NANOS_PER_SECOND if self._reason else 0.0

    def look(self) -> bool:
        """With every turn: write what waits where that is possible; True where journal or inbox went or came."""
        if self._kept.away:
            self._kept.retry(self._clock.monotonic_ns())
        if self.away == self._reason:
            return False
        self._engine.heed_store(self._engine.clock.now_ns())
        if not self._reason:
            self._since_ns = self._clock.monotonic_ns()
            log.error("store away", reason=self.away)
        elif not self.away:
            self._is_back()
        self._reason = self.away
        return True

    def _is_back(self) -> None:
        lasted_s = self.away_s
        log.warning("store back", seconds=round(lasted_s, 1), events=self._kept.n_kept, reason=self._reason)
        if lasted_s >= TOLD_FROM_S:
            now_ns = self._engine.clock.now_ns()
            text = (
                f"For {lasted_s:.0f} s it was so that {self._reason}: nothing was opened, what is held kept its stops."
            )
            if self._kept.n_kept:
                text += f" {self._kept.n_kept} events of that time were kept in memory and are stored now."
            self._engine.record(ev.Alarm(now_ns, text), now_ns)
        self._kept.n_kept = 0

    def may_read_inbox(self) -> bool:
        """Whether it is time to look into the inbox: one that cannot be used is asked less often."""
        return self._clock.monotonic_ns() >= self._inbox_due_ns

    def inbox_read(self) -> None:
        """It could be used."""
        self._engine.deaf, self._pause_s, self._inbox_due_ns = "", FIRST_PAUSE_S, 0

    def inbox_failed(self, error: JournalError) -> None:
        """It could not; meanwhile only the HALT file reaches the trader."""
        self._engine.deaf = self._engine.deaf or (
            f"commands cannot be read ({error.__cause__ or error}), and only the HALT file reaches the trader"
        )
        self._inbox_due_ns = self._clock.monotonic_ns() + round(self._pause_s * NANOS_PER_SECOND)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def finish(self) -> None:
        """The last try, at the end of the process.  Raises JournalError where what waits is lost."""
        if self._kept.away and not self._kept.retry(self._clock.monotonic_ns(), at_once=True):
            raise JournalError(
                f"{len(self._kept.waiting)} events of the last {self.away_s:.0f} s are lost, as {self._kept.away}; "
                "what the broker filled is asked for at the next start."
            )
