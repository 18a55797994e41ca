"""The day's loss in a risk scenario, and how much of it no limit could hold: the gap.

A position is sized so that all its stops together lose at most what the day's limit leaves.  What is lost beyond a
stop's price, because the market jumped over it or nothing filled there, is the gap.  It is measured from fills, stop
prices and prices alone, so that the check "limit plus gap" says something.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from minhos.accounting.types import Lot
from minhos.market.types import Instrument
from minhos.research.backtest import NANOS_PER_MS
from minhos.research.scenarios.play import Mark, Run


class DayLoss(msgspec.Struct, frozen=True):
    """One trade date at its largest loss, in cents.

    loss: below the day's start (at least zero).  limit: what may be lost.  gap: lost beyond stops until then, and
    beyond the limit itself where sizing could not know it.  excess: the most, over all prices of the date, by which
    the loss exceeded limit and gap; above zero where the limit did not hold.
    """

    trade_date: int
    start_cents: int
    loss_cents: int
    limit_cents: float
    gap_cents: int
    excess_cents: float

    @property
    def share(self) -> float:
        """Of the day's start."""
        return self.loss_cents / self.start_cents if self.start_cents > 0 else 0.0


def day_losses(run: Run) -> list[DayLoss]:
    """One a trade date, oldest first."""
    found: list[DayLoss] = []
    last = run.marks[0]
    for date, group in groupby(run.marks, key=lambda mark: mark.account.trade_date):
        marks = list(group)
        start = marks[0].account.day_start_equity_cents
        limit = run.settings.risk.day_loss_limit_cents(start)
        late = _late_cents(run, [last, *marks], limit)[1:]
        gaps = [max(0, mark.beyond_cents - last.beyond_cents) + cents for mark, cents in zip(marks, late, strict=True)]
        losses = [max(0, -mark.account.day_pnl_cents) for mark in marks]
        worst = max(range(len(marks)), key=losses.__getitem__)
        excess = max(loss - limit - gap for loss, gap in zip(losses, gaps, strict=True))
        found.append(DayLoss(date, start, losses[worst], limit, gaps[worst], excess))
        last = marks[-1]
    return found


def _late_cents(run: Run, marks: Sequence[Mark], limit_cents: float) -> list[int]:
    """Lost after the limit was reached by lots whose stops sizing could not keep within it, by mark.

    These are lots that were carried over from the trade date before (marks[0] is its last mark) with stops further
    away than the new day's limit, or all lots where the limit in force is smaller than the one that sizing counts on.
    They are closed at the first price that fills after the limit was reached: until then their loss counts, from the
    price before on, up to their stops.
    """
    start = marks[-1].account.day_start_equity_cents
    reached = next((i for i in range(1, len(marks)) if -marks[i].account.day_pnl_cents >= limit_cents), None)
    if reached is None:
        return [0] * len(marks)
    before, known = marks[reached - 1], run.settings.sizing.daily_loss_limit * start <= limit_cents
    closed = closed_by(marks, reached, before.contracts, run)
    late = [0] * len(marks)
    for position in before.account.positions:
        instrument, price = before.account.instruments[position.symbol], before.account.last_ticks[position.symbol]
        for lot in position.lots:
            if known and lot.entry_time_ns > marks[0].time_ns:
                continue
            for i in range(reached, len(marks)):
                now = marks[min(i, closed)].account.last_ticks[position.symbol]
                late[i] += lot_loss_cents(lot, price, now, instrument)
    if not known:
        return late
    unheld = max(0, marks[0].account.stop_risk_cents - round(limit_cents))
    return [min(cents, unheld) for cents in late]


def lot_loss_cents(lot: Lot, before_ticks: int, now_ticks: int, instrument: Instrument) -> int:
    """What a lot loses from one price to another, at most to its stop, and what leaving costs."""
    end = max(now_ticks, lot.stop_ticks) if lot.side > 0 else min(now_ticks, lot.stop_ticks)
    leaving = instrument.stop_exit_cents()
    return lot.contracts * (max(0, lot.side * (before_ticks - end)) * instrument.tick_value_cents + leaving)


def closed_by(marks: Sequence[Mark], ordered: int, contracts: int, run: Run) -> int:
    """The mark by which an order of the moment of mark `ordered` for so many contracts must have filled; the last
    one where nothing filled it."""
    matching = run.matching
    due_ns = marks[ordered].time_ns + matching.delay_bars * matching.interval_ns + matching.delay_ms * NANOS_PER_MS
    left = float(abs(contracts))
    for i in range(ordered + 1, len(marks)):
        if marks[i].time_ns >= due_ns:
            left -= marks[i].fills
        if left <= 0:
            return i
    return len(marks) - 1
