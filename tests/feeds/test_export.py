"""check-data --export: what was read, before gate and cuts, as a file that another program reads."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from market_days import CALENDAR, Row, days, wall, write
from scid_files import record, tick
from scid_files import write as write_scid

from minhos.errors import DataError, DataRefused, SettingsError
from minhos.feeds import export
from minhos.feeds.check import check_data
from minhos.market.types import NANOS_PER_MINUTE

WEEK = days(20251006, 6)
COLUMNS = ["time", "contract", "open", "high", "low", "close", "volume", "bid_volume", "ask_volume", "used", "why"]


def iso(time_ns: int) -> str:
    return wall(time_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")


def exported(path: Path, out: Path, **options) -> pl.DataFrame:
    check_data(path, calendar=CALENDAR, export=out, **options)
    return pl.read_parquet(out)


def rows_of(frame: pl.DataFrame) -> list[Row]:
    """As they were written, and in order."""
    columns = ("open", "high", "low", "close", "volume")
    return [Row(t, *r) for t, r in zip(frame["time"].dt.epoch("ns"), frame.select(columns).rows(), strict=True)]


def test_a_csv_has_every_column_and_times_with_a_z(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    check_data(write(tmp_path / "NQZ25.csv", WEEK, iso), calendar=CALENDAR, export=out)
    lines = out.read_text().splitlines()
    assert lines[0].split(",") == COLUMNS
    first = WEEK[0]
    prices = [f"{price}" for price in first[1:5]]
    assert lines[1].split(",") == ["2025-10-05T22:00:00Z", "NQZ25", *prices, "1000", "", "", "true", ""]
    assert len(lines) == len(WEEK) + 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("stamped", ["open", "close"])
@pytest.mark.parametrize("minutes", [1, 5])
def test_a_parquet_has_the_bars_at_their_own_length(tmp_path: Path, minutes: int, stamped: str) -> None:
    step_ns = minutes * NANOS_PER_MINUTE
    rows = days(20251006, 6, step_ns=step_ns, volume=200 * minutes)
    shift = step_ns if stamped == "close" else 0
    frame = exported(write(tmp_path / "NQZ25.csv", rows, lambda t: iso(t + shift)), tmp_path / "out.parquet")
    assert frame.columns == COLUMNS
    assert frame.schema["time"] == pl.Datetime("ns", "UTC")
    assert rows_of(frame) == rows
    assert frame["used"].all()
    assert frame["why"].null_count() == len(rows)


def test_prices_beside_the_grid_are_written_as_they_are(tmp_path: Path) -> None:
    rows = [row._replace(close=row.close + 0.1, high=row.high + 0.1) for row in WEEK]
    path = write(tmp_path / "NQZ25.csv", rows, iso, number=repr)
    assert rows_of(exported(path, tmp_path / "out.parquet")) == rows


def test_ticks_and_sides_of_a_scid_file(tmp_path: Path) -> None:
    path = write_scid(
        tmp_path / "NQZ25-CME.scid",
        tick(WEEK[0].open_ns, 25000.0, 2),
        tick(WEEK[0].open_ns + 10**9, 25001.25, 3, buy=False),
        tick(WEEK[1].open_ns, 25000.5),
    )
    frame = exported(path, tmp_path / "out.parquet")
    assert frame.drop("used", "why").rows() == [
        (moment(WEEK[0].open_ns), "NQZ25", 25000.0, 25001.25, 25000.0, 25001.25, 5, 3, 2),
        (moment(WEEK[1].open_ns), "NQZ25", 25000.5, 25000.5, 25000.5, 25000.5, 1, 0, 1),
    ]
    assert not frame["used"].any()


def test_a_scid_file_of_minutes_points_times_100(tmp_path: Path) -> None:
    minute = [WEEK[0].open_ns + i * NANOS_PER_MINUTE for i in range(20)]
    bars = (record(t, 2500025, 2500050, 2500000, 2500025, 9, 7, 3, 4) for t in minute)
    frame = exported(write_scid(tmp_path / "NQZ25_FUT_CME.scid", *bars), tmp_path / "out.parquet")
    assert frame["time"].dt.epoch("ns").to_list() == minute
    assert set(frame.select("open", "high", "low", "close", "volume").rows()) == {
        (25000.25, 25000.5, 25000.0, 25000.25, 7)
    }


def test_ticks_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "NQZ25.csv"
    moments = [WEEK[0].open_ns + 1_234_000_000 * i for i in range(400)]
    form = "%Y-%m-%dT%H:%M:%S"
    lines = [f"{wall(t, 'UTC', form)}.{t % 10**9 // 1000:06d}Z,{25000 + i % 7},1" for i, t in enumerate(moments)]
    path.write_text("time,price,volume\n" + "\n".join(lines))
    frame = exported(path, tmp_path / "out.parquet")
    assert frame["time"].to_list() == [moment(WEEK[0].open_ns), moment(WEEK[1].open_ns)]
    assert frame["volume"].sum() == 400
    assert frame["high"].to_list() == [25006.0, 25006.0]


def test_repeats_that_say_the_same_stand_once_and_others_say_why_they_do_not_count(tmp_path: Path) -> None:
    rows = [*WEEK, WEEK[3], WEEK[7]._replace(close=WEEK[7].close + 0.25)]
    frame = exported(write(tmp_path / "NQZ25.csv", rows, iso), tmp_path / "out.parquet")
    assert len(frame) == len(WEEK) + 1
    (cut,) = frame.filter(~pl.col("used")).rows(named=True)
    assert (cut["time"], cut["close"]) == (moment(WEEK[7].open_ns), WEEK[7].close)
    assert cut["why"] == "a later row of the file has the same stamp"


def test_what_the_gate_cuts_is_there_with_its_reason(tmp_path: Path) -> None:
    rows = [row._replace(volume=3 if i >= 5 * 276 else 1000) for i, row in enumerate(WEEK)]
    frame = exported(write(tmp_path / "NQZ25.csv", rows, iso), tmp_path / "out.parquet")
    assert rows_of(frame) == rows
    assert frame["used"].to_list() == [True] * (5 * 276) + [False] * 276
    assert frame["why"][-1].startswith("trade date 20251013 cut off: thin: 828 contracts")


def test_refused_data_are_written_with_the_reason(tmp_path: Path) -> None:
    rows = [row._replace(volume=3) for row in WEEK]
    report = check_data(write(tmp_path / "NQZ25.csv", rows, iso), calendar=CALENDAR, export=tmp_path / "out.csv")
    frame = pl.read_csv(tmp_path / "out.csv")
    assert (report.verdict, len(frame), frame["used"].any()) == ("refused", len(WEEK), False)
    assert "thin" in frame["why"][0]


def test_data_that_the_reader_refuses_are_written_where_their_stamps_are_known(tmp_path: Path) -> None:
    halves = days(20251006, 6, step_ns=30 * NANOS_PER_MINUTE)
    path, out = write(tmp_path / "NQZ25.csv", halves, iso), tmp_path / "out.parquet"
    with pytest.raises(DataRefused, match="has bars of 30 minutes"):
        check_data(path, calendar=CALENDAR, export=out, stamps="open")
    frame = pl.read_parquet(out)
    assert rows_of(frame) == halves
    assert "has bars of 30 minutes" in frame["why"][0]
    naive = write(tmp_path / "NQH26.csv", days(20251006, 2), lambda t: wall(t, "UTC"))
    with pytest.raises(DataError, match="in no zone"):
        check_data(naive, calendar=CALENDAR, export=tmp_path / "other.csv")
    assert not (tmp_path / "other.csv").exists()


def test_a_folder_with_several_contracts_has_all_of_them(tmp_path: Path) -> None:
    rows = days(20251201, 10)
    sizes = {"NQZ25": (3000, 100), "NQH26": (100, 3000)}
    for name, (early, late) in sizes.items():
        own = [row._replace(volume=early if i < 5 * 276 else late) for i, row in enumerate(rows)]
        write(tmp_path / f"{name}.csv", own, iso)
    write(tmp_path / "NQH26_again.csv", own[300:900], iso)
    frame = exported(tmp_path, tmp_path / "out.parquet")
    assert len(frame) == 2 * len(rows)
    used = frame.filter("used")
    assert used["time"].is_unique().all()
    assert used["contract"].unique(maintain_order=True).to_list() == ["NQZ25", "NQH26"]
    assert "where files or contracts were joined" in frame.filter(pl.col("contract") == "NQH26")["why"][0]


@pytest.mark.parametrize("name", ["out.xlsx", "out", "there.csv", "nowhere/out.csv"])
def test_a_name_that_cannot_be_written_is_refused_first(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(SettingsError, match="--export"):
        check_data(tmp_path / "absent.csv", calendar=CALENDAR, export=tmp_path / name)
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.os, "fsync", full)
    path = write(tmp_path / "NQZ25.csv", WEEK, iso)
    with pytest.raises(DataError, match=r"cannot be written.*No space left on device"):
        check_data(path, calendar=CALENDAR, export=tmp_path / "out.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["NQZ25.csv"]


def moment(time_ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_ns / 10**9, dt.UTC)
