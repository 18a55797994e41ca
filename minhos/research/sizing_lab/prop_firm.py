"""Rules of evaluation accounts: on which share of start dates they would have been broken before the target was met.

Each start date begins an account of its own and follows the same trading until a rule is broken, the target is met, or
the record ends.  Rule sets are plain values, not any firm's; a firm's own go in their place.  Works on any P&L path:
contracts in dollars, or fractions of the account.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np

from minhos.errors import NotEnoughData, SettingsError
from minhos.research.out_of_sample import Floats, Ints, Mask
from minhos.research.sizing_lab.days import DayGrid

MINIMUM_STARTS = 5
_RUNNING, _MET, _DAILY_LOSS, _DRAWDOWN = range(4)


class AccountRules(msgspec.Struct, frozen=True):
    """In dollars.  None: there is no such rule.

    daily_loss_limit: equity may not fall that far below the date's start.  max_drawdown: equity may not fall that far
    below its highest; trails: that highest is taken at the ends of trade dates ("end_of_day") or at every moment
    ("intraday").  profit_target: meets the evaluation, once minimum_days trade dates with a bet have passed and no
    date's profit is more than consistency_share of the whole.  Raises SettingsError for numbers that are no rule.
    """

    name: str
    account: float = 50_000.0
    profit_target: float = 3_000.0
    max_drawdown: float = 2_500.0
    trails: Literal["end_of_day", "intraday"] = "end_of_day"
    daily_loss_limit: float | None = None
    minimum_days: int = 1
    consistency_share: float | None = None

    def __post_init__(self) -> None:
        for name in ("account", "profit_target", "max_drawdown", "daily_loss_limit", "consistency_share"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise SettingsError(f"Account rules {self.name!r}: {name} is {value}, and must lie above zero.")


RULE_SETS = (
    AccountRules("50k, end-of-day drawdown", daily_loss_limit=1_250.0, minimum_days=5, max_drawdown=2_000.0),
    AccountRules("50k, intraday drawdown", trails="intraday", minimum_days=7),
    AccountRules("50k, consistency", max_drawdown=2_000.0, consistency_share=0.40, minimum_days=2),
)


class DayMoney(msgspec.Struct, frozen=True, eq=False):
    """Trading by trade date in dollars since the date's start; shape (D,) each.

    total: at the end.  lowest: at most 0.  highest: at least 0.  drawdown: largest fall from a peak of the date.
    traded: whether there was a bet.
    """

    total: Floats
    lowest: Floats
    highest: Floats
    drawdown: Floats
    traded: Mask


class RuleOutcome(msgspec.Struct, frozen=True):
    """Shares of the start dates, 0 to 1: broken before the target, met, or neither by the end of the record.

    by_daily_loss, by_drawdown: which rule broke first; both count as broken.  days_to_target: median trade dates of
    those that met it; None where none did.  starts: start dates tried.
    """

    rules: str
    starts: int
    broken: float
    met: float
    unfinished: float
    by_daily_loss: float
    by_drawdown: float
    days_to_target: float | None


def day_money(profit: Floats, traded: Mask, grid: DayGrid) -> DayMoney:
    """From what was earned since the last bar, (n,) dollars in order of time; traded: (n,), bars with a bet."""
    earned = np.cumsum(grid.laid_out(profit), axis=1)
    peak = np.maximum(np.maximum.accumulate(earned, axis=1), 0.0)
    return DayMoney(
        earned[:, -1],
        np.minimum(earned.min(axis=1), 0.0),
        peak[:, -1],
        (peak - earned).max(axis=1),
        np.bincount(grid.day, weights=traded, minlength=grid.n_days) > 0,
    )


def money_of_fractions(growth: Floats, grid: DayGrid, account: float) -> Floats:
    """What each bar earned in dollars, (n,), from changes of log wealth.

    Every trade date begins with the account's size: gains are not put to work between dates, as such accounts ask.
    """
    worth = account * np.exp(np.cumsum(grid.laid_out(growth), axis=1))
    return grid.in_line(np.diff(worth, axis=1, prepend=account))


def outcome_of(rules: AccountRules, money: DayMoney) -> RuleOutcome:
    """Every trade date as a start.  Raises NotEnoughData under five trade dates."""
    n = len(money.total)
    if n < MINIMUM_STARTS:
        raise NotEnoughData(f"{n} trade dates are too few start dates for account rules; {MINIMUM_STARTS} are needed.")
    ended, days = _follow(rules, money)
    met = ended == _MET
    daily_loss, drawdown = float((ended == _DAILY_LOSS).mean()), float((ended == _DRAWDOWN).mean())
    return RuleOutcome(
        rules.name,
        n,
        broken=float(((ended == _DAILY_LOSS) | (ended == _DRAWDOWN)).mean()),
        met=float(met.mean()),
        unfinished=float((ended == _RUNNING).mean()),
        by_daily_loss=daily_loss,
        by_drawdown=drawdown,
        days_to_target=float(np.median(days[met])) if met.any() else None,
    )


def _follow(rules: AccountRules, money: DayMoney) -> tuple[Ints, Ints]:
    """How the account that starts on each date ends, and after how many trade dates; shape (D,) each.

    All accounts walk through the dates side by side; on each date those are open that began by then and have not ended.
    """
    n = len(money.total)
    equity, peak, best, traded = (np.zeros(n) for _ in range(4))
    ended, days = np.full(n, _RUNNING), np.zeros(n, dtype=np.int64)
    for day in range(n):
        open_now = np.flatnonzero(ended[: day + 1] == _RUNNING)
        lowest, total = money.lowest[day], money.total[day]
        fall = peak[open_now] - (equity[open_now] + lowest)
        if rules.trails == "intraday":
            fall = np.maximum(fall, money.drawdown[day])
            peak[open_now] = np.maximum(peak[open_now], equity[open_now] + money.highest[day])
        equity[open_now] += total
        peak[open_now] = np.maximum(peak[open_now], equity[open_now])
        best[open_now] = np.maximum(best[open_now], total)
        traded[open_now] += bool(money.traded[day])
        days[open_now] = day - open_now + 1
        met = (equity[open_now] >= rules.profit_target) & (traded[open_now] >= rules.minimum_days)
        if rules.consistency_share is not None:
            met &= best[open_now] <= rules.consistency_share * equity[open_now]
        how = np.where(met, _MET, _RUNNING)
        how[fall >= rules.max_drawdown] = _DRAWDOWN
        if rules.daily_loss_limit is not None and lowest <= -rules.daily_loss_limit:
            how[:] = _DAILY_LOSS
        ended[open_now] = how
    return ended, days
