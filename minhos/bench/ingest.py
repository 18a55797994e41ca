"""How fast ticks of a .scid file become 5-minute bars, against merely reading the same bytes.

Simulated ticks, page cache warm; the reading that is compared with sums the file as 64-bit integers.  Both run in
turn in one process, so that a busy machine slows both.  Before it measures, it checks bars against plain numpy.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minhos.bench.figures import Figure, at_least
from minhos.errors import CheckFailed
from minhos.feeds.scid.files import EPOCH_US, HEADER, HEADER_SIZE, MAGIC, RECORD_SIZE, read_scid
from minhos.feeds.scid.fold import FIRST_SUB_TRADE, LAST_SUB_TRADE, RECORD
from minhos.feeds.scid.fold_numba import fold_records
from minhos.market.types import BAR_INTERVAL_NS, Bars

TICKS, QUICK_TICKS = 50_000_000, 2_000_000
REPETITIONS = 7
BLOCK = 1_000_000
TICKS_PER_BAR = 300
TARGET_SHARE = 0.8
_START_US = EPOCH_US + 1_735_776_000_000_000
_BAR_US = BAR_INTERVAL_NS // 1000
_VOLUMES = ("volume", "bid_volume", "ask_volume", "trades")


def run(quick: bool = False) -> list[Figure]:
    """Figures `share_of_raw_read` (raw time / our time) and `ticks_per_s`.  Up to 2 GB in a temporary folder."""
    n = QUICK_TICKS if quick else TICKS
    with tempfile.TemporaryDirectory(prefix="minhos-ingest-") as folder:
        path = Path(folder) / "NQH25-CME.scid"
        write_ticks(path, n)
        bars, _ = read_scid(path, fold=fold_records)
        _check(path, bars)
        ours, raw = _interleaved(lambda: read_scid(path, fold=fold_records), lambda: _sum(path))
    share, rate = raw / ours, n / ours
    return [
        at_least("share_of_raw_read", share, "of the speed of summing the file", TARGET_SHARE, 3),
        Figure("ticks_per_s", round(rate), f"ticks/s, {n:,} ticks"),
    ]


def write_ticks(path: Path, n: int) -> None:
    """A .scid file of n single trades on a random walk, TICKS_PER_BAR to a bar, 9 % parts of unbundled trades."""
    header = np.zeros(1, HEADER)
    header["magic"], header["header_size"], header["record_size"], header["version"] = (
        MAGIC,
        HEADER_SIZE,
        RECORD_SIZE,
        1,
    )
    rng, level = np.random.default_rng(0), 80_000
    with path.open("wb") as file:
        file.write(header.tobytes())
        for first in range(0, n, BLOCK):
            size = min(BLOCK, n - first)
            records = np.zeros(size, RECORD)
            walk = level + np.cumsum(rng.integers(-1, 2, size))
            level = int(walk[-1])
            records["stamp"] = _START_US + (np.arange(first, first + size) * _BAR_US) // TICKS_PER_BAR
            records["close"] = walk * 0.25
            records["high"], records["low"] = records["close"] + 0.25, records["close"]
            records["trades"] = 1
            pairs = np.unique(rng.integers(0, (size - 1) // 2, size * 9 // 200)) * 2
            records["open"][pairs] = np.array(FIRST_SUB_TRADE, np.uint32).view(np.float32)
            records["open"][pairs + 1] = np.array(LAST_SUB_TRADE, np.uint32).view(np.float32)
            records["volume"] = rng.integers(1, 9, size)
            buys = rng.random(size) < 0.5
            records["ask_volume"] = records["volume"] * buys
            records["bid_volume"] = records["volume"] * ~buys
            file.write(records.tobytes())


def _sum(path: Path) -> int:
    words = np.memmap(path, np.uint64, "r", HEADER_SIZE)
    return int(words.sum())


def _interleaved(ours: Callable[[], object], raw: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of each, measured in turn after one warm-up of both."""
    times: dict[Callable[[], object], list[float]] = {ours: [], raw: []}
    for repetition in range(REPETITIONS + 1):
        for work, spent in times.items():
            start = time.perf_counter()
            work()
            if repetition:
                spent.append(time.perf_counter() - start)
    return statistics.median(times[ours]), statistics.median(times[raw])


def _check(path: Path, bars: Bars) -> None:
    """The first bars, computed one by one in plain numpy, are the same; raises CheckFailed."""
    sample = np.fromfile(path, RECORD, 100 * TICKS_PER_BAR, offset=HEADER_SIZE)
    for i in range(100):
        ticks = sample[sample["stamp"] // _BAR_US == _START_US // _BAR_US + i]
        close = np.rint(ticks["close"] / 0.25).astype(int)
        bar = bars.bar(i)
        expected = (close[0], close.max(), close.min(), close[-1], *(int(ticks[name].sum()) for name in _VOLUMES))
        found = (
            bar.open_ticks,
            bar.high_ticks,
            bar.low_ticks,
            bar.close_ticks,
            bar.volume,
            bar.bid_volume,
            bar.ask_volume,
            bar.trades,
        )
        if expected != found:
            raise CheckFailed(f"bar {i} of the benchmark is {found}, but plain numpy says {expected}")
