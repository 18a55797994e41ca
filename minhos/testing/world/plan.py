"""What is to happen in a world, drawn from a seed: which base, how long, and the faults with their moments.

A plan is plain values, so that it can be written down, made smaller and played again.  What the machine's faults do is
said in `stage`, what the outside's do in `faults`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from minhos.market.types import BAR_INTERVAL_NS
from minhos.testing.builders import MONDAY_OPEN
from minhos.testing.world import disk_faults, situations
from minhos.testing.world import faults as outside
from minhos.testing.world.disk_faults import ByteFlipped, DiskFault
from minhos.testing.world.faults import OutsideFault
from minhos.testing.world.forecasts import probability
from minhos.testing.world.machine_faults import (
    Crash,
    Hang,
    Kill,
    MachineFault,
    NetworkDown,
    PidGivenAgain,
    SetClock,
    Suspend,
)

Base = Literal["demo", "sierra", "folder"]
FEWEST, MOST = 5, 30
"""Faults in a plan."""
START_NS = MONDAY_OPEN + 3_600 * 10**9
BAR_MS = BAR_INTERVAL_NS // 1_000_000
JUMPS_MS = (500, 5_000, 3_600_000, 4 * 3_600_000)
TOGETHER = 0.9
"""The share of the plans in which some faults are to meet: see `situations`."""
QUIET, FEW = 0.5, 2
"""The share of the plans in which few other faults come between, and how many."""
SIDE = 0.1
"""So far from one half a forecast has a side worth trading."""
SHARES: dict[Base, float] = {"demo": 4.0, "sierra": 4.0, "folder": 2.0}
MACHINE: dict[Base, float] = {"demo": 0.9, "sierra": 0.25, "folder": 0.5}
"""By base: the share of the faults that are the machine's own."""
LENGTHS_MS: dict[Base, int] = {"demo": 600_000, "sierra": 90_000_000, "folder": 90_000_000}
"""About 300 bars: two seconds each in the demo, five minutes elsewhere."""

AnyFault = MachineFault | DiskFault | OutsideFault


class Plan(msgspec.Struct, frozen=True):
    """seed: of the market and the forecasts; the faults were drawn with it, too, and may be fewer by now."""

    seed: int
    base: Base
    length_ms: int
    faults: tuple[AnyFault, ...]


def drawn(seed: int, share: float = 1.0) -> Plan:
    """The plan of that seed.

    share: of the usual length, with as many faults; another plan than the whole one.
    Where something can be held, two thirds of the faults fall into bars in which the forecasts have a side: a fault
    that meets an order or a position finds more than one that meets nothing.
    """
    rng = random.Random(seed)
    base = rng.choices(list(SHARES), list(SHARES.values()))[0]
    length_ms = round(share * LENGTHS_MS[base])
    count = min(MOST, FEWEST + int(rng.expovariate(1 / 6)))
    busy = [] if base == "demo" else _busy_bars(seed, length_ms)
    faults: list[AnyFault] = []
    for _ in range(count):
        fault = _of_the_machine(rng, length_ms) if rng.random() < MACHINE[base] else outside.draw(rng, base, length_ms)
        if busy and rng.random() < 2 / 3:
            fault = msgspec.structs.replace(fault, at_ms=rng.choice(busy).number * BAR_MS + rng.randrange(BAR_MS))
        faults.append(fault)
    faults += _of_the_disk(random.Random(-1 - seed), length_ms)
    faults += _flipped(random.Random(f"flip {seed}"), length_ms)
    faults += _hangs(random.Random(-1_000_000 - seed), length_ms)
    if random.Random(f"quiet {seed}").random() < QUIET:
        faults = faults[:FEW]
    together = random.Random(f"together {seed}")
    if together.random() < TOGETHER:
        faults += situations.draw(together, base, length_ms, busy)
    return Plan(seed, base, length_ms, tuple(sorted(faults, key=lambda fault: fault.at_ms)))


def _busy_bars(seed: int, length_ms: int) -> list[situations.Bar]:
    """The bars after whose close something is probably held."""
    first, found = START_NS // BAR_INTERVAL_NS, list[situations.Bar]()
    for number in range(1, length_ms // BAR_MS):
        edge = probability(seed, first + number) - 0.5
        if abs(edge) > SIDE:
            side, last = (1 if edge > 0 else -1), found[-1] if found else None
            goes_on = last is not None and (last.number, last.side) == (number - 1, side)
            found.append(situations.Bar(number, side, last.opened if goes_on and last is not None else number))
    return found


def _of_the_disk(rng: random.Random, length_ms: int) -> Iterator[DiskFault]:
    """Half of all plans have some.  A bit that turns over breaks the chain for good: see `_flipped`."""
    for _ in range(rng.choice((0, 0, 0, 1, 2, 4))):
        fault = disk_faults.draw(rng, length_ms)
        if not isinstance(fault, ByteFlipped):
            yield fault


def _flipped(rng: random.Random, length_ms: int) -> Iterator[AnyFault]:
    """In one plan of fifteen a bit of the journal turns over, and the trader starts again soon after it."""
    if rng.random() < 1 / 15:
        at_ms = rng.randrange(length_ms // 10, length_ms - length_ms // 10)
        yield ByteFlipped(at_ms=at_ms, base="journal", seed=rng.randrange(2**31))
        yield Kill(at_ms=at_ms + rng.randrange(1_000, length_ms // 20), name="trader")


def _hangs(rng: random.Random, length_ms: int) -> Iterator[Hang]:
    """In a third of all plans somebody does.  Drawn apart, so that the other faults of a seed stay what they were."""
    for _ in range(rng.choice((0, 0, 1))):
        name, for_ms = rng.choice(("trader", "trader", "supervisor", "watchdog")), rng.choice((2_000, 8_000, 90_000))
        yield Hang(at_ms=rng.randrange(2_000, length_ms), for_ms=for_ms, name=name)


def _asleep_ms(length_ms: int) -> tuple[int, int, int]:
    """How long the machine may sleep: in a world of minutes no hours, after which nothing would be left of it."""
    return (5_000, 30_000, 120_000) if length_ms <= LENGTHS_MS["demo"] else (30_000, 600_000, 4 * 3_600_000)


def _of_the_machine(rng: random.Random, length_ms: int) -> AnyFault:
    at_ms = rng.randrange(2_000, length_ms)
    makers: list[tuple[float, Callable[[], AnyFault]]] = [
        (5, lambda: Kill(at_ms=at_ms, name=rng.choice(("trader", "trader", "watchdog", "supervisor", "trainer")))),
        (4, lambda: Crash(at_ms=at_ms, events=rng.randint(1, 12))),
        (
            2,
            lambda: SetClock(at_ms=at_ms, by_ms=rng.choice((-1, 1)) * rng.choice(JUMPS_MS)),
        ),
        (1, lambda: Suspend(at_ms=at_ms, for_ms=rng.choice(_asleep_ms(length_ms)))),
        (1.5, lambda: NetworkDown(at_ms=at_ms, for_ms=rng.choice((300, 3_000, 60_000)))),
        (0.5, lambda: PidGivenAgain(at_ms=at_ms, name=rng.choice(("trader", "watchdog", "supervisor")))),
    ]
    return rng.choices([maker for _, maker in makers], [weight for weight, _ in makers])[0]()
