"""A feed of anybody's behind one that fails in one way only, and the feed that stands in its place where it failed.

Whatever a feed of the user's raises or gives becomes a `FeedError` with the place to look at, so that who listens has
one thing to heed.  When it is tried again is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from minhos.errors import FeedError, MinhosError
from minhos.feeds.expected import ExpectedBars
from minhos.feeds.port import GRACE_NS, Feed, FeedStatus
from minhos.market.clock import Clock
from minhos.market.roll import ActiveContract
from minhos.market.sound import without_unsound_rows
from minhos.market.types import Bars, Instrument, Price, Slice

T = TypeVar("T")
Place = Callable[[BaseException], str]
"""From what was raised to the file and line to look at, and the feed's name."""
Tell = Callable[[str], None]


class GuardedFeed(Feed):
    """Every call of that feed raises an error of ours or none."""

    def __init__(self, feed: Feed, place: Place, tell: Tell) -> None:
        """tell: hears of bars of the history that can be none; they are left out."""
        self._feed, self._place, self._tell = feed, place, tell
        self.simulated, self.pace_s = feed.simulated, feed.pace_s
        self.instrument, self.symbol = feed.instrument, feed.symbol

    def history(self) -> Bars:
        bars, fault = without_unsound_rows(self._checked("history", self._feed.history, Bars))
        if fault:
            self._tell(f"{fault}: look at the feed.")
        return bars

    def stream(self) -> Iterator[Price | Slice | None]:
        items = self._asked("stream", lambda: iter(self._feed.stream()))
        while True:
            item = self._asked("stream", lambda: next(items, items))
            if item is items:
                return
            if not (item is None or isinstance(item, (Price, Slice))):
                raise self._failed("stream", TypeError(f"gave {item!r:.80}, neither a Price nor a Slice nor None"))
            yield item

    def status(self) -> FeedStatus:
        return self._checked("status", self._feed.status, FeedStatus)

    def resume_after(self, close_time_ns: int) -> None:
        self._asked("resume_after", lambda: self._feed.resume_after(close_time_ns))

    def follow(self, symbol: str) -> Feed:
        followed = self._asked("follow", lambda: self._feed.follow(symbol))
        same = followed is self._feed and followed.symbol == self.symbol
        return self if same else GuardedFeed(followed, self._place, self._tell)

    def turn(self, now_ns: int, *, held: int) -> ActiveContract:
        return self._checked("turn", lambda: self._feed.turn(now_ns, held=held), ActiveContract)

    def close(self) -> None:
        self._asked("close", self._feed.close)

    def _checked(self, what: str, call: Callable[[], T], kind: type[T]) -> T:
        answer = self._asked(what, call)
        if not isinstance(answer, kind):
            raise self._failed(what, TypeError(f"gave {answer!r:.80}, which is no {kind.__name__}"))
        return answer

    def _asked(self, what: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except MinhosError:
            raise
        except (Exception, SystemExit) as error:  # whatever a user's feed raises
            raise self._failed(what, error) from error

    def _failed(self, what: str, error: BaseException) -> FeedError:
        return FeedError(f"{self._place(error)} failed at {what} ({type(error).__name__}: {error})")


class AbsentFeed(Feed):
    """Stands in the place of a feed that cannot be had: no bar comes, and each that was due is named as missing.

    So what has to end by a time of day ends, as with a feed that is silent.
    """

    def __init__(self, was: tuple[str, Instrument], why: str, expected: ExpectedBars, clock: Clock) -> None:
        self.symbol, self.instrument = was
        self.why = why
        self._expected, self._clock = expected, clock

    def history(self) -> Bars:
        return Bars.from_bars(self.instrument, [])

    def stream(self) -> Iterator[Price | Slice | None]:
        while True:
            yield from self._expected.missing(self._clock.now_ns() - GRACE_NS)
            yield None

    def status(self) -> FeedStatus:
        return FeedStatus(connected=False, live=True, delayed=False, last_bar_ns=0, detail=self.why)
