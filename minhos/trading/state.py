"""The state of trading: a fold of events and of nothing else.

The engine applies every event here right after it was journaled; a restart applies the journal's; a replay
applies the recorded ones and decides again.  So there is one way in which anything ever changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from minhos.accounting.ledger import Ledger
from minhos.accounting.types import Fill, OrderType, Role, Trade
from minhos.errors import CalendarError, OrderStateError, ReconciliationError, SymbolError
from minhos.features.types import Observation
from minhos.market.calendar import SessionCalendar
from minhos.market.symbols import contract_expiry_ns
from minhos.market.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Bar, Instrument, Slice
from minhos.models.forecast import Forecast
from minhos.risk import state as risk_state
from minhos.risk.events import parse_events
from minhos.risk.limits.standard import all_limits
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import Mode
from minhos.risk.shadow import ShadowBet, shadow_bet
from minhos.risk.types import Action, Level, Limit, ModelCondition, RiskState
from minhos.trading import events as ev
from minhos.trading.book import OrderBook, is_stop, opens
from minhos.trading.decide import RULES_VERSION, Moment, keep
from minhos.trading.order_states import UNANSWERED, OrderState, Trigger
from minhos.trading.types import Decision, Outcome
from minhos.trading.venue import OrderReport, OrderStatus, VenueStatus

QUALITY_BARS = 60
"""Data quality is the share of the last bars that came, and came in time."""

CLOCKS_MAY_DIFFER_NS = 5 * NANOS_PER_MINUTE
"""A bundle may be stamped this far ahead of the trader's clock, which may have been corrected since.  A simulated
market has a time of its own, which the machine that trained for it does not keep."""

FOLD_VERSION = 3
"""How events are folded from an `EngineStarted` on.

1: as MinhOS 0.1.0 wrote them.  No cancel or resize that was asked for stands in the journal, so that the venue's answer
implies the request.  2: each stands there before the venue hears of it, and so does a contradiction.  3: a fill counts
on its own trade date, also where it is the first that is heard of the session.
"""

Observe = Callable[[Bar], Observation | None]
"""Features of a closed bar; None while warming up."""


class TradingState:
    """Mutable; one for each journal.  Only `apply` changes it."""

    def __init__(self, calendar: SessionCalendar, features: Callable[[Instrument], Observe]) -> None:
        self.calendar = calendar
        self.features = features
        self.mode = ""
        self.account_name = ""
        self.sequence = 0
        self.fold_version = FOLD_VERSION
        self.rules_version = RULES_VERSION
        """Of the decisions that follow; see `decide.RULES`."""
        self.began_ns = 0
        """When this journal began; what the broker did before is not ours."""
        self.venue_status: VenueStatus | None = None
        """Of a broker; None for a venue in our own process."""
        self.venue_positions: dict[str, int] = {}
        """Signed contracts as the broker showed them last."""
        self.certain: dict[str, int] | None = None
        """The same where it was seen twice and nothing was sent or filled since; asked for while it is not trusted."""
        self.reconciled = False
        """Whether the broker's account was compared since the connection was made."""
        self.differences: tuple[str, ...] = ()
        """What that comparison, or the last one before it, left unexplained."""
        self.compared_date = 0
        """The trade date of that comparison."""
        self.vouched: ev.CommandReceived | None = None
        """A person's word that the position is what the broker shows; until it is booked, or both sides agree."""
        self.store_away = ""
        """Why events cannot be stored or commands read now; empty where they can."""
        self.settings: ev.TradingSettings | None = None
        self.manager: RiskManager | None = None
        self.model: ev.ModelActivated | None = None
        self.ledger = Ledger(0, {})
        self.book = OrderBook()
        self.risk = RiskState()
        self.observe: Observe | None = None
        self.warming = True
        """Off while old events are folded at a start: the features begin again at the history that follows."""
        self.observation: Observation | None = None
        self.anchor_time_ns = 0
        self.slice: Slice | None = None
        """The slice that closed and is not decided on yet."""
        self.expiry_ns = 0
        self.contradiction = ""
        """What the venue said that our record excludes; until trading was halted for it."""
        self.received_ns = 0
        self.last_close_ns = 0
        self.arrived: deque[bool] = deque(maxlen=QUALITY_BARS)
        """Whether each of the last bars came, and came in time; oldest first."""
        self.data_quality = 1.0
        """Share of `arrived` that is true."""
        self.closed_trades: tuple[Trade, ...] = ()
        """Those that the last fill closed and that are not recorded yet."""
        self.decided: dict[str, Decision] = {}
        """By order id: the decision behind each order of the open trade."""
        self._handlers: dict[type, Callable[..., None]] = {
            ev.EngineStarted: self._on_started,
            ev.SettingsActivated: self._on_settings,
            ev.ModelActivated: self._on_model,
            ev.HistoryLoaded: self._on_history,
            ev.SliceClosed: self._on_slice,
            ev.PriceSeen: self._on_price,
            ev.VenueReported: self._on_report,
            ev.VenueStatusSeen: self._on_venue_status,
            ev.VenueSurveyed: self._on_survey,
            ev.Reconciled: self._on_reconciled,
            ev.OrderFilled: lambda event: self._on_fill(event.fill),
            ev.FillRefused: self._on_fill_refused,
            ev.OrderIntended: self._on_intent,
            ev.DecisionMade: lambda event: self._on_decision(event.decision),
            ev.CommandReceived: self._on_command,
            ev.TradeClosed: self._on_trade_closed,
            ev.CancelRequested: lambda event: self.book.trigger(event.order_id, Trigger.REQUEST_CANCEL),
            ev.ResizeRequested: lambda event: self.book.trigger(event.order_id, Trigger.REQUEST_RESIZE),
            ev.ContradictionFound: self._on_contradiction,
            ev.StoreSeen: self._on_store,
            ev.Intervention: self._on_intervention,
        }
        self._closing: tuple[Ledger, RiskState] | None = None
        """What `at_close` gave, until the next event."""
        self.steps = 0
        """How many events but prices were applied here: what is held, works or is set changes with no price."""
        self._priced_at, self._priced = -1, dict[str, tuple[str, ...]]()

    def apply(self, event: ev.Event) -> None:
        """Take an event in; those that only inform change nothing.

        What a venue says and our record excludes is kept in `contradiction` until trading was halted for it: the event
        stands in the journal, so that a restart meets it again.
        """
        handler = self._handlers.get(type(event))
        if handler is None:
            return
        if type(event) is not ev.DecisionMade:
            self._closing = None
        if type(event) is not ev.PriceSeen:
            self.steps += 1
        try:
            handler(event)
        except (OrderStateError, ReconciliationError) as error:
            if type(event) not in (ev.VenueReported, ev.OrderFilled):
                raise
            self.contradiction = str(error)

    # What came in -----------------------------------------------------------------------------------------------

    def _on_started(self, event: ev.EngineStarted) -> None:
        if not self.mode:
            self.began_ns = event.time_ns
            self.ledger = Ledger(event.initial_cash_cents, {})
        self.mode, self.account_name, self.store_away = event.mode, event.account, ""
        self.fold_version, self.rules_version = event.fold_version, event.rules_version

    def _on_settings(self, event: ev.SettingsActivated) -> None:
        settings = event.settings
        before = self.settings
        self.settings = settings
        self.expiry_ns = expiry_ns(settings.order_symbol)
        mode = risk_mode(self.mode)
        self.manager = RiskManager(settings.risk, lambda: limits_of(settings, mode), mode)
        for symbol, instrument in settings.instruments.items():
            self.ledger.add_instrument(symbol, instrument)
        signal = settings.instruments[settings.signal_symbol]
        if before is None or self.observe is None or before.instruments[before.signal_symbol].root != signal.root:
            self.observe = self.features(signal)

    def _on_model(self, event: ev.ModelActivated) -> None:
        self.model = event
        self.risk = risk_state.on_model(self.risk, self._root(), event.recipe_id, event.bundle_id, event.simulated)

    def _on_history(self, event: ev.HistoryLoaded) -> None:
        settings = self._settings()
        if event.reset or self.observe is None:
            self.observe = self.features(settings.instruments[settings.signal_symbol])
            self.last_close_ns = 0
        for bar in event.bars if self.warming else event.bars[-1:]:
            if bar.close_time_ns > self.last_close_ns:
                self._warm(bar)
        if event.bars:
            last = event.bars[-1]
            self._trade_date(last.close_time_ns)
            self.ledger.on_mark(settings.order_symbol, last.close_ticks, last.close_time_ns)

    def _on_slice(self, event: ev.SliceClosed) -> None:
        self.slice, self.received_ns = event.slice, event.received_ns
        settings = self._settings()
        self._trade_date(event.slice.close_time_ns)
        bar = event.slice.bar(settings.signal_symbol)
        self.arrived.append(bar is not None and not event.slice.late)
        self.data_quality = self.arrived.count(True) / len(self.arrived)
        self.observation = None
        if bar is not None and bar.close_time_ns > self.last_close_ns:
            self._warm(bar)

    def _warm(self, bar: Bar) -> None:
        self.last_close_ns = bar.close_time_ns
        if not self.warming:
            return
        assert self.observe is not None
        self.observation = self.observe(bar)
        if self.observation is not None:
            self.anchor_time_ns = self.observation.anchor_time_ns

    def _on_price(self, event: ev.PriceSeen) -> None:
        price = event.price
        self._trade_date(price.time_ns)
        settings = self._settings()
        if price.symbol in settings.instruments:
            for symbol in {price.symbol, settings.order_symbol, *self.priced_by(price.symbol)}:
                self.ledger.on_mark(symbol, price.price_ticks, price.time_ns)
            self._mark_risk(price.time_ns)
        elif self.fold_version >= 3 and self.ledger.account().position(price.symbol):
            self.ledger.on_mark(price.symbol, price.price_ticks, price.time_ns)
            self._mark_risk(price.time_ns)

    def _on_intent(self, event: ev.OrderIntended) -> None:
        self.certain = None
        self.book.intend(event.order)
        self.book.trigger(event.order.order_id, Trigger.SEND)
        self.ledger.on_order_sent()
        self.risk = risk_state.on_order(self.risk, event.time_ns)

    def _on_report(self, event: ev.VenueReported) -> None:
        report = event.report
        if self.fold_version == 1:
            self._imply_request(report)
        before = self.book.records.get(report.order_id)
        self.book.report(report)
        order = self.book.order(report.order_id)
        if order is None or order.order_type is not OrderType.STOP:
            return
        first_word = before is None or before.state in UNANSWERED
        if report.status is OrderStatus.ACCEPTED or (report.status is OrderStatus.RESIZED and first_word):
            self.ledger.on_stop_rested(order.order_id, order.parent_id, order.trigger_ticks)
        elif report.status in (OrderStatus.REJECTED, OrderStatus.CANCELLED):
            self.ledger.on_stop_lost(order.order_id)
        elif report.status is OrderStatus.LISTED and self.ledger.lacks_stop(order.parent_id):
            self.ledger.on_stop_rested(order.order_id, order.parent_id, order.trigger_ticks)

    def _imply_request(self, report: OrderReport) -> None:
        """Of a journal without requests: a cancel that was refused before any other answer had been asked for."""
        known = self.book.records.get(report.order_id)
        if report.status is OrderStatus.CANCEL_REJECTED and known and known.state is OrderState.SENT:
            self.book.trigger(report.order_id, Trigger.REQUEST_CANCEL)

    def _on_venue_status(self, event: ev.VenueStatusSeen) -> None:
        self.venue_status = event.status
        self.reconciled = self.reconciled and event.status.ready
        self.certain = self.certain if event.status.ready else None

    def _on_store(self, event: ev.StoreSeen) -> None:
        self.store_away = event.reason

    def _on_survey(self, event: ev.VenueSurveyed) -> None:
        self.venue_positions = event.survey.positions

    def shown(self, symbol: str) -> int | None:
        """What the broker holds where our record is not to be trusted; None where it is.

        Nothing while it was not seen twice since the last order or fill: nothing is closed on one look.
        """
        if self.risk.distrust is None or self.venue_status is None:
            return None
        return (self.certain or {}).get(symbol, 0)

    def _on_reconciled(self, event: ev.Reconciled) -> None:
        self.reconciled = True
        unsaid = self.fold_version == 1 and event.positions is None and bool(event.differences)  # as 0.1.0 wrote it
        self.certain = self.venue_positions if unsaid else event.positions
        if not event.differences or event.differences != self.differences:
            self.vouched = None
        self.differences, self.compared_date = event.differences, self.calendar.happened_on(event.time_ns)
        if event.differences:
            self.risk = risk_state.on_distrust(self.risk, "; ".join(event.differences), event.time_ns)

    def _on_fill(self, fill: Fill) -> None:
        self.closed_trades = ()
        self.certain = None
        order = self.book.order(fill.order_id)
        if self.fold_version >= 3 and not self.ledger.knows(fill.fill_id):
            self._begin_date_of(fill)
        effect = self.ledger.apply_fill(
            fill,
            stop_id=order.stop_id if order else "",
            stop_distance_ticks=order.stop_distance_ticks if order else 0,
        )
        if effect.duplicate:
            return
        self.closed_trades = effect.trades
        if fill.role is Role.STOP:
            self.risk = risk_state.on_stop_fill(self.risk, -fill.side)
        self._mark_risk(fill.time_ns)
        self.book.fill(fill)
        if fill.role is Role.UNKNOWN:
            word = "bought" if fill.side > 0 else "sold"
            why = f"somebody else {word} {fill.contracts} {fill.symbol} in this account"
            self.risk = risk_state.on_distrust(self.risk, why, fill.time_ns)

    def _on_fill_refused(self, event: ev.FillRefused) -> None:
        self.certain = None
        self.risk = risk_state.on_distrust(self.risk, event.why, event.time_ns)

    def _on_trade_closed(self, event: ev.TradeClosed) -> None:
        self.closed_trades = ()
        self.risk = risk_state.on_trade(self.risk, self._settings().risk)
        for order_id in event.trade.order_ids:
            self.decided.pop(order_id, None)

    def _on_decision(self, decision: Decision) -> None:
        self._close_bar()
        self.sequence, self.anchor_time_ns = decision.sequence, decision.anchor_time_ns
        if not self.ledger.account().position(decision.symbol):
            self.decided.clear()
        for order in decision.orders:
            self.decided[order.order_id] = decision
        self._after_bar(decision)
        self.slice = None

    def _on_command(self, event: ev.CommandReceived) -> None:
        equity = self.ledger.account().equity_cents
        emergency = self.risk.level() is Level.EMERGENCY
        if event.name == "halt":
            self.contradiction = ""  # as 0.1.0 settled it; today a `ContradictionFound` does
        elif event.name == "accept-position":
            self.vouched = event
        elif event.name == "resume":
            self.vouched = None
        self.risk = risk_state.on_command(
            self.risk, event.name, event.who, event.why, event.time_ns, equity, payload=event.payload
        )
        if event.name == "resume" and emergency:
            self.ledger.reanchor_peak()

    def _on_contradiction(self, event: ev.ContradictionFound) -> None:
        self.contradiction = ""
        self.risk = risk_state.on_contradiction(self.risk, event.text, event.time_ns)

    def _on_intervention(self, event: ev.Intervention) -> None:
        if event.action is Action.FLATTEN:
            self.risk = risk_state.on_flatten(self.risk)

    # The bar's end ----------------------------------------------------------------------------------------------

    def at_close(self) -> tuple[Ledger, RiskState]:
        """Ledger and risk marked at the close of the slice that is to be decided on; they take effect with `apply`."""
        if self._closing is None:
            settings, bar, ledger, risk = self._settings(), self._closed_bar(), self.ledger, self.risk
            if bar is not None:
                ledger = ledger.marked(settings.order_symbol, bar.close_ticks, bar.close_time_ns)
                for symbol in self._held_elsewhere(bar.symbol):
                    ledger.on_mark(symbol, bar.close_ticks, bar.close_time_ns)
            if self.slice is not None:
                time_ns = self.slice.close_time_ns
                risk = risk_state.on_mark(risk, settings.risk, ledger.account(), time_ns, bar_closed=True)
            self._closing = ledger, risk
        return self._closing

    def _closed_bar(self) -> Bar | None:
        """The bar of the traded contract that closed; the micro shares the signal's prices."""
        settings = self._settings()
        if self.slice is None:
            return None
        return self.slice.bar(settings.order_symbol) or self.slice.bar(settings.signal_symbol)

    def _close_bar(self) -> None:
        """The marks at the close, before what the decision on it changes."""
        (self.ledger, self.risk), self._closing = self.at_close(), None

    def _mark_risk(self, time_ns: int) -> None:
        self.risk = risk_state.on_mark(self.risk, self._settings().risk, self.ledger.account(), time_ns)

    def _trade_date(self, time_ns: int) -> None:
        if self.ledger.on_trade_date(self.calendar.happened_on(time_ns)):
            self._mark_risk(time_ns)
            self.book.forget_final()

    def _begin_date_of(self, fill: Fill) -> None:
        """A fill may be the first that is heard of a session: its loss is that date's.

        At most the next date begins: a broker's stamp that is further off ends no stop of the day's.
        """
        today = self.ledger.account().trade_date
        try:
            trade_date = self.calendar.trade_date_of_fill(fill.time_ns)
            begins = today > 0 and trade_date == self.calendar.next_trade_date(today)
        except CalendarError:
            return
        if begins and self.ledger.on_trade_date(trade_date):
            self._mark_risk(fill.time_ns)
            self.book.forget_final(but=fill.order_id)

    def _after_bar(self, decision: Decision) -> None:
        """Levels, the shadow book and what it proves."""
        settings = self._settings()
        bar = self.slice.bar(settings.signal_symbol) if self.slice and not self.slice.late else None
        condition, reason = self._model_condition(decision)
        self.risk = risk_state.on_bar(
            self.risk,
            settings.risk,
            self._root(),
            bar=bar,
            bet=self._bet(decision),
            market=decision.state,
            data_quality=self.data_quality,
            model=condition,
            model_reason=reason,
            time_ns=decision.close_time_ns,
        )
        if decision.verdict is not None:
            self.risk = risk_state.on_verdict(self.risk, decision.verdict, decision.close_time_ns)
            if decision.verdict.action is Action.FLATTEN and decision.position_before:
                self.risk = risk_state.on_flatten(self.risk)

    def _bet(self, decision: Decision) -> ShadowBet | None:
        if decision.forecast is None or decision.recommendation is None:
            return None
        return shadow_bet(decision.forecast, decision.recommendation, self._settings().instruments[decision.symbol])

    def _model_condition(self, decision: Decision) -> tuple[ModelCondition, str]:
        """The models' condition, and words for it where the condition's own say too little."""
        if decision.forecast is None:
            failed = decision.unready is Outcome.NO_FORECAST and self.model is not None
            return (ModelCondition.FAILED if failed else ModelCondition.SOUND), ""
        if decision.forecast.missing:
            return ModelCondition.PARTIAL, ""
        if self.model is None or not self.model.created_ns:
            return ModelCondition.SOUND, ""
        now_ns = max(decision.close_time_ns, self.received_ns)
        if not self.model.simulated and self.model.created_ns > now_ns + CLOCKS_MAY_DIFFER_NS:
            return (
                ModelCondition.OLD,
                "model stamped in the future, so its age is not known; check this machine's clock",
            )
        allowed_ns = self._settings().risk.model_max_age_days * 24 * 60 * NANOS_PER_MINUTE
        return (ModelCondition.OLD if self.model.created_ns < now_ns - allowed_ns else ModelCondition.SOUND), ""

    def _root(self) -> str:
        settings = self._settings()
        return settings.instruments[settings.order_symbol].root

    # What a decision needs --------------------------------------------------------------------------------------

    def moment(self, forecast: Forecast | None, *, unready: Outcome | None = None, why: str = "") -> Moment:
        """The inputs of the decision at the slice that closed."""
        assert self.slice is not None
        settings = self._settings()
        symbol, now_ns = settings.order_symbol, self.slice.close_time_ns
        session = self.calendar.session_of_bar(now_ns)
        ledger, risk = self.at_close()
        account = ledger.account()
        held = account.position(symbol).contracts
        return Moment(
            time_ns=now_ns,
            instrument=settings.instruments[symbol],
            account=account,
            recommendation=keep(symbol, now_ns, held, why),
            forecast=forecast,
            state=self.observation.state if self.observation else None,
            position=held,
            session_open=session is not None,
            session_close_ns=session.close_ns if session else now_ns,
            rth=session is not None and session.rth_open_ns < now_ns <= session.rth_close_ns,
            data_age_s=(self.received_ns - now_ns) / NANOS_PER_SECOND,
            data_quality=self.data_quality,
            delayed=self.slice.delayed,
            risk=risk,
            expiry_ns=self.expiry_ns,
            leaving=settings.leaving,
            elsewhere=self.elsewhere(),
            venue_trouble=self.venue_trouble(),
            parts_refusal=settings.parts_refusal,
            adjusted=self.model.adjusted if self.model else "",
            regular_hours=self.model is not None and self.model.regular_hours,
            sequence=self.sequence + 1,
            account_name=f"{self.mode}-{self.account_name}",
            symbol=symbol,
            settings=settings,
            close_ticks=account.last_ticks.get(symbol, 0),
            unready=unready,
            why=why,
            payoff=self.model.payoff if self.model else None,
            bundle_id=self.model.bundle_id if self.model else "",
            anchor_time_ns=self.anchor_time_ns,
            working=self.book.working(symbol),
            micro=settings.micro,
            blind=self.blind(),
            shown=self.shown(symbol),
        )

    def venue_trouble(self) -> str:
        """Why no new risk can be sent now; empty where it can.  What is sent must be in the journal first."""
        if self.store_away:
            return self.store_away
        if self.venue_status is None:
            return ""
        if not self.venue_status.ready:
            return f"orders cannot be sent: {self.venue_status.reason}"
        if unknown := self.book.unknown():
            return f"the broker has not answered for {len(unknown)} order(s); it is being asked"
        return "" if self.reconciled else "the broker's orders and positions are not compared yet"

    def blind(self) -> bool:
        """Whether a broker holds our account and has not shown it since the connection was made."""
        return self.venue_status is not None and not (self.venue_status.ready and self.reconciled)

    def held(self) -> dict[str, int]:
        """Signed contracts by symbol; where broker and journal disagree, the broker's."""
        if self.risk.distrust is not None and self.venue_status is not None:
            return dict(self.venue_positions)
        return {position.symbol: position.contracts for position in self.ledger.account().positions}

    def open_symbols(self) -> set[str]:
        """Contracts in which something is held or works."""
        held = {position.symbol for position in self.ledger.account().positions}
        return held | {record.order.symbol for record in self.book.open_records()}

    def traded_symbols(self) -> set[str]:
        """Contracts in which the broker's account must agree with ours."""
        return self.open_symbols() | {self._settings().order_symbol}

    def priced_by(self, symbol: str) -> tuple[str, ...]:
        """Further contracts that a price of that one is a price of: the one that is traded, where that is the micro of
        what is forecast, and what is held or works in another one on the same index and month."""
        if self._priced_at != self.steps:
            self._priced_at, self._priced = self.steps, {}
        found = self._priced.get(symbol)
        if found is None:
            settings, found = self._settings(), self._held_elsewhere(symbol)
            if symbol == settings.signal_symbol != settings.order_symbol:
                found = (settings.order_symbol, *found)
            self._priced[symbol] = found
        return found

    def _held_elsewhere(self, symbol: str) -> tuple[str, ...]:
        settings = self._settings()
        if self.fold_version < 3 or symbol != settings.signal_symbol or not self._is_open_elsewhere():
            return ()
        others = self.traded_symbols() - {settings.order_symbol, symbol}
        return tuple(sorted(each for each in others if self._is_same_index(symbol, each)))

    def _is_open_elsewhere(self) -> bool:
        """Whether something is held or works in another contract than the traded one."""
        order_symbol, records = self._settings().order_symbol, self.book.records
        for position in self.ledger.account().positions:
            if position.symbol != order_symbol:
                return True
        return any(records[key].order.symbol != order_symbol for key in self.book.open_ids)

    def _is_same_index(self, signal: str, other: str) -> bool:
        ours, theirs = self._settings().instruments[signal], self.ledger.instruments.get(other)
        if theirs is None or other != signal.replace(ours.root, theirs.root, 1):
            return False
        return theirs.root == ours.micro_root or ours.root == theirs.micro_root

    def elsewhere(self) -> str:
        """What is held or may be in another contract than the one that is traded, in words; empty for nothing."""
        if not self._is_open_elsewhere():
            return ""
        order_symbol = self._settings().order_symbol
        positions = [p for p in self.ledger.account().positions if p.symbol != order_symbol]
        works = [r.order for r in self.book.open_records() if r.order.symbol != order_symbol and not is_stop(r.order)]
        if not positions and not works:
            return ""
        held = [f"{p.contracts:+d} {p.symbol}" for p in positions]
        held += [f"an order for {o.contracts} {o.symbol}" for o in works if opens(o)]
        return f"{' and '.join(held or [f'an order in {works[0].symbol}'])} is still open: it is closed first"

    def _settings(self) -> ev.TradingSettings:
        if self.settings is None:
            raise ReconciliationError("the journal trades before it has settings; restore it from a backup.")
        return self.settings

    def trade_record(self, trade: Trade) -> ev.TradeClosed:
        """The trade with what its first decision knew (zeros for a manual trade)."""
        decision = next((self.decided[key] for key in trade.order_ids if key in self.decided), None)
        wanted = decision.recommendation if decision else None
        verdict = decision.verdict if decision else None
        opening = [o.contracts for o in decision.orders if o.role in (Role.ENTRY, Role.ADD)] if decision else []
        return ev.TradeClosed(
            trade=trade,
            decided_ns=decision.close_time_ns if decision else 0,
            p=wanted.p_side if wanted else 0.0,
            p_low=wanted.p_low if wanted else 0.0,
            break_even=wanted.break_even if wanted else 0.0,
            fraction=wanted.fraction if wanted else 0.0,
            contracts_wanted=wanted.raw_contracts if wanted else 0.0,
            contracts_sent=sum(opening),
            bound=verdict.bound if verdict else "",
            level=verdict.level if verdict else self.risk.level(),
            bundle_id=decision.bundle_id if decision else "",
        )


def limits_of(settings: ev.TradingSettings, mode: Mode) -> tuple[Limit, ...]:
    """Every limit of these settings, in the order in which they are asked."""
    events = parse_events(settings.events_text)
    return all_limits(settings.risk, mode=mode, events=events, own=settings.parts, options=settings.limit_options)


def expiry_ns(symbol: str) -> int:
    """When trading in a contract ends; 0 for what never expires or is not a listed contract."""
    try:
        return contract_expiry_ns(symbol)
    except SymbolError:
        return 0


def risk_mode(mode: str) -> Mode:
    """Anything but the two modes without money is judged as live."""
    modes: dict[str, Mode] = {"simulated": "simulated", "paper": "paper"}
    return modes.get(mode, "live")
