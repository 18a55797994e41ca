"""Which recorded sessions count towards going live: whole, reconciled, decided the same again; the rest says why."""

from __future__ import annotations

import msgspec
import pytest
from recorded_journal import CALENDAR, SYMBOL, bars, trading

from minhos.accounting.types import Fill, Role
from minhos.journal.memory import MemoryJournal
from minhos.market.types import NANOS_PER_SECOND, Slice
from minhos.research import sessions
from minhos.research.compare import backtest_day
from minhos.research.sessions import FULL_SHARE, SessionCheck, Sessions, check_sessions, clean_run
from minhos.trading import events as ev

HISTORY = list(bars())
DATES = (20251020, 20251021, 20251022, 20251023)


def recorded(*differences: str, late: range = range(0)) -> MemoryJournal:
    """Four sessions of which the last three are traded; each is reconciled as it begins, the second with these."""
    per_day = len(HISTORY) // 4
    journal = MemoryJournal()
    engine = trading(journal, HISTORY[per_day - 1].close_time_ns)
    engine.load_history(HISTORY[:per_day], reset=True)
    for i, bar in enumerate(HISTORY[per_day:], start=per_day):
        day, number = divmod(i, per_day)
        if number == 1:
            now_ns = bar.close_time_ns - 60 * NANOS_PER_SECOND
            engine.record(ev.Reconciled(now_ns, differences if day == 2 else ()), now_ns)
        engine.on_slice(Slice(bar.close_time_ns, (bar,), late=day == 3 and number in late))
    return journal


PLAIN = recorded()


def checked(journal: MemoryJournal) -> Sessions:
    return check_sessions(journal, calendar=CALENDAR)


def counted(journal: MemoryJournal) -> list[int]:
    return [check.trade_date for check in clean_run(checked(journal).checks)]


def test_whole_reconciled_sessions_that_decide_the_same_again_count():
    found = checked(PLAIN)
    assert [check.trade_date for check in found.checks] == list(DATES[1:])
    assert all(check.decided == check.expected > 0 and check.compared == 1 for check in found.checks)
    assert all(check.counts and not check.rows for check in found.checks)
    assert counted(PLAIN) == list(DATES[1:])


def test_a_disagreement_with_the_broker_starts_the_count_again():
    found = checked(recorded("the broker holds 2, the journal 1"))
    assert found.checks[1].unreconciled == ("the broker holds 2, the journal 1",)
    assert counted(recorded("the broker holds 2, the journal 1")) == [DATES[3]]


def test_a_fill_that_is_not_ours_is_a_disagreement():
    journal = recorded()
    last = HISTORY[-1]
    fill = Fill(
        "by-hand", "unknown", SYMBOL, 1, 1, last.close_ticks, last.close_time_ns, 225, Role.UNKNOWN, last.close_ticks
    )
    journal.append("OrderFilled", ev.encode(ev.OrderFilled(fill)), last.close_time_ns)
    assert "somebody else bought 1" in checked(journal).checks[-1].unreconciled[0]
    assert counted(journal) == []


def test_a_session_of_late_bars_does_not_count_and_is_not_held_against_the_others():
    per_day = len(HISTORY) // 4
    journal = recorded(late=range(1, per_day - int(FULL_SHARE * per_day) + 2))
    last = checked(journal).checks[-1]
    assert (last.full, last.clean) == (False, True)
    assert counted(journal) == list(DATES[1:3])


def test_a_decision_that_does_not_come_out_again_starts_the_count_again():
    tampered = MemoryJournal()
    changed = False
    for record in PLAIN.records():
        payload = record.payload
        event = ev.decode(record.kind, payload)
        if isinstance(event, ev.DecisionMade) and not changed and CALENDAR.trade_date(record.time_ns - 1) == DATES[2]:
            decision = msgspec.structs.replace(event.decision, reason="not what was decided")
            payload, changed = ev.encode(ev.DecisionMade(decision, event.latency_us)), True
        tampered.append(record.kind, payload, record.time_ns)
    assert checked(tampered).checks[1].changed == 1
    assert counted(tampered) == [DATES[3]]


def test_only_the_newest_sessions_are_backtested(monkeypatch):
    tested = []

    def counting(day, *arguments):
        tested.append(day.trade_date)
        return backtest_day(day, *arguments)

    monkeypatch.setattr(sessions, "backtest_day", counting)
    monkeypatch.setattr(sessions, "LISTED", 2)
    assert len(checked(PLAIN).checks) == 3
    assert tested == list(DATES[2:])


@pytest.mark.parametrize(
    ("check", "counts"),
    [
        (SessionCheck(1, 95, 100, 1, (), 0), True),
        (SessionCheck(1, 94, 100, 1, (), 0), False),
        (SessionCheck(1, 100, 100, 0, (), 0), False),
        (SessionCheck(1, 100, 100, 1, ("a",), 0), False),
        (SessionCheck(1, 100, 100, 1, (), 1), False),
        (SessionCheck(1, 0, 0, 1, (), 0), False),
    ],
)
def test_what_a_session_needs(check, counts):
    assert check.counts == counts


def test_two_accounts_on_one_date_are_one_session_and_an_unclean_one_spoils_it():
    good = [SessionCheck(date, 100, 100, 1, (), 0) for date in (1, 2, 3)]
    assert len(clean_run([*good, *good])) == 3
    assert [c.trade_date for c in clean_run([*good, SessionCheck(2, 5, 100, 1, ("x",), 0)])] == [3]
    assert clean_run([]) == []
