"""What the watchdog last saw and did, for people.  It is a process of its own; its file is all that is known of it."""

from __future__ import annotations

import dataclasses

from minhos.views.surroundings import STALE_AFTER_S, Surroundings
from minhos.views.values import View, rounded
from minhos.words import duration

TROUBLE = ("alarm", "act")


@dataclasses.dataclass(frozen=True)
class WatchdogLine(View):
    """The watchdog as it was heard last."""

    state: str
    """idle: nothing to watch; fine: the trader is heard; flat: it is not, and nothing is held; alarm; act."""
    sentence: str
    """What it saw."""
    last_action: str
    """What it did since the trader was last heard; empty where it did nothing."""
    age_s: float
    silent: bool
    """It has not been heard of for long: nobody looks after the position of a trader that dies."""
    gone: bool = False
    """Its process does not exist any more; it is silent then, too."""

    @property
    def trouble(self) -> bool:
        """It sees a position that nobody looks after."""
        return not self.silent and self.state in TROUBLE

    @property
    def urgent(self) -> bool:
        """A person has to know at once: trouble, or what was done about it while the trader is still away."""
        return self.trouble or (not self.silent and bool(self.last_action))

    @property
    def word(self) -> str:
        """Its state in one word: what a watchdog that is silent said last is no state."""
        if self.gone:
            return "gone"
        return "silent" if self.silent else self.state

    @property
    def words(self) -> str:
        """What it saw and did, and how old that is where it is old."""
        told = self.last_action or self.sentence
        if self.gone:
            return f"ended, last heard {duration(self.age_s)} ago; last: {told}"
        return f"not heard of for {duration(self.age_s)}; last: {told}" if self.silent else told


def watchdog_line(around: Surroundings) -> WatchdogLine | None:
    """None where it has never run."""
    told = around.watchdog
    if told is None or not told.time_ns:
        return None
    age_s = around.heard_s(told)
    gone = around.is_gone(told)
    silent = gone or age_s >= STALE_AFTER_S
    return WatchdogLine(told.state, told.sentence, told.last_action, rounded(age_s, 1) or 0.0, silent, gone)
