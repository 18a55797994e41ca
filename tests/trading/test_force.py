"""A person's side or size through the whole engine: orders, limits, restarts, and a replay that decides the same."""

from __future__ import annotations

from trading_desk import SYMBOL, Desk, folded, remembered, settings_with

from minhos.errors import ModelError
from minhos.market.types import NANOS_PER_MINUTE
from minhos.research.replay import replay
from minhos.risk.types import Ladder
from minhos.trading import events as ev
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
