"""The payoff frozen with a bundle: what a bar's bet wins and loses, in units of ATR.

Only the values; fitting is `training.payoff_fit`, what a stop makes of them is `models.stopped`, what a bet is worth in
R after costs is `sizing.payoff`.
"""

from __future__ import annotations

import msgspec


class Payoff(msgspec.Struct, frozen=True):
    """Out-of-fold moves open[t+2] - open[t+1] in ATR(14), as equally likely outcomes.

    right: what a bar pays whose side was right, all above zero.  wrong: where it was wrong, all below zero, not
    yet cut at the stop.
    stop_atr: distance of the protective stop in ATR; R = stop distance + cost.
    gap_r, gap_probability: an atom at -gap_r R for gaps through the stop.
    n_right, n_wrong: bars that the quantiles were taken from.
    """

    right: tuple[float, ...]
    wrong: tuple[float, ...]
    stop_atr: float = 3.0
    gap_r: float = 3.0
    gap_probability: float = 0.002
    n_right: int = 0
    n_wrong: int = 0
    right_share: tuple[tuple[float, float], ...] = ()
    """As measured along the paths, by the stop's distance in ATR, rising: of what a stop there loses on bars that touch
    it and end better, the share that right bars bear.  Empty where no paths were measured: `models.stopped` has a
    model."""
