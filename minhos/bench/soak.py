"""Does any process grow?  The demo at 50 bars a second for 100,000 bars, trainings and daily comparisons included.

    python3 minh.py bench soak --json              # 100,000 bars: more than half an hour; --rounds N for N bars

Private memory (USS: what would be free again if the process ended) of every process, every few seconds; a process's
growth is the median over its last bars against the one over the bars from 20,000 to 25,000 (or the second fifth of a
shorter run).  Medians, because what a comparison or a snapshot needs for a moment is no growth.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from minhos.assembly.heartbeats import ask_for_training_now
from minhos.bench.figures import Figure, at_least, at_most
from minhos.bench.house import NAMES, House
from minhos.errors import CheckFailed
from minhos.journal.database import open_database
from minhos.market.clock import SystemClock
from minhos.progress import Progress

BARS, QUICK_BARS = 100_000, 4_000
SECONDS_PER_BAR = 0.02
BARS_A_DAY = 180
"""At least so many lie in a calendar day, weekends and holidays counted in."""
WARM_BARS, WINDOW_BARS = 20_000, 5_000
TRAIN_EVERY = 10_000
SAMPLE_S = 5.0
MOST_GROWTH = 0.05
STANDS_S = 120.0
"""So long without a bar, and the run has failed."""


class Sample(msgspec.Struct, frozen=True):
    """Megabytes of each process when so many bars were decided."""

    bars: int
    megabytes: dict[str, float]


def run(quick: bool = False, rounds: int | None = None, progress: Progress | None = None) -> list[Figure]:
    """rounds: bars."""
    bars = rounds or (QUICK_BARS if quick else BARS)
    with tempfile.TemporaryDirectory(prefix="minhos-soak-", ignore_cleanup_errors=True) as folder:
        house = House(Path(folder), SECONDS_PER_BAR, days_ahead=max(30, bars // BARS_A_DAY))
        began_s = time.monotonic()
        try:
            house.start()
            house.wait_until_up()
            samples, restarts, trainings = watch(house, bars, progress)
        finally:
            house.close()
    took_s = time.monotonic() - began_s
    figures = [
        at_least("bars", samples[-1].bars, "bars"),
        at_most("bars_per_s", samples[-1].bars / took_s, "bars/s"),
        at_most("trainings", trainings, "trainings"),
        at_most("restarts", restarts, "restarts", 0),
    ]
    for name in NAMES:
        first, last = levels(samples, name)
        figures.append(at_most(f"growth/{name}", last / first - 1.0, "share", MOST_GROWTH))
        figures.append(at_most(f"memory/{name}", last, "MB", digits=1))
    return figures


def watch(house: House, bars: int, progress: Progress | None) -> tuple[list[Sample], int, int]:
    """Samples until so many bars are decided, how often a process was another one, and how many trainings were asked.

    Raises CheckFailed where no bar comes any more.
    """
    clock, samples, restarts, trainings = SystemClock(), list[Sample](), 0, 0
    pids = house.pids()
    moved_s, decided = time.monotonic(), 0
    connection = open_database(house.journal, "read")
    try:
        while decided < bars:
            time.sleep(SAMPLE_S)
            (now,) = connection.execute("SELECT count(*) FROM events WHERE kind = 'DecisionMade'").fetchone()
            if now > decided:
                moved_s = time.monotonic()
            elif time.monotonic() - moved_s > STANDS_S:
                raise CheckFailed(f"no bar was decided for {STANDS_S:g} s after {decided:,}")
            decided = now
            living = house.pids()
            restarts += sum(living.get(name) != pid for name, pid in pids.items())
            pids = living
            samples.append(Sample(decided, {name: private_mb(pid) for name, pid in pids.items()}))
            if decided >= (trainings + 0.1) * TRAIN_EVERY:
                ask_for_training_now(house.layout, "bench", clock)
                trainings += 1
            if progress is not None:
                words = ", ".join(f"{name} {value:.0f}" for name, value in samples[-1].megabytes.items())
                progress(min(1.0, decided / bars), f"{decided:,} bars; MB: {words}")
    finally:
        connection.close()
    return samples, restarts, trainings


def private_mb(pid: int) -> float:
    """Megabytes that this process shares with no other; 0 where it is gone."""
    try:
        return float(psutil.Process(pid).memory_full_info().uss) / 1e6
    except psutil.Error:
        return 0.0


def levels(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Median megabytes once it was warm, and at the end.  Raises CheckFailed for a process that was never seen."""
    last_bar = samples[-1].bars
    warm = min(WARM_BARS, last_bar // 5)
    window = min(WINDOW_BARS, last_bar // 5)
    known = [(sample.bars, sample.megabytes[name]) for sample in samples if sample.megabytes.get(name)]
    first = [value for bars, value in known if warm <= bars < warm + window]
    last = [value for bars, value in known if bars >= last_bar - window]
    if not first or not last:
        raise CheckFailed(f"{name} was not there to be measured")
    return statistics.median(first), statistics.median(last)
