"""Flatten over a connection of one's own, for when the trader does not answer: kill switch, watchdog and drill.

Under the order gate, so that nobody else sends meanwhile: cancel every working order of our account in our contracts
and wait until each has ended, read the positions again, close each with message 209 (which the broker sizes itself
and refuses where there is no position), and compare.  A contract of which an order may still fill is not closed: two
orders could turn the position round.  In a closed market nothing fills, so what is held keeps its stops; entries
are cancelled there too.  It decides nothing and needs no model.  Not for the trader's own closing orders: those are
the venue's.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import msgspec

from minhos.assembly.layout import Layout
from minhos.assembly.running import trader_pid
from minhos.assembly.sierra_link import client_options
from minhos.dtc import messages as m
from minhos.dtc.client import TRADING_OFF
from minhos.dtc.logon import ClientOptions
from minhos.errors import CalendarError, DtcError, DtcRejected, DtcTimeout, MinhosError, VenueError
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.safety.broker import FINAL_S, POLL_S, SETTLED_S, Desk, PricelessClient, describe, our_names
from minhos.settings import Settings
from minhos.venues.order_gate import OrderGate

Progress = Callable[[float, str], None]
GATE_S = 1.0
"""A trader that has not answered and holds the gate for longer hangs."""
OTHERS_S = 120.0
"""How long another flatten from outside may take."""
KILLED_S = 5.0
ROUNDS = 3
NAME = "outside-"
"""How the client order ids of orders begin that were not sent by the trader."""
BY_HAND = "Close it by hand in Sierra Chart now."


class Step(msgspec.Struct, frozen=True):
    """What was done, and when: milliseconds since the beginning."""

    ms: float
    text: str


class OutsideReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a flatten from outside did and found.

    acted: False with the paper venue, where nothing rests outside the trader.  flat: the broker was asked last and
    shows neither a position nor a working order of ours.  positions: signed contracts by the broker's symbol; None
    where it could not be asked.
    """

    acted: bool
    flat: bool
    sentence: str
    positions_before: dict[str, int] | None = None
    positions_after: dict[str, int] | None = None
    orders_cancelled: int = 0
    steps: tuple[Step, ...] = ()


def flatten_outside(
    settings: Settings, layout: Layout, why: str, *, clock: Clock, progress: Progress | None = None
) -> OutsideReport:
    """Cancel and close everything of ours at the broker.  What fails is told in the report, not raised.

    why: the first step of the report.  Takes some tenths of a second, and at most two minutes behind another flatten.
    """
    if not settings.sierra.used:
        return OutsideReport(
            acted=False,
            flat=False,
            sentence="orders go to the paper venue: nothing rests at a broker, the position lives in the journal, and "
            "the trader closes it when it next runs.",
        )
    steps = Steps(clock, progress)
    steps.note(0.0, f"flatten from outside the trader: {why}")
    try:
        with only_sender(layout, steps):
            return asyncio.run(Flatten(settings, layout, steps, clock).run())
    except MinhosError as error:
        sentence = f"NOT FLATTENED: {error} What stands at the broker is unknown. {BY_HAND}"
        return OutsideReport(acted=True, flat=False, sentence=sentence, steps=steps.taken)


class Steps:
    """What was done so far, each with its time; told on as progress."""

    def __init__(self, clock: Clock, progress: Progress | None) -> None:
        self._clock, self._progress = clock, progress
        self._started_ns = clock.monotonic_ns()
        self._taken: list[Step] = []

    def note(self, share: float, text: str) -> None:
        """share: of the whole, 0 to 1."""
        self._taken.append(Step(self.ms, text))
        if self._progress is not None:
            self._progress(min(share, 1.0), text)

    @property
    def ms(self) -> float:
        """Milliseconds since the beginning."""
        return round((self._clock.monotonic_ns() - self._started_ns) / 1e6, 1)

    @property
    def taken(self) -> tuple[Step, ...]:
        return tuple(self._taken)


@contextmanager
def only_sender(layout: Layout, steps: Steps) -> Iterator[None]:
    """Hold the order gate; a trader that hangs while it holds it is killed.

    Those outside the trader first agree among themselves on a lock of their own: so who holds the gate too long is the
    trader and not another flatten.  Raises VenueError where the gate cannot be had.
    """
    gate = OrderGate(layout.orders_lock)
    with ExitStack() as stack:
        stack.enter_context(OrderGate(layout.run / "outside.lock").hold(OTHERS_S))
        try:
            stack.enter_context(gate.hold(GATE_S))
        except VenueError as error:
            kill_trader(layout, str(error))
            steps.note(0.05, f"the trader held the order gate for {GATE_S:g} s without answering and was killed")
            stack.enter_context(gate.hold(KILLED_S))
        steps.note(0.1, "no other process sends orders")
        yield


def kill_trader(layout: Layout, why_not: str) -> int:
    """SIGKILL the trader that run/trader.json names; returns its process id.

    Raises VenueError, with why_not, where it names none or a process that is not a trader of ours.
    """
    pid = trader_pid(layout)
    if pid is None:
        raise VenueError(f"{why_not} run/trader.json names no trader of ours that could be ended.")
    try:
        layout.machine.end(pid, kill=True)
    except OSError as error:
        raise VenueError(f"The trader (process {pid}) hangs and cannot be ended ({error}): end it by hand.") from None
    return pid


def closed_until(clock: Clock) -> str:
    """When the market opens, in UTC; empty while it is open, and where the table of sessions does not reach."""
    try:
        calendar = SessionCalendar.load()
        now_ns = clock.now_ns()
        if calendar.is_open(now_ns):
            return ""
        opens = dt.datetime.fromtimestamp(calendar.next_open_ns(now_ns) // NANOS_PER_SECOND, dt.UTC)
    except CalendarError:
        return ""
    return f"{opens:%Y-%m-%d %H:%M} UTC"


class Flatten:
    """One flatten, over as many connections as it takes.  The caller holds the gate."""

    def __init__(self, settings: Settings, layout: Layout, steps: Steps, clock: Clock) -> None:
        self._options: ClientOptions = client_options(settings.sierra, "MinhOS flatten")
        self._account, self._names = settings.sierra.account, our_names(settings, layout)
        self._steps, self._clock = steps, clock
        self._before: dict[str, int] | None = None
        self._after: dict[str, int] | None = None
        self._working: list[m.OrderUpdate] = []
        self._n_cancelled = 0
        self._problem = ""

    async def run(self) -> OutsideReport:
        """Round after round until flat; what a lost connection left open is asked again over the next one."""
        for number in range(ROUNDS):
            self._problem = ""
            try:
                async with PricelessClient(self._options) as client:
                    self._steps.note(0.2 + 0.2 * number, f"connected to {self._options.address}")
                    done = await self._round(Desk(client, self._account, self._names, self._clock))
            except (DtcError, VenueError) as error:
                self._problem, self._after = str(error), None
                done = isinstance(error, DtcRejected)
            if self._problem:
                self._steps.note(0.3 + 0.2 * number, self._problem)
            if done:
                break
            await asyncio.sleep(SETTLED_S)
        return self._report()

    async def _round(self, desk: Desk) -> bool:
        """Cancel, read again, close, compare.  True where another round would not help."""
        if desk.client.logon is not None and not desk.client.logon.trading_is_supported:
            raise DtcRejected(TRADING_OFF)
        held = await desk.positions()
        self._before = held if self._before is None else self._before
        closed = closed_until(self._clock) if held else ""
        if closed:
            await self._cancel(desk, protect=held)
            self._working, self._after = await desk.orders(), await desk.positions()
            self._problem = f"The market is closed until {closed}; until then position and stops stay as they are."
            return True
        await self._cancel(desk)
        held = await desk.settled_positions()
        self._steps.note(0.5, f"position: {describe(held)}")
        blocked = {order.symbol for order in self._working}
        closing = [symbol for symbol in sorted(held) if symbol not in blocked and await self._close(desk, symbol)]
        if await self._ended(desk, closing):
            return not self._problem or bool(blocked)
        await self._cancel(desk)  # an order of ours that fills later would meet the trader's
        self._after = await desk.settled_positions()
        self._problem = f"The closing order did not fill within {FINAL_S:g} seconds; is the market closed?"
        return True

    async def _cancel(self, desk: Desk, protect: Mapping[str, int] | None = None) -> None:
        n_ended, self._working = await desk.cancel_all(protect)
        self._n_cancelled += n_ended
        if n_ended or self._working:
            self._steps.note(0.4, f"cancelled or filled: {n_ended} orders; still working: {len(self._working)}")

    async def _close(self, desk: Desk, symbol: str) -> bool:
        """Whether the broker takes an order that closes this position; an unanswered one counts as taken."""
        name = f"{NAME}{secrets.token_hex(10)}"
        try:
            await desk.client.flatten(symbol, self._account, name)
        except DtcRejected as error:
            self._steps.note(0.6, str(error))
            return False
        except DtcTimeout as error:
            self._steps.note(0.6, str(error))
            return True
        self._steps.note(0.6, f"{symbol}: the broker took the closing order {name}")
        return True

    async def _ended(self, desk: Desk, closing: list[str]) -> bool:
        """Whether all positions that are being closed were 0 and without orders in time; sets what was seen last."""
        end_ns = desk.deadline_ns()
        while True:
            self._working, self._after = await desk.orders(), await desk.positions()
            open_still = {*self._after, *(order.symbol for order in self._working)}
            if not open_still.intersection(closing):
                self._problem = f"{', '.join(sorted(open_still))} could not be closed." if open_still else ""
                return True
            if desk.is_past(end_ns):
                return False
            await asyncio.sleep(POLL_S)

    def _report(self) -> OutsideReport:
        flat = self._after == {} and not self._working
        sentence = self._said_flat() if flat else self._said_open()
        self._steps.note(1.0, sentence)
        return OutsideReport(
            acted=True,
            flat=flat,
            sentence=sentence,
            positions_before=self._before,
            positions_after=self._after,
            orders_cancelled=self._n_cancelled,
            steps=self._steps.taken,
        )

    def _said_flat(self) -> str:
        if not self._before and not self._n_cancelled:
            return f"flat: {self._account} had neither a position nor an order of ours."
        orders = f"{self._n_cancelled} order{'' if self._n_cancelled == 1 else 's'} ended"
        return f"flat: {describe(self._before)} closed, {orders}, in {self._steps.ms:.0f} ms."

    def _said_open(self) -> str:
        if self._after is None:
            return f"NOT FLATTENED: {self._problem} What stands at the broker is unknown. {BY_HAND}"
        orders = f", {len(self._working)} orders still work" if self._working else ""
        bare = " No stop protects it." if self._after and not self._working else ""
        return f"NOT FLAT: {describe(self._after)}{orders}. {self._problem}{bare} {BY_HAND}"
