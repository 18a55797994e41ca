"""Risk levels with hysteresis: up at once, down only after some calm bars, EMERGENCY never by itself.

Pure functions from a component and a new value to the component after it.  A value that is not a number is CRITICAL:
what cannot be measured is not calm.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right

import msgspec

from minhos.features.types import MarketState
from minhos.risk.parameters import LevelParameters
from minhos.risk.types import Component, Level, ModelCondition

MARKET_COMPONENTS = ("volatility", "spread", "volume", "data quality", "model")


def grade(value: float, thresholds: tuple[float, ...], *, falling: bool = False, margin: float = 0.0) -> Level:
    """Level of a value: the number of thresholds reached, MEDIUM's first.

    margin: how much better than its threshold, as a share of it, a value must be to count as below the level.
    """
    if falling:
        reached = sum(value <= threshold * (1.0 + margin) for threshold in thresholds)
    else:
        reached = bisect_right([threshold * (1.0 - margin) for threshold in thresholds], value)
    return Level(reached)


def rise(component: Component, level: Level, reason: str, time_ns: int) -> Component:
    """The component at that level if it is worse than before, else as it was."""
    if level <= component.level:
        return component
    return Component(component.name, level, time_ns, reason)


def settle(component: Component, level: Level, calm: Level, reason: str, time_ns: int, calm_bars: int) -> Component:
    """The component after a bar.

    level: of the new value.  calm: of the same value with the margin; below the component's level it counts as one
    calm bar, and after `calm_bars` of them in a row it becomes the level.  EMERGENCY stays until `resume`.
    """
    if level > component.level:
        return rise(component, level, reason, time_ns)
    if component.level is Level.EMERGENCY:
        return component
    if calm >= component.level:
        return msgspec.structs.replace(component, calm_bars=0) if component.calm_bars else component
    if component.calm_bars + 1 < calm_bars:
        return msgspec.structs.replace(component, calm_bars=component.calm_bars + 1)
    return Component(component.name, calm, time_ns, reason if calm else "")


def measured(
    component: Component,
    value: float,
    thresholds: tuple[float, ...],
    parameters: LevelParameters,
    time_ns: int,
    *,
    falling: bool = False,
    text: str = "{:.2f}",
) -> Component:
    """The component after a bar on which its value was this."""
    if component.level is Level.LOW and thresholds:  # the ordinary bar: better than the first threshold, as before
        first = thresholds[0]
        if first < value < math.inf if falling else -math.inf < value < first:
            return component
    if not math.isfinite(value):
        return rise(component, Level.CRITICAL, f"{component.name} is {value}", time_ns)
    level = grade(value, thresholds, falling=falling)
    calm = grade(value, thresholds, falling=falling, margin=parameters.margin)
    if level is calm is component.level is Level.LOW:
        return component
    reason = f"{component.name} {text.format(value)}"
    return settle(component, level, calm, reason, time_ns, parameters.calm_bars)


def market_components(
    components: tuple[Component, ...],
    parameters: LevelParameters,
    market: MarketState | None,
    data_quality: float,
    model: ModelCondition,
    time_ns: int,
    model_reason: str = "",
) -> tuple[Component, ...]:
    """All components of one instrument after a bar.  model_reason: the models' condition in words, where more is known.

    Before there is a market state, while features warm up, its components stay as they are and nothing is added.
    A spread that the source does not report is not held against the market.  Where nothing changes, the same tuple.
    """
    volatility, spread, volume, quality, models = components or tuple(Component(name) for name in MARKET_COMPONENTS)
    if market is not None:
        volatility = measured(volatility, market.volatility_ratio, parameters.volatility_ratio, parameters, time_ns)
        if not math.isnan(market.spread_ticks):
            spread = measured(spread, market.spread_ticks, parameters.spread_ticks, parameters, time_ns)
        volume = measured(volume, market.volume_ratio, parameters.volume_ratio, parameters, time_ns, falling=True)
    quality = measured(quality, data_quality, parameters.data_quality, parameters, time_ns, falling=True, text="{:.1%}")
    level = model_level(model, parameters)
    if not level is models.level is Level.LOW:
        models = settle(models, level, level, model_reason or f"model {model.value}", time_ns, parameters.calm_bars)
    after = (volatility, spread, volume, quality, models)
    return components if components and all(map(operator.is_, after, components)) else after


def model_level(model: ModelCondition, parameters: LevelParameters) -> Level:
    """Level of the models' condition, as set."""
    if model is ModelCondition.PARTIAL:
        return Level[parameters.model_partial]
    if model is ModelCondition.OLD:
        return Level[parameters.model_old]
    return Level[parameters.model_failed] if model is ModelCondition.FAILED else Level.LOW


def drawdown_component(
    component: Component, drawdown: float, parameters: LevelParameters, time_ns: int, *, bar_closed: bool
) -> Component:
    """The drawdown's component after a mark; only a closed bar can lower it."""
    after = measured(component, drawdown, parameters.drawdown, parameters, time_ns, text="{:.1%}")
    return after if bar_closed or after.level > component.level else component
