"""A bridge over a folder and a mirror of it, both in this process, for the tests of either."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from minhos.dtc.faults import Faults
from minhos.dtc.server import DtcServer, ServerOptions
from minhos.feeds.bridge import mirror as bridge_mirror
from minhos.feeds.bridge.backend import ScidBackend
from minhos.feeds.bridge.file import header
from minhos.feeds.bridge.mirror import BridgeMirror, MirrorOptions
from minhos.feeds.scid.files import EPOCH_US
from minhos.feeds.scid.fold import FIRST_SUB_TRADE, LAST_SUB_TRADE, RECORD, Records
from minhos.market.clock import SimulatedClock
from minhos.testing.builders import ns

NOW = ns("2025-10-06T14:00:00")
SYMBOL = "NQZ25-CME"
PATIENCE_S = 20.0


class Bridge:
    """A bridge in a thread of its own, which tests start, break and start again on the same port."""

    def __init__(self, folder: Path, password: str = "", *, faults: Faults = Faults(), tls=None, backend=None) -> None:
        self._backend = backend
        self.folder, self.password, self.faults, self.tls = folder, password, faults, tls
        self.port = 0
        self.log: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server: DtcServer | None = None
        self._polling = None

    def start(self) -> Bridge:
        self._call(self._start())
        return self

    def stop(self) -> None:
        self._call(self._stop())

    def cut(self) -> None:
        """Every connection ends without a word."""
        self._loop.call_soon_threadsafe(self.server.disconnect_all)

    def end(self) -> None:
        if self.server is not None:
            self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()

    async def _start(self) -> None:
        backend = self.backend = self._backend or ScidBackend(self.folder, self.password, self.log.append)
        self.server = DtcServer(backend, ServerOptions(port=self.port, tls=self.tls), faults=self.faults)
        self.port = await self.server.start()
        self._polling = asyncio.create_task(self._poll(backend))

    async def _poll(self, backend) -> None:
        while self._backend is None:
            backend.poll()
            await asyncio.sleep(0.005)

    async def _stop(self) -> None:
        self._polling.cancel()
        self.server.disconnect_all()
        await self.server.close()
        self.server = None

    def _call(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10.0)


@contextlib.contextmanager
def bridging(folder: Path, **named) -> Iterator[Bridge]:
    """A bridge that runs over a folder."""
    bridge = Bridge(folder, **named).start()
    try:
        yield bridge
    finally:
        bridge.end()


@contextlib.contextmanager
def mirroring(port: int, folder: Path, symbol: str = "NQZ25", now_ns: int = NOW, **named) -> Iterator[BridgeMirror]:
    """A mirror that runs."""
    named.setdefault("older_every_s", bridge_mirror.OLDER_EVERY_S)
    options = MirrorOptions(host="127.0.0.1", port=port, reconnect_first_s=0.01, reconnect_most_s=0.1, **named)
    mirror = BridgeMirror(options, folder, symbol, SimulatedClock(now_ns))
    mirror.start()
    try:
        yield mirror
    finally:
        mirror.close()


def wait_for(holds: Callable[[], object], what: str = "") -> None:
    """Until it is true."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"waited in vain {what}"
        time.sleep(0.005)


def equal(one: Path, other: Path) -> bool:
    """Whether two files are there with the same bytes."""
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def random_records(n: int, *, seed: int = 0, end_ns: int = NOW, span_s: int = 3600, bars: float = 0.0) -> Records:
    """Ticks at rising stamps up to a moment, some parts of unbundled trades; a share of the records bars."""
    rng = np.random.default_rng(seed)
    records = np.zeros(n, RECORD)
    last = end_ns // 1000 + EPOCH_US
    records["stamp"] = last - np.sort(rng.choice(span_s * 1_000_000, n, replace=False))[::-1]
    records["close"] = 25_000 + np.cumsum(rng.integers(-2, 3, n)) * 0.25
    records["high"], records["low"] = records["close"] + rng.integers(0, 3, n) * 0.25, records["close"] - 0.25
    records["high"][rng.random(n) < 0.01] = 0.0
    records["trades"], records["volume"] = 1, rng.integers(1, 20, n)
    buys = rng.random(n) < 0.5
    records["ask_volume"], records["bid_volume"] = records["volume"] * buys, records["volume"] * ~buys
    for place in np.flatnonzero(rng.random(n) < 0.05)[::2].tolist():
        if place + 1 < n:
            records["open"][place : place + 2] = np.array([FIRST_SUB_TRADE, LAST_SUB_TRADE], np.uint32).view("<f4")
    is_bar = rng.random(n) < bars
    records["open"][is_bar] = records["close"][is_bar]
    records["trades"][is_bar] = rng.integers(1, 500, is_bar.sum())
    records["bid_volume"][is_bar] = rng.integers(0, 500, is_bar.sum())
    return records


def write(path: Path, records: Records) -> Path:
    path.write_bytes(header() + records.tobytes())
    return path


def add(path: Path, records: Records) -> None:
    with path.open("ab") as file:
        file.write(records.tobytes())


def later(records: Records, seconds: float) -> Records:
    """The same records, shifted in time."""
    moved = records.copy()
    moved["stamp"] += round(seconds * 1_000_000)
    return moved
