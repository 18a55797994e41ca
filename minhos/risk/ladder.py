"""The live ladder: real money begins at a quarter of Kelly and has to earn the rest.

After every `ladder_trades` closed trades without a stop the multiplier rises one step; the day's loss, losses in a row
and EMERGENCY put it back at once, and the count starts again.  It is folded in every mode and applies in live alone
(`RiskManager.sizing`).
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Ladder, Level, RiskState
from minhos.sizing.types import SizingParameters

_BOTTOM = Ladder()


def step_of(ladder: Ladder, parameters: RiskParameters) -> float:
    """The largest multiplier that the ladder allows now."""
    return parameters.ladder_steps[min(ladder.step, len(parameters.ladder_steps) - 1)]


def on_trade(state: RiskState, parameters: RiskParameters) -> RiskState:
    """A trade was closed, from flat or flip to flat or flip; one that ends under a stop does not count."""
    if _stopped(state):
        return state
    step, trades = state.ladder.step, state.ladder.trades + 1
    if step + 1 >= len(parameters.ladder_steps):
        return state
    if trades >= parameters.ladder_trades:
        step, trades = step + 1, 0
    return msgspec.structs.replace(state, ladder=Ladder(step, trades))


def after_stops(state: RiskState) -> RiskState:
    """While a stop holds, the ladder stands at its first step with nothing counted."""
    if state.ladder == _BOTTOM or not _stopped(state):
        return state
    return msgspec.structs.replace(state, ladder=_BOTTOM)


def _stopped(state: RiskState) -> bool:
    return state.day_stop is not None or state.loss_stop is not None or state.level() is Level.EMERGENCY


@lru_cache(maxsize=16)
def capped(sizing: SizingParameters, step: float) -> SizingParameters:
    """The same settings with that cap on Kelly's multiplier; one object for equal values."""
    return msgspec.structs.replace(sizing, ladder_step=min(sizing.ladder_step, step))


def sentence(ladder: Ladder, parameters: RiskParameters) -> str:
    """ "0.25 now; 37 of 50 trades to 0.40"."""
    now = f"{step_of(ladder, parameters):.2f} now"
    if ladder.step + 1 >= len(parameters.ladder_steps):
        return f"{now}, the highest step"
    following = parameters.ladder_steps[ladder.step + 1]
    return f"{now}; {ladder.trades} of {parameters.ladder_trades} trades to {following:.2f}"
