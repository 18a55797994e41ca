"""Makes a plan that fails smaller: the fewest faults with which the same invariant is still broken.

Delta debugging (Zeller and Hildebrandt 2002): pieces are left out, large ones first, for as long as the rest still
fails.  What is left is played as it was: the market and the moments of the other faults do not change.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from minhos.testing.world.plan import AnyFault, Plan

MOST_PLAYS = 60


def shrunk(plan: Plan, still_fails: Callable[[Plan], bool], most_plays: int = MOST_PLAYS) -> Plan:
    """The plan with as few faults as were found to be enough."""
    faults, pieces, plays = list(plan.faults), 2, 0
    while faults and plays < most_plays:
        size = max(1, len(faults) // pieces)
        for start in range(0, len(faults), size):
            rest = faults[:start] + faults[start + size :]
            plays += 1
            if still_fails(_with(plan, rest)):
                faults, pieces = rest, max(2, pieces - 1)
                break
            if plays >= most_plays:
                break
        else:
            if size == 1:
                break
            pieces = min(2 * pieces, len(faults))
    return _with(plan, faults)


def _with(plan: Plan, faults: list[AnyFault]) -> Plan:
    return msgspec.structs.replace(plan, faults=tuple(faults))
