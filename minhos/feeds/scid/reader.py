"""One open .scid file, read record by record: what every reader of a growing file shares.

Keeps nothing mapped, so that Sierra Chart may truncate or replace the file meanwhile; whole files are read by `files`.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from minhos.feeds.scid.files import HEADER_SIZE, RECORD_SIZE, open_scid, with_integer_stamps
from minhos.feeds.scid.fold import RECORD, Records


class ScidReader:
    """A file checked to be one of these; `with` closes it.  Raises DataError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_scid(path)

    def __enter__(self) -> ScidReader:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Whole records now; none where the file was cut to less than its header meanwhile."""
        return max(0, self._file.seek(0, 2) - HEADER_SIZE) // RECORD_SIZE

    def raw(self, start: int, end: int) -> bytes:
        """The bytes of the records from start to before end; fewer where the file was cut shorter."""
        self._file.seek(HEADER_SIZE + start * RECORD_SIZE)
        return self._file.read(max(0, end - start) * RECORD_SIZE)

    def stamp(self, index: int) -> bytes:
        """Of one record, as it stands in the file: enough to know the record again."""
        self._file.seek(HEADER_SIZE + index * RECORD_SIZE)
        return self._file.read(8)

    def records(self, start: int, end: int) -> Records:
        """Those that are whole, with stamps in microseconds."""
        data = self.raw(start, end)
        found = np.frombuffer(data[: len(data) // RECORD_SIZE * RECORD_SIZE], RECORD)
        return with_integer_stamps(found, self.path) if len(found) else found

    def first_at(self, stamp: int) -> int:
        """Index of the first record stamped then or later, by bisection; the length where there is none."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            record = self.records(middle, middle + 1)
            low, high = (middle + 1, high) if len(record) and int(record["stamp"][0]) < stamp else (low, middle)
        return low

    def close(self) -> None:
        self._file.close()
