"""Coming back after a stop or a kill: the state from the journal, then the venue compared with it.

Nothing is invented: an order that was never acknowledged is asked for, a lot without its stop gets one, and what
cannot be explained halts trading.  Snapshots only save time; the events after them are always folded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from minhos.accounting.ledger import Ledger
from minhos.accounting.types import Order, OrderType, Role, Trade
from minhos.errors import JournalError
from minhos.market.types import Instrument, Slice
from minhos.risk.types import RiskState
from minhos.trading import events as ev
from minhos.trading.book import OrderBook, OrderRecord
from minhos.trading.hands import Hands
from minhos.trading.order_states import FINAL, OrderState
from minhos.trading.protection import missing_stops
from minhos.trading.state import TradingState
from minhos.trading.types import Decision
from minhos.trading.venue import OrderReport, OrderStatus, Venue, VenueStatus

SNAPSHOT = "trading"
SNAPSHOT_VERSION = 3
"""Raised with each change of what the state remembers; a snapshot of another version is folded anew from the events."""


_HELD = (OrderState.WORKING, OrderState.RESIZE_SENT, OrderState.CANCEL_SENT)
"""The venue has said that it holds an order in these."""


class Record(Protocol):
    """An event as a journal keeps it."""

    @property
    def sequence(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


class StoredSnapshot(Protocol):
    """A snapshot as a journal keeps it: the state after the event of that sequence."""

    @property
    def sequence(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


class Journal(Protocol):
    """What a start reads."""

    def latest_snapshot(self, name: str) -> StoredSnapshot | None: ...

    def records(self, after: int = 0) -> Iterator[Record]: ...


class Snapshot(msgspec.Struct, frozen=True):
    """All that the state remembers of its events, but for the features: they begin again at the history that is loaded
    next.  The fields after `arrived` bear the names that they have in `TradingState`.
    """

    version: int
    ledger: bytes
    orders: tuple[OrderRecord, ...]
    instruments: dict[str, Instrument]
    """All that were traded since the journal began: what is held or under way may be in a contract before the last."""
    leg_fills: dict[str, int]
    arrived: tuple[bool, ...]
    data_quality: float
    mode: str
    account_name: str
    sequence: int
    fold_version: int
    rules_version: int
    began_ns: int
    venue_status: VenueStatus | None
    venue_positions: dict[str, int]
    certain: dict[str, int] | None
    reconciled: bool
    differences: tuple[str, ...]
    compared_date: int
    vouched: ev.CommandReceived | None
    settings: ev.TradingSettings | None
    model: ev.ModelActivated | None
    risk: RiskState
    decided: dict[str, Decision]
    closed_trades: tuple[Trade, ...]
    slice: Slice | None
    received_ns: int
    last_close_ns: int
    anchor_time_ns: int
    contradiction: str
    store_away: str = ""


_COPIED = Snapshot.__struct_fields__[Snapshot.__struct_fields__.index("arrived") + 1 :]
_VERSION_OF = msgspec.msgpack.Decoder(dict[str, object])


def take_snapshot(state: TradingState) -> bytes:
    """The state after the last event, for `restore_snapshot`."""
    return msgspec.msgpack.encode(
        Snapshot(
            SNAPSHOT_VERSION,
            state.ledger.to_state(),
            tuple(state.book.records.values()),
            dict(state.ledger.instruments),
            dict(state.book.leg_fills),
            tuple(state.arrived),
            *[getattr(state, name) for name in _COPIED],
        )
    )


def restore_snapshot(state: TradingState, payload: bytes) -> None:
    """Put a fresh state where the snapshot was taken.  Raises JournalError for one of another version."""
    try:
        version = _VERSION_OF.decode(payload).get("version")
        if version != SNAPSHOT_VERSION:
            raise JournalError(f"the snapshot has version {version}; the events are read instead.")
        snapshot = msgspec.msgpack.decode(payload, type=Snapshot)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise JournalError(
            f"the snapshot in the journal cannot be read ({error}); the events are read instead."
        ) from error
    state.mode = snapshot.mode
    if snapshot.settings is not None:
        state.apply(ev.SettingsActivated(0, snapshot.settings))
    state.ledger = Ledger.from_state(snapshot.ledger, snapshot.instruments)
    state.book.load(snapshot.orders, snapshot.leg_fills)
    state.arrived.extend(snapshot.arrived)
    for name in _COPIED:
        setattr(state, name, getattr(snapshot, name))


def restored(journal: Journal, fresh: Callable[[], TradingState]) -> tuple[TradingState, str]:
    """The state that a journal holds, and why its newest snapshot was of no use (empty where it was, or there is none).

    From a snapshot that this version took, else from all events.
    """
    snapshot, state, after, refusal = journal.latest_snapshot(SNAPSHOT), fresh(), 0, ""
    if snapshot is not None:
        try:
            restore_snapshot(state, snapshot.payload)
            after = snapshot.sequence
        except JournalError as error:
            state, refusal = fresh(), str(error)
    fold(state, journal.records(after=after))
    return state, refusal


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
    records = state.book.open_records()
    adopted = [record for record in records if record.state in _HELD]
    positions = {position.symbol: position.contracts for position in state.ledger.account().positions}
    may_work = adopted if engine.venue.answers_at_once else records  # a broker may have what was never answered
    working = [(msgspec.structs.replace(r.order, contracts=r.contracts), r.contracts - r.filled) for r in may_work]
    if not engine.venue.answers_at_once:
        working += [(stop, stop.contracts) for stop in unheard_stops(state.book)]
    engine.venue.adopt(working, positions)
    engine.venue.know(state.book.venue_ids())
    for record in records:
        if report := unanswered(record, engine.venue, time_ns):
            engine.record(ev.VenueReported(report), time_ns)
    if engine.venue.owns_account:  # a broker still holds its stops; what is missing there shows in the first survey
        for record in adopted:
            if record.state is OrderState.CANCEL_SENT:
                engine.cancel(record.order.order_id, time_ns)
        for order in missing_stops(state, time_ns):
            text = f"A lot of {order.contracts} was without its stop after a restart."
            engine.record(ev.Alarm(time_ns, text), time_ns)
            engine.send((order,), time_ns)
        engine.keep_orders(time_ns)
    if state.slice is not None:
        engine.on_slice(msgspec.structs.replace(state.slice, late=True), time_ns)


def unanswered(record: OrderRecord, venue: Venue, time_ns: int) -> OrderReport | None:
    """What is to be thought of an order that was sent, or of a cancel or resize that was asked for, without an answer.

    A venue in our own process never heard of the order, and of the cancel it is asked again.  A broker may have heard
    of either; it is asked before anything new is sent.
    """
    name, state = record.order.order_id, record.state
    if state is OrderState.WORKING:
        return None
    broker_may_have_it = state is OrderState.UNKNOWN and not venue.owns_account
    if venue.answers_at_once and state not in _HELD and not broker_may_have_it:
        return OrderReport(name, OrderStatus.REJECTED, time_ns, "the venue never heard of it")
    if venue.owns_account:
        return None
    return OrderReport(name, OrderStatus.UNKNOWN, time_ns, "not answered before the restart")


def unheard_stops(book: OrderBook) -> list[Order]:
    """Stops that our entries carried and that were not reported before the process ended: they may rest."""
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
