"""Flatten over a connection of one's own, for when the trader does not answer: kill switch, watchdog and drill.

Under the order gate, so that nobody else sends meanwhile.  How it is done is the venue's (`Venue.flatten_account`);
here are who may do it, when, and what is said of it.  It decides nothing and needs no model.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of
from minhos.assembly.running import trader_pid
from minhos.assembly.venues import venue_for_others
from minhos.errors import CalendarError, MinhosError, VenueError
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.safety.broker import our_roots
from minhos.settings import Settings
from minhos.trading.venue import Flattened, Note, describe
from minhos.venues.order_gate import OrderGate

Progress = Note
GATE_S = 1.0
"""A trader that has not answered and holds the gate for longer hangs."""
OTHERS_S = 120.0
"""How long another flatten from outside may take."""
KILLED_S = 5.0
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
    steps = Steps(clock, progress)
    try:
        venue = venue_for_others(settings, layout, clock)
        if venue.owns_account:
            return OutsideReport(
                acted=False,
                flat=False,
                sentence=f"orders go to the {venue.name} venue: nothing rests at a broker, the position lives in the "
                "journal, and the trader closes it when it next runs.",
            )
        steps.note(0.0, f"flatten from outside the trader: {why}")
        with only_sender(layout, steps):
            done = venue.flatten_account(our_roots(settings, layout), steps.note, lambda: closed_until(clock))
    except MinhosError as error:
        sentence = f"NOT FLATTENED: {error} What stands at the broker is unknown. {BY_HAND}"
        return OutsideReport(acted=True, flat=False, sentence=sentence, steps=steps.taken)
    sentence = _said_flat(done, account_of(settings), steps.ms) if done.flat else _said_open(done)
    steps.note(1.0, sentence)
    return OutsideReport(
        acted=True,
        flat=done.flat,
        sentence=sentence,
        positions_before=done.before,
        positions_after=done.after,
        orders_cancelled=done.n_cancelled,
        steps=steps.taken,
    )


def _said_flat(done: Flattened, account: str, ms: float) -> str:
    if not done.before and not done.n_cancelled:
        return f"flat: {account} had neither a position nor an order of ours."
    orders = f"{done.n_cancelled} order{'' if done.n_cancelled == 1 else 's'} ended"
    return f"flat: {describe(done.before)} closed, {orders}, in {ms:.0f} ms."


def _said_open(done: Flattened) -> str:
    if done.after is None:
        return f"NOT FLATTENED: {done.problem} What stands at the broker is unknown. {BY_HAND}"
    orders = f", {done.n_working} orders still work" if done.n_working else ""
    bare = " No stop protects it." if done.after and not done.n_working else ""
    return f"NOT FLAT: {describe(done.after)}{orders}. {done.problem}{bare} {BY_HAND}"


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
