"""The roll follows volume, then the calendar; a live position leaves the old contract first."""

from __future__ import annotations

import pytest

from minhos.market.calendar import SessionCalendar
from minhos.market.roll import RollState, active_contract, daily_volumes, may_open, roll_point
from minhos.market.symbols import contract_expiry_ns
from minhos.market.types import NANOS_PER_SECOND
from minhos.testing.builders import ns, session_bars

HOUR = 3600 * NANOS_PER_SECOND
EXPIRY = contract_expiry_ns("NQZ25")
OLD_LEADS = {20251211: 500_000, 20251212: 450_000}
NEW_LEADS = {20251211: 100_000, 20251212: 460_000}


def test_daily_volumes_are_by_trade_date(calendar: SessionCalendar) -> None:
    assert daily_volumes(session_bars(1000, 2000, 3000), calendar) == {20251020: 1000, 20251021: 2000, 20251022: 3000}


def test_the_roll_is_the_date_after_the_new_contract_led(calendar: SessionCalendar) -> None:
    old = session_bars(500, 400, 300, 100, first=20251210)
    new = session_bars(100, 200, 310, 400, first=20251210, symbol="NQH26")
    assert roll_point(old, new, calendar) == 20251215  # led on Friday the 12th


def test_without_a_lead_the_date_rule_stands(calendar: SessionCalendar) -> None:
    old, new = session_bars(500, 400, first=20251201), session_bars(1, 2, first=20251201, symbol="NQH26")
    assert roll_point(old, new, calendar) == 20251211


def test_a_hole_long_before_expiry_is_no_roll(calendar: SessionCalendar) -> None:
    old, new = session_bars(3, 500, first=20251103), session_bars(50, 60, first=20251103, symbol="NQH26")
    assert roll_point(old, new, calendar) == 20251211


@pytest.mark.parametrize(
    ("symbol", "now_ns", "allowed", "says"),
    [
        ("NQZ25", EXPIRY - 49 * HOUR, True, "expires in 2 days"),
        ("NQZ25", EXPIRY - 48 * HOUR, False, "expires in 48 hours"),
        ("NQZ25-CME", EXPIRY, False, "has expired"),
        ("NQ-SIM", EXPIRY, True, "does not expire"),
        ("GCZ25", EXPIRY, False, "not a symbol"),
        ("NQZ5.CME", EXPIRY, False, "one-digit year"),
    ],
)
def test_no_entries_within_two_days_of_expiry(symbol: str, now_ns: int, allowed: bool, says: str) -> None:
    answer, reason = may_open(symbol, now_ns)
    assert answer is allowed
    assert says in reason


@pytest.mark.parametrize(
    ("moment", "held", "warm", "symbol", "state"),
    [
        ("2025-12-12T15:00Z", 0, True, "NQZ25", RollState.OLD),  # Friday has not ended: its volumes do not count yet
        ("2025-12-15T15:00Z", 2, True, "", RollState.LEAVING),
        ("2025-12-15T15:00Z", 0, False, "", RollState.LEAVING),
        ("2025-12-15T15:00Z", 0, True, "NQH26", RollState.NEW),
    ],
)
def test_old_then_flat_then_warm_then_new(
    calendar: SessionCalendar, moment: str, held: int, warm: bool, symbol: str, state: RollState
) -> None:
    active = active_contract(
        "NQZ25", "NQH26", OLD_LEADS, NEW_LEADS, ns(moment), calendar, old_contracts=held, new_warm=warm
    )
    assert (active.symbol, active.state) == (symbol, state)


def test_near_expiry_the_roll_comes_without_a_lead(calendar: SessionCalendar) -> None:
    active = active_contract("NQZ25", "NQH26", {}, {}, EXPIRY - 20 * HOUR, calendar, old_contracts=0, new_warm=True)
    assert active.symbol == "NQH26"
    assert "expires" in active.reason
