"""From a Kelly fraction to whole contracts: every bound in its order, and the name of the one that held.

Pure numbers: no forecast, no account.  Contracts are rounded down, never up and never to at least one.  Not for the
decision what to hold when a position is open: see `recommend`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from minhos.sizing.kelly import Bet, bet_from, solve_drawdown_bound, solve_kelly
from minhos.sizing.memo import once_per_value
from minhos.sizing.types import SizingParameters, Step

BOUND_WORDS = {
    "kelly": "Kelly alone",
    "entry_rule": "the entry rule",
    "max_kelly_fraction": "the cap on Kelly",
    "live_ladder": "the live ladder",
    "risk_level": "the risk level",
    "drawdown": "the drawdown bound",
    "max_capital_risk": "the cap on capital at risk",
    "remaining_budget": "the day's remaining loss budget",
    "margin": "margin",
    "max_position_size": "the largest position allowed",
    "fixed_size": "the fixed size",
    "whole_contracts": "rounding down to whole contracts",
    "round_trip": "the cost of a round trip",
    "invalid": "a number that cannot be used",
}
_CONTRACTS = frozenset({"remaining_budget", "margin", "max_position_size", "whole_contracts"})


class Money(NamedTuple):
    """What the bet is paid from, in cents.

    r: what one contract risks.  budget: what the day's limit leaves for adds.  margin: of one contract.
    free_for_margin: equity that no other position binds.  held: contracts held on this side, which need no budget.
    """

    capital: float
    r: float
    budget: float
    margin: float
    free_for_margin: float
    held: int = 0


class Size(NamedTuple):
    """fraction: of capital after every bound on fractions.  kelly_contracts: that fraction in contracts.

    raw: after the bounds in contracts, too, before rounding.  stages: (name, before, after) in order.
    """

    contracts: int
    fraction: float
    kelly_contracts: float
    raw: float
    bound: str
    kelly: float
    stages: tuple[tuple[str, float, float], ...]


def size_pipeline(
    bet: Bet | None,
    money: Money,
    parameters: SizingParameters,
    risk_multiplier: float = 1.0,
    kelly: float | None = None,
) -> Size:
    """All bounds in their order; the last one that reduced the size gives `bound` its name.

    bet: None only where `drawdown_bound` is off and `kelly` is given.  kelly: full Kelly where it is known already.
    Money must be finite, capital, r and margin above zero.
    """
    if kelly is None:
        kelly = 0.0 if bet is None else solve_kelly(bet)
    one = money.r / money.capital
    stages: list[tuple[str, float, float]] = []
    if parameters.kelly_enabled:
        stages.append(("kelly", 0.0, kelly))
        capped = min(kelly, parameters.max_kelly_fraction)
        stages.append(("max_kelly_fraction", kelly, capped))
        fraction = capped * parameters.kelly_multiplier
        stages.append(("kelly_multiplier", capped, fraction))
    else:
        fraction = (parameters.fixed_fraction or one) if kelly > 0.0 else 0.0
        stages.append(("fixed_size", 0.0, fraction))
    if parameters.drawdown_bound and bet is not None:
        bounded = solve_drawdown_bound(bet, drawdown_lambda(parameters), fraction)
        stages.append(("drawdown", fraction, bounded))
        fraction = bounded
    for name, share in _shares(parameters, risk_multiplier):
        stages.append((name, fraction, fraction * share))
        fraction *= share
    at_risk = min(fraction, parameters.max_capital_risk)
    stages.append(("max_capital_risk", fraction, at_risk))
    wanted = at_risk / one
    raw = wanted
    for name, most in (
        ("remaining_budget", money.held + max(0.0, money.budget) / money.r),
        ("margin", max(0.0, money.free_for_margin) / money.margin),
        ("max_position_size", float(parameters.max_position_size)),
    ):
        bounded = min(raw, most)
        stages.append((name, raw, bounded))
        raw = bounded
    contracts = max(0, math.floor(raw))
    stages.append(("whole_contracts", raw, float(contracts)))
    return Size(contracts, at_risk, wanted, raw, _bound(stages), kelly, tuple(stages))


def _shares(parameters: SizingParameters, risk_multiplier: float) -> list[tuple[str, float]]:
    """What is taken of the size that the bet is worth: the live ladder's share and the risk level's.

    After the drawdown bound, because that is nearly always the smallest: taken off Kelly before it, neither would ever
    be felt (docs/decisions/0009).  With Kelly off the size is fixed, and a level either allows it or does not.
    """
    if not parameters.kelly_enabled:
        return [("risk_level", 1.0 if risk_multiplier > 0.0 else 0.0)]
    level = ("risk_level", min(1.0, risk_multiplier))
    if parameters.ladder_step >= parameters.kelly_multiplier:
        return [level]
    return [("live_ladder", parameters.ladder_step / parameters.kelly_multiplier), level]


def ceiling(money: Money, parameters: SizingParameters) -> int:
    """Contracts that no probability can exceed: the bounds that do not look at the bet."""
    at_risk = parameters.max_capital_risk * money.capital / money.r
    budget = money.held + max(0.0, money.budget) / money.r
    return math.floor(
        min(at_risk, budget, max(0.0, money.free_for_margin) / money.margin, parameters.max_position_size)
    )


def _bound(stages: list[tuple[str, float, float]]) -> str:
    """The last stage that reduced the size, else what set it; rounding only where it took everything."""
    bound = stages[0][0]
    for name, before, after in stages:
        if after < before and name not in ("kelly_multiplier", "whole_contracts"):
            bound = name
    name, before, after = stages[-1]
    return name if before > 0.0 and after == 0.0 else bound


def contracts_for(
    p_win: float,
    payoff_ratio: float,
    money: Money,
    parameters: SizingParameters,
    risk_multiplier: float = 1.0,
) -> Size:
    """Size of a bet that wins payoff_ratio R or loses 1 R; the pipeline of the recommendation on two outcomes.

    Numbers that are no bet or no money give zero contracts.
    """
    numbers = (p_win, payoff_ratio, risk_multiplier, *money)
    usable = all(map(math.isfinite, numbers)) and 0.0 < p_win < 1.0 and risk_multiplier >= 0.0
    usable = usable and min(payoff_ratio, money.capital, money.r, money.margin) > 0.0
    bet = bet_from((payoff_ratio, -1.0), (p_win, 1.0 - p_win)) if usable else None
    if bet is None or not money.r / money.capital > 0.0:
        return Size(0, 0.0, 0.0, 0.0, "invalid", 0.0, ())
    return size_pipeline(bet, money, parameters, risk_multiplier)


@once_per_value
def drawdown_lambda(parameters: SizingParameters) -> float:
    """ln(breach probability) / ln(wealth floor); both lie between 0 and 1."""
    return math.log(parameters.breach_probability) / math.log(parameters.wealth_floor)


@once_per_value
def _reasons(parameters: SizingParameters) -> dict[str, str]:
    """What each stage does, in words, with the settings' values."""
    share = "one half of what" if parameters.half_of_remaining_budget else "what"
    margin = "overnight" if parameters.overnight_margin else "day"
    multiplier, step = parameters.kelly_multiplier, parameters.ladder_step
    fixed = f"{parameters.fixed_fraction:.0%} of capital at risk" if parameters.fixed_fraction else "one contract"
    return {
        "kelly": "Full Kelly on p_low, net of costs, as a share of capital at risk.",
        "fixed_size": f"Kelly is off: {fixed}.",
        "max_kelly_fraction": f"Kelly counts up to {parameters.max_kelly_fraction:g}.",
        "kelly_multiplier": f"Fractional Kelly: {multiplier:g} of it.",
        "live_ladder": f"The live ladder's step: {step:g} in place of {multiplier:g}, of the size as it then is.",
        "risk_level": "The risk level's multiplier.",
        "drawdown": f"At most {parameters.breach_probability:.0%} chance of ending the day below "
        f"{parameters.wealth_floor:.0%} of its start.",
        "max_capital_risk": f"At most {parameters.max_capital_risk:.0%} of capital at risk.",
        "remaining_budget": f"Adds may risk {share} the day's limit of {parameters.daily_loss_limit:.0%} leaves.",
        "margin": f"Equity must cover the {margin} margin.",
        "max_position_size": f"At most {parameters.max_position_size} contracts.",
        "whole_contracts": "Rounded down to whole contracts.",
    }


def trace_of(size: Size, parameters: SizingParameters) -> tuple[Step, ...]:
    """The stages as the recommendation shows them."""
    if not size.stages:
        return ()
    reasons = _reasons(parameters)
    return tuple(
        [
            Step(name, before, after, "contracts" if name in _CONTRACTS else "fraction", reasons[name])
            for name, before, after in size.stages
        ]
    )
