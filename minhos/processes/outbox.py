"""Which message a channel gets next, and when: from what severity on, quiet hours, nothing twice, a few a minute.

One pure object a channel, in times that are given to it.  Not for how a message is handed over and what becomes of a
channel that fails: that is `alerts`'.

    outbox = Outbox(Route(least=Severity.WARNING))
    outbox.add(message)
    parcel = outbox.due(now)             # None: nothing, or not yet
    outbox.settle(parcel, now)           # it was handed over; one that was not is due again, with what came since

Messages of one key are one until they are told: the newest, with the number of times that it came.  Where more wait
than may be sent, they go together in one digest, the critical ones first: one of those waits as long as it must and is
never left out; of others a digest that is full gives the number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

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
"""What was told is not told again in the same words sooner ..."""
CRITICAL_AGAIN_NS = 2 * 60 * NANOS_PER_SECOND
"""... and what is critical, which comes again only where it was over."""


class Waiting(msgspec.Struct):
    """The newest message of one key, and how often it came in these words."""

    message: Message
    times: int = 0

    @property
    def words(self) -> str:
        return self.message.text if self.times == 1 else f"{self.message.text} ({self.times} times)"


class Parcel(NamedTuple):
    """One message to hand over.  told: by key the text that it tells, and how often that came."""

    severity: Severity
    text: str
    told: Mapping[str, tuple[str, int]]


class Outbox:
    """What waits for one channel."""

    def __init__(self, route: Route, waiting: Iterable[Waiting] = ()) -> None:
        """waiting: what an earlier one had not told."""
        self.route = route
        self._waiting = {each.message.key: each for each in waiting}
        self._told: dict[str, tuple[str, int]] = {}
        """Text and time by key."""
        self._sent_ns: list[int] = []

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """What was not told yet, the oldest key first."""
        return tuple(self._waiting.values())

    def add(self, message: Message) -> None:
        """Keep it where it is for this channel; what it says anew of its key takes the place of what was said."""
        if message.severity < self.route.least:
            self._waiting.pop(message.key, None)  # what waited is no longer so
            return
        one = self._waiting.setdefault(message.key, Waiting(message))
        one.times = one.times + 1 if one.message.text == message.text else 1
        one.message = message

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
        critical = message.severity is Severity.CRITICAL
        text, at_ns = self._told.get(key, ("", 0))
        if text == message.text and now_ns - at_ns < (CRITICAL_AGAIN_NS if critical else AGAIN_NS):
            return False
        return critical or self.route.quiet is None or not self.route.quiet.holds(now_ns)

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
                left[one.message.kind] += one.times
                told.append(key)
            else:
                room = 0  # it goes with the next digest, before all others
        if left:
            lines.append("and " + ", ".join(f"{n} of the kind {kind}" for kind, n in left.most_common()))
        title = f"{plural(sum(self._waiting[key].times for key in told), 'message')}:"
        return Parcel(self._waiting[ready[0]].message.severity, "\n".join([title, *lines]), self._told_by(told))

    def _told_by(self, keys: list[str]) -> dict[str, tuple[str, int]]:
        return {key: (self._waiting[key].message.text, self._waiting[key].times) for key in keys}

    def settle(self, parcel: Parcel, now_ns: int) -> None:
        """It was handed over: what it told waits no more; what came of the same key meanwhile does."""
        self._sent_ns.append(now_ns)
        for key, (text, times) in parcel.told.items():
            self._told[key] = text, now_ns
            one = self._waiting.get(key)
            if one is not None and one.message.text == text:
                one.times -= times
                if one.times <= 0:
                    del self._waiting[key]
