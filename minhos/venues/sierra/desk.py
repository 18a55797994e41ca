"""Carries out what the trader orders, one command after the other: what goes over the wire, and what must come first.

An exit never crosses a stop: the stops of the lots that it closes are taken back first, and it is sent for what they
leave uncovered.  Nothing is ever sent twice.  What was not answered is UNKNOWN, and the broker is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Protocol

import msgspec

from minhos.accounting.types import CLOSING, Order, OrderType, Role
from minhos.dtc.messages import Message
from minhos.errors import DtcError, VenueError
from minhos.market.clock import Clock
from minhos.trading.venue import News, OrderReport, OrderStatus
from minhos.venues.order_gate import POLL_S, OrderGate
from minhos.venues.sierra import wire
from minhos.venues.sierra.book import SierraBook
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.requests import Request
from minhos.venues.sierra.tracked import Phase, Tracked, plan_release

MOST_ROUNDS = 3
"""Taking back stops can bring up others (an entry that filled meanwhile); more rounds than this are not tried."""
AGREE_EVERY_S = 0.02


class Line(Protocol):
    """What the desk asks of the connection.  session: another number after every reconnection."""

    session: int

    async def send(self, symbol: str, messages: list[Message]) -> None: ...

    def why_closed(self) -> str: ...

    def why_not_ready(self) -> str: ...

    def links_legs(self) -> bool: ...

    def contradiction(self, contract: str) -> str: ...

    def unheard(self) -> None: ...

    async def held(self, contract: str) -> int: ...

    def ask(self) -> None: ...

    def fail(self, reason: str) -> None: ...


class Desk:
    """publish: where news for the trader go."""

    def __init__(
        self,
        book: SierraBook,
        line: Line,
        gate: OrderGate,
        halted: Callable[[], bool],
        options: SierraOptions,
        clock: Clock,
        publish: Callable[[list[News]], None],
    ) -> None:
        self._book, self._line, self._gate, self._halted = book, line, gate, halted
        self._options, self._clock, self._publish = options, clock, publish
        self._commands: asyncio.Queue[tuple[str, Callable[[], Coroutine[object, None, None]]]] = asyncio.Queue()
        self.moved = asyncio.Event()
        """Set whenever the book may have changed."""

    def submit(self, order: Order) -> None:
        """Send an order."""
        self._commands.put_nowait((order.order_id, lambda: self._submit(order)))

    def cancel(self, order_id: str) -> None:
        """Take an order back, with a stop its target."""
        self._commands.put_nowait((order_id, lambda: self._change(order_id, 0)))

    def resize(self, order_id: str, contracts: int) -> None:
        """Let a stop and its target go on for that many contracts, fewer than now."""
        self._commands.put_nowait((order_id, lambda: self._resize(order_id, contracts)))

    async def run(self) -> None:
        """Carry out commands until cancelled; no error of one command ends it."""
        while True:
            order_id, carry_out = await self._commands.get()
            try:
                await carry_out()
            except VenueError as error:
                self._report(order_id, OrderStatus.REJECTED, str(error))
            except Exception as error:  # whatever it is, the trader must hear of it and the next command come
                self._unknown(order_id, f"{type(error).__name__}: {error}")
                if not isinstance(error, DtcError):
                    self._line.fail(f"An order was not carried out as it should be ({type(error).__name__}: {error}).")
            if self._book.survey_reason:
                self._line.ask()

    # Orders; VenueError says that nothing was sent ------------------------------------------------------------------

    async def _submit(self, order: Order) -> None:
        if order.order_id in self._book.orders:
            return  # nothing is sent twice
        route = self._book.routes.get(order.symbol)
        opens = order.role in (Role.ENTRY, Role.ADD)
        if refusal := self._line.why_closed() or (self._line.why_not_ready() if opens else ""):
            raise VenueError(f"Nothing was sent: {refusal}")
        if route is None:
            raise VenueError(
                f"{order.symbol} is not traded here ({', '.join(sorted(self._book.routes)) or 'nothing'})."
            )
        async with self._through_gate():
            if order.role in CLOSING:
                await self._close(order, route)
                return
            sent = await (self._enter(order, route) if opens else self._protect(order, route))
        await self._until(lambda: sent[0].phase is Phase.DONE or all(part.phase is not Phase.SENT for part in sent))
        self._note_silence(sent[0])

    async def _enter(self, order: Order, route: wire.Route) -> list[Tracked]:
        """A bracket: the entry, its stop, and its target."""
        last = self._book.fills.last_ticks.get(order.symbol, 0)
        if self._halted():
            raise VenueError("The HALT file exists: no entry is sent before `resume`.")
        if contradiction := self._line.contradiction(order.symbol):
            raise VenueError(f"{contradiction}: nothing is opened until they agree; look at the platform.")
        held = self._book.fills.net.get(order.symbol, 0)
        if order.side * held < 0:
            raise VenueError(f"{held:+d} {order.symbol} are still held: nothing is opened on the other side before.")
        if not last:
            raise VenueError(f"No price of {order.symbol} is known yet; Sierra Chart wants one with a bracket.")
        if order.stop_distance_ticks <= 0 or not order.stop_id:
            raise VenueError(f"Order {order.order_id} has no protective stop; none is sent without.")
        with_target = self._options.legs == "stop_and_target" and self._line.links_legs()
        target_ticks = round(order.stop_distance_ticks * self._options.target_per_stop) if with_target else 0
        messages = wire.bracket(order, route, last, target_ticks)
        sent = self._book.expect_bracket(order, with_target, self._clock.now_ns())
        await self._send(route, messages, sent[0])
        return sent

    async def _protect(self, order: Order, route: wire.Route) -> list[Tracked]:
        """A stop alone."""
        last = self._book.fills.last_ticks.get(order.symbol, 0)
        if order.order_type is not OrderType.STOP:
            raise VenueError(f"A {order.role} order of type {order.order_type} is not sent.")
        if wire.is_far_off(order.trigger_ticks, last):
            price, market = route.instrument.to_points(order.trigger_ticks), route.instrument.to_points(last)
            raise VenueError(f"A stop at {price:g} while {order.symbol} is at {market:g} was not sent: 100 times off?")
        messages = [wire.single(order, route, order.contracts)]
        stop = self._book.expect(order, self._clock.now_ns())
        await self._send(route, messages, stop)
        return [stop]

    async def _close(self, order: Order, route: wire.Route) -> None:
        """Take back the stops of what is closed, then send an order for what is uncovered; a stop may be faster."""
        await self._agree(order.symbol)
        held = self._book.held(order.symbol, order.side)
        if order.contracts >= held:
            await self._take_back_entries(order.symbol, route)
            held = self._book.held(order.symbol, order.side)
        if not held:
            self._book.survey_reason = "an order came to close a position that is not there"
            self._report(order.order_id, OrderStatus.CANCELLED, "The stop was faster: nothing is left to close.")
            return
        problem = await self._release(order.symbol, max(0, held - order.contracts), route)
        rest = min(order.contracts, self._book.uncovered(order.symbol, order.side))
        if self._book.lacks_fills(order.symbol):
            raise VenueError(f"No order was sent: a fill in {order.symbol} was reported and not received; asked again.")
        if not rest and problem:
            raise VenueError(f"No order was sent to close {order.symbol}: {problem}.")
        if not rest:
            self._report(order.order_id, OrderStatus.CANCELLED, "The stop was faster: nothing is left to close.")
            return
        why = problem or "the stop was faster"
        sent = self._book.expect(msgspec.structs.replace(order, contracts=rest), self._clock.now_ns())
        sent.rest_reason = f"Closed {rest} of {order.contracts}: {why}." if rest < order.contracts else ""
        await self._send(route, [wire.single(order, route, rest)], sent)
        await self._until(lambda: not sent.is_open and not sent.lacks_fills)
        self._note_silence(sent)

    async def _agree(self, contract: str) -> None:
        """Wait until the broker shows the position that the fills make; raises VenueError where it does not.

        Whoever held the gate before us may have closed it, and word of that may still be on its way.
        """
        shown, net = 0, self._book.fills.net
        try:
            async with asyncio.timeout(self._options.request_timeout_s):
                while (shown := await self._line.held(contract)) != net.get(contract, 0):
                    await asyncio.sleep(AGREE_EVERY_S)
        except (TimeoutError, DtcError) as error:
            self._line.ask()
            why = str(error) or f"the broker shows {shown:+d} {contract} and the fills make {net.get(contract, 0):+d}"
            raise VenueError(f"No order was sent to close {contract}: {why}; the broker is being asked.") from None

    async def _take_back_entries(self, contract: str, route: wire.Route) -> None:
        """Where everything is closed, no entry goes on filling; one that filled meanwhile is closed with the rest."""
        entries = [entry for entry in self._book.openings(contract) if entry.server_id]
        if entries:
            await self._carry_out([Request(entry, 0, entry.answers) for entry in entries], route)

    async def _release(self, contract: str, keep: int, route: wire.Route) -> str:
        """Let the stops cover at most keep contracts, newest first; returns why that did not come about."""
        for _ in range(MOST_ROUNDS):
            requests = self._requests(plan_release(self._book.stops(contract), keep))
            if not requests:
                return ""
            if problem := await self._carry_out(requests, route):
                return problem
        return "stops came up as fast as they were taken back"

    # Changes --------------------------------------------------------------------------------------------------------

    async def _resize(self, order_id: str, contracts: int) -> None:
        tracked = self._book.orders.get(order_id)
        if tracked is not None and tracked.may_rest and not 0 < contracts <= tracked.remaining:
            refusal = f"Order {order_id} is for {tracked.remaining}: it is not resized to {contracts}."
            self._report(order_id, OrderStatus.CANCEL_REJECTED, refusal)
            return
        await self._change(order_id, contracts)

    async def _change(self, order_id: str, left: int) -> None:
        tracked = self._book.orders.get(order_id)
        route = self._book.routes.get(tracked.order.symbol) if tracked is not None else None
        refusal = self._line.why_closed()
        if tracked is None or not tracked.may_rest or route is None:
            refusal = f"Order {order_id} is not working."
        if refusal or tracked is None or route is None:
            self._report(order_id, OrderStatus.CANCEL_REJECTED, refusal)
            return
        await self._carry_out(self._requests([(tracked, left)]), route)

    def _are_settled(self, requests: list[Request], contract: str) -> bool:
        return all(request.is_settled for request in requests) and not self._book.lacks_fills(contract)

    def _requests(self, plan: list[tuple[Tracked, int]]) -> list[Request]:
        """For each stop, one for it and one for its target."""
        legs = [(leg, left) for stop, left in plan for leg in (stop, self._book.target(stop)) if leg is not None]
        return [Request(leg, left, leg.answers) for leg, left in legs]

    async def _carry_out(self, requests: list[Request], route: wire.Route) -> str:
        """Send all requests, wait until each is settled; returns what went wrong, empty for nothing."""
        sent = [request for request in requests if request.leg.server_id]
        messages = [request.message(route.account) for request in sent]
        try:
            await self._line.send(route.symbol, messages)
            await self._until(lambda: self._are_settled(sent, route.contract))
        except DtcError as error:
            self._book.survey_reason = str(error)
        for request in requests:
            if not request.is_settled and request.leg.phase is Phase.LOST:
                request.leg.end(self._clock.now_ns())  # neither listed nor heard of
            elif not request.is_settled:
                self._publish(self._book.mark_unknown(request.leg, f"{request.failed}.", self._clock.now_ns()))
        failures = [request.failed for request in requests if request.failed]
        if failures:
            self._book.survey_reason = failures[0]
        return failures[0] if failures else ""

    # ----------------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _through_gate(self) -> AsyncIterator[None]:
        """Hold the gate; VenueError where another process has it for too long."""
        held = self._gate.take()
        if held is None:
            try:
                async with asyncio.timeout(self._options.gate_timeout_s):
                    while (held := self._gate.take()) is None:
                        await asyncio.sleep(POLL_S)
            except TimeoutError:
                raise VenueError(self._gate.refusal(self._options.gate_timeout_s)) from None
        try:
            yield
        finally:
            held.release()

    async def _send(self, route: wire.Route, messages: list[Message], tracked: Tracked) -> None:
        """Put an order on the wire; an error leaves open whether it went out."""
        try:
            await self._line.send(route.symbol, messages)
        except DtcError as error:
            self._publish(self._book.mark_unknown(tracked, str(error), self._clock.now_ns()))

    async def _until(self, done: Callable[[], bool]) -> None:
        """Wait until it is so, the time is up, or the connection is another."""
        session = self._line.session
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.request_timeout_s):
                while not done() and self._line.session == session:
                    self.moved.clear()
                    await self.moved.wait()
        if not done():
            self._line.unheard()

    def _note_silence(self, tracked: Tracked) -> None:
        """UNKNOWN for an order that was never answered."""
        if tracked.phase is Phase.SENT and tracked.last_reported is not OrderStatus.UNKNOWN:
            self._unknown(tracked.order.order_id, "No answer came: it may or may not work. It is not sent again.")

    def _unknown(self, order_id: str, reason: str) -> None:
        tracked = self._book.orders.get(order_id)
        if tracked is not None and tracked.is_open:
            self._publish(self._book.mark_unknown(tracked, reason, self._clock.now_ns()))
        else:
            self._report(order_id, OrderStatus.UNKNOWN, reason)

    def _report(self, order_id: str, status: OrderStatus, reason: str) -> None:
        self._publish([OrderReport(order_id, status, self._clock.now_ns(), reason)])
