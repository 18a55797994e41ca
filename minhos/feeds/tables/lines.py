"""Lines of a text file by their number: which have more fields than the header line names, and where a row stands.

polars reads tables and counts rows; a trader looks for lines.  Looked up only where something is to be said.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minhos.feeds.tables.sniff import Sample

PIECE_BYTES = 1 << 23
_NEWLINE, _QUOTE, _REMARK = 10, 34, 35


class Line(NamedTuple):
    """row: its place among the rows that polars reads, number: in the file, from 1."""

    row: int
    number: int
    text: str
    fields: int


def longer_lines(sample: Sample) -> tuple[list[Line], int, list[int]]:
    """Lines with something beyond the last column that the header line names, how many lines there are, and the
    numbers of those that are remarks.
    """
    named, rows = len(sample.header), 0
    found: list[Line] = []
    remarks: list[int] = []
    for piece in _pieces(sample) if sample.lines else ():
        remarks += piece.remarks.tolist()
        if not len(piece.starts):
            continue
        rows = piece.first_row + len(piece.starts)
        marks = (piece.letters == ord(sample.delimiter)).view(np.uint8)
        counts = np.add.reduceat(marks, piece.starts, dtype=np.uint16)
        for i in np.flatnonzero(counts >= named).tolist():
            line = piece.line(i)
            fields = next(csv.reader([line.text], delimiter=sample.delimiter, skipinitialspace=True), [])
            if any(field.strip() for field in fields[named:]):
                found.append(line._replace(fields=len(fields)))
    return found, rows, remarks


def open_quote(sample: Sample) -> Line | None:
    """The first line with a quotation mark that is not closed in it."""
    for piece in _pieces(sample) if sample.lines else ():
        marks = (piece.letters == _QUOTE).view(np.uint8)
        if len(piece.starts) and marks.any():
            odd = np.flatnonzero(np.add.reduceat(marks, piece.starts, dtype=np.uint16) % 2)
            if len(odd):
                return piece.line(int(odd[0]))
    return None


def lines_of(sample: Sample, rows: Collection[int]) -> dict[int, Line]:
    """The lines in which those rows stand."""
    left = np.array(sorted(rows), np.int64)
    found: dict[int, Line] = {}
    for piece in _pieces(sample):
        here = left[left < piece.first_row + len(piece.starts)]
        found |= {int(row): piece.line(int(row) - piece.first_row) for row in here}
        left = left[len(here) :]
        if not len(left):
            break
    return found


class _Piece(NamedTuple):
    """Whole lines that are no remarks: where each begins and ends, its number, and the row of the first.

    remarks: numbers of those that are.
    """

    letters: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    numbers: np.ndarray
    first_row: int
    remarks: np.ndarray

    def line(self, i: int) -> Line:
        text = bytes(self.letters[self.starts[i] : self.ends[i]]).decode("utf-8", errors="replace")
        return Line(self.first_row + i, int(self.numbers[i]), text.strip("\r"), 0)


def _pieces(sample: Sample) -> Iterator[_Piece]:
    """The rows of the table, some megabytes at a time."""
    row, number = 0, 1
    for data in _chunks(sample):
        letters = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(letters == _NEWLINE)
        starts = np.r_[0, ends[:-1] + 1]
        numbers = number + np.arange(len(ends))
        number += len(ends)
        below, remark = numbers > sample.skipped, letters[starts] == _REMARK
        kept = below & ~remark
        piece = _Piece(letters, starts[kept], ends[kept], numbers[kept], row, numbers[below & remark])
        row += len(piece.starts)
        yield piece


def _chunks(sample: Sample) -> Iterator[bytes]:
    """The content in pieces that end with a line."""
    assert sample.content is not None
    source = sample.content.source
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        rest = b""
        while data := file.read(PIECE_BYTES):
            whole, mark, begun = (rest + data).rpartition(b"\n")
            rest = begun
            if mark:
                yield whole + mark
        if rest:
            yield rest + b"\n"
