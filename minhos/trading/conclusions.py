"""What follows from the state besides decisions: that everything must be closed, and the record of a finished trade."""

from __future__ import annotations

from minhos.accounting.types import Role, Trade
from minhos.risk.types import RiskState
from minhos.trading import events as ev
from minhos.trading.state import TradingState


def demand_to_flatten(risk: RiskState) -> str:
    """Why everything must be closed, from the stops that are latched; empty where nothing demands it."""
    stops = (risk.emergency, risk.day_stop, risk.trailing_stop, risk.loss_stop, risk.halted, risk.paused)
    return next((stop.why for stop in stops if stop is not None and stop.flat), "")


def trade_record(state: TradingState, trade: Trade) -> ev.TradeClosed:
    """The trade with what its first decision knew (zeros for a manual trade)."""
    decision = next((state.decided[key] for key in trade.order_ids if key in state.decided), None)
    wanted = decision.recommendation if decision else None
    verdict = decision.verdict if decision else None
    return ev.TradeClosed(
        trade=trade,
        decided_ns=decision.close_time_ns if decision else 0,
        p=wanted.p_side if wanted else 0.0,
        p_low=wanted.p_low if wanted else 0.0,
        break_even=wanted.break_even if wanted else 0.0,
        fraction=wanted.fraction if wanted else 0.0,
        contracts_wanted=wanted.raw_contracts if wanted else 0.0,
        contracts_sent=sum(o.contracts for o in decision.orders if o.role in (Role.ENTRY, Role.ADD)) if decision else 0,
        bound=verdict.bound if verdict else "",
        level=verdict.level if verdict else state.risk.level(),
        bundle_id=decision.bundle_id if decision else "",
    )
