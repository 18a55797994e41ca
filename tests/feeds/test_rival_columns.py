"""Two columns that claim one meaning: what says more of itself counts, what nothing tells apart is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from market_days import Row, days, wall

from minhos.errors import DataError
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.tables import read_file
from minhos.market.types import BAR_INTERVAL_NS

WEEK = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20251006, 6))]
HEADER = "timestamp,open,high,low,close,volume"


def iso(row: Row) -> str:
    return wall(row.open_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")


def table(path: Path, line: Callable[[Row], str], header: str) -> Path:
    path.write_text("\n".join([header, *map(line, WEEK)]) + "\n")
    return path


def bars(row: Row) -> str:
    return f"{row.open},{row.high},{row.low},{row.close},{row.volume}"


@pytest.mark.parametrize(
    ("names", "more", "meaning"),
    [
        ("vol", lambda r: r.volume // 3, "'volume' and 'vol' both claim to be the volume"),
        ("Volume", lambda r: r.volume // 3, "'volume' and 'Volume' both claim to be the volume"),
        ("qty", lambda r: r.volume + 1, "'volume' and 'qty' both claim to be the volume"),
        ("openprice", lambda r: r.close, "'open' and 'openprice' both claim to be the opening price"),
        ("max", lambda r: r.high + 5, ""),
        ("highprice", lambda r: r.high + 5, "'high' and 'highprice' both claim to be the highest price"),
        ("open", lambda r: r.low, "both columns named 'open' claim to be the opening price"),
        ("open,high,low,close", lambda r: f"{r.open},{r.high},{r.low},{r.close}", "stand in it twice"),
        ("close_time", lambda r: f"{iso(r)}", ""),
        ("datetime", lambda r: wall(r.open_ns + 7 * 60 * 10**9, "UTC"), "both claim to be the time"),
        ("date", lambda r: wall(r.open_ns, "UTC", "%Y-%m-%d"), ""),
        ("vol", lambda r: "", ""),
        ("vol", lambda r: r.volume, ""),
        ("vol", lambda r: 0, ""),
    ],
)
def test_what_nothing_tells_apart_is_refused(tmp_path: Path, names: str, more: Callable, meaning: str) -> None:
    path = table(tmp_path / "NQZ25.csv", lambda r: f"{iso(r)},{bars(r)},{more(r)}", f"{HEADER},{names}")
    if not meaning:
        (read,), _ = read_file(path)
        assert read.volume.tolist() == [row.volume for row in WEEK]
        return
    with pytest.raises(DataError, match=f"{meaning}.*leave one out"):
        read_file(path)


@pytest.mark.parametrize("names", ["datetime,unix", "unix,datetime", "date,timestamp", "time,ts"])
def test_of_two_times_the_one_counts_that_says_its_zone(tmp_path: Path, names: str) -> None:
    def line(row: Row) -> str:
        both = {True: str(row.open_ns // 10**9), False: wall(row.open_ns, "America/Chicago")}
        return f"{','.join(both[name in ('unix', 'timestamp', 'ts')] for name in names.split(','))},{bars(row)}"

    (read,), notes = read_file(table(tmp_path / "NQZ25.csv", line, f"{names},open,high,low,close,volume"))
    assert read.close_time_ns.tolist() == [row.open_ns + BAR_INTERVAL_NS for row in WEEK]
    assert notes.timezone == "UTC"


def test_of_two_symbols_the_dated_one_counts(tmp_path: Path) -> None:
    for columns, values in (("symbol,contract", "NQ,NQZ25"), ("ticker,rawsymbol", "Nasdaq,NQZ5")):
        line = lambda r, v=values: f"{iso(r)},{bars(r)},{v}"  # noqa: E731
        (read,), _ = read_file(table(tmp_path / "bars.csv", line, f"{HEADER},{columns}"))
        assert read.symbol == "NQZ25"
    path = table(tmp_path / "bars.csv", lambda r: f"{iso(r)},{bars(r)},NQZ25,NQH26", f"{HEADER},symbol,contract")
    with pytest.raises(DataError, match="'symbol' and 'contract' both claim to be the contract and differ in 1,656"):
        read_file(path)


BAR = BAR_INTERVAL_NS


@pytest.mark.parametrize(
    ("columns", "first", "second", "meaning"),
    [
        ("timestamp,close time", ("UTC", 0), ("UTC", BAR), ""),
        ("timestamp,datetime", ("UTC", 0), ("UTC", BAR), ""),
        ("timestamp,open time", ("UTC", BAR), ("UTC", 0), ""),
        ("datetime,unix", ("America/Chicago", 0), ("unix", BAR), ""),
        ("datetime,unix", ("America/Chicago", BAR), ("unix", 0), ""),
        ("timestamp,close time", ("UTC", 0), ("UTC", 2 * BAR), "both claim to be the time"),
        ("timestamp,open time", ("UTC", 0), ("UTC", BAR), "both claim to be the time"),
        ("timestamp,close time", ("UTC", BAR), ("UTC", 0), "both claim to be the time"),
    ],
)
@pytest.mark.parametrize("few", [False, True], ids=["whole sessions", "an hour"])
def test_of_two_times_one_bar_apart_the_first_is_its_open(
    tmp_path: Path, columns: str, first: tuple[str, int], second: tuple[str, int], meaning: str, few: bool
) -> None:
    def stamp(row: Row, how: tuple[str, int]) -> str:
        zone, beside = how
        if zone == "unix":
            return str((row.open_ns + beside) // 10**9)
        return wall(row.open_ns + beside, zone, "%Y-%m-%dT%H:%M:%SZ" if zone == "UTC" else "%Y-%m-%d %H:%M:%S")

    rows = WEEK[200:212] if few else WEEK
    lines = [f"{stamp(row, first)},{stamp(row, second)},{bars(row)}" for row in rows]
    path = tmp_path / "NQZ25.csv"
    path.write_text("\n".join([f"{columns},open,high,low,close,volume", *lines]) + "\n")
    if meaning:
        with pytest.raises(DataError, match=meaning):
            read_file(path)
        return
    (read,), notes = read_file(path)
    assert read.close_time_ns.tolist() == [row.open_ns + BAR for row in rows]
    assert any("marks the open of bars and" in text for text in notes.lines), notes.lines


def test_hours_that_deny_what_a_second_column_or_the_trader_says_are_the_evidence(tmp_path: Path) -> None:
    def line(row: Row, *beside: int) -> str:
        return ",".join([*(wall(row.open_ns + at, "UTC", "%Y-%m-%dT%H:%M:%SZ") for at in beside), bars(row)])

    path = table(tmp_path / "NQZ25.csv", lambda row: line(row, 0), HEADER)
    with pytest.raises(DataError, match=r"--stamps close is given, and stamps mark the open of bars: 6 sessions begin"):
        read_file(path, Options(stamps="close"))
    assert len(read_file(path, Options(stamps="open"))[0][0]) == len(WEEK)
    path = table(tmp_path / "NQZ25.csv", lambda row: line(row, BAR), HEADER)
    with pytest.raises(DataError, match=r"--stamps open is given, and stamps mark the close of bars: 6 sessions end"):
        read_file(path, Options(stamps="open"))
    path = table(tmp_path / "NQZ25.csv", lambda row: line(row, 0, -BAR), f"datetime,{HEADER}")
    with pytest.raises(DataError, match=r"would mark the close of bars, and yet stamps mark the open of bars: 6"):
        read_file(path)
