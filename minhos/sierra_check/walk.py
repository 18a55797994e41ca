"""`check-sierra`: walk through everything that trading through Sierra Chart rests on, and say what does not hold.

Each step is a function of a `sierra_check_*` module that gives findings; here is their order, what happens when one
fails, and that nothing is left behind: the order gate is held while test orders are out, and they are cancelled
whatever happens, also after Ctrl-C.  What cannot be seen is named too, with the reason.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from minhos.assembly import heartbeats
from minhos.assembly.files import write_json
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.sierra_link import client_options
from minhos.dtc.client import DtcClient
from minhos.errors import DtcDisconnected, DtcError, DtcTimeout, SettingsError, VenueError
from minhos.market.clock import Clock, SystemClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import Settings
from minhos.sierra_check import account, line, orders, scid, symbols
from minhos.sierra_check.bridge import bridge
from minhos.sierra_check.connection import logged_on, silence, why_not
from minhos.sierra_check.context import Desk, Progress, ServerLog, until
from minhos.sierra_check.finding import (
    Finding,
    Mask,
    Report,
    as_text,
    failed,
    report_of,
    unknown,
)
from minhos.venues.order_gate import OrderGate

HISTORY_PORT = 11098
HEARTBEAT_S = 5
GATE_S, GATE_POLL_S = 5.0, 0.05
SHARE_OF_STEPS = 0.3
CLIENT_NAME = "MinhOS check-sierra"
Step = Callable[[Desk], Awaitable[Finding | list[Finding]]]
ASKING: tuple[tuple[str, Step], ...] = (
    ("accounts", account.accounts),
    ("balance", account.balances),
    ("symbols", symbols.names),
    ("definitions", symbols.definitions),
    ("unknown_symbol", symbols.unknown_symbol),
    ("positions", account.positions),
    ("open_orders", account.open_orders),
    ("fills", account.fills),
    ("market_data", symbols.market_data),
    ("history", symbols.historical_data),
)
"""What is asked and changes nothing."""
ORDER_STEPS = ("order", "order_listed", "order_price", "json_unset", *(name for name, _ in orders.WITH_A_RESTING_ORDER))
BRACKET_STEPS = ("bracket", "bracket_one_leg", "legs")


def check_sierra(
    settings: Settings,
    layout: Layout,
    *,
    seconds: float = 60.0,
    clock: Clock | None = None,
    progress: Progress | None = None,
    history_port: int = HISTORY_PORT,
) -> Report:
    """Check the server of `[sierra]`, with a stable phase of so many seconds, and save the report.

    The report lies in layout.reports as sierra.json and sierra.txt.  Raises SettingsError where no server is named.
    """
    if not settings.sierra.used:
        raise SettingsError(
            'There is no Sierra Chart to check: add host = "192.168.1.20" (the Windows machine; 127.0.0.1 for this '
            "one) under [sierra] in config/minhos.toml."
        )
    tell = progress or (lambda share, text: None)
    report = asyncio.run(_Check(settings, layout, clock or SystemClock(), tell, history_port).run(seconds))
    layout.reports.mkdir(parents=True, exist_ok=True)
    write_json(layout.reports / "sierra.json", report, layout.disk)
    (layout.reports / "sierra.txt").write_text(as_text(report), encoding="utf-8")
    return report


class _Check:
    """One walk through the steps."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock, progress: Progress, history_port: int) -> None:
        asked = client_options(settings.sierra, CLIENT_NAME)
        self.asked = msgspec.structs.replace(asked, heartbeat_interval_s=HEARTBEAT_S, reconnect_first_s=0.5)
        mask = Mask((self.asked.username, self.asked.password))
        mask.add_account(settings.sierra.account)
        client = DtcClient(self.asked)
        self.desk = Desk(
            settings=settings,
            layout=layout,
            clock=clock,
            options=self.asked,
            client=client,
            seen=ServerLog(clock),
            mask=mask,
            history_port=history_port,
            progress=progress,
            findings=[],
        )

    async def run(self, seconds: float) -> Report:
        """The report, whole or as far as it came: Ctrl-C ends the walk, not the report."""
        desk = self.desk
        try:
            await self._walk(seconds)
        except asyncio.CancelledError:
            desk.add(failed("whole", "The check was broken off; what follows from here was not seen.", "Run it again."))
        finally:
            desk.seen.close()
            await desk.client.close("The check is over.")
        moment = dt.datetime.fromtimestamp(desk.clock.now_ns() // NANOS_PER_SECOND, dt.UTC).isoformat()
        return report_of(
            desk.findings, desk.mask, time=moment, server=desk.options.address, account=desk.settings.sierra.account
        )

    async def _walk(self, seconds: float) -> None:
        desk = self.desk
        desk.progress(0.0, f"connecting to {desk.options.address}")
        desk.seen.attach(desk.client)
        try:
            answer = await desk.client.connect()
        except DtcError as error:
            desk.add(*await why_not(error, self.asked))
            return
        desk.options = desk.client.options
        desk.add(*logged_on(desk.options, self.asked, answer), account.settings_agree(desk))
        if not await self._ask():
            return
        await self._order()
        await self._listen(seconds)
        desk.add(*_never_seen())

    async def _ask(self) -> bool:
        """Ask what changes nothing; False when the server answers nothing at all."""
        desk = self.desk
        for index, (name, step) in enumerate(ASKING):
            desk.progress(SHARE_OF_STEPS * index / len(ASKING), name.replace("_", " "))
            try:
                await self._take(step(desk))
            except DtcTimeout as error:
                if not sum(desk.seen.counts.values()):
                    desk.add(silence(error))
                    return False
                desk.add(failed(name, f"Not answered: {error}", "Try again; restart Sierra Chart if it stays so."))
            except DtcDisconnected as error:
                desk.add(failed(name, f"The connection was lost: {error}", "Look at Window >> Show/Hide Message Log."))
                if not await self._connected():
                    return False
            except DtcError as error:
                desk.add(failed(name, str(error), "Look at Window >> Show/Hide Message Log in Sierra Chart."))
        return True

    async def _order(self) -> None:
        """Orders that cannot fill, under the gate, and away with them."""
        desk = self.desk
        why = account.order_obstacle(desk, heartbeats.read(desk.layout, TraderBeat))
        if why:
            desk.add(*(unknown(name, why) for name in (*ORDER_STEPS, *BRACKET_STEPS)))
            return
        try:
            async with _gate(desk.layout):
                try:
                    await self._try_orders(orders.OrderTest(desk, desk.order_symbol))
                finally:
                    desk.add(await orders.clean_up(desk))
        except VenueError as error:
            desk.add(failed("order", str(error), "Wait until the other process has ended its orders."))

    async def _try_orders(self, test: orders.OrderTest) -> None:
        desk = self.desk
        desk.progress(SHARE_OF_STEPS, "orders on the simulated account")
        await self._guarded("order", orders.limit_order(test))
        if test.resting is None:
            missed = (*ORDER_STEPS[1:], *BRACKET_STEPS)
            desk.add(*(unknown(name, "no order was accepted") for name in missed))
            return
        await self._guarded("json_unset", line.unset_numbers(desk, test.resting.client_order_id))
        for name, step in orders.WITH_A_RESTING_ORDER:
            if test.resting is not None:
                await self._guarded(name, step(test))
        for name, step in orders.FURTHER:
            await self._guarded(name, step(test))
        desk.add(orders.legs(desk.findings))

    async def _listen(self, seconds: float) -> None:
        """The stable phase; beside it a client that falls silent, and the file that Sierra Chart writes."""
        desk = self.desk
        desk.add(*await bridge(desk))
        watch = scid.find_file(desk)
        desk.seen.restart()
        beside = [asyncio.create_task(_as_list(line.dead_client(desk, seconds)))]
        if isinstance(watch, scid.ScidWatch):
            beside.append(asyncio.create_task(_watched(desk, watch, seconds)))
        else:
            desk.add(watch)
        try:
            await line.stable_phase(desk, seconds)
            desk.add(*line.line(desk, seconds))
            for task in beside:
                await self._take(task)
        finally:
            for task in beside:
                task.cancel()

    async def _take(self, step: Awaitable[Finding | list[Finding]]) -> None:
        found = await step
        self.desk.add(*(found if isinstance(found, list) else [found]))

    async def _guarded(self, name: str, step: Awaitable[Finding | list[Finding]]) -> None:
        """A step of which a failure is a finding and not the end."""
        try:
            await self._take(step)
        except DtcError as error:
            self.desk.add(failed(name, str(error), orders.CHECK_WINDOW))
            await self._connected()

    async def _connected(self) -> bool:
        """Whether the client is there again; it comes back by itself."""
        desk = self.desk
        await until(lambda: desk.client.is_connected or desk.seen.ended, desk.clock, orders.CLEAN_UP_S)
        return desk.client.is_connected


async def _watched(desk: Desk, watch: scid.ScidWatch, seconds: float) -> list[Finding]:
    await watch.run(seconds)
    return scid.file_findings(watch, seconds, desk.settings.data.flush_interval_ms, desk.prices)


async def _as_list(step: Awaitable[Finding]) -> list[Finding]:
    return [await step]


@asynccontextmanager
async def _gate(layout: Layout) -> AsyncIterator[None]:
    """The order gate, waited for without holding up the event loop.  Raises VenueError where another keeps it."""
    gate = OrderGate(layout.orders_lock)
    held = gate.take()
    for _ in range(int(GATE_S / GATE_POLL_S)):
        if held is not None:
            break
        await asyncio.sleep(GATE_POLL_S)
        held = gate.take()
    if held is None:
        raise VenueError(gate.refusal(GATE_S))
    try:
        yield
    finally:
        held.release()


def _never_seen() -> list[Finding]:
    """What no check without real money can see."""
    live = "the check sends no order to a live account"
    return [
        unknown("live_order_in_simulation_mode", f"{live}, with Trade >> Trade Simulation Mode on or off"),
        unknown("margin_reject_text", f"{live}, and a simulated one is refused no order for its margin"),
    ]
