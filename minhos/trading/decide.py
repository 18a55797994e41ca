"""The decision at one bar's close.  Who reads this file from top to bottom has understood the system.

    forecast ──▶ recommend (sizing) ──▶ forced (a person's word) ──▶ judge (risk) ──▶ orders towards the target

`decide` is a pure function of a `Moment`: backtest, replay, paper and live call it with the same values and get
the same decision, bit for bit.  It reads no clock, no file and no network; sending is the engine's business.
"""

from __future__ import annotations

import math

import msgspec

from minhos.accounting.types import CLOSING, Order, Position, Role
from minhos.market.types import Instrument
from minhos.models.payoff import Payoff
from minhos.risk.force import forced, note
from minhos.risk.manager import RiskManager
from minhos.risk.types import Action, RiskContext, Verdict
from minhos.sizing.payoff import stop_distance_ticks
from minhos.sizing.recommend import recommend
from minhos.sizing.types import Recommendation
from minhos.trading.events import TradingSettings
from minhos.trading.order_ids import intent, order_id
from minhos.trading.types import Decision, Outcome

RULES = {
    1: "as in MinhOS 0.1.0",
    2: "a halt, a flatten or its own stop ends what was forced, what a broker shows counts once it was shown twice, "
    "and a stop counts the bars that touch it on their way; reasons write p in one way; "
    "nothing is sized on a model of adjusted prices",
}
"""What this file and all that it calls decide by, each change of it with a sentence; recorded decisions of one version
come out again bit for bit."""
RULES_VERSION = max(RULES)


class Moment(RiskContext, frozen=True, gc=False, kw_only=True):
    """Everything that a decision may depend on: what the limits see, and what sizing and sending ask for besides.

    The recommendation is to keep what is held (`keep`) until there is another.
    """

    sequence: int
    account_name: str
    symbol: str
    """The contract that is traded; `instrument` is its own."""
    settings: TradingSettings
    close_ticks: int
    unready: Outcome | None = None
    """Why there is no forecast to act on; None where there is one."""
    why: str = ""
    """The same in words."""
    payoff: Payoff | None = None
    bundle_id: str = ""
    anchor_time_ns: int = 0
    working: tuple[Order, ...] = ()
    """Orders that the venue has and that are not protective stops."""
    micro: Instrument | None = None
    blind: bool = False
    """What the broker holds was not compared with the journal yet."""
    shown: int | None = None
    """What the broker holds for certain where it and the journal disagree; None where they agree."""


def decide(moment: Moment, manager: RiskManager) -> Decision:
    """One decision for the bar that closed: what was forecast, wanted, allowed and is to be sent.

    Args:
        moment: all inputs; nothing else is looked at.
        manager: the limits of these settings.

    Returns:
        The decision.  Its orders have deterministic ids: the same moment gives the same orders.
    """
    wanted = moment.recommendation
    if moment.unready is None and moment.forecast and moment.state and moment.payoff:
        wanted = recommend(
            moment.forecast,
            moment.payoff,
            moment.state,
            moment.account,
            moment.instrument,
            manager.sizing(moment.risk, moment.settings.sizing),
            manager.multiplier(moment.risk, moment.instrument.root),
            symbol=moment.symbol,
            micro=moment.micro,
        )
    moment = msgspec.structs.replace(moment, recommendation=forced(wanted, moment.risk, moment.time_ns))
    verdict = manager.judge(moment)
    orders = orders_towards(moment, verdict)
    return Decision(
        symbol=moment.symbol,
        close_time_ns=moment.time_ns,
        sequence=moment.sequence,
        outcome=outcome_of(moment, verdict, orders),
        reason=explain(moment, verdict, orders),
        position_before=moment.position,
        target=verdict.target,
        orders=orders,
        close_ticks=moment.close_ticks,
        equity_cents=moment.account.equity_cents,
        anchor_time_ns=moment.anchor_time_ns,
        bundle_id=moment.bundle_id,
        settings_id=moment.settings.settings_id,
        forecast=moment.forecast,
        state=moment.state,
        recommendation=moment.recommendation,
        verdict=verdict,
        unready=moment.unready,
    )


def keep(symbol: str, close_time_ns: int, held: int, why: str) -> Recommendation:
    """Without a forecast the position is kept as it is; the limits may still cut it."""
    return Recommendation(
        symbol=symbol,
        close_time_ns=close_time_ns,
        side=(held > 0) - (held < 0),
        target=held,
        fraction=0.0,
        raw_contracts=0.0,
        p_side=0.5,
        p_low=0.5,
        break_even=1.0,
        stop_distance_ticks=0,
        r_cents=0,
        bound="no forecast",
        reason=why,
    )


def orders_towards(moment: Moment, verdict: Verdict) -> tuple[Order, ...]:
    """Orders from the position to the target.  A flip is a close and an entry; adds carry their own stop.

    Nothing is sent to a broker whose account is not compared yet.  Nothing is sent while an earlier order works or
    broker and journal disagree, unless the verdict is to flatten; then what those orders do not close yet.  Nothing but
    what shrinks the position is sent while `auto_trading` is off.
    """
    held, target = moment.position, verdict.target
    if moment.blind:
        return ()
    if verdict.action is Action.FLATTEN:
        rest = still_to_close(moment.account.position(moment.symbol), moment.working, moment.shown)
        return (make_order(moment, -rest, Role.FLATTEN),) if rest else ()
    if target == held:
        return ()
    if moment.working or moment.risk.distrust is not None:
        return ()
    stop = verdict_stop(moment) if moment.settings.auto_trading else 0
    if held and held * target <= 0:
        close = make_order(moment, -held, Role.EXIT)
        return (close,) if target == 0 or stop <= 0 else (close, make_order(moment, target, Role.ENTRY, stop))
    if abs(target) < abs(held):
        return (make_order(moment, target - held, Role.REDUCE),)
    if stop <= 0:
        return ()
    return (make_order(moment, target - held, Role.ADD if held else Role.ENTRY, stop),)


def verdict_stop(moment: Moment) -> int:
    """Distance in ticks of a new lot's protective stop, the one that sizing counts on; 0 where ATR is not known."""
    if moment.state is None or not 0.0 < moment.state.atr_ticks < math.inf:
        return 0
    return stop_distance_ticks(moment.state.atr_ticks, moment.settings.sizing.stop_atr)


def make_order(moment: Moment, signed: int, role: Role, stop_distance_ticks: int = 0) -> Order:
    """An intent with the id that its content gives it."""
    at = moment.time_ns
    stop = order_id(intent(moment.account_name, moment.symbol, at, Role.STOP)) if stop_distance_ticks else ""
    return Order(
        order_id=order_id(intent(moment.account_name, moment.symbol, at, role)),
        symbol=moment.symbol,
        side=1 if signed > 0 else -1,
        contracts=abs(signed),
        role=role,
        stop_distance_ticks=stop_distance_ticks,
        stop_id=stop,
        decided_ns=at,
    )


def still_to_close(position: Position, working: tuple[Order, ...], shown: int | None = None) -> int:
    """Signed contracts of the position that no working order closes; a second order for them would turn it round.

    shown: what the broker holds for certain, where it and the journal disagree: more than it holds is never closed.
    """
    held = position.contracts
    if shown is not None:
        held = max(0, min(held, shown)) if held > 0 else min(0, max(held, shown))
    closing = sum(order.contracts for order in working if order.role in CLOSING and order.side * held < 0)
    return max(0, held - closing) if held > 0 else min(0, held + closing)


def make_flatten(account_name: str, symbol: str, contracts: int, time_ns: int, number: int = 0) -> Order:
    """The order that closes that many signed contracts between bars."""
    return Order(
        order_id=order_id(intent(account_name, symbol, time_ns, Role.FLATTEN, number)),
        symbol=symbol,
        side=-1 if contracts > 0 else 1,
        contracts=abs(contracts),
        role=Role.FLATTEN,
        decided_ns=time_ns,
    )


def outcome_of(moment: Moment, verdict: Verdict, orders: tuple[Order, ...]) -> Outcome:
    """The one word for what the decision came to."""
    if orders:
        return Outcome.TRADE
    if moment.unready is not None:
        return moment.unready
    if verdict.target != moment.recommendation.target or verdict.target != moment.position:
        return Outcome.BLOCKED
    return Outcome.HOLD if moment.position else Outcome.NO_TRADE


def explain(moment: Moment, verdict: Verdict, orders: tuple[Order, ...]) -> str:
    """One sentence that a trader understands."""
    recommendation, held = moment.recommendation, moment.position
    if orders and (verdict.target != recommendation.target or verdict.action is Action.FLATTEN):
        return f"{verb(orders)}: {verdict.reason}"
    if verdict.action is Action.FLATTEN:
        return verdict.reason
    if verdict.target != held and moment.blind:
        return f"Target {verdict.target:+d} not sent: {moment.venue_trouble.rstrip('.')}."
    if verdict.target != held and not orders and moment.risk.distrust is not None:
        return f"Target {verdict.target:+d} not sent: {moment.risk.distrust.why}; `resume` when that is settled."
    if verdict.target != recommendation.target:
        return verdict.reason
    if verdict.target != held and not orders:
        if moment.working:
            return f"Target {verdict.target:+d}, but an order is still working."
        if not moment.settings.auto_trading:
            return f"Would go to {verdict.target:+d}; not sent, because auto_trading is off. {recommendation.reason}"
        return f"Target {verdict.target:+d} not sent: ATR is not known, so no stop can be placed."
    if moment.unready is not None:
        return f"{moment.why} {note(recommendation)}".rstrip()
    return recommendation.reason


def verb(orders: tuple[Order, ...]) -> str:
    """ "Buy 2", "Close 1 and sell 2" and the like."""
    parts = []
    for order in orders:
        word = "buy" if order.side > 0 else "sell"
        if order.role in (Role.EXIT, Role.FLATTEN):
            word = "close"
        elif order.role is Role.REDUCE:
            word = "reduce by"
        parts.append(f"{word} {order.contracts}")
    text = " and ".join(parts)
    return text[0].upper() + text[1:]
