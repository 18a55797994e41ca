"""The fire drill on a simulated account: open one contract, kill who opened it, prove that the stop rests, flatten.

Every step is timed, and what it proves is asked of the broker over a connection made after the kill.  The kill is
real: the connection ends without a logoff, and with kill_trader the running trader gets SIGKILL.  Refused on an
account with real money, while something is open, and in a closed market.  Not for finding out what a server can do:
that is `check-sierra`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from minhos.accounting.types import Order, Role
from minhos.assembly.contracts import traded_contract
from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.assembly.running import trader_pid
from minhos.assembly.sierra_link import client_options
from minhos.dtc import messages as m
from minhos.dtc.client import DtcClient
from minhos.dtc.messages.enums import OrderStatus, OrderType, OrderUpdateReason
from minhos.errors import CheckFailed, CommandRefused, DataError, MinhosError, SettingsError
from minhos.feeds.scid.folders import scid_files
from minhos.feeds.scid.recent import newest_record_ns, read_since
from minhos.market.clock import Clock
from minhos.market.symbols import Symbol
from minhos.market.types import NANOS_PER_SECOND, Instrument
from minhos.safety.broker import our_roots
from minhos.safety.flatten_outside import (
    Progress,
    Steps,
    closed_until,
    flatten_outside,
    kill_trader,
    only_sender,
)
from minhos.safety.stop import write_halt
from minhos.settings import Settings
from minhos.trading.venue import describe
from minhos.venues.sierra.account import FINAL_S, POLL_S, AccountDesk, PricelessClient, names_of
from minhos.venues.sierra.conditions import find_route, require_account
from minhos.venues.sierra.options import SierraOptions
from minhos.venues.sierra.wire import Route, bracket

WHO = "drill"
STOP_DISTANCES = 3
"""The stop lies this many of the stated distance away, as it lies 3 ATR away when MinhOS trades."""
STEPS = ("connect", "open", "kill", "reconnect", "stop rests", "flatten", "nothing left")
PRICE_WITHIN_NS = 3600 * NANOS_PER_SECOND


class DrillStep(msgspec.Struct, frozen=True):
    """ms: how long it took."""

    name: str
    passed: bool
    ms: float
    text: str


class DrillReport(msgspec.Struct, frozen=True, kw_only=True):
    """passed: every step did.  total_ms: from the first connection to the proof that nothing is left."""

    verdict: str
    passed: bool
    account: str
    contract: str
    steps: tuple[DrillStep, ...]
    total_ms: float
    time: str


def drill(
    settings: Settings,
    layout: Layout,
    *,
    clock: Clock,
    distance_points: float,
    with_trader: bool = False,
    price_points: float | None = None,
    progress: Progress | None = None,
) -> DrillReport:
    """Run the drill; the report is also left in reports/drill.json.

    distance_points: the stop rests at three times that.  with_trader: SIGKILL the running trader, under HALT.
    price_points: about where the contract trades, for the bracket's reference; by default the newest .scid record.

    Raises:
        SettingsError: the account is not a simulated one, or the paper venue is used.
        CommandRefused: the market is closed, something is open already, or a trader runs that is not to be killed.
        DataError: the price is not known.
    """
    refuse_wrong_time(settings, layout, with_trader, clock)
    contract = traded_contract(settings, clock.now_ns())
    instrument = settings.instrument(contract.root)
    points = price_points or last_price(settings, contract, instrument)
    course = Course(clock, progress)
    what = _Drill(settings, layout, clock, course, contract.contract, with_trader=with_trader)
    what.run(instrument.to_ticks(distance_points), instrument.to_ticks(points))
    report = course.report(settings.sierra.account, contract.contract, clock)
    write_json(layout.make().reports / "drill.json", report, layout.disk)
    return report


def refuse_wrong_time(settings: Settings, layout: Layout, with_trader: bool, clock: Clock) -> None:
    """Raises as `drill` does, for what is known before the broker is asked."""
    sierra = settings.sierra
    if not sierra.used:
        raise SettingsError("The drill needs a broker: name Sierra Chart's host under [sierra]; see `check-sierra`.")
    if not sierra.simulated_account:
        raise SettingsError(
            f"[sierra] account = {sierra.account!r} is real money: the drill runs on a simulated account of Sierra "
            'Chart only; set account = "Sim1" and mode = "paper" for it.'
        )
    closed = closed_until(clock)
    if closed:
        raise CommandRefused(f"The market is closed until {closed}: nothing would fill; come back then.")
    pid = trader_pid(layout)
    if pid is not None and not with_trader:
        raise CommandRefused(f"A trader runs (process {pid}): stop it, or let the drill kill it with --kill-trader.")
    if pid is None and with_trader:
        raise CommandRefused("No trader runs that could be killed: leave --kill-trader out, or start MinhOS first.")


def last_price(settings: Settings, contract: Symbol, instrument: Instrument) -> float:
    """The newest price in the contract's .scid file, points.  Raises DataError where there is none."""
    source = Path(settings.data.source)
    try:
        symbol, path = scid_files(source.parent if source.is_file() else source, contract)[contract.contract]
        bars = read_since(path, instrument, symbol, newest_record_ns(path) - PRICE_WITHIN_NS).bars
    except DataError as error:
        raise DataError(f"{error}; or say about where {contract.contract} trades with --price.") from error
    if not len(bars):
        raise DataError(f"{path} holds no price: say about where {contract.contract} trades with --price.")
    return instrument.to_points(int(bars.close_ticks[-1]))


class Course:
    """The steps so far."""

    def __init__(self, clock: Clock, progress: Progress | None) -> None:
        self._clock, self._progress = clock, progress
        self._steps: list[DrillStep] = []
        self._started_ns = self._since_ns = clock.monotonic_ns()

    def start(self) -> None:
        """A step begins."""
        self._since_ns = self._clock.monotonic_ns()

    def end(self, name: str, text: str, passed: bool = True) -> None:
        """It ended; the next one begins."""
        ms = round((self._clock.monotonic_ns() - self._since_ns) / 1e6, 1)
        self._steps.append(DrillStep(name, passed, ms, text))
        if self._progress is not None:
            self._progress(len(self._steps) / len(STEPS), f"{name}: {text}")
        self.start()

    @property
    def under_way(self) -> str:
        """The step that begins."""
        return STEPS[len(self._steps)]

    def report(self, account: str, contract: str, clock: Clock) -> DrillReport:
        passed = all(step.passed for step in self._steps)
        return DrillReport(
            verdict="passed" if passed else "failed",
            passed=passed,
            account=account,
            contract=contract,
            steps=tuple(self._steps),
            total_ms=round((clock.monotonic_ns() - self._started_ns) / 1e6, 1),
            time=dt.datetime.fromtimestamp(clock.now_ns() // NANOS_PER_SECOND, dt.UTC).isoformat(),
        )


class _Drill:
    """One drill from the gate to the last look."""

    def __init__(
        self, settings: Settings, layout: Layout, clock: Clock, course: Course, contract: str, *, with_trader: bool
    ) -> None:
        self._settings, self._layout, self._clock, self._course = settings, layout, clock, course
        self._contract, self._instrument = contract, settings.instrument(contract)
        self._with_trader = with_trader
        self._options = client_options(settings.sierra, "MinhOS drill")
        self._account = settings.sierra.account
        self._names = names_of(our_roots(settings, layout), settings.sierra.names_at_broker())
        self._sent = False

    def run(self, distance_ticks: int, last_ticks: int) -> None:
        """All steps; after the first that fails only flatten, where something was sent."""
        try:
            with only_sender(self._layout, Steps(self._clock, None)):
                asyncio.run(self._open(distance_ticks, last_ticks))  # leaves its connection to be cut
                self._kill()
                asyncio.run(self._look("reconnect", "stop rests", self._prove_stop))
        except CommandRefused:
            raise
        except MinhosError as error:
            self._course.end(self._course.under_way, str(error), passed=False)
        if self._sent:
            done = flatten_outside(self._settings, self._layout, WHO, clock=self._clock)
            self._course.end("flatten", done.sentence, done.flat)
            try:
                asyncio.run(self._look("", "nothing left", self._prove_nothing_left))
            except MinhosError as error:
                self._course.end("nothing left", str(error), passed=False)

    async def _open(self, distance_ticks: int, last_ticks: int) -> None:
        """Buy one with a bracket, and wait for the fill and the resting stop.  The connection is never logged off."""
        client = DtcClient(self._options)
        await client.connect()
        desk = AccountDesk(client, self._account, self._names, self._clock)
        await require_account(client, self._account)
        options = SierraOptions(
            client=self._options,
            account=self._account,
            target_per_stop=1.0,
            broker_symbols=self._settings.sierra.names_at_broker(),
        )
        route = await find_route(client, options, self._contract, self._instrument)
        held, working = await desk.positions(), await desk.orders()
        if held or working:
            raise CommandRefused(
                f"{self._account} is not empty ({describe(held)}, {len(working)} working orders): the drill would "
                "flatten them; run `python3 minh.py flatten` first if that is wanted."
            )
        self._course.end("connect", f"{self._options.address}, {self._account}, {route.symbol}; nothing is open")
        refusals: list[str] = []
        listening = asyncio.create_task(_listen(client, refusals))
        if self._with_trader:
            write_halt(self._layout, WHO, "the drill kills the trader")
        self._sent = True
        await client.send_orders(route.symbol, self._bracket(route, distance_ticks, last_ticks))
        await self._wait_until_open(desk, route, refusals)
        listening.cancel()
        self._course.end("open", f"bought 1 {route.symbol}; its stop rests at the broker")

    def _bracket(self, route: Route, distance_ticks: int, last_ticks: int) -> list[m.Message]:
        name = f"drill-{secrets.token_hex(8)}"
        order = Order(
            name,
            self._contract,
            1,
            1,
            Role.ENTRY,
            stop_distance_ticks=STOP_DISTANCES * distance_ticks,
            stop_id=f"{name}-S",
        )
        sierra = self._settings.sierra
        target = round(sierra.target_atr * distance_ticks) if sierra.legs == "stop_and_target" else 0
        return bracket(order, route, last_ticks, target)

    async def _wait_until_open(self, desk: AccountDesk, route: Route, refusals: list[str]) -> None:
        """Raises CheckFailed where a position of one under a stop is not there in time."""
        end_ns = desk.deadline_ns()
        while await desk.positions() != {route.symbol: 1} or not _resting_stops(await desk.orders()):
            if refusals or desk.is_past(end_ns):
                why = "; ".join(refusals) or f"no position of 1 under a resting stop within {FINAL_S:g} s"
                raise CheckFailed(f"The bracket did not open: {why}.")
            await asyncio.sleep(POLL_S)

    def _kill(self) -> None:
        words = "the connection was cut without a logoff"
        if self._with_trader:
            words += f", and trader {kill_trader(self._layout, 'The trader is gone:')} got SIGKILL"
        self._course.end("kill", words)

    async def _look(self, arrival: str, name: str, prove: Callable[[AccountDesk], Awaitable[str]]) -> None:
        """A connection of its own, and what is seen over it."""
        async with PricelessClient(self._options) as client:
            if arrival:
                self._course.end(arrival, f"connected to {self._options.address}")
            self._course.end(name, await prove(AccountDesk(client, self._account, self._names, self._clock)))

    async def _prove_stop(self, desk: AccountDesk) -> str:
        """Raises CheckFailed where what rests is not a stop for the whole position."""
        held, stops = await desk.positions(), _resting_stops(await desk.orders())
        covered = sum(round(order.remaining_quantity or 0) for order in stops)
        if list(held.values()) != [1] or covered != 1:
            raise CheckFailed(f"The position is {describe(held)} and {covered} of it rest under a stop, not 1 and 1.")
        return f"{describe(held)}, and a stop for 1 rests"

    async def _prove_nothing_left(self, desk: AccountDesk) -> str:
        held, working = await desk.settled_positions(), await desk.orders()
        if held or working:
            raise CheckFailed(f"The position is {describe(held)} and {len(working)} orders work.")
        return "flat, no orders"


def _resting_stops(orders: list[m.OrderUpdate]) -> list[m.OrderUpdate]:
    live = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
    return [order for order in orders if order.order_type == OrderType.STOP and order.order_status in live]


async def _listen(client: DtcClient, refusals: list[str]) -> None:
    """Keep what the server says against an order."""
    async for event in client.events():
        match event:
            case m.OrderUpdate(order_update_reason=OrderUpdateReason.NEW_ORDER_REJECTED, info_text=text):
                refusals.append(text or "refused without a reason")
