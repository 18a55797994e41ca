"""Coming back after a stop or a kill: the state from the journal, then the venue compared with it.

Nothing is invented: an order that was never acknowledged is asked for, a lot without its stop gets one, and what
cannot be explained halts trading.  Snapshots only save time; the events after them are always folded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from minhos.accounting.ledger import Ledger
from minhos.accounting.types import Lot, Order, OrderType, Role
from minhos.errors import JournalError
from minhos.market.types import Instrument
from minhos.risk.types import RiskState
from minhos.trading import events as ev
from minhos.trading.book import OrderRecord
from minhos.trading.engine import Engine
from minhos.trading.order_ids import order_id
from minhos.trading.order_states import OrderState
from minhos.trading.state import TradingState
from minhos.trading.types import Decision
from minhos.trading.venue import OrderReport, OrderStatus

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


def take_snapshot(state: TradingState) -> bytes:
    """The state after the last event, for `restore_snapshot`."""
    return msgspec.msgpack.encode(
        Snapshot(
            SNAPSHOT_VERSION, state.mode, state.account_name, state.sequence, state.ledger.to_state(),
            tuple(state.book.records.values()), state.risk, state.settings, state.model, state.decided,
            state.last_close_ns, state.anchor_time_ns,
        )
    )  # fmt: skip


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
    instruments: dict[str, Instrument] = {}
    if snapshot.settings is not None:
        state.apply(ev.SettingsActivated(0, snapshot.settings))
        instruments = snapshot.settings.instruments
    state.ledger = Ledger.from_state(snapshot.ledger, instruments)
    state.book.load(snapshot.orders)
    state.sequence, state.risk, state.model = snapshot.sequence, snapshot.risk, snapshot.model
    state.decided = dict(snapshot.decided)
    state.last_close_ns, state.anchor_time_ns = snapshot.last_close_ns, snapshot.anchor_time_ns


def fold(state: TradingState, records: Iterator[Record]) -> int:
    """Apply recorded events without computing features; returns the last sequence."""
    state.warming = False
    last = 0
    for record in records:
        state.apply(ev.decode(record.kind, record.payload, record.version))
        last = record.sequence
    state.warming = True
    state.slice = None
    return last


def reconcile(engine: Engine, time_ns: int) -> None:
    """After the fold: give the in-process venue its book back, settle what was under way, protect every lot."""
    state = engine.state
    known = (OrderState.WORKING, OrderState.RESIZE_SENT, OrderState.CANCEL_SENT)
    records = state.book.open_records()
    adopted = [record for record in records if record.state in known]
    lost = [record for record in records if record.state not in known]
    positions = {position.symbol: position.contracts for position in state.ledger.account().positions}
    engine.venue.adopt([(record.order, record.contracts - record.filled) for record in adopted], positions)
    for record in lost:
        report = OrderReport(
            record.order.order_id, OrderStatus.REJECTED, time_ns, "the venue never heard of it before the restart"
        )
        engine.record(ev.VenueReported(report), time_ns)
    for order in missing_stops(state, time_ns):
        engine.record(ev.Alarm(time_ns, f"A lot of {order.contracts} was without its stop after a restart."), time_ns)
        engine.send((order,), time_ns)


def missing_stops(state: TradingState, time_ns: int) -> list[Order]:
    """Stops that open lots should have and the book lacks."""
    orders = []
    for position in state.ledger.account().positions:
        resting = {record.order.order_id for record in state.book.stops(position.symbol)}
        bare = [lot for lot in position.lots if lot.stop_ticks and lot.stop_id not in resting]
        orders += [protective_stop(position.symbol, lot, time_ns) for lot in bare]
    return orders


def protective_stop(symbol: str, lot: Lot, time_ns: int) -> Order:
    """A new order for the stop that the lot had; the old id is spent."""
    return Order(
        order_id=order_id(f"{lot.order_id}-{time_ns}".encode()),
        symbol=symbol,
        side=-lot.side,
        contracts=lot.contracts,
        role=Role.STOP,
        order_type=OrderType.STOP,
        trigger_ticks=lot.stop_ticks,
        parent_id=lot.order_id,
        decided_ns=time_ns,
    )
