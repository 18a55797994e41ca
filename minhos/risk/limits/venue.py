"""What the venue demands: no new risk where it does not answer, or shows what our record does not explain."""

from __future__ import annotations

from minhos.risk.limits.caps import no_adds
from minhos.risk.types import Cap, RiskContext


class VenueReachable:
    """No adds while orders cannot be sent, one is unanswered, or the accounts were not compared yet."""

    name = "venue"

    def cap(self, context: RiskContext) -> Cap | None:
        if not context.venue_trouble:
            return None
        return no_adds(self.name, context, context.venue_trouble)


class Reconciled:
    """Flat-only where broker and journal disagree or somebody else trades in our account, until `resume`."""

    name = "reconciliation"

    def cap(self, context: RiskContext) -> Cap | None:
        stop = context.risk.distrust
        return None if stop is None else no_adds(self.name, context, f"{stop.why}; `resume` when that is settled")
