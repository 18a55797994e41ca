"""The feed of a running trader: its items at their pace, and what becomes of one that fails or ends.

A feed's failure ends nobody: an `AbsentFeed` stands in its place, under which nothing new is decided and what is held
goes on being protected, and the trader asks after the feed again, at growing intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import msgspec
import structlog

from minhos.assembly.heartbeats import FeedBeat
from minhos.errors import MinhosError
from minhos.feeds.expected import ExpectedBars
from minhos.feeds.guarded import AbsentFeed
from minhos.feeds.port import Feed
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND, Bars, Instrument, Price, Slice

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Before a feed that failed is asked after again; doubled each time."""
SAID_AGAIN_S = 300.0
"""A failure that was told is told again only after so long."""
SHARE_OF_TIME = 20.0
"""A look at a feed may take one part in so many of the trader's time, which hears nobody meanwhile."""
WHAT_FOLLOWS = (
    "Nothing new is opened, and what is held keeps its stop at the broker; on paper nothing fills meanwhile. The feed "
    "is asked for again at least once a minute, less often where that takes seconds; after a change of its program "
    "start the trader again."
)

log = structlog.get_logger("trader")


class FeedWatch:
    """Of one trader.

    clock: of its market.  wall: of the machine, for pace and pauses.
    """

    def __init__(self, calendar: SessionCalendar, clock: Clock, wall: Clock) -> None:
        self._calendar, self._clock, self._wall = calendar, clock, wall
        self.feed: Feed
        self.alarms: list[str] = []
        """What is to be told; who listens takes them away."""
        self.over = False
        """A generated market has ended."""
        self.taken_ns = 0
        """Close of the newest bar that was taken in; 0 for none."""
        self._items: Iterator[Price | Slice | None] = iter(())
        self._said_ns: dict[str, int] = {}
        """Until when each is not told again; no longer is it kept."""
        self._away_ns = self._due_ns = 0
        self._looked_ns, self._took_s = 0, 0.0
        """When the last look for the feed began, and how long it took."""
        self._pause_s = FIRST_PAUSE_S

    def begin(self, feed: Feed) -> None:
        """Listen to that feed from now on; the one before it is let go of."""
        before, self.feed = getattr(self, "feed", None), feed
        self._items = self._paced(feed)
        if before is not None and before is not feed:
            with suppress(MinhosError):
                before.close()

    def close(self) -> None:
        """Give back what the feed opened, where there ever was one."""
        if (feed := getattr(self, "feed", None)) is not None:
            with suppress(MinhosError):
                feed.close()

    @property
    def away(self) -> bool:
        """Whether the feed cannot be had now."""
        return isinstance(self.feed, AbsentFeed)

    def item(self) -> Price | Slice | None:
        """What comes next; None where nothing does now, or none ever will."""
        try:
            item = next(self._items)
        except StopIteration:
            if self.feed.simulated:
                self.over = True
            else:
                self.lose(f"The feed of {self.feed.symbol} ended: its source says that no bar can come any more.")
            return None
        except MinhosError as error:
            self.lose(str(error))
            return None
        if isinstance(item, Slice) and item.bars:
            self.taken_ns = max(self.taken_ns, item.close_time_ns)
            self._pause_s = FIRST_PAUSE_S
        return item

    def status(self) -> FeedBeat:
        """How the feed is; one that cannot say it is not connected."""
        try:
            return msgspec.convert(self.feed.status(), FeedBeat, from_attributes=True)
        except (MinhosError, msgspec.ValidationError) as error:
            self._say(str(error))
            return FeedBeat(connected=False, live=True, delayed=False, last_bar_ns=0, detail=str(error))

    def lose(self, why: str, was: tuple[str, Instrument] | None = None) -> None:
        """Nothing comes from the feed any more.  was: its contract, where there was no feed yet."""
        was = was or (self.feed.symbol, self.feed.instrument)
        after_ns = self.taken_ns or self._clock.now_ns()
        self.begin(AbsentFeed(was, why, ExpectedBars(self._calendar, was[0], after_ns), self._clock))
        self._away_ns = self._away_ns or self._wall.monotonic_ns()
        self._wait()
        self._say(f"{why.rstrip('.')}. {WHAT_FOLLOWS}")
        log.error("feed away", reason=why)

    def asks_again(self) -> bool:
        """Whether it is time to look for the feed that failed."""
        now_ns = self._wall.monotonic_ns()
        if not self.away or now_ns < self._due_ns:
            return False
        self._looked_ns = now_ns
        return True

    def still_away(self, why: str) -> None:
        """It was looked for and cannot be had."""
        assert isinstance(self.feed, AbsentFeed)
        self.feed.why = why
        self._has_looked()
        self._wait()

    def is_back(self, feed: Feed, history: Bars) -> None:
        """It was looked for and found, with that history, which is taken in."""
        self._has_looked()
        if len(history):
            self.taken_ns = max(self.taken_ns, int(history.close_time_ns[-1]))
        lasted_s = (self._wall.monotonic_ns() - self._away_ns) / NANOS_PER_SECOND
        self._away_ns = 0
        self.begin(feed)
        self._say(f"The feed of {feed.symbol} is back after {lasted_s:,.0f} s.")
        log.warning("feed back", after_s=round(lasted_s, 1))

    def _has_looked(self) -> None:
        self._took_s = (self._wall.monotonic_ns() - self._looked_ns) / NANOS_PER_SECOND

    def _wait(self) -> None:
        pause_s = max(self._pause_s, SHARE_OF_TIME * self._took_s)
        self._due_ns = self._wall.monotonic_ns() + round(pause_s * NANOS_PER_SECOND)
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)

    def _say(self, text: str) -> None:
        now_ns = self._wall.monotonic_ns()
        self._said_ns = {said: until_ns for said, until_ns in self._said_ns.items() if now_ns < until_ns}
        if text not in self._said_ns:
            self._said_ns[text] = now_ns + round(SAID_AGAIN_S * NANOS_PER_SECOND)
            self.alarms.append(text)

    def _paced(self, feed: Feed) -> Iterator[Price | Slice | None]:
        """The feed's items; a simulated market's bars at its set pace."""
        due_ns, pace_ns = 0, round(feed.pace_s * NANOS_PER_SECOND)
        for item in feed.stream():
            if pace_ns and isinstance(item, Slice):
                due_ns = max(due_ns + pace_ns, self._wall.monotonic_ns())
                while self._wall.monotonic_ns() < due_ns:
                    yield None
            yield item
