"""The venue's connection: logging on and again, what the account and the symbols must be, surveys, and the events.

It runs in the venue's event loop, and everything that touches the book runs there too.  Whether orders may be sent
is worked out here, in one sentence where they may not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.events import Connected, Disconnected, Event
from minhos.dtc.logon import FinalRefusal
from minhos.dtc.messages import Message
from minhos.dtc.transport import Transport
from minhos.errors import DtcDisconnected, DtcError, VenueError
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND, Instrument
from minhos.trading.doubt import Doubts
from minhos.trading.venue import News, VenueStatus
from minhos.venues.sierra import conditions
from minhos.venues.sierra.book import SierraBook
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.survey import make_survey, positions_of
from minhos.venues.sierra.wire import contracts_of, is_far_off, price_distrust, ticks_of

FILL_DAYS = 2
MISSED_FILL_DAYS = 10
"""Of the first survey on a connection: what filled over a long weekend while nobody was connected is among them."""
SURVEY_SPACING_S = 0.2
"""At least this lies between two surveys: messages that belong together arrive together."""
RETRY_S = 2.0
"""How long to wait with a survey that failed."""
TIDY_AGAIN_NS = NANOS_PER_SECOND
"""A target that is to be taken back is asked for again after that."""
CONTRADICTED_S = 1.0
"""How long to wait with the next one where a list of positions contradicts what else the broker says."""

Outvoted = tuple[str, int, int]
"""A contract, what the list of positions shows of it, and what counts."""


class SierraSession:
    """instruments: by contract symbol.  moved: called when the book may have changed.

    take_back: leaves so many contracts of an order at work, 0 for none.
    """

    def __init__(
        self,
        options: SierraOptions,
        instruments: dict[str, Instrument],
        book: SierraBook,
        clock: Clock,
        transport: Transport,
        publish: Callable[[list[News]], None],
        moved: Callable[[], None],
        take_back: Callable[[str, int], None],
    ) -> None:
        self._options, self._instruments, self._book, self._clock = options, instruments, book, clock
        self._transport = transport
        self._publish, self._moved, self._take_back = publish, moved, take_back
        self.session = 0
        self._client: DtcClient | None = None
        self._closed = "Sierra Chart is not connected yet."
        self._problems: dict[str, str] = {}
        """Why no risk may be added although orders can be sent, by contract or by what was asked."""
        self._defined: set[str] = set()
        """Contracts whose definition this connection has."""
        self._fault = ""
        self._surveyed = False
        self._loss_limit_cents = 0
        self._published: tuple[bool, str, int] | None = None
        self._broker_net: dict[str, int] = {}
        """What the broker said by itself, by its own name, of which a contract may have several."""
        self._outvoted: Doubts[Outvoted] = Doubts()
        self._contradictions: set[Outvoted] = set()
        """Those that one list of positions after the other has shown for a while."""
        self._again_ns: dict[str, int] = {}
        """By target that was taken back: when it may be asked for again (`monotonic_ns`)."""
        self._wanted = asyncio.Event()

    # What the desk asks ---------------------------------------------------------------------------------------------

    async def send(self, symbol: str, messages: list[Message]) -> None:
        """Put order messages on the wire.  Raises DtcError."""
        if self._client is None:
            raise DtcDisconnected(self._closed)
        await self._client.send_orders(symbol, messages)

    async def held(self, contract: str) -> int:
        """Contracts of it that the broker shows now.  Raises DtcError."""
        if self._client is None:
            raise DtcDisconnected(self._closed)
        rows = await self._client.positions(self._options.account)
        await asyncio.sleep(0.0)  # what came with the answer is taken first
        return self._believed(positions_of(self._book, rows)).get(contract, 0)

    def why_closed(self) -> str:
        """Why nothing at all can be sent; empty where something can."""
        return self._closed

    def why_not_ready(self) -> str:
        """Why nothing may be sent that adds risk; empty where it may."""
        problem = next(filter(None, self._problems.values()), "")
        waiting = "" if self._surveyed else "Sierra Chart is being asked for orders, positions and fills."
        return self._closed or self._fault or self._book.distrust or problem or waiting

    def links_legs(self) -> bool:
        """Whether the broker itself ends one of two linked orders with the other; else only the stop may rest."""
        logon = self._client.logon if self._client is not None else None
        return logon is not None and bool(logon.oco_orders_supported)

    def contradiction(self, contract: str) -> str:
        """How the broker's list of positions contradicts its own words and fills; empty where they agree."""
        found = next(((listed, counts) for symbol, listed, counts in self._contradictions if symbol == contract), None)
        if found is None:
            return ""
        return f"Sierra Chart lists {found[0]:+d} {contract}, but by its fills and its own words it holds {found[1]:+d}"

    def unheard(self) -> None:
        """A request was not answered: the broker's words do not arrive, so that those that did may be old."""
        if self._broker_net:
            self._broker_net = {}
            self.ask()

    def add_instrument(self, contract: str, instrument: Instrument) -> None:
        """A further contract; its name at the broker is found with the next survey."""
        self._instruments[contract] = instrument
        self.ask()

    def fail(self, reason: str) -> None:
        """Something came about that must not: no new risk until the next connection."""
        self._fault = reason
        self.ask()
        self._publish_status()

    def ask(self) -> None:
        """Survey as soon as possible."""
        self._wanted.set()

    # The connection -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, and again, until cancelled or finally refused."""
        self._publish_status()
        wait_s = self._options.client.reconnect_first_s
        while True:
            self._client = DtcClient(self._options.client, transport=self._transport)
            try:
                await self._client.connect()
                wait_s = self._options.client.reconnect_first_s
                await self._serve(self._client)
                if not self._closed:  # a client that failed says no word of it
                    self._close("The connection to Sierra Chart has ended.")
            except FinalRefusal as error:
                self._close(f"{error} It asked not to be called again: correct the cause and start the trader again.")
                return
            except DtcError as error:
                self._close(str(error))
            finally:
                await self._client.close()
                self._client = None
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, self._options.client.reconnect_most_s)

    async def _serve(self, client: DtcClient) -> None:
        """Take events until the client gives up.  Raises FinalRefusal where the server asked for that."""
        preparing: asyncio.Task[None] | None = None
        try:
            async for event in client.events():
                if isinstance(event, Connected):
                    preparing = asyncio.create_task(self._watched(self._prepare_and_survey(client)))
                elif isinstance(event, Disconnected):
                    if preparing is not None:
                        preparing.cancel()
                    if event.dismissed:
                        raise FinalRefusal(f"{event.reason.rstrip('.')}.")
                    self._close(f"The connection to Sierra Chart is lost: {event.reason}")
                else:
                    self._take(event)
        finally:
            if preparing is not None:
                preparing.cancel()

    def _close(self, reason: str) -> None:
        self.session += 1
        self._closed, self._surveyed = reason, False
        self._moved()
        self._publish_status()

    async def _prepare_and_survey(self, client: DtcClient) -> None:
        """After each logon: what must hold before an order, then survey after survey."""
        self._fault, self._book.distrust, self._closed = "", "", "Sierra Chart is being asked for the account."
        self._problems, self._defined, self._broker_net = {}, set(), {}
        while self._closed:
            try:
                await conditions.require_account(client, self._options.account)
                await self._define(client)
                for balance in await client.balances(self._options.account):
                    self._take_balance(balance)
                self._closed = ""
            except DtcDisconnected:
                return
            except (VenueError, DtcError) as error:
                self._closed = str(error)
                self._publish_status()
                await asyncio.sleep(self._options.client.reconnect_most_s)
        await self._survey_on(client)

    async def _define(self, client: DtcClient) -> None:
        """Find the broker's name of every contract that has none on this connection."""
        for contract, instrument in list(self._instruments.items()):
            if contract in self._defined:
                continue
            try:
                route = await conditions.find_route(client, self._options, contract, instrument)
            except VenueError as error:
                expired = conditions.is_expired(contract, self._clock.now_ns())
                self._problems[contract] = "" if expired else str(error)
                continue
            self._book.routes[contract] = route
            self._problems[contract] = conditions.definition_problem(route, await client.definition(route.symbol))
            self._defined.add(contract)

    def _take_balance(self, balance: m.AccountBalanceUpdate) -> None:
        if balance.trade_account in ("", self._options.account):
            self._loss_limit_cents = conditions.loss_limit_cents(balance)
            self._problems["account"] = conditions.balance_problem(balance)

    # Surveys --------------------------------------------------------------------------------------------------------

    async def _survey_on(self, client: DtcClient) -> None:
        """Survey at once, when asked, and every so often."""
        wait_s = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), wait_s)
            self._wanted.clear()
            self._book.survey_reason = ""
            try:
                await self._survey(client)
                wait_s = CONTRADICTED_S if len(self._outvoted) else self._options.reconcile_every_s
            except DtcDisconnected:
                return
            except Exception as error:  # an answer that nobody foresaw must not end the comparing
                known = isinstance(error, DtcError | VenueError)
                why = str(error) if known else f"the answer was not understood ({type(error).__name__}: {error})."
                self._surveyed, wait_s = False, min(RETRY_S, self._options.reconcile_every_s)
                self._problems["survey"] = f"Sierra Chart was asked for orders, positions and fills: {why}"
                self._publish_status()
            await asyncio.sleep(SURVEY_SPACING_S)

    async def _survey(self, client: DtcClient) -> None:
        await self._define(client)
        account, started_ns, before = self._options.account, self._clock.now_ns(), self._book.changes
        orders = await client.open_orders(account)
        positions = await client.positions(account)
        fills = await client.fills(account, days=FILL_DAYS if self._surveyed else MISSED_FILL_DAYS)
        await asyncio.sleep(0.0)  # what came with the last answer is taken first
        quiet = self._book.changes == before
        now_ns = self._clock.now_ns()
        self._publish(self._book.restate(orders, now_ns))
        survey = make_survey(self._book, orders, positions, fills, started_ns, now_ns, quiet)
        self._book.fills.count(survey)
        believed = self._believed(survey.positions)
        listed = survey.positions
        both = {(each, listed.get(each, 0), believed.get(each, 0)) for each in {*believed, *listed}}
        outvoted = [each for each in both if each[1] != each[2]]
        self._contradictions = self._outvoted.certain(outvoted, self._clock.monotonic_ns())
        survey = msgspec.structs.replace(survey, positions=believed)
        self._book.settle(survey, round(2 * self._options.request_timeout_s * NANOS_PER_SECOND))
        for row in positions:
            self._check_average(row)
        self._publish([survey])
        self._surveyed, self._problems["survey"] = True, ""
        if not quiet:
            self.ask()
        if quiet:
            self._tidy_targets()
        self._moved()
        self._publish_status()

    def _tidy_targets(self) -> None:
        """No target outlives its stop, is for more than it, or rests where the broker does not link the two."""
        unlinked = [] if self.links_legs() else self._book.resting_targets()
        left = self._book.beyond_their_stops() | dict.fromkeys([*self._book.orphans(), *unlinked], 0)
        now_ns = self._clock.monotonic_ns()
        self._again_ns = {key: again_ns for key, again_ns in self._again_ns.items() if again_ns > now_ns}
        for order_id in [key for key in left if key not in self._again_ns]:
            self._again_ns[order_id] = now_ns + TIDY_AGAIN_NS
            self._take_back(order_id, left[order_id])

    # Events ---------------------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        """One event; whatever goes wrong with it, the next one is taken."""
        try:
            if isinstance(event, m.OrderUpdate):
                self._publish(self._book.take(event, self._clock.now_ns()))
            elif isinstance(event, m.PositionUpdate):
                self._take_position(event)
            elif isinstance(event, m.AccountBalanceUpdate):
                self._take_balance(event)
            else:
                return
        except Exception as error:  # a message that nobody foresaw must not end the connection
            self.fail(f"A message of Sierra Chart was not understood ({type(error).__name__}: {error}).")
        if self._book.survey_reason:
            self.ask()
        self._moved()
        self._publish_status()

    def _take_position(self, update: m.PositionUpdate) -> None:
        contract = self._book.contract_of(update.symbol)
        if not contract or update.trade_account not in ("", self._options.account):
            return
        shown = contracts_of(update.quantity)
        if shown != self._broker_net.get(update.symbol):
            self._broker_net[update.symbol] = shown
            self._book.changes += 1
        held = sum(net for symbol, net in self._broker_net.items() if self._book.contract_of(symbol) == contract)
        if held != self._book.fills.net.get(contract, 0):
            self._book.survey_reason = f"the broker holds {held} {contract}"
        self._check_average(update)

    def _check_average(self, update: m.PositionUpdate) -> None:
        contract = self._book.contract_of(update.symbol)
        if not contract or not update.quantity or not update.average_price:
            return
        instrument, last = self._book.routes[contract].instrument, self._book.fills.last_ticks.get(contract, 0)
        ticks = ticks_of(update.average_price, instrument)
        if is_far_off(ticks, last):
            self._book.distrust = price_distrust(update.symbol, update.average_price, instrument.to_points(last))
        elif not last:
            self._book.fills.last_ticks[contract] = ticks

    def _believed(self, listed: dict[str, int]) -> dict[str, int]:
        """The positions of a list, but where it contradicts both the fills and what the broker said by itself.

        An old list is one voice against two; where the fills are against both, or nothing was said, the list counts.
        What was said counts until a request is not answered (`unheard`), and the fills are those of its list, too: else
        two voices that were not heard any more would outvote the only true one for good.
        So it does where it shows less of the same side: what a risk desk closed without a word is never closed again.
        """
        found = dict(listed)
        for contract in {*listed, *self._told_net()}:
            told, shown = self._told_net().get(contract), listed.get(contract, 0)
            if told is None or 0 <= shown * (1 if told > 0 else -1) < abs(told):
                continue
            if told == self._book.fills.net.get(contract, 0) != shown:
                found[contract] = told
        return {contract: held for contract, held in found.items() if held}

    def _told_net(self) -> dict[str, int]:
        """Contracts held by contract, as the broker said by itself on this connection."""
        told: dict[str, int] = {}
        for symbol, held in self._broker_net.items():
            if contract := self._book.contract_of(symbol):
                told[contract] = told.get(contract, 0) + held
        return told

    def _publish_status(self) -> None:
        reason = self.why_not_ready()
        status = (not reason, reason, self._loss_limit_cents)
        if status != self._published:
            self._published = status
            self._publish([VenueStatus(self._clock.now_ns(), *status)])

    async def _watched(self, work: Coroutine[object, None, None]) -> None:
        try:
            await work
        except Exception as error:  # an error of ours must not leave the venue looking ready
            self.fail(f"The venue failed ({type(error).__name__}: {error}).")
