"""How many contracts at most: position size, capital at risk, margin, and orders gone wild."""

from __future__ import annotations

import math

from minhos.market.types import NANOS_PER_MINUTE
from minhos.risk.limits.caps import no_adds, unknown
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Cap, RiskContext

INF = math.inf


class MaxPositionSize:
    """At most `max_position_size` contracts of one instrument."""

    name = "max position size"

    def __init__(self, parameters: RiskParameters) -> None:
        self._contracts = parameters.max_position_size

    def cap(self, context: RiskContext) -> Cap | None:
        if abs(context.recommendation.target) <= self._contracts:
            return None
        return Cap(self.name, self._contracts, f"max_position_size is {self._contracts} contracts")


class CapitalAtRisk:
    """All open stops together lose at most `max_capital_risk` of capital.

    What is held counts with its distance to its stops, what is added with R.
    """

    name = "capital at risk"

    def __init__(self, parameters: RiskParameters) -> None:
        self._share = parameters.max_capital_risk
        self._capital_cents = parameters.trading_capital_cents or INF

    def cap(self, context: RiskContext) -> Cap | None:
        recommendation, account = context.recommendation, context.account
        if recommendation.target == 0:
            return None
        equity, held, r_cents = account.equity_cents, account.stop_risk_cents, recommendation.r_cents
        if not (-INF < equity < INF and 0 <= held < INF):
            return unknown(self.name, context, equity=equity, stop_risk=held)
        kept = context.kept
        if not kept and context.position and len(account.positions) == 1:
            held = 0  # a flip closes all that is held
        added, budget = abs(recommendation.target) - kept, self._share * min(equity, self._capital_cents)
        if held > budget:
            reason = f"{self._may_lose(budget)}; {held / 100:,.0f} is at risk already"
            return Cap(self.name, _that_fit(context, held, budget), reason)
        if added <= 0:
            return None
        if not 0 < r_cents < INF:
            return unknown(self.name, context, R=r_cents)
        if added * r_cents <= budget - held:
            return None
        allowed = kept + math.floor((budget - held) / r_cents)
        reason = (
            f"{self._may_lose(budget)}; {held / 100:,.0f} is at risk already and a contract risks {r_cents / 100:,.0f}"
        )
        return Cap(self.name, allowed, reason)

    def _may_lose(self, budget_cents: float) -> str:
        return f"stops may lose {self._share:.0%} of capital, {budget_cents / 100:,.0f}"


def _that_fit(context: RiskContext, held_cents: float, budget_cents: float) -> int:
    """Contracts kept on the recommendation's side once the newest are closed whose stops lose too much together.

    What each contract risks is its own distance to its stop, so that this needs no forecast and no ATR.
    """
    account, symbol, instrument = context.account, context.recommendation.symbol, context.instrument
    leaving = instrument.stop_exit_cents()
    kept, last = context.kept, account.last_ticks.get(symbol, 0)
    for lot in reversed(account.position(symbol).lots):
        ticks = max(0, lot.side * (last - lot.stop_ticks)) if lot.stop_id else last
        each = ticks * instrument.tick_value_cents + leaving
        if each > 0:
            closed = min(lot.contracts, max(0, math.ceil((held_cents - budget_cents) / each)))
            kept, held_cents = kept - closed, held_cents - closed * each
    return max(0, kept)


class Margin:
    """Contracts that equity can carry: day margin, or overnight margin when the session's end is near."""

    name = "margin"

    def __init__(self, parameters: RiskParameters) -> None:
        self._overnight_ns = round(parameters.overnight_margin_before_close_minutes * NANOS_PER_MINUTE)
        self._holds_overnight = not parameters.flat_before_halt

    def cap(self, context: RiskContext) -> Cap | None:
        equity = context.account.equity_cents
        if not -INF < equity < INF:
            return unknown(self.name, context, equity=equity)
        overnight = self._holds_overnight and context.session_close_ns - context.time_ns <= self._overnight_ns
        instrument = context.instrument
        margin = instrument.overnight_margin_cents if overnight else instrument.day_margin_cents
        if margin <= 0:
            return None
        free = equity - self._other_margin_cents(context, overnight)
        if abs(context.recommendation.target) * margin <= free:
            return None
        allowed = max(0, free // margin)
        which = "overnight" if overnight else "day"
        reason = f"{free / 100:,.0f} of free equity carries {allowed} contracts at {which} margin {margin / 100:,.0f}"
        return Cap(self.name, allowed, reason)

    def _other_margin_cents(self, context: RiskContext, overnight: bool) -> int:
        """Margin of what is held in other contracts."""
        account, total = context.account, 0
        for position in account.positions:
            other = account.instruments.get(position.symbol)
            if other is not None and position.symbol != context.recommendation.symbol:
                margin = other.overnight_margin_cents if overnight else other.day_margin_cents
                total += abs(position.contracts) * margin
        return total


class Runaway:
    """Stops a loop that trades itself to death: orders a minute and a day, round trips and commission a day."""

    name = "runaway"

    def __init__(self, parameters: RiskParameters) -> None:
        self._a_minute = parameters.max_orders_a_minute
        self._orders = parameters.max_orders_a_day
        self._round_trips = parameters.max_round_trips_a_day
        self._share = parameters.max_commission_share_a_day

    def cap(self, context: RiskContext) -> Cap | None:
        account, times = context.account, context.risk.order_times_ns
        commission_limit = self._share * account.day_start_equity_cents
        if not commission_limit < INF:
            return unknown(self.name, context, day_start_equity=account.day_start_equity_cents)
        if len(times) >= self._a_minute:
            oldest = times[-self._a_minute] + NANOS_PER_MINUTE
            if context.time_ns < oldest:
                return no_adds(self.name, context, f"{self._a_minute} orders in one minute", oldest)
        end = context.session_close_ns
        if not 0 <= account.orders_day < self._orders:
            return no_adds(self.name, context, f"{account.orders_day} orders today; {self._orders} are allowed", end)
        if not 0 <= account.round_trips_day < self._round_trips:
            reason = f"{account.round_trips_day} round trips today; {self._round_trips} are allowed"
            return no_adds(self.name, context, reason, end)
        if account.commission_day_cents and not -INF < account.commission_day_cents < commission_limit:
            reason = (
                f"commissions of {account.commission_day_cents / 100:,.2f} today reached {self._share:.1%} of equity"
            )
            return no_adds(self.name, context, reason, end)
        return None
