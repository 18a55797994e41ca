"""The recommendation: which position the forecast is worth now, why, and which bound held it.

One decision path for backtest, replay, paper and live.  The result is a target position, not an order; risk limits cut
it afterwards.  A contract pays its round trip when added and nothing while kept, so the target is the position held,
clamped between Kelly with cost and Kelly without.  Any number that cannot be used gives zero and names itself.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from minhos.accounting.types import Account
from minhos.features.types import MarketState
from minhos.market.types import Instrument
from minhos.models.forecast import Forecast
from minhos.models.payoff import Payoff
from minhos.sizing.kelly import solve_kelly
from minhos.sizing.payoff import Terms
from minhos.sizing.pipeline import BOUND_WORDS, Money, Size, ceiling, size_pipeline, trace_of
from minhos.sizing.refusals import margin_cents, refusal
from minhos.sizing.types import Recommendation, SizingParameters, Step

_NOTHING = Size(0, 0.0, 0.0, 0.0, "entry_rule", 0.0, ())


class _Case(NamedTuple):
    """One bar's question, all its numbers checked.  held: contracts on the forecast's side, below zero if opposite."""

    payoff: Payoff
    terms: Terms
    atr_ticks: float
    cost_ticks: float
    slip_ticks: float
    break_even: float
    p_side: float
    held: int
    money: Money
    parameters: SizingParameters
    risk_multiplier: float


def recommend(
    forecast: Forecast,
    payoff: Payoff,
    state: MarketState,
    account: Account,
    instrument: Instrument,
    parameters: SizingParameters,
    risk_multiplier: float = 1.0,
    *,
    symbol: str = "",
    cost_ticks: float | None = None,
    micro: Instrument | None = None,
) -> Recommendation:
    """The target position in `symbol` (the forecast's where empty), with its trace.

    instrument: what is traded; its ticks must be those of `state`.  risk_multiplier: of the risk level, 0 to 1.
    cost_ticks: measured round trip; the instrument's own expectation where None.  micro: names a number of micros of
    equal risk where this instrument rounds to zero.  Never raises for numbers: bad ones give zero contracts.
    """
    symbol = symbol or forecast.symbol
    cost = instrument.round_trip_cost_ticks() if cost_ticks is None else cost_ticks
    why_not = refusal(forecast, payoff, state, account, instrument, parameters, risk_multiplier, cost)
    if why_not:
        return _refused(symbol, forecast, why_not)
    position = account.position(symbol).contracts if account.positions else 0
    side = forecast.side or (1 if position > 0 else -1)
    p_side = forecast.p_up if side > 0 else 1.0 - forecast.p_up
    p_low = min(forecast.p_low, p_side)
    atr = state.atr_ticks
    slip = instrument.stop_slippage_ticks
    terms = Terms(payoff, atr, cost, parameters.stop_atr, slip_ticks=slip)
    held = position * side
    money = _money(account, instrument, parameters, symbol, (terms.r_ticks + slip) * instrument.tick_value_cents, held)
    case = _Case(payoff, terms, atr, cost, slip, terms.break_even, p_side, held, money, parameters, risk_multiplier)
    size = _entry_size(case, p_low)
    target, keeping = _target(case, size, p_low)
    believed = _believed_target(case, size, p_low, target)
    micros = 0
    if micro is not None and position == 0 and size.bound == "whole_contracts":
        micros = _micros(forecast, payoff, state, account, instrument, micro, parameters, risk_multiplier)
    bound = "round_trip" if keeping else size.bound
    return Recommendation(
        symbol,
        forecast.close_time_ns,
        (target * side > 0) - (target * side < 0),
        target * side,
        size.fraction,
        size.raw,
        p_side,
        p_low,
        case.break_even,
        terms.stop_ticks,
        math.ceil(money.r),
        bound,
        _reason(case, size, side, p_low, target, keeping, micros, micro),
        (_entry_step(case, p_low), *trace_of(size, parameters)),
        believed * side,
        micros,
        size.kelly,
        terms.mean(p_low),
    )


def _money(
    account: Account, instrument: Instrument, parameters: SizingParameters, symbol: str, r_cents: float, held: int
) -> Money:
    """What may be risked: capital, the day's remaining budget and free margin, in cents.

    A flip's budget still counts the stop risk of what it closes: the careful side, for one bar.
    """
    equity = account.equity_cents
    capital = equity if parameters.trading_capital_cents is None else min(equity, parameters.trading_capital_cents)
    limit = parameters.daily_loss_limit * account.day_start_equity_cents
    if parameters.daily_loss_limit_cents is not None:
        limit = min(limit, parameters.daily_loss_limit_cents)
    remaining = limit + account.day_pnl_cents - account.stop_risk_cents
    budget = 0.5 * remaining if parameters.half_of_remaining_budget else remaining
    free = equity
    for position in account.positions:
        if position.symbol != symbol:
            other = account.instruments.get(position.symbol, instrument)
            free -= abs(position.contracts) * margin_cents(other, parameters)
    return Money(capital, r_cents, budget, margin_cents(instrument, parameters), free, max(0, held))


def _enters(case: _Case, p: float) -> bool:
    """The entry rule, asked only of what is added: confident enough, and better than break-even."""
    return case.p_side >= case.parameters.confidence_threshold and p > case.break_even


def _entry_size(case: _Case, p: float) -> Size:
    """Kelly with cost at p; nothing where the entry rule fails (full Kelly is still shown)."""
    if p <= case.break_even:
        return _NOTHING
    bet = case.terms.bet(p)
    if not _enters(case, p):
        kelly = solve_kelly(bet)
        return _NOTHING._replace(kelly=kelly, stages=(("kelly", 0.0, kelly),))
    return size_pipeline(bet, case.money, case.parameters, case.risk_multiplier)


def _kept(case: _Case, p: float, contracts: int) -> int:
    """How many of the contracts held Kelly would keep at p now that they have paid: Kelly without cost."""
    stop_atr = case.parameters.stop_atr
    free = Terms(case.payoff, case.atr_ticks, case.cost_ticks, stop_atr, charge_cost=False, slip_ticks=case.slip_ticks)
    if free.mean(p) <= 0.0:
        return 0
    money = case.money._replace(held=contracts)
    return min(contracts, size_pipeline(free.bet(p), money, case.parameters, case.risk_multiplier).contracts)


def _target(case: _Case, size: Size, p: float) -> tuple[int, bool]:
    """Target on the forecast's side (below zero: still opposite), and whether only the round trip's cost keeps it."""
    if size.contracts >= case.held and (size.contracts > 0 or case.held == 0):
        return size.contracts, False
    if case.held > 0:
        kept = max(size.contracts, _kept(case, p, case.held))
        return kept, kept > size.contracts
    kept = _kept(case, 1.0 - case.p_side, -case.held)
    return -kept, kept > 0


def _believed_target(case: _Case, size: Size, p_low: float, target: int) -> int:
    """What the target would be if p were believed as it stands, without the slope's lower bound."""
    p = case.p_side
    if p <= p_low or (p <= case.break_even and case.held <= 0):
        return target
    if size.contracts > 0 and size.contracts >= ceiling(case.money, case.parameters):
        return target
    believed = _entry_size(case, p) if _enters(case, p) else _NOTHING  # full Kelly need not be shown a second time
    return _target(case, believed, p)[0]


def _micros(
    forecast: Forecast,
    payoff: Payoff,
    state: MarketState,
    account: Account,
    instrument: Instrument,
    micro: Instrument,
    parameters: SizingParameters,
    risk_multiplier: float,
) -> int:
    """Micros that the same pipeline gives, with the micro's own cost and tick."""
    atr_ticks = state.atr_ticks * instrument.tick_size / micro.tick_size
    scaled = MarketState(state.symbol, state.close_time_ns, state.close_ticks, atr_ticks)
    wanted = recommend(forecast, payoff, scaled, account, micro, parameters, risk_multiplier, symbol=micro.root)
    return abs(wanted.target)


def _entry_step(case: _Case, p_low: float) -> Step:
    enters = _enters(case, p_low)
    reason = "p and p_low pass the entry rule." if enters else "The entry rule fails: nothing is added."
    return Step("entry_rule", case.break_even, p_low, "probability", reason)


def _reason(
    case: _Case, size: Size, side: int, p_low: float, target: int, keeping: bool, micros: int, micro: Instrument | None
) -> str:
    """One sentence."""
    held, p, break_even = case.held, case.p_side, case.break_even
    word, opposite = ("long", "short") if side > 0 else ("short", "long")
    if keeping:
        kept = f"{word} {target}" if target > 0 else f"{opposite} {-target}"
        if abs(target) == abs(held):
            return (
                f"Keep {kept}: the change to {size.contracts} that Kelly wants after costs is not worth a round trip."
            )
        return (
            f"Reduce to {kept}: that much Kelly keeps of what has paid its costs; anew it would hold {size.contracts}."
        )
    if target > 0:
        verb = f"Flip to {word}" if held < 0 else f"Reduce to {word}" if target < held else word.capitalize()
        return f"{verb} {target}: p {p:.3f} against break-even {break_even:.3f}; held by {BOUND_WORDS[size.bound]}."
    lead = "No trade" if held == 0 else f"Close {word} {held}" if held > 0 else f"Close {opposite} {-held}"
    if p_low <= break_even:
        return f"{lead}: p_low {p_low:.3f} does not beat break-even {break_even:.3f}."
    if size.bound == "entry_rule":
        return f"{lead}: p {p:.3f} is below the confidence threshold {case.parameters.confidence_threshold:.3f}."
    if size.raw <= 0.0:
        return f"{lead}: {BOUND_WORDS[size.bound]} leaves nothing for new risk."
    offer = f"; {micros} {micro.root} carry equal risk" if micro is not None and micros else ""
    return f"{lead}: {size.raw:.2f} contracts round down to zero{offer}."


def _refused(symbol: str, forecast: Forecast, why: str) -> Recommendation:
    """Zero contracts, and the sentence that names the number.  No NaN goes on: p counts as a coin, break-even as 1."""
    return Recommendation(
        symbol=symbol,
        close_time_ns=forecast.close_time_ns,
        side=0,
        target=0,
        fraction=0.0,
        raw_contracts=0.0,
        p_side=_or_coin(forecast.p_side),
        p_low=_or_coin(forecast.p_low),
        break_even=1.0,
        stop_distance_ticks=0,
        r_cents=0,
        bound="invalid",
        reason=f"No trade: {why}.",
    )


def _or_coin(p: float) -> float:
    return p if 0.0 <= p <= 1.0 else 0.5
