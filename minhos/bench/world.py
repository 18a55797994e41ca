"""Does anything that can go wrong around MinhOS leave it wrong?  Seeds of the world, each played to its end.

    python3 minh.py bench world --seeds 200               # seeds 1 to 200
    python3 minh.py bench world --seed 4711 --trace       # one seed, everything that happened, the fewest faults

A failure is printed with its seed, the invariant and the sentence; the same seed fails in the same way.  With --trace
it is made smaller: the faults that are not needed for it are left out, and the plan is printed as it stands in a test.
"""

from __future__ import annotations

import time

import msgspec

from minhos.bench.figures import Figure, Findings, at_least, at_most
from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.testing.world.plan import Plan, drawn
from minhos.testing.world.play import Outcome, play
from minhos.testing.world.shrink import shrunk

SEEDS, QUICK = 200, 20
PER_CALL = 10
"""Seeds that a worker plays before it reports."""
SEEDS_A_MINUTE = 250.0
"""10,000 seeds in 40 minutes."""


def run(
    *,
    quick: bool = False,
    seeds: int | None = None,
    seed: int | None = None,
    trace: bool = False,
    progress: Progress | None = None,
) -> Findings:
    """Play seeds `seed` to `seed + seeds - 1`; one, with its story, where only --seed or --trace is given."""
    first = 1 if seed is None else seed
    count = seeds or (1 if trace or seed is not None else QUICK if quick else SEEDS)
    began = time.perf_counter()
    pieces = [(start, min(PER_CALL, first + count - start)) for start in range(first, first + count, PER_CALL)]
    if count == 1:
        outcomes = [play(drawn(first), trace=trace)]
    else:
        told = progress or (lambda share, text: None)
        outcomes = [o for piece in run_calls(play_seeds, pieces, progress=told) for o in piece]
    seconds = time.perf_counter() - began
    failed = [outcome for outcome in outcomes if outcome.broken is not None]
    beside: dict[str, object] = {"failures": [_failure(outcome) for outcome in failed]}
    if trace:
        beside["trace"] = [line for outcome in outcomes for line in outcome.trace]
        beside["fewest"] = [smallest(outcome) for outcome in failed]
    figures: list[Figure] = [
        at_least("seeds", len(outcomes), "seeds", digits=0),
        at_most("broken", len(failed), "seeds", 0, digits=0),
        at_most("seconds", seconds, "s", digits=1),
        at_least("seeds_per_minute", 60.0 * len(outcomes) / seconds, "seeds/min", SEEDS_A_MINUTE, digits=1),
    ]
    return Findings(figures, beside, failed=bool(failed))


def play_seeds(first: int, count: int) -> list[Outcome]:
    """Play so many seeds."""
    return [play(drawn(seed)) for seed in range(first, first + count)]


def smallest(outcome: Outcome) -> Plan:
    """The plan of a failure with the fewest faults that still break the same invariant."""
    broken = outcome.broken
    assert broken is not None

    def still_fails(plan: Plan) -> bool:
        again = play(plan).broken
        return again is not None and again.invariant == broken.invariant

    return shrunk(outcome.plan, still_fails)


def _failure(outcome: Outcome) -> dict[str, object]:
    assert outcome.broken is not None
    return {"seed": outcome.plan.seed, "base": outcome.plan.base, **msgspec.structs.asdict(outcome.broken)}
