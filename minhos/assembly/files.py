"""The home's small files, through which processes speak beside the journal: one port, `Disk`.

Heartbeats, the HALT file, requests and result files are read whole and replaced whole.  Not for the journal, bundles
or bars: those are stores of their own.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import msgspec

from minhos.models.storage import flush_folder


class Disk(Protocol):
    """What small files need of a disk.  A world in which it is full or slow is another one of these."""

    def read(self, path: Path) -> bytes | None:
        """The content; None where there is none or it cannot be read."""

    def replace(self, path: Path, content: bytes, *, durable: bool = False) -> None:
        """Another reader sees the old or the new content, never half of it.  Raises OSError.

        durable: it outlives a power cut from the return on, which takes milliseconds; for what is said to be done, not
        for a heartbeat.
        """

    def exists(self, path: Path) -> bool: ...

    def found(self, folder: Path, pattern: str) -> list[Path]:
        """Files of that folder whose names match, the one that was changed last at the end."""

    def touch(self, path: Path) -> None:
        """Make an empty file that outlives a power cut, and its folder; one that exists stays.  Raises OSError."""

    def remove(self, path: Path) -> None:
        """It stays away after a power cut, too; an absent file is no error.  Raises OSError."""

    def claim(self, path: Path) -> ExitStack | None:
        """Hold that file, which is made where it is missing, until the stack is closed or the process ends, however it
        ends; None while another holds it.  Raises OSError where that cannot be had."""


class LocalDisk:
    """This machine's."""

    def read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError:
            return None

    def replace(self, path: Path, content: bytes, *, durable: bool = False) -> None:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with open(partial, "wb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        if durable:
            _flush(path.parent)

    def exists(self, path: Path) -> bool:
        return path.exists()

    def found(self, folder: Path, pattern: str) -> list[Path]:
        return sorted(folder.glob(pattern), key=changed_ns)

    def touch(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "ab") as file:
            os.fsync(file.fileno())
        _flush(path.parent)

    def remove(self, path: Path) -> None:
        try:
            path.unlink()
        except FileNotFoundError:
            return
        _flush(path.parent)

    def claim(self, path: Path) -> ExitStack | None:
        from filelock import lock_descriptor  # not at the top: most of those who read a heartbeat hold nothing

        with ExitStack() as stack:
            file = stack.enter_context(open(path, "ab"))
            return stack.pop_all() if lock_descriptor(file.fileno(), blocking=False) else None


def _flush(folder: Path) -> None:
    """The names in it, where the file system knows how: some network drives do not."""
    try:
        flush_folder(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


LOCAL = LocalDisk()


def changed_ns(path: Path) -> int:
    """When it was changed last; 0 where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def write_json(path: Path, value: object, disk: Disk = LOCAL) -> None:
    """Replace a result file at once: what commands and `arm` go by outlives a power cut.  Raises OSError."""
    disk.replace(path, msgspec.json.encode(value), durable=True)


def read_json(path: Path, disk: Disk = LOCAL) -> object:
    """Its content, or None where it is absent or unreadable."""
    content = disk.read(path)
    try:
        return None if content is None else msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None
