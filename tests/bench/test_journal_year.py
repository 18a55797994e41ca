"""The year's journal, as small as it can be: what the bench writes is a trader's journal, and is proven whole."""

from __future__ import annotations

from contextlib import closing

import pytest

from minhos.assembly.layout import Layout
from minhos.bench import journal_year
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.trading.recovery import fold, restored, take_snapshot
from minhos.trading.state import TradingState


def test_what_is_written_folds_from_its_snapshot_as_from_its_first_record(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_year, "BARS_A_SESSION", 30)
    monkeypatch.setattr(journal_year, "SNAPSHOT_RECORDS", 3_000)
    layout = Layout(tmp_path).make()
    path = layout.journal(**journal_year.IDENTITY)
    behind = journal_year.write_year(layout, path, 1, lambda share, text: None)
    with closing(reader(path)) as journal:
        assert journal.verify().sound
        assert journal.last > 30 * 299
        assert 0 < behind < 3_600

        def fresh() -> TradingState:
            return TradingState(SessionCalendar.load(), lambda _: lambda _: None)

        whole = fresh()
        fold(whole, journal.records())
        assert take_snapshot(restored(journal, fresh)[0]) == take_snapshot(whole)
    fold_s, turns_ms = journal_year._proven(layout, path, lambda share, text: None)
    assert fold_s > 0.0
    assert len(turns_ms) > 3


def test_a_year_that_does_not_fit_is_refused_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(journal_year.CommandRefused, match=r"100000 sessions needs .* are free"):
        journal_year.run(rounds=100_000)
