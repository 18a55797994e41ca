"""Kinds of files that traders have: each small input with its right reading, or the true reason of its refusal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from market_days import CALENDAR, Row, days, wall
from market_days import write as write_table
from scid_files import tick
from scid_files import write as write_scid

from minhos.errors import DataError
from minhos.feeds.files import load
from minhos.feeds.seen import Seen
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.tables import read_file
from minhos.market.types import BAR_INTERVAL_NS

WEEK = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20251006, 8))]
WINTER = [row._replace(volume=1234) for row in days(20251020, 12)]
DAY_NS = 86_400 * 10**9


def ny(form: str, shift_ns: int = 0) -> Callable[[int], str]:
    return lambda t: wall(t + shift_ns, "America/New_York", form)


def utc(form: str, shift_ns: int = 0) -> Callable[[int], str]:
    return lambda t: wall(t + shift_ns, "UTC", form)


def server(t: int) -> str:
    """The clock of MetaTrader's servers."""
    local = dt.datetime.fromtimestamp(t // 10**9, ZoneInfo("America/New_York")) + dt.timedelta(hours=7)
    return local.strftime("%Y.%m.%d\t%H:%M:%S")


def german(price: float) -> str:
    return f"{price:,.2f}".translate(str.maketrans(",.", ".,"))


def grouped(volume: int, mark: str) -> str:
    return f"{volume:,}".replace(",", mark)


def running(rows: list[Row]) -> list[int]:
    totals, last = [], 0
    for row in rows:
        fresh = row.open_ns - last > 3600 * 10**9 - 1
        totals.append(row.volume if fresh else totals[-1] + row.volume)
        last = row.open_ns
    return totals


class Kind(NamedTuple):
    """header, and each row by its number; what is read of it, and a word of the notes."""

    header: str
    line: Callable[[int, Row], str]
    name: str = "NQZ25.csv"
    contract: str = "NQZ25"
    rows: list[Row] = WEEK
    note: str = ""


TOTALS = running(WEEK)
ISO = utc("%Y-%m-%dT%H:%M:%SZ")
USUAL = "timestamp,open,high,low,close,volume"


def plain(stamp: Callable[[int], str], symbol: str = "") -> Callable[[int, Row], str]:
    return lambda i, r: f"{stamp(r.open_ns)},{symbol}{r.open},{r.high},{r.low},{r.close},{r.volume}"


READ = {
    "a running total beside the volume of the bar": Kind(
        "Timestamp,High,Low,Open,Close,TotalVolume,PeriodVolume",
        lambda i, r: (
            f"{ny('%Y-%m-%d %H:%M:%S', BAR_INTERVAL_NS)(r.open_ns)},{r.high},{r.low},{r.open},{r.close},{TOTALS[i]},"
            f"{r.volume}"
        ),
    ),
    "fixed-point prices": Kind(
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume",
        lambda i, r: (
            f"{r.open_ns},34,1,1,{r.open * 1e9:.0f},{r.high * 1e9:.0f},{r.low * 1e9:.0f},{r.close * 1e9:.0f},{r.volume}"
        ),
    ),
    "a study's columns with the names of prices": Kind(
        "Date, Time, Open, High, Low, Last, Volume, # of Trades, OHLC Avg, HLC Avg, HL Avg, Bid Volume, Ask Volume, "
        "Open, High, Low, Close",
        lambda i, r: (
            f"{wall(r.open_ns, 'America/Chicago', '%Y-%m-%d, %H:%M:%S')}.000000, {r.open}, {r.high}, {r.low}, "
            f"{r.close}, {r.volume}, 450, 0,0,0, 450, 450, 20190, 20235, 20155, 20195"
        ),
        note="'Close' is passed over",
    ),
    "a server on New York + 7 h over a change of clocks": Kind(
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        lambda i, r: f"{server(r.open_ns)}\t{r.open}\t{r.high}\t{r.low}\t{r.close}\t300\t{r.volume}\t1",
        rows=WINTER,
        note="New York + 7 h",
    ),
    "VOL 0 with TICKVOL filled": Kind(
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        lambda i, r: f"{server(r.open_ns)}\t{r.open}\t{r.high}\t{r.low}\t{r.close}\t300\t0\t1",
        rows=[row._replace(volume=0) for row in WINTER],
        note="TICKVOL> counts changes of price, not contracts, and is not used",
    ),
    "thousands and decimals as in Germany": Kind(
        USUAL.replace(",", ";"),
        lambda i, r: (
            f"{ISO(r.open_ns)};{german(r.open)};{german(r.high)};{german(r.low)};{german(r.close)};"
            f"{grouped(r.volume, '.')}"
        ),
    ),
    "thousands parted by a narrow space": Kind(
        USUAL,
        lambda i, r: f"{ISO(r.open_ns)},{r.open},{r.high},{r.low},{r.close},{grouped(r.volume, chr(0x202F))}",
    ),
    "volume in K": Kind(
        USUAL,
        lambda i, r: f"{ISO(r.open_ns)},{r.open},{r.high},{r.low},{r.close},{r.volume / 1000:.2f}K",
        rows=[row._replace(volume=row.volume // 10 * 10) for row in WEEK],
    ),
    "volume in Mio": Kind(
        USUAL.replace(",", ";"),
        lambda i, r: f"{ISO(r.open_ns)};{r.open};{r.high};{r.low};{r.close};1,2 Mio",
        rows=[row._replace(volume=1_200_000) for row in WEEK],
    ),
    "midnight without its time": Kind(USUAL, plain(lambda t: utc("%Y-%m-%d %H:%M:%S")(t).removesuffix(" 00:00:00"))),
    "24:00": Kind(
        "Date,Time,Open,High,Low,Close,Volume",
        plain(lambda t: utc("%m/%d/%Y,%H:%M")(t) if t % DAY_NS else f"{utc('%m/%d/%Y')(t - DAY_NS)},24:00"),
    ),
    "volume in two columns": Kind(
        '"Date","Time","Open","High","Low","Close","Up","Down"',
        lambda i, r: (
            f'"{ny("%m/%d/%Y", BAR_INTERVAL_NS)(r.open_ns)}",{ny("%H:%M", BAR_INTERVAL_NS)(r.open_ns)},'
            f"{r.open},{r.high},{r.low},{r.close},400,{r.volume - 400}"
        ),
        note="volume is Up and Down together",
    ),
    "a contract in the symbols of NinjaTrader": Kind(
        "",
        lambda i, r: (
            f"{utc('%Y%m%d %H%M%S', BAR_INTERVAL_NS)(r.open_ns)};{r.open};{r.high};{r.low};{r.close};{r.volume}"
        ),
        name="NQ 12-25.Last.txt",
    ),
    **{
        f"the symbol {symbol}": Kind(
            "time,symbol,open,high,low,close,volume", plain(ISO, f"{symbol},"), name="bars.csv", contract=contract
        )
        for symbol, contract in (
            ("NQ=F", "NQ"),
            ("NQ.c.0", "NQ"),
            ("CME_MINI:NQ1!", "NQ"),
            ("NQ 12-25", "NQZ25"),
            ("@NQ#", "NQ"),
            ("NQ-202512", "NQZ25"),
            ("CME.NQ.DEC25", "NQZ25"),
            ("ENQZ25", "NQZ25"),
        )
    },
    "an index without a name": Kind(",open,high,low,close,volume", plain(ISO)),
    "an index named by pandas": Kind("Unnamed: 0,open,high,low,close,volume", plain(ISO)),
    "+00 as an offset": Kind(USUAL, plain(utc("%Y-%m-%d %H:%M:%S+00"))),
    "a zone behind the stamp": Kind(
        USUAL, plain(ny("%Y%m%d %H:%M:%S US/Eastern")), note="US/Eastern, as the stamps say"
    ),
    "an abbreviation behind the stamp": Kind(USUAL, plain(ny("%Y-%m-%d %H:%M:%S %Z")), rows=WINTER),
    "a hyphen between date and time": Kind(USUAL, plain(utc("%Y%m%d-%H:%M:%S"))),
    "three header lines": Kind(
        "Price,Open,High,Low,Close,Volume\nTicker,NQ=F,NQ=F,NQ=F,NQ=F,NQ=F\nDatetime,,,,,",
        plain(utc("%Y-%m-%d %H:%M:%S+00:00")),
        name="download.csv",
        contract="NQ",
    ),
    "one letter a column": Kind("t,o,h,l,c,v", plain(ISO)),
    "Latest, newest first, and a last line of words": Kind(
        "Time,Open,High,Low,Latest,Volume",
        lambda i, r: (
            plain(utc("%Y-%m-%d %H:%M"))(i, WEEK[len(WEEK) - 1 - i])
            + ('\n"Downloaded from Barchart.com as of 10-16-2025"' if i == len(WEEK) - 1 else "")
        ),
    ),
    "hours without their zero": Kind(
        "Date,Time,Open,High,Low,Close,Volume",
        plain(lambda t: f"{utc('%Y%m%d')(t)},{int(utc('%H%M')(t))}"),
    ),
    "TradingView's own file name": Kind(USUAL.replace("timestamp", "time"), plain(ISO), "CME_MINI_NQ1!, 5.csv", "NQ"),
    "lines of remarks": Kind(f"# exported by a script\n# Symbol: NQ\n{USUAL}", plain(ISO)),
    "names of months": Kind(USUAL, plain(utc("%d-%b-%Y %H:%M"))),
}


def seen_in(path: Path, **options) -> tuple[Seen, tuple[str, ...]]:
    seen: list[Seen] = []
    _, notes = read_file(path, Options(see=seen.append, **options))
    (one,) = seen
    return one, notes.sentences()


@pytest.mark.parametrize("name", READ)
def test_every_bar_is_right(tmp_path: Path, name: str) -> None:
    kind = READ[name]
    path = tmp_path / kind.name
    lines = [kind.line(i, row) for i, row in enumerate(kind.rows)]
    path.write_text("\n".join(([kind.header] if kind.header else []) + lines) + "\n", encoding="utf-8")
    seen, notes = seen_in(path)
    assert seen.contract == kind.contract
    assert seen.open_ns.tolist() == [row.open_ns for row in kind.rows]
    assert seen.prices.round(6).T.tolist() == [list(row[1:5]) for row in kind.rows]
    assert seen.volumes[0].tolist() == [row.volume for row in kind.rows]
    assert any(kind.note in note for note in notes), notes


REFUSED = {
    "a running total alone": (
        USUAL,
        lambda i, r: f"{ISO(r.open_ns)},{r.open},{r.high},{r.low},{r.close},{TOTALS[i]}",
        "begins anew only 7 times in 2,208 rows: it is a running total",
    ),
    "prices of another instrument": (
        USUAL,
        lambda i, r: f"{ISO(r.open_ns)},{r.open / 100},{r.high / 100},{r.low / 100},{r.close / 100},9",
        r"prices such as 25.* are not those of NQ.*times 10\^",
    ),
    "columns that are mixed up": (
        "timestamp,high,low,open,close,volume",
        lambda i, r: f"{ISO(r.open_ns)},{r.open},{r.high},{r.low},{r.close},9",
        "lie outside their own high and low",
    ),
    "volume that cannot be read": (
        USUAL,
        lambda i, r: f"{ISO(r.open_ns)},{r.open},{r.high},{r.low},{r.close},many",
        r"2,208 of 2,208 rows have no volume that can be read; the first is line 2 \('2025-10-05T22:00:00Z,.*,many'\)",
    ),
    "two columns that claim the close": (
        "timestamp,open,high,low,close,last,volume",
        lambda i, r: f"{ISO(r.open_ns)},{r.open},{r.high},{r.low},{r.close},{r.open},9",
        "'close' and 'last' both claim to be the closing price",
    ),
    "daily bars": (
        USUAL,
        lambda i, r: f"{wall(WEEK[0].open_ns + i * DAY_NS, 'UTC', '%Y-%m-%d')},{r.open},{r.high},{r.low},{r.close},9",
        "daily bars",
    ),
    "hourly bars without a zone": (
        USUAL,
        lambda i, r: f"{wall(WEEK[0].open_ns + 12 * i * BAR_INTERVAL_NS, 'UTC')},{r.open},{r.high},{r.low},{r.close},9",
        "has bars of 60 minutes",
    ),
}


def lifted(rows: list[Row], first: int, points: float, last: int | None = None) -> list[Row]:
    """Rows from `first` on at another base."""
    return [
        Row(r.open_ns, *(price + points for price in r[1:5]), r.volume) if first <= i < (last or len(rows)) else r
        for i, r in enumerate(rows)
    ]


BASE = {
    "a dated contract": ("NQZ25.csv", WEEK, 700, None),
    "a stretch of it": ("NQZ25.csv", WEEK, 700, 1100),
    "continuous, far from a roll": ("NQ.csv", WEEK, 700, None),
    "minutes": ("NQZ25.csv", days(20251006, 6, step_ns=60 * 10**9), 3333, None),
}


@pytest.mark.parametrize("name", BASE)
def test_a_base_that_changes_without_a_roll(tmp_path: Path, name: str) -> None:
    file, rows, first, last = BASE[name]
    write_table(tmp_path / file, rows, ISO)
    read_file(tmp_path / file)
    write_table(tmp_path / file, lifted(rows, first, 250.0, last), ISO)
    at = dt.datetime.fromtimestamp(rows[first].open_ns // 10**9, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(DataError, match=rf"the base of the prices changes by \+250 points at {at} without a roll"):
        read_file(tmp_path / file)


def test_the_same_base_in_a_scid_file(tmp_path: Path) -> None:
    rows = lifted(WEEK, 700, 250.0)
    ticks = [tick(row.open_ns, price) for row in rows for price in (row.open, row.close)]
    path = write_scid(tmp_path / "NQZ25-CME.scid", *ticks)
    with pytest.raises(DataError, match=r"changes by \+250 points"):
        read_file(path)


def test_where_a_base_may_change(tmp_path: Path) -> None:
    quarter = days(20251208, 10)
    continuous = lifted(quarter, 700, 250.0)
    assert len(read_file(write_table(tmp_path / "NQ.csv", continuous, ISO))[0][0]) == len(continuous)
    overnight = lifted(WEEK, 276, 250.0)
    assert len(read_file(write_table(tmp_path / "NQZ25.csv", overnight, ISO))[0][0]) == len(overnight)
    news = [
        row._replace(close=row.close + 250.0, high=row.high + 250.0) if i == 700 else row for i, row in enumerate(WEEK)
    ]
    news = news[:701] + lifted(WEEK, 701, 250.0)[701:]
    assert len(read_file(write_table(tmp_path / "NQH26.csv", news, ISO))[0][0]) == len(news)
    spike = lifted(WEEK, 700, 250.0, 702)
    assert len(read_file(write_table(tmp_path / "NQM26.csv", spike, ISO))[0][0]) == len(spike)


@pytest.mark.parametrize("name", REFUSED)
def test_the_true_reason_is_given(tmp_path: Path, name: str) -> None:
    header, line, reason = REFUSED[name]
    path = tmp_path / "NQZ25.csv"
    path.write_text("\n".join([header, *(line(i, row) for i, row in enumerate(WEEK))]))
    with pytest.raises(DataError, match=reason):
        read_file(path)


def test_a_zone_that_is_an_hour_off_in_one_week_is_not_taken(tmp_path: Path) -> None:
    """Europe/Berlin fits New York + 6 h but for the week between two changes of clocks."""
    rows = days(20251013, 20)
    path = tmp_path / "NQZ25.csv"
    ahead = lambda t: server(t).replace("\t", " ").replace(".", "-")  # noqa: E731
    path.write_text("\n".join([USUAL, *(plain(ahead)(i, row) for i, row in enumerate(rows))]))
    seen, notes = seen_in(path)
    assert seen.open_ns.tolist() == [row.open_ns for row in rows]
    assert any("New York + 7 h" in note for note in notes)


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_file_that_ends_soon_after_a_change_of_clocks(tmp_path: Path, after: int) -> None:
    rows = days(20251020, 10 + after)
    path = tmp_path / "NQZ25.csv"
    path.write_text("\n".join([USUAL, *(plain(ny("%Y-%m-%d %H:%M:%S"))(i, row) for i, row in enumerate(rows))]))
    seen, _ = seen_in(path)
    assert seen.open_ns.tolist() == [row.open_ns for row in rows]


def test_one_record_of_another_decade_costs_one_record(tmp_path: Path) -> None:
    path = tmp_path / "NQZ25.csv"
    strange = f"1970-01-01T00:00:00Z{plain(lambda t: '')(0, WEEK[0])}"
    path.write_text("\n".join([USUAL, strange, *(plain(ISO)(i, row) for i, row in enumerate(WEEK))]))
    seen, notes = seen_in(path)
    assert seen.open_ns.tolist() == [row.open_ns for row in WEEK]
    assert "1 rows stamped weeks away from all others cut, as 1970-01-01 00:00" in notes


@pytest.mark.parametrize("year", [1995, 2040])
def test_the_same_in_a_scid_file(tmp_path: Path, year: int) -> None:
    strange = int(dt.datetime(year, 1, 2, tzinfo=dt.UTC).timestamp()) * 10**9
    records = [tick(row.open_ns, row.open, row.volume) for row in WEEK]
    path = write_scid(tmp_path / "NQZ25-CME.scid", *records[:100], tick(strange, 1.0), *records[100:])
    loaded = load(path, calendar=CALENDAR)
    assert len(loaded.bars) == len(WEEK)
    assert any("1 records from another decade cut" in line for line in loaded.sentences())


def test_parquet_in_units_of_1e_9(tmp_path: Path) -> None:
    columns = {name: [round(getattr(row, name) * 1e9) for row in WEEK] for name in ("open", "high", "low", "close")}
    times = pl.Series("ts_event", [row.open_ns for row in WEEK]).cast(pl.Datetime("ns", "UTC"))
    pl.DataFrame([times]).with_columns(**{k: pl.Series(v) for k, v in columns.items()}, volume=9).write_parquet(
        tmp_path / "NQZ25.parquet"
    )
    seen, notes = seen_in(tmp_path / "NQZ25.parquet")
    assert seen.prices.round(6).T.tolist() == [list(row[1:5]) for row in WEEK]
    assert any("in units of 1e-9" in note for note in notes)


def test_ticks_of_ninjatrader_with_seven_digits(tmp_path: Path) -> None:
    path = tmp_path / "NQ 12-25.Last.txt"
    path.write_text(
        "".join(f"20251006 0935{i:02d} {i:06d}7;25000.25;25000;25000.5;{i * 37 % 60 + 1}\n" for i in range(60))
    )
    (bars,), _ = read_file(path, Options(timezone="UTC"))
    assert (len(bars), bars.bar(0).volume, bars.bar(0).close_ticks, bars.symbol) == (1, 1830, 100_001, "NQZ25")


def test_symbol_overrides_a_column_that_is_no_contract(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    text = "\n".join(["time,symbol,open,high,low,close,volume", *(plain(ISO, "mine,")(0, row) for row in WEEK)])
    path.write_text(text)
    with pytest.raises(DataError, match=r"bars.csv holds mine"):
        read_file(path)
    assert load(path, symbol="NQ", calendar=CALENDAR).bars.symbol == "NQ"
