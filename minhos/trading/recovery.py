"""Coming back after a stop or a kill: the state from the journal, then the venue compared with it.

Nothing is invented: an order that was never acknowledged is asked for, a lot without its stop gets one, and what
cannot be explained halts trading.  Snapshots only save time; the events after them are always folded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from minhos.accounting.ledger import Ledger
from minhos.accounting.types import Order, OrderType, Role
from minhos.errors import JournalError
from minhos.market.types import Instrument
from minhos.risk.types import RiskState
from minhos.trading import events as ev
from minhos.trading.book import OrderBook, OrderRecord
from minhos.trading.hands import Hands
from minhos.trading.order_states import FINAL, OrderState
from minhos.trading.protection import missing_stops
from minhos.trading.state import TradingState
from minhos.trading.types import Decision
from minhos.trading.venue import OrderReport, OrderStatus, Venue

SNAPSHOT = "trading"
SNAPSHOT_VERSION = 1


class Record(Protocol):
    @property
    def sequence(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


class Snapshot(msgspec.Struct, frozen=True):
    """Everything but the features, which begin again at the history that is loaded next."""

    version: int
    mode: str
    account: str
    sequence: int
    ledger: bytes
    orders: tuple[OrderRecord, ...]
    risk: RiskState
    settings: ev.TradingSettings | None
    model: ev.ModelActivated | None
    decided: dict[str, Decision]
    last_close_ns: int
    anchor_time_ns: int
    arrived: tuple[bool, ...] = ()
    began_ns: int = 0
    instruments: dict[str, Instrument] = {}
    """All that were traded since the journal began: what is held or under way may be in a contract before the last."""


def take_snapshot(state: TradingState) -> bytes:
    """The state after the last event, for `restore_snapshot`."""
    return msgspec.msgpack.encode(
        Snapshot(
            SNAPSHOT_VERSION,
            state.mode,
            state.account_name,
            state.sequence,
            state.ledger.to_state(),
            tuple(state.book.records.values()),
            state.risk,
            state.settings,
            state.model,
            state.decided,
            state.last_close_ns,
            state.anchor_time_ns,
            tuple(state.arrived),
            state.began_ns,
            dict(state.ledger.instruments),
        )
    )


def restore_snapshot(state: TradingState, payload: bytes) -> None:
    """Put a fresh state where the snapshot was taken.  Raises JournalError for one of another version."""
    try:
        snapshot = msgspec.msgpack.decode(payload, type=Snapshot)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise JournalError(
            f"the snapshot in the journal cannot be read ({error}); the events are read instead."
        ) from error
    if snapshot.version != SNAPSHOT_VERSION:
        raise JournalError(f"the snapshot has version {snapshot.version}; the events are read instead.")
    state.mode, state.account_name = snapshot.mode, snapshot.account
    instruments = dict(snapshot.instruments)
    if snapshot.settings is not None:
        state.apply(ev.SettingsActivated(0, snapshot.settings))
        instruments |= snapshot.settings.instruments
    state.ledger = Ledger.from_state(snapshot.ledger, instruments)
    state.book.load(snapshot.orders)
    state.sequence, state.risk, state.model = snapshot.sequence, snapshot.risk, snapshot.model
    state.decided = dict(snapshot.decided)
    state.last_close_ns, state.anchor_time_ns = snapshot.last_close_ns, snapshot.anchor_time_ns
    state.note_arrivals(*snapshot.arrived)
    state.began_ns = snapshot.began_ns


def fold(state: TradingState, records: Iterator[Record]) -> int:
    """Apply recorded events without computing features; returns the last sequence."""
    state.warming = False
    last = 0
    for record in records:
        state.apply(ev.decode(record.kind, record.payload, record.version))
        last = record.sequence
    state.warming = True
    return last


def reconcile(engine: Hands, time_ns: int) -> None:
    """After the fold and the history: give the venue its book back, settle what was under way, protect every lot.

    A bar that was in but not decided on when the process ended is matched to its end and gets a late decision.
    """
    state = engine.state
    for symbol in sorted(state.traded_symbols() & state.ledger.instruments.keys()):
        engine.venue.add_instrument(symbol, state.ledger.instruments[symbol])  # of an old contract, too
    engine.record_trades()
    engine.settle_contradiction(time_ns)
    known = (OrderState.WORKING, OrderState.RESIZE_SENT, OrderState.CANCEL_SENT)
    records = state.book.open_records()
    adopted = [record for record in records if record.state in known]
    lost = [record for record in records if record.state not in known]
    positions = {position.symbol: position.contracts for position in state.ledger.account().positions}
    may_work = adopted if engine.venue.answers_at_once else records  # a broker may have what was never answered
    working = [(msgspec.structs.replace(r.order, contracts=r.contracts), r.contracts - r.filled) for r in may_work]
    if not engine.venue.answers_at_once:
        working += [(stop, stop.contracts) for stop in unheard_stops(state.book)]
    engine.venue.adopt(working, positions)
    engine.venue.know(state.book.venue_ids())
    for record in lost:
        engine.record(ev.VenueReported(never_acknowledged(record.order, engine.venue, time_ns)), time_ns)
    if engine.venue.owns_account:  # a broker still holds its stops; what is missing there shows in the first survey
        for order in missing_stops(state, time_ns):
            text = f"A lot of {order.contracts} was without its stop after a restart."
            engine.record(ev.Alarm(time_ns, text), time_ns)
            engine.send((order,), time_ns)
        engine.keep_orders(time_ns)
    if state.slice is not None:
        engine.on_slice(msgspec.structs.replace(state.slice, late=True), time_ns)


def never_acknowledged(order: Order, venue: Venue, time_ns: int) -> OrderReport:
    """What is to be thought of an order that was sent and never answered.

    A venue in our own process never heard of it; a broker may have it, and is asked before anything new is sent.
    """
    if venue.answers_at_once:
        return OrderReport(order.order_id, OrderStatus.REJECTED, time_ns, "the venue never heard of it")
    return OrderReport(order.order_id, OrderStatus.UNKNOWN, time_ns, "not answered before the restart")


def unheard_stops(book: OrderBook) -> list[Order]:
    """Stops that our entries carried and of which nothing was heard before the process ended: they may rest."""
    return [
        Order(
            order_id=record.order.stop_id,
            symbol=record.order.symbol,
            side=-record.order.side,
            contracts=record.contracts,
            role=Role.STOP,
            order_type=OrderType.STOP,
            parent_id=record.order.order_id,
            decided_ns=record.order.decided_ns,
        )
        for record in book.records.values()
        if record.order.stop_id
        and book.order(record.order.stop_id) is None
        and (record.filled or record.state not in FINAL)
    ]
