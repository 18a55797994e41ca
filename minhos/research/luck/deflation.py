"""What a Sharpe ratio is worth after everything that was tried on the same bars.

The best of many trials without skill looks good; the deflated Sharpe ratio (Bailey & Lopez de Prado 2014) asks whether
this one is better than that.  The number of trials comes from the trial ledger.  Every Sharpe ratio that is shown
passes through here.  Not for choosing among the trials: `snooping` and `minhos.stats.overfitting` do that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.stats import (
    annualised,
    expected_maximum_sharpe_ratio,
    minimum_track_record_length,
    moments,
    probabilistic_sharpe_ratio,
)
from minhos.words import chance

SESSIONS_A_YEAR = 252
MINIMUM_PERIODS = 5
"""With fewer periods skewness and kurtosis are noise and no probability is given."""
MINIMUM_RATIOS = 5
"""Of earlier trials, before their spread is believed."""


class Deflation(msgspec.Struct, frozen=True):
    """A Sharpe ratio beside what luck alone would show.  All ratios are per period of the returns.

    sharpe_ratio: mean over standard deviation; None without variation.  n_trials: configurations tried on these bars,
    this one included.  expected_maximum: ratio that the best of so many without skill is expected to show, 0 for one.
    probability: that the true ratio lies above zero, after the trials (the deflated Sharpe ratio).  n_periods: returns
    it rests on.  annual: the ratio times the root of periods_a_year.  periods_needed: length of the record at which
    the probability would reach 95 %; None where no length does.  reason: why figures are None, else empty.
    """

    sharpe_ratio: float | None
    n_trials: int
    expected_maximum: float | None
    probability: float | None
    n_periods: int = 0
    annual: float | None = None
    periods_needed: float | None = None
    reason: str = ""

    @property
    def sentence(self) -> str:
        """For the terminal and the report."""
        if self.annual is None or self.probability is None:
            return f"No Sharpe ratio: {self.reason}."
        tried = "after the only trial" if self.n_trials == 1 else f"after {self.n_trials} trials"
        return (
            f"Sharpe ratio {self.annual:.2f} a year; {tried} on these bars the chance that it is above zero is "
            f"{chance(self.probability)}."
        )


def deflated(
    returns_by_period: npt.ArrayLike,
    trials: int,
    sharpe_ratio_variance: float | None = None,
    *,
    periods_a_year: float = SESSIONS_A_YEAR,
) -> Deflation:
    """Deflate the Sharpe ratio of returns, shape (n,), by the number of trials.

    trials: distinct configurations tried on these bars, this one included; at least one.  sharpe_ratio_variance: of
    the per-period ratios over the trials; None takes that of trials without skill, 1 / n.
    """
    returns = np.asarray(returns_by_period, dtype=np.float64)
    found, trials = moments(returns), max(1, int(trials))
    if found.n < MINIMUM_PERIODS:
        return _unknown(
            trials, found.n, f"{found.n} trade dates with returns; {MINIMUM_PERIODS} are needed to say anything"
        )
    if not math.isfinite(found.sharpe_ratio):
        return _unknown(trials, found.n, f"the {found.n} returns do not vary, as where nothing was traded")
    variance = 1.0 / found.n if sharpe_ratio_variance is None else sharpe_ratio_variance
    benchmark = expected_maximum_sharpe_ratio(variance, trials)
    shape = found.skewness, found.kurtosis
    probability = probabilistic_sharpe_ratio(found.sharpe_ratio, benchmark, found.n, *shape)
    needed = minimum_track_record_length(found.sharpe_ratio, benchmark, *shape)
    if not math.isfinite(probability):
        return _unknown(trials, found.n, f"the {found.n} returns have no finite spread of the ratio")
    return Deflation(
        found.sharpe_ratio,
        trials,
        benchmark,
        probability,
        found.n,
        annualised(found.sharpe_ratio, periods_a_year),
        needed if math.isfinite(needed) else None,
    )


def variance_of(ratios: Sequence[float | None]) -> float | None:
    """Variance (ddof 1) of the per-period ratios of earlier trials; None below five of them, for `deflated`."""
    known = [ratio for ratio in ratios if ratio is not None and math.isfinite(ratio)]
    return float(np.var(known, ddof=1)) if len(known) >= MINIMUM_RATIOS else None


def _unknown(trials: int, n_periods: int, reason: str) -> Deflation:
    return Deflation(None, trials, None, None, n_periods, reason=reason)
