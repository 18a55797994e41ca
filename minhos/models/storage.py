"""Files that are whole or not there: atomic replacement, and flushing to the disk.

Not for the journal, which is a database.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PARTIAL_PREFIX = ".partial-"
"""Names of what is still being written; left behind only by a process that was killed."""


def partial_path(folder: Path) -> Path:
    """A fresh name inside `folder`, hence on the same file system, for something that is being written."""
    return folder / f"{PARTIAL_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"


def write_flushed(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names inside `folder` are on the disk; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step: whoever reads sees the old contents or the new, never a part."""
    partial = partial_path(path.parent)
    try:
        write_flushed(partial, data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    flush_folder(path.parent)
