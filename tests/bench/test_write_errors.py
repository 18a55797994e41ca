"""The bench of write errors: a share of it, and that it sees a loss."""

from __future__ import annotations

import pytest

from minhos.bench.write_errors import KINDS, Try, play_one
from minhos.errors import JournalError
from minhos.trading.kept import Kept

SHARE = [("io", 61), ("io", 733), ("full", 397), ("full", 1_101), ("locked", 83), ("locked", 301)]


@pytest.mark.parametrize(("kind", "nth"), SHARE)
def test_an_error_at_a_write_loses_nothing_and_all_goes_on(kind: str, nth: int) -> None:
    result = play_one(Try(kind, nth, KINDS[kind]), decisions=36)
    assert (result.problem, result.lost) == ("", 0)
    assert result.writes > nth or result.begun > nth, "the error came"


def test_an_event_that_is_dropped_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: Kept, kind: str, payload: bytes, time_ns: int, *, durable: bool = False) -> int:
        try:
            return self._journal.append(kind, payload, time_ns, durable=durable)
        except JournalError:
            return self._journal.last

    monkeypatch.setattr(Kept, "append", careless)
    result = play_one(Try("io", 400, 3), decisions=0)
    assert result.lost > 0
