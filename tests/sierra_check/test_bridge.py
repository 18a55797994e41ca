"""check-sierra where the files come over the bridge: it copies them before it looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sierra_served import NOW_NS, SYMBOL, Clock, checked, served

from minhos.assembly import mirror
from minhos.dtc.faults import Faults
from minhos.feeds.bridge.backend import ScidBackend
from minhos.feeds.bridge.file import header
from minhos.feeds.scid.files import EPOCH_US
from minhos.feeds.scid.fold import RECORD
from minhos.market.clock import SystemClock
from minhos.sierra_check.finding import Verdict


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Path]:
    """The mirror's folder; what keeps it is ended."""
    folder = tmp_path / "copies"
    yield folder
    running = mirror._running.pop(folder, None)
    if running is not None:
        running.close()


def write(folder: Path) -> None:
    folder.mkdir()
    records = np.zeros(200, RECORD)
    records["stamp"] = NOW_NS // 1000 + EPOCH_US - 1_000_000 * np.arange(200, 0, -1)
    records["close"], records["high"], records["low"] = 25_000.0, 25_000.25, 25_000.0
    records["trades"], records["volume"], records["ask_volume"] = 1, 1, 1
    (folder / f"{SYMBOL}.scid").write_bytes(header() + records.tobytes())


def data(port: int, copies: Path) -> dict[str, dict[str, str]]:
    return {"data": {"bridge": f"127.0.0.1:{port}", "bridge_folder": str(copies), "source": str(copies)}}


def test_the_files_are_copied_and_then_looked_at(tmp_path: Path, copies: Path) -> None:
    write(tmp_path / "sierra")
    clock = Clock(SystemClock())
    with served(ScidBackend(tmp_path / "sierra"), faults=Faults()) as (files, *_), served() as (port, *_):
        found, _ = checked(tmp_path, port, clock, changes=data(files, copies))
    assert found["bridge"].verdict is Verdict.OK
    assert found["bridge"].sentence == f"{SYMBOL}: 200 records came; the copy is whole."
    assert "not a folder" not in found["scid_stamps"].sentence


def test_a_bridge_that_is_not_there_says_what_to_do(tmp_path: Path, copies: Path) -> None:
    with served() as (port, *_):
        found, report = checked(tmp_path, port, Clock(SystemClock()), changes=data(1, copies))
    assert found["bridge"].verdict is Verdict.FAILED
    assert "minh.py bridge" in found["bridge"].way_out
    assert not report.ready
