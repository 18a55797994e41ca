"""Is the forecast good enough to add on?  Confidence, agreement, members, model, evidence.

All but the evidence look only where something would be added: a held position is sizing's to shrink.  Where side and
size are a person's (`force`), confidence and agreement, which speak for the forecast's side, are not asked.
"""

from __future__ import annotations

import math

from minhos.market.instruments import is_micro
from minhos.risk.evidence import EvidenceState
from minhos.risk.limits.caps import no_adds, unknown
from minhos.risk.parameters import Mode, RiskParameters
from minhos.risk.types import Cap, RiskContext
from minhos.words import probability

INF = math.inf


class Confidence:
    """Adds need `min_confidence` of calibrated probability."""

    name = "min confidence"

    def __init__(self, parameters: RiskParameters) -> None:
        self._minimum = parameters.min_confidence

    def cap(self, context: RiskContext) -> Cap | None:
        if not context.adds or context.forced:
            return None
        p = context.recommendation.p_side
        if self._minimum <= p <= 1.0:
            return None
        if not 0.0 <= p <= 1.0:
            return unknown(self.name, context, p=p)
        return no_adds(self.name, context, f"p {probability(p)} is below min_confidence {probability(self._minimum)}")


class Agreement:
    """Adds need `min_agreement` of the present members on the forecast's side."""

    name = "min agreement"

    def __init__(self, parameters: RiskParameters) -> None:
        self._minimum = parameters.min_agreement

    def cap(self, context: RiskContext) -> Cap | None:
        forecast = context.forecast
        if forecast is None or not context.adds or context.forced:
            return None
        share = forecast.agreement
        if self._minimum <= share <= 1.0:
            return None
        if not 0.0 <= share <= 1.0:
            return unknown(self.name, context, agreement=share)
        return no_adds(self.name, context, f"{share:.0%} of the members agree; {self._minimum:.0%} are needed")


class Members:
    """Adds need `min_members` members that answered with a number."""

    name = "min members"

    def __init__(self, parameters: RiskParameters) -> None:
        self._minimum = parameters.min_members

    def cap(self, context: RiskContext) -> Cap | None:
        forecast = context.forecast
        if forecast is None or not context.adds:
            return None
        if len(forecast.members) >= self._minimum and math.isfinite(sum(forecast.members.values())):
            return None
        present = sum(map(math.isfinite, forecast.members.values()))
        if present < self._minimum:
            reason = f"{present} members are present; {self._minimum} are needed"
            return no_adds(self.name, context, f"{reason} (missing: {', '.join(forecast.missing) or 'not named'})")
        return unknown(self.name, context, **{m: p for m, p in forecast.members.items() if not math.isfinite(p)})


class ModelState:
    """No forecast, no adds."""

    name = "model state"

    def cap(self, context: RiskContext) -> Cap | None:
        forecast = context.forecast
        if forecast is None:
            return no_adds(self.name, context, "there is no forecast")
        if 0.0 <= forecast.p_up <= 1.0 and 0.0 <= forecast.p_low <= 1.0:
            return None
        return unknown(self.name, context, p_up=forecast.p_up, p_low=forecast.p_low)


class TradedPrices:
    """No adds by a model that learnt from prices that were never traded: its payoff is in false ticks."""

    name = "traded prices"

    def cap(self, context: RiskContext) -> Cap | None:
        if not context.adjusted or not context.adds or context.forced:
            return None
        return no_adds(
            self.name,
            context,
            f"the model was trained on adjusted prices ({context.adjusted}); train on unadjusted ones",
        )


class HoursLearnt:
    """No adds in hours that the model never saw."""

    name = "hours learnt"

    def cap(self, context: RiskContext) -> Cap | None:
        if context.rth or not context.regular_hours or not context.adds or context.forced:
            return None
        return no_adds(
            self.name, context, "the model was trained on regular hours alone; train on whole sessions for the night"
        )


def _accepted(context: RiskContext, by_setting: bool) -> bool:
    """Whether a person accepted an edge that is not proven."""
    arming = context.risk.arming
    return by_setting or (context.risk.armed and arming is not None and arming.unproven)


class EvidenceNeeded:
    """Live orders need a proven edge; an edge that degrades is halved, then stopped, in every mode."""

    name = "evidence"

    def __init__(self, parameters: RiskParameters, mode: Mode = "paper") -> None:
        self._live, self._accepts = mode == "live", parameters.accept_unproven

    def cap(self, context: RiskContext) -> Cap | None:
        evidence = context.risk.market(context.instrument.root).evidence
        if evidence.state is EvidenceState.DEGRADED:
            if evidence.stage >= 2:
                return no_adds(self.name, context, "the edge that was proven is gone; retrain")
            half = abs(context.recommendation.target) // 2
            return Cap(self.name, half, "the edge that was proven degrades; size is halved until a retrained model")
        if not self._live or _accepted(context, self._accepts):
            return None
        if evidence.simulated:
            return no_adds(self.name, context, "what a simulated market proved counts for nothing here")
        if evidence.state is EvidenceState.PROVEN:
            return None
        needed = evidence.bets_needed
        rest = "no edge so far" if needed is None else f"about {needed} more are needed at this rate"
        return no_adds(self.name, context, f"UNPROVEN: {evidence.bets} bets in the shadow book, {rest}")


class UnprovenLive:
    """Live, before the edge is proven, a person's word allows one micro contract and nothing of a full one."""

    name = "unproven live"

    def __init__(self, parameters: RiskParameters, mode: Mode = "paper") -> None:
        self._live, self._accepts = mode == "live", parameters.accept_unproven

    def cap(self, context: RiskContext) -> Cap | None:
        if not self._live or not _accepted(context, self._accepts):
            return None
        root = context.instrument.root
        evidence = context.risk.market(root).evidence
        if evidence.state is not EvidenceState.UNPROVEN and not evidence.simulated:
            return None
        if is_micro(root):
            return Cap(self.name, 1, "one micro contract until the edge is proven")
        return no_adds(self.name, context, f"until the edge is proven only a micro may trade, and {root} is none")
