"""A mirror whose process is killed at any moment, and what is filled in behind its end."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bridge_pair import NOW, SYMBOL, add, bridging, equal, mirroring, random_records, wait_for, write

from minhos.feeds.bridge import mirror as bridge_mirror
from minhos.feeds.bridge.copy import CHECKED_US
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.feeds.bridge.file import header
from minhos.feeds.scid.files import US_PER_DAY
from minhos.feeds.scid.fold import RECORD, Records
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.testing.feed_conformance import feed_request

NAME = f"{SYMBOL}.scid"
MIRROR = f"""
import sys, time
from pathlib import Path
from minhos.feeds.bridge.mirror import BridgeMirror, MirrorOptions
from minhos.market.clock import SimulatedClock
from minhos.testing.feed_conformance import feed_request

options = MirrorOptions(host="127.0.0.1", port=int(sys.argv[1]), reconnect_first_s=0.01, reconnect_most_s=0.1)
BridgeMirror(options, Path(sys.argv[2]), "NQZ25", SimulatedClock({NOW})).start()
time.sleep(600)
"""
ROUNDS = 4


def whole_records(path: Path) -> Records:
    """What a reader of the file finds: what a kill left of half a record is no record."""
    data = path.read_bytes() if path.exists() else b""
    assert data[: len(header())] == header()[: len(data)]
    body = data[len(header()) :]
    return np.frombuffer(body[: len(body) // RECORD.itemsize * RECORD.itemsize], RECORD)


@pytest.mark.parametrize("bars", [0.0, 0.2])
def test_killed_at_any_moment_the_copy_is_a_prefix_and_catches_up(tmp_path: Path, bars: float) -> None:
    rng = random.Random(7)
    records = random_records(60_000, span_s=40_000, bars=bars)
    (tmp_path / "sierra").mkdir()
    source, copy = tmp_path / "sierra" / NAME, tmp_path / "mirror" / NAME
    n = 20_000
    write(source, records[:n])
    with bridging(source.parent) as bridge:
        for number in range(ROUNDS):
            command = [sys.executable, "-c", MIRROR, str(bridge.port), str(copy.parent)]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
                before = len(whole_records(copy))
                wait_for(lambda before=before: len(whole_records(copy)) > before, "for the first new record")
                end = time.monotonic() + rng.uniform(0.0, 0.15)
                while time.monotonic() < end:
                    add(source, records[n : n + 50])
                    n = min(n + 50, len(records))
                    time.sleep(0.002)
                process.kill()
                assert process.stderr is not None
                assert process.stderr.read() == ""
            add(source, records[n : n + 200])
            n = min(n + 200, len(records))
            found = whole_records(copy)
            assert len(found) > before
            assert found.tobytes() == records[: len(found)].tobytes(), f"round {number}"
        with mirroring(bridge.port, copy.parent) as mirror:
            wait_for(lambda: equal(source, copy), "for the whole file")
            assert mirror.status().note == ""


def far_back(days: float) -> tuple[Records, Records]:
    """Records of ten days, and the same without an hour that many days before their end."""
    records = random_records(20_000, span_s=10 * 86_400)
    end = int(records["stamp"][-1]) - round(days * US_PER_DAY)
    gap = (records["stamp"] >= end - 3_600_000_000) & (records["stamp"] < end)
    assert gap.sum() > 20
    return records, records[~gap]


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_mirror, "OLDER_EVERY_S", 0.01)


@pytest.mark.parametrize("days", [1.0, 3.0, 8.5])
@pytest.mark.usefixtures("quickly")
def test_what_is_filled_in_while_nobody_looked_is_copied_and_told(tmp_path: Path, days: float) -> None:
    whole, with_gap = far_back(days)
    assert (days * US_PER_DAY > CHECKED_US) == (days > 2)
    (tmp_path / "sierra").mkdir()
    source, copy = tmp_path / "sierra" / NAME, tmp_path / "mirror" / NAME
    write(source, with_gap)
    with bridging(source.parent) as bridge:
        with mirroring(bridge.port, copy.parent) as mirror:
            assert mirror.wait_until_copied(20.0)
        assert equal(source, copy)
        write(source, whole)
        with mirroring(bridge.port, copy.parent) as mirror:
            wait_for(lambda: equal(source, copy), "for what was filled in")
            wait_for(lambda: mirror.status().note, "for the note")
            note = mirror.status().note
            assert f"Sierra Chart has changed the records of {SYMBOL} from 2025-" in note
            request = feed_request(SimulatedClock(NOW), SessionCalendar.load(), symbol="NQZ25")
            feed = BridgeFeed(request, copy.parent, mirror.status)
            assert note in feed.status().detail
            bridge.cut()
            wait_for(lambda: mirror.status().connected, "for the next connection")
            assert mirror.status().note == note


@pytest.mark.usefixtures("quickly")
def test_days_that_are_equal_are_compared_again_and_again_and_nothing_is_told(tmp_path: Path) -> None:
    records = random_records(5_000, span_s=10 * 86_400)
    (tmp_path / "sierra").mkdir()
    source, copy = tmp_path / "sierra" / NAME, tmp_path / "mirror" / NAME
    write(source, records[:-10])
    with bridging(source.parent) as bridge, mirroring(bridge.port, copy.parent) as mirror:
        assert mirror.wait_until_copied(20.0)
        inode, older = copy.stat().st_ino, len(records)
        wait_for(lambda: bridge.backend.records_served > 4 * older, "for three rounds over what lies further back")
        add(source, records[-10:])
        wait_for(lambda: equal(source, copy), "for the ticks, which go on meanwhile")
        assert (mirror.status().note, copy.stat().st_ino) == ("", inode)
