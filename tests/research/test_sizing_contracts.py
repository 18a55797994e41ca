"""The lab in whole contracts: one engine for every policy, what each held, and what each setting did."""

import functools

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.market.calendar import SessionCalendar
from minhos.research.backtest import daily_returns, run_backtest, summary
from minhos.research.sizing_lab import contracts as contracts_module
from minhos.research.sizing_lab.comparisons import figures_of_days, paired_difference
from minhos.research.sizing_lab.contract_figures import Record, Way, bound_of, days_of, figures_of
from minhos.research.sizing_lab.contracts import AS_SET, Contracts, deflate, overlap
from minhos.research.sizing_lab.laboratory import Sized, sizing_lab
from minhos.research.sizing_lab.policies import ENTRY_RULES, FIXED_10, POLICIES, POLICY, SHIPPED
from minhos.research.sizing_lab.setting_costs import settings_of
from minhos.research.stage import Stage
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.stats import max_drawdown
from minhos.testing.markets import oracle_study
from minhos.trading.events import TradingSettings
from minhos.venues.matching import MatchingParameters

CASH_CENTS = 25_000_000
RULE, BREAK_EVEN = (rule.name for rule in ENTRY_RULES)
NO_WAY = Way("", "", "", SizingParameters(), RiskParameters())


def SILENT(share: float, text: str) -> None:
    """Progress that nobody sees."""


def stage_of(study, sizing=SizingParameters(), risk=RiskParameters()) -> Stage:
    symbol = study.bars.contracts[int(study.bars.contract[0])]
    traded = TradingSettings(sizing, risk, {symbol: study.bars.instrument}, symbol, symbol)
    return Stage(study, traded, CASH_CENTS, MatchingParameters())


@pytest.fixture(scope="module")
def stage() -> Stage:
    return stage_of(oracle_study("ou", 0.58, 6, seed=3))


@pytest.fixture(scope="module")
def runs(stage):
    return sizing_lab(Contracts(stage, processes=1))


def test_every_policy_runs_under_both_rules_in_order(runs):
    assert [(f.rule, f.policy) for f in runs.lab.runs] == [
        (rule.name, policy.name) for rule in ENTRY_RULES for policy in POLICIES
    ]
    assert runs.lab.run("kelly_full", BREAK_EVEN).title == "Kelly, full"
    with pytest.raises(KeyError):
        runs.lab.run("kelly_full", "no rule")


def test_a_run_is_the_backtest_with_those_settings(stage, runs):
    way = runs.record(SHIPPED, BREAK_EVEN).way
    assert (way.sizing.confidence_threshold, way.risk.min_confidence) == (0.5, 0.5)
    study = stage.study
    result = run_backtest(
        study.bars,
        study.forecasts,
        study.table,
        study.activations,
        msgspec.structs.replace(stage.settings, sizing=way.sizing, risk=way.risk),
        SessionCalendar.load(),
        cash_cents=CASH_CENTS,
    )
    plain, figures = summary(result), runs.lab.run(SHIPPED, BREAK_EVEN)
    assert figures.total_return == plain["return"]
    assert figures.trades == plain["trades"]
    assert figures.deflation.annual == plain["sharpe_ratio"]
    assert figures.risk_adjusted == plain["return"] / plain["max_drawdown"]
    assert figures.daily_returns == tuple(daily_returns(result).tolist())
    assert np.prod(1 + np.array(figures.daily_returns)) == pytest.approx(1 + figures.total_return)


def test_the_limits_hold_for_every_policy(runs):
    for figures in runs.lab.runs:
        assert figures.largest_position <= 5
        assert figures.largest_risk <= 0.10
    assert runs.lab.run("fixed_1_contract", RULE).largest_position == 1
    assert runs.lab.run("fixed_1_contract", BREAK_EVEN).largest_position == 1
    assert runs.lab.run(FIXED_10, BREAK_EVEN).largest_position == 5


def test_the_settings_as_they_stand_are_the_documents_rule(runs):
    shipped, same = runs.lab.shipped, runs.lab.run(SHIPPED, RULE)
    assert shipped.rule == AS_SET
    assert msgspec.structs.replace(shipped, rule=RULE) == same


def test_more_trials_make_a_sharpe_ratio_worth_less(runs):
    one, many = (deflate(runs.lab, trials, 1e-2).run(SHIPPED, BREAK_EVEN).deflation for trials in (1, 1000))
    assert one.annual == many.annual
    assert (one.n_trials, many.n_trials) == (1, 1000)
    assert one.probability > many.probability


def test_equal_settings_run_once(monkeypatch, stage):
    asked = []
    monkeypatch.setattr(contracts_module, "run_way", lambda stage, way: asked.append(way) or record([len(asked)]))
    ways = [Way(name, name, RULE, SizingParameters(), RiskParameters()) for name in "abc"]
    other = Way("d", "d", RULE, SizingParameters(max_position_size=1), RiskParameters())
    contracts = Contracts(stage, processes=1)
    contracts.run_ways([other], SILENT)
    records = contracts.run_ways([*ways, other], SILENT)
    assert [way.policy for way in asked] == ["d", "a"]
    assert [r.figures.policy for r in records] == [r.way.policy for r in records] == ["a", "b", "c", "d"]
    assert [r.equity_cents.tolist() for r in records] == [[2], [2], [2], [1]]


def test_kelly_and_a_fixed_tenth_are_the_same_trades_where_the_position_size_binds():
    """At p of 0.65 and more 0.6 Kelly exceeds the cap of 10 %, as a fixed 10 % does: both hold what is allowed."""
    sizing = SizingParameters(drawdown_bound=False, max_position_size=1)
    stage = stage_of(oracle_study("ou", 0.62, 5, seed=1), sizing)
    ways = [Sized(POLICY[name], ENTRY_RULES[0]) for name in (SHIPPED, FIXED_10)]
    kelly, fixed = Contracts(stage, processes=1).run(ways, SILENT)
    found = overlap(RULE, kelly, fixed, cap=1)
    assert found.same == found.bars > 30
    assert "they are the same trades" in found.sentence
    assert "only the fractions can tell them apart" in found.sentence


def test_the_overlap_counts_bars_on_which_either_held_something():
    kelly, fixed = record([1] * 6, target=[0, 2, 5, 5, 0, -1]), record([1] * 6, target=[0, 5, 5, 5, 3, -1])
    found = overlap("rule", kelly, fixed, 5)
    assert (found.bars, found.same) == (5, 3)
    assert overlap("rule", record([1], target=[0]), record([1], target=[0]), 5).sentence.endswith("held anything.")


def test_a_setting_costs_the_difference_of_two_backtests(runs):
    by_name = {cost.name: cost for cost in runs.lab.settings}
    contracts = by_name["max_position_size"]
    without = runs.record("without_max_position_size", AS_SET)
    assert without.figures.largest_position > 5
    assert contracts.cost == without.figures.total_return - runs.lab.shipped.total_return
    assert contracts.drawdown_saved == without.figures.max_drawdown - runs.lab.shipped.max_drawdown
    assert contracts.bound.bars > 0
    assert set(contracts.bound.trade_dates) <= set(runs.lab.shipped.trade_dates)
    agreement = by_name["min_agreement"]
    assert (agreement.bound.bars, agreement.cost, agreement.drawdown_saved) == (0, 0.0, 0.0)
    assert agreement.sentence == "agreement 60%: never bound; it cost nothing and saved nothing."
    assert by_name["confidence"].bound.bars > 0


SWITCHED = {
    "confidence": {"confidence_threshold", "min_confidence"},
    "max_position_size": {"max_position_size"},
    "max_consecutive_losses": {"max_consecutive_losses"},
    "min_agreement": {"min_agreement"},
    "daily_loss_limit": {"daily_loss_limit"},
    "drawdown_bound": {"drawdown_bound"},
}


def test_each_setting_can_be_switched_off_alone(stage):
    base = stage.settings
    assert [setting.name for setting in settings_of(base)] == list(SWITCHED)
    for setting in settings_of(base):
        pairs = zip((base.sizing, base.risk), setting.off, strict=True)
        changed = {f for on, off in pairs for f in on.__struct_fields__ if getattr(on, f) != getattr(off, f)}
        assert changed == SWITCHED[setting.name]


def test_a_market_without_bets_gives_sentences_and_no_ratios():
    runs = sizing_lab(Contracts(stage_of(oracle_study("null", 0.5, 2, seed=2)), processes=1))
    for figures in runs.lab.runs:
        assert (figures.trades, figures.largest_position, figures.total_return) == (0, 0, 0.0)
        assert figures.missing.startswith("too few bets: 0 bars with a position of the 30 needed, 0 trades")
        assert figures.deflation.annual is figures.volatility is figures.win_rate is figures.risk_adjusted is None
        assert figures.deflation.reason == figures.missing
    assert all(cost.cost is None for cost in runs.lab.settings)
    assert deflate(runs.lab, 5, None).shipped.deflation.annual is None


def test_other_processes_find_the_same(stage, runs):
    ways = [Sized(POLICY[name], ENTRY_RULES[0]) for name in (SHIPPED, FIXED_10)]
    for found in Contracts(stage, processes=2).run(ways, SILENT):
        known = runs.record(found.way.policy, RULE)
        assert found.figures == known.figures
        assert found.equity_cents.tolist() == known.equity_cents.tolist()


def record(
    equity: list[int],
    dates: list[int] | None = None,
    target: list[int] | None = None,
    trades: tuple[tuple[int, int], ...] = (),
) -> Record:
    """A record of those bars; the figures are those of an empty backtest."""
    n = len(equity)
    figures = msgspec.structs.replace(no_figures(), largest_position=max(map(abs, target or [0])))
    return Record(
        NO_WAY,
        figures,
        CASH_CENTS,
        np.array(dates or [20240103] * n),
        np.array(equity),
        np.array(target or [0] * n),
        np.array([date for date, _ in trades], dtype=np.int64),
        np.array([pnl for _, pnl in trades], dtype=np.int64),
        {},
    )


@functools.cache
def no_figures():
    """Of a day on which nothing was held."""
    study = oracle_study("null", 0.5, 1)
    stage = stage_of(study)
    result = stage.backtest()
    return figures_of(result, NO_WAY)


EQUITIES = st.lists(st.integers(20_000_000, 30_000_000), min_size=12, max_size=40)


@settings(deadline=None, max_examples=40)
@given(EQUITIES)
def test_cut_into_dates_the_drawdown_is_that_of_the_whole_path(equity):
    """Four numbers a date are enough: the drawdown over all bars comes out exactly."""
    dates = [20240103 + i // 4 for i in range(len(equity))]
    found = figures_of_days(days_of(record(equity, dates)), np.arange(len(set(dates)))[:, None])
    assert found.max_drawdown[0] == pytest.approx(max_drawdown([CASH_CENTS, *equity]), abs=1e-12)


def test_trades_are_counted_on_the_date_they_ended():
    days = days_of(record([1, 1, 1], [0, 20240103, 20240104], trades=((20240103, 5), (20240104, -5), (20240104, 5))))
    assert days.closed.tolist() == [1, 2]
    assert days.won.tolist() == [1, 1]


def growing(rate: float, n: int = 20) -> Record:
    noise = np.where(np.arange(n) % 3, 1.0, -1.0)
    return record(
        np.rint(CASH_CENTS * np.cumprod(1 + rate * (0.2 + noise))).astype(int).tolist(),
        [20240101 + i for i in range(n)],
    )


def test_a_record_does_not_differ_from_itself():
    days = days_of(growing(0.01))
    for name in ("sharpe_ratio", "max_drawdown", "volatility", "daily_return"):
        found = paired_difference(days, days, name)
        assert (found.value, found.interval, found.verdict) == (0.0, (0.0, 0.0), "no significant difference")
    assert paired_difference(days, days, "win_rate").value is None


def test_twice_the_size_is_more_volatile_and_falls_deeper():
    small, large = days_of(growing(0.005)), days_of(growing(0.01))
    for name in ("volatility", "max_drawdown"):
        found = paired_difference(large, small, name)
        assert found.value > 0.0
        assert found.interval[0] > 0.0
        assert found.verdict == "worse"
        assert paired_difference(small, large, name).verdict == "better"


def test_too_few_dates_give_a_value_and_no_interval():
    found = paired_difference(days_of(growing(0.01, 4)), days_of(growing(0.02, 4)), "volatility")
    assert found.value < 0.0
    assert (found.interval, found.verdict) == (None, "unknown")


def test_records_of_other_dates_are_refused():
    with pytest.raises(ValueError, match="20 and 19 trade dates"):
        paired_difference(days_of(growing(0.01)), days_of(growing(0.01, 19)), "volatility")


def test_what_bound_a_bar_is_the_last_word_on_it(runs, stage):
    result = stage.backtest()
    seen = set()
    for decision in result.decisions:
        name, wanted, verdict = bound_of(decision), decision.recommendation, decision.verdict
        seen.add(name)
        if verdict is None:
            assert name == ""
        elif verdict.target != wanted.target:
            assert name == verdict.bound
        elif name == "entry_rule":
            assert wanted.break_even < wanted.p_low <= wanted.p_side < stage.settings.sizing.confidence_threshold
        elif name == "max_position_size":
            assert abs(wanted.target) == stage.settings.sizing.max_position_size
    assert {"entry_rule", "min confidence", "max_position_size", "drawdown", ""} <= seen
    bound = runs.record(SHIPPED, AS_SET).bound
    assert sum(b.bars for b in bound.values()) == sum(bound_of(d) != "" for d in result.decisions)
