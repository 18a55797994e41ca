"""Each dial of the world's broker: what a client sees over DTC, and what the true books say."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest
from world_broker import MNQ_AT_BROKER, NEXT_AT_BROKER, PRICE, Desk

from minhos.dtc import messages as m
from minhos.dtc.messages.enums import OrderType
from minhos.testing.world import broker_faults as f


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


@pytest.fixture
def held(desk: Desk) -> Desk:
    """Two contracts, with stop and target."""
    assert not desk.bracket(1, 2, "E")
    assert (desk.held, desk.orders()) == (2, ["E-S", "E-T"])
    return desk


def test_the_true_books_group_what_ends_together(held: Desk) -> None:
    truth = held.broker.truth
    stop, target = truth.working
    assert (stop.kind, target.kind, stop.group, stop.parent != "") == ("stop", "limit", target.group, True)
    assert (truth.resting(MNQ_AT_BROKER, -1), truth.stops(MNQ_AT_BROKER, -1), truth.excess(MNQ_AT_BROKER)) == (2, 2, 0)
    before = truth.changes
    assert truth.working is truth.working
    held.price(PRICE - 50)
    assert (held.held, truth.working, truth.changes > before) == (0, (), True)
    assert [(fill.side, fill.contracts, fill.whose) for fill in truth.fills] == [(1, 2, "minhos"), (-1, 2, "minhos")]


LISTS = [
    ("orders", "empty", []),
    ("orders", "partial", ["E-S"]),
    ("orders", "doubled", ["E-S", "E-T", "E-S", "E-T"]),
    ("orders", "ended", ["E-S", "E-T", "E"]),
    ("positions", "empty", []),
    ("positions", "partial", []),
    ("positions", "doubled", [2, 2]),
    ("positions", "opposite", [-2]),
    ("fills", "empty", 0),
    ("fills", "doubled", 2),
]


@pytest.mark.parametrize(("which", "how", "shown"), LISTS)
def test_a_list_lies_and_the_books_do_not(held: Desk, which: str, how: str, shown: object) -> None:
    lists = {"orders": held.orders, "positions": held.positions, "fills": lambda: len(held.fills())}
    before = lists[which]()
    lie = held.begin(f.ListLie(for_ms=500, which=which, how=how, reconnect=False))
    assert (lists[which](), held.held, held.broker.truth.stops(MNQ_AT_BROKER, -1)) == (shown, 2, 2)
    held.end(lie)
    assert lists[which]() == before


def test_what_was_shown_is_remembered(held: Desk) -> None:
    broker = held.broker
    assert broker.shown_most(MNQ_AT_BROKER, -1, held.clock.monotonic_ns()) == 2, "by the word of the fill"
    held.begin(f.ListLie(for_ms=500, which="positions", how="opposite", reconnect=False))
    held.positions()
    assert broker.shown_most(MNQ_AT_BROKER, 1, held.clock.monotonic_ns()) == 2
    held.wait(5.0)
    at_ns = held.clock.monotonic_ns()
    assert (broker.shown_most(MNQ_AT_BROKER, -1, at_ns), broker.shown_most(MNQ_AT_BROKER, -1, at_ns - 10**10)) == (0, 2)


def test_a_stale_list_is_the_one_from_before(held: Desk) -> None:
    lies = [held.begin(f.ListLie(for_ms=1, which=w, how="stale", reconnect=False)) for w in ("orders", "positions")]
    held.price(PRICE - 50)
    assert (held.orders(), held.positions(), held.held) == (["E-S", "E-T"], [2], 0)
    for lie in lies:
        held.end(lie)
    assert (held.orders(), held.positions()) == ([], [])


def test_a_lie_may_begin_with_a_reconnection(held: Desk) -> None:
    held.begin(f.ListLie(for_ms=500, which="orders", how="empty"))
    held.wait(1.0)
    assert (held.connections(), held.orders()) == ("DC", [])


TOLD = [
    ("too_large", [(48.0, 1, MNQ_AT_BROKER, "Sim1")]),
    ("other_side", [(2.0, 2, MNQ_AT_BROKER, "Sim1")]),
    ("other_symbol", [(2.0, 1, NEXT_AT_BROKER, "Sim1")]),
    ("other_account", [(2.0, 1, MNQ_AT_BROKER, "Sim1"), (2.0, 1, MNQ_AT_BROKER, "Sim9")]),
    ("other_order", [(2.0, 1, MNQ_AT_BROKER, "Sim1"), (48.0, 1, MNQ_AT_BROKER, "Sim1")]),
    ("far_price", [(2.0, 1, MNQ_AT_BROKER, "Sim1")]),
]


@pytest.mark.parametrize(("how", "told"), TOLD)
def test_the_next_fill_is_told_as_what_it_is_not(desk: Desk, how: str, told: list[tuple[object, ...]]) -> None:
    desk.begin(f.FillLie(how=how))
    assert not desk.market(1, 2, "A")
    desk.wait(0.1)
    words = [(u.last_fill_quantity, u.buy_sell, u.symbol, u.trade_account) for u in desk.fills_heard()]
    assert (words, desk.held, {u.client_order_id for u in desk.fills_heard()}) == (told, 2, {"A"})
    assert len(desk.fills()) == 1
    assert not desk.market(-1, 2, "B")
    assert desk.fills_heard()[-1].last_fill_quantity == 2.0, "the lie is spent"


def test_a_fill_is_invented(held: Desk) -> None:
    held.begin(f.FillLie(how="invented", contracts=1))
    word = held.fills_heard()[-1]
    assert (word.client_order_id, word.last_fill_quantity, word.remaining_quantity) == ("E-T", 1.0, 1.0)
    assert (held.held, len(held.fills())) == (2, 1)


def test_words_come_late_twice_turned_round_or_never(desk: Desk) -> None:
    late = desk.begin(f.WordLie(for_ms=1, how="late", delay_ms=3_000))
    assert desk.market(1, 1, "A")
    assert (desk.held, desk.fills_heard()) == (1, [])
    desk.wait(3.0)
    assert [u.client_order_id for u in desk.fills_heard()] == ["A"]
    desk.end(late)
    twice = desk.begin(f.WordLie(for_ms=1, how="doubled"))
    assert not desk.market(1, 1, "B")
    assert [u.client_order_id for u in desk.fills_heard()] == ["A", "B", "B"]
    desk.end(twice)
    turned = desk.begin(f.WordLie(for_ms=1, how="reordered"))
    desk.market(1, 1, "C")
    words = [u.order_update_reason for u in desk.heard if isinstance(u, m.OrderUpdate) and u.client_order_id == "C"]
    assert words == [4, 2], "filled, then accepted"
    desk.end(turned)
    lost = desk.begin(f.WordLie(for_ms=1, how="lost", of="both"))
    assert desk.market(1, 1, "D")
    desk.end(lost)
    assert (desk.held, [u.client_order_id for u in desk.fills_heard()], len(desk.fills())) == (
        4,
        ["A", "B", "B", "C"],
        4,
    )


REFUSALS = [("close", "clip", "clip size"), ("close", "margin", "margin"), ("close", "band", "price band")]


@pytest.mark.parametrize(("what", "why", "text"), REFUSALS)
def test_a_close_is_refused(held: Desk, what: str, why: str, text: str) -> None:
    rejection = held.begin(f.Rejection(for_ms=1, what=what, why=why))
    assert text in held.market(-1, 2, "X")
    assert (held.held, held.orders()) == (2, ["E-S", "E-T"])
    if why == "clip":
        assert not held.market(-1, 1, "one at a time")
    held.end(rejection)
    assert not held.market(-1, 1, "Y")


def test_a_stop_an_entry_or_a_cancel_is_refused(held: Desk) -> None:
    held.begin(f.Rejection(for_ms=1, what="stop", why="band"))
    assert "price band" in held.stop(-1, 1, "S", PRICE - 100)
    held.begin(f.Rejection(for_ms=1, what="cancel", why="band"))
    assert "in flight" in held.cancel("E-S")
    held.begin(f.MarginRaised(for_ms=1))
    assert "margin" in held.bracket(1, 1, "F")
    balance = held.run(held.client.balances("Sim1"))
    assert balance[0].balance_available_for_new_positions == 0.0
    assert held.broker.truth.stops(MNQ_AT_BROKER, -1) == 2


def test_a_stop_that_is_passed_too_far_rests_unfilled(held: Desk) -> None:
    held.begin(f.StopsBeyondProtection(for_ms=1, ticks=8))
    held.price(PRICE - 100)
    stop = held.broker.truth.working[0]
    assert (held.held, stop.kind, stop.price_ticks) == (2, "limit", PRICE - 48)
    assert (held.broker.truth.stops(MNQ_AT_BROKER, -1), held.broker.truth.resting(MNQ_AT_BROKER, -1)) == (0, 2)
    held.price(PRICE - 48)
    assert (held.held, held.orders()) == (0, []), "it fills where the price comes back, and ends its sibling"


def test_within_its_protection_a_stop_fills(held: Desk) -> None:
    held.begin(f.StopsBeyondProtection(for_ms=1, ticks=8))
    held.price(PRICE - 45)
    assert held.held == 0


def test_stops_expire_at_the_close(held: Desk) -> None:
    held.begin(f.StopsExpire(for_ms=1))
    assert held.broker.truth.stops(MNQ_AT_BROKER, -1) == 2
    held.broker.market_closed()
    assert (held.held, held.orders()) == (2, ["E-T"])
    assert "closed" in held.market(-1, 2, "X")
    held.broker.market_opened()
    assert not held.market(-1, 2, "Y")


def test_the_risk_desk_leaves_nothing(held: Desk) -> None:
    held.begin(f.RiskDesk())
    assert (held.held, held.orders()) == (0, [])
    assert (held.fills_heard()[-1].client_order_id, held.broker.truth.fills[-1].whose) == ("", "desk")


def test_a_second_program_trades_and_leaves(held: Desk) -> None:
    second = held.begin(f.SecondProgram(for_ms=1, side=-1, contracts=3, our_ids=True))
    assert held.held == -1
    theirs = [order for order in held.broker.truth.working if order.whose == "other"]
    assert [(o.kind, o.contracts, len(o.client_id.removesuffix("-T"))) for o in theirs] == [
        ("stop", 3, 24),
        ("limit", 3, 24),
    ]
    assert held.broker.truth.excess(MNQ_AT_BROKER) == 2
    held.end(second)
    assert (held.held, held.orders()) == (2, ["E-S", "E-T"])


def test_a_hand_at_the_platform(held: Desk) -> None:
    held.begin(f.HandTrade(what="move_stop"))
    assert held.broker.truth.working[0].price_ticks == PRICE - 440
    held.begin(f.HandTrade(what="close"))
    assert (held.held, held.orders(), held.broker.truth.excess(MNQ_AT_BROKER)) == (0, ["E-S", "E-T"], 2)
    held.begin(f.HandTrade(what="cancel_stops"))
    assert held.orders() == ["E-T"]
    held.begin(f.HandTrade(what="sell", contracts=2))
    assert (held.held, held.broker.truth.fills[-1].whose) == (-2, "hand")


def test_a_cut_lasts(desk: Desk) -> None:
    cut = desk.begin(f.Cut(for_ms=1))
    desk.wait(2.0)
    assert (desk.connections()[:1], desk.broker.n_sessions, "C" in desk.connections()) == ("D", 0, False)
    desk.end(cut)
    desk.wait(2.0)
    assert (desk.connections()[-1], desk.broker.n_sessions, desk.market(1, 1, "A")) == ("C", 1, "")


@pytest.mark.parametrize(("deaf", "held"), [(False, 1), (True, 0)])
def test_a_line_is_half_open(desk: Desk, deaf: bool, held: int) -> None:
    silence = desk.begin(f.Silence(for_ms=1, deaf=deaf))
    assert desk.market(1, 1, "A")
    assert (desk.held, desk.fills_heard()) == (held, [])
    desk.end(silence)
    desk.wait(0.1)
    assert (desk.positions(), desk.connections()) == ([1] * held, "")


@pytest.mark.parametrize(("how", "seen"), [("refused", "DDD"), ("final", "D")])
def test_a_logon_is_refused(desk: Desk, how: str, seen: str) -> None:
    refusal = desk.begin(f.LogonRefused(for_ms=1, how=how))
    desk.wait(0.6)
    assert (desk.connections()[: len(seen)], desk.broker.n_sessions) == (seen, 0)
    desk.end(refusal)
    desk.wait(1.0)
    assert ("C" in desk.connections()) == (how == "refused")


def test_a_broker_that_does_not_trade_says_so_at_the_next_logon(desk: Desk) -> None:
    desk.begin(f.LogonRefused(for_ms=1, how="no_trading"))
    desk.wait(1.0)
    assert desk.client.logon is not None
    assert desk.client.logon.trading_is_supported == 0


def test_everything_is_slow(desk: Desk) -> None:
    slow = desk.begin(f.Slow(for_ms=1, delay_ms=700))
    began_ns = desk.clock.monotonic_ns()
    assert not desk.market(1, 1, "A")
    assert 0.7e9 <= desk.clock.monotonic_ns() - began_ns < 0.9e9
    desk.end(slow)


def test_fills_come_in_pieces_and_numbers_change(desk: Desk) -> None:
    desk.begin(f.Pieces(for_ms=1))
    assert not desk.market(1, 3, "A")
    assert desk.held == 1
    desk.price(PRICE)
    assert desk.held == 2
    desk.price(PRICE)
    assert (desk.held, [u.last_fill_quantity for u in desk.fills_heard()]) == (3, [1.0, 1.0, 1.0])
    desk.begin(f.Renumbering(for_ms=1))
    desk.stop(-1, 3, "S", PRICE - 100)
    first = next(e for e in reversed(desk.heard) if isinstance(e, m.OrderUpdate) and e.client_order_id == "S")
    changed = desk.run(desk.client.replace(first, quantity=2.0))
    assert changed.server_order_id != first.server_order_id == changed.previous_server_order_id


def test_without_oco_one_leg_leaves_the_other(held: Desk) -> None:
    no_oco = held.begin(f.NoOco(for_ms=1))
    assert [order.group for order in held.broker.truth.working] == ["", ""]
    assert held.broker.truth.excess(MNQ_AT_BROKER) == 2, "both could fill"
    held.wait(1.0)
    assert held.client.logon is not None
    assert held.client.logon.oco_orders_supported == 0, "a client learns it at its logon"
    held.price(PRICE - 50)
    assert (held.held, held.orders(), held.broker.truth.excess(MNQ_AT_BROKER)) == (0, ["E-T"], 2)
    held.end(no_oco)


def test_in_a_halt_orders_wait(held: Desk) -> None:
    held.broker.halt(MNQ_AT_BROKER, True)
    assert not held.market(-1, 1, "X")
    held.price(PRICE - 50)
    assert held.held == 2
    held.broker.halt(MNQ_AT_BROKER, False)
    assert held.held == -1, "stop and close both fill at once: a broker keeps nobody from that"


def test_at_the_limit_one_side_finds_nobody(held: Desk) -> None:
    held.broker.lock(MNQ_AT_BROKER, -1)
    held.price(PRICE - 50)
    assert not held.market(-1, 1, "X")
    assert (held.held, held.broker.truth.stops(MNQ_AT_BROKER, -1)) == (2, 2)
    held.broker.lock(MNQ_AT_BROKER, 0)
    held.price(PRICE - 50)
    assert held.held == -1


def test_faults_are_drawn_alike_and_are_json() -> None:
    drawn = [[f.draw(random.Random(seed), 90_000_000) for seed in range(300)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert {type(fault) for fault in drawn[0]} == set(f.BrokerFault.__args__) - {f.FalseEnd}  # of `situations`
    assert msgspec.json.decode(msgspec.json.encode(drawn[0]), type=list[f.BrokerFault]) == drawn[0]


def test_every_fault_begins_and_ends_whatever_the_state(desk: Desk) -> None:
    chance = random.Random(1)
    for i in range(60):
        fault = f.draw(chance, 1_000)
        desk.begin(fault)
        desk.market(1, 1, f"N{i}")
        desk.price(PRICE + chance.randrange(-60, 60))
        desk.end(fault)
    assert desk.broker.active == [] or all(isinstance(each, f.FillLie) for each in desk.broker.active)
    working = sum(o.contracts for o in desk.broker.truth.working if o.kind != OrderType.MARKET)
    assert working >= 0
