"""A zone is taken where the hours of the file show it: a format's word alone is none, and what fits is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from market_days import days, wall

from minhos.errors import DataError
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.tables import read_file
from minhos.market.types import BAR_INTERVAL_NS

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
WEEK = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20251006, 6))]
DAY = [row for row in WEEK if "09:30" <= wall(row.open_ns, NEW_YORK, "%H:%M") < "16:00"]
MORNING = [row for row in WEEK if "10:00" <= wall(row.open_ns, NEW_YORK, "%H:%M") < "12:00"]
SIERRA = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def written(path: Path, rows: list, zone: str, form: str, header: str = "", shift_ns: int = 0, more: str = "") -> Path:
    lines = [
        f"{wall(row.open_ns + shift_ns, zone, form)},{row.open},{row.high},{row.low},{row.close},{row.volume}{more}"
        for row in rows
    ]
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n")
    return path


FIRSTRATE, KIBOT = "%Y-%m-%d %H:%M:%S", "%m/%d/%Y,%H:%M"
IQFEED = "Timestamp,High,Low,Open,Close,TotalVolume,PeriodVolume"


@pytest.mark.parametrize("form", [FIRSTRATE, KIBOT])
def test_regular_hours_show_the_zone_of_the_format(tmp_path: Path, form: str) -> None:
    (bars,), notes = read_file(written(tmp_path / "NQZ25.txt", DAY, NEW_YORK, form))
    assert bars.close_time_ns.tolist() == [row.open_ns + BAR_INTERVAL_NS for row in DAY]
    assert notes.timezone == NEW_YORK


@pytest.mark.parametrize("form", [FIRSTRATE, KIBOT])
@pytest.mark.parametrize(("rows", "zone"), [(DAY, CHICAGO), (DAY, "Europe/Berlin"), (DAY, "UTC"), (MORNING, NEW_YORK)])
def test_hours_that_do_not_show_it_are_asked_for(tmp_path: Path, form: str, rows: list, zone: str) -> None:
    path = written(tmp_path / "NQZ25.txt", rows, zone, form)
    with pytest.raises(DataError, match=f"--timezone, as in --timezone {zone}"):
        read_file(path)
    (bars,), _ = read_file(path, Options(timezone=zone, stamps="open"))
    assert bars.close_time_ns[0] == rows[0].open_ns + BAR_INTERVAL_NS


@pytest.mark.parametrize("zone", [NEW_YORK, CHICAGO])
def test_sierra_charts_regular_hours_are_not_utc(tmp_path: Path, zone: str) -> None:
    path = written(tmp_path / "NQZ25-CME.txt", DAY, zone, "%Y/%m/%d, %H:%M:%S", SIERRA, more=",9,4,5")
    with pytest.raises(DataError, match=f"--timezone, as in --timezone {zone}"):
        read_file(path)


def test_sierra_charts_regular_hours_in_utc_are(tmp_path: Path) -> None:
    path = written(tmp_path / "NQZ25-CME.txt", DAY, "UTC", "%Y/%m/%d, %H:%M:%S", SIERRA, more=",9,4,5")
    (bars,), _ = read_file(path)
    assert bars.close_time_ns[0] == DAY[0].open_ns + BAR_INTERVAL_NS


@pytest.mark.parametrize("name", ["time_utc", "Gmt time", "Timestamp (UTC)"])
def test_a_column_that_says_utc_is(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "NQZ25.csv", MORNING, "UTC", FIRSTRATE, f"{name},open,high,low,close,volume")
    (bars,), notes = read_file(path, Options(stamps="open"))
    assert bars.close_time_ns[0] == MORNING[0].open_ns + BAR_INTERVAL_NS
    assert f"time zone UTC, as the name of the column {name!r} says" in notes.lines
    path = written(tmp_path / "NQZ25.csv", WEEK, NEW_YORK, FIRSTRATE, f"{name},open,high,low,close,volume")
    assert read_file(path)[1].timezone == NEW_YORK


@pytest.mark.parametrize("stamps", ["open", "close"])
def test_regular_hours_tell_what_stamps_mark_and_count_before_the_format(tmp_path: Path, stamps: str) -> None:
    shift = BAR_INTERVAL_NS if stamps == "close" else 0
    for form in (FIRSTRATE, "%Y-%m-%dT%H:%M:%S%z"):
        header = "" if form == FIRSTRATE else "timestamp,open,high,low,close,volume"
        (bars,), notes = read_file(written(tmp_path / "NQZ25.csv", DAY, NEW_YORK, form, header, shift))
        assert notes.stamps == stamps
        assert bars.close_time_ns[0] == DAY[0].open_ns + BAR_INTERVAL_NS
