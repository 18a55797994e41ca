"""What must hold in every risk scenario, computed again from the run and not taken from the limits that it checks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from minhos.accounting.types import Account, Lot, Role
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from minhos.research.scenarios.losses import closed_by, day_losses
from minhos.research.scenarios.play import Decided, Run
from minhos.risk.levels import grade
from minhos.risk.types import Level
from minhos.trading.types import Outcome
from minhos.words import money, percent

OPENING = (Role.ENTRY, Role.ADD)


class Check(msgspec.Struct, frozen=True):
    """One thing that must hold.  limit, value: what may and what did happen, in words with their units."""

    name: str
    limit: str
    value: str
    holds: bool


def checks(run: Run) -> tuple[Check, ...]:
    """All that must hold whatever the market does."""
    return (
        _capital_at_risk(run),
        _added_by_one_order(run),
        _position(run),
        _day_loss(run),
        _stops_hold(run),
        _closed_in_time(run),
        _levels(run),
        _multipliers(run),
        _reasons(run),
    )


# How much ---------------------------------------------------------------------------------------------------------


def _capital_at_risk(run: Run) -> Check:
    most, value = run.settings.risk.max_capital_risk, capital_at_risk(run)
    return Check(
        "capital at risk after a decision", f"at most {percent(most, 0)}", f"{percent(value, 2)}", value <= most
    )


def _added_by_one_order(run: Run) -> Check:
    most, value = run.settings.risk.max_capital_risk, max((added(run, taken) for taken in run.decided), default=0.0)
    return Check(
        "capital at risk added by one order", f"at most {percent(most, 0)}", f"{percent(value, 2)}", value <= most
    )


def _position(run: Run) -> Check:
    most, value = run.settings.risk.max_position_size, max(abs(mark.contracts) for mark in run.marks)
    return Check("position", f"at most {most} contracts", f"{value}", value <= most)


def capital_at_risk(run: Run) -> float:
    """The largest share of capital that all stops together could lose after a decision, its orders counted with R.

    Open profit that a stop would give back is not counted: it was never put at risk.  (The limit counts it, too.)
    """
    return max((_at_risk(run, taken) for taken in run.decided), default=0.0)


def added(run: Run, taken: Decided) -> float:
    """The share of capital that a decision's order puts at risk: its contracts times R."""
    wanted = taken.decision.recommendation
    contracts = sum(order.contracts for order in taken.decision.orders if order.role in OPENING)
    return _share(contracts * wanted.r_cents, _capital_cents(run, taken.account)) if wanted and contracts else 0.0


def _at_risk(run: Run, taken: Decided) -> float:
    decision, account = taken.decision, taken.account
    position = account.position(decision.symbol)
    target = decision.target if decision.orders else position.contracts
    kept = min(abs(position.contracts), abs(target)) if target * position.contracts > 0 else 0
    held = _stop_risk_cents(account, decision.symbol, position.lots, kept)
    return _share(held, _capital_cents(run, account)) + added(run, taken)


def _capital_cents(run: Run, account: Account) -> float:
    most = run.settings.risk.trading_capital_cents
    return account.equity_cents if most is None else min(account.equity_cents, most)


def _share(cents: float, capital_cents: float) -> float:
    if cents <= 0:
        return 0.0
    return cents / capital_cents if capital_cents > 0 else math.inf


def _stop_risk_cents(account: Account, symbol: str, lots: Sequence[Lot], kept: int) -> int:
    """What the oldest `kept` contracts lose to their stops, with the cost of leaving: from the last price, or from the
    entry where they are in profit.  Beyond its stop a lot has lost that already."""
    if not kept:
        return 0
    instrument, last, total = account.instruments[symbol], account.last_ticks[symbol], 0
    leaving = instrument.stop_exit_cents()
    for lot in lots:
        contracts = min(lot.contracts, kept)
        kept -= contracts
        ticks = min(lot.side * (last - lot.stop_ticks), lot.side * (lot.entry_ticks - lot.stop_ticks))
        if ticks > 0:
            total += contracts * (ticks * instrument.tick_value_cents + leaving)
    return total


def _day_loss(run: Run) -> Check:
    """Loss, limit and gap of the date that came nearest to not holding, unless a larger loss is of more interest."""
    days = day_losses(run)
    worst = max(days, key=lambda day: (day.excess_cents > 0, day.loss_cents))
    holds = all(day.excess_cents <= 0 for day in days)
    allowed = worst.limit_cents / worst.start_cents if worst.start_cents > 0 else 0.0
    gap = f" plus the gap of {money(worst.gap_cents, 0)}" if worst.gap_cents else ""
    limit = f"at most {percent(allowed)} of the day's start{gap}"
    return Check("the day's loss", limit, f"{percent(worst.share, 2)}, {money(worst.loss_cents, 0)}", holds)


# When -------------------------------------------------------------------------------------------------------------


def _stops_hold(run: Run) -> Check:
    """No order opens anything once the day's limit, losses in a row or an EMERGENCY should have stopped trading."""
    broken = [taken for taken, why in _stopped_decisions(run) if why and _opens(taken)]
    value = f"{len(broken)} orders" if broken else "none"
    return Check("orders that open after a stop", "none", value, not broken)


def _opens(taken: Decided) -> bool:
    return any(order.role in OPENING for order in taken.decision.orders)


def _stopped_decisions(run: Run) -> Iterator[tuple[Decided, str]]:
    """Each decision with the reason why nothing may be opened at it, from prices and trades alone."""
    levels = run.settings.risk.levels.drawdown
    emergency = levels[Level.EMERGENCY - 1] if len(levels) >= Level.EMERGENCY else math.inf
    gone, lost_on, losses, marks, trades = False, 0, _Losses(run), 0, 0
    for taken in run.decided:
        date = taken.account.trade_date
        for closed in run.trades[trades : taken.trades]:
            losses.take(closed.trade.pnl_cents, closed.trade.closed_ns, date)
        for account in (*(mark.account for mark in run.marks[marks : taken.marks]), taken.account):
            limit = run.settings.risk.day_loss_limit_cents(account.day_start_equity_cents)
            lost_on = account.trade_date if 0 < limit <= -account.day_pnl_cents else lost_on
            gone = gone or account.drawdown >= emergency
        marks, trades = taken.marks, taken.trades
        row = losses.why(taken.decision.close_time_ns, date)
        yield taken, "EMERGENCY" if gone else "the day's limit" if lost_on == date else row


class _Losses:
    """Losing trades in a row on one trade date, and until when they stop trading."""

    def __init__(self, run: Run) -> None:
        self._risk = run.settings.risk
        self._row, self._date = 0, 0
        self._stopped: tuple[int, int] | None = None
        """When, in UTC nanoseconds, and on which trade date."""

    def take(self, pnl_cents: int, closed_ns: int, trade_date: int) -> None:
        """A trade was closed."""
        if trade_date != self._date:
            self._row, self._date = 0, trade_date
        self._row = self._row + 1 if pnl_cents < 0 else 0
        if self._row >= max(1, self._risk.max_consecutive_losses):
            self._row, self._stopped = 0, (closed_ns, trade_date)

    def why(self, time_ns: int, trade_date: int) -> str:
        """Why trading stands still at that moment."""
        if self._stopped is None:
            return ""
        since_ns, date = self._stopped
        over = {
            "trade_date": trade_date > date,
            "cooldown": time_ns >= since_ns + round(self._risk.cooldown_minutes * NANOS_PER_MINUTE),
            "manual": False,
        }[self._risk.after_losses]
        return "" if over else "losses in a row"


def _closed_in_time(run: Run) -> Check:
    """From the moment that demands a flat account to the price at which it had to be flat."""
    marks, broken, longest = run.marks, 0, 0.0
    for i, mark in enumerate(marks[1:], start=1):
        if not mark.stopped or marks[i - 1].stopped or not mark.contracts:
            continue
        by = closed_by(marks, i, mark.contracts, run)
        broken += bool(marks[by].contracts and by < len(marks) - 1)
        longest = max(longest, (marks[by].time_ns - mark.time_ns) / NANOS_PER_SECOND)
    value = f"{broken} times not" if broken else f"after {longest:,.0f} s" if longest else "never needed"
    return Check("flat after a stop", "at the first price that fills", value, not broken)


# Levels -----------------------------------------------------------------------------------------------------------


def _levels(run: Run) -> Check:
    """The level is never milder than the drawdown asks for."""
    thresholds = run.settings.risk.levels.drawdown
    milder = [
        taken
        for taken in run.decided
        if (verdict := taken.decision.verdict) is not None and verdict.level < grade(taken.account.drawdown, thresholds)
    ]
    deepest = max(mark.account.drawdown for mark in run.marks)
    worst = max((mark.level for mark in run.marks), default=Level.LOW)
    steps = zip(list(Level)[1:], thresholds, strict=False)
    limit = ", ".join(f"{level.name} from {percent(share, 0)}" for level, share in steps)
    value = f"{worst.name} at worst, drawdown {percent(deepest)}"
    return Check("risk level", limit, value, not milder)


def _multipliers(run: Run) -> Check:
    """Kelly's size was multiplied as its level asks."""
    risk, n, wrong = run.settings.risk, 0, 0
    for taken in run.decided:
        wanted, verdict = taken.decision.recommendation, taken.decision.verdict
        for step in wanted.trace if wanted is not None and verdict is not None else ():
            if step.name == "risk_level" and run.settings.sizing.kelly_enabled and verdict is not None:
                n += 1
                wrong += not math.isclose(step.after, step.before * risk.multiplier(verdict.level), abs_tol=1e-12)
    return Check("size multiplied by the level", "on every bar", f"on {n - wrong:,} of {n:,} bars sized", not wrong)


def _reasons(run: Run) -> Check:
    """Every bar has a decision, and every refusal its reason and the limit that bound."""
    refused = [taken.decision for taken in run.decided if not taken.decision.orders]
    mute = [
        decision
        for decision in refused
        if not decision.reason.strip()
        or (decision.outcome is Outcome.BLOCKED and (decision.verdict is None or not decision.verdict.reason))
    ]
    value = f"{len(refused) - len(mute):,} of {len(refused):,} bars without an order"
    return Check("reason told", "on every bar without an order", value, not mute)
