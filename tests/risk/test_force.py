"""A person's side or size: what becomes of the recommendation, who is named, and that every limit still holds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import CommandRefused
from minhos.market.types import NANOS_PER_MINUTE
from minhos.risk import state as risk
from minhos.risk.force import MOST_CONTRACTS, MOST_MINUTES, forced, forced_of, note, sentence_of
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Forced, RiskState, Stop
from minhos.testing.builders import MONDAY_OPEN, account, recommendation, risk_context

MANAGER = RiskManager(RiskParameters())
NOW = MONDAY_OPEN


def asking(side: str = "any", contracts: int = 0, until_ns: int = 0) -> RiskState:
    return RiskState(forced=Forced(side, contracts, "anna", "my own view", until_ns))


@pytest.mark.parametrize(
    ("side", "contracts", "wanted", "target", "bound"),
    [
        ("long", 2, -3, 2, "forced"),
        ("long", 2, 0, 2, "forced"),
        ("long", 2, 2, 2, "forced"),
        ("short", 4, 1, -4, "forced"),
        ("any", 4, 2, 4, "forced size"),
        ("any", 1, -3, -1, "forced size"),
        ("any", 3, 1, 3, "forced size"),
        ("any", 3, -1, -3, "forced size"),
        ("any", 4, 0, 0, "kelly"),
        ("long", 0, 3, 3, "kelly"),
        ("long", 0, -3, 0, "forced side"),
        ("short", 0, 3, 0, "forced side"),
        ("flat", 0, 3, 0, "forced side"),
        ("flat", 0, -1, 0, "forced side"),
        ("flat", 0, 0, 0, "kelly"),
    ],
)
def test_what_a_side_or_a_size_makes_of_the_recommendation(side, contracts, wanted, target, bound):
    found = forced(recommendation(wanted), asking(side, contracts), NOW)
    assert (found.target, found.side, found.bound) == (target, (target > 0) - (target < 0), bound)
    step = found.trace[-1]
    assert (step.name, step.before, step.after, step.unit) == ("forced", abs(wanted), abs(target), "contracts")
    assert "by anna (my own view)" in step.reason
    assert found.reason == f"{step.reason} Kelly: worth it"
    assert note(found) == step.reason


@pytest.mark.parametrize("state", [RiskState(), asking("long", 2, until_ns=NOW), asking("long", 2, until_ns=1)])
def test_the_very_same_recommendation_where_nothing_is_forced(state):
    wanted = recommendation(2)
    assert forced(wanted, state, NOW) is wanted
    assert note(wanted) == ""


def test_until_its_last_moment_it_holds():
    assert forced(recommendation(2), asking("short", 1, until_ns=NOW + 1), NOW).target == -1


@pytest.mark.parametrize(
    ("side", "contracts", "kept", "target"),
    [
        ("long", 2, 0, 0),
        ("long", 2, 1, 1),
        ("long", 2, 3, 2),
        ("long", 2, -1, 0),
        ("short", 0, 2, 0),
        ("flat", 0, 2, 0),
    ],
)
def test_without_a_stop_distance_nothing_is_entered(side, contracts, kept, target):
    without = msgspec.structs.replace(recommendation(kept), stop_distance_ticks=0, reason="no forecast")
    found = forced(without, asking(side, contracts), NOW)
    assert found.target == target
    assert found.reason == "no forecast"
    assert ("no stop distance is known" in note(found)) == (side == "long" and abs(kept) <= 1)


@given(
    st.sampled_from(["long", "short", "flat", "any"]),
    st.integers(0, 9),
    st.integers(-9, 9),
    st.integers(-3, 3),
    st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_no_limit_is_passed_by_force(side, contracts, wanted, held, stopped):
    state = asking(side, contracts)
    if stopped:
        state = msgspec.structs.replace(state, halted=Stop("ann", "stop", 1))
    context = risk_context(wanted, position=held, risk=state)
    context = msgspec.structs.replace(context, recommendation=forced(context.recommendation, state, NOW))
    verdict = MANAGER.judge(context)
    assert abs(verdict.target) <= RiskParameters().max_position_size
    assert verdict.target == 0 or not stopped
    poor = msgspec.structs.replace(context, account=account(1_000_000), position=0)
    assert abs(MANAGER.judge(poor).target) * poor.recommendation.r_cents <= 1_000_000 * 0.10


def test_the_forecasts_confidence_is_not_asked_where_side_and_size_are_a_persons():
    for side, contracts, target, bound in (("short", 2, -2, ""), ("any", 4, 0, "min confidence")):
        state = asking(side, contracts)
        context = risk_context(2, p=0.61, risk=state)
        context = msgspec.structs.replace(context, recommendation=forced(context.recommendation, state, NOW))
        verdict = MANAGER.judge(context)
        assert (verdict.target, verdict.bound) == (target, bound)


def test_force_and_unforce_are_remembered_over_a_restart_and_end_by_the_clock():
    payload = {"side": "long", "contracts": 2, "minutes": 30.0}
    state = risk.on_command(RiskState(), "force", "anna", "why not", NOW, 1, payload=payload)
    state = msgspec.json.decode(msgspec.json.encode(state), type=RiskState)
    end = NOW + 30 * NANOS_PER_MINUTE
    assert state.forced == Forced("long", 2, "anna", "why not", end)
    assert risk.on_mark(state, RiskParameters(), account(), end - 1).forced is not None
    assert risk.on_mark(state, RiskParameters(), account(), end).forced is None
    assert risk.on_command(state, "unforce", "anna", "", NOW, 1).forced is None
    assert sentence_of(state.forced) == "Forced to long 2 by anna (why not)"


WRONG = [
    {},
    {"side": "up", "contracts": 1},
    {"side": ["long"]},
    {"side": "flat", "contracts": 1},
    {"contracts": -1},
    {"contracts": 1.5},
    {"contracts": True},
    {"contracts": MOST_CONTRACTS + 1},
    {"contracts": "2"},
    {"side": "long", "minutes": -1},
    {"side": "long", "minutes": float("nan")},
    {"side": "long", "minutes": "5"},
    {"side": "long", "minutes": MOST_MINUTES + 1},
]


@pytest.mark.parametrize("payload", WRONG)
def test_what_means_nothing_is_refused_and_changes_nothing(payload):
    with pytest.raises(CommandRefused):
        forced_of(payload, "anna", "", NOW)
    before = asking("long", 1)
    assert risk.on_command(before, "force", "anna", "", NOW, 1, payload=payload) == before


RIGHT = [
    ({"side": "long"}, Forced("long", 0, "anna", "", 0)),
    ({"side": "flat"}, Forced("flat", 0, "anna", "", 0)),
    ({"contracts": 1}, Forced("any", 1, "anna", "", 0)),
    ({"contracts": MOST_CONTRACTS}, Forced("any", MOST_CONTRACTS, "anna", "", 0)),
    ({"side": "short", "minutes": 1}, Forced("short", 0, "anna", "", NOW + NANOS_PER_MINUTE)),
    ({"side": "long", "minutes": 0.5}, Forced("long", 0, "anna", "", NOW + NANOS_PER_MINUTE // 2)),
    (
        {"side": "long", "minutes": 7 * 24 * 60},
        Forced("long", 0, "anna", "", NOW + 7 * 24 * 60 * NANOS_PER_MINUTE),
    ),
    ({"side": "short", "contracts": 0, "minutes": 0}, Forced("short", 0, "anna", "", 0)),
]


@pytest.mark.parametrize(("payload", "word"), RIGHT)
def test_what_is_asked_for_is_remembered_as_it_was_said(payload, word):
    assert forced_of(payload, "anna", "", NOW) == word


@pytest.mark.parametrize(
    ("word", "words"),
    [
        (Forced("long", 2, "anna", "", 0), "Forced to long 2 by anna"),
        (Forced("short", 0, "anna", "", 0), "Forced to short only by anna"),
        (Forced("any", 3, "anna", "", 0), "Forced to size 3 by anna"),
        (Forced("flat", 0, "anna", "news", 0), "Forced to flat by anna (news)"),
    ],
)
def test_a_forced_side_or_size_in_words(word, words):
    assert sentence_of(word) == words


def test_there_is_no_note_without_a_recommendation_or_a_trace():
    assert note(None) == ""
    assert note(recommendation(2)) == ""


def test_a_week_and_a_thousand_contracts_are_the_most():
    assert (MOST_CONTRACTS, MOST_MINUTES) == (1_000, 7 * 24 * 60)


def test_a_stop_of_one_tick_is_known():
    near = msgspec.structs.replace(recommendation(0), stop_distance_ticks=1)
    assert forced(near, asking("long", 2), NOW).target == 2
