"""The ledger: a fold of fills and marks into immutable `Account` snapshots, exact to the cent.

Cash-flow accounting on integer ticks, contracts and cents; no average price is ever rounded.  Lots close newest
first; the fill of a stop or a target closes the lot of its entry.  The ledger believes every fill, also those that are
not ours: judging them is reconciliation, refusing new risk because of them is the risk manager.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from minhos.accounting.trades import OpenTrade, lot_risk_cents
from minhos.accounting.types import Account, Fill, Lot, Position, Trade
from minhos.errors import ReconciliationError
from minhos.market.types import Instrument


class FillEffect(msgspec.Struct, frozen=True):
    """What a fill did.  duplicate: its id was known, nothing changed.  trades: those that it closed (0 or 1)."""

    duplicate: bool
    trades: tuple[Trade, ...] = ()


class LedgerState(msgspec.Struct):
    """All that the ledger remembers; encoded by `to_state` for the journal's snapshots."""

    cash_cents: int
    equity_cents: int
    day_start_equity_cents: int
    peak_equity_cents: int
    trade_date: int = 0
    realised_day_cents: int = 0
    commission_day_cents: int = 0
    losses_in_a_row: int = 0
    round_trips_day: int = 0
    orders_day: int = 0
    lots: dict[str, tuple[Lot, ...]] = {}
    trades: dict[str, OpenTrade] = {}
    last_ticks: dict[str, int] = {}
    marked_ns: dict[str, int] = {}
    fill_ids: set[str] = set()


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(LedgerState)


class Ledger:
    """Mutable; one for each account.  `account()` is cached until something changes.

    instruments: by contract symbol ("NQZ25"); a fill in any other symbol is refused.
    """

    def __init__(self, start_cents: int, instruments: Mapping[str, Instrument]) -> None:
        self._state = LedgerState(start_cents, start_cents, start_cents, start_cents)
        self._instruments = dict(instruments)
        self._account: Account | None = None

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """By contract symbol."""
        return self._instruments

    def add_instrument(self, symbol: str, instrument: Instrument) -> None:
        """A further contract, as after a roll."""
        self._instruments = {**self._instruments, symbol: instrument}
        self._account = None

    def apply_fill(self, fill: Fill, *, stop_id: str = "", stop_distance_ticks: int = 0) -> FillEffect:
        """Take in what the venue did; a known fill_id changes nothing.

        stop_id and stop_distance_ticks: of the entry's or add's order, where the fill is one; a lot opened without
        them is unprotected until `on_stop_rested`.  Raises ReconciliationError for an unknown symbol or a
        malformed fill.
        """
        instrument = self._checked(fill)
        state = self._state
        if fill.fill_id in state.fill_ids:
            return FillEffect(duplicate=True)
        state.fill_ids.add(fill.fill_id)
        last = state.last_ticks.setdefault(fill.symbol, fill.price_ticks)
        value = fill.side * (last - fill.price_ticks) * fill.contracts * instrument.tick_value_cents
        state.equity_cents += value - fill.commission_cents
        state.commission_day_cents += fill.commission_cents
        self._book(-fill.commission_cents)

        held = sum(lot.side * lot.contracts for lot in state.lots.get(fill.symbol, ()))
        closing = min(abs(held), fill.contracts) if held * fill.side < 0 else 0
        closing_commission = fill.commission_cents * closing // fill.contracts
        trades = (self._close(fill, closing, closing_commission, instrument),) if closing else ()
        if closing < fill.contracts:
            stop_ticks = fill.price_ticks - fill.side * stop_distance_ticks if stop_id else 0
            lot = Lot(
                fill.order_id, fill.side, fill.contracts - closing, fill.price_ticks, fill.time_ns, stop_id, stop_ticks
            )
            self._open(fill, lot, fill.commission_cents - closing_commission, instrument)
        self._changed()
        return FillEffect(duplicate=False, trades=tuple(trade for trade in trades if trade is not None))

    def knows(self, fill_id: str) -> bool:
        """Whether that fill was taken in."""
        return fill_id in self._state.fill_ids

    def has_lots(self, entry_id: str) -> bool:
        """Whether something of what that order opened is still held."""
        return any(lot.order_id == entry_id for lots in self._state.lots.values() for lot in lots)

    def lacks_stop(self, entry_id: str) -> bool:
        """Whether what that order opened is still held and has no stop."""
        lots = [lot for lots in self._state.lots.values() for lot in lots if lot.order_id == entry_id]
        return bool(lots) and not any(lot.stop_id for lot in lots)

    def on_stop_rested(self, stop_id: str, entry_id: str, stop_ticks: int) -> None:
        """The venue holds the protective stop of the lots that order `entry_id` opened."""
        for symbol, lots in self._state.lots.items():
            if not any(lot.order_id == entry_id for lot in lots):
                continue
            instrument, trade = self._instruments[symbol], self._state.trades[symbol]
            updated = []
            for lot in lots:
                if lot.order_id == entry_id:
                    first_stop = lot.stop_ticks == 0
                    lot = msgspec.structs.replace(lot, stop_id=stop_id, stop_ticks=stop_ticks)
                    if first_stop:
                        trade.protect(lot_risk_cents(lot, instrument), lot.contracts)
                updated.append(lot)
            self._state.lots[symbol] = tuple(updated)
            self._account = None

    def on_stop_lost(self, stop_id: str) -> None:
        """The venue rejected or cancelled a stop whose lot is still open: the lot has no stop_id and is unprotected.

        Its stop_ticks and the trade's R stay what they were when the risk was taken.
        """
        for symbol, lots in self._state.lots.items():
            self._state.lots[symbol] = tuple(
                msgspec.structs.replace(lot, stop_id="") if lot.stop_id == stop_id else lot for lot in lots
            )
        self._account = None

    def on_mark(self, symbol: str, price_ticks: int, time_ns: int) -> None:
        """A newer price of a contract; one that is older than the last is ignored."""
        state = self._state
        if time_ns < state.marked_ns.get(symbol, 0):
            return
        state.marked_ns[symbol] = time_ns
        last = state.last_ticks.get(symbol)
        if last == price_ticks:
            return
        state.last_ticks[symbol] = price_ticks
        if last is not None and symbol in state.lots:
            held = sum(lot.side * lot.contracts for lot in state.lots[symbol])
            state.equity_cents += held * (price_ticks - last) * self._instruments[symbol].tick_value_cents
        self._changed()

    def marked(self, symbol: str, price_ticks: int, time_ns: int) -> Ledger:
        """What this ledger is after `on_mark`, which is not done here; only one of the two may be changed further."""
        after, state = Ledger.__new__(Ledger), self._state
        after._instruments, after._account = self._instruments, self._account
        after._state = msgspec.structs.replace(
            state, last_ticks=dict(state.last_ticks), marked_ns=dict(state.marked_ns)
        )
        after.on_mark(symbol, price_ticks, time_ns)
        return after

    def on_trade_date(self, trade_date: int) -> bool:
        """A CME trade date (20251006) is on; True where it is new and the day's figures start from zero.

        An earlier date leaves everything as it is: a clock that goes back never forgets a loss.
        """
        state = self._state
        if trade_date <= state.trade_date:
            return False
        state.trade_date = trade_date
        state.day_start_equity_cents = state.equity_cents
        state.realised_day_cents = state.commission_day_cents = 0
        state.losses_in_a_row = state.round_trips_day = state.orders_day = 0
        self._account = None
        return True

    def on_order_sent(self) -> None:
        """Count an order of ours; for the limit on orders of a day."""
        self._state.orders_day += 1
        self._account = None

    def reanchor_peak(self) -> None:
        """Measure drawdown from today's equity on, as `resume` does after an EMERGENCY."""
        self._state.peak_equity_cents = self._state.equity_cents
        self._account = None

    def account(self) -> Account:
        """The account at this moment, marked at the last prices."""
        if self._account is None:
            state = self._state
            self._account = Account(
                cash_cents=state.cash_cents,
                equity_cents=state.equity_cents,
                day_start_equity_cents=state.day_start_equity_cents,
                peak_equity_cents=state.peak_equity_cents,
                trade_date=state.trade_date,
                day_pnl_cents=state.equity_cents - state.day_start_equity_cents,
                realised_day_cents=state.realised_day_cents,
                commission_day_cents=state.commission_day_cents,
                stop_risk_cents=self._stop_risk_cents() if state.lots else 0,
                losses_in_a_row=state.losses_in_a_row,
                round_trips_day=state.round_trips_day,
                orders_day=state.orders_day,
                positions=tuple(Position(symbol, state.lots[symbol]) for symbol in sorted(state.lots)),
                last_ticks=dict(state.last_ticks),
                instruments=self._instruments,
            )
        return self._account

    def to_state(self) -> bytes:
        """Everything but the instruments, for a snapshot."""
        return _encoder.encode(self._state)

    @classmethod
    def from_state(cls, state: bytes, instruments: Mapping[str, Instrument]) -> Ledger:
        """The ledger that `to_state` described."""
        ledger = cls(0, instruments)
        ledger._state = _decoder.decode(state)
        return ledger

    def _checked(self, fill: Fill) -> Instrument:
        instrument = self._instruments.get(fill.symbol)
        if instrument is None:
            known = ", ".join(sorted(self._instruments))
            raise ReconciliationError(
                f"The venue reports a fill in {fill.symbol}, which this account does not trade ({known}): "
                f"flatten it at the broker, or add it to the instruments."
            )
        if fill.side not in (1, -1) or fill.contracts <= 0:
            raise ReconciliationError(
                f"Fill {fill.fill_id} has side {fill.side} and {fill.contracts} contracts; a fill needs side +1 or -1 "
                f"and at least one contract: compare it with the broker's statement."
            )
        return instrument

    def _open(self, fill: Fill, lot: Lot, commission_cents: int, instrument: Instrument) -> None:
        state = self._state
        lots = state.lots.get(fill.symbol, ())
        trade = state.trades.get(fill.symbol)
        if trade is None:
            trade = state.trades[fill.symbol] = OpenTrade(fill.symbol, fill.side, fill.time_ns)
        trade.add(fill, lot.contracts, commission_cents)
        trade.unprotected += lot.contracts
        if lot.stop_id:
            trade.protect(lot_risk_cents(lot, instrument), lot.contracts)
        state.lots[fill.symbol] = (*lots, lot)

    def _close(self, fill: Fill, contracts: int, commission_cents: int, instrument: Instrument) -> Trade | None:
        """Close that many contracts; the trade where none is left."""
        state = self._state
        kept, closed = close_lots(state.lots[fill.symbol], contracts, fill.parent_id)
        ticks = sum(lot.side * (fill.price_ticks - lot.entry_ticks) * lot.contracts for lot in closed)
        gross_cents = ticks * instrument.tick_value_cents
        self._book(gross_cents)
        trade = state.trades[fill.symbol]
        trade.reduce(fill, contracts, commission_cents, gross_cents)
        if kept:
            state.lots[fill.symbol] = kept
            return None
        del state.lots[fill.symbol]
        del state.trades[fill.symbol]
        finished = trade.closed(fill.time_ns, fill.role)
        state.round_trips_day += 1
        state.losses_in_a_row = state.losses_in_a_row + 1 if finished.pnl_cents < 0 else 0
        return finished

    def _book(self, cents: int) -> None:
        """Realised money: a commission, or the profit of closed contracts."""
        self._state.cash_cents += cents
        self._state.realised_day_cents += cents

    def _changed(self) -> None:
        self._account = None
        if self._state.equity_cents > self._state.peak_equity_cents:
            self._state.peak_equity_cents = self._state.equity_cents

    def _stop_risk_cents(self) -> int:
        """What the open lots lose from the last price to their stops, with exit cost.

        A lot without a stop counts with its whole notional value: it leaves no budget for new risk.
        """
        total = 0
        for symbol, lots in self._state.lots.items():
            instrument, last = self._instruments[symbol], self._state.last_ticks[symbol]
            exit_cents = instrument.stop_exit_cents()
            for lot in lots:
                ticks = max(0, lot.side * (last - lot.stop_ticks)) if lot.stop_id else last
                total += lot.contracts * (ticks * instrument.tick_value_cents + exit_cents)
        return total


def close_lots(lots: tuple[Lot, ...], contracts: int, entry_id: str = "") -> tuple[tuple[Lot, ...], list[Lot]]:
    """Split lots into those that stay and those that are closed (a lot may be cut in two).

    Closes first what order `entry_id` opened, then the newest; `contracts` is at most what the lots hold.
    """
    kept: list[Lot | None] = list(lots)
    closed = []
    newest_first = range(len(lots) - 1, -1, -1)
    for i in sorted(newest_first, key=lambda i: not entry_id or lots[i].order_id != entry_id):
        if contracts == 0:
            break
        lot = lots[i]
        part = min(lot.contracts, contracts)
        contracts -= part
        closed.append(msgspec.structs.replace(lot, contracts=part))
        kept[i] = msgspec.structs.replace(lot, contracts=lot.contracts - part) if part < lot.contracts else None
    return tuple(lot for lot in kept if lot is not None), closed
