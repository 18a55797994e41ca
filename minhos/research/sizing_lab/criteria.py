"""What was asked of Kelly against a fixed 10 %: met, not met, or more than these days can tell.

Four comparisons and the constraints, in whole contracts and in fractions of capital, each with both numbers and the
interval of their difference over the same resampled trade dates.  A criterion is judged by what was asked for, so one
that is met by luck is met; that the difference is not significant is said beside it.
"""

from __future__ import annotations

import enum
import math
from typing import Literal

import msgspec

from minhos.research.sizing_lab.comparisons import Difference
from minhos.research.sizing_lab.contract_bootstrap import UNKNOWN, days_of, days_of_bets, paired_difference
from minhos.research.sizing_lab.contract_figures import FIXED_10, SHIPPED, ContractFigures, Record
from minhos.research.sizing_lab.fraction_figures import PolicyFigures
from minhos.research.sizing_lab.fractions import RuleLab
from minhos.sizing.types import SizingParameters

Unit = Literal["contracts", "fractions"]
Values = dict[str, float | None]
AHEAD_BY = 0.05
"""Share by which Kelly's Sharpe ratio must lie above that of the fixed size; to lose less is not to be ahead."""


class State(enum.StrEnum):
    """What became of a criterion."""

    MET = "MET"
    NOT_MET = "NOT MET"
    CANNOT_BE_TOLD = "CANNOT BE TOLD"


class Criterion(msgspec.Struct, frozen=True):
    """One line of what was asked for, under one entry rule, in whole contracts or in fractions of capital.

    name: "risk_adjusted" (Sharpe ratio a year), "drawdown", "volatility" (a year), "win_rate" or "constraints".
    kelly, fixed: the two values, shares 0 to 1 but for the ratio.  difference: Kelly less fixed, with its 95 %
    interval.  sentence: both numbers and, where that is so, "no significant difference".
    """

    name: str
    title: str
    unit: Unit
    rule: str
    state: State
    kelly: float | None
    fixed: float | None
    difference: Difference
    sentence: str


TITLES = {
    "risk_adjusted": "Sharpe ratio 5 % ahead",
    "drawdown": "smaller drawdown",
    "volatility": "lower volatility",
    "win_rate": "win rate not worse",
    "constraints": "constraints hold",
}
_FIELDS = {
    "risk_adjusted": "sharpe_ratio",
    "drawdown": "max_drawdown",
    "volatility": "volatility",
    "win_rate": "win_rate",
}


def contract_criteria(kelly: Record, fixed: Record, sizing: SizingParameters) -> tuple[Criterion, ...]:
    """Both runs in whole contracts, over the same trade dates, under the same rule."""
    pair, rule = (days_of(kelly), days_of(fixed)), kelly.figures.rule
    missing = kelly.figures.missing or fixed.figures.missing
    found = [
        _judge(
            name,
            "contracts",
            rule,
            _of_contracts(kelly.figures)[name],
            _of_contracts(fixed.figures)[name],
            paired_difference(*pair, field),
            missing,
        )
        for name, field in _FIELDS.items()
    ]
    return (*found, _constraints_in_contracts(kelly.figures, sizing))


def fraction_criteria(lab: RuleLab, sizing: SizingParameters) -> tuple[Criterion, ...]:
    """Both policies of one rule of the lab in fractions."""
    rule, by_name = lab.rule.name, {figures.policy: figures for figures in lab.policies}
    if lab.missing:
        return tuple(_untold(name, "fractions", rule, lab.missing) for name in TITLES)
    kelly, fixed = by_name[SHIPPED], by_name[FIXED_10]
    compared = next(c for c in lab.comparisons if (c.policy, c.against) == (SHIPPED, FIXED_10))
    pair = days_of_bets(kelly), days_of_bets(fixed)
    differences = {
        "risk_adjusted": compared.sharpe_ratio,
        "drawdown": compared.max_drawdown,
        "volatility": paired_difference(*pair, "volatility"),
        "win_rate": paired_difference(*pair, "win_rate"),
    }
    values = [{name: getattr(figures, field) for name, field in _FIELDS.items()} for figures in (kelly, fixed)]
    found = [
        _judge(name, "fractions", rule, values[0][name], values[1][name], differences[name], "") for name in _FIELDS
    ]
    return (*found, _constraints_in_fractions(kelly, rule, sizing))


def ahead(kelly: float, fixed: float) -> float:
    """By what share of |fixed| Kelly lies above it."""
    if fixed == 0.0:
        return 0.0 if kelly == 0.0 else math.copysign(math.inf, kelly)
    return (kelly - fixed) / abs(fixed)


def _judge(
    name: str, unit: Unit, rule: str, kelly: float | None, fixed: float | None, difference: Difference, missing: str
) -> Criterion:
    if missing or kelly is None or fixed is None:
        return _untold(name, unit, rule, missing or f"{_text(name, kelly)} against {_text(name, fixed)}")
    met = {
        "risk_adjusted": kelly > 0.0 and ahead(kelly, fixed) > AHEAD_BY,
        "drawdown": kelly < fixed,
        "volatility": kelly < fixed,
        "win_rate": kelly >= fixed,
    }[name]
    sentence = f"{_text(name, kelly)} against {_text(name, fixed)}{_interval(name, difference)}"
    state = State.MET if met else State.NOT_MET
    return Criterion(name, TITLES[name], unit, rule, state, kelly, fixed, difference, sentence)


def _untold(name: str, unit: Unit, rule: str, why: str) -> Criterion:
    return Criterion(name, TITLES[name], unit, rule, State.CANNOT_BE_TOLD, None, None, UNKNOWN, why)


def _of_contracts(figures: ContractFigures) -> Values:
    return {
        "risk_adjusted": figures.deflation.annual,
        "drawdown": figures.max_drawdown,
        "volatility": figures.volatility,
        "win_rate": figures.win_rate,
    }


def _constraints_in_contracts(figures: ContractFigures, sizing: SizingParameters) -> Criterion:
    """Contracts, capital at risk, and the day's loss but for what one stop can lose beyond it."""
    if not figures.bets:
        return _untold("constraints", "contracts", figures.rule, "nothing was held")
    within = figures.largest_position <= sizing.max_position_size
    contracts = f"at most {figures.largest_position} of {sizing.max_position_size} contracts and "
    return _constraints("contracts", figures.rule, figures.largest_risk, figures.worst_day, sizing, within, contracts)


def _constraints_in_fractions(figures: PolicyFigures, rule: str, sizing: SizingParameters) -> Criterion:
    worst = min((math.expm1(growth) for growth in figures.daily_growth if growth is not None), default=None)
    return _constraints("fractions", rule, figures.largest_fraction, worst, sizing, True, "at most ")


def _constraints(
    unit: Unit, rule: str, risk: float, worst: float | None, sizing: SizingParameters, within: bool, lead: str
) -> Criterion:
    loss = -min(0.0, worst or 0.0)
    holds = within and risk <= sizing.max_capital_risk and loss <= sizing.daily_loss_limit + risk
    sentence = (
        f"{lead}{risk:.2%} of {sizing.max_capital_risk:.0%} of capital at risk; worst day {-loss:.2%}, "
        f"limit {-sizing.daily_loss_limit:.0%}"
    )
    state = State.MET if holds else State.NOT_MET
    return Criterion("constraints", TITLES["constraints"], unit, rule, state, None, None, UNKNOWN, sentence)


def _text(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:+.2f}" if name == "risk_adjusted" else f"{value:.2%}"


def _interval(name: str, difference: Difference) -> str:
    if difference.interval is None:
        return ""
    scale, unit = (1.0, "") if name == "risk_adjusted" else (100.0, " points")
    low, high = (scale * end for end in difference.interval)
    text = f"; difference {low:+.2f} to {high:+.2f}{unit}"
    return f"{text}: {difference.verdict}" if difference.verdict == "no significant difference" else text
