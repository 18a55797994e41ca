"""A home is its owner's alone: journals, logs and settings say what an account holds, and may hold passwords.

Folders are made 0700 and files 0600; what an earlier version left open to others is closed at a start.  Windows keeps
files by other means: nothing is done there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from minhos.assembly.layout import Layout

OTHERS = 0o077
"""What group and everybody may do."""


def keep_to_owner() -> None:
    """From here on whatever this process makes is its owner's alone."""
    if os.name != "nt":
        os.umask(OTHERS)


def close_to_others(layout: Layout) -> str:
    """Take from others what they could read, and say so in one line; empty where there was nothing.

    A folder that is closed already hides all that lies in it, and is not walked through.
    """
    if os.name == "nt":
        return ""
    closed, refused = 0, ""
    for path in _open_to_others(layout):
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
            closed += 1
        except OSError as error:
            refused = refused or f"{path} ({error.strerror})"
    if refused:
        return f"Other users of this machine may read {refused}, and that could not be changed: change it yourself."
    if closed:
        return f"Other users of this machine could read {closed} files and folders of {layout.home}; now only you can."
    return ""


def _open_to_others(layout: Layout) -> Iterator[Path]:
    """What is open to others, the files of a folder before the folder."""
    settings = layout.config / "minhos.toml"
    if _is_open(settings):
        yield settings
    for top in (layout.data, layout.logs):
        if _is_open(top):
            for folder, _, files in os.walk(top, topdown=False):
                found = [Path(folder) / name for name in files]
                yield from (path for path in (*found, Path(folder)) if _is_open(path))


def _is_open(path: Path) -> bool:
    with suppress(OSError):
        return not path.is_symlink() and bool(path.stat().st_mode & OTHERS)
    return False
