"""The journal of a backtest: the interface of the store, nothing on disk, hashed only when someone asks.

Not for paper or live trading.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from minhos.journal.types import Entry, Record, Snapshot, genesis_hash, record_hash


class MemoryJournal:
    """Keeps every event in a list; `durable` means nothing here."""

    away = ""
    """It is always there."""

    def __init__(self, identity: dict[str, str] | None = None) -> None:
        self.identity = identity or {}
        self._events: list[tuple[str, bytes, int, int]] = []
        self._hashes = [genesis_hash(self.identity)]
        self._snapshots: dict[str, Snapshot] = {}

    @property
    def last(self) -> int:
        return len(self._events)

    @property
    def head_hash(self) -> bytes:
        return self._hash_at(self.last)

    def append(self, kind: str, payload: bytes, time_ns: int, *, version: int = 1, durable: bool = False) -> int:
        self._events.append((kind, payload, time_ns, version))
        return len(self._events)

    def append_many(self, entries: Iterable[Entry], *, durable: bool = False) -> int:
        self._events.extend(entries)
        return len(self._events)

    def records(
        self, after: int = 0, until: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[Record]:
        end = self.last if until is None else min(until, self.last)
        for sequence in range(max(after, 0) + 1, end + 1):
            kind, payload, time_ns, version = self._events[sequence - 1]
            if kinds is None or kind in kinds:
                yield Record(sequence, time_ns, kind, version, payload, self._hash_at(sequence))

    def snapshot(self, name: str, sequence: int, payload: bytes) -> None:
        self._snapshots[name] = Snapshot(name, sequence, payload)

    def latest_snapshot(self, name: str) -> Snapshot | None:
        return self._snapshots.get(name)

    def close(self) -> None:
        """Nothing to close; here so that it can stand in for the journal."""

    def _hash_at(self, sequence: int) -> bytes:
        for i in range(len(self._hashes), sequence + 1):
            kind, payload, time_ns, version = self._events[i - 1]
            self._hashes.append(record_hash(self._hashes[-1], i, time_ns, kind, version, payload))
        return self._hashes[sequence]
