"""What a bet wins and loses before cost: the sizes of out-of-fold moves, in ATR, the same for right and wrong bars.

Why the same: a market that is forecast well has larger moves among the right bars, because those hold more of the
bars with a high p.  Taken apart, the two would promise a gain to a coin flip, and break-even would fall below one
half.  See docs/decisions/0005.  Where the bars' highs and lows are given, the payoff also knows who bears what a stop
loses on its way: of both sides of every bar, as measured.  Only the fit; what a bet is worth after costs is
`sizing.payoff`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData
from minhos.models.payoff import Payoff

Floats = npt.NDArray[np.float64]
Point = tuple[float, float]

N_OUTCOMES = 10
MINIMUM_BARS = 2 * N_OUTCOMES
STOPS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.35, 1.6, 2.0, 2.5, 3.0, 4.0)
"""Distances in ATR at which the stop's losses are measured."""
MINIMUM_TOUCHED = 100
"""Bars that touched the stop and ended better, below which their losses are noise and the model of the path serves."""


def fit_payoff(
    side: npt.ArrayLike,
    move_ticks: npt.ArrayLike,
    atr_ticks: npt.ArrayLike,
    *,
    stop_atr: float = 3.0,
    down_ticks: npt.ArrayLike | None = None,
    up_ticks: npt.ArrayLike | None = None,
) -> Payoff:
    """The payoff of bars with a label, shape (n,) each: side +1 or -1, the move in ticks, ATR in ticks.

    down_ticks, up_ticks: how far below and above its entry the bar went, zero or more; None where that is not known.

    Each outcome is the mean of one tenth of the moves' sizes (not that tenth's median), so that the mean move, on
    which break-even rests, is kept in spite of fat tails.  Ties and bars without a side are left out.
    Raises NotEnoughData when fewer than 20 bars were right, or wrong.
    """
    moves = np.asarray(side, dtype=float) * np.asarray(move_ticks, dtype=float)
    moves = moves / np.maximum(np.asarray(atr_ticks, dtype=float), 1.0)
    right, wrong = moves[moves > 0], moves[moves < 0]
    for kind, found in (("right", right), ("wrong", wrong)):
        if len(found) < MINIMUM_BARS:
            raise NotEnoughData(
                f"Only {len(found)} out-of-fold bars were {kind}; the payoff needs {MINIMUM_BARS}, so use more bars, "
                "and some on which prices turn."
            )
    sizes = np.sort(np.abs(moves[moves != 0]))
    right_outcomes = tuple(round(float(part.mean()), 6) for part in np.array_split(sizes, N_OUTCOMES))
    wrong_outcomes = tuple(-size for size in reversed(right_outcomes))
    share: tuple[tuple[float, float], ...] = ()
    if down_ticks is not None and up_ticks is not None:
        share = _right_share(*(np.asarray(x, dtype=float) for x in (move_ticks, atr_ticks, down_ticks, up_ticks)))
    return Payoff(
        right_outcomes, wrong_outcomes, stop_atr=stop_atr, n_right=len(right), n_wrong=len(wrong), right_share=share
    )


def _right_share(move_ticks: Floats, atr_ticks: Floats, down_ticks: Floats, up_ticks: Floats) -> tuple[Point, ...]:
    """Of what a stop loses on bars that touch it and end better, the share of right ones; at each stop of `STOPS`.

    Both sides of each bar that moved: the long of a rising bar is right and saw `down_ticks` against it, its short is
    wrong and saw `up_ticks`.  The same for right and wrong bars as the sizes are, so a coin flip is worth nothing.
    """
    moved = move_ticks != 0
    atr = np.maximum(atr_ticks[moved], 1.0)
    size, up = np.abs(move_ticks[moved]) / atr, move_ticks[moved] > 0
    against_right = np.where(up, down_ticks[moved], up_ticks[moved]) / atr
    against_wrong = np.where(up, up_ticks[moved], down_ticks[moved]) / atr
    points: list[Point] = []
    for stop in STOPS:
        right, wrong = against_right >= stop, (against_wrong >= stop) & (size < stop)
        by_right, by_wrong = float((size + stop)[right].sum()), float((stop - size)[wrong].sum())
        if min(int(right.sum()), int(wrong.sum())) < MINIMUM_TOUCHED or not by_right + by_wrong > 0.0:
            if points:
                break
            continue
        points.append((stop, round(by_right / (by_right + by_wrong), 6)))
    return tuple(points)
