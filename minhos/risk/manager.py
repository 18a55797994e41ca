"""The risk manager: asks every limit, takes the smallest answer, and fails closed.

It can only make a target smaller: the side stays, the size never grows.  A limit that raises, or a user's limit that
answers nonsense, ends in "hold nothing" and EMERGENCY.  Sizing happens before, bookkeeping (`state`) after.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable

from minhos.risk.ladder import capped, step_of
from minhos.risk.limits.standard import standard_limits
from minhos.risk.parameters import Mode, RiskParameters
from minhos.risk.state import FAILED
from minhos.risk.types import Action, Cap, Level, Limit, RiskContext, RiskState, Verdict
from minhos.sizing.types import SizingParameters

_SEVERITY = {Action.NONE: 0, Action.NO_ADDS: 1, Action.FLATTEN: 2}


class RiskManager:
    """Judges recommendations.  limits: None for all standard ones; their order names the limit that bound.

    A function that makes them is called when the first recommendation is judged: who only folds a journal needs none.
    mode: the live ladder holds in "live" alone.
    """

    def __init__(
        self,
        parameters: RiskParameters,
        limits: Iterable[Limit] | Callable[[], Iterable[Limit]] | None = None,
        mode: Mode = "paper",
    ) -> None:
        self.parameters = parameters
        self.mode = mode
        self._given = limits

    @functools.cached_property
    def limits(self) -> tuple[Limit, ...]:
        """All limits, in the order in which they are asked."""
        if self._given is None:
            return standard_limits(self.parameters, mode=self.mode)
        return tuple(self._given() if callable(self._given) else self._given)

    def multiplier(self, state: RiskState, root: str = "") -> float:
        """Share of Kelly's size that the level leaves; of the worst instrument where no root is named."""
        return self.parameters.multiplier(state.level(root))

    def sizing(self, state: RiskState, parameters: SizingParameters) -> SizingParameters:
        """How to size now: in live mode Kelly's multiplier is at most the ladder's step, else as set."""
        return capped(parameters, step_of(state.ladder, self.parameters)) if self.mode == "live" else parameters

    def judge(self, context: RiskContext) -> Verdict:
        """What may be held, which limit bound and why.  Never raises, once the limits are made."""
        limits, limit = self.limits, None
        try:
            caps = []
            for limit in limits:
                cap = limit.cap(context)
                if cap is not None:
                    caps.append(cap)
            limit = None
            return _verdict(context, tuple(caps))
        except Exception as error:
            where = f"limit {limit.name!r} " if limit is not None else ""
            return _failed(context, f"the risk manager failed: {where}raised {type(error).__name__}: {error}")


def _verdict(context: RiskContext, caps: tuple[Cap, ...]) -> Verdict:
    """The minimum of the caps on the recommended side."""
    wanted = context.recommendation
    level = context.risk.level(context.instrument.root)
    size = abs(wanted.target)
    if not caps:
        return Verdict(wanted.symbol, wanted.close_time_ns, wanted.target, wanted.target, level, "", "no limit binds")
    allowed, bound, action = size, None, Action.NONE
    for cap in caps:
        contracts = cap.contracts
        if contracts is None and cap.action is Action.NO_ADDS:
            contracts = context.kept
        if contracts is not None and not contracts >= allowed:
            allowed, bound = max(0, operator.index(contracts)), cap
        if _SEVERITY[cap.action] > _SEVERITY[action]:
            action = cap.action
    if action is Action.FLATTEN:
        allowed, bound = 0, next(cap for cap in caps if cap.action is Action.FLATTEN)
    target = allowed if wanted.target > 0 else -allowed
    name, reason = (bound.limit, bound.reason) if bound is not None else ("", "no limit binds")
    return Verdict(wanted.symbol, wanted.close_time_ns, wanted.target, target, level, name, reason, action, caps)


def _failed(context: RiskContext, reason: str) -> Verdict:
    """Hold nothing, at EMERGENCY."""
    wanted = context.recommendation
    cap = Cap(FAILED, 0, reason, Action.FLATTEN)
    return Verdict(
        wanted.symbol, wanted.close_time_ns, wanted.target, 0, Level.EMERGENCY, FAILED, reason, Action.FLATTEN, (cap,)
    )
