"""The bridge beside the world's Sierra Chart, and the copy that the trader keeps of its files.

    bridge = WorldBridge(clock, network, folder)          # on Sierra Chart's machine; an actor
    copies = WorldCopies(clock, network, lambda: pid)     # on ours: one copy in each trader
    feed = copies.feed(request, mirrored)

The copy is the real one, driven by the trader's own turns instead of by a thread: it does something whenever the feed
is asked, and while the trader waits for the first copy everybody else goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from minhos.dtc.server import DtcServer, ServerOptions
from minhos.dtc.transport import Memory
from minhos.dtc.turns import TurnLoop
from minhos.feeds.bridge.backend import ScidBackend
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.feeds.bridge.mirror import BridgeMirror, MirrorOptions, MirrorStatus
from minhos.feeds.port import FeedRequest
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND, Bar, Price
from minhos.testing.world.machine import abandon

PORT = 11199
FIRST_COPY_S, LOOK_S = 30.0, 0.25
"""How long a trader waits for its first copy, and how often it looks."""
ENOUGH_TURNS = 5
QUIET_S = 600
"""Heartbeats, and looks at what is old, in a world in which a day is a second."""


class WorldBridge:
    """Serves the folder; it looks at the files whenever they were written."""

    def __init__(self, clock: Clock, network: Memory, folder: Path) -> None:
        self._clock = clock
        self.loop = TurnLoop(clock.monotonic_ns)
        self._backend = ScidBackend(folder)
        self._server = DtcServer(self._backend, ServerOptions(port=PORT), transport=network)
        self._written = False
        self.is_down = True

    def start(self) -> None:
        """Serve, for the first time or again."""
        task = self.loop.create_task(self._server.start())
        self.loop.turn()
        task.result()
        self.is_down = False

    def stop(self) -> None:
        """Its machine is gone: connections end without a word."""
        self._server.refuse_connections()
        self._server.disconnect_all()
        self.loop.turn()
        self.is_down = True

    def close(self) -> None:
        """Its machine is gone for good."""
        self._closing = self.loop.create_task(self._server.close())
        _end(self.loop)

    def written(self) -> None:
        """The files have something new."""
        self._written = True

    def due_ns(self) -> int | None:
        """When it has something to do by itself; None for never."""
        if self._written and not self.is_down:
            return self._clock.monotonic_ns()
        due_s = self.loop.next_due_s()
        return None if due_s is None else round(due_s * NANOS_PER_SECOND)

    def turn(self, now_ns: int = 0) -> None:
        """Publish what is new, and answer."""
        if self._written and not self.is_down:
            self._written = False
            self._backend.poll()
        self.loop.turn()


class WorldCopies:
    """owner: the process whose turn it is.  A copy belongs to one, and ends with it."""

    def __init__(self, clock: Clock, network: Memory, owner: Callable[[], int]) -> None:
        self._clock, self._network, self._owner = clock, network, owner
        self._kept: tuple[int, BridgeMirror, TurnLoop, asyncio.Task[None]] | None = None

    def feed(self, request: FeedRequest, mirrored: Path) -> BridgeFeed:
        """A feed on the copy in that folder, beside the request's own folder where it names one."""
        if self._kept is None or self._kept[0] != self._owner():
            self.drop()
            options = MirrorOptions(
                host="127.0.0.1",
                port=PORT,
                days=10,
                ask_s=float(QUIET_S),
                older_every_s=float(QUIET_S),
                heartbeat_interval_s=QUIET_S,
            )
            mirror = BridgeMirror(options, mirrored, request.symbol, self._clock, self._clock, self._network)
            loop = TurnLoop(self._clock.monotonic_ns)
            task: asyncio.Task[None] = loop.create_task(mirror.keep())
            self._kept = (self._owner(), mirror, loop, task)
            end_ns = self._clock.monotonic_ns() + round(FIRST_COPY_S * NANOS_PER_SECOND)
            while not task.done() and not mirror.status().copied and self._clock.monotonic_ns() < end_ns:
                loop.turn()
                self._clock.sleep(LOOK_S)
                if mirror.status().trouble:
                    break
        _, mirror, loop, _ = self._kept
        return _CopiedFeed(request, mirrored, mirror.status, loop)

    def due_ns(self) -> int | None:
        """When the copy wants its process to have a turn, by the monotonic clock."""
        due_s = self._kept[2].next_due_s() if self._kept is not None else None
        return None if due_s is None else round(due_s * NANOS_PER_SECOND)

    def drop(self) -> None:
        """The process that kept it is gone."""
        if self._kept is not None:
            _, _, loop, task = self._kept
            self._kept = None
            task.cancel()
            _end(loop)


def _end(loop: TurnLoop) -> None:
    """Let what is ending come to its end, and nothing that waits beside it."""
    for _ in range(ENOUGH_TURNS):
        loop.turn()
    abandon(loop)


class _CopiedFeed(BridgeFeed):
    """A feed whose every look lets the copy go on first."""

    def __init__(
        self,
        request: FeedRequest,
        mirrored: Path,
        mirror_status: Callable[[], MirrorStatus],
        loop: TurnLoop,
        follow: str = "",
    ) -> None:
        self._loop = loop
        super().__init__(request, mirrored, mirror_status, follow)

    def _following(self, symbol: str) -> BridgeFeed:
        request = self._own_request()
        return _CopiedFeed(request, self._mirrored, self._mirror_status, self._loop, symbol)

    def _poll(self, now_ns: int) -> list[Price | Bar]:
        self._loop.turn()
        return super()._poll(now_ns)
