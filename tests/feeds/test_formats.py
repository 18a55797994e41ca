"""The table of file formats, its door for a user's row, and the containers that any row may come in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from market_days import CALENDAR, Row, days, wall, write
from scid_files import tick
from scid_files import write as write_scid

from minhos import parts
from minhos.errors import DataError, PartsError
from minhos.feeds.check import check_data
from minhos.feeds.files import load
from minhos.feeds.tables.formats import FORMATS, Options, format_of
from minhos.feeds.tables.sniff import sample_of
from minhos.feeds.tables.tables import read_file
from minhos.market.types import BAR_INTERVAL_NS, Bars

EXAMPLE = Path(__file__).parents[2] / "examples/format_my_script.py"
WEEK = days(20251006, 6)
SIERRA = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
OWN = """
from minhos import parts
from minhos.feeds.tables.formats import Format

@parts.formats("own")
def own():
    return Format({row})
"""


@pytest.fixture(autouse=True)
def no_parts_remain() -> Iterator[None]:
    yield
    parts.load()


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], None]:
    """Load a user's file with that row."""

    def load(row: str) -> None:
        (tmp_path / "my_parts.py").write_text(OWN.format(row=row))
        parts.load(tmp_path / "my_parts.py")

    return load


def iso(time_ns: int) -> str:
    return wall(time_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")


def by_my_script(path: Path, rows: list[Row]) -> Path:
    lines = ["When;First;Top;Bottom;Px;Lots"]
    for row in rows:
        prices = ";".join(f"{price * 100:.0f}" for price in row[1:5])
        lines.append(
            f"{wall(row.open_ns + BAR_INTERVAL_NS, 'America/Chicago', '%d.%m.%Y %H:%M')};{prices};{row.volume}"
        )
    path.write_text("\n".join(lines))
    return path


def assert_are(bars: Bars, rows: list[Row]) -> None:
    assert bars.close_time_ns.tolist() == [row.open_ns + BAR_INTERVAL_NS for row in rows]
    assert (bars.open_ticks / 4).tolist() == [row.open for row in rows]
    assert (bars.close_ticks / 4).tolist() == [row.close for row in rows]
    assert bars.volume.tolist() == [row.volume for row in rows]


def test_the_example_s_row_reads_what_no_other_row_could(tmp_path: Path) -> None:
    path = by_my_script(tmp_path / "NQZ25.csv", WEEK[:40])
    with pytest.raises(DataError, match="no column for the time"):
        read_file(path)
    parts.load(EXAMPLE)
    (bars,), notes = read_file(path)
    assert_are(bars, WEEK[:40])
    assert (notes.timezone, notes.stamps) == ("America/Chicago", "close")
    assert notes.sentences()[0] == "read as what my script writes: its header line begins with When, First"


def test_check_data_names_the_format(tmp_path: Path) -> None:
    parts.load(EXAMPLE)
    notes = check_data(by_my_script(tmp_path / "NQZ25.csv", WEEK), calendar=CALENDAR).notes
    assert notes[0].startswith("NQZ25.csv: read as what my script writes:")
    notes = check_data(write(tmp_path / "NQH26.csv", WEEK, iso), calendar=CALENDAR).notes
    assert notes[0].startswith("NQH26.csv: read as a table with a header line:")


def test_what_the_caller_says_counts_before_the_row(tmp_path: Path) -> None:
    parts.load(EXAMPLE)
    path = by_my_script(tmp_path / "NQZ25.csv", WEEK[:40])
    (bars,), notes = read_file(path, Options(timezone="UTC", stamps="open"))
    assert (notes.timezone, notes.stamps) == ("UTC", "open")
    assert bars.close_time_ns[0] == WEEK[0].open_ns + 2 * BAR_INTERVAL_NS - 5 * 3600 * 10**9


def test_ours_are_recognised_by_content(tmp_path: Path) -> None:
    scid = write_scid(tmp_path / "NQZ25-CME.dat", tick(WEEK[0].open_ns, 25000.0))
    assert format_of(sample_of(scid))[0] is FORMATS["scid"]
    text = tmp_path / "NQZ25-CME.txt"
    text.write_text(f"{SIERRA}, A study\n2025/10/6, 13:30:00, 1, 1, 1, 1, 1, 1, 0, 1, 7\n")
    assert format_of(sample_of(text))[0] is FORMATS["sierra_text"]


def test_a_user_s_row_is_tried_before_ours(tmp_path: Path, own: Callable[[str], None]) -> None:
    own('title="mine", begins=("date", "time", "open"), stamps="close"')
    text = tmp_path / "NQZ25-CME.txt"
    text.write_text(f"{SIERRA}\n2025/10/6, 13:30:00, 1, 1, 1, 1, 1, 1, 0, 1\n")
    assert format_of(sample_of(text))[0].title == "mine"


def test_a_row_may_name_the_columns_of_a_file_without_a_header_line(tmp_path: Path, own: Callable[[str], None]) -> None:
    own(
        'title="mine", recognise=lambda sample: sample.path.stem.endswith(".Last"), stamps="close", zone="UTC", '
        'header=("timestamp", "open", "high", "low", "close", "volume")'
    )
    stamp = lambda t: wall(t + BAR_INTERVAL_NS, "UTC", "%Y%m%d %H%M%S")  # noqa: E731
    path = write(tmp_path / "NQZ25.Last.txt", WEEK[:40], stamp, sep=";", header="timestamp;open;high;low;close;volume")
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    (bars,), _ = read_file(path)
    assert_are(bars, WEEK[:40])
    assert not sample_of(path).has_header
    path.write_text("20251006 093500;1;2\n20251006 094000;1;2\n")
    with pytest.raises(DataError, match="has 3 columns; mine has 6"):
        read_file(path)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            'title="mine", begins=("when",), columns={"clos": "Px"}',
            "'clos' is no role of a column; roles are stamp, open",
        ),
        ('title="mine", begins=("when",), stamps="end"', "stamps = 'end'"),
        ('title="mine"', "says neither"),
        ('title="mine", recognise=lambda sample: 1 / 0', "ZeroDivisionError"),
        ('titel="mine"', "TypeError"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_file_and_line(
    tmp_path: Path, own: Callable[[str], None], row: str, sentence: str
) -> None:
    own(row)
    with pytest.raises(PartsError, match=rf"my_parts.py:\d+: the file format 'own' cannot be used.*{sentence}"):
        read_file(by_my_script(tmp_path / "NQZ25.csv", WEEK[:40]))


def test_a_column_that_is_not_there_is_named(tmp_path: Path, own: Callable[[str], None]) -> None:
    own('title="mine", begins=("when",), columns={"close": "Price"}')
    with pytest.raises(DataError, match=r"NQZ25.csv has no column 'Price', which its format names as close"):
        read_file(by_my_script(tmp_path / "NQZ25.csv", WEEK[:40]))


def _zstd(data: bytes, folder: Path) -> bytes:
    path = folder / "packed.zst"
    pl.DataFrame({"line": data.decode().split("\n")}).write_csv(
        path, include_header=False, quote_style="never", compression="zstd"
    )
    return path.read_bytes()


def _zip(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        lambda data, folder: gzip.compress(data),
        _zstd,
        lambda data, folder: bz2.compress(data[:50_000]) + bz2.compress(data[50_000:]),
        lambda data, folder: lzma.compress(data),
        lambda data, folder: _zip(**{"export/NQZ25.csv": data, "__MACOSX/export/._NQZ25.csv": b"x"}),
        lambda data, folder: gzip.compress(b"\xef\xbb\xbf" + data),
        lambda data, folder: _zip(a=gzip.compress(data.decode().encode("utf-16"))),
        lambda data, folder: data.decode().encode("utf-16"),
        lambda data, folder: data.decode().encode("utf-16-le"),
        lambda data, folder: data.decode().encode("utf-16-be"),
        lambda data, folder: b"# my export\n# of NQ, 5 minutes\n" + data,
        lambda data, folder: b"E-mini Nasdaq-100\nbars of 5 minutes; from 2025, to 2025\n\n" + data,
        lambda data, folder: b"timestamp" + data[9:].replace(b"\n", b",\n"),
        lambda data, folder: b"\n".join(b'"' + line.replace(b",", b'","') + b'"' for line in data.split(b"\n")[:-1]),
        lambda data, folder: b"\xef\xbb\xbf" + data,
        lambda data, folder: data.replace(b"\n", b"\r"),
        lambda data, folder: data.replace(b"\n", b"\r\n"),
        lambda data, folder: b"\n \n" + data,
        lambda data, folder: data.replace(b"\n", b"\n\n").replace(b"volume\n", b"volume\n,,,,,\n"),
        lambda data, folder: data.replace(b"volume\n", b"volume,\xe4ra\n").replace(b",1000\n", b",1000,\xe4\n"),
    ],
    ids=[
        "gzip",
        "zstandard",
        "bzip2 in two",
        "xz",
        "zip",
        "gzip with a mark",
        "zip, gzip, UTF-16",
        "UTF-16",
        "UTF-16 LE",
        "UTF-16 BE",
        "remarks",
        "preamble",
        "comma at the end",
        "quoted",
        "BOM",
        "old Mac",
        "Windows",
        "blank first",
        "blank between",
        "Latin-1",
    ],
)
def test_every_container_gives_the_same_bars(tmp_path: Path, packed: Callable[[bytes, Path], bytes]) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, iso)
    path.write_bytes(packed(path.read_bytes(), tmp_path))
    (bars,), notes = read_file(path)
    assert_are(bars, WEEK)
    assert notes.rejected == 0
    assert notes.rows == len(WEEK)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            _zip(**{"NQZ25.csv": b"1", "NQH26.csv": b"2"}),
            r"is an archive of 2 files \(NQZ25.csv, NQH26.csv\); unpack it",
        ),
        (_zip(**{"[Content_Types].xml": b"1", "xl/workbook.xml": b"2"}), "is a spreadsheet; save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "is a spreadsheet; save the sheet as CSV"),
        (gzip.compress(b"SCID" + bytes(100), mtime=0), "is a packed .scid file; unpack it"),
        (b"DBN\x01" + bytes(100), "is Databento's binary encoding"),
        (bz2.compress(b"time,price" * 999)[:-20], "is a damaged bzip2 file"),
    ],
)
def test_what_no_container_can_give_is_refused_by_its_name(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "NQZ25.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_file(path)


def test_a_footer_is_a_row_without_a_time_and_said(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, iso)
    path.write_text(path.read_text() + '"Downloaded from Barchart.com as of 10-14-2025 04:25pm CDT"\n')
    (bars,), notes = read_file(path)
    assert_are(bars, WEEK)
    assert "1 rows without a time or a price left out" in notes.lines


def test_several_header_lines_are_one(tmp_path: Path) -> None:
    lines = ["Price,Close,High,Low,Open,Volume", "Ticker,NQ=F,NQ=F,NQ=F,NQ=F,NQ=F", "Datetime,,,,,"]
    lines += [f"{iso(r.open_ns)},{r.close},{r.high},{r.low},{r.open},{r.volume}" for r in WEEK]
    path = tmp_path / "NQ.csv"
    path.write_text("\n".join(lines))
    assert sample_of(path).header == ("Datetime", "Close", "High", "Low", "Open", "Volume")
    assert sample_of(path).above == tuple(lines[:2])
    (bars,), _ = read_file(path)
    assert_are(bars, WEEK)


def test_a_download_is_named_by_what_is_packed_in_it(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", WEEK, iso)
    (tmp_path / "download.zip").write_bytes(_zip(**{"2025/MNQZ25.csv": path.read_bytes()}))
    (bars,), _ = read_file(tmp_path / "download.zip")
    assert bars.symbol == "MNQZ25"


def test_a_folder_of_days_within_a_folder_of_a_contract_is_one_history(tmp_path: Path) -> None:
    for i in range(6):
        folder = tmp_path / "mine" / ("NQ Z25" if i % 2 else "NQZ25") / f"{i}"
        folder.mkdir(parents=True)
        write(folder / f"NQZ25_{i}.csv", WEEK[i * 276 : (i + 1) * 276], iso)
    (tmp_path / "mine" / "NQZ25" / "readme.txt").write_text("not a table")
    assert_are(load(tmp_path / "mine", stamps="open", calendar=CALENDAR).bars, WEEK)


def test_half_a_file_is_not_read_as_a_whole_one(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25.csv", WEEK, iso)
    for data, words in ((gzip.compress(path.read_bytes()), "gzip"), (_zstd(path.read_bytes(), tmp_path), "zstandard")):
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(DataError, match=f"is a damaged {words} file"):
            read_file(path)


def test_a_number_that_parts_in_two_is_named(tmp_path: Path) -> None:
    path = tmp_path / "NQZ25.csv"
    path.write_text("time,open,high,low,close,volume\n2025-10-06 09:35,25000,25010,24990,25000.25,1,234\n")
    with pytest.raises(
        DataError,
        match=r"1 of 1 rows have more fields than the header line names; the first is line 2 .* such as 1,234",
    ):
        load(path, calendar=CALENDAR)
