"""Plays a plan: a world of its base, the faults at their moments, the invariants after everything that happens.

    outcome = play(plan)
    outcome.broken          # None, or the first invariant that did not hold and the sentence

Nothing here knows what must hold or what a fault does.
"""

from __future__ import annotations

import gc
import logging
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from minhos.market.types import NANOS_PER_SECOND
from minhos.testing.world import bases, invariants
from minhos.testing.world.invariants import Broken
from minhos.testing.world.plan import Plan
from minhos.testing.world.stage import Stage
from minhos.testing.world.world import World

NANOS_PER_MS = 1_000_000
SETTLE_S = 180.0
"""After the last fault and the last bar so much time goes by before the end is judged."""
MOST_AT_ONCE = 20_000
TRACED = 400
"""Of the notes of a world that failed, the last so many are kept."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a plan."""

    plan: Plan
    broken: Broken | None
    bars: int
    decisions: int
    orders: int
    turns: int
    trace: tuple[str, ...] = ()
    """What happened, oldest first; of a world that failed, or where it was asked for."""


def play(plan: Plan, *, trace: bool = False, before_end: Callable[[Stage], None] = lambda _: None) -> Outcome:
    """Play it to its end or to the first invariant that is broken.  before_end: sees the world before it goes."""
    folder = Path(tempfile.mkdtemp(prefix="minhos-world-", dir=_memory()))
    chance = random.getstate()
    random.seed(plan.seed)  # a client that was cut off waits for a random moment
    gc.freeze()  # a process that collects what a fit left behind walks through its own objects alone
    try:
        with _quiet():
            return _play(plan, folder / "home", trace, before_end)
    finally:
        gc.unfreeze()
        random.setstate(chance)
        shutil.rmtree(folder, ignore_errors=True)


def _play(plan: Plan, folder: Path, trace: bool, before_end: Callable[[Stage], None]) -> Outcome:
    stage = bases.build(plan, folder)
    world, broken = stage.world, None
    for fault in plan.faults:
        stage.plan_fault(fault)
    end_ns = world.start_ns + plan.length_ms * NANOS_PER_MS
    try:
        stage.begin()
        checks = invariants.Checks(stage)
        while broken is None and world.advance(end_ns):
            broken = checks.after_turn() or _stands_still(world)
        stage.calm_down()
        settled_ns = max(world.true_ns, world.asleep_until_ns, end_ns) + round(SETTLE_S * NANOS_PER_SECOND)
        while broken is None and world.advance(settled_ns):
            broken = checks.after_turn() or _stands_still(world)
        broken = broken or checks.at_end()
        seen = stage.witness.seen
        before_end(stage)
        return Outcome(
            plan,
            broken,
            stage.bars,
            seen.decisions,
            len(seen.intents),
            world.turns,
            tuple(stage.story()[-TRACED:] if not trace else stage.story()) if trace or broken else (),
        )
    finally:
        stage.close()


def _stands_still(world: World) -> Broken | None:
    """Something that is due again and again at one moment never ends."""
    if world.at_once < MOST_AT_ONCE:
        return None
    at_ms = (world.true_ns - world.start_ns) // NANOS_PER_MS
    return Broken("time_goes_on", f"{world.at_once} turns at one moment", at_ms)


@contextmanager
def _quiet() -> Iterator[None]:
    """What the processes log goes nowhere: a world has notes of its own."""
    before = structlog.get_config()
    structlog.configure(
        processors=[],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _memory() -> str | None:
    """A folder that lies in memory, where the system has one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
