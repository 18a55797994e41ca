"""Anytime-valid evidence by betting: look after every bet, stop whenever you like, and the error rate still holds.

Starting from 1, an e-value is the wealth of a gambler who bets against the null.  Under the null it exceeds 1/alpha
ever with probability at most alpha (Ville's inequality; Waudby-Smith & Ramdas 2024).  Wealth is kept in logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

EVIDENCE_LAMBDAS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Stakes against "mean net R is at most zero"."""
ACCURACY_LAMBDAS = (0.02, 0.05, 0.1, 0.2)
"""Stakes against "accuracy is at most p0"."""


@lru_cache(maxsize=64)
def _checked(lambdas: tuple[float, ...]) -> tuple[float, ...]:
    """The same stakes, looked at once.  Raises ValueError unless each lies between 0 and 1."""
    if not lambdas or not all(0.0 < stake < 1.0 for stake in lambdas):
        raise ValueError(f"stakes must lie between 0 and 1, got {lambdas}")
    return lambdas


def _exp(x: float) -> float:
    """e to the x, infinite where a double cannot hold it."""
    return math.exp(x) if x < 709.0 else math.inf


class BettingProcess:
    """E = mean over the stakes l of the product of 1 + l x, where x has mean at most zero under the null.

    x lies in [-1, 1]; what lies beyond is clipped and counted in `clipped`.  log_wealth (one entry a stake),
    log_maximum, n and clipped are the whole state.
    """

    __slots__ = ("clipped", "lambdas", "log_maximum", "log_wealth", "n")

    def __init__(self, lambdas: Iterable[float] = EVIDENCE_LAMBDAS) -> None:
        self.lambdas = _checked(tuple(lambdas))
        self.log_wealth = [0.0] * len(self.lambdas)
        self.log_maximum = 0.0
        self.n = 0
        self.clipped = 0

    def update(self, x: float) -> float:
        """Settle one bet and return the e-value.  Raises ValueError on NaN: a bet without a result is no bet."""
        if math.isnan(x):
            raise ValueError("a bet's result must be a number, got NaN")
        inside = min(1.0, max(-1.0, x))
        self.clipped += inside != x
        return self._settle(inside)

    def _settle(self, x: float) -> float:
        """Multiply every stake's wealth, and return the e-value."""
        wealth = self.log_wealth
        for i, stake in enumerate(self.lambdas):
            wealth[i] += math.log1p(stake * x)
        self.n += 1
        log_e_value = self.log_e_value
        self.log_maximum = max(self.log_maximum, log_e_value)
        return _exp(log_e_value)

    @property
    def log_e_value(self) -> float:
        """Natural logarithm of the e-value."""
        top = max(self.log_wealth)
        return top + math.log(sum([math.exp(w - top) for w in self.log_wealth]) / len(self.log_wealth))

    @property
    def e_value(self) -> float:
        """The wealth now; infinite where a double cannot hold it."""
        return _exp(self.log_e_value)

    @property
    def p_value(self) -> float:
        """Anytime-valid p-value: one over the largest e-value so far, at most 1."""
        return math.exp(-self.log_maximum)


class AccuracyProcess(BettingProcess):
    """Evidence against "each forecast is right with probability at most p0"; p0 may differ from bet to bet.

    The bet is (x - p0) / p0 with x = 1 for a hit: it loses at most the stake and is not clipped above.
    """

    __slots__ = ()

    def __init__(self, lambdas: Iterable[float] = ACCURACY_LAMBDAS) -> None:
        super().__init__(lambdas)

    def update(self, x: float, p0: float = 0.5) -> float:
        """Settle one forecast: x is 1 (or True) for a hit, else 0."""
        if x not in (0, 1) or not 0.0 < p0 < 1.0:
            raise ValueError(f"needs a hit of 0 or 1 and p0 between 0 and 1, got {x} and {p0}")
        return self._settle((x - p0) / p0)


def beta_mixture_e_value(successes: int, n: int, p0: float = 0.5) -> float:
    """E-value against "the share is exactly p0" of the uniform mixture over shares (Beta(1, 1) prior)."""
    if not 0 <= successes <= n or not 0.0 < p0 < 1.0:
        raise ValueError(f"needs 0 <= successes <= n and p0 between 0 and 1, got {successes}, {n}, {p0}")
    log_beta = math.lgamma(successes + 1) + math.lgamma(n - successes + 1) - math.lgamma(n + 2)
    return _exp(log_beta - successes * math.log(p0) - (n - successes) * math.log1p(-p0))
