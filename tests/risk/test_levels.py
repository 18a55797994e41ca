"""Grades and hysteresis by worked examples, and the property that a level never falls before it is calm."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.risk.levels import (
    MARKET_COMPONENTS,
    drawdown_component,
    grade,
    market_components,
    measured,
    model_level,
    rise,
    settle,
)
from minhos.risk.parameters import LevelParameters
from minhos.risk.types import Component, Level, ModelCondition
from minhos.testing.builders import market_state

PARAMETERS = LevelParameters()


@pytest.mark.parametrize(
    ("value", "falling", "level"),
    [
        (2.9, False, 0),
        (3.0, False, 1),
        (6.0, False, 3),
        (99.0, False, 3),
        (0.26, True, 0),
        (0.25, True, 1),
        (0.0, True, 3),
    ],
)
def test_a_level_is_the_number_of_thresholds_reached(value, falling, level):
    thresholds = PARAMETERS.volume_ratio if falling else PARAMETERS.volatility_ratio
    assert grade(value, thresholds, falling=falling) == level


def test_the_margin_makes_it_harder_to_leave_a_level():
    assert grade(2.8, (3.0,), margin=0.10) == Level.MEDIUM
    assert grade(2.6, (3.0,), margin=0.10) == Level.LOW
    assert grade(0.27, (0.25,), falling=True, margin=0.10) == Level.MEDIUM
    assert grade(0.28, (0.25,), falling=True, margin=0.10) == Level.LOW


def after(*values: float) -> Component:
    component = Component("volatility")
    for i, value in enumerate(values):
        component = measured(component, value, PARAMETERS.volatility_ratio, PARAMETERS, i)
    return component


def test_up_at_once_and_down_by_several_levels_after_three_calm_bars():
    assert after(7.0).level is Level.CRITICAL
    assert after(7.0, 1.0, 1.0) == Component("volatility", Level.CRITICAL, 0, "volatility 7.00", calm_bars=2)
    assert after(7.0, 1.0, 1.0, 3.2) == Component("volatility", Level.MEDIUM, 3, "volatility 3.20")
    assert after(7.0, 1.0, 1.0, 1.0) == Component("volatility", Level.LOW, 3)


def test_the_reason_is_that_of_the_rise():
    assert after(3.1, 3.2, 4.5, 4.1).reason == "volatility 4.50"


def test_an_unknown_value_is_critical_and_says_so():
    component = after(1.0, math.nan)
    assert (component.level, component.reason) == (Level.CRITICAL, "volatility is nan")


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=40))
@settings(deadline=None, max_examples=50)
def test_a_level_never_falls_before_enough_calm_bars(values):
    for end in range(1, len(values)):
        before, now = after(*values[:end]), after(*values[: end + 1])
        assert now.level >= grade(values[end], PARAMETERS.volatility_ratio)
        if now.level < before.level:
            recent = values[max(0, end + 1 - PARAMETERS.calm_bars) : end + 1]
            assert len(recent) == PARAMETERS.calm_bars
            assert all(grade(v, PARAMETERS.volatility_ratio, margin=0.1) < before.level for v in recent)


def test_the_models_condition_has_the_level_that_is_set():
    levels = {condition: model_level(condition, PARAMETERS) for condition in ModelCondition}
    assert levels == {"sound": Level.LOW, "partial": Level.MEDIUM, "old": Level.MEDIUM, "failed": Level.CRITICAL}


def falling(value: float, before: Level = Level.LOW) -> Component:
    component = Component("volume", before)
    return measured(component, value, PARAMETERS.volume_ratio, PARAMETERS, 1, falling=True)


def test_the_first_threshold_itself_is_medium_in_both_directions():
    assert after(3.0).level is falling(0.25).level is Level.MEDIUM
    assert after(math.nextafter(3.0, 0.0)).level is falling(math.nextafter(0.25, 1.0)).level is Level.LOW


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_cannot_be_measured_is_critical_in_both_directions(value):
    assert after(value).level is falling(value).level is Level.CRITICAL
    worse = Component("volatility", Level.EMERGENCY, 0, "it was")
    assert measured(worse, value, PARAMETERS.volatility_ratio, PARAMETERS, 9) is worse


def test_a_component_only_rises_to_what_is_worse():
    high = Component("spread", Level.HIGH, 3, "spread 5")
    assert rise(high, Level.HIGH, "spread 6", 4) is high
    assert rise(high, Level.MEDIUM, "spread 4", 4) is high
    assert rise(high, Level.CRITICAL, "spread 9", 4) == Component("spread", Level.CRITICAL, 4, "spread 9")


def test_calm_bars_are_counted_in_a_row():
    medium = Component("spread", Level.MEDIUM, 1, "spread 3", calm_bars=1)
    counted = settle(medium, Level.LOW, Level.LOW, "spread 1", 5, 3)
    assert counted == Component("spread", Level.MEDIUM, 1, "spread 3", calm_bars=2)
    assert settle(counted, Level.LOW, Level.LOW, "spread 1", 6, 3) == Component("spread", Level.LOW, 6)
    assert settle(counted, Level.LOW, Level.MEDIUM, "spread 2.9", 6, 3).calm_bars == 0
    assert settle(medium, Level.LOW, Level.LOW, "spread 1", 5, 1).level is Level.LOW
    emergency = Component("spread", Level.EMERGENCY, 1, "spread 99")
    assert settle(emergency, Level.LOW, Level.LOW, "spread 1", 5, 1) is emergency


def market(components: tuple[Component, ...], **changes: object) -> tuple[Component, ...]:
    state = msgspec.structs.replace(market_state(), **changes.pop("state", {}))
    values = {"market": state, "data_quality": 1.0, "model": ModelCondition.SOUND, "time_ns": 7, **changes}
    return market_components(components, PARAMETERS, **values)


def test_an_ordinary_bar_leaves_the_components_the_same_tuple():
    calm = market(())
    assert [c.name for c in calm] == list(MARKET_COMPONENTS)
    assert market(calm) is calm
    assert market(calm, data_quality=0.97) is not calm


def test_each_component_is_measured_by_its_own_number():
    calm = market(())
    cases = {
        "volatility": {"state": {"volatility_ratio": 4.0}},
        "spread": {"state": {"spread_ticks": 5.0}},
        "volume": {"state": {"volume_ratio": 0.1}},
        "data quality": {"data_quality": 0.95},
    }
    for name, changes in cases.items():
        assert {c.name: c.level for c in market(calm, **changes) if c.level} == {name: Level.HIGH}
    quality = next(c for c in market(calm, data_quality=0.95) if c.level)
    assert quality.reason == "data quality 95.0%"


def test_the_models_condition_rises_at_once_and_falls_after_three_sound_bars():
    failed = market((), model=ModelCondition.FAILED)
    assert failed[-1] == Component("model", Level.CRITICAL, 7, "model failed")
    once = market(failed)
    assert once[-1].calm_bars == 1
    assert market(market(once))[-1].level is Level.LOW


def test_only_a_closed_bar_lowers_the_drawdown():
    high = Component("drawdown", Level.HIGH, 1, "drawdown 10.0%", calm_bars=2)
    assert drawdown_component(high, 0.0, PARAMETERS, 5, bar_closed=False) is high
    assert drawdown_component(high, 0.0, PARAMETERS, 5, bar_closed=True).level is Level.LOW
    assert drawdown_component(high, 0.15, PARAMETERS, 5, bar_closed=False).reason == "drawdown 15.0%"
