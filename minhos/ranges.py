"""The range of every number that a person may set, and why; the sentence that refuses another.

Pure tables: what the numbers do is told where they are used, which of them contradict each other in `settings`.  A
range is where a value can be meant, not where it is wise.  Recorded settings of an old journal are not held against
these: they are checked where a person's files are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeGuard

from minhos.errors import SettingsError


class Range(NamedTuple):
    """Both ends belong to it.  why: the end of a sentence."""

    low: float
    high: float
    why: str


_MUCH_MONEY = "an account has at least a dollar and less than a billion"
_SHARE = "it is a share of the whole"
_MINUTES = "a session has 1380 minutes"
_LEVEL = "it is a ratio to an ordinary day"
_CONTRACTS = "more than a hundred contracts are no individual's order"

SIZING: Mapping[str, Range] = {
    "fixed_fraction": Range(0.0, 0.25, "a gap of three stops then takes three quarters of the capital"),
    "max_kelly_fraction": Range(0.001, 0.25, "a gap of three stops then takes three quarters of the capital"),
    "kelly_multiplier": Range(0.01, 1.0, "more than Kelly risks more for less growth, and zero never trades"),
    "confidence_threshold": Range(0.5, 1.0, "it is the probability of the likelier side"),
    "max_position_size": Range(0, 100, _CONTRACTS),
    "max_capital_risk": Range(0.001, 0.25, "all open stops together may lose it at once"),
    "stop_atr": Range(0.1, 20.0, "a stop nearer than a tenth of a bar is noise, and one at twenty bars is none"),
    "daily_loss_limit": Range(0.001, 1.0, "it is a share of the day's start, and a limit of nothing ends every day"),
    "daily_loss_limit_cents": Range(100, 1e11, _MUCH_MONEY),
    "wealth_floor": Range(0.5, 0.999, "it is the share of the day's start below which wealth shall hardly ever fall"),
    "breach_probability": Range(0.0001, 0.5, "it is the chance of falling through that floor"),
    "trading_capital": Range(1.0, 1e9, _MUCH_MONEY),
    "trading_capital_cents": Range(100, 1e11, _MUCH_MONEY),
    "ladder_step": Range(0.01, 1.0, "it is a share of Kelly"),
}

RISK: Mapping[str, Range] = {
    "max_position_size": Range(0, 100, _CONTRACTS),
    "max_capital_risk": SIZING["max_capital_risk"],
    "trading_capital_cents": Range(100, 1e11, _MUCH_MONEY),
    "daily_loss_limit": SIZING["daily_loss_limit"],
    "daily_loss_limit_cents": Range(100, 1e11, _MUCH_MONEY),
    "max_consecutive_losses": Range(1, 100, "a stop after a hundred losses in a row is none"),
    "cooldown_minutes": Range(1.0, 10_080.0, "it is at most a week"),
    "trailing_drawdown_cents": Range(100, 1e11, _MUCH_MONEY),
    "min_confidence": Range(0.5, 1.0, "it is the probability of the likelier side"),
    "min_agreement": Range(0.0, 1.0, _SHARE),
    "min_members": Range(1, 100, "without a member there is no forecast"),
    "model_max_age_days": Range(1.0, 3650.0, "a model must be allowed a day, and ten years are no limit"),
    "no_adds_before_halt_minutes": Range(0.0, 1380.0, _MINUTES),
    "flat_before_halt_minutes": Range(0.0, 1380.0, _MINUTES),
    "blackout_before_minutes": Range(0.0, 1440.0, "it is a part of a day"),
    "blackout_after_minutes": Range(0.0, 1440.0, "it is a part of a day"),
    "expiry_days": Range(0.0, 60.0, "a contract leads for three months only"),
    "overnight_margin_before_close_minutes": Range(0.0, 1380.0, _MINUTES),
    "stale_after_s.simulated": Range(1.0, 300.0, "the next bar comes after 300 seconds"),
    "stale_after_s.paper": Range(1.0, 300.0, "the next bar comes after 300 seconds"),
    "stale_after_s.live": Range(1.0, 300.0, "the next bar comes after 300 seconds"),
    "min_data_quality": Range(0.0, 1.0, _SHARE),
    "max_volatility_ratio": Range(1.0, 100.0, _LEVEL),
    "min_volume_ratio": Range(0.0, 1.0, _LEVEL),
    "max_spread_ticks": Range(1.0, 1000.0, "a market's spread is at least a tick"),
    "max_orders_a_minute": Range(1, 600, "without an order nothing can be closed, and brokers cut off who sends more"),
    "max_orders_a_day": Range(1, 100_000, "without an order nothing can be closed, and brokers cut off who sends more"),
    "max_round_trips_a_day": Range(1, 50_000, "a day has 276 bars"),
    "max_commission_share_a_day": Range(0.0001, 0.5, "commissions may not take half of an account in a day"),
    "ladder_steps": Range(0.01, 1.0, "each is a share of Kelly"),
    "ladder_trades": Range(1, 10_000, "a step is earned by trades"),
    "levels.drawdown": Range(0.001, 0.99, "it is a share of the highest equity that is lost"),
    "levels.volatility_ratio": Range(1.0, 100.0, _LEVEL),
    "levels.spread_ticks": Range(0.5, 1000.0, "it is a number of ticks"),
    "levels.volume_ratio": Range(0.0, 1.0, _LEVEL),
    "levels.data_quality": Range(0.0, 1.0, _SHARE),
    "levels.margin": Range(0.0, 0.99, "it is the share by which a value must be better again"),
    "levels.calm_bars": Range(1, 1000, "a level falls after calm bars"),
    **{
        f"risk_multipliers.{level}": Range(0.0, 1.0, "a level never raises a size")
        for level in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    },
    "risk_multipliers.EMERGENCY": Range(0.0, 0.0, "in an emergency everything is closed and nothing is bet"),
}

INSTRUMENT: Mapping[str, Range] = {
    "commission_cents": Range(0, 10_000, "a side costs less than a hundred dollars"),
    "slippage_ticks": Range(0, 50, "more than fifty ticks a side are a price of another time"),
    "stop_slippage_ticks": Range(0, 200, "more than two hundred ticks are a gap, which has its own place"),
    "day_margin_cents": Range(100, 100_000_000, "a contract without a margin could be held without end"),
    "overnight_margin_cents": Range(100, 100_000_000, "a contract without a margin could be held without end"),
}

ACCOUNT_RULES: Mapping[str, Range] = {
    "account": Range(1.0, 1e9, _MUCH_MONEY),
    "profit_target": Range(1.0, 1e9, _MUCH_MONEY),
    "max_drawdown": Range(1.0, 1e9, _MUCH_MONEY),
    "daily_loss_limit": Range(1.0, 1e9, _MUCH_MONEY),
    "minimum_days": Range(1, 1000, "it is a number of trade dates"),
    "consistency_share": Range(0.01, 1.0, _SHARE),
}


def plain(value: float) -> str:
    """A number as a person writes it: 0.25, 1000000."""
    return format(value, ".10g") if abs(value) < 1e10 else format(value, ".0f")


def refusal(name: str, value: object, allowed: Range, usual: object) -> str:
    """The sentence.  name: as "[sizing] stop_atr".  usual: the default, None where there is none."""
    way_out = "leave it out" if usual is None else f"set it to {plain(usual) if is_number(usual) else usual}"
    return f"{name} = {value}: must {_within(allowed)}, because {allowed.why}; {way_out}."


def _within(allowed: Range) -> str:
    if allowed.low == allowed.high:
        return f"be {plain(allowed.low)}"
    return f"lie between {plain(allowed.low)} and {plain(allowed.high)}"


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(
    values: Mapping[str, object],
    ranges: Mapping[str, Range],
    name_of: Callable[[str], str],
    usual_of: Callable[[str], object] = lambda _: None,
    *,
    under: str = "",
) -> None:
    """Refuse the first number that lies outside its range, or that has none and is not finite.

    values: as they were read; tables in them have their ranges under "table.key", lists one range for each element.
    name_of, usual_of: a key's name in the sentence, and its default.  Raises SettingsError.
    """
    for key, given in values.items():
        path = f"{under}{key}"
        if isinstance(given, Mapping):
            check(given, ranges, name_of, usual_of, under=f"{path}.")
            continue
        for value in given if isinstance(given, list | tuple) else (given,):
            if not is_number(value):
                continue
            allowed = ranges.get(path)
            if allowed is None:
                if isinstance(value, float) and not math.isfinite(value):
                    raise SettingsError(f"{name_of(path)} = {value}: that is no number anything could be done with.")
            elif not allowed.low <= value <= allowed.high:
                raise SettingsError(refusal(name_of(path), given, allowed, usual_of(path)))
