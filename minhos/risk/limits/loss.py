"""Stops after losses: the day's, three in a row, the trailing drawdown, the risk level.

Each looks at the latched stop in the RiskState and at the account itself, so that a loss counts from the moment it
is seen, marked to market, and stays counted when prices come back.
"""

from __future__ import annotations

import math

from minhos.risk.limits.caps import flatten, stopped, unknown
from minhos.risk.parameters import RiskParameters
from minhos.risk.state import trailing_floor_cents
from minhos.risk.types import Cap, Level, RiskContext

INF = math.inf


class DailyLoss:
    """Cancel, flatten and nothing until the next trade date once the day's P&L, open positions included, is lost."""

    name = "daily loss"

    def __init__(self, parameters: RiskParameters) -> None:
        self._parameters = parameters

    def cap(self, context: RiskContext) -> Cap | None:
        stop, account = context.risk.day_stop, context.account
        if stop is not None and not account.trade_date > stop.trade_date:
            return stopped(self.name, context, stop)
        start, pnl = account.day_start_equity_cents, account.day_pnl_cents
        limit = self._parameters.day_loss_limit_cents(start)
        if -INF < -limit < pnl < INF and start < INF:
            return None
        if not (math.isfinite(start) and math.isfinite(pnl)):
            return unknown(self.name, context, day_start_equity=start, day_pnl=pnl)
        reason = f"the day's loss of {-pnl / 100:,.2f} reached the daily loss limit of {limit / 100:,.2f}"
        return flatten(self.name, reason, context.session_close_ns)


class ThreeLosses:
    """Cancel, flatten and no entries after so many losing trades in a row, for as long as is set."""

    name = "losses in a row"

    def __init__(self, parameters: RiskParameters) -> None:
        self._losses = max(1, parameters.max_consecutive_losses)

    def cap(self, context: RiskContext) -> Cap | None:
        risk, account = context.risk, context.account
        stop, losses = risk.loss_stop, account.losses_in_a_row
        if stop is not None:
            over = 0 < stop.until_ns <= context.time_ns or 0 < stop.trade_date < account.trade_date
            if not over:
                return stopped(self.name, context, stop)
        if -INF < losses - risk.losses_forgiven < self._losses:
            return None
        if not math.isfinite(losses):
            return unknown(self.name, context, losses_in_a_row=losses)
        return flatten(self.name, f"{losses} losing trades in a row", context.session_close_ns)


class TrailingDrawdown:
    """A prop firm's rule: flat for good once equity is so far below its highest, open profit included."""

    name = "trailing drawdown"

    def __init__(self, parameters: RiskParameters) -> None:
        self._parameters = parameters

    def cap(self, context: RiskContext) -> Cap | None:
        if self._parameters.trailing_drawdown_cents is None:
            return None
        risk, equity = context.risk, context.account.equity_cents
        if risk.trailing_stop is not None:
            return stopped(self.name, context, risk.trailing_stop)
        floor = trailing_floor_cents(risk.trailing_peak_cents, risk.trailing_start_cents, self._parameters)
        if floor < equity < INF or (math.isfinite(equity) and not risk.trailing_start_cents):
            return None
        if not math.isfinite(equity):
            return unknown(self.name, context, equity=equity)
        return flatten(self.name, f"equity {equity / 100:,.2f} fell to the trailing floor of {floor / 100:,.2f}")


class RiskLevel:
    """EMERGENCY: cancel, flatten, nothing until `resume`.  Milder levels act on size, through their multipliers."""

    name = "risk level"

    def __init__(self, parameters: RiskParameters) -> None:
        self._parameters = parameters

    def cap(self, context: RiskContext) -> Cap | None:
        risk = context.risk
        if risk.emergency is not None:
            return stopped(self.name, context, risk.emergency)
        level = risk.level(context.instrument.root)
        if level is not Level.EMERGENCY:
            return None
        reasons = [c.reason for c in risk.market(context.instrument.root).components if c.level is level]
        return flatten(self.name, f"EMERGENCY: {', '.join(reasons) or risk.drawdown.reason}; `resume` ends it")
