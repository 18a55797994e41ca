"""The venue's memory of orders: what an update means, in whatever order and however often updates come."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.accounting.types import Fill, Order, OrderType, Role
from minhos.dtc import messages as m
from minhos.dtc.messages.enums import BuySell, OrderStatus, OrderUpdateReason
from minhos.dtc.messages.enums import OrderType as DtcType
from minhos.errors import VenueError
from minhos.testing.builders import MNQ, MONDAY_OPEN
from minhos.trading.venue import OrderReport
from minhos.trading.venue import OrderStatus as Told
from minhos.venues.sierra.book import REMEMBERED_NS, SierraBook
from minhos.venues.sierra.survey import make_survey
from minhos.venues.sierra.tracked import Phase, Tracked, plan_release
from minhos.venues.sierra.wire import Route, bracket, single, time_ns_of

R, S = OrderUpdateReason, OrderStatus
ROUTE = Route("MNQZ25", "MNQZ25-CME", "Sim1", MNQ)
ENTRY = Order("E1", "MNQZ25", 1, 3, Role.ENTRY, stop_distance_ticks=120, stop_id="E1-S")


def book_with_bracket():
    book = SierraBook("Sim1")
    book.routes["MNQZ25"] = ROUTE
    book.expect_bracket(ENTRY, True, MONDAY_OPEN)
    return book


def update(name="E1", status=S.OPEN, reason=R.GENERAL_ORDER_UPDATE, filled=0, quantity=3, **fields):
    side = BuySell.BUY if name == "E1" else BuySell.SELL
    given = {"server_order_id": f"n-{name}", "trade_account": "Sim1", "symbol": ROUTE.symbol} | fields
    return m.OrderUpdate(
        client_order_id=name,
        order_status=int(status),
        order_update_reason=int(reason),
        buy_sell=int(side),
        filled_quantity=float(filled),
        order_quantity=float(quantity),
        **given,
    )


def partial(number, filled, contracts=1):
    status, reason = (S.FILLED, R.ORDER_FILLED) if filled == 3 else (S.PARTIALLY_FILLED, R.ORDER_FILLED_PARTIALLY)
    return update(
        status=status,
        reason=reason,
        filled=filled,
        last_fill_quantity=float(contracts),
        last_fill_price=20_000.0,
        last_fill_execution_id=f"X{number}",
    )


def take(book, *updates):
    return [news for each in updates for news in book.take(each, MONDAY_OPEN)]


@settings(deadline=None, max_examples=50)
@given(st.permutations([0, 0, 1, 1, 2, 2, 3]))
def test_fills_count_once_in_whatever_order_they_come(order):
    """Acceptance, and three partial fills that come twice."""
    updates = [partial(1, 1), partial(2, 2), partial(3, 3), update(reason=R.NEW_ORDER_ACCEPTED)]
    book = book_with_bracket()
    fills = [news for news in take(book, *(updates[i] for i in order)) if isinstance(news, Fill)]
    assert sorted(fill.fill_id for fill in fills) == ["X1", "X2", "X3"]
    assert book.fills.net == {"MNQZ25": 3}
    assert not book.lacks_fills("MNQZ25")
    assert not book.orders["E1"].is_open


def test_a_fill_that_is_missing_is_noticed_until_it_comes():
    book = book_with_bracket()
    take(book, partial(2, 3, contracts=2))
    assert book.lacks_fills("MNQZ25")
    assert "was not received" in book.survey_reason
    take(book, partial(1, 1))
    assert not book.lacks_fills("MNQZ25")


def test_a_stop_counts_from_its_entrys_first_fill_on():
    """The broker says a moment later that it rests; an exit in between must not cross it."""
    book = book_with_bracket()
    take(book, update("E1-S", S.PENDING_CHILD, R.NEW_ORDER_ACCEPTED))
    assert book.stops("MNQZ25") == []
    take(book, partial(1, 3, contracts=3))
    assert [stop.order.order_id for stop in book.stops("MNQZ25")] == ["E1-S"]
    assert book.uncovered("MNQZ25", -1) == 0


def test_a_stop_that_was_unknown_is_told_as_working_and_then_with_its_terms():
    """The trader may know nothing of it, or hold it to other terms; either way it understands these two."""
    book = book_with_bracket()
    stop = Order("S9", "MNQZ25", -1, 2, Role.STOP, OrderType.STOP, 79_880)
    book.adopt([(stop, 2)], {"MNQZ25": 2})
    news = take(book, update("S9", quantity=1, price1=19_970.0))
    assert [(report.status, report.order.contracts) for report in news] == [(Told.ACCEPTED, 1), (Told.RESIZED, 1)]


def test_of_a_leg_that_the_trader_has_not_heard_of_no_doubt_is_told():
    book = book_with_bracket()
    take(book, update("E1-S", S.PENDING_CHILD, R.NEW_ORDER_ACCEPTED))
    assert book.mark_unknown(book.orders["E1-S"], "no answer", MONDAY_OPEN) == []
    (report,) = take(book, update("E1-S", quantity=1, price1=19_970.0))
    assert report.status is Told.ACCEPTED


def test_a_leg_that_is_refused_while_its_entry_lives_is_told():
    book = book_with_bracket()
    take(book, partial(1, 3, contracts=3))
    (report,) = take(book, update("E1-S", S.REJECTED, R.NEW_ORDER_REJECTED, info_text="no stops here"))
    assert (report.status, report.reason, report.order.role) == (Told.REJECTED, "no stops here", Role.STOP)


def test_legs_that_end_with_an_entry_that_never_filled_are_not_told():
    book = book_with_bracket()
    news = take(book, *(update(name, S.REJECTED, R.NEW_ORDER_REJECTED) for name in ("E1", "E1-S", "E1-S-T")))
    assert [report.order_id for report in news] == ["E1"]


def test_a_refused_cancel_is_no_end_of_the_order():
    book = book_with_bracket()
    take(book, partial(1, 3, contracts=3), update("E1-S", price1=19_970.0))
    (report,) = take(book, update("E1-S", S.REJECTED, R.ORDER_CANCEL_REJECTED, server_order_id="", info_text="busy"))
    assert (report.status, report.reason) == (Told.CANCEL_REJECTED, "busy")
    assert book.orders["E1-S"].phase is Phase.WORKING


def test_a_number_that_was_replaced_does_not_come_back():
    book = book_with_bracket()
    first = update("E1-S", price1=19_970.0, server_order_id="n1")
    second = update(
        "E1-S", S.OPEN, R.ORDER_CANCEL_REPLACE_COMPLETE, quantity=1, server_order_id="n2", previous_server_order_id="n1"
    )
    news = take(book, partial(1, 3, contracts=3), first, second, first)
    assert book.orders["E1-S"].server_id == "n2"
    assert (book.order_id_of("n1"), book.order_id_of("n2")) == ("E1-S", "E1-S")
    numbers = [report.venue_id for report in news if isinstance(report, OrderReport) and report.order_id == "E1-S"]
    assert numbers[:2] == ["n1", "n2"]


def test_an_order_that_two_surveys_apart_is_not_listed_is_lost_and_may_come_up_again():
    book = book_with_bracket()
    later = MONDAY_OPEN + 10**10
    for after_ns in (0, 9 * 10**8):
        book.settle(make_survey(book, [], [], [], later + after_ns, later + after_ns, True), 10**9)
        assert book.orders["E1"].phase is Phase.SENT, "not before a second is over"
    book.settle(make_survey(book, [], [], [], later + 10**9, later + 10**9, True), 10**9)
    assert book.orders["E1"].phase is Phase.LOST
    take(book, update(reason=R.NEW_ORDER_ACCEPTED))
    assert book.orders["E1"].phase is Phase.WORKING


def test_an_order_just_sent_is_not_lost():
    book = book_with_bracket()
    book.settle(make_survey(book, [], [], [], MONDAY_OPEN, MONDAY_OPEN, True), 10**9)
    assert book.orders["E1"].phase is Phase.SENT


def test_a_survey_that_was_not_quiet_moves_no_position():
    book = book_with_bracket()
    take(book, partial(1, 3, contracts=3))
    book.settle(make_survey(book, [], [], [], MONDAY_OPEN, MONDAY_OPEN, False), 0)
    assert book.fills.net == {"MNQZ25": 3}
    book.settle(make_survey(book, [], [], [], MONDAY_OPEN, MONDAY_OPEN, True), 0)
    assert book.fills.net == {}


def test_a_fill_of_a_survey_counts_once_and_is_told_when_its_message_comes():
    book = book_with_bracket()
    take(book, update(reason=R.NEW_ORDER_ACCEPTED))
    row = m.HistoricalOrderFillResponse(
        symbol=ROUTE.symbol,
        server_order_id="n-E1",
        buy_sell=1,
        price=20_000.0,
        quantity=3.0,
        unique_execution_id="X1",
        trade_account="Sim1",
    )
    held = m.PositionUpdate(symbol=ROUTE.symbol, trade_account="Sim1", quantity=3.0)
    survey = make_survey(book, [], [held], [row], MONDAY_OPEN, MONDAY_OPEN, True)
    assert (survey.positions, survey.fills[0].fill.order_id) == ({"MNQZ25": 3}, "E1")
    book.settle(survey, 0)
    (fill,) = (news for news in take(book, partial(1, 3, contracts=3)) if isinstance(news, Fill))
    assert fill.fill_id == "X1"
    assert book.fills.net == {"MNQZ25": 3}


def test_what_ended_days_ago_is_forgotten():
    book = book_with_bracket()
    take(book, *(update(name, S.CANCELED, R.ORDER_CANCELED) for name in ("E1", "E1-S", "E1-S-T")))
    later = MONDAY_OPEN + REMEMBERED_NS + 1
    book.settle(make_survey(book, [], [], [], later, later, True), 0)
    assert book.orders == {}
    assert book.order_id_of("n-E1") == ""


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 5), max_size=5), st.integers(0, 25))
def test_what_is_released_leaves_the_oldest_stops_with_what_is_to_stay(sizes, keep):
    stops = [
        Tracked(Order(f"S{i}", "MNQZ25", -1, size, Role.STOP, OrderType.STOP, 1), phase=Phase.WORKING)
        for i, size in enumerate(sizes)
    ]
    changed = {stop.order.order_id: left for stop, left in plan_release(stops, keep)}
    left = [changed.get(stop.order.order_id, stop.remaining) for stop in stops]
    assert sum(left) == min(keep, sum(sizes))
    shrunk = [after < size for after, size in zip(left, sizes, strict=True)]
    assert all(after == 0 for after, older in zip(left[1:], shrunk, strict=False) if older)
    assert all(older <= newer for older, newer in itertools.pairwise(shrunk))


def test_a_bracket_carries_distances_not_prices():
    parent, legs = bracket(ENTRY, ROUTE, 80_000, 800)
    assert (parent.price1, parent.quantity, parent.is_parent_order) == (20_000.0, 3.0, 1)
    assert (legs.offset_from_parent1, legs.offset_from_parent2) == (120 * 0.25, 800 * 0.25)
    assert (legs.price1_1, legs.price1_2, legs.parent_trigger_client_order_id) == (0.0, 0.0, "E1")


def test_a_bracket_without_a_target_has_one_leg():
    _, legs = bracket(ENTRY, ROUTE, 80_000, 0)
    assert (legs.client_order_id_2, legs.quantity_2) == ("", 0.0)


@pytest.mark.parametrize("name", ["", "x" * 32])
def test_an_id_that_dtc_cannot_carry_is_refused(name):
    with pytest.raises(VenueError, match="DTC carries 1 to 31"):
        single(msgspec.structs.replace(ENTRY, order_id=name), ROUTE, 1)


@pytest.mark.parametrize("stamp", [1_759_757_400, 1_759_757_400_000, 1_759_757_400_000_000])
def test_stamps_in_seconds_milliseconds_and_microseconds_are_understood(stamp):
    assert time_ns_of(stamp, 7) == MONDAY_OPEN
    assert time_ns_of(0, 7) == 7


@pytest.mark.parametrize("numbers", [("n-E1-S", "n-E1-S"), ("n-E1-S", "r-7")])
def test_a_fill_without_an_execution_id_keeps_its_name_when_the_order_is_replaced(numbers):
    """Two contracts of a stop fill, before and after a replacement: as updates tell them and as surveys list them."""
    first, second = numbers
    book = book_with_bracket()
    take(book, partial(1, 3, contracts=3))
    told = take(
        book,
        update(
            "E1-S",
            filled=1,
            status=S.PARTIALLY_FILLED,
            reason=R.ORDER_FILLED_PARTIALLY,
            last_fill_quantity=1.0,
            last_fill_price=19_970.0,
            server_order_id=first,
        ),
        update(
            "E1-S",
            filled=1,
            reason=R.ORDER_CANCEL_REPLACE_COMPLETE,
            server_order_id=second,
            previous_server_order_id=first,
        ),
        update(
            "E1-S",
            filled=2,
            status=S.PARTIALLY_FILLED,
            reason=R.ORDER_FILLED_PARTIALLY,
            last_fill_quantity=1.0,
            last_fill_price=19_969.0,
            server_order_id=second,
        ),
    )
    rows = [
        m.HistoricalOrderFillResponse(
            symbol=ROUTE.symbol,
            trade_account="Sim1",
            server_order_id=number,
            buy_sell=int(BuySell.SELL),
            price=price,
            quantity=1.0,
            date_time=MONDAY_OPEN // 10**9,
        )
        for number, price in zip(numbers, (19_970.0, 19_969.0), strict=True)
    ]
    survey = make_survey(book, [], [], rows, MONDAY_OPEN, MONDAY_OPEN, True)
    listed = [each.fill.fill_id for each in survey.fills]
    assert listed == [news.fill_id for news in told if isinstance(news, Fill)] == ["E1-S-1", "E1-S-2"]


def test_an_order_sent_before_the_clock_was_set_back_is_lost_after_the_same_patience():
    book = book_with_bracket()
    back = MONDAY_OPEN - 3_600 * 10**9
    book.settle(make_survey(book, [], [], [], back, back, True), 10**9)
    assert book.orders["E1"].phase is Phase.SENT
    for _ in range(2):
        back += 2 * 10**9
        book.settle(make_survey(book, [], [], [], back, back, True), 10**9)
    assert book.orders["E1"].phase is Phase.LOST


# What the broker says that cannot be ----------------------------------------------------------------------------------


def filled_with(**changes):
    """A bracket whose entry's fill is told with these changes, what was reported of it, and the book."""
    book = book_with_bracket()
    book.fills.last_ticks["MNQZ25"] = 80_000
    take(book, update(reason=R.NEW_ORDER_ACCEPTED))
    told = take(book, msgspec.structs.replace(partial(1, 3, contracts=3), **changes))
    return book, [news for news in told if isinstance(news, Fill)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"last_fill_quantity": 48.0, "filled_quantity": 48.0}, [("MNQZ25", 1, 48)]),
        ({"buy_sell": int(BuySell.SELL)}, [("MNQZ25", -1, 3)]),
        ({"symbol": "ESZ25-CME"}, [("ESZ25-CME", 1, 3)]),
        ({"server_order_id": "another"}, []),
        ({"last_fill_price": 2_000_000.0}, []),
    ],
)
def test_a_fill_that_does_not_fit_is_told_as_it_came_and_counts_for_nothing(changes, told):
    book, fills = filled_with(**changes)
    assert [(fill.symbol, fill.side, fill.contracts) for fill in fills] == told
    assert (book.fills.net, book.orders["E1"].filled, book.orders["E1"].reported) == ({}, 0, 0)
    assert "does not fit" in book.survey_reason
    (true,) = [news for news in take(book, partial(1, 3, contracts=3)) if isinstance(news, Fill)]
    assert (true.contracts, book.fills.net) == (3, {"MNQZ25": 3})


def test_a_symbol_that_is_a_brokers_own_name_of_the_contract_is_no_other():
    _, fills = filled_with(symbol="F.US.MNQ December")
    assert [(fill.symbol, fill.contracts) for fill in fills] == [("MNQZ25", 3)]


def lost(book, name="E1-S"):
    """The lists lack that order for a second and more."""
    others = [update(other, filled=3 if other == "E1" else 0) for other in ("E1-S", "E1-S-T") if other != name]
    for i in range(2):
        at_ns = MONDAY_OPEN + 10**10 + i * 10**9
        book.settle(make_survey(book, others, [], [], at_ns, at_ns, True), 10**9)


def with_resting_legs():
    book = book_with_bracket()
    take(book, update(reason=R.NEW_ORDER_ACCEPTED), partial(1, 3, contracts=3))
    take(book, *(update(name, reason=R.NEW_ORDER_ACCEPTED, price1=19_970.0) for name in ("E1-S", "E1-S-T")))
    return book


def test_a_stop_that_the_lists_lack_is_in_the_way_of_an_exit_until_the_broker_says_that_it_is_no_more():
    book = with_resting_legs()
    lost(book)
    assert book.orders["E1-S"].phase is Phase.LOST
    assert ([stop.order.order_id for stop in book.stops("MNQZ25")], book.orphans()) == (["E1-S"], [])
    assert book.uncovered("MNQZ25", -1) == 0
    news = take(book, update("E1-S", S.REJECTED, R.ORDER_CANCEL_REJECTED))
    assert [report.status for report in news if isinstance(report, OrderReport)] == [Told.CANCEL_REJECTED]
    assert book.stops("MNQZ25") == []


def test_a_stop_that_the_lists_lacked_and_that_is_cancelled_is_told_as_cancelled():
    book = with_resting_legs()
    lost(book)
    (report,) = [
        news for news in take(book, update("E1-S", S.CANCELED, R.ORDER_CANCELED)) if isinstance(news, OrderReport)
    ]
    assert report.status is Told.CANCELLED


def test_an_order_that_had_ended_and_is_listed_for_a_second_can_be_taken_back():
    book = with_resting_legs()
    take(book, update("E1-S", S.CANCELED, R.ORDER_CANCELED))
    rows = [update("E1-S", price1=19_970.0, remaining_quantity=3.0)]
    for i in range(2):
        assert not book.orders["E1-S"].may_rest
        at_ns = MONDAY_OPEN + 10**10 + i * 10**9
        book.settle(make_survey(book, rows, [], [], at_ns, at_ns, True), 10**9)
    assert (book.orders["E1-S"].phase, book.orders["E1-S"].remaining) == (Phase.WORKING, 3)


FORGOTTEN = "A" * 24


def listed_leg(name, number, kind, status=S.OPEN, **fields):
    given = {"order_type": int(kind), "price1": 19_970.0, "server_order_id": number} | fields
    return update(name, status, **given)


def test_orders_of_our_form_that_no_journal_told_of_can_be_taken_back_and_their_fills_are_named():
    book = SierraBook("Sim1")
    book.routes["MNQZ25"] = ROUTE
    rows = [
        listed_leg(f"{FORGOTTEN}-T", "8", DtcType.LIMIT),
        listed_leg(FORGOTTEN, "7", DtcType.STOP, S.PARTIALLY_FILLED, filled=1),
    ]
    assert book.restate(rows, MONDAY_OPEN) == []  # the trader believes the second list
    (stop,) = book.stops("MNQZ25")
    assert (stop.server_id, stop.remaining, stop.lacks_fills, book.target(stop).server_id) == ("7", 2, False, "8")
    hit = listed_leg(
        FORGOTTEN,
        "7",
        DtcType.STOP,
        S.FILLED,
        reason=R.ORDER_FILLED,
        filled=3,
        last_fill_quantity=2.0,
        last_fill_price=19_970.0,
        last_fill_execution_id="X1",
    )
    (fill,) = [news for news in take(book, hit) if isinstance(news, Fill)]
    assert (fill.order_id, fill.role, fill.contracts) == (FORGOTTEN, Role.STOP, 2)


@pytest.mark.parametrize(
    "row",
    [
        listed_leg("mine", "7", DtcType.STOP),
        listed_leg("", "7", DtcType.STOP),
        listed_leg(FORGOTTEN, "7", DtcType.STOP, S.PENDING_CHILD),
        listed_leg(FORGOTTEN, "7", DtcType.STOP, S.CANCELED),
        listed_leg(FORGOTTEN, "7", DtcType.STOP, trade_account="Sim2"),
        listed_leg(FORGOTTEN, "7", DtcType.STOP, symbol="CLZ25"),
    ],
    ids=["another form", "no name", "waits", "ended", "another account", "another contract"],
)
def test_what_is_not_ours_or_does_not_work_is_not_taken_up(row):
    book = SierraBook("Sim1")
    book.routes["MNQZ25"] = ROUTE
    book.restate([row], MONDAY_OPEN)
    assert book.orders == {}
