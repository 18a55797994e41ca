"""Files and folders as histories, the folder that is followed live, and the check of data."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_days import CALENDAR, days, wall, write
from scid_files import record, tick
from scid_files import write as write_scid

from minhos.errors import DataError
from minhos.feeds.check import check_data
from minhos.feeds.files import load
from minhos.feeds.port import FLUSH_NS, GRACE_NS
from minhos.feeds.scid.feed import FolderFeed
from minhos.feeds.scid.folders import find_sierra_folder
from minhos.market.clock import SimulatedClock
from minhos.market.gate import GateParameters
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Slice
from minhos.testing.builders import ns
from minhos.testing.feed_conformance import feed_request

WEEK = days(20251006, 6)
PATIENCE = FLUSH_NS + GRACE_NS
SECOND = NANOS_PER_SECOND


def iso(time_ns: int) -> str:
    return wall(time_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")


def scid_rows(rows, volume: int = 900) -> list[bytes]:
    return [record(r.open_ns, r.open, r.high, r.low, r.close, 9, volume, volume // 2, volume // 2) for r in rows]


def test_a_file_the_last_days_and_the_symbol(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, iso)
    loaded = load(path, calendar=CALENDAR)
    assert len(loaded.bars) == len(WEEK)
    last_two = load(path, symbol="NQ", days=2, calendar=CALENDAR).bars
    assert np.unique(CALENDAR.trade_dates_of_bars(last_two.close_time_ns)).tolist() == [20251010, 20251013]
    assert load(path, symbol="NQZ25-CME", calendar=CALENDAR).bars.symbol == "NQZ25"
    with pytest.raises(DataError, match=r"NQZ25\.csv holds NQZ25, not NQH26"):
        load(path, symbol="NQH26", calendar=CALENDAR)
    with pytest.raises(DataError, match="days = 0 leaves nothing"):
        load(path, days=0, calendar=CALENDAR)
    with pytest.raises(DataError, match="there is no file or folder"):
        load(tmp_path / "nothing", calendar=CALENDAR)


def test_a_folder_prefers_scid_and_stitches_the_contracts_of_a_root(tmp_path: Path) -> None:
    old = days(20250908, 8)
    session = CALENDAR.session_on(20250911)
    assert session is not None
    new = [tick(r.open_ns, r.open, 800 if r.open_ns >= session.open_ns else 1) for r in old]
    write_scid(tmp_path / "NQU25-CME.scid", *(tick(r.open_ns, r.open, 300) for r in old))
    write_scid(tmp_path / "NQZ25-CME.scid", *new)
    write_scid(tmp_path / "ESZ25-CME.scid", tick(old[0].open_ns, 6000.0))
    write(tmp_path / "NQU25_5m.csv", old, iso)
    (tmp_path / "notes.txt").write_text("remember")
    loaded = load(tmp_path, symbol="NQ", calendar=CALENDAR)
    assert loaded.bars.contracts == ("NQU25", "NQZ25")
    assert [path.name for path in loaded.sources] == ["NQU25-CME.scid", "NQZ25-CME.scid"]
    assert "NQU25_5m.csv passed over: NQU25-CME.scid has NQU25" in loaded.joins
    assert any("from NQU25 to NQZ25 on trade date 20250912" in line for line in loaded.joins)
    assert load(tmp_path, symbol="NQU25", calendar=CALENDAR).bars.contracts == ("NQU25",)
    with pytest.raises(DataError, match="has files of ES, NQ; name one with --symbol"):
        load(tmp_path, calendar=CALENDAR)
    with pytest.raises(DataError, match="has no file of YM, only of ESZ25, NQU25, NQZ25"):
        load(tmp_path, symbol="YM", calendar=CALENDAR)
    with pytest.raises(DataError, match="has no file named after a contract"):
        load(_empty(tmp_path), calendar=CALENDAR)


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_sierra_charts_folder_is_found(tmp_path: Path) -> None:
    wine = tmp_path / ".wine/drive_c/SierraChart/Data"
    told = tmp_path / "elsewhere"
    for folder in (wine, told):
        folder.mkdir(parents=True)
        write_scid(folder / "NQZ25-CME.scid", tick(WEEK[0].open_ns, 25000.0))
    assert find_sierra_folder({}, tmp_path) == [wine]
    assert find_sierra_folder({"SIERRACHART_DATA": str(told)}, tmp_path) == [told, wine]
    assert find_sierra_folder({"SIERRACHART_DATA": str(tmp_path / "gone")}, _empty(tmp_path)) == []


START = ns("2025-10-07T13:30:00")
END = START + BAR_INTERVAL_NS


def feed_at(folder: Path, now_ns: int, symbol: str = "NQZ25-CME") -> tuple[FolderFeed, SimulatedClock]:
    clock = SimulatedClock(now_ns)
    return FolderFeed(feed_request(clock, CALENDAR, folder, symbol)), clock


def append(path: Path, *records: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(records))


def slices(feed: FolderFeed) -> list[Slice]:
    """What the stream gives until it has nothing more for now."""
    return [value for value in itertools.takewhile(lambda v: v is not None, feed.stream()) if isinstance(value, Slice)]


def test_history_ends_where_the_stream_begins(tmp_path: Path) -> None:
    path = write_scid(tmp_path / "NQZ25-CME.scid", tick(START, 25000.0), tick(END, 25001.0))
    feed, clock = feed_at(tmp_path, END + SECOND)
    assert feed.history().close_time_ns.tolist() == [END]
    assert feed.symbol == "NQZ25"
    append(path, tick(END + SECOND, 25002.0, 4), tick(END + BAR_INTERVAL_NS, 25003.0))
    clock.advance_to(END + BAR_INTERVAL_NS + SECOND)
    (only,) = slices(feed)
    assert (only.close_time_ns, only.bars[0].volume, only.late, only.delayed) == (
        END + BAR_INTERVAL_NS,
        5,
        False,
        False,
    )
    assert feed.status().last_bar_ns == END + BAR_INTERVAL_NS


def test_a_bar_that_comes_an_interval_late_is_flagged(tmp_path: Path) -> None:
    path = write_scid(tmp_path / "NQZ25-CME.scid", tick(START, 25000.0))
    feed, clock = feed_at(tmp_path, START + SECOND)
    clock.advance_to(END + 2 * BAR_INTERVAL_NS)
    append(path, tick(END, 25001.0), tick(END + BAR_INTERVAL_NS, 25002.0), tick(END + 2 * BAR_INTERVAL_NS, 25002.0))
    assert [(s.close_time_ns, s.late) for s in slices(feed) if s.bars] == [
        (END, True),
        (END + BAR_INTERVAL_NS, True),
        (END + 2 * BAR_INTERVAL_NS, False),
    ]


def test_status_tells_live_delayed_finished_and_gone(tmp_path: Path) -> None:
    path = write_scid(tmp_path / "NQZ25-CME.scid", tick(START, 25000.0))
    feed, clock = feed_at(tmp_path, START + 10 * SECOND)
    slices(feed)
    assert (feed.status().connected, feed.status().live, feed.status().delayed) == (True, True, False)
    clock.advance_to(START + 31 * SECOND)
    assert feed.status().delayed
    assert "is behind the clock: last trade at 2025-10-07T13:30:00Z" in feed.status().detail
    clock.advance_to(ns("2025-10-07T21:30:00"))
    assert not feed.status().delayed
    clock.advance_to(ns("2025-10-07T22:00:29"))
    assert not feed.status().delayed
    path.unlink()
    slices(feed)
    assert not feed.status().connected
    assert "there is no file" in feed.status().detail
    clock.advance_to(ns("2025-10-20T13:30:00"))
    write_scid(path, tick(START, 25000.0))
    slices(feed)
    assert not feed.status().live
    assert "NQZ25-CME.scid is finished: it ends at 2025-10-07T13:30:00Z" in feed.status().detail


def test_an_expired_contract_is_not_live(tmp_path: Path) -> None:
    moment = ns("2025-12-19T14:31:00")
    write_scid(tmp_path / "NQZ25-CME.scid", tick(moment - 120 * SECOND, 25000.0))
    feed, _ = feed_at(tmp_path, moment)
    assert not feed.status().live


def test_a_root_follows_the_contract_in_front_by_volume(tmp_path: Path) -> None:
    rows = days(20250908, 8)
    session = CALENDAR.session_on(20250911)
    assert session is not None
    new = [tick(r.open_ns, r.open, 800 if r.open_ns >= session.open_ns else 1) for r in rows]
    write_scid(tmp_path / "NQU25-CME.scid", *(tick(r.open_ns, r.open, 300) for r in rows))
    write_scid(tmp_path / "NQZ25-CME.scid", *new)
    feed, _ = feed_at(tmp_path, rows[-1].open_ns + BAR_INTERVAL_NS + PATIENCE, "NQ")
    assert feed.symbol == "NQZ25"
    assert feed.history().contracts == ("NQU25", "NQZ25")
    with pytest.raises(DataError, match=r"has no ES \.scid file, only NQU25-CME\.scid, NQZ25-CME\.scid"):
        feed_at(tmp_path, START, "ES")


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 240), st.integers(99_000, 101_000)), min_size=2, max_size=40),
    st.integers(1, 40),
    st.lists(st.integers(1, 40), max_size=6),
)
def test_history_and_stream_have_neither_gap_nor_duplicate(tmp_path_factory, values, seam, cuts) -> None:
    folder, records, times = tmp_path_factory.mktemp("seam"), [], []
    for seconds, price in values:
        times.append((times[-1] if times else START) + seconds * SECOND + 1000)
        records.append(tick(times[-1], price / 4))
    seam = min(seam, len(records) - 1)
    path = write_scid(folder / "NQZ25-CME.scid", *records[:seam])
    feed, clock = feed_at(folder, times[seam - 1])
    got = list(feed.history())
    done = seam
    for cut in [*sorted(c for c in cuts if seam < c < len(records)), len(records)]:
        append(path, *records[done:cut])
        done = cut
        clock.advance_to(times[cut - 1])
        got += [bar for each in slices(feed) for bar in each.bars]
    clock.advance_to(times[-1] + BAR_INTERVAL_NS + PATIENCE)
    got += [bar for each in slices(feed) for bar in each.bars]
    assert got == list(load(path, calendar=CALENDAR).bars)


def test_good_data_are_accepted_with_a_report(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, iso)
    report = check_data(path, calendar=CALENDAR)
    assert (report.verdict, report.bars, report.kept_bars) == ("accepted", len(WEEK), len(WEEK))
    assert (report.first, report.last) == ("2025-10-05T22:05:00Z", "2025-10-13T21:00:00Z")
    assert [date.trade_date for date in report.dates] == [20251006, 20251007, 20251008, 20251009, 20251010, 20251013]
    assert report.quality.score == 100.0
    assert msgspec.json.decode(msgspec.json.encode(report))["verdict"] == "accepted"


def test_thin_data_are_refused_without_raising(tmp_path: Path) -> None:
    path = write_scid(tmp_path / "NQM26-CME.scid", *(tick(r.open_ns, r.open) for r in WEEK[::9]))
    report = check_data(path, calendar=CALENDAR)
    assert (report.verdict, report.kept_bars) == ("refused", 0)
    assert "thin" in report.reason


def test_the_tail_after_the_roll_is_cut_and_the_rest_accepted(tmp_path: Path) -> None:
    rows = [row._replace(volume=3 if i >= 5 * 276 else 1000) for i, row in enumerate(WEEK)]
    report = check_data(write(tmp_path / "NQZ25.csv", rows, iso), calendar=CALENDAR)
    assert (report.verdict, report.kept_bars) == ("accepted", 5 * 276)
    assert report.gate.cut_end == (20251013,)


def test_a_wrong_zone_is_refused_and_other_limits_may_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, lambda t: wall(t, "UTC"))
    assert check_data(path, timezone="America/New_York", stamps="open", calendar=CALENDAR).verdict == "refused"
    strict = GateParameters(min_volume=10_000_000)
    assert check_data(path, calendar=CALENDAR, parameters=strict).verdict == "refused"


def test_times_beyond_the_calendar_are_a_sentence(tmp_path: Path) -> None:
    rows = [row._replace(open_ns=row.open_ns - 40 * 365 * 86_400 * SECOND) for row in WEEK]
    with pytest.raises(DataError, match=r"lies outside the table of sessions"):
        check_data(
            write(
                tmp_path / "NQ.csv",
                rows,
                iso,
            ),
            stamps="open",
            calendar=CALENDAR,
        )


def test_the_feed_that_trades_loads_neither_numba_nor_polars(tmp_path: Path) -> None:
    write_scid(tmp_path / "NQZ25-CME.scid", tick(START, 25000.0), tick(END, 25001.0))
    code = (
        "import sys; from pathlib import Path; from minhos.feeds.scid.feed import FolderFeed;"
        "from minhos.market.calendar import SessionCalendar; from minhos.market.clock import SimulatedClock;"
        "from minhos.feeds.port import FeedRequest; from minhos.market.instruments import instrument;"
        f"feed = FolderFeed(FeedRequest(symbol='NQ', instrument=instrument('NQ'), clock=SimulatedClock({END}),"
        f" calendar=SessionCalendar.load(), source=Path({str(tmp_path)!r})));"
        "next(feed.stream()); print(len(feed.history()), *sorted({'numba', 'polars', 'pandas'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
