"""A person's side or size through the whole engine: orders, limits, restarts, and a replay that decides the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from trading_desk import SYMBOL, Desk, folded, remembered, settings_with

from minhos.accounting.types import Role
from minhos.errors import ModelError
from minhos.market.types import NANOS_PER_MINUTE
from minhos.research.replay import replay
from minhos.risk.types import Ladder
from minhos.trading import events as ev
from minhos.trading.resumption import acts_next
from minhos.trading.types import Outcome


def say(desk: Desk, name: str, **payload: object) -> None:
    time_ns = desk.clock.now_ns() + 1
    desk.engine.on_command(ev.CommandReceived(time_ns, f"{name}-{time_ns}", name, "anna", "my view", payload))


def traded() -> Desk:
    """A desk that has decided one bar and holds nothing."""
    desk = Desk()
    desk.flat_bar(p=0.5)
    return desk


def same_again(desk: Desk) -> str:
    """The verdict of a replay of the desk's journal."""
    return replay(desk.journal, calendar=desk.state.calendar, features=desk.features).verdict


def test_a_forced_position_is_entered_with_its_stop_and_replays_identically():
    desk = traded()
    say(desk, "force", side="short", contracts=2, minutes=0.0)
    decision = desk.flat_bar(p=0.9)
    assert (decision.target, decision.recommendation.bound) == (-2, "forced")
    assert "Forced to short 2 by anna (my view)" in decision.reason
    desk.flat_bar(p=0.9)
    assert (desk.position, desk.stops) == (-2, desk.venue_stops)
    say(desk, "unforce")
    assert desk.flat_bar(p=0.5).target == 0
    assert same_again(desk) == "identical"
    assert remembered(folded(desk)) == remembered(desk.state)


def test_a_forced_size_is_cut_by_the_limits_and_a_halt_holds():
    desk = Desk(settings_with(risk={"max_position_size": 3}))
    desk.flat_bar(p=0.5)
    say(desk, "force", side="long", contracts=9, minutes=0.0)
    decision = desk.flat_bar(p=0.9)
    assert (decision.target, decision.verdict.bound) == (3, "max position size")
    say(desk, "halt")
    desk.flat_bar(p=0.9)
    assert (desk.flat_bar(p=0.9).target, desk.position) == (0, 0)


def test_a_forced_entry_without_a_forecast_is_refused_and_says_so():
    desk = traded()
    say(desk, "force", side="long", contracts=2, minutes=0.0)
    desk.told.says = ModelError("the models are gone")
    decision = desk.flat_bar()
    assert (decision.target, decision.orders, decision.outcome) == (0, (), Outcome.NO_FORECAST)
    assert "the models are gone" in decision.reason
    assert "no stop distance is known, so nothing is entered" in decision.reason
    assert same_again(desk) == "identical"


def test_flat_closes_and_keeps_flat_until_its_time_is_over():
    desk = traded()
    desk.flat_bar(p=0.8)
    desk.flat_bar(p=0.8)
    held = desk.position
    assert held > 0
    say(desk, "force", side="flat", contracts=0, minutes=12.0)
    assert desk.flat_bar(p=0.8).target == 0
    assert desk.flat_bar(p=0.8).target == 0
    assert desk.position == 0
    assert desk.flat_bar(p=0.8).target == held
    assert desk.state.risk.forced is None
    assert same_again(desk) == "identical"


def test_what_is_forced_outlives_a_restart():
    desk = traded()
    say(desk, "force", side="long", contracts=1, minutes=60.0)
    again = Desk(journal=desk.journal)
    assert again.state.risk.forced == desk.state.risk.forced
    assert again.state.risk.forced.until_ns == desk.clock.now_ns() + 1 + 60 * NANOS_PER_MINUTE
    again.next_bar = desk.next_bar
    assert again.flat_bar(p=0.5).target == 1


def test_closed_trades_climb_the_ladder_and_a_restart_keeps_the_place():
    desk = Desk(settings_with(risk={"ladder_trades": 2, "max_consecutive_losses": 99}))
    desk.flat_bar(p=0.5)
    for price in (80_000, 80_010, 80_020):
        desk.flat_bar(price, p=0.8)
        desk.flat_bar(price, p=0.5)
        desk.flat_bar(price, p=0.5)
    assert len(desk.events(ev.TradeClosed)) == 3
    assert desk.state.risk.ladder == Ladder(1, 1)
    assert folded(desk).risk.ladder == Ladder(1, 1)
    assert {fill.symbol for fill in desk.fills} == {SYMBOL}


# What ends it ---------------------------------------------------------------------------------------------------------


def forced_long(desk: Desk | None = None) -> Desk:
    """Long 2 by a person's word, until cleared."""
    desk = desk or traded()
    say(desk, "force", side="long", contracts=2, minutes=0.0)
    desk.flat_bar(p=0.5)
    desk.flat_bar(p=0.5)
    assert desk.position == 2
    return desk


def ends(desk: Desk) -> None:
    """Nothing is forced any more, somebody hears of it, and the next bars enter nothing."""
    assert desk.state.risk.forced is None
    assert [e.text for e in desk.events(ev.Alarm) if "that has ended, because" in e.text]
    say(desk, "resume")
    for _ in range(3):
        assert desk.flat_bar(p=0.5).target == 0
    assert desk.position == 0
    assert same_again(desk) == "identical"
    assert remembered(folded(desk)) == remembered(desk.state)


@pytest.mark.parametrize("word", ["halt", "flatten"])
def test_a_halt_or_a_flatten_ends_what_was_forced(word):
    desk = forced_long()
    say(desk, word)
    desk.flat_bar(p=0.5)
    ends(desk)


def test_it_does_not_enter_again_on_the_bar_of_its_own_stop():
    desk = forced_long()
    decision = desk.bar(80_000, 80_000, 79_800, 79_850, p=0.5)
    assert (decision.target, decision.position_before, desk.fills[-1].role) == (0, 0, Role.STOP)
    ends(desk)


def test_a_price_between_bars_that_hits_its_stop_ends_it():
    desk = forced_long()
    desk.price(79_800)
    ends(desk)


@pytest.mark.parametrize("risk", [{"max_consecutive_losses": 1}, {"trailing_drawdown_cents": 100_000}])
def test_a_stop_that_is_latched_ends_it(risk):
    """Also where the position's own stop was never touched."""
    desk = Desk(settings_with(risk=risk))
    desk.flat_bar(p=0.5)
    forced_long(desk)
    desk.price(79_881)
    if "max_consecutive_losses" in risk:
        desk.price(79_800, 2)
    assert desk.state.risk.forced is None


def test_a_failed_risk_manager_ends_it():
    desk = forced_long()
    desk.state.manager._given = [SimpleNamespace(name="broken")]
    desk.state.manager.__dict__.pop("limits", None)
    desk.flat_bar(p=0.5)
    assert desk.state.risk.emergency is not None
    assert desk.state.risk.forced is None


def test_a_contradiction_ends_it():
    desk = forced_long()
    desk.engine._contradicted("nonsense", desk.clock.now_ns())
    assert desk.state.risk.forced is None


def test_nothing_is_forced_while_everything_is_to_be_closed():
    desk = traded()
    say(desk, "halt")
    say(desk, "force", side="long", contracts=2, minutes=0.0)
    assert desk.state.risk.forced is None


def test_the_stop_of_a_position_on_the_other_side_ends_nothing():
    desk = traded()
    desk.flat_bar(p=0.75)
    desk.flat_bar(p=0.75)
    assert desk.position > 0
    say(desk, "force", side="short", contracts=1, minutes=0.0)
    desk.price(79_800)
    assert desk.position == 0
    assert desk.state.risk.forced is not None


def test_a_pause_leaves_it_and_resuming_names_it():
    desk = traded()
    say(desk, "force", side="long", contracts=2, minutes=0.0)
    say(desk, "pause")
    say(desk, "resume")
    sentence = acts_next(desk.state, desk.clock.now_ns())
    assert sentence == "nothing is held; forced to long 2 by anna (my view): that acts at the next bar."


def test_resuming_names_what_still_stops_and_who_decides_next():
    desk = Desk(settings_with(risk={"trailing_drawdown_cents": 100_000}))
    desk.flat_bar(p=0.5)
    assert acts_next(desk.state, desk.clock.now_ns()).endswith("the next bar's forecast decides.")
    assert "no bundle" in acts_next(desk.state, desk.clock.now_ns(), "no bundle")
    forced_long(desk)
    desk.price(79_881)
    assert "still stopped, because equity" in acts_next(desk.state, desk.clock.now_ns())
