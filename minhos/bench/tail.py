"""What following a file costs, and how long a bar takes from its end to the trader: by the folder and by the bridge.

The large file is sparse, so that the disk holds little of its 1.4 GB; a poll reads its end and two stamps.  Bars are
timed against the clock of this machine, with a writer that flushes as Sierra Chart does, at a short interval.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minhos.bench.figures import Figure, at_most
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.errors import CheckFailed
from minhos.feeds.bridge.backend import ScidBackend
from minhos.feeds.bridge.file import header
from minhos.feeds.bridge.mirror import BridgeMirror, MirrorOptions
from minhos.feeds.scid.files import EPOCH_US, HEADER_SIZE, RECORD_SIZE
from minhos.feeds.scid.fold import RECORD, Records
from minhos.feeds.scid.tail import SEARCH_CHUNK, ScidTail
from minhos.market.clock import SystemClock
from minhos.market.instruments import instrument
from minhos.market.symbols import parse_symbol
from minhos.market.types import NANOS_PER_SECOND, Bar
from minhos.processes.bridge import POLL_S
from minhos.processes.trader import CONTROL_INTERVAL_S

LARGE, SMALL = 1_400_000_000, 1_000_000
NEW_RECORDS = 100
POLLS, QUICK_POLLS = 400, 60
BARS, QUICK_BARS = 20, 4
BAR_S = 2.0
"""Length of the bars that are timed: what comes after a bar's end does not depend on its length."""
FLUSH_S = 0.47
"""No divisor of BAR_S, so that bars end at all moments between two flushes."""
MIRRORED, QUICK_MIRRORED = 200, 30
BEYOND_FLUSH_MS = 100.0
MOST_RATIO = 2.0
START_NS = 1_759_757_400 * NANOS_PER_SECOND
SYMBOL = "NQZ25-CME"


def run(quick: bool = False) -> list[Figure]:
    """Figures of polls, of bars by the folder, and of records by the bridge."""
    with tempfile.TemporaryDirectory(prefix="minhos-tail-") as folder:
        place = Path(folder)
        polls = QUICK_POLLS if quick else POLLS
        figures = _poll_figures(place, polls)
        figures += _bar_figures(place / "bars", QUICK_BARS if quick else BARS)
        figures += _mirror_figures(place / "bridge", QUICK_MIRRORED if quick else MIRRORED)
    return figures


def _poll_figures(place: Path, polls: int) -> list[Figure]:
    """Median time of a poll of either file, with nothing new and with some records, the two files in turn."""
    tails = {size: _tail_over(place, size) for size in (LARGE, SMALL)}
    idle: dict[int, list[float]] = {size: [] for size in tails}
    busy: dict[int, list[float]] = {size: [] for size in tails}
    for turn in range(polls):
        for size, (path, tail, now_ns) in tails.items():
            idle[size].append(_seconds(lambda: tail.poll(now_ns)))  # noqa: B023 - called at once
            _append(path, _ticks(NEW_RECORDS, now_ns + turn * NANOS_PER_SECOND))
            busy[size].append(_seconds(lambda: tail.poll(now_ns)))  # noqa: B023
            if tail.trouble:
                raise CheckFailed(f"the tail stopped: {tail.trouble}")
    large, small = (1e3 * statistics.median(idle[size]) for size in (LARGE, SMALL))
    new_large, new_small = (1e3 * statistics.median(busy[size]) for size in (LARGE, SMALL))
    return [
        at_most("poll_ms_1_4_gb", large, "ms, nothing new", None),
        at_most("poll_ratio_1_4_gb_to_1_mb", large / small, "nothing new", MOST_RATIO),
        at_most("poll_ms_1_4_gb_100_records", new_large, "ms, 100 new records", None),
        at_most("poll_ratio_1_4_gb_to_1_mb_100_records", new_large / new_small, "100 new records", MOST_RATIO),
    ]


def _tail_over(place: Path, size: int) -> tuple[Path, ScidTail, int]:
    """A sparse file of about that size with ticks at both ends, and a tail that has found its place in it."""
    path = place / f"{size}" / f"{SYMBOL}.scid"
    path.parent.mkdir(parents=True)
    n, now_ns = (size - HEADER_SIZE) // RECORD_SIZE, START_NS
    first, last = _ticks(1, now_ns - 90 * 86_400 * NANOS_PER_SECOND), _ticks(min(n - 1, 3 * SEARCH_CHUNK), now_ns)
    with path.open("wb") as file:
        file.write(header() + first.tobytes())
        file.seek(HEADER_SIZE + (n - len(last)) * RECORD_SIZE)
        file.write(last.tobytes())
    symbol = parse_symbol(SYMBOL)
    tail = ScidTail(path, instrument(symbol.root), symbol, after_ns=now_ns - 60 * NANOS_PER_SECOND)
    tail.poll(now_ns)
    return path, tail, now_ns


def _bar_figures(place: Path, n_bars: int) -> list[Figure]:
    """From the end of a bar to the poll that gives it."""
    place.mkdir()
    path = place / f"{SYMBOL}.scid"
    path.write_bytes(header())
    delays: list[float] = []
    clock, symbol = SystemClock(), parse_symbol(SYMBOL)
    with _writing(path, FLUSH_S):
        tail = ScidTail(
            path,
            instrument(symbol.root),
            symbol,
            after_ns=clock.now_ns(),
            interval_ns=round(BAR_S * NANOS_PER_SECOND),
            flush_ns=round(FLUSH_S * NANOS_PER_SECOND),
        )
        while len(delays) < n_bars:
            values = tail.poll(clock.now_ns())
            now_ns = clock.now_ns()
            delays += [(now_ns - value.close_time_ns) / 1e6 for value in values if isinstance(value, Bar)]
            time.sleep(CONTROL_INTERVAL_S)
    target = 1e3 * FLUSH_S + BEYOND_FLUSH_MS
    unit = f"ms, flush interval {1e3 * FLUSH_S:g} ms"
    return [
        at_most("bar_end_to_bar_ms", statistics.median(delays), f"{unit}, median of {n_bars}", target),
        at_most("bar_end_to_bar_ms_max", max(delays), f"{unit}, longest of {n_bars}", target),
    ]


def _mirror_figures(place: Path, n_records: int) -> list[Figure]:
    """From a record on the bridge's disk to the same record in the mirror, over the loopback."""
    theirs, ours = place / "theirs", place / "ours"
    theirs.mkdir(parents=True)
    source, copy = theirs / f"{SYMBOL}.scid", ours / f"{SYMBOL}.scid"
    clock = SystemClock()
    source.write_bytes(header() + _ticks(1_000, clock.now_ns() - NANOS_PER_SECOND).tobytes())
    delays: list[float] = []
    with _bridge(theirs) as port:
        mirror = BridgeMirror(MirrorOptions(host="127.0.0.1", port=port), ours, "NQZ25", clock)
        mirror.start()
        try:
            if not mirror.wait_until_copied(30.0):
                raise CheckFailed(f"the mirror did not come to work: {mirror.status().trouble}")
            for _ in range(n_records):
                _append(source, _ticks(1, clock.now_ns()))
                size = source.stat().st_size
                delays.append(_seconds(lambda: _until(lambda: copy.stat().st_size == size)))  # noqa: B023
                time.sleep(0.01)
        finally:
            mirror.close()
    if source.read_bytes() != copy.read_bytes():
        raise CheckFailed("the mirror differs from the bridge's file")
    milliseconds = sorted(1e3 * delay for delay in delays)
    target = 1e3 * POLL_S + BEYOND_FLUSH_MS
    return [
        at_most("mirror_ms", statistics.median(milliseconds), f"ms, median of {n_records}", target),
        at_most("mirror_ms_p99", milliseconds[int(0.99 * (n_records - 1))], f"ms, p99 of {n_records}", target),
    ]


@contextlib.contextmanager
def _bridge(folder: Path) -> Iterator[int]:
    """A bridge in a thread of its own; gives its port."""
    loop, backend = asyncio.new_event_loop(), ScidBackend(folder)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def poll() -> None:
        while True:
            backend.poll()
            await asyncio.sleep(POLL_S)

    server = DtcServer(backend, ServerOptions())
    port = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10.0)
    polling = asyncio.run_coroutine_threadsafe(poll(), loop)
    try:
        yield port
    finally:
        polling.cancel()
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10.0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5.0)
        loop.close()


@contextlib.contextmanager
def _writing(path: Path, flush_s: float) -> Iterator[None]:
    """A writer of some 50 ticks a second that hands them over once in each flush interval."""
    stop, clock = threading.Event(), SystemClock()

    def write() -> None:
        after_ns = clock.now_ns()
        while not stop.wait(flush_s):
            now_ns = clock.now_ns()
            n = max(1, round(50 * flush_s))
            times = np.linspace(after_ns, now_ns, n, endpoint=False).astype(np.int64)
            _append(path, _at(times))
            after_ns = now_ns

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5.0)


def _ticks(n: int, last_ns: int) -> Records:
    """Ticks a millisecond apart, the last at that time."""
    return _at(last_ns - np.arange(n - 1, -1, -1, dtype=np.int64) * 1_000_000)


def _at(times_ns: npt.NDArray[np.int64]) -> Records:
    records = np.zeros(len(times_ns), RECORD)
    records["stamp"] = times_ns // 1000 + EPOCH_US
    records["close"], records["high"], records["low"] = 25_000.25, 25_000.25, 25_000.0
    records["trades"] = records["volume"] = records["ask_volume"] = 1
    return records


def _append(path: Path, records: Records) -> None:
    with path.open("ab") as file:
        file.write(records.tobytes())


def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.0005)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
