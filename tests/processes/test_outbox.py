"""When a channel is told what: the critical ones all, the others in a few messages, and nobody at night for nothing."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.assembly.alert_routes import Quiet, Route
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.outbox import AGAIN_NS, CRITICAL_AGAIN_NS, MOST_A_WINDOW, WINDOW_NS, Outbox
from minhos.views.messages import Message, Severity

S = NANOS_PER_SECOND
BERLIN = ZoneInfo("Europe/Berlin")


def message(text: str, severity: Severity = Severity.CRITICAL, key: str = "", kind: str = "alarm") -> Message:
    return Message(kind, severity, key or text, text)


def told(outbox: Outbox, seconds: int, from_s: int = 0) -> list[tuple[int, str]]:
    """What it hands over, by second."""
    out = []
    for at_s in range(from_s, from_s + seconds):
        parcel = outbox.due(at_s * S)
        if parcel is not None:
            outbox.settle(parcel, at_s * S)
            out.append((at_s, parcel.text))
    return out


def test_a_storm_is_five_messages_a_minute_and_no_critical_one_is_lost() -> None:
    outbox = Outbox(Route(Severity.INFO))
    for n in range(10_000):
        outbox.add(message(f"fill {n}", Severity.INFO, kind="fill"))
    outbox.add(message("unprotected"))
    for n in range(60):
        outbox.add(message(f"alarm {n}"))
    given = told(outbox, 60)
    assert len(given) <= MOST_A_WINDOW
    whole = "\n".join(text for _, text in given)
    for text in ["- unprotected", *(f"- alarm {n}\n" for n in range(60))]:
        assert text in whole
    assert "of the kind fill" in whole
    assert outbox.waiting == ()


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(list(Severity)), st.text("ab", min_size=1, max_size=3)),
        max_size=60,
    ),
    st.integers(50, 4000),
)
def test_whatever_comes_no_minute_has_more_and_every_critical_text_is_told(come, length) -> None:
    outbox, given, failing = Outbox(Route(Severity.WARNING)), list[tuple[int, str]](), False
    by_second: dict[int, list[Message]] = {}
    for at_s, severity, text in come:
        by_second.setdefault(at_s, []).append(message((text * length)[:length] + text, severity))
    for at_s in range(1_500):
        for one in by_second.get(at_s, []):
            outbox.add(one)
        parcel = outbox.due(at_s * S)
        failing = not failing
        if parcel is not None and not failing:
            outbox.settle(parcel, at_s * S)
            given.append((at_s, parcel.text))
    for at_s, _ in given:
        assert sum(at_s <= other < at_s + WINDOW_NS // S for other, _ in given) <= MOST_A_WINDOW
    whole = "\n".join(text for _, text in given)
    for one in (one for ones in by_second.values() for one in ones if one.severity is Severity.CRITICAL):
        assert one.text[:2_900] in whole


@pytest.mark.parametrize(
    ("severity", "again_ns"), [(Severity.WARNING, AGAIN_NS), (Severity.CRITICAL, CRITICAL_AGAIN_NS)]
)
def test_what_was_told_is_not_told_again_for_a_while_and_then_with_its_number(severity, again_ns) -> None:
    outbox = Outbox(Route())
    outbox.add(message("no broker", severity))
    assert told(outbox, 2) == [(0, "no broker")]
    for _ in range(3):
        outbox.add(message("no broker", severity))
    again_s = again_ns // S
    assert told(outbox, again_s + 10, from_s=2) == [(again_s, "no broker (3 times)")]


def test_what_has_changed_is_told_at_once() -> None:
    outbox = Outbox(Route())
    outbox.add(message("the venue takes no orders", key="venue"))
    assert told(outbox, 1) == [(0, "the venue takes no orders")]
    outbox.add(message("the venue takes orders again", Severity.WARNING, key="venue"))
    assert told(outbox, 5, from_s=1) == [(1, "the venue takes orders again")]


def test_what_is_over_before_it_was_told_is_told_as_it_is_now() -> None:
    gone, back = (
        message(text, severity, key="venue")
        for text, severity in (("gone", Severity.CRITICAL), ("back", Severity.WARNING))
    )
    outbox = Outbox(Route())
    for one in (gone, back, gone, back):
        outbox.add(one)
    parcel = outbox.due(0)
    assert parcel is not None
    assert (parcel.text, parcel.severity) == ("back", Severity.WARNING)
    least = Outbox(Route(Severity.CRITICAL))
    least.add(gone)
    least.add(back)
    assert least.due(0) is None, "who wants what is critical alone is not told what is over"


def test_what_comes_while_the_same_is_handed_over_waits() -> None:
    outbox = Outbox(Route())
    outbox.add(message("one", key="k"))
    parcel = outbox.due(0)
    outbox.add(message("two", key="k"))
    assert parcel is not None
    outbox.settle(parcel, 0)
    assert told(outbox, 1, from_s=1) == [(1, "two")]


@pytest.mark.parametrize(("hour", "held"), [(21, False), (22, True), (23, True), (3, True), (7, False), (12, False)])
def test_at_night_only_what_is_critical_goes(hour: int, held: bool) -> None:
    route = Route(Severity.INFO, Quiet(time(22), time(7), BERLIN))
    now_ns = round(datetime(2025, 12, 1, hour, tzinfo=BERLIN).timestamp()) * S
    outbox = Outbox(route)
    outbox.add(message("a fill", Severity.INFO))
    assert (outbox.due(now_ns) is None) is held
    outbox.add(message("unprotected"))
    parcel = outbox.due(now_ns)
    assert parcel is not None
    assert parcel.text == ("unprotected" if held else "a fill")


def test_less_than_asked_for_does_not_even_wait() -> None:
    outbox = Outbox(Route(Severity.CRITICAL))
    outbox.add(message("a fill", Severity.INFO))
    assert outbox.waiting == ()


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    outbox = Outbox(Route())
    for n in range(5):
        outbox.add(message(f"alarm {n}"))
        told(outbox, 1, from_s=10_000 + 20 * n)
    outbox.add(message("alarm 0"))
    assert told(outbox, 30) == [(0, "alarm 0")]
