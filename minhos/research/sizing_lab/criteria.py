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

from minhos.research.sizing_lab.comparisons import UNKNOWN, Days, Difference, paired_difference
from minhos.research.sizing_lab.contract_figures import Record, days_of
from minhos.research.sizing_lab.fraction_figures import PolicyFigures, days_of_bets
from minhos.research.sizing_lab.fractions import RuleLab
from minhos.research.sizing_lab.policies import FIXED_10, SHIPPED
from minhos.sizing.types import SizingParameters

Unit = Literal["contracts", "fractions"]
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


class Judged(msgspec.Struct, frozen=True, eq=False):
    """One run as the criteria see it, in either unit.

    values: by criterion.  missing: what it lacks for the comparisons.  largest_risk, worst_day: shares of capital.
    largest_position: contracts; None in fractions.
    """

    rule: str
    values: dict[str, float | None]
    days: Days
    largest_risk: float
    worst_day: float | None
    missing: str = ""
    largest_position: int | None = None
    held: bool = True


def contract_criteria(kelly: Record, fixed: Record, sizing: SizingParameters) -> tuple[Criterion, ...]:
    """Both runs in whole contracts, over the same trade dates, under the same rule."""
    return _criteria("contracts", _of_contracts(kelly), _of_contracts(fixed), sizing, {})


def fraction_criteria(lab: RuleLab, sizing: SizingParameters) -> tuple[Criterion, ...]:
    """Both policies of one rule of the lab in fractions."""
    rule, by_name = lab.rule.name, {figures.policy: figures for figures in lab.policies}
    if lab.missing:
        return tuple(_untold(name, "fractions", rule, lab.missing) for name in TITLES)
    compared = next(c for c in lab.comparisons if (c.policy, c.against) == (SHIPPED, FIXED_10))
    known = {"risk_adjusted": compared.sharpe_ratio, "drawdown": compared.max_drawdown}
    kelly, fixed = (_of_fractions(by_name[name]) for name in (SHIPPED, FIXED_10))
    return _criteria("fractions", kelly, fixed, sizing, known)


def _of_contracts(record: Record) -> Judged:
    figures = record.figures
    ratio = figures.deflation.annual
    return Judged(
        figures.rule,
        dict(zip(_FIELDS, (ratio, figures.max_drawdown, figures.volatility, figures.win_rate), strict=True)),
        days_of(record),
        figures.largest_risk,
        figures.worst_day,
        figures.missing,
        figures.largest_position,
        figures.bets > 0,
    )


def _of_fractions(figures: PolicyFigures) -> Judged:
    ratio = figures.sharpe_ratio
    return Judged(
        figures.rule,
        dict(zip(_FIELDS, (ratio, figures.max_drawdown, figures.volatility, figures.win_rate), strict=True)),
        days_of_bets(figures),
        figures.largest_fraction,
        min((math.expm1(growth) for growth in figures.daily_growth if growth is not None), default=None),
    )


def _criteria(
    unit: Unit, kelly: Judged, fixed: Judged, sizing: SizingParameters, known: dict[str, Difference]
) -> tuple[Criterion, ...]:
    """known: differences that the lab has found already, over more histories."""
    found = [
        _judge(name, unit, kelly, fixed, known.get(name) or paired_difference(kelly.days, fixed.days, field))
        for name, field in _FIELDS.items()
    ]
    return (*found, _constraints(unit, kelly, sizing))


def ahead(kelly: float, fixed: float) -> float:
    """By what share of |fixed| Kelly lies above it."""
    if fixed == 0.0:
        return 0.0 if kelly == 0.0 else math.copysign(math.inf, kelly)
    return (kelly - fixed) / abs(fixed)


def _judge(name: str, unit: Unit, kelly: Judged, fixed: Judged, difference: Difference) -> Criterion:
    ours, other = kelly.values[name], fixed.values[name]
    missing = kelly.missing or fixed.missing
    if missing or ours is None or other is None:
        return _untold(name, unit, kelly.rule, missing or f"{_text(name, ours)} against {_text(name, other)}")
    met = {
        "risk_adjusted": ours > 0.0 and ahead(ours, other) > AHEAD_BY,
        "drawdown": ours < other,
        "volatility": ours < other,
        "win_rate": ours >= other,
    }[name]
    sentence = f"{_text(name, ours)} against {_text(name, other)}{_interval(name, difference)}"
    state = State.MET if met else State.NOT_MET
    return Criterion(name, TITLES[name], unit, kelly.rule, state, ours, other, difference, sentence)


def _untold(name: str, unit: Unit, rule: str, why: str) -> Criterion:
    return Criterion(name, TITLES[name], unit, rule, State.CANNOT_BE_TOLD, None, None, UNKNOWN, why)


def _constraints(unit: Unit, run: Judged, sizing: SizingParameters) -> Criterion:
    """Contracts, capital at risk, and the day's loss but for what one stop can lose beyond it."""
    if not run.held:
        return _untold("constraints", unit, run.rule, "nothing was held")
    risk, loss = run.largest_risk, -min(0.0, run.worst_day or 0.0)
    position = run.largest_position
    within = position is None or position <= sizing.max_position_size
    contracts = "" if position is None else f"{position} of {sizing.max_position_size} contracts and "
    holds = within and risk <= sizing.max_capital_risk and loss <= sizing.daily_loss_limit + risk
    sentence = (
        f"at most {contracts}{risk:.2%} of {sizing.max_capital_risk:.0%} of capital at risk; worst day {-loss:.2%}, "
        f"limit {-sizing.daily_loss_limit:.0%}"
    )
    state = State.MET if holds else State.NOT_MET
    return Criterion("constraints", TITLES["constraints"], unit, run.rule, state, None, None, UNKNOWN, sentence)


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
