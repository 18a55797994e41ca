"""The matching engine: worked examples of every convention, on bars and on streamed prices."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.accounting.types import Fill, Order, OrderType, Role
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Price, Slice
from minhos.testing.builders import MONDAY_OPEN, NQ, bar
from minhos.trading.venue import OrderReport, OrderStatus
from minhos.venues.matching import MatchingParameters
from minhos.venues.paper import PaperVenue

SYMBOL = "NQZ25"
FREE = MatchingParameters(slippage_ticks=0, commission_cents=0)


def venue(**changes: int) -> PaperVenue:
    return PaperVenue({SYMBOL: NQ}, msgspec.structs.replace(FREE, **changes))


def closed(i: int, open_: int, high: int, low: int, close: int) -> Slice:
    one = bar(i, open_, high, low, close)
    return Slice(one.close_time_ns, (one,))


def entry(
    name: str = "E",
    side: int = 1,
    contracts: int = 1,
    stop: int = 100,
    *,
    decided: int = MONDAY_OPEN,
    role: Role = Role.ENTRY,
) -> Order:
    return Order(
        name,
        SYMBOL,
        side,
        contracts,
        role,
        stop_distance_ticks=stop,
        stop_id=f"{name}-stop" if stop else "",
        decided_ns=decided,
    )


def leaving(
    name: str = "X", side: int = -1, contracts: int = 1, *, role: Role = Role.EXIT, decided: int = MONDAY_OPEN
) -> Order:
    return Order(name, SYMBOL, side, contracts, role, decided_ns=decided)


def play(book: PaperVenue, moment: Slice) -> list[tuple[str, int, int]]:
    """Match a slice; the fills as (order, side x contracts, price)."""
    reports = book.match_open(moment) + book.match_range(moment)
    return [(r.order_id, r.side * r.contracts, r.price_ticks) for r in reports if isinstance(r, Fill)]


def send(book: PaperVenue, *orders: Order, time_ns: int = MONDAY_OPEN) -> None:
    for order in orders:
        assert [r.status for r in book.submit(order, time_ns)] == [OrderStatus.ACCEPTED]


def test_a_market_order_fills_at_the_next_open_with_slippage_and_commission_against_us():
    book = PaperVenue({SYMBOL: NQ})
    send(book, entry(contracts=2, stop=120))
    fill, stop = book.match_open(closed(0, 80_000, 80_010, 79_990, 80_005))
    assert fill == Fill(
        "E-1",
        "E",
        SYMBOL,
        1,
        2,
        80_000 + NQ.slippage_ticks,
        MONDAY_OPEN,
        2 * NQ.commission_cents,
        Role.ENTRY,
        expected_ticks=80_000,
    )
    assert stop.status is OrderStatus.ACCEPTED
    assert stop.order == Order(
        "E-stop", SYMBOL, -1, 2, Role.STOP, OrderType.STOP, 80_001 - 120, parent_id="E", decided_ns=MONDAY_OPEN
    )


def test_a_short_pays_its_slippage_downwards_and_is_stopped_above():
    book = venue(slippage_ticks=2)
    send(book, entry(side=-1))
    assert play(book, closed(0, 80_000, 80_010, 79_990, 80_005)) == [("E", -1, 79_998)]
    assert play(book, closed(1, 80_005, 80_098, 80_000, 80_050)) == [("E-stop", 1, 80_098 + 2)]


@pytest.mark.parametrize(
    ("low", "fills"), [(79_901, [("E", 1, 80_000)]), (79_900, [("E", 1, 80_000), ("E-stop", -1, 79_900)])]
)
def test_a_stop_is_active_in_the_very_bar_of_its_entry_and_triggers_on_touch(low, fills):
    book = venue()
    send(book, entry())
    assert play(book, closed(0, 80_000, 80_010, low, 80_005)) == fills


def test_a_gap_through_the_stop_fills_at_the_open():
    book = venue(slippage_ticks=1)
    send(book, entry())
    play(book, closed(0, 80_000, 80_010, 79_990, 80_005))
    moment = closed(1, 79_700, 79_750, 79_600, 79_700)
    assert book.match_open(moment) == []
    (fill,) = book.match_range(moment)
    assert (fill.price_ticks, fill.expected_ticks, fill.role, fill.parent_id) == (79_699, 79_700, Role.STOP, "E")


def test_a_stop_slips_by_its_own_setting_and_no_other_order_does():
    slipping = PaperVenue({SYMBOL: msgspec.structs.replace(NQ, stop_slippage_ticks=3)})
    send(slipping, entry())
    entered = 80_000 + NQ.slippage_ticks
    fills = play(slipping, closed(0, 80_000, 80_010, 79_700, 80_005))
    assert fills == [("E", 1, entered), ("E-stop", -1, entered - 100 - NQ.slippage_ticks - 3)]
    book = venue(stop_slippage_ticks=2)
    send(book, entry(side=-1))
    assert play(book, closed(0, 80_000, 80_200, 79_990, 80_005)) == [("E", -1, 80_000), ("E-stop", 1, 80_100 + 2)]


def test_the_nearest_of_several_stops_fills_first_and_each_closes_its_own_lot():
    book = venue()
    send(book, entry("A", stop=50), entry("B", contracts=2, stop=30))
    play(book, closed(0, 80_000, 80_010, 79_990, 80_005))
    assert play(book, closed(1, 80_000, 80_000, 79_900, 79_950)) == [("B-stop", -2, 79_970), ("A-stop", -1, 79_950)]


def test_without_a_bar_nothing_fills():
    book = venue()
    send(book, entry())
    assert play(book, Slice(MONDAY_OPEN + BAR_INTERVAL_NS, (), missing=(SYMBOL,))) == []
    assert play(book, closed(1, 80_050, 80_060, 80_040, 80_050)) == [("E", 1, 80_050)]


def test_delay_in_bars_lets_opens_pass():
    book = venue(delay_bars=1)
    send(book, entry())
    assert play(book, closed(0, 80_000, 80_010, 79_990, 80_005)) == []
    assert play(book, closed(1, 80_005, 80_010, 79_990, 80_005)) == [("E", 1, 80_005)]


def test_the_first_streamed_price_fills_and_the_bars_open_does_not_fill_again():
    book = venue()
    send(book, entry())
    fill, _ = book.on_price(Price(SYMBOL, MONDAY_OPEN, 80_000))
    assert (fill.price_ticks, fill.time_ns) == (80_000, MONDAY_OPEN)
    assert play(book, closed(0, 80_000, 80_010, 79_990, 80_005)) == []


def test_streamed_and_unstreamed_bars_give_the_same_fills():
    streamed, plain = venue(slippage_ticks=1), venue(slippage_ticks=1)
    by_price = []
    for i, levels in enumerate([(80_000, 80_010, 79_990, 80_005), (80_005, 80_010, 79_890, 79_900)]):
        if i == 0:
            send(streamed, entry())
            send(plain, entry())
        by_price += streamed.on_price(Price(SYMBOL, MONDAY_OPEN + i * BAR_INTERVAL_NS, levels[0]))
        by_price += streamed.match_open(closed(i, *levels)) + streamed.match_range(closed(i, *levels))
    by_bar = [
        r
        for i, levels in enumerate([(80_000, 80_010, 79_990, 80_005), (80_005, 80_010, 79_890, 79_900)])
        for r in plain.match_open(closed(i, *levels)) + plain.match_range(closed(i, *levels))
    ]
    assert by_price == by_bar
    assert len([r for r in by_bar if isinstance(r, Fill)]) == 2


def test_delay_in_milliseconds_waits_for_a_later_price():
    book = venue(delay_ms=250)
    send(book, entry())
    assert book.on_price(Price(SYMBOL, MONDAY_OPEN, 80_000)) == []
    fill, _ = book.on_price(Price(SYMBOL, MONDAY_OPEN + NANOS_PER_SECOND, 80_003))
    assert fill.price_ticks == 80_003


def test_an_order_sent_between_prices_never_fills_at_the_open_that_was_before_it():
    book = venue()
    book.on_price(Price(SYMBOL, MONDAY_OPEN, 80_000))
    sent = MONDAY_OPEN + 60 * NANOS_PER_SECOND
    send(book, entry(decided=sent), time_ns=sent)
    assert play(book, closed(0, 80_000, 80_100, 79_990, 80_090)) == []
    assert play(book, closed(1, 80_090, 80_100, 80_080, 80_090)) == [("E", 1, 80_090)]


def test_a_stop_that_came_to_rest_within_a_bar_does_not_see_the_range_before_it():
    book = venue()
    book.on_price(Price(SYMBOL, MONDAY_OPEN, 79_800))
    sent = MONDAY_OPEN + 60 * NANOS_PER_SECOND
    send(book, entry(decided=sent), time_ns=sent)
    book.on_price(Price(SYMBOL, sent + NANOS_PER_SECOND, 80_000))
    assert play(book, closed(0, 79_800, 80_050, 79_700, 80_010)) == []
    assert play(book, closed(1, 80_010, 80_050, 79_890, 80_010)) == [("E-stop", -1, 79_900)]


def test_a_stop_that_came_to_rest_within_a_bar_sees_its_close():
    book = venue()
    book.on_price(Price(SYMBOL, MONDAY_OPEN, 80_000))
    sent = MONDAY_OPEN + 60 * NANOS_PER_SECOND
    send(book, entry(decided=sent), time_ns=sent)
    book.on_price(Price(SYMBOL, sent + NANOS_PER_SECOND, 80_000))
    assert play(book, closed(0, 80_000, 80_050, 79_700, 79_880)) == [("E-stop", -1, 79_880)]


def test_a_streamed_price_triggers_a_stop_at_that_price():
    book = venue()
    send(book, entry())
    book.on_price(Price(SYMBOL, MONDAY_OPEN, 80_000))
    assert book.on_price(Price(SYMBOL, MONDAY_OPEN + NANOS_PER_SECOND, 79_901)) == []
    (fill,) = book.on_price(Price(SYMBOL, MONDAY_OPEN + 2 * NANOS_PER_SECOND, 79_897))
    assert (fill.order_id, fill.price_ticks) == ("E-stop", 79_897)
    assert play(book, closed(0, 80_000, 80_010, 79_800, 79_850)) == []


def test_a_price_of_the_next_bar_that_came_before_the_slice_belongs_to_the_next_bar():
    book = venue()
    send(book, entry())
    later = MONDAY_OPEN + BAR_INTERVAL_NS
    fill, _ = book.on_price(Price(SYMBOL, later, 80_005))
    assert fill.price_ticks == 80_005
    assert play(book, closed(0, 80_000, 80_010, 79_000, 80_005)) == []
    assert play(book, closed(1, 80_005, 80_010, 79_905, 79_950)) == [("E-stop", -1, 79_905)]


def test_a_stop_never_reverses_even_if_nobody_took_it_back_after_the_exit():
    book = venue()
    send(book, entry())
    play(book, closed(0, 80_000, 80_010, 79_990, 80_005))
    later = MONDAY_OPEN + BAR_INTERVAL_NS
    send(book, leaving(decided=later), time_ns=later)
    moment = closed(1, 80_005, 80_010, 79_800, 79_850)
    assert [r.order_id for r in book.match_open(moment)] == ["X"]
    (report,) = book.match_range(moment)
    assert report == OrderReport("E-stop", OrderStatus.CANCELLED, moment.close_time_ns, "nothing is left to close")


def test_a_reduced_lots_stop_is_resized_and_closes_the_rest_only():
    book = venue()
    send(book, entry(contracts=3))
    play(book, closed(0, 80_000, 80_010, 79_990, 80_005))
    later = MONDAY_OPEN + BAR_INTERVAL_NS
    send(book, leaving(contracts=2, role=Role.REDUCE, decided=later), time_ns=later)
    moment = closed(1, 80_005, 80_010, 79_800, 79_850)
    book.match_open(moment)
    (report,) = book.resize("E-stop", 1, moment.close_time_ns)
    assert (report.status, report.order.contracts) == (OrderStatus.RESIZED, 1)
    (fill,) = book.match_range(moment)
    assert (fill.order_id, fill.contracts) == ("E-stop", 1)


@pytest.mark.parametrize("contracts", [0, -1, 4])
def test_a_stop_is_never_resized_to_nothing_or_to_more(contracts):
    book = venue()
    send(book, entry(contracts=3))
    play(book, closed(0, 80_000, 80_010, 79_990, 80_005))
    (report,) = book.resize("E-stop", contracts, 0)
    assert (report.status, report.reason) == (
        OrderStatus.CANCEL_REJECTED,
        f"cannot be resized to {contracts}: the stop covers 3",
    )
    assert book.resize("nobody", 1, 0)[0].status is OrderStatus.CANCEL_REJECTED


def test_an_exit_that_comes_after_the_stop_has_nothing_left_to_close():
    book = venue(delay_bars=1)
    send(book, entry(decided=MONDAY_OPEN - BAR_INTERVAL_NS), leaving(decided=MONDAY_OPEN))
    assert play(book, closed(0, 80_000, 80_010, 79_800, 79_850)) == [("E", 1, 80_000), ("E-stop", -1, 79_900)]
    (report,) = book.match_open(closed(1, 79_850, 79_900, 79_800, 79_850))
    assert (report.order_id, report.status) == ("X", OrderStatus.CANCELLED)


def test_a_flip_is_a_close_and_an_entry_at_one_open():
    book = venue()
    send(book, entry("A", contracts=2))
    play(book, closed(0, 80_000, 80_010, 79_990, 80_005))
    later = MONDAY_OPEN + BAR_INTERVAL_NS
    send(book, leaving(contracts=2, decided=later), entry("B", side=-1, decided=later), time_ns=later)
    book.cancel("A-stop", later)
    moment = closed(1, 80_005, 80_010, 79_800, 79_850)
    assert play(book, moment) == [("X", -2, 80_005), ("B", -1, 80_005)]
    assert play(book, closed(2, 80_100, 80_106, 80_100, 80_105)) == [("B-stop", 1, 80_105)]


def test_cancel_takes_out_what_works_and_says_so_where_nothing_does():
    book = venue()
    send(book, entry())
    assert [r.status for r in book.cancel("E", 1)] == [OrderStatus.CANCELLED]
    assert [r.status for r in book.cancel("E", 2)] == [OrderStatus.CANCEL_REJECTED]
    assert play(book, closed(0, 80_000, 80_010, 79_990, 80_005)) == []


def test_the_same_id_twice_is_one_order():
    book = venue()
    send(book, entry(), entry())
    assert play(book, closed(0, 80_000, 80_010, 79_990, 80_005)) == [("E", 1, 80_000)]


@pytest.mark.parametrize(
    "bad",
    [
        Order("b", "ESZ25", 1, 1, Role.ENTRY),
        Order("b", SYMBOL, 0, 1, Role.ENTRY),
        Order("b", SYMBOL, 1, 0, Role.ENTRY),
        Order("b", SYMBOL, -1, 1, Role.STOP, OrderType.STOP),
    ],
)
def test_what_makes_no_sense_is_rejected_with_a_reason(bad):
    (report,) = venue().submit(bad, 0)
    assert report.status is OrderStatus.REJECTED
    assert report.reason


def test_partial_fills_grow_the_stop_and_never_move_it():
    book = venue(max_contracts_per_fill=2)
    send(book, entry(contracts=5))
    first = book.match_open(closed(0, 80_000, 80_010, 79_990, 80_005))
    assert [(r.contracts, r.price_ticks) for r in first if isinstance(r, Fill)] == [(2, 80_000)]
    second = book.match_open(closed(1, 80_050, 80_060, 80_040, 80_050))
    assert second[1].status is OrderStatus.RESIZED
    assert (second[1].order.contracts, second[1].order.trigger_ticks) == (4, 79_900)
    third = book.match_open(closed(2, 80_060, 80_060, 80_040, 80_050))
    assert [r.fill_id for r in first + second + third if isinstance(r, Fill)] == ["E-1", "E-2", "E-3"]
    assert third[1].order.contracts == 5


def test_an_entry_does_not_go_on_filling_when_its_stop_was_hit():
    book = venue(max_contracts_per_fill=2)
    send(book, entry(contracts=3))
    moment = closed(0, 80_000, 80_010, 79_800, 79_850)
    book.match_open(moment)
    cancelled, fill = book.match_range(moment)
    assert (cancelled.order_id, cancelled.status) == ("E", OrderStatus.CANCELLED)
    assert (fill.order_id, fill.contracts) == ("E-stop", 2)
    assert play(book, closed(1, 79_850, 79_900, 79_800, 79_850)) == []


def test_a_triggered_stop_that_fills_in_parts_goes_on_at_the_market():
    book = venue(max_contracts_per_fill=1)
    send(book, entry("A"), entry("B"))
    play(book, closed(0, 80_000, 80_010, 79_990, 80_005))
    book.restore(book.snapshot())
    later = MONDAY_OPEN + BAR_INTERVAL_NS
    for name in ("A", "B"):
        book.cancel(f"{name}-stop", later)
    send(book, Order("S", SYMBOL, -1, 2, Role.STOP, OrderType.STOP, 79_900, decided_ns=later), time_ns=later)
    assert play(book, closed(1, 80_000, 80_000, 79_890, 79_900)) == [("S", -1, 79_900)]
    assert play(book, closed(2, 79_950, 79_960, 79_940, 79_950)) == [("S", -1, 79_950)]


def test_a_restored_venue_fills_as_if_it_had_never_stopped():
    moments = [closed(0, 80_000, 80_010, 79_990, 80_005), closed(1, 80_005, 80_010, 79_850, 79_900)]
    book = venue()
    send(book, entry(contracts=2))
    book.match_open(moments[0])
    restored = venue()
    restored.restore(book.snapshot())
    for moment in moments:
        assert restored.match_range(moment) == book.match_range(moment)
    assert restored.snapshot() == book.snapshot()


def test_a_venue_that_forgot_everything_adopts_what_the_journal_knows():
    moments = [closed(0, 80_000, 80_010, 79_990, 80_005), closed(1, 80_050, 80_060, 79_850, 79_900)]
    book = venue(max_contracts_per_fill=2)
    order = entry(contracts=3)
    send(book, order)
    fill, rested = book.match_open(moments[0])
    restarted = venue(max_contracts_per_fill=2)
    restarted.adopt([(order, 1), (rested.order, 2)], {SYMBOL: 2})
    again = restarted.match_open(moments[1])
    assert (again[0].contracts, again[1].order.contracts) == (1, 3)
    assert again[0].fill_id != fill.fill_id
    stopped = restarted.match_range(moments[1])
    assert [(r.order_id, r.contracts, r.price_ticks) for r in stopped] == [("E-stop", 2, 79_900)]


steps = st.lists(
    st.tuples(
        st.sampled_from((Role.ENTRY, Role.ADD, Role.REDUCE, Role.EXIT, Role.FLATTEN)),
        st.sampled_from((1, -1)),
        st.integers(1, 4),
        st.integers(1, 60),
        st.integers(-50, 50),
        st.integers(0, 60),
    ),
    max_size=20,
)


@given(steps, st.integers(0, 2))
@settings(deadline=None, max_examples=50)
def test_what_reduces_never_reverses_whoever_forgets_whatever(rows, bound):
    """Nobody cancels or resizes a stop here; still no stop, exit or reduction turns the position round."""
    book, held, price = venue(max_contracts_per_fill=bound), 0, 80_000
    for i, (role, side, contracts, stop, move, reach) in enumerate(rows):
        start = MONDAY_OPEN + i * BAR_INTERVAL_NS
        opens = role in (Role.ENTRY, Role.ADD)
        send(
            book,
            entry(f"E{i}", side, contracts, stop, decided=start, role=role)
            if opens
            else leaving(f"X{i}", side, contracts, role=role, decided=start),
            time_ns=start,
        )
        moment = closed(i, price, price + reach, price - reach, price + min(reach, max(-reach, move)))
        price += move
        for report in book.match_open(moment) + book.match_range(moment):
            if isinstance(report, Fill):
                if report.role not in (Role.ENTRY, Role.ADD):
                    assert report.contracts <= abs(held)
                    assert report.side * held < 0
                held += report.side * report.contracts


def test_what_closes_does_not_wait_for_a_clock_that_is_ahead_of_the_market():
    """The machine's clock was four hours ahead when it was decided: the market would reach that time too late."""
    book, ahead = venue(), MONDAY_OPEN + 4 * 3_600 * NANOS_PER_SECOND
    send(book, entry(stop=0))
    assert play(book, closed(0, 80_000, 80_010, 79_990, 80_005)) == [("E", 1, 80_000)]
    send(book, leaving(decided=ahead), entry("LATER", stop=0, decided=ahead), time_ns=ahead)
    filled = []
    for second in range(0, 2 * BAR_INTERVAL_NS // NANOS_PER_SECOND, 10):
        price = Price(SYMBOL, MONDAY_OPEN + BAR_INTERVAL_NS + second * NANOS_PER_SECOND, 80_050)
        filled += [(r.order_id, second) for r in book.on_price(price) if isinstance(r, Fill)]
    assert filled == [("X", BAR_INTERVAL_NS // NANOS_PER_SECOND)], "after one bar, and nothing is opened"
