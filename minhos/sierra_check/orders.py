"""`check-sierra`: orders on a simulated account, so far from the market that none of them can fill.

The price is some tens of ticks above zero: even a hundred times too high it lies far below any market, so that a wrong
price scale is found and not traded.  Whatever is sent here is cancelled, after a failure and after Ctrl-C too, and
the server is asked at the end whether it is gone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.messages.enums import BuySell, OrderStatus, OrderType, TimeInForce
from minhos.dtc.prices import PriceScale
from minhos.errors import DtcError, DtcRejected, DtcTimeout
from minhos.sierra_check.account import PREFIX
from minhos.sierra_check.connection import ALLOW_TRADING
from minhos.sierra_check.context import Desk, until
from minhos.sierra_check.finding import Finding, failed, ok, unknown, warning

PRICE_TICKS, REPLACED_TICKS, STOP_TICKS, TARGET_TICKS = 80, 60, 40, 4_000
"""NQ at 20 points; times 100 that is 2,000."""
WORKING = (
    *(OrderStatus.ORDER_SENT, OrderStatus.PENDING_OPEN, OrderStatus.PENDING_CHILD, OrderStatus.OPEN),
    *(OrderStatus.PENDING_CANCEL_REPLACE, OrderStatus.PENDING_CANCEL, OrderStatus.PARTIALLY_FILLED),
)
CLEAN_UP_S = 30.0
ROUNDS = 5
CHECK_WINDOW = "Look at Trade >> Trade Orders and Positions Window, and cancel what begins with check-."
REFUSED = f"Read the text: {ALLOW_TRADING} Choose the account in [sierra]; see Trade >> Trade Service Log."


class OrderTest:
    """The orders of one check: their names, and what the server said of them."""

    def __init__(self, desk: Desk, symbol: str, names: Iterator[str] | None = None) -> None:
        self.desk, self.symbol = desk, symbol
        self.scale = PriceScale.of(desk.definitions[symbol])
        stem = f"{PREFIX}{desk.clock.now_ns():x}"
        self._names = names or (f"{stem}-{n}" for n in itertools.count(1))
        self.resting: m.OrderUpdate | None = None

    def price(self, ticks: int) -> float:
        return round(ticks * self.scale.tick, 9)

    def name(self) -> str:
        """A ClientOrderID that was never used before: 31 characters at most."""
        return next(self._names)

    def under(self, symbol: str) -> OrderTest:
        """The same with another name of the contract."""
        return OrderTest(self.desk, symbol, self._names)

    def order(self, name: str) -> m.SubmitNewSingleOrder:
        """Buy one, far below the market."""
        return m.SubmitNewSingleOrder(
            symbol=self.symbol,
            trade_account=self.desk.account,
            client_order_id=name,
            order_type=int(OrderType.LIMIT),
            buy_sell=int(BuySell.BUY),
            price1=self.price(PRICE_TICKS),
            quantity=1.0,
            time_in_force=int(TimeInForce.DAY),
            is_automated_order=1,
            free_form_text="MinhOS check-sierra",
        )

    def exits(self, parent: str, stop: str, target: str) -> m.SubmitNewOCOOrder:
        """The legs of a bracket as MinhOS sends them: at offsets from the fill, good till cancelled."""
        alone = m.SubmitNewOCOOrder(
            symbol=self.symbol,
            trade_account=self.desk.account,
            client_order_id_1=stop,
            order_type_1=int(OrderType.STOP),
            buy_sell_1=int(BuySell.SELL),
            quantity_1=1.0,
            use_offsets=1,
            offset_from_parent1=self.price(STOP_TICKS),
            time_in_force=int(TimeInForce.GOOD_TILL_CANCELED),
            parent_trigger_client_order_id=parent,
            is_automated_order=1,
        )
        if not target:
            return alone
        return msgspec.structs.replace(
            alone,
            client_order_id_2=target,
            order_type_2=int(OrderType.LIMIT),
            buy_sell_2=int(BuySell.SELL),
            quantity_2=1.0,
            offset_from_parent2=self.price(TARGET_TICKS),
        )

    def said(self, name: str) -> list[m.OrderUpdate]:
        """What the server said of an order, as it sent it."""
        updates = [each for each in self.desk.seen.kept(m.OrderUpdate) if isinstance(each, m.OrderUpdate)]
        return [each for each in updates if each.client_order_id == name]

    def status(self, name: str) -> int:
        return self.said(name)[-1].order_status if self.said(name) else 0

    async def becomes(self, name: str, *statuses: OrderStatus) -> bool:
        """Wait for an order to have one of these statuses."""
        return await until(lambda: self.status(name) in statuses, self.desk.clock, self.desk.options.request_timeout_s)


async def limit_order(test: OrderTest) -> list[Finding]:
    """Is an order accepted, and is its price what we meant?"""
    name, price = test.name(), test.price(PRICE_TICKS)
    try:
        test.resting = await test.desk.client.submit(test.order(name))
    except DtcRejected as error:
        return [failed("order", f"A limit order for {test.symbol} is refused: {error}", REFUSED, str(error))]
    accepted = ok(
        "order", f"A limit order to buy 1 {test.symbol} at {price:g} is accepted.", test.said(name)[-1].order_status
    )
    listed = next(
        (row for row in await test.desk.client.open_orders(test.desk.account) if row.client_order_id == name), None
    )
    if listed is None:
        text = "An accepted order is not among the open orders; after an outage it would be thought lost."
        return [accepted, failed("order_listed", text, CHECK_WINDOW), price_echo(test, test.resting, "order_price")]
    return [accepted, ok("order_listed", "It is among the open orders."), price_echo(test, listed, "order_price")]


def price_echo(test: OrderTest, update: m.OrderUpdate, step: str) -> Finding:
    """A price sent and received again, in display units: a hundred times off is the most dangerous mistake."""
    sent, got = test.price(PRICE_TICKS), update.price1
    told = {"sent": sent, "received": got, "display_price_multiplier": test.scale.multiplier, "symbol": test.symbol}
    if got is None or got == 0.0:
        return warning(step, f"The server does not repeat the price of {test.symbol}.", told)
    if abs(got - sent) < test.scale.tick / 2:
        return ok(step, f"The price of {test.symbol} comes back as it was meant, {sent:g}.", told)
    return failed(
        step,
        f"The price of {test.symbol} was sent as {sent:g} and came back as {got:g}: {got / sent:g} times that.",
        "Do not trade. Global Settings >> Symbol Settings: Real-Time Price Multiplier and Price Display Format of this "
        "symbol; send this report.",
        told,
    )


async def replace(test: OrderTest) -> Finding:
    """Can an order be changed, and does its number change with it?"""
    assert test.resting is not None
    before, price = test.resting.server_order_id, test.price(REPLACED_TICKS)
    try:
        test.resting = await test.desk.client.replace(test.resting, price1=price)
    except DtcRejected as error:
        return failed("replace", f"An order cannot be changed: {error}", REFUSED, str(error))
    after = test.resting.server_order_id
    told = {"id_changes": after != before, "previous_named": test.resting.previous_server_order_id == before}
    if test.resting.price1 is not None and abs(test.resting.price1 - price) > test.scale.tick / 2:
        return warning("replace", f"Changed to {price:g}, and the server shows {test.resting.price1:g}.", told)
    return ok("replace", f"An order can be changed; its number {'changes' if after != before else 'stays'}.", told)


async def duplicate(test: OrderTest) -> Finding:
    """What happens to a second order of the same ClientOrderID."""
    assert test.resting is not None
    try:
        await test.desk.client.submit(test.order(test.resting.client_order_id))
    except DtcRejected as error:
        return ok("duplicate_id", f"A second order of the same ClientOrderID is refused: {error}", "refused")
    sentence = "A second order of the same ClientOrderID is taken; MinhOS never sends one, and never sends again."
    return warning("duplicate_id", sentence, "accepted")


async def cancel(test: OrderTest) -> list[Finding]:
    """Cancelling: a working order, one already cancelled, one that never was."""
    assert test.resting is not None
    client, order = test.desk.client, test.resting
    try:
        await client.cancel(order)
    except DtcRejected as error:
        return [failed("cancel", f"A working order cannot be cancelled: {error}", CHECK_WINDOW, str(error))]
    test.resting = None
    strange = msgspec.structs.replace(order, server_order_id="check-nothing", client_order_id=test.name())
    return [
        ok("cancel", "A working order is cancelled."),
        await _refusal(client.cancel(order), "cancel_twice", "The cancel of a cancelled order"),
        await _refusal(client.cancel(strange), "cancel_unknown", "The cancel of an order that never was"),
    ]


async def _refusal(request: Awaitable[m.OrderUpdate], step: str, what: str) -> Finding:
    """How the server refuses."""
    try:
        await request
    except DtcRejected as error:
        return ok(step, f"{what} is refused: {error}", str(error))
    except DtcTimeout:
        return warning(step, f"{what} is not answered.", "no answer")
    return warning(step, f"{what} is confirmed.", "confirmed")


async def bracket(test: OrderTest) -> Finding:
    """A parent with stop and target: do the legs wait for it, and end with it?"""
    parent, stop, target = test.name(), test.name(), test.name()
    try:
        updates = await test.desk.client.submit_bracket(test.order(parent), test.exits(parent, stop, target))
    except DtcRejected as error:
        return failed("bracket", f"A bracket is refused: {error}", REFUSED, str(error))
    waiting = [await test.becomes(leg, OrderStatus.PENDING_CHILD) for leg in (stop, target)]
    told = {"legs": [OrderStatus(test.status(leg)).name for leg in (stop, target)]}
    await test.desk.client.cancel(updates[0])
    ended = [await test.becomes(leg, OrderStatus.CANCELED, OrderStatus.REJECTED) for leg in (stop, target)]
    told["after_cancel"] = [OrderStatus(test.status(leg)).name for leg in (stop, target)]
    if not all(ended):
        sentence = "The legs of a bracket stay after its parent was cancelled: they could open a position."
        return failed("bracket", sentence, CHECK_WINDOW, told)
    if not all(waiting):
        return warning("bracket", f"The legs of a bracket do not wait as PENDING_CHILD but as {told['legs']}.", told)
    return ok("bracket", "A bracket is taken; its legs wait for the parent and are cancelled with it.", told)


async def one_leg(test: OrderTest) -> Finding:
    """May a bracket carry the stop alone?"""
    parent, stop = test.name(), test.name()
    orders = [msgspec.structs.replace(test.order(parent), is_parent_order=1), test.exits(parent, stop, "")]
    await test.desk.client.send_orders(test.symbol, orders)
    refused = (OrderStatus.REJECTED, OrderStatus.CANCELED)
    await test.becomes(parent, OrderStatus.OPEN, OrderStatus.PENDING_OPEN, *refused)
    await test.becomes(stop, OrderStatus.PENDING_CHILD, OrderStatus.PENDING_OPEN, OrderStatus.OPEN, *refused)
    states = {"parent": test.status(parent), "stop": test.status(stop)}
    texts = [each.info_text for name in (parent, stop) for each in test.said(name) if each.info_text]
    told = {key: OrderStatus(value).name for key, value in states.items()} | {"texts": texts}
    if test.status(parent) in WORKING:
        await test.desk.client.cancel(test.said(parent)[-1])
    if all(state in WORKING for state in states.values()):
        return ok("bracket_one_leg", "A bracket with the stop alone is taken.", told)
    why = texts[-1] if texts else "no text"
    configured = test.desk.settings.sierra.legs == "stop"
    sentence = f"A bracket with the stop alone is not taken ({why})."
    if configured:
        return failed("bracket_one_leg", sentence, 'Set legs = "stop_and_target" under [sierra].', told)
    return ok("bracket_one_leg", f"{sentence[:-1]}: brackets carry a far target too.", told)


def legs(found: list[Finding]) -> Finding:
    """What [sierra] legs may be, from the two brackets."""
    by_step = {each.step: each for each in found}
    single, both = by_step.get("bracket_one_leg"), by_step.get("bracket")
    taken = single is not None and isinstance(single.value, dict) and "alone is taken" in single.sentence
    if taken:
        return ok("legs", 'Brackets may carry the stop alone: legs = "stop" under [sierra] is possible.', "stop")
    if both is not None and both.verdict != "failed":
        return ok(
            "legs", 'Brackets must carry both legs: keep legs = "stop_and_target" under [sierra].', "stop_and_target"
        )
    return unknown("legs", "no bracket was taken")


async def other_names(test: OrderTest) -> list[Finding]:
    """The price of an order under each further name of the contract: the order route may count in hundredths."""
    found = []
    for symbol in test.desk.symbols[test.desk.order_contract.contract][1:]:
        other = test.under(symbol)
        try:
            update = await test.desk.client.submit(other.order(other.name()))
        except DtcRejected as error:
            found.append(unknown(f"order_price/{symbol}", f"an order for it is refused: {error}"))
            continue
        found.append(price_echo(other, update, f"order_price/{symbol}"))
        await test.desk.client.cancel(update)
    return found


async def clean_up(desk: Desk) -> Finding:
    """Cancel every order of a check that still works, and see that none is left and no position was opened."""
    before = dict(desk.positions)
    await until(lambda: desk.client.is_connected or desk.seen.ended, desk.clock, CLEAN_UP_S)
    left: list[m.OrderUpdate] = []
    try:
        for _ in range(ROUNDS):
            left = await _still_working(desk)
            if not left:
                break
            await asyncio.gather(*(desk.client.cancel(row) for row in left), return_exceptions=True)
        positions = {row.symbol: row.quantity for row in await desk.client.positions(desk.account)}
    except DtcError as error:
        return failed("clean_up", f"Whether the check's orders are gone cannot be asked: {error}", CHECK_WINDOW)
    if left:
        return failed("clean_up", f"{len(left)} orders of this check could not be cancelled.", CHECK_WINDOW, len(left))
    if positions.get(desk.order_symbol, 0.0) != before.get(desk.order_symbol, 0.0):
        sentence = f"The position in {desk.order_symbol} changed while the check ran."
        return failed("clean_up", sentence, "Close it in Trade >> Trade Orders and Positions Window.", positions)
    return ok("clean_up", "Every order of this check is gone, and no position was opened.")


async def _still_working(desk: Desk) -> list[m.OrderUpdate]:
    """Orders of any check that the server lists, or of which the last word was that they work."""
    listed = await desk.client.open_orders(desk.account)
    updates = [each for each in desk.seen.kept(m.OrderUpdate) if isinstance(each, m.OrderUpdate)]
    last = {each.client_order_id: each for each in updates if each.server_order_id}
    silent = [each for each in last.values() if each.order_status in WORKING]
    both = {each.server_order_id: each for each in (*silent, *listed)}
    return [each for each in both.values() if each.client_order_id.startswith(PREFIX)]


Step = Callable[[OrderTest], Awaitable[Finding | list[Finding]]]
WITH_A_RESTING_ORDER: tuple[tuple[str, Step], ...] = (
    ("replace", replace),
    ("duplicate_id", duplicate),
    ("cancel", cancel),
)
FURTHER: tuple[tuple[str, Step], ...] = (
    ("bracket", bracket),
    ("bracket_one_leg", one_leg),
    ("order_price", other_names),
)
