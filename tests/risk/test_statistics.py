"""Win statistics: whose trades are shown, and what they come to."""

from __future__ import annotations

import math

from minhos.accounting.types import Role, Trade
from minhos.risk.statistics import win_statistics
from minhos.stats.intervals import wilson_interval


def trades(*pnls: int) -> list[Trade]:
    return [Trade("NQZ25", 1, 1, 0, 1, pnl, 450, 0.0, 0.0, (), Role.EXIT) for pnl in pnls]


def test_until_ten_own_trades_the_backtest_stands_in_and_says_so():
    shown = win_statistics(trades(*[100] * 9), trades(300, 100, -100, 0))
    assert (shown.source, shown.own_trades, shown.trades, shown.wins) == ("bootstrap", 9, 4, 2)
    assert (shown.mean_win_cents, shown.mean_loss_cents, shown.payoff_ratio) == (200.0, 100.0, 2.0)
    assert (shown.low, shown.high) == wilson_interval(2, 4)


def test_ten_own_trades_are_enough():
    shown = win_statistics(trades(*[100] * 6, *[-50] * 4), trades(1))
    assert (shown.source, shown.own_trades, shown.win_rate) == ("own", 10, 0.6)


def test_without_any_trade_nothing_is_claimed():
    shown = win_statistics([])
    assert (shown.source, shown.trades) == ("none", 0)
    assert all(map(math.isnan, (shown.win_rate, shown.low, shown.payoff_ratio)))
