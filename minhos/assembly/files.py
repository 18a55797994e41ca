"""The home's small files, through which processes speak beside the journal: one port, `Disk`.

Heartbeats, the HALT file, requests and result files are read whole and replaced whole.  Not for the journal, bundles
or bars: those are stores of their own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import msgspec


class Disk(Protocol):
    """What small files need of a disk.  A world in which it is full or slow is another one of these."""

    def read(self, path: Path) -> bytes | None:
        """The content; None where there is none or it cannot be read."""

    def replace(self, path: Path, content: bytes) -> None:
        """Another reader sees the old or the new content, never half of it.  Raises OSError."""

    def exists(self, path: Path) -> bool: ...

    def found(self, folder: Path, pattern: str) -> list[Path]:
        """Files of that folder whose names match, the one that was changed last at the end."""

    def touch(self, path: Path) -> None:
        """Make an empty file, and its folder; one that exists stays.  Raises OSError."""

    def remove(self, path: Path) -> None:
        """An absent file is no error.  Raises OSError where it cannot be removed."""


class LocalDisk:
    """This machine's."""

    def read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError:
            return None

    def replace(self, path: Path, content: bytes) -> None:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            partial.write_bytes(content)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    def exists(self, path: Path) -> bool:
        return path.exists()

    def found(self, folder: Path, pattern: str) -> list[Path]:
        return sorted(folder.glob(pattern), key=changed_ns)

    def touch(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch()

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


LOCAL = LocalDisk()


def changed_ns(path: Path) -> int:
    """When it was changed last; 0 where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def write_json(path: Path, value: object, disk: Disk = LOCAL) -> None:
    """Replace a result file at once.  Raises OSError."""
    disk.replace(path, msgspec.json.encode(value))


def read_json(path: Path, disk: Disk = LOCAL) -> object:
    """Its content, or None where it is absent or unreadable."""
    content = disk.read(path)
    try:
        return None if content is None else msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None
