"""Small files: what a command has said to be done is on the disk before it says so."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from minhos.assembly.files import LocalDisk


@pytest.mark.skipif(os.name == "nt", reason="Windows has no call for a folder, and needs none")
def test_a_durable_file_and_its_name_are_synced_and_a_heartbeat_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(stat.S_ISDIR(os.fstat(number).st_mode)))
    disk, path = LocalDisk(), tmp_path / "HALT"

    def seen() -> list[bool]:
        told, synced[:] = list(synced), []
        return told

    disk.replace(path, b"beat")
    assert seen() == []
    disk.replace(path, b"anna", durable=True)
    assert (seen(), path.read_bytes()) == ([False, True], b"anna")
    disk.touch(path)
    assert (seen(), path.read_bytes()) == ([False, True], b"anna")
    disk.remove(path)
    assert seen() == [True]
    disk.remove(path)
    assert seen() == []
