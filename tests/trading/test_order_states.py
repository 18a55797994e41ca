"""The order state table and the order ids."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.accounting.types import Role
from minhos.errors import OrderStateError
from minhos.trading.order_ids import intent, order_id
from minhos.trading.order_states import (
    FINAL,
    TABLE,
    TRIGGER_OF_STATUS,
    UNANSWERED,
    OrderState,
    Trigger,
    transition,
)
from minhos.trading.venue import OrderStatus

S, T = OrderState, Trigger


def life(*triggers: Trigger) -> OrderState:
    state = S.INTENDED
    for trigger in triggers:
        state = transition(state, trigger)
    return state


@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        ((T.SEND, T.ACCEPT, T.FILL), S.FILLED),
        ((T.SEND, T.FILL, T.ACCEPT), S.FILLED),
        ((T.SEND, T.PARTIAL_FILL, T.ACCEPT, T.FILL), S.FILLED),
        ((T.SEND, T.ACCEPT, T.REQUEST_CANCEL, T.CANCEL), S.CANCELLED),
        ((T.SEND, T.ACCEPT, T.REQUEST_CANCEL, T.CANCEL, T.FILL), S.FILLED),
        ((T.SEND, T.ACCEPT, T.REQUEST_CANCEL, T.CANCEL_REJECT, T.FILL), S.FILLED),
        ((T.SEND, T.ACCEPT, T.REQUEST_CANCEL, T.FILL, T.CANCEL_REJECT), S.FILLED),
        ((T.SEND, T.ACCEPT, T.REQUEST_CANCEL, T.PARTIAL_FILL, T.CANCEL), S.CANCELLED),
        ((T.SEND, T.TIME_OUT, T.FILL), S.FILLED),
        ((T.SEND, T.TIME_OUT, T.ACCEPT), S.WORKING),
        ((T.TIME_OUT, T.DISOWN), S.REJECTED),
        ((T.ACCEPT, T.REQUEST_RESIZE, T.RESIZE, T.FILL), S.FILLED),
        ((T.ACCEPT, T.REQUEST_RESIZE, T.CANCEL_REJECT), S.WORKING),
    ],
)
def test_the_lives_that_happen(triggers, expected):
    assert life(*triggers) is expected


@pytest.mark.parametrize(
    ("state", "trigger"),
    [
        (S.FILLED, T.FILL),
        (S.FILLED, T.PARTIAL_FILL),
        (S.REJECTED, T.SEND),
        (S.WORKING, T.RELIST),
        (S.CANCELLED, T.SEND),
        (S.SENT, T.SEND),
        (S.UNKNOWN, T.SEND),
        (S.WORKING, T.DISOWN),
    ],
)
def test_what_cannot_be_stops_trading_and_names_both(state, trigger):
    with pytest.raises(OrderStateError, match=f"{state} .* {trigger}"):
        transition(state, trigger)


def test_only_an_intended_order_is_ever_sent():
    assert {state for state, trigger in TABLE if trigger is T.SEND} == {S.INTENDED}


def test_every_state_that_awaits_an_answer_can_time_out_and_unknown_can_be_resolved():
    for state in S:
        after = transition(state, T.TIME_OUT)
        assert after is (state if state in FINAL else S.UNKNOWN)
    assert {TABLE[S.UNKNOWN, t] for t in T if (S.UNKNOWN, t) in TABLE} >= {*FINAL, S.WORKING}


def test_a_final_state_leaves_only_by_a_late_fill_or_where_the_broker_lists_the_order_again():
    leaving = {(state, trigger) for (state, trigger), after in TABLE.items() if state in FINAL and after is not state}
    relisted = {(state, T.RELIST) for state in FINAL}
    assert leaving == {(S.CANCELLED, T.FILL), (S.REJECTED, T.FILL), *relisted}


def test_every_state_is_reached_and_every_report_has_its_trigger():
    assert {*TABLE.values(), S.INTENDED} == set(S)
    assert set(TRIGGER_OF_STATUS) == set(OrderStatus)


# What each trigger does to an order, told the other way round than the table: by the trigger, not by the state.
OPEN = {S.INTENDED, S.SENT, S.WORKING, S.RESIZE_SENT, S.CANCEL_SENT, S.UNKNOWN}
NOT_LEAVING = OPEN - {S.RESIZE_SENT, S.CANCEL_SENT}
LAWS = [
    # trigger, the states that it moves, where to, the states that stay as they are; every other is refused
    (T.SEND, {S.INTENDED}, S.SENT, set()),
    (T.ACCEPT, OPEN - {S.CANCEL_SENT}, S.WORKING, {S.CANCEL_SENT, *FINAL}),
    (T.REJECT, OPEN, S.REJECTED, {S.REJECTED, S.CANCELLED}),
    (T.PARTIAL_FILL, NOT_LEAVING, S.WORKING, {S.RESIZE_SENT, S.CANCEL_SENT, S.CANCELLED, S.REJECTED}),
    (T.FILL, OPEN | {S.CANCELLED, S.REJECTED}, S.FILLED, set()),
    (T.REQUEST_RESIZE, {S.WORKING, S.RESIZE_SENT}, S.RESIZE_SENT, set()),
    (T.RESIZE, OPEN - {S.CANCEL_SENT}, S.WORKING, {S.CANCEL_SENT, *FINAL}),
    (T.REQUEST_CANCEL, OPEN - {S.UNKNOWN}, S.CANCEL_SENT, {S.UNKNOWN}),
    (T.CANCEL, OPEN, S.CANCELLED, set(FINAL)),
    (T.CANCEL_REJECT, {S.WORKING, S.RESIZE_SENT, S.CANCEL_SENT}, S.WORKING, {S.UNKNOWN, *FINAL}),
    (T.TIME_OUT, OPEN, S.UNKNOWN, set(FINAL)),
    (T.DISOWN, {S.UNKNOWN}, S.REJECTED, set()),
    (T.RELIST, set(FINAL), S.WORKING, set()),
]


@pytest.mark.parametrize(("trigger", "moved", "to", "stays"), LAWS)
def test_what_a_trigger_does_in_every_state(trigger, moved, to, stays):
    for state in S:
        if state in moved | stays:
            assert transition(state, trigger) is (to if state in moved else state)
        else:
            with pytest.raises(OrderStateError, match=f"{state} cannot meet {trigger}"):
                transition(state, trigger)


def test_every_trigger_has_its_law_and_nothing_is_awaited_in_a_final_state():
    assert [law[0] for law in LAWS] == sorted(T, key=list(T).index)
    assert set(S) - OPEN == FINAL
    assert FINAL.isdisjoint(UNANSWERED)
    assert {state for state in OPEN if state in UNANSWERED} == {S.INTENDED, S.SENT, S.UNKNOWN}


@given(st.text(max_size=20), st.text(max_size=10), st.integers(0, 2**62), st.sampled_from(Role), st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_an_order_id_fits_the_wire_and_depends_on_the_intent_alone(account, symbol, decided_ns, role, number):
    name = order_id(intent(account, symbol, decided_ns, role, number))
    assert name == order_id(intent(account, symbol, decided_ns, role, number))
    assert len(name) == 24 <= 31
    assert set(name) <= set(string.ascii_uppercase + "234567")
    assert name != order_id(intent(account, symbol, decided_ns, role, number + 1))


def test_an_order_id_stays_what_it_was():
    assert order_id(b"paper-NQZ25-1759757700000000000-entry-0") == "S74FGZ7ZA57NS7VNQO2NQZEL"
