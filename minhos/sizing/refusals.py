"""Numbers that no size may be worked out from, and the sentence that names the first of them.

The check is one chain of comparisons, false for NaN; words are made only once it fails.
"""

from __future__ import annotations

import math

from minhos.accounting.types import Account
from minhos.features.types import MarketState
from minhos.market.types import Instrument
from minhos.models.forecast import Forecast
from minhos.models.payoff import Payoff
from minhos.sizing.memo import once_per_value
from minhos.sizing.payoff import payoff_defect
from minhos.sizing.types import SizingParameters

_INFINITY = math.inf
LARGEST_TICKS = 1e9
"""Of an ATR or a cost: beyond, no price could hold it."""


def margin_cents(instrument: Instrument, parameters: SizingParameters) -> int:
    """Margin of one contract, day or overnight as set."""
    return instrument.overnight_margin_cents if parameters.overnight_margin else instrument.day_margin_cents


def refusal(
    forecast: Forecast,
    payoff: Payoff,
    state: MarketState,
    account: Account,
    instrument: Instrument,
    parameters: SizingParameters,
    risk_multiplier: float,
    cost_ticks: float,
) -> str:
    """Why nothing can be sized, as the end of a sentence; empty where all numbers are sound."""
    margin = margin_cents(instrument, parameters)
    if (
        0.0 < forecast.p_up < 1.0
        and 0.0 < forecast.p_low < 1.0
        and 0.0 < state.atr_ticks < LARGEST_TICKS
        and 0.0 < cost_ticks < LARGEST_TICKS
        and 0.0 < account.equity_cents < _INFINITY
        and 0.0 < account.day_start_equity_cents < _INFINITY
        and -_INFINITY < account.day_pnl_cents < _INFINITY
        and 0.0 <= account.stop_risk_cents < _INFINITY
        and 0.0 < instrument.tick_value_cents < _INFINITY
        and 0.0 < margin < _INFINITY
        and 0.0 <= risk_multiplier < _INFINITY
    ):
        return payoff_defect(payoff) or parameters_defect(parameters)
    positive = (
        ("calibrated p of up", forecast.p_up, 1.0),
        ("p_low", forecast.p_low, 1.0),
        ("ATR in ticks", state.atr_ticks, LARGEST_TICKS),
        ("round-trip cost in ticks", cost_ticks, LARGEST_TICKS),
        ("equity in cents", account.equity_cents, _INFINITY),
        ("equity at the day's start in cents", account.day_start_equity_cents, _INFINITY),
        (f"tick value of {instrument.root} in cents", instrument.tick_value_cents, _INFINITY),
        (f"margin of {instrument.root} in cents", margin, _INFINITY),
    )
    for name, value, end in positive:
        if math.isnan(value):
            return _no_number(name, of_models=end == 1.0)
        if not 0.0 < value < end:
            huge = LARGEST_TICKS <= value < _INFINITY
            limit = "below one" if end == 1.0 else "below a billion" if huge else "be finite"
            return f"the {name} is {value}, and must lie above zero and {limit}"
    for name, value in (("day's P&L in cents", account.day_pnl_cents), ("risk multiplier", risk_multiplier)):
        if math.isnan(value):
            return _no_number(name)
        if not math.isfinite(value) or (name == "risk multiplier" and value < 0.0):
            return f"the {name} is {value}"
    return f"the stop risk in cents is {account.stop_risk_cents}, and must be zero or more"


def _no_number(name: str, *, of_models: bool = False) -> str:
    """Of a NaN, which is no word for a person."""
    return f"the models gave no number for the {name}" if of_models else f"the {name} is not a number"


@once_per_value
def parameters_defect(parameters: SizingParameters) -> str:
    """Which sizing setting cannot be used, with its value; empty for sound ones."""
    shares = {
        "max_kelly_fraction": parameters.max_kelly_fraction,
        "kelly_multiplier": parameters.kelly_multiplier,
        "ladder_step": parameters.ladder_step,
        "max_capital_risk": parameters.max_capital_risk,
        "daily_loss_limit": parameters.daily_loss_limit,
        "confidence_threshold": parameters.confidence_threshold,
        "wealth_floor": parameters.wealth_floor,
        "breach_probability": parameters.breach_probability,
    }
    for name, value in shares.items():
        most = 1.0 if name not in ("wealth_floor", "breach_probability") else math.nextafter(1.0, 0.0)
        if not 0.0 < value <= most:
            return f"{name} is {value}, and must lie between 0 and 1"
    if not 0.0 < parameters.stop_atr < LARGEST_TICKS:
        return f"stop_atr is {parameters.stop_atr}, and must lie above zero and below a billion"
    limit = parameters.daily_loss_limit_cents
    if limit is not None and not 0 < limit < _INFINITY:
        return f"daily_loss_limit_cents is {limit}, and must lie above zero"
    capital = parameters.trading_capital_cents
    if capital is not None and not 0 < capital < _INFINITY:
        return f"trading_capital_cents is {capital}, and must lie above zero"
    if not 0.0 <= parameters.fixed_fraction <= 1.0:
        return f"fixed_fraction is {parameters.fixed_fraction}, and must lie between 0 and 1"
    if not 0 <= parameters.max_position_size < _INFINITY:
        return f"max_position_size is {parameters.max_position_size}, and must be zero or more"
    return ""
