"""What a data file is, told by its first bytes, and a text file's table as columns of text.

Nothing here knows what a column means: see `tables`.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minhos.errors import DataError

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = ("\t", ";", ",", "|")
SAMPLE_LINES = 50


class Kind(StrEnum):
    """The file formats that MinhOS reads."""

    SCID = "scid"
    PARQUET = "parquet"
    TEXT = "text"


class Text(NamedTuple):
    """A text table: its columns, all of type text, under the names of its header line."""

    columns: list[str]
    frame: pl.DataFrame


def kind_of(path: Path) -> Kind:
    """The format of a file, by content.  Raises DataError for a file that cannot be opened or is none of these."""
    start = _read(path, 8)
    if start.startswith(b"SCID") or path.suffix.lower() == ".scid":
        return Kind.SCID
    if not start:
        raise DataError(f"{path} is empty; export or copy it again")
    if start.startswith(b"PAR1"):
        return Kind.PARQUET
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise DataError(f"{path} is a spreadsheet or an archive; unpack it, or save the sheet as CSV")
    return Kind.TEXT


def read_text(path: Path) -> Text:
    """The table in a text file, gzip or not.  Raises DataError for a file that is no table with a header line."""
    lines = _decoded(path).lstrip("\ufeff \r\n").splitlines()
    if len(lines) < 2:
        raise DataError(f"{path} has {len(lines)} lines; a header line and at least one bar are needed")
    delimiter = _delimiter(lines[:SAMPLE_LINES], path)
    header = [name.strip().strip('"') for name in next(csv.reader([lines[0]], delimiter=delimiter))]
    if not any(re.search(r"[A-Za-z]{3}", name) for name in header) or re.match(r"\d", header[0]):
        raise DataError(
            f"{path} has no header line (it begins with {lines[0][:40]!r}); put the names of the columns into its "
            "first line, as in timestamp,open,high,low,close,volume"
        )
    return Text(header, _frame(lines, header, delimiter, path))


def _frame(lines: list[str], header: list[str], delimiter: str, path: Path) -> pl.DataFrame:
    import polars as pl

    body = "\n".join(line for line in lines[1:] if line.strip(" ,;\t\r"))
    names = [f"{i}" for i in range(len(header))]
    try:
        frame = pl.read_csv(
            io.BytesIO(body.encode()),
            has_header=False,
            new_columns=names,
            separator=delimiter,
            infer_schema=False,
            truncate_ragged_lines=True,
            schema=dict.fromkeys(names, pl.String),
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is no table that can be read ({reason}); export it again") from None
    return frame.with_columns(pl.all().str.strip_chars(" \t\"'"))


def _delimiter(lines: list[str], path: Path) -> str:
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


def _decoded(path: Path) -> str:
    data = _read(path)
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{path} is a damaged gzip file ({error}); copy it again") from None
    if b"\0" in data[:1000] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path} is neither .scid, parquet nor text; export the bars as CSV")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _read(path: Path, n: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(n)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; give the path of a data file or of a folder") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened ({error.strerror}); close the program that holds it or allow reading it"
        ) from None
