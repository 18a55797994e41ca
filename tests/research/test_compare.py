"""A paper day beside the backtest of its bars: what differs is listed with its reason, and nothing else."""

from collections.abc import Callable

import pytest
from recorded_journal import SYMBOL, bars, trading

from minhos.errors import NotEnoughData
from minhos.journal.memory import MemoryJournal
from minhos.market.types import NANOS_PER_SECOND, Bar, Price, Slice
from minhos.research.compare import CompareReport, compare
from minhos.testing.builders import NQ
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.recovery import reconcile
from minhos.trading.venue import OrderReport, OrderStatus
from minhos.venues.matching import MatchingParameters

DAY = 20251023
HISTORY = list(bars())
LAST_SESSION = len(HISTORY) * 3 // 4
FIRST = LAST_SESSION - 50
"""The journal begins in the session before the day that is compared."""


def paper(meddle: Callable[[Engine, int, Bar], Engine | None] = lambda *_: None, *, late: int = -1) -> MemoryJournal:
    """The journal of a paper run; `meddle` is asked before each bar of the day, and may return another engine."""
    journal = MemoryJournal()
    engine = trading(journal, HISTORY[FIRST - 1].close_time_ns)
    engine.load_history(HISTORY[:FIRST], reset=True)
    for i, bar in enumerate(HISTORY[FIRST:], start=FIRST):
        if i >= LAST_SESSION:
            engine = meddle(engine, i - LAST_SESSION, bar) or engine
        engine.on_slice(Slice(bar.close_time_ns, (bar,), late=i - LAST_SESSION == late))
    return journal


PLAIN = paper()


def what(report: CompareReport) -> set[str]:
    return {row.what for row in report.rows}


def held(day: MemoryJournal) -> list[int]:
    """Numbers of the day's bars at whose close something was held."""
    decisions = [ev.decode(r.kind, r.payload).decision for r in day.records(kinds=("DecisionMade",))]
    return [i for i, d in enumerate(decisions[-len(HISTORY) + LAST_SESSION :]) if d.position_before]


def test_a_day_of_bars_alone_is_identical():
    report = compare(PLAIN, DAY)
    assert (report.verdict, report.rows, report.undecided) == ("identical", (), 0)
    assert (report.trade_date, report.bars) == (DAY, len(HISTORY) - LAST_SESSION)
    assert report.paper_pnl_cents == report.backtest_pnl_cents != 0


def test_the_newest_day_is_taken_where_none_is_named():
    assert compare(PLAIN).trade_date == DAY


def test_a_day_without_decisions_is_said():
    with pytest.raises(NotEnoughData, match="20251105"):
        compare(PLAIN, 20251105)
    with pytest.raises(NotEnoughData, match="no bar"):
        compare(MemoryJournal())


def test_a_manual_flatten_is_named():
    n = held(PLAIN)[0]

    def flatten(engine: Engine, i: int, bar: Bar) -> None:
        if i == n + 1:
            engine.on_command(ev.CommandReceived(bar.open_time_ns + 1, "c", "flatten", "anna", "lunch"))

    report = compare(paper(flatten), DAY)
    assert report.verdict == "differs"
    assert what(report) >= {"decision", "P&L"}
    assert "flatten by anna" in report.rows[0].reason or "anna closed" in report.rows[0].reason
    assert report.undecided == 0


def test_prices_between_bars_fill_elsewhere():
    def stream(engine: Engine, i: int, bar: Bar) -> None:
        engine.clock.advance_to(bar.open_time_ns)
        engine.on_price(Price(SYMBOL, bar.open_time_ns + 2 * NANOS_PER_SECOND, bar.open_ticks + 3))

    report = compare(paper(stream), DAY)
    fills = [row for row in report.rows if row.what == "fill"]
    assert fills
    for row in fills:
        assert "filled by a price between bars" in row.reason or "risk manager closed" in row.reason
    assert report.undecided == 0


def test_a_late_bar_is_named():
    report = compare(paper(late=20), DAY)
    assert report.rows
    assert "came late" in report.rows[0].reason


def test_a_restart_that_lost_an_order_is_named():
    n = held(PLAIN)[0]

    def restart(engine: Engine, i: int, bar: Bar) -> Engine | None:
        if i != n:
            return None
        again = trading(engine.journal, bar.open_time_ns + 1)
        again.load_history(HISTORY[: LAST_SESSION + i], reset=True)
        for record in again.state.book.open_records():
            lost = OrderReport(record.order.order_id, OrderStatus.REJECTED, bar.open_time_ns + 1, "never heard of it")
            again.record(ev.VenueReported(lost), lost.time_ns)
        reconcile(again, bar.open_time_ns + 1)
        return again

    report = compare(paper(restart), DAY)
    assert report.undecided == 0
    assert {row.what for row in report.rows} >= {"decision", "fill"}
    assert "restarted at" in report.rows[0].reason


def test_other_slippage_is_a_row_of_its_own():
    report = compare(PLAIN, DAY, matching=MatchingParameters(slippage_ticks=NQ.slippage_ticks + 2))
    slippage = [row for row in report.rows if row.what == "slippage"]
    assert {(row.paper, row.backtest) for row in slippage} == {("1 ticks", "3 ticks")}
