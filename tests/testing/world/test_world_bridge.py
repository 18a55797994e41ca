"""The bridge and the trader's copy of its files in one thread: the copy is the original, whatever breaks meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from minhos.dtc.transport import Memory
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.market.clock import SimulatedClock
from minhos.market.types import NANOS_PER_SECOND, Bar, Price, Slice
from minhos.testing.builders import MONDAY_OPEN, NQ
from minhos.testing.feed_conformance import feed_request
from minhos.testing.world import market_faults as f
from minhos.testing.world.bridge import WorldBridge, WorldCopies
from minhos.testing.world.feed import ScidFiles
from minhos.testing.world.market import WorldMarket, calendar


class Machines:
    """Sierra Chart's machine and ours, one clock, and a trader that looks every second."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.network, self.pid = _Clock(self), Memory(), 7
        self.market = WorldMarket(5, NQ, "NQZ25", MONDAY_OPEN, next_symbol="NQH26")
        self.files = ScidFiles(folder / "sierra", self.market)
        self.bridge = WorldBridge(self.clock, self.network, folder / "sierra")
        self.bridge.start()
        self.market.on_record.append(lambda trade: self.bridge.written())
        self.mirrored = folder / "mirror"
        self.copies = WorldCopies(self.clock, self.network, lambda: self.pid)
        self.given: list[Price | Slice] = []
        self._stream: Iterator[Price | Slice | None] = iter(())

    def feed(self, own: Path | None = None) -> BridgeFeed:
        request = msgspec.structs.replace(feed_request(self.clock, calendar(), own, "NQ"), instrument=NQ)
        feed = self.copies.feed(request, self.mirrored)
        self._stream = feed.stream()
        return feed

    def outside(self) -> None:
        self.market.turn(self.clock.now_ns())
        self.bridge.turn()

    def run(self, minutes: float) -> None:
        end_ns = self.clock.now_ns() + round(minutes * 60 * NANOS_PER_SECOND)
        while self.clock.now_ns() < end_ns:
            self.clock.sleep(1.0)
            while (item := next(self._stream, None)) is not None:
                self.given.append(item)

    @property
    def bars(self) -> list[Bar]:
        return [bar for item in self.given if isinstance(item, Slice) for bar in item.bars]

    def copy_is_the_original(self) -> bool:
        original = self.files.path("NQZ25")
        return original.read_bytes() == (self.mirrored / original.name).read_bytes()


class _Clock(SimulatedClock):
    def __init__(self, machines: Machines) -> None:
        super().__init__(MONDAY_OPEN)
        self._machines = machines

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._machines.outside()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    made.copies.drop()
    made.bridge.close()
    made.files.close()


def test_the_copy_follows_trade_by_trade(machines: Machines) -> None:
    feed = machines.feed()
    assert len(feed.history()) == len(machines.market.history)
    machines.run(21)
    assert (len(machines.bars), feed.on_mirror, machines.copy_is_the_original()) == (4, True, True)


def test_a_bridge_that_was_away_is_caught_up_with(machines: Machines) -> None:
    feed = machines.feed()
    machines.run(3)
    machines.bridge.stop()
    machines.run(8)
    assert not machines.copy_is_the_original()
    assert "bridge" in feed.status().detail
    machines.bridge.start()
    machines.run(5)
    assert machines.copy_is_the_original()
    assert [bar.close_time_ns for bar in machines.bars] == sorted({bar.close_time_ns for bar in machines.bars})


def test_the_copy_ends_with_its_process_and_the_next_one_goes_on(machines: Machines) -> None:
    machines.feed()
    machines.run(6)
    machines.pid += 1
    machines.feed()
    machines.run(6)
    assert machines.copy_is_the_original()


def test_the_copy_stands_in_for_the_folder(machines: Machines) -> None:
    feed = machines.feed(own=machines.files.folder)
    machines.run(6)
    assert not feed.on_mirror
    torn = f.FileTorn(for_ms=1)
    machines.market.begin(torn)
    machines.run(6)
    machines.market.end(torn)
    machines.run(6)
    assert (len(machines.bars), machines.copy_is_the_original()) == (3, True)


def test_a_file_that_is_made_anew_is_copied_anew(machines: Machines) -> None:
    machines.feed()
    machines.run(6)
    machines.market.begin(f.FileRewritten(drop=40))
    machines.bridge.written()
    machines.run(6)
    assert machines.copy_is_the_original()
