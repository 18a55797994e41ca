"""A broker that cannot be reached while something is at stake: one alarm per outage, and word of its end."""

from __future__ import annotations

from broker_desk import BrokerDesk
from trading_desk import SYMBOL

from minhos.market.types import NANOS_PER_SECOND
from minhos.trading.outage import REPORT_AFTER_NS
from minhos.trading.venue import OrderStatus, VenueStatus

REPORT_AFTER_S = REPORT_AFTER_NS // NANOS_PER_SECOND


def outages(desk: BrokerDesk) -> list[str]:
    """The alarms about outages that lasted, and about their ends."""
    return [text for text in desk.alarms if "could not be sent for" in text or "can be sent again" in text]


def wait(desk: BrokerDesk, seconds: int) -> None:
    """So long the engine looks at the broker every second, and hears nothing."""
    for _ in range(seconds):
        desk.clock.advance_to(desk.clock.now_ns() + NANOS_PER_SECOND)
        desk.engine.poll_venue()


def lose(desk: BrokerDesk, reason: str = "the cable is out.") -> None:
    desk.hear(VenueStatus(desk.clock.now_ns(), False, reason))


def find(desk: BrokerDesk) -> None:
    desk.hear(VenueStatus(desk.clock.now_ns(), True))


def test_a_trader_that_starts_with_a_position_and_without_a_broker_says_so_once():
    before = BrokerDesk()
    entry = before.enter()
    desk = BrokerDesk(journal=before.journal, connected=False)
    n_before = len(outages(desk))
    wait(desk, REPORT_AFTER_S - 1)
    assert outages(desk)[n_before:] == []
    wait(desk, 3 * REPORT_AFTER_S)
    (told,) = outages(desk)[n_before:]
    assert f"for {REPORT_AFTER_S} s while {entry.contracts:+d} {SYMBOL} is held: not connected yet." in told


def test_the_end_of_an_outage_is_told_once_and_the_next_one_is_told_again():
    desk = BrokerDesk()
    desk.enter()
    for number in (1, 2):
        lose(desk)
        wait(desk, REPORT_AFTER_S + 5)
        assert len(outages(desk)) == 2 * number - 1
        assert "the cable is out. Only what rests" in outages(desk)[-1]
        find(desk)
        wait(desk, 2 * REPORT_AFTER_S)
        assert outages(desk)[2 * number - 1 :] == [f"Orders can be sent again, after {REPORT_AFTER_S + 5} s."]


def test_another_reason_on_the_way_is_the_same_outage():
    desk = BrokerDesk()
    desk.enter()
    lose(desk)
    wait(desk, REPORT_AFTER_S - 10)
    lose(desk, "the account is being asked for")
    wait(desk, 11)
    assert len(outages(desk)) == 1
    lose(desk, "the cable is out again")
    wait(desk, 2 * REPORT_AFTER_S)
    assert len(outages(desk)) == 1


def test_an_unanswered_order_is_at_stake_too():
    desk = BrokerDesk()
    entry = desk.order_entry()
    desk.say(entry.order_id, OrderStatus.UNKNOWN)
    lose(desk)
    wait(desk, REPORT_AFTER_S + 1)
    assert [text for text in outages(desk) if "while 1 order is unanswered:" in text] == outages(desk) != []


def test_nothing_at_stake_and_a_short_loss_raise_no_alarm_and_no_end():
    desk = BrokerDesk()
    lose(desk)
    wait(desk, 3 * REPORT_AFTER_S)
    find(desk)
    desk.enter()
    lose(desk)
    wait(desk, REPORT_AFTER_S - 1)
    find(desk)
    wait(desk, REPORT_AFTER_S)
    assert outages(desk) == []
