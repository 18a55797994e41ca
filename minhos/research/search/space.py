"""Where a search looks for a member's parameters, and how what it finds is written.

The ranges stand with each member; the number of trees is not searched: early stopping finds it.  How a space is
searched is `search`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from minhos.training.member import Values
from minhos.training.members import member

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 3
"""Significant digits of a value: more would be noise, and nobody would copy them."""


def distributions(name: str) -> dict[str, BaseDistribution]:
    """The member's ranges as Optuna's distributions."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        parameter: IntDistribution(int(r.low), int(r.high), log=r.log)
        if r.whole
        else FloatDistribution(r.low, r.high, r.log)
        for parameter, r in member(name).space.items()
    }


def rounded(found: Mapping[str, float | int]) -> Values:
    """Values as they are fitted, entered into the ledger and shown."""
    return {name: v if isinstance(v, int) else float(f"{v:.{DIGITS}g}") for name, v in found.items()}
