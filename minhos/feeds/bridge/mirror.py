"""The bridge's files, copied into a folder here and kept growing: Sierra Chart's data on a machine without it.

    mirror = BridgeMirror(MirrorOptions(host="192.168.1.20", password="..."), Path("data/bridge"), "NQ", SystemClock())
    mirror.start()
    mirror.wait_until_copied(60.0)

A thread with an event loop of its own keeps one `Copy` for each contract that the bridge has: history from the
mirror's end on, then ticks as they come, and history again whenever the bridge says that ticks are not enough or the
connection was lost.  What is already there is compared over the last days, so neither a gap nor a duplicate survives,
and what lies further back day by day.
It makes files and nothing else; who trades follows the folder with `feed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import ssl
import threading
from pathlib import Path

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.codec import Encoding
from minhos.dtc.events import Disconnected, Notice
from minhos.dtc.logon import ClientOptions, FinalRefusal
from minhos.dtc.transport import Sockets, Transport
from minhos.errors import DataError, DtcDisconnected, DtcError, DtcRejected
from minhos.feeds.bridge.copy import CHECKED_US, Copy
from minhos.feeds.bridge.file import only_writer
from minhos.feeds.scid.files import EPOCH_US, US_PER_DAY
from minhos.market.clock import Clock, SystemClock
from minhos.market.symbols import Symbol, SymbolForm, front_contract, next_contract, parse_symbol
from minhos.market.types import NANOS_PER_SECOND

FORMS = (SymbolForm.SIERRA, SymbolForm.TETON, SymbolForm.RITHMIC, SymbolForm.CQG, SymbolForm.PLAIN)
ASK_S = 5.0
"""How often history is asked of a contract that the bridge does not follow, as one without a trade yet."""
LOOK_AGAIN_EVERY = 120
"""After that many of these pauses the bridge is asked whether it has got another contract."""
LOOK_S, LOCKED_S = 0.02, 0.5
"""Pauses while history is copied, and while another process keeps the same mirror."""
MOST_DOUBLINGS = 20
OLDER_EVERY_S = 60.0
"""How often another day of what lies further back is compared."""


class MirrorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bridge is and how it is known."""

    host: str
    port: int = 11199
    password: str = ""
    fingerprint: str = ""
    """Of its certificate; empty for a bridge without TLS."""
    days: int = 100
    """Calendar days copied into an empty mirror."""
    request_timeout_s: float = 20.0
    reconnect_first_s: float = 0.5
    reconnect_most_s: float = 30.0
    ask_s: float = ASK_S
    older_every_s: float = OLDER_EVERY_S
    heartbeat_interval_s: int = 10

    @property
    def client(self) -> ClientOptions:
        """How the bridge is called."""
        return ClientOptions(
            host=self.host,
            port=self.port,
            encoding=Encoding.BINARY,
            password=self.password,
            client_name="MinhOS mirror",
            heartbeat_interval_s=self.heartbeat_interval_s,
            request_timeout_s=self.request_timeout_s,
            tls=_encrypted() if self.fingerprint else None,
            fingerprint=self.fingerprint,
        )


class MirrorStatus(msgspec.Struct, frozen=True):
    """How the mirror is."""

    connected: bool
    copied: bool
    """Everything the bridge had was here once."""
    newest_ns: int
    """Time of the newest record."""
    records: int
    """Received over this connection."""
    symbols: tuple[str, ...]
    trouble: str
    """Why there is no connection, or no data; empty while all is well."""
    note: str = ""
    """What Sierra Chart changed behind the mirror's end; empty where nothing was."""


class BridgeMirror:
    """See the module.  symbol: a contract, or a root for all its contracts of the days that are copied.

    Where another process keeps the same folder's mirror, this one waits until it may, and counts as copied.
    """

    def __init__(
        self,
        options: MirrorOptions,
        folder: Path,
        symbol: str,
        clock: Clock,
        wall: Clock = SystemClock(),
        transport: Transport = Sockets(),
    ) -> None:
        """clock: by which contracts are chosen; wall: by which it waits for others; transport: how bytes travel."""
        self.folder, self._transport = folder, transport
        self._options, self._wanted, self._clock, self._wall = options, parse_symbol(symbol), clock, wall
        self._copies: dict[str, Copy] = {}
        self._notes: dict[str, str] = {}
        self._connected, self._trouble = False, ""
        self._copied, self._closing = threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="bridge mirror", daemon=True)

    def start(self) -> None:
        """Begin in the background; failures are in `status` and tried again."""
        self._thread.start()

    def close(self) -> None:
        """End it and wait until it has ended."""
        self._closing.set()
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10.0)

    def wait_until_copied(self, timeout_s: float) -> bool:
        """Whether all that the bridge has came in that time."""
        end_ns = self._wall.monotonic_ns() + round(timeout_s * NANOS_PER_SECOND)
        while not self._copied.is_set() and self._wall.monotonic_ns() < end_ns:
            self._wall.sleep(LOOK_S)
        return self._copied.is_set()

    def status(self) -> MirrorStatus:
        """How it is now; costs nothing."""
        copies = list(self._copies.values())
        newest = max((copy.file.last_stamp for copy in copies), default=0)
        return MirrorStatus(
            connected=self._connected,
            copied=self._copied.is_set(),
            newest_ns=(newest - EPOCH_US) * 1000 if newest else 0,
            records=sum(copy.n_records for copy in copies),
            symbols=tuple(copy.symbol for copy in copies),
            trouble=self._trouble,
            note="; ".join(copy.note for copy in copies if copy.note),
        )

    # In the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with only_writer(self.folder):
                    asyncio.run(self.keep())
            except asyncio.CancelledError:
                return
            except OSError:
                self._copied.set()
                self._wall.sleep(LOCKED_S)

    async def keep(self) -> None:
        """One connection after the other, with growing pauses while none succeeds; what the thread does.

        For whoever drives an event loop of his own, too: it takes no lock, and ends when it is cancelled.
        """
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        options, failures = self._options, 0
        while not self._closing.is_set():
            try:
                await self._connection()
            except (DtcError, DataError, OSError) as error:
                self._trouble = str(error)
                failures = 1 if self._connected else failures + 1
                if isinstance(error, FinalRefusal):
                    failures = MOST_DOUBLINGS
            finally:
                self._connected = False
                for copy in self._copies.values():
                    copy.file.close()
            doublings = min(failures - 1, MOST_DOUBLINGS)
            await asyncio.sleep(min(options.reconnect_most_s, options.reconnect_first_s * 2.0**doublings))

    async def _connection(self) -> None:
        """Copy and follow over one connection, until it ends; raises for why."""
        async with DtcClient(self._options.client, transport=self._transport) as client:
            names = await self._names(client)
            self._notes |= {name: copy.note for name, copy in self._copies.items()}
            since, notes = self._since(), self._notes
            options, transport = self._options.client, self._transport
            self._copies = {
                name: Copy(self.folder, name, options, since, notes.get(name, ""), transport) for name in names
            }
            for copy in self._copies.values():
                await copy.subscribe(client)
            self._connected, self._trouble = True, ""
            work = [self._read(client), self._first_copies(), self._look_again(client, names), self._compare_older()]
            tasks = [asyncio.create_task(each) for each in work]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
            finally:
                await _end(tasks)

    async def _first_copies(self) -> None:
        """History of each contract up to now, one after the other; then whenever one asks for more."""
        for copy in self._copies.values():
            await copy.catch_up()
        self._copied.set()
        await asyncio.gather(*(copy.catch_up_when_asked() for copy in self._copies.values()))

    async def _read(self, client: DtcClient) -> None:
        """Hand what comes to the copy that it is for."""
        by_number = {copy.number: copy for copy in self._copies.values() if copy.number}
        async for event in client.events():
            copy = by_number.get(getattr(event, "symbol_id", 0))
            if isinstance(event, Disconnected):
                raise DtcDisconnected(event.reason)
            if isinstance(event, Notice):
                raise DtcDisconnected(event.text)
            if isinstance(event, m.MarketDataFeedStatus):
                for each in self._copies.values():
                    each.ask(CHECKED_US)
            elif copy is not None:
                copy.receive(event)
        raise DtcDisconnected("The connection to the bridge has ended.")

    async def _compare_older(self) -> None:
        """A day of each contract now and then, so that what is filled in far behind the end is noticed."""
        while True:
            await asyncio.sleep(self._options.older_every_s)
            for copy in self._copies.values():
                await copy.compare_older()

    async def _look_again(self, client: DtcClient, names: list[str]) -> None:
        """Begin anew when the bridge has got another contract; what cannot be followed is asked for now and then."""
        for turn in itertools.count(1):
            await asyncio.sleep(self._options.ask_s)
            for copy in self._copies.values():
                if not copy.number:
                    copy.ask(0)
            if turn % LOOK_AGAIN_EVERY == 0 and await self._names(client) != names:
                raise DtcDisconnected("The bridge has other contracts now.")

    async def _names(self, client: DtcClient) -> list[str]:
        """The symbols that are wanted and that the bridge has.  Raises DataError for none."""
        names = []
        for name in candidates(self._wanted, self._clock.now_ns(), self._options.days):
            with contextlib.suppress(DtcRejected):
                await client.definition(name)
                names.append(name)
        if not names:
            raise DataError(
                f"The bridge at {self._options.client.address} has no file of {self._wanted.contract}; open its chart "
                "in Sierra Chart there, or give the bridge the right folder."
            )
        return names

    def _since(self) -> int:
        """Stamp from which an empty mirror is filled."""
        return self._clock.now_ns() // 1000 - self._options.days * US_PER_DAY + EPOCH_US


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a cancel that meets the end of a wait_for is lost in Python 3.11."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)


def candidates(wanted: Symbol, now_ns: int, days: int) -> list[str]:
    """The names under which Sierra Chart may keep what is wanted: of a root, the contracts from then to the next."""
    if wanted.dated:
        contracts = [wanted]
    else:
        today = dt.datetime.fromtimestamp(now_ns // NANOS_PER_SECOND, dt.UTC).date()
        last = next_contract(front_contract(wanted.root, today))
        contracts = [front_contract(wanted.root, today - dt.timedelta(days=days))]
        while contracts[-1].contract != last.contract:
            contracts.append(next_contract(contracts[-1]))
    return [contract.text(form) for contract in contracts for form in FORMS]


def _encrypted() -> ssl.SSLContext:
    """TLS whose peer is known by its fingerprint and not by an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
