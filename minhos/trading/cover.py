"""Whether what is held at a broker is covered by stops that rest there; where it is not, an alarm says "unprotected".

A stop that triggered and rests unfilled, because the market went past what the exchange lets it fill at, covers
nothing: the position is closed at the market.  Not for placing stops that are missing: `settlement` does.
"""

from __future__ import annotations

from minhos.accounting.types import Order
from minhos.market.types import NANOS_PER_SECOND, Price
from minhos.trading.book import OrderRecord
from minhos.trading.doubt import Doubts
from minhos.trading.hands import Hands
from minhos.trading.order_states import OrderState
from minhos.trading.venue import Survey

LOOK_NS = NANOS_PER_SECOND // 4
BARE_NS = 4 * NANOS_PER_SECOND
"""A position may stand that long without all its stops: placing one takes two surveys."""
FRESH_NS = 10 * NANOS_PER_SECOND
"""A price that is older than this says nothing of where the market is."""
_RESTS = (OrderState.WORKING, OrderState.RESIZE_SENT, OrderState.CANCEL_SENT)


class Cover:
    """Since when what stands bare, and which stops should have filled; both begin anew with the process."""

    def __init__(self, engine: Hands) -> None:
        self._engine = engine
        self._next_ns = 0
        self._bare_ns: dict[tuple[str, int], int] = {}
        self._passed: set[str] = set()
        """Stops that the market has passed, by the last price."""
        self._stuck: Doubts[str] = Doubts()
        self.unfilled: set[str] = set()
        """Of these, those that two surveys still list: they triggered and rest unfilled."""

    def on_price(self, price: Price) -> None:
        """Which stops of that contract the market has passed since their entry filled."""
        engine = self._engine
        if (
            engine.venue.owns_account
            or not engine.state.book.open_ids
            or engine.clock.now_ns() > price.time_ns + FRESH_NS
        ):
            return
        position = engine.state.ledger.account().position(price.symbol)
        since_ns = max([lot.entry_time_ns for lot in position.lots], default=0)
        for record in engine.state.book.stops(price.symbol):
            key, order = record.order.order_id, record.order
            passed = order.trigger_ticks > 0 and order.side * (price.price_ticks - order.trigger_ticks) > 0
            if passed and price.time_ns > since_ns and key not in self._passed:
                self._passed.add(key)
                engine.ask()
            elif not passed:
                self._passed.discard(key)

    def on_survey(self, survey: Survey, now_ns: int) -> None:
        """Close what rests on a stop that was to have filled: the broker lists it twice, triggered or passed."""
        engine, book = self._engine, self._engine.state.book
        stops = {r.order.order_id: r.order for r in book.open_records() if r.order.trigger_ticks}
        listed = {o.order_id: o for o in survey.orders if o.order_id in stops and not o.waiting and o.contracts}
        self._passed &= listed.keys()
        doubtful = {key for key, order in listed.items() if key in self._passed or not order.is_stop}
        certain = self._stuck.certain(doubtful, engine.clock.monotonic_ns())
        self.unfilled = certain
        if doubtful - certain:
            engine.ask()
        for symbol in sorted({stops[key].symbol for key in certain}):
            self._close(symbol, [stops[key] for key in sorted(certain) if stops[key].symbol == symbol], survey, now_ns)

    def _close(self, symbol: str, stops: list[Order], survey: Survey, now_ns: int) -> None:
        held = survey.positions.get(symbol, 0)
        if not held or all(order.side * held > 0 for order in stops):
            return
        instrument = self._engine.state.ledger.instruments.get(symbol)
        points = instrument.to_points(stops[0].trigger_ticks) if instrument is not None else 0.0
        text = f"{held:+d} {symbol} stands unprotected: its stop at {points:g} triggered and rests unfilled"
        self._engine.alarm(symbol, f"{text}; it is closed at the market.", now_ns)
        self._engine.flatten(text, "engine", now_ns, frozenset({symbol}))

    def watch(self) -> None:
        """To be called with every look at the broker; it looks four times a second."""
        engine, state = self._engine, self._engine.state
        elapsed_ns = engine.clock.monotonic_ns()
        if elapsed_ns < self._next_ns or state.venue_status is None or engine.venue.owns_account:
            return
        self._next_ns = elapsed_ns + LOOK_NS
        bare = dict(self._bare())
        for symbol, held in self._bare_ns.keys() - bare.keys():
            engine.is_over(f"bare {held:+d} {symbol}")
        self._bare_ns = {key: self._bare_ns.get(key, elapsed_ns) for key in bare}
        for (symbol, held), since_ns in self._bare_ns.items():
            if elapsed_ns >= since_ns + BARE_NS:
                text = self._words(symbol, held, bare[symbol, held])
                engine.alarm(f"bare {held:+d} {symbol}", text, engine.clock.now_ns())
            else:
                engine.ask()

    def _bare(self) -> list[tuple[tuple[str, int], int]]:
        """(contract, signed contracts held) with what rests for it, where that is too little."""
        state = self._engine.state
        held = {(position.symbol, position.contracts) for position in state.ledger.account().positions}
        if state.risk.distrust is not None:
            held |= {(symbol, contracts) for symbol, contracts in state.venue_positions.items() if contracts}
        found = [((symbol, contracts), self._resting(symbol, -1 if contracts > 0 else 1)) for symbol, contracts in held]
        return [(key, rests) for key, rests in found if rests < abs(key[1])]

    def _resting(self, symbol: str, side: int) -> int:
        return sum(_left(r) for r in self._engine.state.book.stops(symbol) if r.order.side == side and self._covers(r))

    def _covers(self, record: OrderRecord) -> bool:
        return record.state in _RESTS and record.order.order_id not in self.unfilled

    def _words(self, symbol: str, held: int, rests: int) -> str:
        whose = "is held" if self._engine.state.risk.distrust is None else "is held by the journal or the broker"
        return (
            f"{held:+d} {symbol} {whose} and stands unprotected: stops of MinhOS rest for {rests} of it. "
            "See to it at the broker."
        )


def _left(record: OrderRecord) -> int:
    return max(0, record.contracts - record.filled)
