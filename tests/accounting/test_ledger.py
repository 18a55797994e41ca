"""The ledger: worked examples in cents, and what must hold after any fills and marks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.accounting import types
from minhos.accounting.ledger import Ledger, close_lots
from minhos.accounting.types import Fill, Lot, Role
from minhos.errors import ReconciliationError
from minhos.testing.builders import MNQ, NQ

SYMBOL, MICRO = "NQZ25", "MNQZ25"
START = 25_000_000
TICK, FEE = NQ.tick_value_cents, NQ.commission_cents


def ledger() -> Ledger:
    book = Ledger(START, {SYMBOL: NQ, MICRO: MNQ})
    book.on_trade_date(20251006)
    return book


def fill(
    number: int,
    side: int,
    contracts: int,
    price: int,
    role: Role = Role.ENTRY,
    *,
    order_id: str = "",
    symbol: str = SYMBOL,
    parent_id: str = "",
    expected: int = 0,
    fee: int | None = None,
) -> Fill:
    commission = FEE * contracts if fee is None else fee
    return Fill(
        f"f{number}",
        order_id or f"o{number}",
        symbol,
        side,
        contracts,
        price,
        number,
        commission,
        role,
        expected,
        parent_id,
    )


def test_a_round_trip_costs_two_commissions_and_earns_the_ticks_between():
    book = ledger()
    book.apply_fill(fill(1, +1, 2, 80_001, expected=80_000), stop_id="s1", stop_distance_ticks=120)
    effect = book.apply_fill(fill(2, -1, 2, 80_039, Role.EXIT, expected=80_040))
    (trade,) = effect.trades
    pnl = 2 * 38 * TICK - 4 * FEE
    risk = 2 * (120 * TICK + 2 * (FEE + NQ.slippage_ticks * TICK))
    assert (trade.pnl_cents, trade.commission_cents, trade.side) == (pnl, 4 * FEE, 1)
    assert trade.r == pnl / risk
    assert trade.slippage_ticks == 1.0
    assert (trade.entry_ticks, trade.exit_ticks, trade.exit_role) == (80_001, 80_039, Role.EXIT)
    account = book.account()
    assert account.equity_cents == account.cash_cents == START + pnl
    assert (account.day_pnl_cents, account.realised_day_cents, account.round_trips_day) == (pnl, pnl, 1)
    assert account.positions == ()


def test_equity_moves_with_the_last_price_and_open_profit_counts_in_the_days_pnl():
    book = ledger()
    book.apply_fill(fill(1, -1, 3, 80_000))
    book.on_mark(SYMBOL, 80_050, 2)
    account = book.account()
    assert account.equity_cents == START - 3 * FEE - 3 * 50 * TICK
    assert account.cash_cents == START - 3 * FEE
    assert account.day_pnl_cents == -3 * FEE - 3 * 50 * TICK


def test_reductions_close_the_newest_lot_first():
    book = ledger()
    book.apply_fill(fill(1, +1, 2, 80_000), stop_id="s1", stop_distance_ticks=100)
    book.apply_fill(fill(2, +1, 1, 80_100, Role.ADD), stop_id="s2", stop_distance_ticks=100)
    book.apply_fill(fill(3, -1, 2, 80_080, Role.REDUCE))
    (lot,) = book.account().position(SYMBOL).lots
    assert (lot.order_id, lot.contracts, lot.stop_ticks) == ("o1", 1, 79_900)
    assert book.account().cash_cents == START - 5 * FEE + (-20 + 80) * TICK


def test_a_stop_closes_the_lot_that_it_protects_even_if_that_is_not_the_newest():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000), stop_id="s1", stop_distance_ticks=50)
    book.apply_fill(fill(2, +1, 1, 79_960, Role.ADD), stop_id="s2", stop_distance_ticks=50)
    book.apply_fill(fill(3, -1, 1, 79_950, Role.STOP, order_id="s1", parent_id="o1"))
    (lot,) = book.account().position(SYMBOL).lots
    assert (lot.order_id, lot.stop_id) == ("o2", "s2")
    assert book.account().cash_cents == START - 3 * FEE - 50 * TICK


def test_one_fill_that_flips_closes_a_trade_and_opens_the_next():
    book = ledger()
    book.apply_fill(fill(1, +1, 2, 80_000))
    effect = book.apply_fill(fill(2, -1, 5, 80_010))
    (trade,) = effect.trades
    assert trade.pnl_cents == 2 * 10 * TICK - 4 * FEE
    book.on_mark(SYMBOL, 80_010, 3)
    account = book.account()
    assert account.position(SYMBOL).contracts == -3
    assert account.equity_cents == START + 2 * 10 * TICK - 7 * FEE


def test_stop_risk_is_distance_to_the_stop_and_exit_cost_and_the_whole_notional_without_a_stop():
    book = ledger()
    exit_cost = FEE + NQ.slippage_ticks * TICK
    book.apply_fill(fill(1, +1, 2, 80_000), stop_id="s1", stop_distance_ticks=120)
    book.on_mark(SYMBOL, 80_030, 2)
    assert book.account().stop_risk_cents == 2 * (150 * TICK + exit_cost)
    book.on_mark(SYMBOL, 79_870, 3)  # beyond the stop, which is about to fill
    assert book.account().stop_risk_cents == 2 * exit_cost
    book.on_stop_lost("s1")
    assert book.account().stop_risk_cents == 2 * (79_870 * TICK + exit_cost)
    book.on_stop_rested("s1", "o1", 79_770)
    assert book.account().stop_risk_cents == 2 * (100 * TICK + exit_cost)


def test_a_trade_whose_stop_was_never_known_has_no_r():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000))
    assert book.apply_fill(fill(2, -1, 1, 80_100, Role.EXIT)).trades[0].r == 0.0
    book.apply_fill(fill(3, +1, 1, 80_000))
    book.on_stop_rested("s3", "o3", 79_900)
    risk = 100 * TICK + 2 * (FEE + NQ.slippage_ticks * TICK)
    book.on_stop_lost("s3")
    book.on_stop_rested("s3", "o3", 79_910)  # R is what was risked at first
    assert book.apply_fill(fill(4, -1, 1, 80_100, Role.EXIT)).trades[0].r == (100 * TICK - 2 * FEE) / risk


def test_losses_in_a_row_end_with_a_win_and_with_the_trade_date():
    book = ledger()
    rows = []
    for i, result in enumerate((-10, -10, +10, -10, -10, -10)):
        book.apply_fill(fill(2 * i, +1, 1, 80_000))
        book.apply_fill(fill(2 * i + 1, -1, 1, 80_000 + result, Role.EXIT))
        rows.append(book.account().losses_in_a_row)
    assert rows == [1, 2, 0, 1, 2, 3]
    assert not book.on_trade_date(20251006)
    assert not book.on_trade_date(20251003)
    assert book.account().losses_in_a_row == 3
    assert book.on_trade_date(20251007)
    assert book.account().losses_in_a_row == 0


def test_a_new_trade_date_starts_from_equity_with_the_open_position():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000))
    book.on_mark(SYMBOL, 80_100, 2)
    book.on_trade_date(20251007)
    book.on_mark(SYMBOL, 80_090, 3)
    account = book.account()
    assert account.day_start_equity_cents == START - FEE + 100 * TICK
    assert account.day_pnl_cents == -10 * TICK
    assert account.commission_day_cents == 0


def test_the_peak_is_kept_over_days_until_it_is_reanchored():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000))
    book.on_mark(SYMBOL, 80_400, 2)
    book.on_mark(SYMBOL, 80_000, 3)
    book.on_trade_date(20251007)
    peak = START - FEE + 400 * TICK
    assert book.account().peak_equity_cents == peak
    assert book.account().drawdown == pytest.approx(400 * TICK / peak)
    book.reanchor_peak()
    assert book.account().drawdown == 0.0


def test_a_manual_trade_is_booked_like_any_other():
    book = ledger()
    book.apply_fill(fill(1, +1, 2, 80_000), stop_id="s1", stop_distance_ticks=100)
    effect = book.apply_fill(fill(2, -1, 2, 80_100, Role.UNKNOWN, order_id="manual"))
    assert effect.trades[0].exit_role is Role.UNKNOWN
    book.apply_fill(fill(3, -1, 1, 80_100, Role.UNKNOWN, order_id="manual"))
    assert book.account().position(SYMBOL).contracts == -1


@pytest.mark.parametrize(
    "bad", [fill(1, +1, 1, 80_000, symbol="ESZ25"), fill(1, 0, 1, 80_000), fill(1, +1, 0, 80_000, fee=0)]
)
def test_a_fill_that_cannot_be_is_refused_and_changes_nothing(bad):
    book = ledger()
    before = book.account()
    with pytest.raises(ReconciliationError):
        book.apply_fill(bad)
    assert book.account() == before


def test_an_older_mark_is_ignored():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000))
    book.on_mark(SYMBOL, 80_100, 10)
    book.on_mark(SYMBOL, 79_000, 9)
    assert book.account().last_ticks[SYMBOL] == 80_100


def test_the_account_is_the_same_object_until_something_changes():
    book = ledger()
    assert book.account() is book.account()
    before = book.account()
    book.on_order_sent()
    assert (before.orders_day, book.account().orders_day) == (0, 1)


def test_a_further_contract_does_not_change_an_account_already_handed_out():
    book = ledger()
    before = book.account()
    book.add_instrument("NQH26", NQ)
    assert "NQH26" not in before.instruments
    assert "NQH26" in book.account().instruments


def test_close_lots_takes_the_named_entry_first_and_then_the_newest():
    lots = tuple(Lot(f"o{i}", 1, 2, 80_000 + i, i, "", 0) for i in range(3))
    kept, closed = close_lots(lots, 3, "o0")
    assert [(lot.order_id, lot.contracts) for lot in closed] == [("o0", 2), ("o2", 1)]
    assert [(lot.order_id, lot.contracts) for lot in kept] == [("o1", 2), ("o2", 1)]


fills = st.lists(
    st.tuples(
        st.sampled_from((SYMBOL, MICRO)),
        st.sampled_from((1, -1)),
        st.integers(1, 5),
        st.integers(79_000, 81_000),
        st.integers(0, 3_000),
        st.sampled_from((0, 1, 150)),
    ),
    max_size=25,
)


def applied(rows: Sequence[tuple[str, int, int, int, int, int]]) -> tuple[Ledger, list[int]]:
    """The ledger after those fills, and the profit of each trade that closed."""
    book, pnl = ledger(), []
    for i, (symbol, side, contracts, price, fee, stop) in enumerate(rows):
        effect = book.apply_fill(
            fill(i, side, contracts, price, symbol=symbol, fee=fee),
            stop_id="s" if stop else "",
            stop_distance_ticks=stop,
        )
        pnl += [trade.pnl_cents for trade in effect.trades]
    return book, pnl


@given(fills, st.integers(79_000, 81_000), st.integers(79_000, 81_000))
@settings(deadline=None, max_examples=50)
def test_not_a_cent_is_lost(rows, last, last_micro):
    """Equity = start + cash flows of all fills + the positions' value = start + trades + what still runs."""
    book, pnl = applied(rows)
    book.on_mark(SYMBOL, last, 1_000)
    book.on_mark(MICRO, last_micro, 1_000)
    account = book.account()
    value = {SYMBOL: TICK, MICRO: MNQ.tick_value_cents}
    mark = {SYMBOL: last, MICRO: last_micro}
    flows = sum(side * n * (mark[s] - price) * value[s] - fee for s, side, n, price, fee, _ in rows)
    assert account.equity_cents == START + flows
    open_profit = sum(
        lot.side * lot.contracts * (mark[p.symbol] - lot.entry_ticks) * value[p.symbol]
        for p in account.positions
        for lot in p.lots
    )
    assert account.equity_cents == account.cash_cents + open_profit
    if not account.positions:
        assert account.equity_cents == START + sum(pnl)
    for symbol in (SYMBOL, MICRO):
        assert account.position(symbol).contracts == sum(side * n for s, side, n, *_ in rows if s == symbol)
        assert len({lot.side for lot in account.position(symbol).lots}) <= 1


@given(fills, st.data())
@settings(deadline=None, max_examples=50)
def test_a_fill_reported_again_changes_nothing(rows, data):
    book, _ = applied(rows)
    before = book.account()
    for i, (symbol, side, contracts, price, fee, _) in enumerate(rows):
        if data.draw(st.booleans()):
            assert book.apply_fill(fill(i, side, contracts, price, symbol=symbol, fee=fee)).duplicate
    assert book.account() == before


@given(fills, st.permutations([(SYMBOL, 80_500), (MICRO, 79_500)]))
@settings(deadline=None, max_examples=50)
def test_marks_of_different_contracts_commute(rows, marks):
    """All but the peak, which is a matter of the path."""
    first, _ = applied(rows)
    second, _ = applied(rows)
    for symbol, price in marks:
        first.on_mark(symbol, price, 1_000)
    for symbol, price in sorted(marks):
        second.on_mark(symbol, price, 1_000)
    a, b = first.account(), second.account()
    assert (a.equity_cents, a.cash_cents, a.stop_risk_cents, a.day_pnl_cents, a.positions) == (
        b.equity_cents,
        b.cash_cents,
        b.stop_risk_cents,
        b.day_pnl_cents,
        b.positions,
    )


@given(fills, fills)
@settings(deadline=None, max_examples=50)
def test_a_restored_ledger_goes_on_as_if_nothing_had_happened(rows, later):
    book, _ = applied(rows)
    restored = Ledger.from_state(book.to_state(), {SYMBOL: NQ, MICRO: MNQ})
    assert restored.account() == book.account()
    for i, (symbol, side, contracts, price, fee, _) in enumerate(later):
        event = fill(len(rows) + i, side, contracts, price, symbol=symbol, fee=fee)
        assert restored.apply_fill(event) == book.apply_fill(event)
    assert restored.to_state() == book.to_state()


def test_a_ledger_marked_apart_is_what_marking_makes_of_it_and_leaves_the_first_as_it_was():
    book = ledger()
    book.apply_fill(fill(1, +1, 2, 80_000))
    before, account = book.to_state(), book.account()
    after = book.marked("NQZ25", 80_040, 10**9)
    assert (book.to_state(), book.account()) == (before, account)
    book.on_mark("NQZ25", 80_040, 10**9)
    assert (after.to_state(), after.account()) == (book.to_state(), book.account())
    assert after.marked("NQZ25", 79_000, 1).account() == after.account(), "an older price marks nothing"


# At the edges


def test_a_loss_of_nothing_ends_the_row_and_one_cent_continues_it():
    book = ledger()
    for i, (price, fee) in enumerate(((79_990, 0), (80_000, 1), (80_000, 0))):
        book.apply_fill(fill(2 * i, +1, 1, 80_000, fee=0))
        book.apply_fill(fill(2 * i + 1, -1, 1, price, Role.EXIT, fee=fee))
        assert book.account().losses_in_a_row == (1, 2, 0)[i]


def test_a_flips_commission_is_split_by_contracts_to_the_cent():
    """Seven contracts for 100 cents, two of which close: 100 x 2 // 7 = 28 cents, the rest opens."""
    book = ledger()
    book.apply_fill(fill(1, +1, 2, 80_000, fee=10))
    (closed,) = book.apply_fill(fill(2, -1, 7, 80_000, fee=100)).trades
    assert (closed.commission_cents, closed.pnl_cents) == (10 + 100 * 2 // 7, -38)
    (opened,) = book.apply_fill(fill(3, +1, 5, 80_000, fee=0)).trades
    assert opened.commission_cents == 100 - 28


def test_a_fill_moves_equity_by_its_distance_to_the_last_price():
    book = ledger()
    book.on_mark(SYMBOL, 80_010, 1)
    book.apply_fill(fill(1, +1, 3, 80_000, fee=0))
    assert book.account().equity_cents == START + 3 * 10 * TICK
    assert book.account().last_ticks[SYMBOL] == 80_010
    book.apply_fill(fill(2, -1, 3, 80_004, Role.EXIT, fee=0))
    assert book.account().equity_cents == START + 3 * 4 * TICK


def test_a_mark_of_the_same_time_counts_and_one_without_a_position_only_moves_the_price():
    book = ledger()
    book.on_mark(SYMBOL, 80_000, 5)
    book.on_mark(SYMBOL, 80_100, 5)
    assert book.account().last_ticks[SYMBOL] == 80_100
    assert book.account().equity_cents == START
    book.on_mark(SYMBOL, 80_200, 4)
    assert book.account().last_ticks[SYMBOL] == 80_100


def test_a_short_stop_lies_above_its_entry_and_counts_from_the_last_price():
    book = ledger()
    book.apply_fill(fill(1, -1, 2, 80_000), stop_id="s1", stop_distance_ticks=120)
    (lot,) = book.account().position(SYMBOL).lots
    assert lot.stop_ticks == 80_120
    book.on_mark(SYMBOL, 80_050, 2)
    assert book.account().stop_risk_cents == 2 * (70 * TICK + FEE + NQ.slippage_ticks * TICK)


def test_a_stop_is_noted_on_its_own_lots_only():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000), stop_id="s1", stop_distance_ticks=100)
    book.apply_fill(fill(2, +1, 1, 80_000, Role.ADD))
    book.apply_fill(fill(3, +1, 1, 20_000, symbol=MICRO))
    book.on_stop_rested("s2", "o2", 79_950)
    lots = book.account().position(SYMBOL).lots
    assert [(lot.stop_id, lot.stop_ticks) for lot in lots] == [("s1", 79_900), ("s2", 79_950)]
    book.on_stop_lost("s1")
    lots = book.account().position(SYMBOL).lots
    assert [(lot.stop_id, lot.stop_ticks) for lot in lots] == [("", 79_900), ("s2", 79_950)]
    assert book.account().position(MICRO).lots[0].stop_id == ""


def test_r_is_of_all_lots_and_unknown_while_one_is_unprotected():
    """An entry with a stop of 100 ticks and an add of two with 50."""
    cost = 2 * (FEE + NQ.slippage_ticks * TICK)
    for stop_of_the_add, known in (("s2", True), ("", False)):
        book = ledger()
        book.apply_fill(fill(1, +1, 1, 80_000), stop_id="s1", stop_distance_ticks=100)
        book.apply_fill(fill(2, +1, 2, 80_000, Role.ADD), stop_id=stop_of_the_add, stop_distance_ticks=50)
        (trade,) = book.apply_fill(fill(3, -1, 3, 80_030, Role.EXIT)).trades
        risk = 1 * (100 * TICK + cost) + 2 * (50 * TICK + cost)
        assert trade.r == ((3 * 30 * TICK - 6 * FEE) / risk if known else 0.0)


def test_the_trades_record_is_of_all_its_fills():
    book = ledger()
    book.apply_fill(fill(1, -1, 1, 80_000, order_id="a", expected=80_004))
    book.apply_fill(fill(2, -1, 3, 80_040, Role.ADD, order_id="b"))
    assert book.apply_fill(fill(3, +1, 3, 80_000, Role.REDUCE, order_id="c", expected=79_996)).trades == ()
    (trade,) = book.apply_fill(fill(4, +1, 1, 80_020, Role.STOP, order_id="c")).trades
    assert (trade.side, trade.max_contracts, trade.order_ids) == (-1, 4, ("a", "b", "c"))
    assert (trade.opened_ns, trade.closed_ns, trade.exit_role) == (1, 4, Role.STOP)
    assert trade.entry_ticks == (80_000 + 3 * 80_040) / 4
    assert trade.exit_ticks == (3 * 80_000 + 80_020) / 4
    assert trade.slippage_ticks == (1 * 4 + 3 * 4) / 4  # of the four contracts whose expected price is known
    assert trade.commission_cents == 8 * FEE


def test_the_days_figures_start_at_zero_with_the_trade_date():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000))
    book.apply_fill(fill(2, -1, 1, 80_010, Role.EXIT))
    book.on_order_sent()
    account = book.account()
    assert (account.commission_day_cents, account.orders_day, account.round_trips_day) == (2 * FEE, 1, 1)
    assert account.realised_day_cents == account.day_pnl_cents == 10 * TICK - 2 * FEE
    assert book.on_trade_date(20251007)
    account = book.account()
    assert (account.commission_day_cents, account.orders_day, account.round_trips_day) == (0, 0, 0)
    assert (account.realised_day_cents, account.day_pnl_cents) == (0, 0)
    assert account.day_start_equity_cents == START + 10 * TICK - 2 * FEE


def test_what_is_known_of_fills_and_lots():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000))
    assert (book.knows("f1"), book.knows("f2")) == (True, False)
    assert (book.has_lots("o1"), book.has_lots("o2")) == (True, False)
    book.apply_fill(fill(2, -1, 1, 80_000, Role.EXIT))
    assert book.has_lots("o1") is False


def test_drawdown_is_the_share_of_the_peak_and_all_of_it_without_one():
    book = ledger()
    book.apply_fill(fill(1, +1, 1, 80_000, fee=0))
    book.on_mark(SYMBOL, 79_000, 2)
    assert book.account().drawdown == pytest.approx(1_000 * TICK / START)
    assert Ledger(0, {}).account().drawdown == 1.0
    assert Ledger(1, {}).account().drawdown == 0.0
    book.on_mark(SYMBOL, 81_000, 3)
    assert book.account().drawdown == 0.0


def test_close_lots_leaves_what_is_not_closed_and_closes_nothing_for_none():
    lots = tuple(Lot(f"o{i}", 1, 2, 80_000 + i, i, "", 0) for i in range(3))
    assert close_lots(lots, 0) == (lots, [])
    assert close_lots(lots, 6) == ((), [lots[2], lots[1], lots[0]])
    kept, closed = close_lots(lots, 1)
    assert [(lot.order_id, lot.contracts) for lot in kept] == [("o0", 2), ("o1", 2), ("o2", 1)]
    assert [(lot.order_id, lot.contracts) for lot in closed] == [("o2", 1)]


@pytest.mark.parametrize(("side", "contracts"), [(2, 1), (-2, 1), (1, -1), (1, 0)])
def test_a_malformed_fill_says_what_is_wrong_with_it(side, contracts):
    with pytest.raises(ReconciliationError, match=f"side {side} and {contracts} contracts"):
        ledger().apply_fill(fill(1, side, contracts, 80_000, fee=0))


def test_records_are_frozen():
    records = [cls for cls in vars(types).values() if isinstance(cls, type) and cls.__module__ == types.__name__]
    structs = [cls for cls in records if issubclass(cls, msgspec.Struct)]
    assert structs
    assert all(cls.__struct_config__.frozen for cls in structs)


def test_what_is_not_said_of_an_order_or_a_fill_is_not_there():
    """No expected price: no slippage.  No parent: the newest lot closes.  A market order has no price of its own."""
    book = ledger()
    effects = [
        book.apply_fill(Fill(f"f{i}", f"o{i}", SYMBOL, side, 1, 80_000 + i, i, 0, Role.ENTRY))
        for i, side in enumerate((1, 1, -1, -1))
    ]
    ((trade,),) = [effect.trades for effect in effects if effect.trades]
    assert (trade.slippage_ticks, trade.pnl_cents) == (0.0, (-0 - 1 + 2 + 3) * TICK)
    order = types.Order("o", SYMBOL, 1, 1, Role.ENTRY)
    assert (order.trigger_ticks, order.stop_distance_ticks, order.decided_ns) == (0, 0, 0)
    assert (order.order_type, order.stop_id, order.parent_id) == (types.OrderType.MARKET, "", "")


def test_a_new_account_owns_its_cash_and_nothing_else_yet():
    new = Ledger(START, {SYMBOL: NQ}).account()
    assert (new.cash_cents, new.equity_cents, new.day_start_equity_cents, new.peak_equity_cents) == (START,) * 4
    assert (new.trade_date, new.day_pnl_cents, new.realised_day_cents, new.commission_day_cents) == (0, 0, 0, 0)
    assert (new.stop_risk_cents, new.losses_in_a_row, new.round_trips_day, new.orders_day) == (0, 0, 0, 0)
    assert new == types.Account(START, START, START, START, 0, instruments={SYMBOL: NQ})
