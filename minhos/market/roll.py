"""When trading moves from one quarterly contract to the next: pure functions of volumes, dates and positions.

The roll falls on the trade date after the one on which the new contract's volume led; the date rule of
`symbols` stands in where volumes cannot tell.  Prices are never adjusted here: no return crosses a roll.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec
import numpy as np

from minhos.errors import SymbolError
from minhos.market.calendar import SessionCalendar, date_of
from minhos.market.symbols import contract_expiry_ns, parse_symbol, roll_date
from minhos.market.types import NANOS_PER_SECOND, Bars

NO_ORDERS_BEFORE_EXPIRY_NS = 2 * 24 * 3600 * NANOS_PER_SECOND
LEAD_WINDOW_DAYS = 14
"""How long before the date rule a lead in volume can be the roll; an earlier one is a hole in the old data."""


class RollState(enum.StrEnum):
    """Where a live instrument stands between two contracts."""

    OLD = "old"
    """The old contract is traded."""
    LEAVING = "leaving"
    """The new one leads; no entries until the old one is flat and the new one's features are warm."""
    NEW = "new"
    """The new contract is traded."""


class ActiveContract(msgspec.Struct, frozen=True):
    """symbol: the contract that may be entered, empty while none may.  reason: one sentence for the decision."""

    symbol: str
    state: RollState
    reason: str


def daily_volumes(bars: Bars, calendar: SessionCalendar) -> dict[int, int]:
    """Volume by trade date; bars outside every session and unknown volumes do not count."""
    dates = calendar.trade_dates_of_bars(bars.close_time_ns)
    counted = (dates > 0) & (bars.volume > 0)
    days, index = np.unique(dates[counted], return_inverse=True)
    sums = np.zeros(len(days), np.int64)
    np.add.at(sums, index, bars.volume[counted])
    return dict(zip(days.tolist(), sums.tolist(), strict=True))


def roll_point(old: Bars, new: Bars, calendar: SessionCalendar) -> int:
    """First trade date on which the new contract is the one to use: its volume led on the trade date before.

    Without a lead among the dates that both histories cover, the date rule's trade date.
    """
    lead = _first_lead(old.symbol, daily_volumes(old, calendar), daily_volumes(new, calendar))
    if lead is not None:
        return calendar.next_trade_date(lead)
    return _rule_date(old.symbol, calendar)


def may_open(symbol: str, now_ns: int) -> tuple[bool, str]:
    """Whether new risk may be taken in the contract: never within two days of its expiry.  (answer, reason)

    A name that cannot be read is refused; a simulated market never expires.
    """
    try:
        contract = parse_symbol(symbol)
        if not contract.dated:
            return True, f"{contract.contract} does not expire"
        left_ns = contract_expiry_ns(contract) - now_ns
    except SymbolError as error:
        return False, str(error)
    if left_ns <= 0:
        return False, f"{contract.contract} has expired: it can train models but not be traded"
    if left_ns <= NO_ORDERS_BEFORE_EXPIRY_NS:
        hours = left_ns / (3600 * NANOS_PER_SECOND)
        return False, f"{contract.contract} expires in {hours:.0f} hours: no entries within two days of expiry"
    return True, f"{contract.contract} expires in {left_ns / (24 * 3600 * NANOS_PER_SECOND):.0f} days"


def active_contract(
    old: str,
    new: str,
    old_volume: Mapping[int, int],
    new_volume: Mapping[int, int],
    now_ns: int,
    calendar: SessionCalendar,
    *,
    old_contracts: int,
    new_warm: bool,
) -> ActiveContract:
    """Which of two contracts may be entered now.

    Volumes are by trade date; only completed trade dates count, so the answer changes between sessions.
    old_contracts: the position in the old one; new_warm: the new one's features have all the bars they need.
    """
    today = calendar.trade_date(now_ns)
    done = ({date: volume for date, volume in volumes.items() if date < today} for volumes in (old_volume, new_volume))
    lead = _first_lead(old, *done)
    if lead is not None:
        why = f"{new} traded more than {old} on {lead}"
    elif not may_open(old, now_ns)[0]:
        why = may_open(old, now_ns)[1]
    else:
        return ActiveContract(old, RollState.OLD, f"{old} leads in volume")
    if old_contracts:
        return ActiveContract("", RollState.LEAVING, f"{why}: first flat in {old} ({old_contracts:+d} contracts)")
    if not new_warm:
        return ActiveContract("", RollState.LEAVING, f"{why}: waiting until the features of {new} are warm")
    return ActiveContract(new, RollState.NEW, why)


def _first_lead(old: str, old_volume: Mapping[int, int], new_volume: Mapping[int, int]) -> int | None:
    by_rule = roll_date(old)
    for date in sorted(old_volume.keys() & new_volume.keys()):
        near = (by_rule - date_of(date)).days <= LEAD_WINDOW_DAYS
        if near and new_volume[date] > old_volume[date] > 0:
            return date
    return None


def _rule_date(old: str, calendar: SessionCalendar) -> int:
    by_rule = roll_date(old)
    date = by_rule.year * 10_000 + by_rule.month * 100 + by_rule.day
    return date if calendar.session_on(date) else calendar.next_trade_date(date)
