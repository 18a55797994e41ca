"""A stop rests at the venue: a price that touched it while the trader was down has filled it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from live_folder import BETS, FIRST, MINUTE, N_BARS, SECOND, START, Desk, File, bars_of

from minhos.accounting.types import Role
from minhos.trading import events as ev
from minhos.trading.types import Outcome

CRASH_TICKS = 4_000


def crashing_bars(opens_ns: int):
    """The quiet market, in which the bar that opens then falls a thousand points and comes back."""
    bars = bars_of(FIRST, N_BARS, symbol="NQZ25")
    low = bars.low_ticks.copy()
    low[bars.close_time_ns == opens_ns + 5 * MINUTE] -= CRASH_TICKS
    return msgspec.structs.replace(bars, low_ticks=low)


def test_a_stop_that_was_touched_while_the_trader_was_down_has_filled(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    crash_ns = START + 20 * MINUTE
    desk = Desk(tmp_path / "home", [File(folder / "NQZ25-CME.scid", crashing_bars(crash_ns))], START, **BETS)
    desk.run_until(START + 20 * MINUTE)
    assert desk.trader.engine.state.ledger.account().position("NQZ25").contracts > 0
    desk.stop()
    desk.clock.time_ns = crash_ns + 40 * MINUTE + 10 * SECOND
    desk.write()
    desk.trader = desk.begin()
    late = [d for d in desk.decisions() if d.outcome is Outcome.LATE]
    assert crash_ns + 5 * MINUTE in {d.close_time_ns for d in late}
    stopped = [f.fill for f in desk.of(ev.OrderFilled) if f.fill.role is Role.STOP]
    assert stopped
    assert {fill.time_ns for fill in stopped} == {crash_ns + 5 * MINUTE}
    assert desk.trader.engine.state.ledger.account().positions == ()
    assert desk.trader.engine.state.book.open_records() == []
