"""What a bet wins and loses before cost: the sizes of out-of-fold moves, in ATR, the same for right and wrong bars.

Why the same: a market that is forecast well has larger moves among the right bars, because those hold more of the
bars with a high p.  Taken apart, the two would promise a gain to a coin flip, and break-even would fall below one
half.  See docs/decisions/0005.  Only the fit; what a bet is worth after costs is `sizing.payoff`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData
from minhos.models.payoff import Payoff

N_OUTCOMES = 10
MINIMUM_BARS = 2 * N_OUTCOMES


def fit_payoff(
    side: npt.ArrayLike, move_ticks: npt.ArrayLike, atr_ticks: npt.ArrayLike, *, stop_atr: float = 3.0
) -> Payoff:
    """The payoff of bars with a label, shape (n,) each: side +1 or -1, the move in ticks, ATR in ticks.

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
    return Payoff(right_outcomes, wrong_outcomes, stop_atr=stop_atr, n_right=len(right), n_wrong=len(wrong))
