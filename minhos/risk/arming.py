"""What `arm` and `disarm` leave in risk's memory, and what an `arm` command carries.

Whether live trading may be armed is asked before, by `services.arming`; here it is only remembered, with the evidence
that was gathered on paper, which counts in live trading for the same instrument and recipe.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from minhos.risk.evidence import Evidence, EvidenceState
from minhos.risk.types import Arming, RiskState

Payload = Mapping[str, str | int | float | bool]


def arm_payload(evidence: Evidence | None, unproven_words: str = "") -> dict[str, str | int | float | bool]:
    """An `arm` command's fields.  unproven_words: those with which a person accepts an edge that is not proven."""
    payload: dict[str, str | int | float | bool] = {"unproven": bool(unproven_words), "words": unproven_words}
    if evidence is not None:
        payload["evidence"] = msgspec.json.encode(evidence).decode()
    return payload


def arm(state: RiskState, who: str, time_ns: int, payload: Payload) -> RiskState:
    """Live orders are allowed from here on, until `disarm`."""
    arming = Arming(who, time_ns, bool(payload.get("unproven", False)), str(payload.get("words", "")))
    return msgspec.structs.replace(_proven_before(state, payload), armed=True, arming=arming)


def disarm(state: RiskState) -> RiskState:
    """No live order that adds to a position."""
    return msgspec.structs.replace(state, armed=False, arming=None)


def _proven_before(state: RiskState, payload: Payload) -> RiskState:
    """With the evidence from paper where it is of the recipe that trades here, and knows more.

    What degraded here stays degraded, and what a simulated market proved counts for nothing.
    """
    try:
        evidence = msgspec.json.decode(str(payload.get("evidence", "")), type=Evidence)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return state
    market = state.market(evidence.instrument)
    here = market.evidence
    if evidence.simulated or here.state is EvidenceState.DEGRADED or here.recipe not in ("", evidence.recipe):
        return state
    if evidence.bets <= here.bets:
        return state
    merged = msgspec.structs.replace(market, evidence=evidence)
    return msgspec.structs.replace(state, markets={**state.markets, evidence.instrument: merged})
