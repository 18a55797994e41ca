"""A simulated broker that listens on loopback in a thread of its own, and a home whose orders go there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import minhos.dtc.messages as m
from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.dtc.faults import Faults
from minhos.dtc.messages.enums import BuySell, OrderType
from minhos.dtc.server import DtcServer
from minhos.dtc.simulated import SimulatedBackend
from minhos.market.clock import SystemClock
from minhos.settings import Settings, load
from minhos.testing.builders import MONDAY_OPEN

ROOT = Path(__file__).resolve().parents[2]
SYMBOL, OTHER = "MNQZ25-CME", "MESZ25-CME"
SIERRA = '[market]\nsymbol = "NQ"\norder_root = "MNQ"\n[sierra]\nhost = "127.0.0.1"\nport = {port}\n'
TIMES = "request_timeout_s = {request_s}\n"
T = TypeVar("T")


class OpenClock(SystemClock):
    """A Monday noon in New York, however late it is here."""

    def __init__(self) -> None:
        self._began_ns = self.monotonic_ns()

    def now_ns(self) -> int:
        return MONDAY_OPEN + self.monotonic_ns() - self._began_ns


class ClosedClock(OpenClock):
    """The Saturday before."""

    def now_ns(self) -> int:
        return super().now_ns() - 2 * 24 * 3600 * 10**9


class Broker:
    """The server, what it holds, and orders that others have sent to it."""

    def __init__(self, faults: Faults = Faults()) -> None:
        self.backend = SimulatedBackend({SYMBOL: 20_000.0, OTHER: 6_000.0}, accounts=("Sim1", "Sim2"), faults=faults)
        self.server = DtcServer(self.backend, faults=faults)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._number = 0
        self.port = 0

    def open(self) -> None:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self.server.start(), self.loop).result(20)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()

    def do(self, act: Callable[[], T]) -> T:
        """In the server's thread, between two messages."""

        async def run() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(20)

    def order(
        self,
        contracts: int,
        symbol: str = SYMBOL,
        kind: OrderType = OrderType.MARKET,
        price: float = 0.0,
        account: str = "Sim1",
    ) -> None:
        """An order of somebody else: + buys, - sells."""
        self._number += 1
        request = m.SubmitNewSingleOrder(
            symbol=symbol,
            trade_account=account,
            client_order_id=f"other{self._number}",
            order_type=int(kind),
            buy_sell=int(BuySell.BUY if contracts > 0 else BuySell.SELL),
            quantity=float(abs(contracts)),
            price1=price,
        )
        self.do(lambda: list(self.backend.trade([request])))

    def hold(self, contracts: int, symbol: str = SYMBOL) -> None:
        """A position with a stop and a target that rest."""
        self.order(contracts, symbol)
        away = 100.0 if contracts > 0 else -100.0
        price = self.backend.prices[symbol]
        self.order(-contracts, symbol, OrderType.STOP, price - away)
        self.order(-contracts, symbol, OrderType.LIMIT, price + 5 * away)

    def positions(self) -> dict[str, int]:
        rows = self.do(lambda: self.backend.query(m.CurrentPositionsRequest(trade_account="Sim1")))
        return {row.symbol: int(row.quantity) for row in rows if row.quantity}

    def working(self, symbol: str = SYMBOL) -> int:
        rows = self.do(lambda: self.backend.query(m.OpenOrdersRequest(trade_account="Sim1")))
        return sum(row.symbol == symbol for row in rows)

    def closing_orders(self) -> list[str]:
        """Names of the orders that came from outside and were taken."""
        return self.do(
            lambda: [
                o.client_order_id for o in self.backend.orders.values() if o.client_order_id.startswith("outside-")
            ]
        )


@contextmanager
def broker(faults: Faults = Faults(), kind: type[Broker] = Broker) -> Iterator[Broker]:
    """A broker that is gone afterwards."""
    opened = kind(faults)
    opened.open()
    try:
        yield opened
    finally:
        opened.close()


def broker_home(folder: Path, port: int, *, toml: str = "", request_s: float = 5.0) -> Layout:
    """A home whose orders go to that port.  toml: further sections."""
    layout = Layout(folder).make()
    (folder / "config").mkdir(exist_ok=True)
    text = '[data]\nsource = "bars"\n' + SIERRA.format(port=port) + TIMES.format(request_s=request_s) + toml
    (folder / "config" / "minhos.toml").write_text(text, encoding="utf-8")
    return layout


def settings_at(layout: Layout) -> Settings:
    return load(layout.home)


def beat(layout: Layout, pid: int, **fields: object) -> None:
    """A heartbeat of the trader as it writes it."""
    told: dict[str, object] = {"state": "running", "mode": "paper", "account": "Sim1", "venue": "sierra", **fields}
    write_json(layout.run / "trader.json", {"pid": pid, "time_ns": 0, "positions": {}, **told})


def child(layout: Layout, *arguments: str, module: str = "") -> subprocess.Popen[str]:
    """A Python process of that home; module: run with -m, else the arguments are python's own."""
    environment = {**os.environ, "MINHOS_HOME": str(layout.home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = ["-m", module, *arguments] if module else list(arguments)
    return subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        cwd=layout.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


HOLDER = (
    "import pathlib, sys, time\n"
    "from minhos.venues.order_gate import OrderGate\n"
    "with OrderGate(pathlib.Path(sys.argv[1])).hold(5.0):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(120)\n"
)


@contextmanager
def gate_holder(layout: Layout, name: str = "minhos.processes.trader") -> Iterator[subprocess.Popen[str]]:
    """A real process that holds the order gate, its command line naming that module."""
    process = child(layout, "-c", HOLDER, str(layout.orders_lock), name)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()
