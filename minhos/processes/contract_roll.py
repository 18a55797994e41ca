"""The live roll: the old contract is left flat, then the next one is followed once its volume leads.

Asked at the start of each session, after a restart, and at each bar while a contract is being left.  Which contract
may be entered is `minhos.market.roll`'s to say; features go on over the splice, so their anchor stays.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from minhos.errors import DataError, FeedError
from minhos.feeds.port import Feed
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.roll import RollState
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.state import TradingState

SettingsFor = Callable[[Feed, str], ev.TradingSettings]
"""From a feed and why its contract is left to what a decision depends on."""

log = structlog.get_logger("trader")


class ContractRoll:
    """Moves one engine and its feed from contract to contract."""

    def __init__(self, settings_for: SettingsFor, engine: Engine, calendar: SessionCalendar, clock: Clock) -> None:
        self._settings_for, self._engine = settings_for, engine
        self._calendar, self._clock = calendar, clock
        self._asked = (0, 0)
        self._unsettled = False

    def feed_after(self, feed: Feed) -> Feed:
        """The feed to go on with: this one, or the next contract's once this one may be left."""
        session = self._calendar.session_at(self._clock.now_ns())
        if session is None or self._asked == self._question(session.trade_date):
            return feed
        try:
            return self._ask(feed)
        except (DataError, FeedError) as error:
            log.warning("the contract that leads is not known", reason=str(error))
            self._unsettled = True
            return feed
        finally:
            self._asked = self._question(session.trade_date)

    def _question(self, trade_date: int) -> tuple[int, int]:
        return trade_date, self._engine.state.sequence if self._unsettled else 0

    def _ask(self, feed: Feed) -> Feed:
        turn = feed.turn(self._clock.now_ns(), held=_held(self._engine.state))
        self._unsettled = turn.state is RollState.LEAVING
        if turn.state is not RollState.NEW:
            self.activate(feed, turn.reason if self._unsettled else "")
            return feed
        after = feed.follow(turn.symbol)
        log.info("roll", contract=turn.symbol, reason=turn.reason)
        self.activate(after)
        bars = after.history()
        self._engine.load_history(tuple(bars.rows(bars.close_time_ns > self._engine.state.last_close_ns)), reset=False)
        return after

    def activate(self, feed: Feed, leaving: str = "") -> None:
        """Trade by that feed's contract from here on."""
        settings = self._settings_for(feed, leaving)
        for symbol, instrument in settings.instruments.items():
            self._engine.venue.add_instrument(symbol, instrument)
        self._engine.activate_settings(settings)


def _held(state: TradingState) -> int:
    """Contracts of the old contract that are open or on their way."""
    if state.settings is None:
        return 0
    symbol = state.settings.order_symbol
    held = state.ledger.account().position(symbol).contracts
    return held or len(state.book.working(symbol))


def contract_held(state: TradingState) -> str:
    """The contract whose bars a position is judged by; empty while flat."""
    return state.settings.signal_symbol if state.settings is not None and _held(state) else ""
