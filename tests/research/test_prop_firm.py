"""Account rules: worked examples, and the side-by-side walk against one account at a time."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import NotEnoughData
from minhos.research.sizing_lab.days import day_grid
from minhos.research.sizing_lab.prop_firm import AccountRules, day_money, money_of_fractions, outcome_of

LENIENT = AccountRules("test", profit_target=1_000.0, max_drawdown=1e9)


def money_of(days):
    """Days as lists of dollars earned by bar."""
    dates = np.repeat(np.arange(len(days)), [len(day) for day in days])
    profit = np.concatenate([np.array(day, dtype=float) for day in days])
    return day_money(profit, profit != 0.0, day_grid(dates))


def alone(rules, days, start):
    """One account, bar by bar."""
    equity = peak = best = 0.0
    traded = 0
    for day in days[start:]:
        begin = equity
        lost = fell = False
        for profit in day:
            equity += profit
            lost |= rules.daily_loss_limit is not None and equity - begin <= -rules.daily_loss_limit
            peak = max(peak, equity) if rules.trails == "intraday" else peak
            fell |= peak - equity >= rules.max_drawdown
        if lost or fell:
            return "daily_loss" if lost else "drawdown"
        peak, best = max(peak, equity), max(best, equity - begin)
        traded += any(day)
        even = rules.consistency_share is None or best <= rules.consistency_share * equity
        if equity >= rules.profit_target and traded >= rules.minimum_days and even:
            return "met"
    return "unfinished"


def test_the_target_is_met_after_so_many_days():
    found = outcome_of(LENIENT, money_of([[500.0]] * 6))
    assert (found.met, found.unfinished, found.broken) == (5 / 6, 1 / 6, 0.0)
    assert found.days_to_target == 2.0


def test_minimum_days_count_only_days_with_a_bet():
    rules = msgspec.structs.replace(LENIENT, minimum_days=2)
    found = outcome_of(rules, money_of([[2_000.0], [0.0], [0.0], [10.0], [10.0]]))
    assert found.met == 1 / 5  # the first account waits for the fourth date; the others earn too little
    assert found.days_to_target == 4.0


def test_the_daily_limit_is_broken_inside_the_day_even_if_it_ends_well():
    rules = msgspec.structs.replace(LENIENT, daily_loss_limit=300.0)
    found = outcome_of(rules, money_of([[-300.0, 5_000.0]] * 5))
    assert (found.by_daily_loss, found.met) == (1.0, 0.0)


def test_intraday_trailing_is_stricter_than_end_of_day():
    days = [[400.0, -350.0]] * 40
    rules = msgspec.structs.replace(LENIENT, max_drawdown=340.0)
    assert outcome_of(rules, money_of(days)).by_drawdown == 0.0
    assert outcome_of(msgspec.structs.replace(rules, trails="intraday"), money_of(days)).by_drawdown == 1.0


def test_one_great_day_is_not_consistent():
    rules = msgspec.structs.replace(LENIENT, consistency_share=0.5)
    days = [[1_000.0], [500.0], [500.0], [0.0], [0.0]]
    assert outcome_of(LENIENT, money_of(days)).met == 2 / 5
    found = outcome_of(rules, money_of(days))
    assert found.met == 2 / 5
    assert found.days_to_target == 2.5  # the first waits until 1000 is half of 2000


@settings(deadline=None, max_examples=50)
@given(
    days=st.lists(st.lists(st.integers(-300, 320), min_size=1, max_size=4), min_size=5, max_size=12),
    trails=st.sampled_from(["end_of_day", "intraday"]),
    daily=st.sampled_from([None, 250.0, 600.0]),
    share=st.sampled_from([None, 0.4]),
    minimum=st.integers(1, 3),
)
def test_accounts_side_by_side_end_as_each_alone(days, trails, daily, share, minimum):
    rules = AccountRules("any", 50_000.0, 600.0, 500.0, trails, daily, minimum, share)
    found = outcome_of(rules, money_of(days))
    ends = [alone(rules, days, start) for start in range(len(days))]
    expected = [ends.count(how) / len(days) for how in ("daily_loss", "drawdown", "met", "unfinished")]
    assert [found.by_daily_loss, found.by_drawdown, found.met, found.unfinished] == pytest.approx(expected)
    assert found.broken == pytest.approx(expected[0] + expected[1])


def test_fractions_in_dollars_begin_each_date_with_the_account():
    grid = day_grid(np.array([1, 1, 2]))
    profit = money_of_fractions(np.log([1.1, 0.5, 1.1]), grid, 1_000.0)
    assert profit == pytest.approx([100.0, -550.0, 100.0])


def test_too_few_dates_are_refused_in_words():
    with pytest.raises(NotEnoughData, match="4 trade dates are too few"):
        outcome_of(LENIENT, money_of([[1.0]] * 4))
