"""What a data file is by its first bytes and lines, and a text file's table as columns of text.

Nothing here knows what a column means: see `formats` and `tables`.  Importers only: this loads polars, which also
decompresses gzip and zstandard.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from minhos.errors import DataError

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = ("\t", ";", ",", "|")
SAMPLE_LINES = 50
SAMPLE_BYTES = 1 << 16
GZIP, ZSTD, PARQUET, UTF_16 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1", (b"\xff\xfe", b"\xfe\xff")
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_WHOLE_LINE = "\x01"
"""No table is cut by that, so a line stays whole."""


class Sample(msgspec.Struct, frozen=True):
    """The beginning of a file, by which its format is recognised."""

    path: Path
    start: bytes
    """The first 64 KB as they lie on disk."""
    lines: tuple[str, ...] = ()
    """The first lines of text that are not blank, at most 50; none for another file."""
    delimiter: str = ""
    """What cuts the lines into fields."""
    header: tuple[str, ...] = ()
    """The fields of the first line, or the columns of a parquet file."""
    blank_lines: int = 0
    """So many before the first line."""

    @property
    def has_header(self) -> bool:
        """The first line is made of names, not of values; names may be of one letter where nothing else is there."""
        names = any(re.search(r"[A-Za-z]{3}", name) for name in self.header)
        letters = len(self.header) > 2 and all(re.fullmatch(r"[A-Za-z_]\w*", name) for name in self.header if name)
        return (names and not re.match(r"\d", self.header[0])) or (letters and any(self.header))


def sample_of(path: Path) -> Sample:
    """The beginning of a file.  Raises DataError for one that cannot be opened, or that no reader understands."""
    start = _start(path)
    if start.startswith(b"SCID") or path.suffix.lower() == ".scid":
        return Sample(path, start)
    if not start:
        raise DataError(f"{path} is empty; export or copy it again")
    if start.startswith(SPREADSHEETS):
        raise DataError(f"{path} is a spreadsheet or an archive; unpack it, or save the sheet as CSV")
    if start.startswith(PARQUET):
        return Sample(path, start, header=_columns(path))
    if b"\0" in start[:1000] and not start.startswith((GZIP, ZSTD, *UTF_16)):
        raise DataError(f"{path} is neither .scid, parquet nor text; export the bars as CSV")
    found = _first_lines(path, start)
    lines = tuple(line for line in found if line.strip())
    if len(lines) < 2:
        raise DataError(f"{path} has {len(lines)} lines; a header line and at least one bar are needed")
    delimiter = _delimiter(lines, path)
    header = tuple(name.strip().strip('"') for name in next(csv.reader(lines[:1], delimiter=delimiter)))
    return Sample(path, start, lines, delimiter, header, found.index(lines[0]))


def read_frame(sample: Sample, *, headed: bool) -> pl.DataFrame:
    """The table of a text or parquet file, columns by their number as in `sample.header`; text ones are text.

    headed: the first line is no row.  Raises DataError.
    """
    import polars as pl

    if sample.start.startswith(PARQUET):
        return _parquet(sample.path)
    names = [f"{i}" for i in range(len(sample.header))]
    try:
        frame = pl.read_csv(
            _source(sample.path, sample.start),
            has_header=False,
            skip_lines=sample.blank_lines + headed,
            separator=sample.delimiter,
            encoding="utf8-lossy",
            infer_schema=False,
            truncate_ragged_lines=True,
            schema=dict.fromkeys(names, pl.String),
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(sample.path, sample.start, error) from None
    frame = frame.with_columns(pl.all().str.strip_chars(" \t\r\"'"))
    return frame.filter(~pl.all_horizontal((pl.all() == "").fill_null(True)))


def _parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, PARQUET, error) from None
    return frame.rename({name: f"{i}" for i, name in enumerate(frame.columns)})


def _columns(path: Path) -> tuple[str, ...]:
    import polars as pl

    try:
        return tuple(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, PARQUET, error) from None


def _first_lines(path: Path, start: bytes) -> list[str]:
    """The first lines, blank ones too.  Raises DataError."""
    import polars as pl

    try:
        column = pl.read_csv(
            _source(path, start),
            has_header=False,
            separator=_WHOLE_LINE,
            quote_char=None,
            encoding="utf8-lossy",
            infer_schema=False,
            truncate_ragged_lines=True,
            schema={"line": pl.String},
            n_rows=SAMPLE_LINES,
        )["line"]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, start, error) from None
    return [(line or "").strip("\ufeff\r") for line in column.to_list()]


def _source(path: Path, start: bytes) -> Path | io.BytesIO:
    """What polars reads: the file itself, or its text where that is not in lines of UTF-8."""
    if start.startswith(UTF_16):
        return io.BytesIO(path.read_bytes().decode("utf-16", errors="replace").encode())
    if b"\r" in start and b"\n" not in start and not start.startswith((GZIP, ZSTD)):
        return io.BytesIO(path.read_bytes().replace(b"\r", b"\n"))
    return path


def _unreadable(path: Path, start: bytes, error: Exception) -> DataError:
    reason = str(error).splitlines()[0]
    kinds = {GZIP: "a damaged gzip file", ZSTD: "a damaged zstandard file", PARQUET: "a damaged parquet file"}
    damaged = next((words for magic, words in kinds.items() if start.startswith(magic)), "")
    if damaged:
        return DataError(f"{path} is {damaged} ({reason}); copy it again")
    return DataError(f"{path} is no table that can be read ({reason}); export it again")


def _delimiter(lines: tuple[str, ...], path: Path) -> str:
    """The separator that cuts every sampled line into the same number of fields."""
    for delimiter in DELIMITERS:
        try:
            fields = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if fields[0] >= 2 and min(fields) >= fields[0] - 1:
            return delimiter
    longest = max(map(len, lines))
    if longest > csv.field_size_limit():
        raise DataError(f"{path} is no table: a line has {longest:,} characters; export the bars as CSV")
    raise DataError(f"{path} is no table: its lines are not cut by commas, semicolons or tabs ({lines[0][:40]!r})")


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SAMPLE_BYTES)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; give the path of a data file or of a folder") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened ({error.strerror}); close the program that holds it or allow reading it"
        ) from None
