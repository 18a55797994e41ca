"""The sizing laboratory: every policy under every entry rule, in the unit that it is given.

A unit says what a bet is: whole contracts through the engine that trades (`contracts.Contracts`), or fractions of
capital, bet by bet (`fractions.Fractions`).  Here is only what both have in common: what is run, and in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from minhos.progress import Progress, part_of
from minhos.research.sizing_lab.policies import POLICIES, POLICY, SHIPPED, EntryRule, Policy

_FIRST, _RUNS = 0.1, 0.9
"""Of the progress: up to where the runs go that must come first, because others are sized after them; all runs."""


class Sized(NamedTuple):
    """One way to size under one rule.  same_risk: what "fixed_same_risk" puts at risk, as a share of capital."""

    policy: Policy
    rule: EntryRule
    same_risk: float = 0.0


Run = TypeVar("Run")
Lab = TypeVar("Lab", covariant=True)


class Unit(Protocol[Run, Lab]):
    """In what bets are counted."""

    @property
    def rules(self) -> Sequence[EntryRule]:
        """The entry rules under which there is enough to be sized."""

    def run(self, ways: Sequence[Sized], progress: Progress) -> list[Run]:
        """One run a way, in order; what was run before is not run again."""

    def mean_risk(self, run: Run) -> float:
        """Share of capital at risk on a bet, on average."""

    def lab(self, runs: Sequence[Run], progress: Progress) -> Lab:
        """What all runs came to; they are in order of the rules and, under each, of `POLICIES`."""


def sizing_lab(unit: Unit[Run, Lab], progress: Progress | None = None) -> Lab:
    """Size in all ways: Kelly as shipped first, because one of the fixed sizes risks on average what it risks."""
    first = unit.run([Sized(POLICY[SHIPPED], rule) for rule in unit.rules], part_of(progress, 0.0, _FIRST))
    risks = [unit.mean_risk(run) for run in first]
    ways = [Sized(policy, rule, risk) for rule, risk in zip(unit.rules, risks, strict=True) for policy in POLICIES]
    return unit.lab(unit.run(ways, part_of(progress, _FIRST, _RUNS)), part_of(progress, _RUNS, 1.0))
