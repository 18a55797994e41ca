"""The zoo of tables: every dialect gives the same bars, and what cannot be understood is refused with the way out."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from market_days import Row, days, wall, write

from minhos.errors import DataError
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.tables import read_file
from minhos.market.symbols import parse_symbol
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_MINUTE, NANOS_PER_SECOND, UNKNOWN, Bars

WEEK = days(20251006, 6)
SIERRA = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"


def iso(time_ns: int) -> str:
    return wall(time_ns, "UTC", "%Y-%m-%dT%H:%M:%S+00:00")


def read(path: Path, **options) -> Bars:
    (bars,), _ = read_file(path, Options(**options))
    return bars


def assert_week(bars: Bars, rows: list[Row] = WEEK) -> None:
    assert bars.close_time_ns.tolist() == [row.open_ns + BAR_INTERVAL_NS for row in rows]
    for name, column in (
        ("open", bars.open_ticks),
        ("high", bars.high_ticks),
        ("low", bars.low_ticks),
        ("close", bars.close_ticks),
    ):
        assert column.tolist() == [round(getattr(row, name) * 4) for row in rows]


COMMA = {"sep": ";", "number": lambda price: f"{price:.2f}".replace(".", ",")}
THOUSANDS = {"sep": ";", "number": lambda price: f"{price:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")}
ZOO = {
    "ISO with offset": (iso, {}),
    "ISO with another offset": (lambda t: wall(t, "America/Chicago", "%Y-%m-%dT%H:%M:%S%z"), {}),
    "Z": (lambda t: wall(t, "UTC", "%Y-%m-%dT%H:%M:%SZ"), {}),
    "UTC without offset": (lambda t: wall(t, "UTC"), {}),
    "New York": (lambda t: wall(t, "America/New_York"), {}),
    "Chicago": (lambda t: wall(t, "America/Chicago", "%m/%d/%Y %H:%M"), {}),
    "Chicago, two digits of the year": (lambda t: wall(t, "America/Chicago", "%m/%d/%y %H:%M"), {}),
    "Chicago AM PM": (lambda t: wall(t, "America/Chicago", "%m/%d/%Y %I:%M %p"), {}),
    "Berlin with dots": (lambda t: wall(t, "Europe/Berlin", "%d.%m.%Y %H:%M:%S"), COMMA),
    "London, day first": (lambda t: wall(t, "Europe/London", "%d/%m/%Y %H:%M"), {}),
    "Tokyo, tabs": (lambda t: wall(t, "Asia/Tokyo", "%Y/%m/%d %H:%M"), {"sep": "\t"}),
    "Kolkata": (lambda t: wall(t, "Asia/Kolkata", "%Y.%m.%d %H:%M"), {}),
    "compact": (lambda t: wall(t, "UTC", "%Y%m%d %H%M%S"), {}),
    "compact, one number": (lambda t: wall(t, "UTC", "%Y%m%d%H%M%S"), {}),
    "seconds": (lambda t: str(t // 10**9), {}),
    "milliseconds": (lambda t: str(t // 10**6), {}),
    "microseconds": (lambda t: str(t // 10**3), {}),
    "nanoseconds": (str, {}),
    "fractions of a second": (lambda t: wall(t, "UTC", "%Y-%m-%d %H:%M:%S.000000"), {}),
    "points and commas": (iso, THOUSANDS),
}


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_every_dialect_gives_the_same_bars(tmp_path: Path, name: str, zipped: bool) -> None:
    stamp, options = ZOO[name]
    header = "timestamp,open,high,low,close,volume".replace(",", options.get("sep", ","))
    path = write(tmp_path / "NQZ25.csv", WEEK, stamp, header=header, **options)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    bars = read(path)
    assert_week(bars)
    assert bars.symbol == "NQZ25"
    assert bars.volume.tolist() == [1000] * len(WEEK)
    assert set(bars.trades.tolist()) == {UNKNOWN}


@pytest.mark.parametrize(
    "header",
    [
        "Datetime,Open,High,Low,Close,Volume",
        "time,o,h,l,c,v",
        "t,o,h,l,c,v",
        "T,O,H,L,C,V",
        "Timestamp,OPEN,HIGH,LOW,LAST,VOL",
        "ts_event,open,high,low,close,size",
        "<DATETIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>",
        '"Gmt time","Open","High","Low","Close","Volume"',
        "\ufeffdate,open,high,low,close/last,volume,rsi,note",
    ],
)
def test_the_usual_names_of_columns_in_any_case(tmp_path: Path, header: str) -> None:
    extra = ",50.1,x" if header.endswith("note") else ""
    assert_week(read(write(tmp_path / "NQZ25.csv", WEEK, iso, header=header, extra=extra)))


def test_a_pair_of_date_and_time(tmp_path: Path) -> None:
    stamp = lambda t: wall(t, "America/New_York", "%Y-%m-%d,%H:%M:%S")  # noqa: E731
    path = write(tmp_path / "NQZ25.csv", WEEK, stamp, header="Date,Time,Open,High,Low,Close,Volume")
    bars, notes = read_file(path)
    assert_week(bars[0])
    assert notes.timezone == "America/New_York"
    assert any("inferred from the empty hour 17:00 to 18:00 New York" in line for line in notes.lines)


@pytest.mark.parametrize("typed", ["naive", "aware", "text", "milliseconds"])
def test_parquet(tmp_path: Path, typed: str) -> None:
    times = pl.Series("timestamp", [row.open_ns for row in WEEK])
    stamps = {
        "naive": times.cast(pl.Datetime("ns")),
        "aware": times.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("America/New_York"),
        "text": pl.Series("timestamp", [iso(row.open_ns) for row in WEEK]),
        "milliseconds": times // 10**6,
    }
    frame = pl.DataFrame(
        {
            "timestamp": stamps[typed],
            **{name: [getattr(row, name) for row in WEEK] for name in ("open", "high", "low", "close", "volume")},
        }
    )
    path = tmp_path / "NQZ25_5m.parquet"
    frame.write_parquet(path)
    assert_week(read(path))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_stamps_at_the_close_are_found_out(tmp_path: Path, zone: str) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, lambda t: wall(t + BAR_INTERVAL_NS, zone))
    bars, notes = read_file(path)
    assert_week(bars[0])
    assert notes.stamps == "close"
    assert any("6 sessions end at 17:00 New York, 0 begin at 18:00" in line for line in notes.lines)


def test_the_stamp_convention_is_asked_for_when_the_data_do_not_tell(tmp_path: Path) -> None:
    morning = [row for row in WEEK if 9 <= int(wall(row.open_ns, "America/New_York", "%H")) < 16]
    path = write(tmp_path / "NQZ25.csv", morning, iso)
    with pytest.raises(DataError, match=r"0 sessions begin at 18:00 New York, 0 end at 17:00.*--stamps open or"):
        read_file(path)
    assert_week(read(path, stamps="open"), morning)
    shifted = [row._replace(open_ns=row.open_ns - BAR_INTERVAL_NS) for row in morning]
    assert_week(read(path, stamps="close"), shifted)
    named = write(tmp_path / "NQH26.csv", morning, iso, header="open_time,open,high,low,close,volume")
    assert_week(read(named), morning)


def test_the_zone_is_asked_for_when_it_is_not_unique(tmp_path: Path) -> None:
    short = write(tmp_path / "NQZ25.csv", days(20251006, 3), lambda t: wall(t, "America/New_York"))
    with pytest.raises(DataError, match=r"in no zone.*5 sessions.*--timezone America/New_York"):
        read_file(short)
    assert_week(read(short, timezone="America/New_York"), days(20251006, 3))
    with_holes = [row for row in WEEK if wall(row.open_ns, "America/New_York", "%H") not in ("02", "05")]
    path = write(tmp_path / "NQH26.csv", with_holes, lambda t: wall(t, "UTC"))
    assert_week(read(path), with_holes)
    every_second_hour = [row for row in days(20251006, 12) if int(wall(row.open_ns, "America/New_York", "%H")) % 2 == 0]
    path = write(tmp_path / "NQM26.csv", every_second_hour, lambda t: wall(t, "UTC"))
    with pytest.raises(DataError, match=r"fit UTC, .*say which with --timezone"):
        read_file(path)


def test_an_unknown_zone_gets_the_nearest_name(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, lambda t: wall(t, "UTC"))
    with pytest.raises(DataError, match=r"'America/NewYork' is no time zone; did you mean America/New_York\?"):
        read_file(path, Options(timezone="America/NewYork"))


def test_sierra_charts_export_is_utc_and_open_stamped_without_being_told(tmp_path: Path) -> None:
    path, few = tmp_path / "NQZ25-CME_5m_BarData.txt", WEEK
    line = "{}, {:.2f}, {:.2f}, {:.2f}, {:.2f}, 30, 12, 10, 20"
    stamps = [wall(row.open_ns, "UTC", "%Y/%m/%d, %H:%M:%S") for row in few]
    path.write_text("\r\n".join([SIERRA, *(line.format(s, *r[1:5]) for s, r in zip(stamps, few, strict=True))]))
    (bars,), notes = read_file(path)
    assert_week(bars, few)
    assert (bars.bar(0).trades, bars.bar(0).bid_volume, bars.bar(0).ask_volume) == (12, 10, 20)
    assert "stamps mark the open of bars, as in Sierra Chart's exported text" in notes.lines
    assert notes.format == "Sierra Chart's exported text: its header line begins with date, time, open, high"


def test_an_export_in_the_zone_of_the_chart_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "NQZ25-CME_BarData.txt"
    stamps = [wall(row.open_ns, "America/New_York", "%Y/%m/%d, %H:%M:%S.000") for row in WEEK]
    rows = (f"{s}, {r.open}, {r.high}, {r.low}, {r.close}, 30, 12, 10, 20" for s, r in zip(stamps, WEEK, strict=True))
    path.write_text("\n".join([SIERRA, *rows]))
    (bars,), notes = read_file(path)
    assert_week(bars)
    assert notes.timezone == "America/New_York"


def test_sierra_charts_ticks(tmp_path: Path) -> None:
    path = tmp_path / "NQZ25-CME.txt"
    path.write_text(
        f"{SIERRA}\n"
        "2025/10/6, 13:30:00.004000, 0.00, 25001.00, 24999.00, 25000.00, 2, 1, 0, 2\n"
        "2025/10/6, 13:30:00.004001, -1.999e+37, 25001.00, 24990.00, 25000.50, 3, 1, 3, 0\n"
        "2025/10/6, 13:34:59.900000, 0.00, 25001.00, 24999.00, 24999.75, 1, 1, 0, 1\n"
        "2025/10/6, 13:35:00.000000, 0.00, 25001.00, 24999.00, 25000.25, 4, 1, 0, 4\n"
    )
    (bars,), notes = read_file(path, Options(timezone="UTC"))
    first = bars.bar(0)
    assert (first.open_ticks, first.high_ticks, first.low_ticks, first.close_ticks) == (
        100_000,
        100_002,
        99_999,
        99_999,
    )
    assert (first.volume, first.bid_volume, first.ask_volume, first.trades) == (6, 3, 3, 3)
    assert bars.volume.tolist() == [6, 4]
    assert notes.lines[0] == "4 rows of ticks"


@pytest.mark.parametrize("stamped", ["open", "close"])
def test_one_minute_bars_become_five(tmp_path: Path, stamped: str) -> None:
    minutes = days(20251006, 6, step_ns=NANOS_PER_MINUTE, volume=7)
    shift = NANOS_PER_MINUTE if stamped == "close" else 0
    path = write(tmp_path / "NQZ25.csv", minutes, lambda t: iso(t + shift))
    (bars,), notes = read_file(path)
    assert notes.stamps == stamped
    fives = [minutes[i : i + 5] for i in range(0, len(minutes), 5)]
    assert bars.close_time_ns.tolist() == [five[0].open_ns + BAR_INTERVAL_NS for five in fives]
    assert bars.open_ticks.tolist() == [round(five[0].open * 4) for five in fives]
    assert bars.high_ticks.tolist() == [round(max(row.high for row in five) * 4) for five in fives]
    assert bars.low_ticks.tolist() == [round(min(row.low for row in five) * 4) for five in fives]
    assert bars.close_ticks.tolist() == [round(five[-1].close * 4) for five in fives]
    assert bars.volume.tolist() == [5 * 7] * len(fives)


def test_prices_beside_the_grid_are_rounded_and_their_share_is_told(tmp_path: Path) -> None:
    adjusted = [row._replace(close=row.close + (0.1 if i % 4 == 0 else 0.0)) for i, row in enumerate(WEEK)]
    (bars,), notes = read_file(write(tmp_path / "NQZ25.csv", adjusted, iso))
    assert_week(bars)
    assert notes.off_tick == len(WEEK) // 4
    assert any(line.startswith("25.0% of bars have prices beside the tick grid of 0.25") for line in notes.lines)


def test_order_repeats_and_holes_are_put_right_and_counted(tmp_path: Path) -> None:
    rows = [*WEEK[:500], WEEK[3], WEEK[7]._replace(close=1.25), *WEEK[500:]]
    path = write(tmp_path / "NQZ25.csv", rows, iso)
    path.write_text(path.read_text() + "2025-10-13T21:00:00+00:00,,,,,\nnever,1,1,1,1,1\n")
    (bars,), notes = read_file(path)
    assert len(bars) == len(WEEK)
    assert (notes.out_of_order, notes.duplicates, notes.rejected) == (1, 2, 2)
    assert bars.bar(7).close_ticks == 5
    assert any("2 rows repeat a stamp, 1 with other values; the last one counts" in line for line in notes.lines)


@pytest.mark.parametrize(
    "stamp", ["2025-02-31T10:00:00+00:00", "2025-10-06T14:14:60+00:00", "2025-13-01T10:00:00+00:00"]
)
def test_a_stamp_that_does_not_exist_displaces_no_bar(tmp_path: Path, stamp: str) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, iso)
    path.write_text(path.read_text() + f"{stamp},1,1,1,1,1\n")
    (bars,), notes = read_file(path)
    assert_week(bars)
    assert (notes.rejected, notes.duplicates) == (1, 0)


def test_the_newest_row_may_come_first(tmp_path: Path) -> None:
    (bars,), notes = read_file(write(tmp_path / "NQZ25.csv", WEEK[::-1], iso))
    assert_week(bars)
    assert notes.out_of_order == 0


def test_without_volume(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, iso, header="timestamp,open,high,low,close,remark")
    (bars,), notes = read_file(path)
    assert_week(bars)
    assert not bars.volume.any()
    assert "no volume" in notes.lines


def test_several_contracts_in_one_table_are_taken_apart(tmp_path: Path) -> None:
    path = tmp_path / "continuous.csv"
    old, new = WEEK[:-300], WEEK[200:]
    lines = [
        f"{iso(r.open_ns)},{s},{r.open},{r.high},{r.low},{r.close},9"
        for s, rs in (("NQZ5", old), ("NQH6", new))
        for r in rs
    ]
    spread = f"{iso(WEEK[0].open_ns)},NQZ5-NQH6,200.05,200.05,200.05,200.05,1"
    path.write_text("\n".join(["ts,symbol,open,high,low,close,volume", *lines, spread]))
    parts, _ = read_file(path)
    assert [part.symbol for part in parts] == ["NQZ25", "NQH26"]
    assert_week(parts[0], old)
    assert_week(parts[1], new)
    (only,), _ = read_file(path, Options(symbol=parse_symbol("NQH26-CME")))
    assert_week(only, new)
    with pytest.raises(DataError, match=r"continuous\.csv holds NQH26, NQZ25: none of them is ES"):
        read_file(path, Options(symbol=parse_symbol("ES")))


def _lines(*rows: str) -> str:
    return "timestamp,open,high,low,close,volume\n" + "\n".join(rows)


def _each(step_ns: int, n: int = 50, shift_ns: int = 0) -> str:
    start = WEEK[0].open_ns + shift_ns
    return _lines(*(f"{iso(start + i * step_ns)},25000,25001,24999,25000,9" for i in range(n)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty; export or copy it again"),
        ("timestamp,open,high,low,close\n", "has 1 lines; a header line and at least one bar are needed"),
        ("2025-10-06 13:30,1,2,3,4,5\n2025-10-06 13:35,1,2,3,4,5", "has no header line.*timestamp,open,high,low,close"),
        ("hello world\nthis is prose\n", "is no table.*commas, semicolons or tabs"),
        ("open,high,low,close\n1,2,3,4\n", "no column for the time among open, high, low, close; name one timestamp"),
        ("timestamp,open,high,low\n1,2,3,4\n", "no column for the closing price.*name one close"),
        ("timestamp,open,high,close\n1,2,3,4\n", "no column low among timestamp, open, high, close"),
        (_lines("yesterday,1,1,1,1,1", "today,1,1,1,1,1"), r"\['yesterday'\] is no time.*write 2025-01-31T17:30:00Z"),
        (_lines("12,1,1,1,1,1", "13,1,1,1,1,1"), "12.5 is no time since 1970 in seconds, milliseconds"),
        (_lines("1/2/2025 17:30,1,1,1,1,1", "1/2/2025 17:35,1,1,1,1,1"), "1/2 may be a day and a month.*YYYY-MM-DD"),
        (_lines("13/1/2025 17:30,1,1,1,1,1", "1/13/2025 17:35,1,1,1,1,1"), "some dates begin with the day.*YYYY-MM-DD"),
        (_lines("2025-10-06T13:30Z,,,,,", "2025-10-06T13:35Z,1,1,1,1,1"), "only 1 of 2 rows have a time and prices"),
        (_lines(*["2025-10-06T13:30Z,1,1,1,1,1"] * 3), "only one moment in it; give a longer file"),
        (_each(15 * NANOS_PER_MINUTE), "bars of 15 minutes, which cannot be cut into 5; export bars of 5 minutes"),
        (_each(24 * 60 * NANOS_PER_MINUTE), "has daily bars, which cannot be cut into 5"),
        (_each(2 * NANOS_PER_MINUTE), "bars of 2 minutes, which do not fill 5; export bars of 5 minutes or of 1"),
        (_each(BAR_INTERVAL_NS, shift_ns=NANOS_PER_MINUTE), "bars of 5 minutes, stamped 60 s beside their grid"),
    ],
)
def test_what_is_no_history_is_refused_with_the_value_and_the_way_out(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "NQZ25.csv"
    path.write_text(content)
    with pytest.raises(DataError) as refusal:
        read_file(path)
    assert re.search(words, str(refusal.value)), str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + bytes(100), "is a damaged zip file"),
        (gzip.compress(_each(BAR_INTERVAL_NS).encode(), mtime=0)[:-20], "is a damaged gzip file.*copy it again"),
        (b"PAR1" + bytes(100), "is a damaged parquet file.*copy it again"),
        (b"time,price\n" + b"x" * 200_000, "a line has more than 32,768 characters; export it"),
        (bytes(range(256)) * 4, "is neither .scid, parquet nor text"),
    ],
)
def test_foreign_bytes_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "NQZ25.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_file(path)


def test_a_name_without_a_contract_asks_for_the_symbol(tmp_path: Path) -> None:
    path = write(tmp_path / "history.csv", WEEK, iso)
    with pytest.raises(DataError, match=r"history\.csv names no contract.*--symbol"):
        read_file(path)
    assert read(path, symbol=parse_symbol("MNQ")).symbol == "MNQ"
    with pytest.raises(DataError, match=r"NQZ25\.csv holds NQZ25, not ESZ25; leave --symbol out"):
        read_file(write(tmp_path / "NQZ25.csv", WEEK, iso), Options(symbol=parse_symbol("ESZ25")))


def test_seconds_of_ticks_without_ohlc(tmp_path: Path) -> None:
    start, rng = WEEK[0].open_ns, np.random.default_rng(0)
    moments = start + np.cumsum(rng.integers(0, 4, 900)) * NANOS_PER_SECOND
    path = tmp_path / "NQZ25_ticks.csv"
    rows = [f"{iso(int(t))},{25000 + (i % 7) * 0.25},2" for i, t in enumerate(moments)]
    path.write_text("\n".join(["timestamp,price,size", *rows]))
    bars = read(path)
    assert int(bars.volume.sum()) == 2 * 900
    assert set(bars.high_ticks - bars.low_ticks) == {6}
