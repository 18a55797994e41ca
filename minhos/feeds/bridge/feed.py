"""A folder of .scid files with the bridge's mirror standing in for it, as one feed.

Both places hold the same contracts in the same format, so changing from one to the other is giving the tail another
path: it finds its place by the close of the last bar given, and begins the running bar anew from what it finds there.
The folder is left before a bar could be closed from half of its trades, and taken up again only once it has been
whole since before the running bar began: no bar comes twice, none is missing, none is made from half.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from minhos.errors import DataError
from minhos.feeds.bridge.mirror import MirrorStatus
from minhos.feeds.port import FeedRequest, FeedStatus
from minhos.feeds.scid.feed import FolderFeed, calendar_year
from minhos.feeds.scid.folders import scid_files
from minhos.feeds.scid.recent import newest_record_ns
from minhos.market.symbols import Symbol, parse_symbol
from minhos.market.types import NANOS_PER_SECOND, Bar, Price

BEHIND_NS = 60 * NANOS_PER_SECOND
"""How far one place may be behind the other before it is left."""
CHECK_NS = NANOS_PER_SECOND // 4


class BridgeFeed(FolderFeed):
    """One or two places with the same contracts: Sierra Chart's own folder, where one is named, and the mirror."""

    def __init__(
        self, request: FeedRequest, mirrored: Path, mirror_status: Callable[[], MirrorStatus], follow: str = ""
    ) -> None:
        """mirrored: the folder of the mirror; mirror_status: how it is.  Raises DataError for nothing in either."""
        self._mirrored, self._mirror_status = mirrored, mirror_status
        self._own = request.source if request.source != mirrored else None
        places = [place for place in (self._own, mirrored) if place is not None]
        wanted = parse_symbol(request.symbol, calendar_year(request.clock.now_ns()))
        newest = [_newest_in(place, wanted) for place in places]
        if max(newest) < 0:
            raise DataError(_nothing(places, wanted, mirror_status().trouble))
        at = places[0 if newest[0] >= newest[-1] - BEHIND_NS else 1]
        self._others = [place for place in places if place is not at]
        self._whole_since_ns = self._checked_ns = 0
        self.changes = 0
        """How often the place was changed."""
        super().__init__(msgspec.structs.replace(request, source=at), follow)

    @property
    def on_mirror(self) -> bool:
        """Whether the bridge's mirror is followed now."""
        return self._folder == self._mirrored

    def _following(self, symbol: str) -> BridgeFeed:
        return BridgeFeed(self._own_request(), self._mirrored, self._mirror_status, symbol)

    def _own_request(self) -> FeedRequest:
        """As it was made with, whichever place is followed now."""
        return msgspec.structs.replace(self._request, source=self._own)

    def _poll(self, now_ns: int) -> list[Price | Bar]:
        if self._others and now_ns - self._checked_ns >= CHECK_NS:
            self._checked_ns = now_ns
            self._choose(now_ns)
        return super()._poll(now_ns)

    def _choose(self, now_ns: int) -> None:
        """Go to the other place where this one fails, or back to the folder once it is whole again."""
        other = self._others[0]
        try:
            files = scid_files(other, self._wanted)
            there_ns = newest_record_ns(files[self.symbol][1])
        except (DataError, OSError, KeyError):
            self._whole_since_ns = 0
            return
        here_ns = _newest(self._tail.path)
        if self._fails(here_ns, there_ns, now_ns) or (self.on_mirror and self._is_whole(here_ns, there_ns, now_ns)):
            self._others, self._folder, self._files = [self._folder], other, files
            self._tail.path = files[self.symbol][1]
            self._whole_since_ns = 0
            self.changes += 1

    def _fails(self, here_ns: int, there_ns: int, now_ns: int) -> bool:
        """This place cannot be read, is far behind the other, or would soon close a bar without trades seen there."""
        if here_ns < 0:
            return there_ns >= self._newest_ns() - self._request.flush_ns
        behind_ns = there_ns - here_ns
        bar_is_due = here_ns < self._expected.due_ns <= now_ns - self._request.flush_ns
        return behind_ns > BEHIND_NS or (bar_is_due and behind_ns > self._request.flush_ns)

    def _is_whole(self, here_ns: int, there_ns: int, now_ns: int) -> bool:
        """The folder has kept up since before the bar that is running, which may so be begun anew from it."""
        if there_ns < here_ns - self._request.flush_ns:
            self._whole_since_ns = 0
            return False
        self._whole_since_ns = self._whole_since_ns or now_ns
        return self._whole_since_ns <= self._last_bar_ns

    def status(self) -> FeedStatus:
        """How the place is that is followed, and the bridge where it matters."""
        status, mirror = super().status(), self._mirror_status()
        if self.on_mirror:
            status = msgspec.structs.replace(status, detail=f"by the bridge: {status.detail}")
        for words in filter(None, (mirror.trouble, mirror.note)):
            status = msgspec.structs.replace(status, detail=f"{status.detail}; the bridge: {words}")
        return status


def _newest(path: Path) -> int:
    """Time of a file's newest record; -1 where it cannot be read."""
    try:
        return newest_record_ns(path)
    except (DataError, OSError):
        return -1


def _newest_in(folder: Path, wanted: Symbol) -> int:
    """Time of the newest record of all that is wanted; -1 for a folder without any."""
    try:
        return max(_newest(path) for _, path in scid_files(folder, wanted).values())
    except (DataError, OSError):
        return -1


def _nothing(places: list[Path], wanted: Symbol, trouble: str) -> str:
    there = " and ".join(str(place) for place in places)
    why = f": {trouble}" if trouble else "; open its chart in Sierra Chart"
    return f"there is no {wanted.contract} .scid file in {there}{why}"
