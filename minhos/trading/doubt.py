"""What a broker shows is believed when it was shown for a while: the rule of the two surveys, in one place.

A list may be empty, partial or old for a moment, as after a reconnection.  Before anything is placed, cancelled or
resized on the broker's word, that word comes in two surveys at least `APART_NS` apart, and in all between them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from minhos.market.types import NANOS_PER_SECOND

APART_NS = NANOS_PER_SECOND
SETTLED_NS = 4 * NANOS_PER_SECOND
"""A difference that changes from survey to survey is one all the same, after that."""

Key = TypeVar("Key", bound=Hashable)


class Doubts(Generic[Key]):
    """Since when each thing has been shown without a break, on the clock that never goes back."""

    def __init__(self) -> None:
        self._since_ns: dict[Key, int] = {}

    def certain(self, shown: Iterable[Key], elapsed_ns: int) -> set[Key]:
        """Those of what the newest survey shows that have been shown for long enough; what it lacks is forgotten."""
        self._since_ns = {key: self._since_ns.get(key, elapsed_ns) for key in shown}
        return {key for key, since_ns in self._since_ns.items() if elapsed_ns >= since_ns + APART_NS}

    def forget(self) -> None:
        """What was shown over a connection that ended is no look of the next one's."""
        self._since_ns = {}

    def __len__(self) -> int:
        return len(self._since_ns)
