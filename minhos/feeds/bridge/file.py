"""A copy of a .scid file elsewhere, in the same format, which any reader of .scid files may follow.

It is always whole records: what a kill left of a half-written one is cut off when it is opened.  A pass of history
over it keeps what is equal, changes the last record in place where only that differs (as Sierra Chart does with the
bar that is running), appends what is new, cuts what is no longer there, and puts a new file in its place at once
where anything earlier differs.  It knows no network; see `mirror`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock

from minhos.feeds.scid.files import HEADER, HEADER_SIZE, MAGIC, RECORD_SIZE
from minhos.feeds.scid.fold import Records


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's mirrors as their only writer; the lock dies with its holder.  Raises OSError where taken."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "writer.lock", timeout=0):
        yield


def header() -> bytes:
    """The 56 bytes with which a .scid file begins."""
    fields = np.zeros(1, HEADER)
    fields[["magic", "header_size", "record_size", "version"]] = (MAGIC, HEADER_SIZE, RECORD_SIZE, 1)
    return fields.tobytes()


class MirrorFile:
    """The copy at path, which is made anew where it does not begin as one of these.  One writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = self._open()

    def __len__(self) -> int:
        """Whole records."""
        return (self._file.seek(0, os.SEEK_END) - HEADER_SIZE) // RECORD_SIZE

    @property
    def first_stamp(self) -> int:
        """Stamp of the first record, 0 without one."""
        return self.stamp(0) if len(self) else 0

    @property
    def last_stamp(self) -> int:
        """Stamp of the last record, 0 without one."""
        return self._last_stamp

    def append(self, records: Records) -> None:
        """Add records at the end; they are with the system when this returns.  Raises OSError, nothing then added."""
        if not len(records):
            return
        size = self._file.seek(0, os.SEEK_END)
        data = records.tobytes()
        try:
            if self._file.write(data) != len(data):
                raise OSError(28, "no space left on the disk", str(self.path))
        except OSError:
            self._file.truncate(size)
            raise
        self._last_stamp = int(records["stamp"][-1])

    def read(self, start: int, end: int) -> bytes:
        """The bytes of the records from start to before end."""
        self._file.seek(HEADER_SIZE + start * RECORD_SIZE)
        return self._file.read(max(0, end - start) * RECORD_SIZE)

    def index(self, stamp: int) -> int:
        """The first record stamped then or later, by bisection."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.stamp(middle) < stamp else (low, middle)
        return low

    def change(self, index: int, record: Records) -> None:
        """Write one record over another."""
        self._file.seek(HEADER_SIZE + index * RECORD_SIZE)
        self._file.write(record.tobytes())
        self._note_end()

    def cut(self, n: int) -> None:
        """Keep the first n records."""
        self._file.truncate(HEADER_SIZE + n * RECORD_SIZE)
        self._note_end()

    def replace(self, other: Path) -> None:
        """Put another whole file in this one's place; readers see the old one or the new one."""
        self._file.close()
        try:
            os.replace(other, self.path)
        finally:
            self._file = self._open()

    def close(self) -> None:
        self._file.close()

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self.path, "r+b" if self.path.exists() else "w+b", buffering=0)  # noqa: SIM115
        if file.read(HEADER_SIZE) != header():
            file.seek(0)
            file.truncate()
            file.write(header())
        size = file.seek(0, os.SEEK_END)
        file.truncate(size - (size - HEADER_SIZE) % RECORD_SIZE)
        self._file = file
        self._note_end()
        return file

    def _note_end(self) -> None:
        n = len(self)
        self._last_stamp = self.stamp(n - 1) if n else 0

    def stamp(self, index: int) -> int:
        """Of the record at that place."""
        return int.from_bytes(self.read(index, index + 1)[:8], "little", signed=True)


class Pass:
    """One pass of history over a mirror, from a stamp on, piece by piece; `finish` or `abandon` ends it.

    doubtful: nothing was equal where the pass began, although there are records before it: begin again at the first.
    changed_stamp: from where on the history is another than the mirror was, its running end aside; 0 for nowhere.
    """

    def __init__(self, mirror: MirrorFile, start_stamp: int) -> None:
        self._mirror = mirror
        self._start = self._place = mirror.index(start_stamp)
        self._partial = mirror.path.with_name(f".{mirror.path.name}.partial")
        self._new: BinaryIO | None = None
        self.doubtful = False
        self.changed_stamp = 0

    def take(self, records: Records) -> None:
        """Compare or write the next records of the history."""
        if self.doubtful:
            return
        if self._new is not None:
            self._new.write(records.tobytes())
            return
        n = len(self._mirror)
        k = min(n - self._place, len(records))
        equal = self._equal(records[:k])
        self._place += equal
        if equal == k:
            self._mirror.append(records[k:])
            self._place += len(records) - k
        else:
            self._differs(records[equal:], n)

    def _equal(self, records: Records) -> int:
        """How many of the records stand in the mirror at the place reached."""
        own = np.frombuffer(self._mirror.read(self._place, self._place + len(records)), np.uint8)
        wanted = np.frombuffer(records.tobytes(), np.uint8)
        if len(own) == len(wanted) and np.array_equal(own, wanted):
            return len(records)
        n = min(len(own), len(wanted)) // RECORD_SIZE
        same = (own[: n * RECORD_SIZE] == wanted[: n * RECORD_SIZE]).reshape(n, RECORD_SIZE).all(axis=1)
        return int(np.argmin(same)) if not same.all() else n

    def _differs(self, records: Records, n: int) -> None:
        """The record at the place reached is not the first of these."""
        last_of_mirror = self._place == n - 1 and int(records["stamp"][0]) == self._mirror.last_stamp
        if last_of_mirror:
            self._mirror.change(self._place, records[:1])
            self._mirror.append(records[1:])
            self._place += len(records)
        elif self._place == self._start > 0:
            self.doubtful = True
        else:
            own = self._mirror.stamp(self._place) if self._place < n else self._mirror.last_stamp
            self.changed_stamp = min(own, int(records["stamp"][0]))
            self._new = open(self._partial, "wb")  # noqa: SIM115
            with open(self._mirror.path, "rb") as old:
                _copy(old, self._new, HEADER_SIZE + self._place * RECORD_SIZE)
            self._new.write(records.tobytes())

    def finish(self) -> None:
        """The history has come to its end: what the mirror has beyond it goes."""
        if self._new is not None:
            self._new.close()
            self._mirror.replace(self._partial)
        elif self._place < len(self._mirror) and not self.doubtful:
            self.doubtful = self._place == self._start > 0
            if not self.doubtful:
                self.changed_stamp = self._mirror.stamp(self._place)
                self._mirror.cut(self._place)

    def abandon(self) -> None:
        """The history broke off: what was equal or appended stays, what was to be replaced stays as it was."""
        if self._new is not None:
            self._new.close()
        self._partial.unlink(missing_ok=True)


def _copy(source: BinaryIO, target: BinaryIO, n_bytes: int) -> None:
    """The first bytes of a file."""
    while n_bytes:
        piece = source.read(min(n_bytes, 1 << 20))
        if not piece:
            return
        target.write(piece)
        n_bytes -= len(piece)
