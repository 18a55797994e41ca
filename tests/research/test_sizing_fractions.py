"""The lab in fractions: figures against plain formulas, paired differences, and words where there are too few bets."""

import math

import msgspec
import numpy as np
import pytest

from minhos.research.sizing_lab.bootstrap import drawn_dates, histories, interval_of, observed
from minhos.research.sizing_lab.comparisons import Side, compare, difference, fixed_side, fraction_of_equal_drawdown
from minhos.research.sizing_lab.days import day_grid, day_paths
from minhos.research.sizing_lab.fraction_figures import histogram
from minhos.research.sizing_lab.fractions import Fractions, FractionsLab
from minhos.research.sizing_lab.laboratory import sizing_lab
from minhos.research.sizing_lab.policies import ENTRY_RULES, POLICIES, POLICY, Assumptions, EntryRule
from minhos.sizing.types import SizingParameters
from minhos.stats import calmar_ratio, max_drawdown, profit_factor, sharpe_ratio, sortino_ratio
from minhos.testing.markets import oracle_study

BASE = SizingParameters()
PATHS = 400


def lab_of(study, *args, **how) -> FractionsLab:
    return sizing_lab(Fractions(study, *args, **how))


@pytest.fixture(scope="module")
def study():
    return oracle_study("ou", 0.58, sessions=25)


@pytest.fixture(scope="module")
def lab(study):
    return lab_of(study, BASE, n_paths=PATHS, trials=7)


def figures(lab, policy, rule=1):
    return next(found for found in lab.rules[rule].policies if found.policy == policy)


def test_every_policy_stands_under_both_entry_rules(lab):
    assert [rule.rule for rule in lab.rules] == list(ENTRY_RULES)
    for rule in lab.rules:
        assert [found.policy for found in rule.policies] == [policy.name for policy in POLICIES]
        assert rule.missing == ""
    assert lab.simulated


def test_the_figures_of_a_fixed_share_follow_from_its_returns():
    study = oracle_study("ou", 0.55, sessions=40)
    s = study.signals
    found = figures(lab_of(study, BASE, rules=ENTRY_RULES[1:], n_paths=20, trials=7), "fixed_1_contract", 0)
    bets = (s.p_low > s.break_even) & s.bets
    fraction = (s.stop_ticks + s.cost_ticks) * 500 / 25_000_000
    growth = np.where(bets, np.log1p(fraction * s.net_r), 0.0)
    daily = np.array([growth[s.trade_date == date].sum() for date in np.unique(s.trade_date)])
    wealth = np.exp(np.concatenate([[0.0], growth.cumsum()]))
    years = len(daily) / 252
    assert found.bets == bets.sum()
    assert found.exposure == pytest.approx(bets.mean())
    assert found.mean_fraction == pytest.approx(fraction[bets].mean())
    assert found.largest_fraction == pytest.approx(fraction[bets].max())
    assert found.growth == pytest.approx(growth.sum())
    assert found.growth_a_bet == pytest.approx(growth.sum() / bets.sum())
    assert found.total_return == pytest.approx(wealth[-1] - 1.0)
    assert found.sharpe_ratio == pytest.approx(sharpe_ratio(np.expm1(daily)) * math.sqrt(252))
    assert found.bet_sharpe_ratio == pytest.approx(sharpe_ratio(growth[bets]))
    assert found.sortino_ratio == pytest.approx(sortino_ratio(np.expm1(daily)) * math.sqrt(252))
    assert found.volatility == pytest.approx(np.expm1(daily).std(ddof=1) * math.sqrt(252))
    assert found.max_drawdown == pytest.approx(max_drawdown(wealth))
    by_bet = calmar_ratio(wealth, (len(wealth) - 1) / years)
    assert found.calmar_ratio == pytest.approx(by_bet)
    assert found.win_rate == pytest.approx((s.net_r[bets] > 0).mean())
    assert found.profit_factor == pytest.approx(profit_factor((fraction * s.net_r)[bets]))
    assert found.daily_growth == pytest.approx(tuple(daily))
    assert sum(part.bets for part in found.histogram) == found.bets
    assert found.deflation.n_trials == 7


def test_the_fixed_share_of_the_same_risk_risks_as_much(lab):
    for i, rule in enumerate(lab.rules):
        shipped = figures(lab, "kelly_shipped", i).mean_fraction
        assert rule.same_risk == shipped
        assert figures(lab, "fixed_same_risk", i).mean_fraction == pytest.approx(shipped)


def test_ten_percent_falls_deeper_than_the_settings_as_they_stand(lab):
    for rule in (0, 1):
        shipped, tenth = figures(lab, "kelly_shipped", rule), figures(lab, "fixed_10", rule)
        assert shipped.max_drawdown < tenth.max_drawdown
        assert shipped.ruin.drawdown_95 < tenth.ruin.drawdown_95
        assert shipped.volatility < tenth.volatility
        assert tenth.days_at_limit > shipped.days_at_limit


def test_equal_mean_risk_and_equal_drawdown_are_equal(lab):
    found = {(c.policy, c.against): c for c in lab.rules[1].more_than_size}
    risk = found["kelly_shipped", "fixed, same mean risk"]
    assert risk.against_fraction == lab.rules[1].same_risk
    drawdown = found["kelly_drawdown", "fixed, same median drawdown"]
    assert drawdown.max_drawdown.verdict == "no significant difference"
    assert drawdown.growth.gain == pytest.approx(
        drawdown.growth.value / (figures(lab, "kelly_drawdown").growth_a_year - drawdown.growth.value)
    )


def test_a_lower_win_rate_earns_less(lab):
    lower = lab.rules[1].lower_win_rate
    assert [found.policy for found in lower.policies] == ["kelly_shipped", "fixed_10"]
    for found in lower.policies:
        as_it_was = figures(lab, found.policy)
        assert as_it_was.win_rate - found.win_rate == pytest.approx(0.02, abs=0.01)
        assert found.growth_a_year < as_it_was.growth_a_year
        assert found.drawdown_median > 0.0


def test_the_same_seed_gives_the_same_lab_and_json_holds_all_of_it(lab, study):
    again = lab_of(study, BASE, n_paths=PATHS, trials=7)
    as_json = msgspec.json.encode(lab)
    assert as_json == msgspec.json.encode(again)
    assert b"NaN" not in as_json
    assert msgspec.json.decode(as_json, type=FractionsLab) == lab


def test_too_few_bets_give_a_sentence_and_no_figure(study):
    rare = EntryRule("0.80", 0.80, 0.80)
    found = lab_of(study, BASE, rules=[rare], n_paths=20).rules[0]
    assert 0 < found.taken < 30
    assert found.missing == (
        f"Under the entry rule 0.80 {found.taken} bars are bet on; {30 - found.taken} more are needed for figures."
    )
    assert found.policies == found.comparisons == found.accounts == ()
    assert found.lower_win_rate is None


def test_a_market_without_an_edge_bets_on_nothing():
    found = lab_of(oracle_study("null", 0.5, sessions=6), BASE, n_paths=20)
    assert [rule.taken for rule in found.rules] == [0, 0]
    assert all("30 more are needed" in rule.missing for rule in found.rules)


def test_too_few_dates_give_a_sentence():
    found = lab_of(oracle_study("ou", 0.62, sessions=2), BASE, n_paths=20).rules[1]
    assert found.missing == "3 trade dates are out of sample; 2 more are needed for figures."


def test_the_drawdown_bound_keeps_its_promise_where_p_is_the_truth():
    """P(wealth ever below 95 % of the date's start) stays under 5 % a trade date."""
    study = oracle_study("ou", 0.56, sessions=120)
    signals = msgspec.structs.replace(study.signals, p_low=study.signals.p_side)
    found = sizing_lab(
        Fractions(msgspec.structs.replace(study, signals=signals), BASE, rules=ENTRY_RULES[1:], n_paths=50)
    )
    lows = figures(found, "kelly_drawdown", 0)
    assert lows.days_at_limit <= 0.05


def test_one_contract_follows_the_capital(study):
    small = lab_of(study, BASE, Assumptions(capital_cents=2_500_000), rules=ENTRY_RULES[1:], n_paths=20)
    large = lab_of(study, BASE, Assumptions(capital_cents=25_000_000), rules=ENTRY_RULES[1:], n_paths=20)
    ratio = (
        figures(small, "fixed_1_contract", 0).largest_fraction / figures(large, "fixed_1_contract", 0).largest_fraction
    )
    assert ratio == pytest.approx(10.0)


def side_of(daily, dates, name):
    days = day_paths(daily[None], day_grid(np.arange(len(daily))))
    return Side(name, days, observed(days), histories(days, dates))


def test_equal_policies_do_not_differ_and_a_better_one_is_called_so():
    rng, dates = np.random.default_rng(2), drawn_dates(200, 500, seed=1)
    plain = 0.01 * rng.standard_normal(200)
    same = compare(side_of(plain, dates, "a"), side_of(plain, dates, "b"))
    assert {same.growth.verdict, same.sharpe_ratio.verdict, same.max_drawdown.verdict} == {"no significant difference"}
    assert same.growth.value == 0.0
    better = compare(side_of(plain + 0.002, dates, "a"), side_of(plain, dates, "b"))
    assert (better.growth.verdict, better.sharpe_ratio.verdict, better.max_drawdown.verdict) == ("better",) * 3
    worse = compare(side_of(plain, dates, "b"), side_of(plain + 0.002, dates, "a"))
    assert worse.max_drawdown.verdict == "worse"
    assert worse.growth.value == pytest.approx(-better.growth.value)
    noise = compare(side_of(plain, dates, "a"), side_of(0.01 * rng.standard_normal(200), dates, "b"))
    assert noise.sharpe_ratio.verdict == "no significant difference"


def test_an_unknown_figure_is_no_difference():
    nothing = np.full((1,), np.nan)
    assert difference(nothing, np.ones(1), np.full(9, np.nan), np.ones(9), n_dates=9).verdict == "unknown"


def test_the_fraction_of_equal_drawdown_falls_as_deep():
    rng, dates = np.random.default_rng(3), drawn_dates(120, 300, seed=1)
    net_r, grid = 0.02 + 0.3 * rng.standard_normal(1_200).clip(-3, 3), day_grid(np.repeat(np.arange(120), 10))
    terms = np.arange(0, 1_200, 2), net_r, grid, 0.05
    known = fixed_side("known", 0.013, *terms, dates)
    found = fraction_of_equal_drawdown(float(np.median(known.drawn.drawdown)), *terms, dates)
    assert found == pytest.approx(0.013, rel=0.002)


def test_the_histogram_counts_every_bet_once():
    found = histogram(np.array([0.01, 0.02, 0.1, 0.1]), bins=10)
    assert [part.bets for part in found] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert histogram(np.zeros(0)) == ()


def test_ratios_that_nothing_varies_in_are_unknown(study):
    flat = msgspec.structs.replace(study.signals, net_r=np.zeros(len(study.signals)))
    found = lab_of(msgspec.structs.replace(study, signals=flat), BASE, rules=ENTRY_RULES[1:], n_paths=20)
    kelly = figures(found, POLICY["kelly_shipped"].name, 0)
    assert kelly.sharpe_ratio is None
    assert kelly.calmar_ratio is None
    assert kelly.profit_factor is None
    assert kelly.growth == 0.0
    assert kelly.ruin.sharpe_interval is None
    assert found.rules[0].comparisons[0].sharpe_ratio.verdict == "unknown"


@pytest.mark.parametrize(("n", "most"), [(6, 0.12), (30, 0.12)])
def test_noise_on_few_dates_seldom_looks_like_a_difference(n, most):
    rng, found = np.random.default_rng(4), 0
    for seed in range(120):
        dates = drawn_dates(n, 300, seed)
        compared = compare(*(side_of(0.01 * rng.standard_normal(n), dates, name) for name in "ab"))
        found += compared.growth.verdict != "no significant difference"
        assert (compared.sharpe_p_value is None) == (n < 20)
    assert found / 120 <= most


def test_one_history_without_variation_does_not_hide_the_interval():
    ratios = np.concatenate([np.linspace(-1.0, 1.0, 999), [np.nan]])
    low, high = interval_of(ratios, n_dates=5)
    assert low < -0.95
    assert high > 0.95
    assert interval_of(np.concatenate([ratios, np.full(300, np.nan)]), n_dates=5) is None
    assert interval_of(np.concatenate([ratios, [-math.inf]]), n_dates=5) is None, "ruin is not left out"
