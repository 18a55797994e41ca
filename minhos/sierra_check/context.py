"""What the steps of `check-sierra` share: the connection, what was heard on it, and what is known so far."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

import msgspec

from minhos.assembly.contracts import contracts_of
from minhos.assembly.layout import Layout
from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.codec import Malformed
from minhos.dtc.events import Disconnected
from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages import Message
from minhos.market.clock import Clock
from minhos.market.symbols import Symbol
from minhos.settings import Settings
from minhos.sierra_check.finding import Finding, Mask

POLL_S = 0.01
MOST_KEPT, MOST_HEARTBEATS = 1_000, 20_000
KEPT = (
    *(m.OrderUpdate, m.TradeAccountResponse, m.AccountBalanceUpdate, m.SecurityDefinitionResponse),
    *(m.MarketDataReject, m.MarketDataSnapshot, m.PositionUpdate),
)
"""Messages of which the newest thousand are kept as the server sent them."""
Progress = Callable[[float, str], None]


class ServerLog:
    """Everything that the server said: counts, heartbeats with the time of their arrival, gaps, disconnections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.counts: Counter[str] = Counter()
        self.heartbeats: deque[tuple[int, int]] = deque(maxlen=MOST_HEARTBEATS)
        """(our clock in UTC nanoseconds at the arrival, the server's in UNIX seconds)."""
        self.longest_gap_s = 0.0
        self.disconnections: list[str] = []
        self.ended = False
        self._kept: deque[Message] = deque(maxlen=MOST_KEPT)
        self._last_ns = clock.monotonic_ns()
        self._following: asyncio.Task[None] | None = None

    def attach(self, client: DtcClient) -> None:
        """Listen to a client that has connected, or is about to."""
        client.observer = self._hear
        self._following = asyncio.create_task(self._follow(client))

    def kept(self, kind: type[Message]) -> list[Message]:
        """Messages of a kind, oldest first."""
        return [message for message in self._kept if isinstance(message, kind)]

    def restart(self) -> None:
        """Count from now on: the stable phase begins."""
        self.counts.clear()
        self.heartbeats.clear()
        self.disconnections.clear()
        self.longest_gap_s = 0.0
        self._last_ns = self._clock.monotonic_ns()

    def note_gap(self) -> None:
        """Take the silence since the last message into account."""
        self.longest_gap_s = max(self.longest_gap_s, (self._clock.monotonic_ns() - self._last_ns) / 1e9)

    def close(self) -> None:
        if self._following is not None:
            self._following.cancel()

    def _hear(self, message: Message | Malformed) -> None:
        self.note_gap()
        self._last_ns = self._clock.monotonic_ns()
        self.counts[type(message).__name__] += 1
        if isinstance(message, m.Heartbeat):
            self.heartbeats.append((self._clock.now_ns(), message.current_date_time))
        elif isinstance(message, KEPT):
            self._kept.append(message)

    async def _follow(self, client: DtcClient) -> None:
        async for event in client.events():
            if isinstance(event, Disconnected):
                self.disconnections.append(event.reason)
                self.ended = event.retry_in_s is None


class Desk(msgspec.Struct, kw_only=True):
    """One check under way.

    symbols: our contracts to the names under which the server knows them, the best first.  positions: signed
    contracts by the server's symbol, as first seen.  prices: of positions and fills by the server's symbol, as told.
    """

    settings: Settings
    layout: Layout
    clock: Clock
    options: ClientOptions
    client: DtcClient
    seen: ServerLog
    mask: Mask
    history_port: int
    progress: Progress
    symbols: dict[str, list[str]] = {}
    definitions: dict[str, m.SecurityDefinitionResponse] = {}
    positions: dict[str, float] = {}
    prices: dict[str, float] = {}
    findings: list[Finding] = []

    @property
    def account(self) -> str:
        return self.settings.sierra.account

    @property
    def order_contract(self) -> Symbol:
        """What is traded."""
        return self.contracts()[-1]

    @property
    def order_symbol(self) -> str:
        """The server's name of what is traded; empty where it knows none."""
        return next(iter(self.symbols.get(self.order_contract.contract, [])), "")

    def contracts(self) -> list[Symbol]:
        """What is forecast, then what is traded where that is another; the front month by date for a bare root."""
        return contracts_of(self.settings, self.clock.now_ns())

    def add(self, *findings: Finding) -> None:
        self.findings += findings


async def until(condition: Callable[[], bool], clock: Clock, timeout_s: float) -> bool:
    """Wait for a condition; False when it does not come true in time."""
    end_ns = clock.monotonic_ns() + int(timeout_s * 1e9)
    while not condition():
        if clock.monotonic_ns() > end_ns:
            return False
        await asyncio.sleep(POLL_S)
    return True
