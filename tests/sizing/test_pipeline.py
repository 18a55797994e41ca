"""Every bound in its order, in whole contracts, to the published figures."""

import itertools
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.sizing import Money, SizingParameters, contracts_for, types
from minhos.sizing.pipeline import ceiling, drawdown_lambda, trace_of

bounded = settings(deadline=None, max_examples=50)
PLAIN = SizingParameters(drawdown_bound=False, half_of_remaining_budget=False)
FREE = 1e15


def money(equity, day_pnl, stop, cost, point_value, margin):
    """Cents of the vector: the day's limit is 5 % of the equity at its start."""
    r = (stop + cost) * point_value * 100
    budget = (0.05 * (equity - day_pnl) + day_pnl) * 100
    return Money(equity * 100, r, budget, margin * 100, equity * 100)


@pytest.mark.parametrize(
    (
        "equity",
        "day_pnl",
        "p",
        "stop",
        "target",
        "cost",
        "value",
        "margin",
        "kelly",
        "fraction",
        "raw",
        "budget",
        "by_margin",
        "contracts",
    ),
    [
        (100000, 0, 0.60, 20, 20, 0.725, 20, 30000, 0.169909, 0.1, 24.1255, 12.0627, 3.3333, 3),
        (96800, -3200, 0.60, 20, 20, 0.725, 20, 30000, 0.169909, 0.1, 23.3534, 4.3426, 3.2267, 3),
        (100000, 0, 0.55, 20, 20, 0.725, 20, 30000, 0.066148, 0.039689, 9.5751, 12.0627, 3.3333, 3),
        (25000, 0, 0.58, 20, 20, 1.15, 2, 3000, 0.108753, 0.065252, 38.565, 29.5508, 8.3333, 5),
        (25000, -1300, 0.65, 20, 20, 1.15, 2, 3000, 0.257294, 0.1, 59.1017, 0.3546, 8.3333, 0),
    ],
)
def test_published_sizes(
    equity, day_pnl, p, stop, target, cost, value, margin, kelly, fraction, raw, budget, by_margin, contracts
):
    size = contracts_for(p, (target - cost) / (stop + cost), money(equity, day_pnl, stop, cost, value, margin), PLAIN)
    stages = {name: after for name, _, after in size.stages}
    assert size.kelly == pytest.approx(kelly, abs=5e-7)
    assert size.fraction == pytest.approx(fraction, abs=5e-7)
    assert size.kelly_contracts == pytest.approx(raw, abs=5e-4)
    assert stages["remaining_budget"] == pytest.approx(min(raw, budget), abs=1e-4)
    assert stages["margin"] == pytest.approx(min(raw, budget, by_margin), abs=1e-4)
    assert size.contracts == contracts


def test_no_size_below_break_even():
    size = contracts_for(0.515, 19.275 / 20.725, money(100000, 0, 20, 0.725, 20, 30000), PLAIN)
    assert (size.contracts, size.kelly, size.bound) == (0, 0.0, "kelly")


@pytest.mark.parametrize(
    ("equity", "p", "stop", "target", "cost", "value", "kelly", "raw"),
    [(50000, 0.62, 15, 22.5, 0.725, 20, 0.34558, 15.8983), (10000, 0.58, 20, 30, 0.95, 2, 0.277108, 23.8663)],
)
def test_published_sizes_without_margin_and_budget(equity, p, stop, target, cost, value, kelly, raw):
    r = (stop + cost) * value * 100
    size = contracts_for(p, (target - cost) / (stop + cost), Money(equity * 100, r, FREE, 1.0, FREE), PLAIN)
    assert size.kelly == pytest.approx(kelly, abs=5e-6)
    assert size.kelly_contracts == pytest.approx(raw, abs=5e-4)
    assert (size.contracts, size.bound) == (5, "max_position_size")
    assert {name: after for name, _, after in size.stages}["max_kelly_fraction"] == 0.25


def test_rounding_is_always_down():
    """$10,000, p .6, stop 20, target 30, cost .725, $20: 7.6435 contracts are 7, though 8 would grow faster."""
    whole = msgspec.structs.replace(
        PLAIN, max_kelly_fraction=1.0, kelly_multiplier=1.0, max_capital_risk=1.0, max_position_size=99
    )
    size = contracts_for(0.6, 29.275 / 20.725, Money(1_000_000, 41_450, FREE, 1.0, FREE), whole)
    assert size.raw == pytest.approx(7.6435, abs=5e-5)
    assert size.contracts == 7


@pytest.mark.parametrize(
    ("change", "risk_multiplier", "bound"),
    [
        ({}, 1.0, "drawdown"),
        ({"drawdown_bound": False}, 1.0, "max_capital_risk"),
        ({"drawdown_bound": False, "max_position_size": 5}, 1.0, "max_position_size"),
        ({"drawdown_bound": False, "max_capital_risk": 1.0}, 1.0, "max_kelly_fraction"),
        ({"drawdown_bound": False, "max_capital_risk": 1.0, "max_kelly_fraction": 1.0}, 1.0, "margin"),
        ({"drawdown_bound": False}, 0.25, "risk_level"),
        ({}, 0.0, "risk_level"),
    ],
)
def test_the_bound_that_held_is_named(change, risk_multiplier, bound):
    parameters = msgspec.structs.replace(SizingParameters(max_position_size=999), **change)
    purse = Money(10_000_000, 60_000, FREE, 360_000, 10_000_000)
    assert contracts_for(0.65, 1.0, purse, parameters, risk_multiplier).bound == bound


@pytest.mark.parametrize("p", [0.52, 0.60, 0.70, 0.90])
@pytest.mark.parametrize("level", [0.8, 0.5, 0.25])
def test_a_level_and_the_live_ladder_are_felt_at_every_p(p, level):
    """The drawdown bound is nearly always the smallest, so both are shares of what it leaves."""
    purse = Money(1e12, 60_000, FREE, 1.0, FREE)
    free = SizingParameters(max_position_size=10**9)
    full = contracts_for(p, 1.0, purse, free)
    assert full.bound == "drawdown"
    levelled = contracts_for(p, 1.0, purse, free, level)
    assert (levelled.fraction, levelled.bound) == (pytest.approx(level * full.fraction), "risk_level")
    on_the_ladder = msgspec.structs.replace(free, ladder_step=free.kelly_multiplier * level)
    stepped = contracts_for(p, 1.0, purse, on_the_ladder)
    assert (stepped.fraction, stepped.bound) == (pytest.approx(level * full.fraction), "live_ladder")


def test_half_of_the_budget_is_for_adds_only():
    parameters = SizingParameters(drawdown_bound=False)
    flat = contracts_for(0.65, 1.0, Money(10_000_000, 60_000, 120_000, 1.0, FREE), parameters)
    holding = contracts_for(0.65, 1.0, Money(10_000_000, 60_000, 120_000, 1.0, FREE, held=2), parameters)
    assert (flat.contracts, flat.bound) == (2, "remaining_budget")
    assert holding.contracts == 2 + 2


def test_kelly_off_is_one_contract_under_the_same_caps():
    off = SizingParameters(kelly_enabled=False)
    rich = Money(100_000_000, 60_000, FREE, 1.0, FREE)
    assert contracts_for(0.65, 1.0, rich, off).contracts == 1
    assert contracts_for(0.65, 1.0, rich, off, risk_multiplier=0.5).contracts == 1
    assert contracts_for(0.65, 1.0, rich, off, risk_multiplier=0.0).contracts == 0
    assert contracts_for(0.49, 1.0, rich, off).contracts == 0
    assert contracts_for(0.65, 1.0, rich._replace(budget=59_999.0), off).contracts == 0
    assert contracts_for(0.65, 1.0, rich._replace(capital=500_000.0), off).contracts == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
@pytest.mark.parametrize("field", ["capital", "r", "margin"])
def test_bad_money_buys_nothing(field, bad):
    purse = Money(10_000_000, 60_000, FREE, 300_000, 10_000_000)._replace(**{field: bad})
    assert contracts_for(0.65, 1.0, purse, PLAIN).contracts == 0


@pytest.mark.parametrize(("p", "ratio"), [(math.nan, 1), (0, 1), (1, 1), (0.6, math.nan), (0.6, 0), (0.6, -1)])
def test_no_bet_buys_nothing(p, ratio):
    assert contracts_for(p, ratio, Money(10_000_000, 60_000, FREE, 300_000, 10_000_000), PLAIN).contracts == 0


purses = st.builds(
    Money,
    capital=st.floats(1e5, 1e9),
    r=st.floats(1e3, 1e6),
    budget=st.floats(-1e6, 1e8),
    margin=st.floats(1e3, 1e7),
    free_for_margin=st.floats(-1e6, 1e9),
    held=st.just(0),
)


@bounded
@given(st.floats(0.4, 0.8), st.floats(0.5, 2), purses, st.floats(0, 1), st.booleans(), st.booleans())
def test_no_size_exceeds_any_bound(p, ratio, purse, level, drawdown_bound, kelly_enabled):
    parameters = SizingParameters(drawdown_bound=drawdown_bound, kelly_enabled=kelly_enabled)
    size = contracts_for(p, ratio, purse, parameters, level)
    assert 0 <= size.contracts <= parameters.max_position_size
    assert size.contracts <= size.raw
    assert size.contracts * purse.r <= parameters.max_capital_risk * purse.capital * (1 + 1e-12)
    assert size.contracts * purse.r <= max(0.0, purse.budget) * (1 + 1e-12)
    assert size.contracts * purse.margin <= max(0.0, purse.free_for_margin) * (1 + 1e-12)
    assert size.contracts <= ceiling(purse, parameters)
    if kelly_enabled:
        assert size.fraction <= size.kelly * parameters.kelly_multiplier * level * (1 + 1e-12)


@bounded
@given(st.floats(0.4, 0.8), st.floats(0, 0.15), st.floats(0.5, 2), purses)
def test_more_probability_is_never_fewer_contracts(p, more, ratio, purse):
    parameters = SizingParameters()
    assert (
        contracts_for(p, ratio, purse, parameters).contracts
        <= contracts_for(p + more, ratio, purse, parameters).contracts
    )


def test_the_trace_is_a_chain_with_words():
    size = contracts_for(0.65, 1.0, Money(10_000_000, 60_000, FREE, 300_000, 10_000_000), SizingParameters())
    steps = trace_of(size, SizingParameters())
    fractions = [step for step in steps if step.unit == "fraction"]
    contracts = [step for step in steps if step.unit == "contracts"]
    for chain in (fractions, contracts):
        assert all(a.after == b.before for a, b in itertools.pairwise(chain))
    assert contracts[0].before == pytest.approx(fractions[-1].after * 10_000_000 / 60_000)
    assert all(step.reason.endswith(".") for step in steps)


# At the edges


def test_the_ladder_counts_only_below_the_multiplier():
    purse = Money(10_000_000, 60_000, FREE, 1.0, FREE)
    names = [
        [name for name, *_ in contracts_for(0.65, 1.0, purse, SizingParameters(ladder_step=step)).stages]
        for step in (0.6, 0.59)
    ]
    assert ["live_ladder" in each for each in names] == [False, True]


def test_no_level_enlarges_a_size():
    purse = Money(10_000_000, 60_000, FREE, 1.0, FREE)
    assert contracts_for(0.65, 1.0, purse, PLAIN, 1.5).fraction == contracts_for(0.65, 1.0, purse, PLAIN).fraction


def test_the_ceiling_is_the_smallest_bound_that_does_not_look_at_the_bet():
    purse = Money(capital=1_000_000, r=10_000, budget=35_000, margin=100_000, free_for_margin=450_000, held=1)
    rule = SizingParameters(max_capital_risk=0.10, max_position_size=99)
    assert ceiling(purse._replace(budget=FREE, free_for_margin=FREE), rule) == 10
    assert ceiling(purse._replace(free_for_margin=FREE), rule) == 1 + 3
    assert ceiling(purse._replace(budget=FREE), rule) == 4
    assert ceiling(purse._replace(budget=-1.0, free_for_margin=FREE), rule) == 1
    assert ceiling(purse._replace(free_for_margin=-1.0), rule) == 0
    assert ceiling(purse, msgspec.structs.replace(rule, max_position_size=2)) == 2


def test_exactly_one_contract_is_one_and_anything_less_none():
    purse = Money(capital=1_000_000, r=10_000, budget=10_000, margin=1.0, free_for_margin=FREE)
    assert contracts_for(0.65, 1.0, purse, PLAIN).contracts == 1
    assert contracts_for(0.65, 1.0, purse._replace(budget=9_999.0), PLAIN).contracts == 0
    got = contracts_for(0.65, 1.0, purse._replace(budget=9_999.0), PLAIN)
    assert (got.raw, got.bound) == (pytest.approx(0.9999), "whole_contracts")


def test_without_money_nothing_is_left_and_the_bound_is_named():
    purse = Money(10_000_000, 60_000, FREE, 1.0, FREE)
    assert contracts_for(0.65, 1.0, purse._replace(budget=-5.0), PLAIN).bound == "remaining_budget"
    assert contracts_for(0.65, 1.0, purse._replace(free_for_margin=-5.0), PLAIN).bound == "margin"
    assert contracts_for(0.65, 1.0, purse._replace(free_for_margin=-5.0), PLAIN).raw == 0.0


def test_numbers_that_are_no_bet_are_named_invalid():
    purse = Money(10_000_000, 60_000, FREE, 300_000, 10_000_000)
    for p, ratio, level in (
        (0.0, 1, 1),
        (1.0, 1, 1),
        (0.6, 0, 1),
        (0.6, math.inf, 1),
        (0.6, 1, -0.1),
        (0.6, 1, math.nan),
    ):
        got = contracts_for(p, ratio, purse, PLAIN, level)
        assert (got.contracts, got.fraction, got.kelly, got.bound, got.stages) == (0, 0.0, 0.0, "invalid", ())
        assert trace_of(got, PLAIN) == ()
    assert contracts_for(0.65, 1.0, purse, PLAIN, 0.0).bound == "risk_level"


def test_each_reason_names_its_setting():
    purse = Money(10_000_000, 60_000, FREE, 300_000, 10_000_000)

    def reason(name, **settings):
        rule = SizingParameters(**settings)
        return next(s.reason for s in trace_of(contracts_for(0.65, 1.0, purse, rule), rule) if s.name == name)

    assert reason("drawdown") == "At most 5% chance of ending the day below 95% of its start."
    assert reason("remaining_budget") == "Adds may risk one half of what the day's limit of 5% leaves."
    all_of_it = reason("remaining_budget", half_of_remaining_budget=False)
    assert all_of_it == "Adds may risk what the day's limit of 5% leaves."
    assert reason("margin") == "Equity must cover the day margin."
    assert reason("margin", overnight_margin=True) == "Equity must cover the overnight margin."
    assert reason("fixed_size", kelly_enabled=False) == "Kelly is off: one contract."
    assert reason("fixed_size", kelly_enabled=False, fixed_fraction=0.02) == "Kelly is off: 2% of capital at risk."


def test_lambda_is_the_ratio_of_the_logarithms():
    assert drawdown_lambda(SizingParameters()) == pytest.approx(58.4, abs=0.01)
    half = SizingParameters(wealth_floor=0.5, breach_probability=0.25)
    assert drawdown_lambda(half) == pytest.approx(2.0)


def test_records_are_frozen():
    records = [cls for cls in vars(types).values() if isinstance(cls, type) and cls.__module__ == types.__name__]
    structs = [cls for cls in records if issubclass(cls, msgspec.Struct)]
    assert structs
    assert all(cls.__struct_config__.frozen for cls in structs)


@pytest.mark.parametrize("ratio", [1e150, 1e308, 1e-300])
@pytest.mark.parametrize("r", [1e-300, 1.0, 1e300])
def test_no_payoff_and_no_price_raises(ratio, r):
    size = contracts_for(0.6, ratio, Money(1e7, r, FREE, 1.0, FREE), PLAIN)
    assert 0 <= size.contracts <= PLAIN.max_position_size
    assert contracts_for(0.6, ratio, Money(1e308, 1e-300, FREE, 1.0, FREE), PLAIN).bound == "invalid"
