"""How far scores are to be believed: a logistic slope through the origin, and how uncertain it is.

Through the origin, because one half must stay one half for a direction.  Isotonic and Venn-Abers fits invent edges on
small samples and are not offered.  Applying the calibrator is `models.calibration`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData
from minhos.models.calibration import Calibrator
from minhos.stats import slope_through_origin

PRIOR_SD = 0.5
PRIOR_BELOW_N = 1000
"""With fewer rows than this the slope has a ridge prior N(0, 0.5^2): a slope of one must be earned."""


def fit_calibrator(score: npt.ArrayLike, up: npt.ArrayLike, trade_date: npt.ArrayLike, *, z: float = 1.0) -> Calibrator:
    """Slope of P(up) = sigmoid(slope * logit(score)) by Newton, and its lower bound slope - z * se.

    score: out-of-fold probabilities of "up", shape (n,); up: 0 or 1; the standard error lets the bars of one trade
    date depend on each other.  Either may be negative; the calibrator then counts it as zero (a model that is
    reliably wrong is not turned round).  Scores that are all one half give a slope of zero.
    Raises NotEnoughData without rows.
    """
    n = np.size(score)
    if n == 0:
        raise NotEnoughData("There is no out-of-fold forecast to calibrate on.")
    slope, se = slope_through_origin(up, score, trade_date, PRIOR_SD if n < PRIOR_BELOW_N else None)
    if math.isnan(slope) or math.isnan(se):
        return Calibrator(0.0, 0.0, 0.0, n)
    return Calibrator(slope, se, slope - z * se, n)
