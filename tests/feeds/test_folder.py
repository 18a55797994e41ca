"""The feed of a folder: which bars are named as missing, late bars, closed hours, and which contract is followed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from scid_files import HEADER, tick, write

from minhos.errors import DataError
from minhos.feeds.port import FLUSH_NS, GRACE_NS
from minhos.feeds.scid.feed import FolderFeed
from minhos.feeds.scid.recent import newest_record_ns, read_since
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.roll import RollState
from minhos.market.symbols import parse_symbol
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Slice
from minhos.testing.builders import NQ, ns
from minhos.testing.feed_conformance import feed_request

CALENDAR = SessionCalendar.load()
START = ns("2025-10-06T13:30:00")
SECOND, PATIENCE = NANOS_PER_SECOND, FLUSH_NS + GRACE_NS
LAST = START - 5 * SECOND
FRIDAY_CLOSE, SUNDAY_OPEN = ns("2025-10-10T17:00-04:00"), ns("2025-10-12T18:00-04:00")


def feed_at(folder: Path, now_ns: int, **changes) -> tuple[FolderFeed, SimulatedClock]:
    clock = SimulatedClock(now_ns)
    return FolderFeed(feed_request(clock, CALENDAR, folder), **changes), clock


def slices_until(feed: FolderFeed, clock: SimulatedClock, now_ns: int) -> list[Slice]:
    """What closes in one poll at that moment."""
    clock.advance_to(now_ns)
    stream, found = feed.stream(), []
    while (value := next(stream)) is not None:
        found += [value] if isinstance(value, Slice) else []
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "NQZ25-CME.scid", *(tick(LAST - k * BAR_INTERVAL_NS, 25000.0) for k in (2, 1, 0)))


def test_a_bar_that_does_not_come_is_named_once_when_its_time_is_over(path: Path) -> None:
    feed, clock = feed_at(path.parent, START + 60 * SECOND)
    assert feed.history().close_time_ns[-1] == START
    due = START + BAR_INTERVAL_NS
    assert slices_until(feed, clock, due + PATIENCE - 1) == []
    assert slices_until(feed, clock, due + PATIENCE) == [Slice(due, (), missing=("NQZ25",), delayed=True)]
    assert slices_until(feed, clock, due + PATIENCE + SECOND) == []


def test_a_missing_bar_that_still_comes_is_late_and_comes_once(path: Path) -> None:
    feed, clock = feed_at(path.parent, START + 60 * SECOND)
    due = START + BAR_INTERVAL_NS
    slices_until(feed, clock, due + PATIENCE)
    with path.open("ab") as file:
        file.write(tick(due - SECOND, 25001.0) + tick(due + SECOND, 25002.0))
    found = slices_until(feed, clock, due + PATIENCE + SECOND)
    assert [(each.close_time_ns, each.late, len(each.bars)) for each in found] == [(due, True, 1)]
    found = slices_until(feed, clock, due + BAR_INTERVAL_NS + PATIENCE)
    assert [(each.close_time_ns, each.late, len(each.bars)) for each in found] == [(due + BAR_INTERVAL_NS, False, 1)]


def test_nothing_is_expected_over_a_weekend(tmp_path: Path) -> None:
    write(tmp_path / "NQZ25-CME.scid", tick(FRIDAY_CLOSE - SECOND, 25000.0))
    feed, clock = feed_at(tmp_path, FRIDAY_CLOSE + 60 * SECOND)
    assert slices_until(feed, clock, SUNDAY_OPEN + PATIENCE) == []
    assert not feed.status().delayed
    first = SUNDAY_OPEN + BAR_INTERVAL_NS
    assert [each.close_time_ns for each in slices_until(feed, clock, first + PATIENCE)] == [first]
    assert feed.status().delayed


def test_a_finished_file_expects_nothing(path: Path) -> None:
    feed, clock = feed_at(path.parent, START + 8 * 24 * 3600 * SECOND)
    assert not feed.status().live
    assert slices_until(feed, clock, START + 9 * 24 * 3600 * SECOND) == []


def both_contracts(folder: Path, days: int, new_volume: int) -> None:
    """Two contracts over some sessions up to 2025-12-10; 100 of the old one are traded in each."""
    moments = [ns("2025-12-10T15:00-05:00") - k * 24 * 3600 * SECOND for k in range(days)][::-1]
    write(folder / "NQZ25-CME.scid", *(tick(moment, 25000.0, 100) for moment in moments))
    write(folder / "NQH26-CME.scid", *(tick(moment, 25200.0, new_volume) for moment in moments))


@pytest.mark.parametrize(("new_volume", "followed"), [(99, "NQZ25"), (101, "NQH26")])
def test_the_contract_that_led_on_the_last_finished_trade_date_is_followed(tmp_path, new_volume, followed) -> None:
    both_contracts(tmp_path, 1, new_volume)
    assert feed_at(tmp_path, ns("2025-12-10T18:01-05:00"))[0].symbol == followed
    assert feed_at(tmp_path, ns("2025-12-10T15:10-05:00"))[0].symbol == "NQZ25"


@pytest.mark.parametrize(("held", "state", "symbol"), [(0, RollState.NEW, "NQH26"), (2, RollState.LEAVING, "")])
def test_turn_says_which_contract_may_be_entered(tmp_path: Path, held: int, state: RollState, symbol: str) -> None:
    both_contracts(tmp_path, 2, 500)
    feed, _ = feed_at(tmp_path, ns("2025-12-10T18:01-05:00"), follow="NQZ25")
    turn = feed.turn(ns("2025-12-10T18:01-05:00"), held=held)
    assert (turn.state, turn.symbol) == (state, symbol)


def test_what_is_known_is_not_read_again_but_for_the_sessions_that_tell_the_leader(tmp_path: Path) -> None:
    both_contracts(tmp_path, 40, 500)
    now_ns = ns("2025-12-10T18:01-05:00")
    whole, _ = feed_at(tmp_path, now_ns)
    clock, known_ns = SimulatedClock(now_ns), now_ns - 3600 * SECOND
    brief = FolderFeed(msgspec.structs.replace(feed_request(clock, CALENDAR, tmp_path), since_ns=known_ns))
    assert brief.symbol == whole.symbol == "NQH26"
    assert len(whole.history()) > 5 * len(brief.history()) > 0
    assert brief.history().close_time_ns[-1] == whole.history().close_time_ns[-1]
    long_ago = FolderFeed(msgspec.structs.replace(feed_request(clock, CALENDAR, tmp_path), since_ns=START))
    assert len(long_ago.history()) == len(whole.history()), "no bar after what is known is left out"
    assert brief.follow("NQH26") is brief
    assert brief.follow("NQZ25").symbol == "NQZ25"


def test_a_folder_without_a_trade_says_so(tmp_path: Path) -> None:
    (tmp_path / "NQZ25-CME.scid").write_bytes(HEADER)
    with pytest.raises(DataError, match="holds no trade of NQ"):
        feed_at(tmp_path, START)


def test_the_newest_weeks_are_found_by_bisection(path: Path) -> None:
    assert newest_record_ns(path) == LAST
    recent = read_since(path, NQ, parse_symbol("NQZ25-CME"), START - 2 * BAR_INTERVAL_NS)
    assert recent.bars.close_time_ns.tolist() == [START - BAR_INTERVAL_NS, START]
    assert len(read_since(path, NQ, parse_symbol("NQZ25-CME"), START).bars) == 0
