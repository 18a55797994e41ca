"""The checks of the scenarios fail where an engine, a limit or the sizing does not do its part."""

import msgspec
import pytest

from minhos.accounting.types import Lot
from minhos.market.instruments import instrument
from minhos.research.scenarios.checks import checks
from minhos.research.scenarios.losses import day_losses, lot_loss_cents
from minhos.research.scenarios.play import Run, beyond_ticks, play
from minhos.research.scenarios.scene import Conditions, Scene, simulated_symbol
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Verdict
from minhos.sizing.types import SizingParameters
from minhos.trading.events import TradingSettings
from minhos.trading.guard import Guard

NQ = instrument("NQ")
SYMBOL = simulated_symbol(NQ)
BOLD = SizingParameters(
    kelly_multiplier=1.0,
    max_kelly_fraction=1.0,
    drawdown_bound=False,
    half_of_remaining_budget=False,
    max_position_size=60,
    max_capital_risk=1.0,
    daily_loss_limit=1.0,
)


def slide(points: int, *, minutes: int = 120) -> Scene:
    """Long from 10:00 on; from 10:30 on the market falls evenly by that, and stays there."""
    scene = Scene(NQ, most_steps=30)
    first, start = scene.at("10:00"), scene.at("10:30")
    scene.bet(first, len(scene.drafts))
    bars = minutes // 5
    for i in range(start, start + bars):
        scene.path(i, (0, scene.price(i)), (295, scene.price(i) - NQ.to_ticks(points) // bars))
    scene.drafts = scene.drafts[: start + bars + 12]
    return scene


def run(scene: Scene, sizing: SizingParameters | None = None, **risk: object) -> Run:
    settings = TradingSettings(sizing or SizingParameters(), RiskParameters(**risk), {SYMBOL: NQ}, SYMBOL, SYMBOL)
    return play(scene, settings, cash_cents=25_000_000)


def broken(done: Run) -> set[str]:
    return {check.name for check in checks(done) if not check.holds}


@pytest.fixture
def no_limits(monkeypatch):
    """A risk manager that lets everything pass, and an engine that acts on nothing between bars."""

    def judge(self, context):
        wanted = context.recommendation
        level = context.risk.level(context.instrument.root)
        return Verdict(wanted.symbol, wanted.close_time_ns, wanted.target, wanted.target, level, "", "anything goes")

    monkeypatch.setattr(RiskManager, "judge", judge)
    monkeypatch.setattr(Guard, "act", lambda self, time_ns: None)


def test_a_slide_holds_with_everything_in_place():
    done = run(slide(300))
    assert done.trades
    assert broken(done) == set()


def test_without_limits_a_slide_breaks_the_days_limit_and_what_follows_from_it(no_limits):
    found = broken(run(slide(900), BOLD, max_position_size=60))
    assert {"the day's loss", "flat after a stop"} <= found


def test_without_limits_entries_go_on_after_the_days_limit(no_limits):
    found = broken(run(slide(900), daily_loss_limit=0.005, max_consecutive_losses=50))
    assert "orders that open after a stop" in found


def test_without_limits_size_and_capital_at_risk_are_broken(no_limits):
    found = broken(run(slide(20), BOLD, max_position_size=5, max_capital_risk=0.02))
    assert {"position", "capital at risk after a decision", "capital at risk added by one order"} <= found


def test_without_limits_entries_go_on_after_losses_in_a_row(no_limits):
    found = broken(run(slide(900), max_consecutive_losses=1))
    assert "orders that open after a stop" in found


@pytest.mark.parametrize("mode", ["trade_date", "cooldown", "manual"])
def test_losses_in_a_row_stop_for_as_long_as_is_set(mode):
    done = run(slide(900), max_consecutive_losses=1, after_losses=mode, cooldown_minutes=20.0)
    assert broken(done) == set()
    assert (len(done.trades) > 1) == (mode == "cooldown")


def test_a_multiplier_that_is_not_applied_is_found(monkeypatch):
    monkeypatch.setattr(RiskManager, "multiplier", lambda self, state, root="": 0.5)
    assert broken(run(slide(20))) == {"size multiplied by the level"}


def test_a_refusal_without_a_reason_is_found():
    done = run(slide(20))
    first = done.decided[0]
    mute = msgspec.structs.replace(first, decision=msgspec.structs.replace(first.decision, reason=" "))
    assert broken(msgspec.structs.replace(done, decided=[mute, *done.decided[1:]])) == {"reason told"}


def test_the_gap_is_what_a_jump_cost_beyond_the_stop():
    """One lot of n contracts, stop at s; the market jumps to s - 400 ticks: n x 400 x $5, and slippage in R."""
    scene = slide(0)
    i = scene.at("11:00")
    before = run(slide(0)).marks
    lots = next(m.account.positions[0].lots for m in before if m.time_ns == scene.opens_ns("11:00"))
    stop = max(lot.stop_ticks for lot in lots)
    scene.path(i, (0, scene.price(i)), (1, stop - 400), (295, stop - 400))
    done = run(scene)
    (day,) = [day for day in day_losses(done) if day.loss_cents]
    expected = (
        sum(lot.contracts * (lot.stop_ticks - stop + 400 + NQ.slippage_ticks) for lot in lots) * NQ.tick_value_cents
    )
    stops = [
        filled for filled in done.fills if filled.fill.role == "stop" and filled.fill.time_ns < scene.opens_ns("11:05")
    ]
    assert sum(filled.beyond_cents for filled in stops) == expected
    assert day.gap_cents >= expected
    assert day.excess_cents <= 0


def test_a_locked_market_counts_its_open_loss_beyond_the_stop_as_gap():
    scene = slide(0)
    i = scene.at("11:00")
    scene.path(i, (0, scene.price(i) - 4_000), (295, scene.price(i) - 4_000))
    scene.under(i, i + 3, Conditions(locked=True))
    done = run(scene)
    locked = [m for m in done.marks if scene.opens_ns("11:00") <= m.time_ns < scene.opens_ns("11:15")]
    assert all(mark.contracts for mark in locked)
    assert all(mark.beyond_cents > 0 for mark in locked[1:])
    assert broken(done) == set()


def test_distances_beyond_a_stop():
    long, short = Lot("a", 1, 2, 100, 0, "s", 90), Lot("b", -1, 2, 100, 0, "s", 110)
    assert [beyond_ticks(long, price) for price in (95, 90, 85)] == [0, 0, 5]
    assert [beyond_ticks(short, price) for price in (105, 110, 117)] == [0, 0, 7]
    leaving = NQ.commission_cents + NQ.slippage_ticks * NQ.tick_value_cents
    assert lot_loss_cents(long, 100, 80, NQ) == 2 * (10 * NQ.tick_value_cents + leaving)
    assert lot_loss_cents(short, 100, 105, NQ) == 2 * (5 * NQ.tick_value_cents + leaving)
