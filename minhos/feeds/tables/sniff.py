"""What a data file is by its first bytes and lines, and a text file's table as columns of text or numbers.

Finds what cuts the lines, the header line behind lines of another kind, or that there is none.  Nothing here knows
what a column means: see `formats` and `tables`.  Importers only: this loads polars.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import DataError
from minhos.feeds.tables.containers import PARQUET, SAMPLE_BYTES, SCID, Content, content_of

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = ("\t", ";", ",", "|")
SAMPLE_LINES = 50
MOST_ABOVE = 40
"""Lines of another kind that may stand above a table."""
MOST_HEADS = 3
LEAST_ALIKE = 0.6
"""Share of the sampled lines that must be cut into the same number of fields."""
_NUMBER = "number"
_PLAIN = re.compile(r"[-+]?\d+(\.\d+)?")
_NO_GROUPS = re.compile(r"[-+]?(\d{4,}(\.\d+)?|\d+\.(\d{1,2}|\d{4,}))")
"""Numbers whose point cannot part thousands."""


class Sample(msgspec.Struct, frozen=True):
    """The beginning of a file, by which its format is recognised."""

    path: Path
    start: bytes
    """The first 64 KB of what is in it, unpacked."""
    lines: tuple[str, ...] = ()
    """The first lines of the table that are not blank, its header line first; none for another file."""
    delimiter: str = ""
    """What cuts the lines into fields."""
    header: tuple[str, ...] = ()
    """The names of the columns, or the fields of the first line where there are none, or the columns of a parquet."""
    has_header: bool = True
    """The first line is made of names, not of values."""
    skipped: int = 0
    """Lines of the file before the first row."""
    above: tuple[str, ...] = ()
    """Lines above the table, the header line not among them: what an exporting program says of it."""
    content: Content | None = None
    """What is in it, unpacked; None where the file itself is read."""

    @property
    def name(self) -> str:
        """Of the file that was packed, or of this one."""
        return self.content.name if self.content is not None else self.path.name

    def rows(self) -> list[list[str]]:
        """The fields of the sampled rows, without the header line's."""
        if not self.lines:
            return []
        fields = list(csv.reader(self.lines, delimiter=self.delimiter, skipinitialspace=True))
        return [[field.strip() for field in row] for row in fields[self.has_header :]]


def sample_of(path: Path) -> Sample:
    """The beginning of a file.  Raises DataError for one that cannot be opened, or that no reader understands."""
    content = content_of(path)
    start = content.start
    if start.startswith(SCID) or path.suffix.lower() == ".scid":
        return Sample(path, start)
    if not start:
        raise DataError(f"{path} is empty; export or copy it again")
    if start.startswith(PARQUET):
        return Sample(path, start, header=_columns(path, content), content=content)
    found = _first_lines(content)
    if len(found) < 2 and len(start) >= SAMPLE_BYTES:
        raise DataError(f"{path} is no table: a line has more than {SAMPLE_BYTES // 2:,} characters; export it as CSV")
    if len(found) < 2:
        raise DataError(f"{path} has {len(found)} lines; a header line and at least one bar are needed")
    delimiter = _delimiter([line for _, line in found], path)
    first = _first_row(found, delimiter)
    names, headed, top = _names(found, first, delimiter)
    return Sample(
        path,
        start,
        tuple(line for _, line in found[first - headed :])[:SAMPLE_LINES],
        delimiter,
        names,
        bool(headed),
        found[first][0],
        tuple(line for _, line in found[:top]),
        content,
    )


class Frame(NamedTuple):
    """table: columns by their number as in `Sample.header`, without blank rows; number: of each row as it was read."""

    table: pl.DataFrame
    number: npt.NDArray[np.int64]
    rows: int
    """With the blank ones."""


def read_frame(sample: Sample, *, text: Collection[int], numbers: Collection[int]) -> Frame:
    """The wanted columns of a text or parquet file.

    Text is as it stands in the file; a column of `numbers` is numeric where each of its values is a plain number, else
    text.  Raises DataError.
    """
    import polars as pl

    if sample.start.startswith(PARQUET):
        frame = _parquet(sample).select(f"{i}" for i in sorted({*text, *numbers}))
        return Frame(frame, np.arange(len(frame)), len(frame))
    as_text = {*text} - {*numbers}
    kinds = {i: kind for i in numbers if (kind := _kind(sample, i)) is not None}
    as_text |= {*numbers} - kinds.keys()
    frame = _read(sample, as_text, kinds)
    for i in kinds:
        if frame[f"{i}"].null_count():
            frame = frame.with_columns(_read(sample, {i}, {})[f"{i}"])
    number, rows = frame.drop_in_place(_NUMBER), len(frame)
    frame = frame.with_columns(_stripped(each) for each in frame if each.dtype == pl.String)
    blank = pl.all_horizontal(
        pl.col(each.name).is_null() | (pl.col(each.name) == "") if each.dtype == pl.String else each.is_null()
        for each in frame
    )
    kept = frame.select(~blank).to_series()
    if not kept.all():
        frame, number = frame.filter(kept), number.filter(kept)
    return Frame(frame, number.to_numpy().astype(np.int64), rows)


def _kind(sample: Sample, column: int) -> pl.DataType | None:
    """As what a column of numbers is read at once; None where its text must be looked at first."""
    import polars as pl

    values = [row[column] for row in sample.rows() if column < len(row) and row[column]]
    if not values or not all(_PLAIN.fullmatch(value) for value in values):
        return None
    if any(_NO_GROUPS.fullmatch(value) for value in values):
        return pl.Float64()
    return None if any("." in value for value in values) else pl.Int64()


def _read(sample: Sample, text: Collection[int], numbers: dict[int, pl.DataType]) -> pl.DataFrame:
    """Those columns and the numbers of rows; what a row has beyond the last name is cut off."""
    import polars as pl

    assert sample.content is not None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="CSV malformed")  # a quotation mark left open: see `lines`
            return pl.read_csv(
                sample.content.readable(),
                has_header=False,
                skip_lines=sample.skipped,
                separator=sample.delimiter,
                encoding="utf8-lossy",
                infer_schema=False,
                ignore_errors=bool(numbers),
                truncate_ragged_lines=True,
                extra_columns="ignore",
                comment_prefix="#",
                columns=sorted({*text, *numbers}),
                schema={f"{i}": numbers.get(i, pl.String()) for i in range(len(sample.header))},
                row_index_name=_NUMBER,
            )
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{sample.path} is no table that can be read ({reason}); export it again") from None


def _stripped(column: pl.Series) -> pl.Series:
    """Without spaces and quotes around each value; as it is where all values are as long as one that has none."""
    first = next(iter(column.head(SAMPLE_LINES).drop_nulls().to_list()), "")
    lengths = column.str.len_bytes()
    if first and first == first.strip(" \t\r\"'") and lengths.min() == lengths.max():
        return column
    return column.str.strip_chars(" \t\r\"'\u00a0\u202f\ufeff")


def _parquet(sample: Sample) -> pl.DataFrame:
    import polars as pl

    assert sample.content is not None
    try:
        frame = pl.read_parquet(sample.content.readable())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged_parquet(sample.path, error) from None
    return frame.rename({name: f"{i}" for i, name in enumerate(frame.columns)})


def _columns(path: Path, content: Content) -> tuple[str, ...]:
    import polars as pl

    try:
        return tuple(pl.read_parquet_schema(content.readable()))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged_parquet(path, error) from None


def _damaged_parquet(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is a damaged parquet file ({str(error).splitlines()[0]}); copy it again")


def _first_lines(content: Content) -> list[tuple[int, str]]:
    """The first lines that are neither blank nor remarks, each with its number in the file."""
    lines = content.start.decode("utf-8", errors="replace").split("\n")
    if len(content.start) >= SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    kept = [(i, line.strip("\ufeff\r")) for i, line in enumerate(lines)]
    return [(i, line) for i, line in kept if line.strip() and set(line) - set(",;\t| ")][: SAMPLE_LINES + MOST_ABOVE]


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except (csv.Error, StopIteration):
        return [line]


def _delimiter(lines: list[str], path: Path) -> str:
    """The separator that cuts most of the sampled lines into the same number of fields."""
    for delimiter in DELIMITERS:
        counts = Counter(len(_fields(line, delimiter)) for line in lines)
        usual = max(counts, key=lambda n: (counts[n], n))
        alike = sum(n for fields, n in counts.items() if usual - 1 <= fields <= usual + 1 and fields >= 2)
        if usual >= 2 and alike >= LEAST_ALIKE * len(lines):
            return delimiter
    raise DataError(f"{path} is no table: its lines are not cut by commas, semicolons or tabs ({lines[0][:40]!r})")


def _is_row(fields: list[str], usual: int) -> bool:
    """It has values: about as many fields as most lines, at least half of the filled ones with a digit in front."""
    filled = [field for field in fields if field]
    values = sum(bool(re.match(r"[-+.(]?\d", field)) for field in filled)
    return bool(filled) and len(fields) >= usual - 1 and values >= 0.5 * len(filled)


def _first_row(found: list[tuple[int, str]], delimiter: str) -> int:
    """Index of the first line that is a row of the table; 1 where none is, so that the first line has the names."""
    split = [_fields(line, delimiter) for _, line in found]
    usual = Counter(map(len, split)).most_common(1)[0][0]
    rows = [_is_row(fields, usual) for fields in split]
    for i, is_row in enumerate(rows):
        if is_row and (i + 1 == len(rows) or rows[i + 1]):
            return i
    return next((i for i, is_row in enumerate(rows) if is_row), 1)


def _names(found: list[tuple[int, str]], first: int, delimiter: str) -> tuple[tuple[str, ...], int, int]:
    """Names of the columns, whether they are the line before the first row, and how many lines stand above them.

    Several header lines (yfinance writes three) are one: what the lowest leaves empty the one above it with the most
    different names says.
    """
    row = _fields(found[first][1], delimiter)
    heads: list[list[str]] = []
    for _, line in reversed(found[max(0, first - MOST_HEADS) : first]):
        fields = [field.lstrip("#").strip() for field in _fields(line, delimiter)]
        if abs(len(fields) - len(row)) > 1:
            break
        heads.append(fields)
        if _filled(heads[0]) > len(row) / 2:
            break
    if not heads:
        return tuple(row), 0, first
    fullest = max(heads, key=lambda fields: len(set(fields)))
    names = [name or (fullest[i] if i < len(fullest) else "") for i, name in enumerate(heads[0])]
    return tuple(names), 1, first - 1


def _filled(fields: list[str]) -> int:
    return sum(field != "" for field in fields)
