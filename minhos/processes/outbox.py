"""Which message a channel gets next, and when: from what severity on, quiet hours, nothing twice, a few a minute.

One pure object a channel, in times that are given to it.  Not for how a message is handed over and what becomes of a
channel that fails: that is `alerts`'.

    outbox = Outbox(Route(least=Severity.WARNING))
    outbox.add(sequence, message)
    parcel = outbox.due(now)             # None: nothing, or not yet
    outbox.settle(parcel, now)           # it was handed over; one that was not is due again, with what came since

Messages of one key are one until they are told, with their number.  Where more wait than may be sent, they go together
in one digest, the critical ones first: one of those waits as long as it must and is never left out; of others a digest
that is full gives the number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from minhos.assembly.alert_routes import Route
from minhos.market.types import NANOS_PER_SECOND
from minhos.views.messages import Message, Severity
from minhos.words import plural

WINDOW_NS = 60 * NANOS_PER_SECOND
MOST_A_WINDOW = 5
"""Messages a minute."""
SINGLE_A_WINDOW = 3
"""Of these, so many go alone; what comes then is gathered."""
GATHER_NS = 20 * NANOS_PER_SECOND
"""A digest goes so long after the message before it."""
DIGEST_CHARACTERS = 3_000
"""Telegram takes 4,096, Discord 2,000 a block, which Apprise parts."""
AGAIN_NS = 15 * 60 * NANOS_PER_SECOND
"""What was told is not told again sooner."""


@dataclass
class Waiting:
    """Messages of one key.  sequences: of the events that they come from."""

    message: Message
    sequences: list[int] = field(default_factory=list)

    @property
    def words(self) -> str:
        n = len(self.sequences)
        return self.message.text if n == 1 else f"{self.message.text} ({n} times)"


class Parcel(NamedTuple):
    """One message to hand over.  told: by key the text that it tells, and of which events."""

    severity: Severity
    text: str
    told: Mapping[str, tuple[str, frozenset[int]]]


class Outbox:
    """What waits for one channel."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self._waiting: dict[str, Waiting] = {}
        self._told: dict[str, tuple[str, int]] = {}
        """Text and time by key."""
        self._sent_ns: list[int] = []

    @property
    def waiting(self) -> int:
        """Keys that were not told yet."""
        return len(self._waiting)

    def sequences(self) -> set[int]:
        """Of the events that wait."""
        return {sequence for each in self._waiting.values() for sequence in each.sequences}

    def add(self, sequence: int, message: Message) -> None:
        """Keep it where it is for this channel; of one key the newest text and the highest severity."""
        if message.severity < self.route.least:
            return
        one = self._waiting.setdefault(message.key, Waiting(message))
        one.message = message._replace(severity=max(message.severity, one.message.severity))
        one.sequences.append(sequence)

    def due(self, now_ns: int) -> Parcel | None:
        """The next to hand over at this moment (UTC, which may jump: then it waits a minute at most)."""
        self._sent_ns = [at_ns for at_ns in self._sent_ns if 0 <= now_ns - at_ns < WINDOW_NS]
        self._told = {key: told for key, told in self._told.items() if 0 <= now_ns - told[1] < AGAIN_NS}
        ready = [key for key in self._waiting if self._may_go(key, now_ns)]
        if not ready or len(self._sent_ns) >= MOST_A_WINDOW:
            return None
        if len(ready) == 1 or len(self._sent_ns) + len(ready) <= SINGLE_A_WINDOW:
            one = self._waiting[ready[0]]
            return Parcel(one.message.severity, one.words, self._told_by(ready[:1]))
        if self._sent_ns and now_ns - self._sent_ns[-1] < GATHER_NS:
            return None
        return self._digest(ready)

    def _may_go(self, key: str, now_ns: int) -> bool:
        message = self._waiting[key].message
        if key in self._told and self._told[key][0] == message.text:
            return False
        return message.severity is Severity.CRITICAL or self.route.quiet is None or not self.route.quiet.holds(now_ns)

    def _digest(self, ready: list[str]) -> Parcel:
        """Critical ones first, each in order of time, as far as there is room."""
        ready = sorted(ready, key=lambda key: -self._waiting[key].message.severity)
        lines, told, left, room = list[str](), list[str](), Counter[str](), DIGEST_CHARACTERS
        for key in ready:
            one = self._waiting[key]
            line = f"- {one.words}"
            if len(line) + 1 <= room or not told:
                lines.append(line[:DIGEST_CHARACTERS])
                told.append(key)
                room -= len(line) + 1
            elif one.message.severity is not Severity.CRITICAL:
                left[one.message.kind] += len(one.sequences)
                told.append(key)
            else:
                room = 0  # it goes with the next digest, before all others
        if left:
            lines.append("and " + ", ".join(f"{n} of the kind {kind}" for kind, n in left.most_common()))
        title = f"{plural(sum(len(self._waiting[key].sequences) for key in told), 'message')}:"
        return Parcel(self._waiting[ready[0]].message.severity, "\n".join([title, *lines]), self._told_by(told))

    def _told_by(self, keys: list[str]) -> dict[str, tuple[str, frozenset[int]]]:
        return {key: (self._waiting[key].message.text, frozenset(self._waiting[key].sequences)) for key in keys}

    def settle(self, parcel: Parcel, now_ns: int) -> None:
        """It was handed over: what it told waits no more; what came of the same key meanwhile does."""
        self._sent_ns.append(now_ns)
        for key, (text, sequences) in parcel.told.items():
            self._told[key] = text, now_ns
            one = self._waiting[key]
            one.sequences = [sequence for sequence in one.sequences if sequence not in sequences]
            if not one.sequences:
                del self._waiting[key]
