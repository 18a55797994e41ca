"""Faults of the disk, drawn from seeds: each begins, ends, and leaves a disk on which everything works again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec

from minhos.assembly.layout import Layout
from minhos.errors import JournalError
from minhos.journal.store import Journal
from minhos.testing.world import disk_faults
from minhos.testing.world.disk import WorldDisk
from minhos.testing.world.disk_faults import ByteFlipped, DiskFault
from minhos.testing.world.machine import Killed

IDENTITY = {"mode": "paper", "account": "sim"}
LENGTH_MS = 600_000


def test_a_fault_is_plain_values_and_the_same_from_the_same_seed() -> None:
    faults = [disk_faults.draw(Random(seed), LENGTH_MS) for seed in range(200)]
    assert faults == [disk_faults.draw(Random(seed), LENGTH_MS) for seed in range(200)]
    assert len({type(fault) for fault in faults}) == 9
    assert msgspec.json.decode(msgspec.json.encode(faults), type=list[DiskFault]) == faults


def test_after_any_fault_the_journal_is_written_on_and_no_durable_event_is_lost(tmp_path: Path) -> None:
    for seed in range(40):
        fault, lives = disk_faults.draw(Random(seed), LENGTH_MS), [0]
        if isinstance(fault, ByteFlipped):
            continue
        clock = [0]
        disk = WorldDisk(lambda clock=clock: clock[0], lambda lives=lives: f"trader {lives[0]}")
        layout = Layout(tmp_path / str(seed), disk=disk, database=disk.database).make()
        path = layout.journal("paper", "sim")
        journal, acknowledged = Journal.open(path, IDENTITY, disk.database), []
        disk_faults.begin(fault, disk, layout, path)
        for i in range(45):
            try:
                journal.append("Bar", b"%d" % i, i, durable=True)
            except JournalError:
                continue
            except Killed:
                disk.let_go(disk.acting())
                lives[0] += 1
                journal = Journal.open(path, IDENTITY, disk.database)
                continue
            acknowledged.append(b"%d" % i)
        disk_faults.end(fault, disk, layout, path)
        disk_faults.end_all(disk)
        journal.append("Bar", b"last", 0, durable=True)
        kept = [record.payload for record in journal.records()]
        assert [payload for payload in kept if payload in {*acknowledged, b"last"}] == [*acknowledged, b"last"]
        assert journal.verify().sound
        disk.let_go(disk.acting())
