"""The forecast: what the models say of the next bet, and how far they are to be believed."""

from __future__ import annotations

import msgspec

LSTM = "lstm"
"""The member that `[autonomous] lstm_enabled` switches; `ensemble_enabled` switches all others."""


class Forecast(msgspec.Struct, frozen=True, gc=False):
    """The models' view at one bar's close of the sign of open[t+2] - open[t+1].

    members: raw probability of "up" from each member that is present, by name.  score: their weighted
    combination, raw.  p_up: calibrated probability of "up".  p_low: lower bound of the calibrated probability
    of the forecast's side (0.5 where the slope's lower bound is zero).  side: +1 up, -1 down, 0 none
    (p_up is exactly one half).  agreement: share of present members on that side, 0 to 1.
    missing: members of the recipe that are absent or failed, by name.
    """

    symbol: str
    close_time_ns: int
    members: dict[str, float]
    score: float
    p_up: float
    p_low: float
    side: int
    agreement: float
    bundle_id: str
    missing: tuple[str, ...] = ()

    @property
    def p_side(self) -> float:
        """Calibrated probability of the forecast's side; never below one half."""
        return self.p_up if self.side >= 0 else 1.0 - self.p_up
