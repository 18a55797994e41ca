"""Rows that cannot be read: a few are left out and named, with the bar that lacks them; many refuse the file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from market_days import Row, days, wall

from minhos.errors import DataError
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.tables import read_file
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, UNKNOWN

WEEK = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20251006, 6))]
MINUTES = [
    row._replace(volume=90 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20251006, 2, step_ns=NANOS_PER_MINUTE))
]
HEADER = "timestamp,open,high,low,close,volume"


def iso(time_ns: int) -> str:
    return wall(time_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")


def line(row: Row) -> str:
    return f"{iso(row.open_ns)},{row.open:.2f},{row.high:.2f},{row.low:.2f},{row.close:.2f},{row.volume}"


def table(folder: Path, lines: list[str], header: str = HEADER) -> Path:
    path = folder / "NQZ25.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


SPOILT: dict[str, tuple[Callable[[str], str], str]] = {
    "thousands part in two": (
        lambda text: f"{text.rpartition(',')[0]},1,234",
        "more fields than the header line names",
    ),
    "two lines in one": (lambda text: f"{text}{text}", "more fields than the header line names"),
    "no such time": (lambda text: text.replace(text[11:16], "25:61"), "no time that can be read"),
    "no price": (lambda text: text.replace(text.split(",")[2], "high"), "no price that can be read"),
    "cut off": (lambda text: text[:40], "no price that can be read"),
    "no volume": (lambda text: f"{text.rpartition(',')[0]},", "no volume that can be read"),
    "volume in words": (lambda text: f"{text.rpartition(',')[0]},many", "no volume that can be read"),
    "volume below zero": (lambda text: f"{text.rpartition(',')[0]},-900", "no volume that can be read"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_few_are_left_out_and_named_by_their_lines(tmp_path: Path, kind: str) -> None:
    spoil, reason = SPOILT[kind]
    lines = [line(row) for row in WEEK]
    lines[700], lines[900] = spoil(lines[700]), spoil(lines[900])
    lines[20:20] = ["", "# a remark"]
    (bars,), notes = read_file(table(tmp_path, lines))
    left = [row for i, row in enumerate(WEEK) if i not in (700, 900)]
    assert bars.close_time_ns.tolist() == [row.open_ns + BAR_INTERVAL_NS for row in left]
    assert bars.volume.tolist() == [row.volume for row in left]
    assert any(text.startswith("lines 704 and 904 have ") and reason in text for text in notes.lines), notes.lines


@pytest.mark.parametrize("kind", SPOILT)
def test_many_refuse_and_the_first_is_named(tmp_path: Path, kind: str) -> None:
    spoil, reason = SPOILT[kind]
    lines = [line(row) for row in WEEK]
    lines[700:] = [spoil(each) if i % 20 == 0 else each for i, each in enumerate(lines[700:])]
    with pytest.raises(DataError, match=rf"rows have {reason}; the first is line 702 \("):
        read_file(table(tmp_path, lines))


@pytest.mark.parametrize("kind", SPOILT)
def test_a_bar_of_five_minutes_that_lacks_a_minute_is_no_bar(tmp_path: Path, kind: str) -> None:
    lines = [line(row) for row in MINUTES]
    lines[705] = SPOILT[kind][0](lines[705])
    seen: list = []
    (bars,), notes = read_file(table(tmp_path, lines), Options(see=seen.append))
    lost = MINUTES[705].open_ns // BAR_INTERVAL_NS * BAR_INTERVAL_NS + BAR_INTERVAL_NS
    wanted = sorted({row.open_ns // BAR_INTERVAL_NS * BAR_INTERVAL_NS + BAR_INTERVAL_NS for row in MINUTES} - {lost})
    assert bars.close_time_ns.tolist() == wanted
    assert "1 bars of 5 minutes left out: a row of them could not be read" in notes.lines
    assert (seen[0].why != "").sum() == 4


def test_bars_without_a_trade_are_no_lost_rows(tmp_path: Path) -> None:
    lines = [line(row) for row in WEEK]
    for i in range(0, len(lines), 9):
        lines[i] = f"{iso(WEEK[i].open_ns)},,,,," if i % 2 else f"{iso(WEEK[i].open_ns)},0,0,0,0,0"
    (bars,), notes = read_file(table(tmp_path, lines))
    assert len(bars) == len([i for i in range(len(WEEK)) if i % 9])
    assert f"{len(WEEK) - len(bars)} rows without a time or a price left out" in notes.lines


def test_an_empty_volume_is_0_where_nothing_moved(tmp_path: Path) -> None:
    lines = [line(row) for row in WEEK]
    for i in range(9, 2000, 9):
        lines[i : i + 1] = [f"{iso(row.open_ns)},{','.join(['25000.00'] * 4)}," for row in WEEK[i : i + 1]]
    (bars,), _ = read_file(table(tmp_path, lines[:2000]))
    assert (len(bars), int((bars.volume == 0).sum())) == (len(lines[:2000]), len(range(9, len(lines[:2000]), 9)))


def test_a_side_that_cannot_be_read_is_unknown_and_said(tmp_path: Path) -> None:
    lines = [f"{line(row)},{row.volume // 2}" for row in WEEK]
    lines[5] = lines[5].rpartition(",")[0] + ",many"
    (bars,), notes = read_file(table(tmp_path, lines, f"{HEADER},bid_volume"))
    assert set(bars.bid_volume.tolist()) == {UNKNOWN}
    assert len(bars) == len(WEEK)
    assert "1 values of bid_volume could not be read, as 'many'" in notes.lines


@pytest.mark.parametrize("anew", [10**9, 276 * 5, 24 * 12, 12], ids=["never", "weekly", "at midnight", "hourly"])
def test_a_running_total_is_none_of_the_bar_s_volumes(tmp_path: Path, anew: int) -> None:
    totals: list[int] = []
    for i, row in enumerate(WEEK):
        totals.append(row.volume + (totals[-1] if (i + 100) % anew else 0) if totals else row.volume)
    lines = [line(row._replace(volume=total)) for row, total in zip(WEEK, totals, strict=True)]
    with pytest.raises(DataError, match=r"the volume rises from row to row and (never )?begins anew.*running total"):
        read_file(table(tmp_path, lines))
    lines = [f"{line(row)},{total}" for row, total in zip(WEEK, totals, strict=True)]
    with pytest.raises(DataError, match="the number of trades rises from row to row"):
        read_file(table(tmp_path, lines, f"{HEADER},trades"))


def test_volume_counts_contracts(tmp_path: Path) -> None:
    lines = [line(row) for row in WEEK]
    lines[3] = lines[3].rpartition(",")[0] + ",0.0123"
    (bars,), notes = read_file(table(tmp_path, lines))
    assert len(bars) == len(WEEK) - 1
    assert any(text.startswith("line 5 has no volume that can be read") for text in notes.lines), notes.lines
    lines = [f"{each.rpartition(',')[0]},{i}.0123" for i, each in enumerate(lines)]
    with pytest.raises(DataError, match=r"1,656 of 1,656 values of volume are no whole contracts, as 0.0123; leave"):
        read_file(table(tmp_path, lines))


def test_what_a_longer_row_says_is_not_believed(tmp_path: Path) -> None:
    """Its cells stand in other columns: the row's place tells when it was, and no column is judged by it."""
    order = "low,open,high,close,volume,timestamp,trades"
    rows = [
        f"{row.low},{row.open},{row.high},{row.close},{row.volume},{row.open_ns // 10**9},{row.volume // 3}"
        for row in MINUTES
    ]
    cells = rows[705].split(",")
    rows[705] = ",".join([*cells[:4], "1", "234", *cells[5:]])
    (bars,), notes = read_file(table(tmp_path, rows, order))
    lost = MINUTES[705].open_ns // BAR_INTERVAL_NS * BAR_INTERVAL_NS + BAR_INTERVAL_NS
    assert lost not in bars.close_time_ns.tolist()
    assert "1 bars of 5 minutes left out: a row of them could not be read" in notes.lines


@pytest.mark.parametrize("text", ["nan", "", "NaN", "inf"])
def test_an_epoch_that_is_no_number_is_no_time(tmp_path: Path, text: str) -> None:
    lines = [f"{row.open_ns // 10**9}.5,{line(row).partition(',')[2]}" for row in WEEK]
    lines = [each.replace(".5,", ".0,", 1) for each in lines]
    lines[700] = f"{text},{lines[700].partition(',')[2]}"
    (bars,), notes = read_file(table(tmp_path, lines))
    assert len(bars) == len(WEEK) - 1
    assert any(each.startswith("line 702 has no time that can be read") for each in notes.lines), notes.lines


def test_an_epoch_that_is_nan_in_parquet(tmp_path: Path) -> None:
    columns = {name: [getattr(row, name) for row in WEEK] for name in ("open", "high", "low", "close", "volume")}
    times = [float("nan") if i == 700 else row.open_ns / 1e9 for i, row in enumerate(WEEK)]
    pl.DataFrame({"timestamp": times, **columns}).write_parquet(tmp_path / "NQZ25.parquet")
    (bars,), notes = read_file(tmp_path / "NQZ25.parquet")
    assert len(bars) == len(WEEK) - 1
    assert "row 701 has no time that can be read: left out" in notes.lines


@pytest.mark.parametrize("year", ["2024", "2026", "1971"])
def test_single_stamps_of_another_year(tmp_path: Path, year: str) -> None:
    lines = [line(row) for row in WEEK]
    lines[700] = year + lines[700][4:]
    (bars,), notes = read_file(table(tmp_path, lines))
    assert len(bars) == len(WEEK) - 1
    assert any(text.startswith(f"1 rows stamped weeks away from all others cut, as {year}-") for text in notes.lines)
    lines[800:840] = [year + each[4:] for each in lines[800:840]]
    with pytest.raises(DataError, match=rf"41 of 1,656 rows are stamped weeks away from all others, the first {year}-"):
        read_file(table(tmp_path, lines))


def test_rows_of_one_stamp_that_differ_are_two_series(tmp_path: Path) -> None:
    lines = [line(row) for row in WEEK] + [line(row._replace(volume=row.volume + 1)) for row in WEEK[:100]]
    with pytest.raises(DataError, match=r"100 of 1,756 rows repeat the stamp of another with other values: it holds m"):
        read_file(table(tmp_path, lines))


@pytest.mark.parametrize("places", [(700, 0, None), (700, 0, 740), (700, 30, None)], ids=["begun", "a pair", "within"])
def test_a_quotation_mark_swallows_no_rows(tmp_path: Path, places: tuple[int, int, int | None]) -> None:
    first, at, last = places
    lines = [line(row) for row in WEEK]
    lines[first] = f'{lines[first][:at]}"{lines[first][at:]}'
    if last is not None:
        lines[last] += '"'
    path = table(tmp_path, lines)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with pytest.raises(DataError, match=r"a quotation mark in line 702 is not closed there"):
            read_file(path)
    assert not heard  # the refusal says it all


def test_lines_that_are_no_rows_are_counted(tmp_path: Path) -> None:
    lines = [line(row) for row in WEEK]
    for i in (5, 6, 7):
        lines[i] = f"#{lines[i]}"
    (bars,), notes = read_file(table(tmp_path, [*lines[:900], HEADER, *lines[900:]]))
    assert len(bars) == len(WEEK) - 3
    assert "3 lines that begin with # left out, the first is line 7" in notes.lines
    assert "1 lines that repeat the header line left out" in notes.lines
    assert not any("could not be read" in text or "without a time" in text for text in notes.lines), notes.lines
