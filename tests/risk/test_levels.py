"""Grades and hysteresis by worked examples, and the property that a level never falls before it is calm."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.risk.levels import grade, measured, model_level
from minhos.risk.parameters import LevelParameters
from minhos.risk.types import Component, Level, ModelCondition

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
