"""The eight scenarios under the settings as shipped: every limit holds, and each shows what it is meant to show."""

from functools import lru_cache

import msgspec
import pytest

from minhos.errors import SettingsError
from minhos.market.instruments import instrument
from minhos.research.scenarios.play import play
from minhos.research.scenarios.scene import BUNDLE, Scene, simulated_symbol, walk
from minhos.research.scenarios.suite import SCENARIOS, ScenarioResult, run_scenario, run_scenarios, scenario_named
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.trading.events import TradingSettings

CASH_CENTS = 25_000_000
NQ, MNQ = instrument("NQ"), instrument("MNQ")


def settings_for(symbol: str, **changes) -> TradingSettings:
    """As shipped, except for what is changed."""
    return TradingSettings(SizingParameters(), RiskParameters(**changes), {symbol: NQ}, symbol, symbol)


@lru_cache
def shipped(name: str) -> ScenarioResult:
    return run_scenario(scenario_named(name), NQ, settings_for, cash_cents=CASH_CENTS)


def holds(result: ScenarioResult, check: str) -> bool:
    return next(c for c in result.checks if c.name == check).holds


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_every_limit_holds_while_something_is_held(name):
    result = shipped(name)
    assert result.held > 0
    assert [check.name for check in result.checks if not check.holds] == []
    assert result.passed
    assert 3 <= len(result.story) <= 6
    assert all(sentence.endswith(".") for sentence in result.story)
    assert 0.0 < result.figures["capital_at_risk"] <= 0.10
    assert list(result.timeline) == sorted(result.timeline, key=lambda row: row.time)


def test_a_scenario_is_the_same_every_time():
    again = run_scenario(scenario_named("flash-crash"), NQ, settings_for, cash_cents=CASH_CENTS)
    assert again == shipped("flash-crash")


def test_flash_crash_fills_the_stop_on_the_way_down_and_keeps_the_day_within_limit_and_gap():
    figures = shipped("flash-crash").figures
    assert figures["gap_dollars"] > 0.0
    assert figures["worst_day_loss"] <= 0.05 + figures["gap_dollars"] / (CASH_CENTS / 100)


def test_limit_down_fills_nothing_and_ends_in_an_emergency():
    result = shipped("limit-down")
    assert holds(result, "fills while locked")
    assert result.figures["drawdown"] >= 0.20
    assert result.timeline[-1].contracts == 0
    assert any("EMERGENCY" in row.level for row in result.timeline)


def test_weekend_gap_costs_nothing_with_the_settings_as_shipped():
    result = shipped("weekend-gap")
    assert result.figures["contracts_before_as_set"] == 0.0
    assert result.figures["contracts_before"] > 0.0
    assert result.figures["gap_dollars"] > 0.0


def test_weekend_gap_runs_once_where_positions_are_held_over_halts():
    def over_halts(symbol: str) -> TradingSettings:
        return settings_for(symbol, flat_before_halt=False)

    result = run_scenario(scenario_named("weekend-gap"), NQ, over_halts, cash_cents=CASH_CENTS)
    assert "contracts_before_as_set" not in result.figures
    assert result.figures["contracts_before"] == shipped("weekend-gap").figures["contracts_before"]


def test_volatility_raises_r_and_lowers_the_size():
    figures = shipped("volatility").figures
    risks = [figures[f"r_dollars_{name}"] for name in ("before", "doubled", "quadrupled")]
    sizes = [figures[f"mean_contracts_{name}"] for name in ("before", "doubled", "quadrupled")]
    assert risks == sorted(risks)
    assert sizes == sorted(sizes, reverse=True)


def test_drawdown_goes_through_every_level_in_order_and_stops_at_emergency():
    figures = shipped("drawdown").figures
    dates = [figures[f"date_of_{level}"] for level in ("medium", "high", "critical", "emergency")]
    assert dates == sorted(dates)
    assert figures["bars_bound_by_level"] > 0
    assert figures["dates_stopped_by_losses"] > 0
    assert shipped("drawdown").timeline[-1].contracts == 0


def test_dead_feed_decides_every_missing_bar_and_opens_nothing():
    result = shipped("dead-feed")
    assert result.figures["bars_missing"] == (11 * 60 + 45 - (10 * 60 + 35)) / 5
    assert holds(result, "orders that open while the feed is dead")


def test_thin_book_pays_more_slippage_than_expected():
    assert shipped("thin-book").figures["slippage_beyond_expected_dollars"] > 0.0


def test_bad_news_is_survived_with_the_surest_forecast():
    assert shipped("bad-news").figures["worst_day_loss"] <= 0.05 + shipped("bad-news").figures["gap_dollars"] / 250_000


def test_micros_carry_a_tenth_of_the_risk():
    symbol, micro = simulated_symbol(NQ), simulated_symbol(MNQ)
    settings = TradingSettings(SizingParameters(), RiskParameters(), {symbol: NQ, micro: MNQ}, symbol, micro)
    (result,) = run_scenarios(NQ, lambda _: settings, cash_cents=CASH_CENTS // 10, names=("flash-crash",))
    assert result.passed
    assert result.held == shipped("flash-crash").held
    assert result.figures["gap_dollars"] == pytest.approx(shipped("flash-crash").figures["gap_dollars"] / 10, rel=0.05)


def test_too_little_cash_says_that_nothing_was_put_to_the_test():
    (result,) = run_scenarios(NQ, settings_for, cash_cents=1_000_000, names=("flash-crash",))
    assert result.held == 0
    assert "Nothing was ever held" in result.story[-1]


def test_stricter_thresholds_are_still_bet_on_and_orders_are_sent_whatever_the_switch_says():
    def strict(symbol: str) -> TradingSettings:
        return msgspec.structs.replace(settings_for(symbol, min_confidence=0.85), auto_trading=False)

    (result,) = run_scenarios(NQ, strict, cash_cents=CASH_CENTS, names=("flash-crash",))
    assert result.held > 0


def test_an_unknown_name_says_which_was_meant():
    with pytest.raises(SettingsError, match="did you mean flash-crash"):
        scenario_named("flashcrash")


def test_progress_is_told_for_each_scenario():
    told: list[tuple[float, str]] = []
    run_scenarios(
        NQ,
        settings_for,
        cash_cents=CASH_CENTS,
        names=("flash-crash", "thin-book"),
        progress=lambda share, text: told.append((share, text)),
    )
    assert [share for share, _ in told] == [0.0, 0.5]


def test_a_path_is_walked_in_steps_of_at_most_a_second_each():
    path = walk([(0.0, 100), (4.0, 0), (200.0, 5)], most_steps=12)
    assert path == [(0.0, 100), (1.0, 75), (2.0, 50), (3.0, 25), (4.0, 0), (200.0, 5)]


def test_a_scene_without_bets_trades_nothing():
    scene = Scene(NQ)
    run = play(scene, settings_for(scene.symbol), cash_cents=CASH_CENTS)
    assert not run.fills
    assert {taken.decision.bundle_id for taken in run.decided} == {BUNDLE}
    assert run.account.equity_cents == CASH_CENTS
