"""Criteria: what counts as met, and when nothing can be told."""

import math

import msgspec
import pytest

from minhos.research.luck.deflation import deflated
from minhos.research.sizing_lab.contracts import Contracts
from minhos.research.sizing_lab.criteria import TITLES, State, ahead, contract_criteria, fraction_criteria
from minhos.research.sizing_lab.fractions import Fractions
from minhos.research.sizing_lab.laboratory import Sized, sizing_lab
from minhos.research.sizing_lab.policies import ENTRY_RULES, FIXED_10, POLICY, SHIPPED
from minhos.research.stage import Stage
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.markets import oracle_study
from minhos.trading.events import TradingSettings
from minhos.venues.matching import MatchingParameters

SIZING = SizingParameters()
BREAK_EVEN = ENTRY_RULES[1]


@pytest.fixture(scope="module")
def study():
    return oracle_study("ou", 0.58, 6, seed=4)


@pytest.fixture(scope="module")
def pair(study):
    """Kelly as shipped and a fixed 10 %, entered at break-even."""
    symbol = study.bars.contracts[int(study.bars.contract[0])]
    settings = TradingSettings(SIZING, RiskParameters(), {symbol: study.bars.instrument}, symbol, symbol)
    stage = Stage(study, settings, 25_000_000, MatchingParameters())
    ways = [Sized(POLICY[name], BREAK_EVEN) for name in (SHIPPED, FIXED_10)]
    return Contracts(stage, processes=1).run(ways, lambda share, text: None)


def with_figures(record, **values):
    return msgspec.structs.replace(record, figures=msgspec.structs.replace(record.figures, **values))


def judged(kelly, fixed, sizing=SIZING):
    return {criterion.name: criterion for criterion in contract_criteria(kelly, fixed, sizing)}


def test_each_criterion_has_both_numbers_and_an_interval(pair):
    found = judged(*pair)
    assert list(found) == list(TITLES)
    kelly, fixed = (record.figures for record in pair)
    assert (found["drawdown"].kelly, found["drawdown"].fixed) == (kelly.max_drawdown, fixed.max_drawdown)
    assert found["risk_adjusted"].kelly == kelly.deflation.annual
    for name in ("risk_adjusted", "drawdown", "volatility", "win_rate"):
        criterion = found[name]
        assert criterion.difference.value == pytest.approx(criterion.kelly - criterion.fixed, rel=1e-6)
        low, high = criterion.difference.interval
        assert low <= high
        assert ("no significant difference" in criterion.sentence) == (low <= 0.0 <= high)
    assert {criterion.unit for criterion in found.values()} == {"contracts"}


@pytest.mark.parametrize(
    ("name", "field", "kelly", "fixed", "state"),
    [
        ("drawdown", "max_drawdown", 0.02, 0.03, State.MET),
        ("drawdown", "max_drawdown", 0.03, 0.03, State.NOT_MET),
        ("volatility", "volatility", 0.2, 0.1, State.NOT_MET),
        ("volatility", "volatility", 0.1, None, State.CANNOT_BE_TOLD),
        ("win_rate", "win_rate", 0.6, 0.6, State.MET),
        ("win_rate", "win_rate", 0.59, 0.6, State.NOT_MET),
    ],
)
def test_a_criterion_is_met_by_what_was_asked(pair, name, field, kelly, fixed, state):
    assert judged(with_figures(pair[0], **{field: kelly}), with_figures(pair[1], **{field: fixed}))[name].state is state


@pytest.mark.parametrize(("factor", "state"), [(1.051, State.MET), (1.049, State.NOT_MET), (0.5, State.NOT_MET)])
def test_the_sharpe_ratio_must_be_more_than_five_percent_ahead(pair, factor, state):
    worth = deflated([0.01, -0.005, 0.02, 0.0, 0.01, 0.004], 1)
    more = msgspec.structs.replace(worth, annual=factor * worth.annual)
    found = judged(with_figures(pair[0], deflation=more), with_figures(pair[1], deflation=worth))
    assert found["risk_adjusted"].state is state


def test_a_loss_that_is_smaller_is_not_ahead(pair):
    worth = deflated([0.01, -0.005, 0.02, 0.0, 0.01, 0.004], 1)
    less, more = (msgspec.structs.replace(worth, annual=annual) for annual in (-1.0, -2.0))
    found = judged(with_figures(pair[0], deflation=less), with_figures(pair[1], deflation=more))
    assert found["risk_adjusted"].state is State.NOT_MET


@pytest.mark.parametrize(
    ("kelly", "fixed", "share"),
    [
        (1.1, 1.0, 0.1),
        (-0.9, -1.0, 0.1),
        (-1.0, 1.0, -2.0),
        (1.0, 0.0, math.inf),
        (-1.0, 0.0, -math.inf),
        (0.0, 0.0, 0.0),
    ],
)
def test_ahead_is_a_share_of_the_size_of_the_other(kelly, fixed, share):
    assert ahead(kelly, fixed) == pytest.approx(share)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, State.MET),
        ({"largest_position": 6}, State.NOT_MET),
        ({"largest_risk": 0.101}, State.NOT_MET),
        ({"worst_day": -0.06, "largest_risk": 0.02}, State.MET),
        ({"worst_day": -0.08, "largest_risk": 0.02}, State.NOT_MET),
        ({"bets": 0}, State.CANNOT_BE_TOLD),
    ],
)
def test_constraints_hold_but_for_what_one_stop_loses_beyond_the_days_limit(pair, values, state):
    found = judged(with_figures(pair[0], **values), pair[1])["constraints"]
    assert found.state is state
    if values:
        assert found.sentence


def test_too_few_bets_cannot_be_told_and_say_how_many_are_missing(pair):
    found = judged(with_figures(pair[0], missing="too few bets: 3 trades of the 10 needed"), pair[1])
    for name in ("risk_adjusted", "drawdown", "volatility", "win_rate"):
        assert found[name].state is State.CANNOT_BE_TOLD
        assert (found[name].kelly, found[name].fixed) == (None, None)
        assert found[name].sentence == "too few bets: 3 trades of the 10 needed"


def test_in_fractions_the_same_criteria_come_from_the_lab(study):
    lab = sizing_lab(Fractions(study, SIZING, rules=[BREAK_EVEN], n_paths=50)).rules[0]
    found = {criterion.name: criterion for criterion in fraction_criteria(lab, SIZING)}
    assert list(found) == list(TITLES)
    by_name = {figures.policy: figures for figures in lab.policies}
    kelly, fixed = by_name[SHIPPED], by_name[FIXED_10]
    assert (found["risk_adjusted"].kelly, found["risk_adjusted"].fixed) == (kelly.sharpe_ratio, fixed.sharpe_ratio)
    assert found["drawdown"].difference == next(
        c.max_drawdown for c in lab.comparisons if (c.policy, c.against) == (SHIPPED, FIXED_10)
    )
    for name in ("volatility", "win_rate"):
        criterion = found[name]
        assert criterion.difference.value == pytest.approx(criterion.kelly - criterion.fixed)
        assert criterion.difference.interval is not None
    assert found["drawdown"].state is State.MET
    assert found["constraints"].state is State.MET


def test_in_fractions_too_few_bets_cannot_be_told():
    lab = sizing_lab(Fractions(oracle_study("null", 0.5, 2), SIZING, rules=[BREAK_EVEN], n_paths=20)).rules[0]
    found = fraction_criteria(lab, SIZING)
    assert {criterion.state for criterion in found} == {State.CANNOT_BE_TOLD}
    assert {criterion.sentence for criterion in found} == {lab.missing}
