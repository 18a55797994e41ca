"""Arming: who, when and in which words, over restarts; what an edge without proof may trade; evidence from paper."""

from __future__ import annotations

import math

import msgspec
import pytest

from minhos.risk import state as risk
from minhos.risk.arming import arm_payload
from minhos.risk.evidence import Evidence, EvidenceState
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Arming, MarketRisk, RiskContext, RiskState
from minhos.testing.builders import MNQ, risk_context

LIVE = RiskManager(RiskParameters(), mode="live")
PROVEN = Evidence("NQ", "recipe", bets=900, log_maximum=math.log(25))
TRYING = Evidence("NQ", "recipe", bets=120)
WORDS = "one micro, my own test"


def armed(payload: dict | None = None, state: RiskState = RiskState()) -> RiskState:
    return risk.on_command(state, "arm", "ann", "", 7, 1, payload=payload)


def remembering(evidence: Evidence) -> RiskState:
    return RiskState(markets={"NQ": MarketRisk(evidence=evidence)})


def bound(context: RiskContext) -> tuple[int, str]:
    verdict = LIVE.judge(context)
    return verdict.target, verdict.bound


def test_arming_is_remembered_with_who_when_and_words_until_disarm():
    state = armed(arm_payload(None, WORDS))
    state = msgspec.json.decode(msgspec.json.encode(state), type=RiskState)
    assert (state.armed, state.arming) == (True, Arming("ann", 7, True, WORDS))
    state = risk.on_command(state, "disarm", "ann", "", 8, 1)
    assert (state.armed, state.arming) == (False, None)


def test_a_proven_edge_trades_live_only_while_armed():
    assert bound(risk_context(3, risk=remembering(PROVEN))) == (0, "armed")
    assert bound(risk_context(3, risk=armed(state=remembering(PROVEN)))) == (3, "")


def test_arming_alone_does_not_replace_proof():
    assert bound(risk_context(3, risk=armed())) == (0, "evidence")


def test_unproven_with_the_users_words_is_one_micro_and_nothing_of_a_full_contract():
    state = armed(arm_payload(TRYING, WORDS))
    assert bound(risk_context(3, risk=state)) == (0, "unproven live")
    assert bound(risk_context(3, risk=state, instrument=MNQ)) == (1, "unproven live")
    assert bound(risk_context(-3, risk=state, instrument=MNQ)) == (-1, "unproven live")
    assert bound(risk_context(3, risk=RiskState(), instrument=MNQ)) == (0, "armed")


def test_the_setting_that_accepts_no_proof_is_held_to_one_micro_as_well():
    manager = RiskManager(RiskParameters(accept_unproven=True), mode="live")
    assert manager.judge(risk_context(3, risk=armed(), instrument=MNQ)).target == 1


def test_once_proven_the_words_no_longer_bound_the_size():
    assert bound(risk_context(3, risk=armed(arm_payload(PROVEN, WORDS)))) == (3, "")


def test_evidence_from_paper_counts_in_live():
    assert armed(arm_payload(PROVEN)).market("NQ").evidence == PROVEN
    assert armed(arm_payload(PROVEN), remembering(TRYING)).market("NQ").evidence == PROVEN


@pytest.mark.parametrize(
    ("told", "here"),
    [
        (msgspec.structs.replace(PROVEN, simulated=True), TRYING),
        (msgspec.structs.replace(PROVEN, recipe="another"), TRYING),
        (PROVEN, msgspec.structs.replace(PROVEN, bets=950)),
        (msgspec.structs.replace(PROVEN, bets=2_000), msgspec.structs.replace(PROVEN, stage=2)),
    ],
    ids=["simulated", "another recipe", "older", "degraded here"],
)
def test_evidence_that_does_not_count_leaves_what_is_known_here(told, here):
    assert armed(arm_payload(told), remembering(here)).market("NQ").evidence == here


def test_evidence_that_cannot_be_read_arms_without_it():
    state = armed({"evidence": "{nonsense"})
    assert state.armed
    assert state.market("NQ").evidence.state is EvidenceState.UNPROVEN
