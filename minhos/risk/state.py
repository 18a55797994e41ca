"""How risk's memory changes: one pure function an event, from a RiskState to the next.

The engine calls them in the order of the journal, so that a replay arrives at the same state.  Stops are latched
here and held by the limits; nothing but what is said at each of them ends one, least of all a restart.
"""

from __future__ import annotations

import math

import msgspec

from minhos.accounting.types import Account
from minhos.features.types import MarketState
from minhos.market.types import NANOS_PER_MINUTE, Bar
from minhos.risk import arming, force, ladder, shadow
from minhos.risk import evidence as proof
from minhos.risk.levels import drawdown_component, market_components
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import ENGINE, Component, Level, MarketRisk, ModelCondition, RiskState, Stop, Verdict

__all__ = [
    "RiskState",
    "on_bar",
    "on_command",
    "on_contradiction",
    "on_distrust",
    "on_flatten",
    "on_mark",
    "on_model",
    "on_order",
    "on_stop_fill",
    "on_verdict",
]

SYSTEM = "risk manager"
FAILED = "risk manager"
"""Name under which a verdict says that a limit itself failed."""

replace = msgspec.structs.replace


def on_mark(
    state: RiskState, parameters: RiskParameters, account: Account, time_ns: int, *, bar_closed: bool = False
) -> RiskState:
    """After every tick, fill, trade and bar: what the account is worth now.

    Starts the trade date, raises peaks and levels, and latches the day's, the losses' and the trailing stop.
    bar_closed: levels may also fall.  Equity that is not a number changes nothing here; the limits refuse it.
    """
    equity = account.equity_cents
    if not (math.isfinite(equity) and math.isfinite(account.day_pnl_cents)):
        return state
    if account.trade_date != state.trade_date:
        state = on_trade_date(state, account.trade_date)
    peak = max(state.peak_cents, equity)
    share = (peak - equity) / peak if peak > 0 else 1.0
    drawdown = drawdown_component(state.drawdown, share, parameters.levels, time_ns, bar_closed=bar_closed)
    emergency = state.emergency
    if drawdown.level is Level.EMERGENCY and emergency is None:
        emergency = Stop(SYSTEM, f"EMERGENCY: {drawdown.reason} from the peak", time_ns)
    if (peak, drawdown, emergency) != (state.peak_cents, state.drawdown, state.emergency):
        state = replace(state, peak_cents=peak, drawdown=drawdown, emergency=emergency)
    state = _latch_day_stop(state, parameters, account, time_ns)
    state = _latch_loss_stop(state, parameters, account, time_ns)
    if state.forced is not None and force.active(state, time_ns) is None:
        state = replace(state, forced=None)
    return _after_stops(_latch_trailing_stop(state, parameters, account, time_ns))


def _after_stops(state: RiskState) -> RiskState:
    """What a stop that is latched ends: the ladder's step, and where it closes everything, what was forced."""
    return force.after_stops(ladder.after_stops(state))


def on_trade_date(state: RiskState, trade_date: int) -> RiskState:
    """A new trade date: what was stopped until then may trade again."""
    return replace(
        state,
        trade_date=trade_date,
        day_stop=_unless_over(state.day_stop, trade_date),
        loss_stop=_unless_over(state.loss_stop, trade_date),
        losses_forgiven=0,
    )


def _unless_over(stop: Stop | None, trade_date: int) -> Stop | None:
    return None if stop is not None and 0 < stop.trade_date < trade_date else stop


def _latch_day_stop(state: RiskState, parameters: RiskParameters, account: Account, time_ns: int) -> RiskState:
    limit = parameters.day_loss_limit_cents(account.day_start_equity_cents)
    if state.day_stop is not None or limit <= 0 or account.day_pnl_cents > -limit:
        return state
    why = f"the day's loss of {-account.day_pnl_cents / 100:,.2f} reached the daily loss limit of {limit / 100:,.2f}"
    return replace(state, day_stop=Stop(SYSTEM, why, time_ns, trade_date=account.trade_date))


def _latch_loss_stop(state: RiskState, parameters: RiskParameters, account: Account, time_ns: int) -> RiskState:
    """Latch the stop after so many losses in a row; an earlier one has answered the losses before it."""
    stop, losses = state.loss_stop, account.losses_in_a_row
    if stop is not None and 0 < stop.until_ns <= time_ns:
        state = replace(state, loss_stop=None)
    if losses < state.losses_forgiven:
        state = replace(state, losses_forgiven=0)
    if state.loss_stop is not None or losses - state.losses_forgiven < max(1, parameters.max_consecutive_losses):
        return state
    by_date, cooled = parameters.after_losses == "trade_date", parameters.after_losses == "cooldown"
    stop = Stop(
        SYSTEM,
        f"{losses} losing trades in a row",
        time_ns,
        trade_date=account.trade_date if by_date else 0,
        until_ns=time_ns + round(parameters.cooldown_minutes * NANOS_PER_MINUTE) if cooled else 0,
    )
    return replace(state, loss_stop=stop, losses_forgiven=losses)


def trailing_floor_cents(peak_cents: float, start_cents: float, parameters: RiskParameters) -> float:
    """Equity at which the trailing drawdown stops trading; minus infinity where that rule is off."""
    if parameters.trailing_drawdown_cents is None:
        return -math.inf
    floor = peak_cents - parameters.trailing_drawdown_cents
    return min(floor, start_cents) if parameters.trailing_locks_at_start else floor


def _latch_trailing_stop(state: RiskState, parameters: RiskParameters, account: Account, time_ns: int) -> RiskState:
    equity = account.equity_cents
    if state.trailing_start_cents == 0:
        state = replace(state, trailing_start_cents=equity, trailing_peak_cents=equity)
    if equity > state.trailing_peak_cents:
        state = replace(state, trailing_peak_cents=equity)
    floor = trailing_floor_cents(state.trailing_peak_cents, state.trailing_start_cents, parameters)
    if state.trailing_stop is not None or equity > floor:
        return state
    why = f"equity {equity / 100:,.2f} fell to the trailing drawdown's floor of {floor / 100:,.2f}"
    return replace(state, trailing_stop=Stop(SYSTEM, why, time_ns))


def on_trade(state: RiskState, parameters: RiskParameters) -> RiskState:
    """A trade was closed, after the mark of the fill that closed it: the live ladder counts it."""
    return ladder.on_trade(state, parameters)


def on_order(state: RiskState, time_ns: int) -> RiskState:
    """An order was sent; those of the last minute are remembered."""
    recent = tuple(t for t in state.order_times_ns if t > time_ns - NANOS_PER_MINUTE)
    return replace(state, order_times_ns=(*recent, time_ns))


def on_bar(
    state: RiskState,
    parameters: RiskParameters,
    root: str,
    *,
    bar: Bar | None,
    bet: shadow.ShadowBet | None,
    market: MarketState | None,
    data_quality: float,
    model: ModelCondition,
    time_ns: int,
    model_reason: str = "",
) -> RiskState:
    """After the decision on a bar: the instrument's levels, its shadow book and what that proves.

    bar: None where it was missing or late.  bet: what `shadow.shadow_bet` made of this bar's forecast.
    """
    before = state.market(root)
    components = market_components(
        before.components, parameters.levels, market, data_quality, model, time_ns, model_reason
    )
    book, evidence = before.shadow, before.evidence
    if bar is not None:
        book, result = shadow.on_bar(book, bar, bet)
        if result is not None:
            evidence = evidence.update(result)
    if components is before.components and book is before.shadow and evidence is before.evidence:
        return state
    return _after_stops(_with_market(state, root, MarketRisk(components, evidence, book)))


def on_model(state: RiskState, root: str, recipe: str, bundle_id: str, simulated: bool) -> RiskState:
    """A bundle begins to serve that instrument; what was proven for its recipe is kept.

    Bets of another recipe or of a simulated market are not counted for this one: its shadow book starts empty.
    """
    before = state.market(root)
    evidence = proof.carried_over(before.evidence, root, recipe, bundle_id, simulated)
    same = (evidence.recipe, evidence.simulated) == (before.evidence.recipe, before.evidence.simulated)
    book = before.shadow if same else shadow.ShadowBook()
    return _with_market(state, root, MarketRisk(before.components, evidence, book))


def _with_market(state: RiskState, root: str, market: MarketRisk) -> RiskState:
    return replace(state, markets={**state.markets, root: market})


def on_verdict(state: RiskState, verdict: Verdict, time_ns: int) -> RiskState:
    """A risk manager that failed is an EMERGENCY, which only `resume` ends."""
    if verdict.bound != FAILED or state.emergency is not None:
        return state
    return _after_stops(replace(state, emergency=Stop(SYSTEM, verdict.reason, time_ns)))


def on_distrust(state: RiskState, why: str, time_ns: int) -> RiskState:
    """The venue shows what our record does not explain: nothing is added until a person has looked (`resume`)."""
    if state.distrust is not None:
        return state
    return replace(state, distrust=Stop("reconciliation", why, time_ns, flat=False))


def on_contradiction(state: RiskState, why: str, time_ns: int) -> RiskState:
    """Our record and the venue's exclude each other: a halt, as a person's, that only `resume` ends.

    A person's that stands is kept: it closes what the account holds, whoever opened it.
    """
    if state.halted is not None and state.halted.who != ENGINE:
        return state
    return _after_stops(replace(state, halted=Stop(ENGINE, why, time_ns)))


def on_flatten(state: RiskState) -> RiskState:
    """A position was closed against whatever wanted it, by a limit or by a person: nothing is forced any more."""
    return state if state.forced is None else force.ended(state)


def on_stop_fill(state: RiskState, side: int) -> RiskState:
    """The protective stop of a position on that side filled."""
    return force.after_stop_fill(state, side)


def on_command(
    state: RiskState,
    name: str,
    who: str,
    why: str,
    time_ns: int,
    equity_cents: int,
    *,
    payload: arming.Payload | None = None,
) -> RiskState:
    """What a person ordered; names that are not about risk change nothing.

    pause: no new risk.  flatten: close everything and pause.  halt: the same as a stop that is shown in red.
    Both end what was forced.
    arm, disarm: live orders.  force, unforce: a side or a size in place of Kelly's, from the payload; not while
    everything is to be closed.
    resume: ends pause, halt, distrust, EMERGENCY, the trailing stop and a loss stop that waits for it, and measures
    drawdown from today's equity after an EMERGENCY; the day's stop stays.
    """
    match name:
        case "pause" | "flatten":
            return _after_stops(replace(state, paused=Stop(who, why, time_ns, flat=name == "flatten")))
        case "halt" if who == ENGINE:  # as 0.1.0 wrote a contradiction
            return on_contradiction(state, why, time_ns)
        case "halt":
            return _after_stops(replace(state, halted=Stop(who, why, time_ns)))
        case "arm":
            return arming.arm(state, who, time_ns, payload or {})
        case "disarm":
            return arming.disarm(state)
        case "force":
            return force.on_force(state, payload or {}, who, why, time_ns)
        case "unforce":
            return replace(state, forced=None)
        case "resume":
            return _resumed(state, Stop(who, why, time_ns, flat=False), equity_cents)
    return state


def _resumed(state: RiskState, word: Stop, equity_cents: int) -> RiskState:
    waits = state.loss_stop is not None and not state.loss_stop.trade_date and not state.loss_stop.until_ns
    loss_stop = None if waits else state.loss_stop
    state = replace(state, paused=None, halted=None, distrust=None, resumed=word, loss_stop=loss_stop)
    if state.trailing_stop is not None:
        state = replace(state, trailing_stop=None, trailing_peak_cents=equity_cents, trailing_start_cents=equity_cents)
    if state.level() is not Level.EMERGENCY:
        return state
    markets = {root: _calmed(market, word.time_ns) for root, market in state.markets.items()}
    drawdown = Component("drawdown", since_ns=word.time_ns)
    return replace(state, emergency=None, peak_cents=equity_cents, drawdown=drawdown, markets=markets)


def _calmed(market: MarketRisk, time_ns: int) -> MarketRisk:
    """The same with its EMERGENCY components at LOW; the next bar measures them again."""
    components = tuple(
        Component(c.name, since_ns=time_ns) if c.level is Level.EMERGENCY else c for c in market.components
    )
    return replace(market, components=components)
