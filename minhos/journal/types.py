"""What an event store holds and how its records are chained; shared by the journal and its stand-in for backtests.

An event is a kind, a version, a time and bytes; what they mean is known to `trading.events` alone.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import NamedTuple

import msgspec

Progress = Callable[[float, str], None]
"""Share done, 0 to 1, and a sentence."""

_HEAD = struct.Struct(">qqqq")


class Entry(NamedTuple):
    """An event that is to be appended."""

    kind: str
    payload: bytes
    time_ns: int
    version: int = 1


class Record(msgspec.Struct, frozen=True, gc=False):
    """An event that was appended.  Sequences run from 1 without a gap; hash chains it to all before it."""

    sequence: int
    time_ns: int
    kind: str
    version: int
    payload: bytes
    hash: bytes


class Snapshot(msgspec.Struct, frozen=True):
    """A state that was folded from all events up to and with `sequence`."""

    name: str
    sequence: int
    payload: bytes


class VerifyReport(msgspec.Struct, frozen=True):
    """records: how many are sound.  first_broken: the first sequence that is not, None where all are."""

    records: int
    first_broken: int | None
    reason: str

    @property
    def sound(self) -> bool:
        return self.first_broken is None


def genesis_hash(identity: dict[str, str]) -> bytes:
    """What the first record is chained to: whose journal it is."""
    return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).digest()


def record_hash(previous: bytes, sequence: int, time_ns: int, kind: str, version: int, payload: bytes) -> bytes:
    """SHA-256 over the previous hash and all that a record says; lengths are in it, so nothing can be shifted."""
    kind_bytes = kind.encode()
    head = _HEAD.pack(sequence, time_ns, version, len(kind_bytes))
    return hashlib.sha256(b"".join((previous, head, kind_bytes, payload))).digest()


def fits(record: Record, previous: bytes) -> bool:
    """Whether a record is as it was appended after the one with hash `previous`."""
    try:
        return record.hash == record_hash(
            previous, record.sequence, record.time_ns, record.kind, record.version, record.payload
        )
    except (struct.error, TypeError, AttributeError):  # a forger stored text for a number, or the other way round
        return False


def snapshot_hash(name: str, sequence: int, payload: bytes, head: bytes) -> bytes:
    """SHA-256 that ties a snapshot to the chain at its sequence (`head` is that record's hash)."""
    return record_hash(head, sequence, 0, name, 0, payload)
