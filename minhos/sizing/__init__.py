"""How much is worth holding.  The way in is `recommend`: a forecast and a payoff become contracts, with a trace.

Payoff in R, Kelly, drawdown-constrained Kelly.  Not for what may be held (`risk`), which only ever lowers it.
"""

from minhos.sizing.kelly import (
    drawdown_constrained_fraction,
    growth_rate,
    kelly_fraction,
    kelly_fraction_discrete,
    shrink_factor,
)
from minhos.sizing.payoff import break_even, mean_outcome, net_outcomes, stop_distance_ticks
from minhos.sizing.pipeline import Money, Size, contracts_for, size_pipeline
from minhos.sizing.recommend import recommend
from minhos.sizing.types import Recommendation, SizingParameters, Step

__all__ = [
    "Money",
    "Recommendation",
    "Size",
    "SizingParameters",
    "Step",
    "break_even",
    "contracts_for",
    "drawdown_constrained_fraction",
    "growth_rate",
    "kelly_fraction",
    "kelly_fraction_discrete",
    "mean_outcome",
    "net_outcomes",
    "recommend",
    "shrink_factor",
    "size_pipeline",
    "stop_distance_ticks",
]
