"""The paper day is compared after its close, once, and never brings the trainer down."""

from __future__ import annotations

import gc
import weakref

import pytest

from minhos.assembly.files import read_json, write_json
from minhos.assembly.layout import Layout
from minhos.processes import after_close
from minhos.venues.matching import MatchingParameters


@pytest.fixture
def place(tmp_path):
    return Layout(tmp_path).make()


def beat(place, trade_date):
    write_json(place.run / "trader.json", {"trade_date": trade_date, "journal": str(place.home / "absent.sqlite")})


def test_only_a_new_trade_date_is_compared_and_a_missing_journal_is_no_crash(place):
    watcher = after_close.AfterClose(place, MatchingParameters())
    assert watcher.tend() is None
    beat(place, 20251006)
    assert watcher.tend() is None
    beat(place, 20251007)
    assert watcher.tend() is None, "the journal is missing: named in the log, nothing raised"


@pytest.fixture
def asked(monkeypatch):
    """Dates that were compared, over a journal with a bar on each of three dates."""
    found = []

    class Source:
        def close(self):
            found.append("closed")

    def compare(source, trade_date, *, matching):
        found.append(trade_date)
        return after_close.CompareReport("identical", "All as it was.", trade_date, 3, 0, 0, ())

    monkeypatch.setattr(after_close, "reader", lambda path, opened: Source())
    monkeypatch.setattr(after_close, "compare", compare)
    dates = (20251003, 20251006, 20251007)
    monkeypatch.setattr(
        after_close, "newest_date", lambda source, calendar, before: max(d for d in dates if d < before)
    )
    return found


def test_the_day_that_ended_is_reported_once(place, asked):
    write_json(place.reports / "compare-20251003.json", {})
    watcher = after_close.AfterClose(place, MatchingParameters())
    for trade_date in (20251006, 20251006, 20251007, 20251007):
        beat(place, trade_date)
        watcher.tend()
    assert asked == ["closed", 20251006, "closed"]
    assert read_json(place.reports / "compare-20251006.json")["verdict"] == "identical"


def test_a_close_that_fell_while_the_trainer_was_away_is_made_good(place, asked):
    beat(place, 20251007)
    after_close.AfterClose(place, MatchingParameters()).tend()
    after_close.AfterClose(place, MatchingParameters()).tend()
    assert asked == [20251006, "closed", "closed"]


def test_what_a_comparison_held_is_let_go_at_once(place, asked, monkeypatch):
    class Held:
        """A state whose features refer back to it."""

    held = []

    def compare(source, trade_date, *, matching):
        state = Held()
        state.itself = state
        held.append(weakref.ref(state))
        return after_close.CompareReport("identical", "All as it was.", trade_date, 3, 0, 0, ())

    monkeypatch.setattr(after_close, "compare", compare)
    watcher = after_close.AfterClose(place, MatchingParameters())
    gc.disable()
    try:
        for trade_date in (20251006, 20251007):
            beat(place, trade_date)
            watcher.tend()
    finally:
        gc.enable()
    assert [reference() for reference in held] == [None, None]
