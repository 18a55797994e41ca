"""A HALT that cannot be deleted: `resume` is answered in words and the trader goes on."""

from __future__ import annotations

from live_folder import Desk, File, bars_of

from minhos.journal.inbox import Request
from minhos.market.types import BAR_INTERVAL_NS
from minhos.testing.builders import ns

START = ns("2025-10-07T14:00")


def test_a_halt_that_is_a_folder_is_told_and_stays(tmp_path):
    folder = tmp_path / "sierra"
    folder.mkdir()
    bars = bars_of(START - 400 * BAR_INTERVAL_NS, 460, symbol="NQZ25-CME")
    desk = Desk(tmp_path, [File(folder / "NQZ25-CME.scid", bars)], START)
    desk.trader.layout.halt_file.mkdir()
    desk.trader._controls()
    answer = desk.trader._answer(Request(name="resume", who="me", expires_ns=0))
    desk.stop()
    assert "cannot be deleted (Is a directory)" in answer.sentence
    assert not answer.accepted
    assert desk.trader.engine.state.risk.halted is not None
