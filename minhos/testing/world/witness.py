"""What a journal says, read as it grows by somebody who never wrote it: the fold beside the live state, and lists.

For the invariants.  It reads with a connection of its own, through another disk than the processes': what a fault does
to theirs it does not suffer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from minhos.accounting.types import CLOSING, Fill, Order, Role
from minhos.errors import CalendarError, JournalError
from minhos.journal.database import OpenDatabase
from minhos.journal.reader import JournalReader, reader
from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Instrument
from minhos.risk.force import SIDES
from minhos.risk.types import Level
from minhos.trading import events as ev
from minhos.trading.book import opens
from minhos.trading.recovery import take_snapshot
from minhos.trading.state import Observe, TradingState
from minhos.trading.venue import OrderStatus
from minhos.views.store import Views

CLOCKS_MAY_DIFFER_NS = 600 * NANOS_PER_SECOND


class Seen(msgspec.Struct):
    """What one journal has said so far."""

    alarms: list[tuple[int, str]] = []
    """Time and text."""
    intents: dict[str, Order] = {}
    intents_twice: list[str] = []
    intended_ns: dict[str, int] = {}
    fills: dict[str, Fill] = {}
    commands: dict[str, ev.CommandReceived] = {}
    """By the inbox's number."""
    decisions: int = 0
    starts: int = 0
    halted_since: int = 0
    """Sequence of the command that halted; 0 where nothing does."""
    opened_while_halted: list[Order] = []
    still_forced: list[str] = []
    """Stops that closed everything, or a stop of the forced position, and left a side forced."""
    with_a_future_model: list[Order] = []
    """New risk that was taken on a bundle stamped ahead of the clock, at the level of a sound one."""
    opened_while_away: list[str] = []
    """New risk that the venue took although no restart would have known of it."""
    opened_beyond: list[str] = []
    """New risk beyond a limit of the settings of that moment, or while something stopped it."""
    most_contracts: int = 0
    """The largest `max_position_size` that has held."""
    opened_beside: list[str] = []
    """New risk while another contract than the one that is traded was held."""
    unfit: list[str] = []
    """Fills that were booked and cannot be of the order that they name."""
    booked_the_day_before: list[str] = []
    """Fills of a session that were booked on the trade date before it."""
    carried_out_twice: list[str] = []
    """What a person asked for once."""
    refused_closes: dict[str, str] = {}
    """By contract the close that a broker refused and that was not tried, nor decided on, again."""
    opened: int = 0
    """Sequence of the order by which new risk was taken last."""
    days: dict[int, int] = {}
    """The account's P&L in cents of each trade date, as it was last while that date lasted."""
    commands_of: dict[str, list[str]] = {}
    """Names of the commands that were carried out, by who gave them."""
    lowered: list[str] = []
    """Levels that went down without a person's word or a new trade date."""


class Witness:
    """Follows the journal at `path`."""

    def __init__(self, path: Path, calendar: SessionCalendar, opened: OpenDatabase) -> None:
        self.path, self._calendar, self._opened = path, calendar, opened
        self.seen = Seen()
        self.state = self._fresh()
        """The fold of what was read."""
        self.views = Views(calendar)
        """What pages show of it; the account is that fold's, which is not made twice."""
        self.last = 0
        self._asked_for: set[tuple[str, str]] = set()
        """Name and person of what was asked for since the last start."""
        self._closes_of_this_bar: set[str] = set()
        """Orders that close, intended since the last decision: the next one may want them closed no longer."""
        self._decided_ahead = 0
        """Decisions in a row by a bundle that is stamped ahead: the first is made before its age raises a level."""
        self._unstored: set[str] = set()
        """Orders that open and were intended while the journal was away."""
        self.replaced = self._read_file = 0
        """How often another file took its place."""
        self._reader: JournalReader | None = None

    def _fresh(self) -> TradingState:
        state = TradingState(self._calendar, _no_features)
        state.warming = False
        return state

    def follow(self) -> bool:
        """Take in what is new; True where there was anything.  Raises JournalError where the chain is broken."""
        file = self._file()
        if self._reader is not None and file != self._read_file:
            self.again()
        if self._reader is None:
            if not file:
                return False
            self._reader, self._read_file = reader(self.path, self._opened), file
        before = self.last
        for record in self._reader.records(after=self.last):
            event = ev.decode(record.kind, record.payload, record.version)
            self._take(record.sequence, record.time_ns, event)
            self.views.trading, self.views.sequence = self.state, record.sequence
            self.views.show(record.sequence, event)
            self.last = record.sequence
        return self.last != before

    def _file(self) -> int:
        """Which file lies there; 0 for none."""
        try:
            return self.path.stat().st_ino
        except OSError:
            return 0

    def again(self) -> None:
        """The file was replaced: forget it and read from the beginning."""
        self.close()
        self.replaced += 1
        self.seen, self.state, self.last = Seen(), self._fresh(), 0
        self.views = Views(self._calendar)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def source(self) -> JournalReader:
        """The journal, for whoever reads it as a command does."""
        assert self._reader is not None
        return self._reader

    def verified(self) -> str:
        """Why the chain is not whole; empty where it is."""
        if self._reader is None:
            return ""
        try:
            report = self._reader.verify()
        except JournalError as error:
            return str(error)
        return "" if report.sound else report.reason

    def _take(self, sequence: int, time_ns: int, event: ev.Event) -> None:
        seen, state = self.seen, self.state
        level, date = state.risk.level(), state.ledger.account().trade_date
        self._look_at_stores(event)
        state.apply(event)
        if isinstance(event, ev.Alarm):
            seen.alarms.append((event.time_ns, event.text))
        elif isinstance(event, ev.OrderIntended):
            if event.order.order_id in seen.intents:
                seen.intents_twice.append(event.order.order_id)
            seen.intents[event.order.order_id] = event.order
            seen.intended_ns[event.order.order_id] = event.time_ns
            if seen.halted_since and event.order.role in (Role.ENTRY, Role.ADD):
                seen.opened_while_halted.append(event.order)
            if event.order.role in (Role.ENTRY, Role.ADD):
                seen.opened = sequence
            elif event.order.role in CLOSING:
                seen.refused_closes.pop(event.order.symbol, None)
                self._closes_of_this_bar.add(event.order.order_id)
            opens = event.order.role in (Role.ENTRY, Role.ADD)
            if opens and self._decided_ahead > 1 and self._takes_the_model_for_sound():
                seen.with_a_future_model.append(event.order)
        elif isinstance(event, ev.OrderFilled):
            fill = event.fill
            if fill.fill_id not in seen.fills:
                self._look_at_date(fill, date)
                seen.unfit += [
                    f"the fill {fill.fill_id} of {fill.order_id} is booked: {why}" for why in misfit(seen, fill)
                ]
            seen.fills.setdefault(fill.fill_id, fill)
            if not state.ledger.account().position(fill.symbol):
                seen.refused_closes.pop(fill.symbol, None)
            forced = state.risk.forced
            if fill.role is Role.STOP and forced is not None and SIDES.get(forced.side, 0) == -fill.side:
                seen.still_forced.append(f"{forced.side} stayed forced after its stop {fill.order_id} filled")
        elif isinstance(event, ev.CommandReceived):
            seen.commands[event.command_id] = event
            seen.commands_of.setdefault(event.who, []).append(event.name)
            if event.name in ("halt", "flatten") and state.risk.forced is not None:
                seen.still_forced.append(f"{state.risk.forced.side} stayed forced after {event.name}")
            if event.name in ("halt", "flatten", "pause", "resume"):
                seen.halted_since = 0 if event.name == "resume" else sequence
        elif isinstance(event, ev.DecisionMade):
            seen.decisions += 1
            model = state.model
            latest_ns = max(time_ns, event.decision.close_time_ns) + CLOCKS_MAY_DIFFER_NS
            ahead = model is not None and not model.simulated and model.created_ns > latest_ns
            self._decided_ahead = self._decided_ahead + 1 if ahead else 0
            seen.refused_closes.clear()
            self._closes_of_this_bar.clear()
        elif isinstance(event, ev.SettingsActivated):
            seen.most_contracts = max(seen.most_contracts, event.settings.risk.max_position_size)
        elif isinstance(event, ev.EngineStarted):
            seen.starts += 1
            seen.refused_closes.clear()
        elif isinstance(event, ev.VenueReported) and event.report.status is OrderStatus.REJECTED:
            refused = state.book.order(event.report.order_id)
            if refused is not None and refused.order_id in self._closes_of_this_bar:
                seen.refused_closes[refused.symbol] = refused.order_id
        account = state.ledger.account()
        if account.trade_date:
            seen.days[account.trade_date] = account.day_pnl_cents
        after = state.risk.level()
        begins = isinstance(event, ev.EngineStarted | ev.SettingsActivated)
        if begins and after < level and state.ledger.account().trade_date == date:
            seen.lowered.append(f"{level.name} became {after.name} with {ev.kind_of(event)} {sequence}")

    def _takes_the_model_for_sound(self) -> bool:
        markets = self.state.risk.markets.values()
        models = [each for market in markets for each in market.components if each.name == "model"]
        return all(component.level is Level.LOW for component in models)

    def _look_at_date(self, fill: Fill, before: int) -> None:
        """A fill that is the first word of the next trade date begins it.  before: the date until then."""
        booked = self.state.ledger.account().trade_date
        try:
            own = self._calendar.trade_date_of_fill(fill.time_ns)
            begins = before > 0 and own == self._calendar.next_trade_date(before)
        except CalendarError:
            return
        if begins and booked != own:
            self.seen.booked_the_day_before.append(f"the fill {fill.fill_id} of {own} is booked on {booked}")

    def _look_at_stores(self, event: ev.Event) -> None:
        """What is done although it cannot be stored, or done again because its answer could not be."""
        seen = self.seen
        if isinstance(event, ev.EngineStarted):
            self._asked_for.clear()
        elif isinstance(event, ev.CommandReceived):
            if (event.name, event.who) in self._asked_for and event.who.startswith("person-"):
                seen.carried_out_twice.append(f"{event.name} of {event.who}")
            self._asked_for.add((event.name, event.who))
        elif isinstance(event, ev.OrderIntended) and event.order.role in (Role.ENTRY, Role.ADD):
            order, settings = event.order, self.state.settings
            if self.state.store_away:
                self._unstored.add(order.order_id)
            held = {position.symbol for position in self.state.ledger.account().positions}
            if settings is not None and (others := held - {settings.order_symbol}):
                seen.opened_beside.append(f"{order.role} {order.order_id} in {order.symbol} beside {', '.join(others)}")
            seen.opened_beyond += [f"{order.role} {order.order_id}: {why}" for why in beyond_limits(self.state, order)]
        elif isinstance(event, ev.VenueReported):
            ended = event.report.status in (OrderStatus.REJECTED, OrderStatus.CANCELLED)
            if event.report.order_id in self._unstored and not ended:
                seen.opened_while_away.append(event.report.order_id)


def beyond_limits(state: TradingState, order: Order) -> Iterator[str]:
    """Which limits an order that opens would pass, judged by the fold alone; what works counts as filled."""
    settings, risk, account = state.settings, state.risk, state.ledger.account()
    if settings is None:
        yield "no settings are known"
        return
    stops = (risk.emergency, risk.day_stop, risk.trailing_stop, risk.loss_stop, risk.halted, risk.paused, risk.distrust)
    for stop in stops:
        ended = stop is not None and (0 < stop.until_ns <= order.decided_ns or 0 < stop.trade_date < account.trade_date)
        if stop is not None and not ended:
            yield f"no new risk is taken ({stop.why})"
    instrument, limits = state.ledger.instruments[order.symbol], settings.risk
    same_side = [r for r in state.book.open_records() if opens(r.order) and r.order.side == order.side]
    openings = sum(r.contracts - r.filled for r in same_side if r.order.symbol == order.symbol)
    held = max(0, order.side * account.position(order.symbol).contracts)
    after = held + openings + order.contracts
    if after > limits.max_position_size:
        yield f"{held} held, {openings} in orders that work and {order.contracts} make more than max_position_size"
    if account.day_pnl_cents <= -limits.day_loss_limit_cents(account.day_start_equity_cents):
        yield f"the day has lost {-account.day_pnl_cents / 100:,.2f}, which is its limit"
    if after * instrument.day_margin_cents > account.equity_cents:
        yield f"the margin of {after} is more than the equity of {account.equity_cents / 100:,.2f}"
    added = (openings + order.contracts) * order.stop_distance_ticks * instrument.tick_value_cents
    capital = min(account.equity_cents, limits.trading_capital_cents or account.equity_cents)
    if (account.stop_risk_cents if held else 0) + added > limits.max_capital_risk * capital:
        yield f"its stop adds {added / 100:,.2f} at risk, more than max_capital_risk of {capital / 100:,.2f} leaves"
    lately = [time_ns for time_ns in risk.order_times_ns if time_ns > order.decided_ns - NANOS_PER_MINUTE]
    if len(lately) > limits.max_orders_a_minute + 1:  # a flip is two orders of one decision
        yield f"{len(lately)} orders were sent within the minute"


def misfit(seen: Seen, fill: Fill) -> Iterator[str]:
    """Why a fill cannot be of its order as it was intended.  A stop may have grown with its entry since."""
    order = seen.intents.get(fill.order_id)
    if order is None or fill.role is Role.UNKNOWN:
        return
    before = sum(each.contracts for each in seen.fills.values() if each.order_id == fill.order_id)
    if (fill.symbol, fill.side) != (order.symbol, order.side):
        ours, theirs = order.side * order.contracts, fill.side * fill.contracts
        yield f"it is {theirs:+d} {fill.symbol}, the order {ours:+d} {order.symbol}"
    elif order.trigger_ticks == 0 and before + fill.contracts > order.contracts:
        yield f"{before} and {fill.contracts} are filled of {order.contracts}"


def remembered(state: TradingState) -> bytes:
    """All that a state knows, as bytes, but for the features' own."""
    return take_snapshot(state)


def _no_features(instrument: Instrument) -> Observe:
    return lambda bar: None
