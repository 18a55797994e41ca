"""The parameters of a simulated market, and how predictable it is by construction.

Two drifts make the next bar predictable.  "ou": the drift of a bar is a hidden AR(1), so trends come and go.
"regime": the drift follows or opposes the last bar, and a hidden switch says which; prices have no
autocorrelation on average, so only the switch can be learnt.  "break" is one of these until a known time.
"null" has no drift at all.  The ceiling is the accuracy of the exact forecaster: no model can beat it.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from minhos.errors import SettingsError

REGIME_CLIP = 2.0
"""The regime's drift follows the last standardised return up to this size."""

REGIME_SWITCH = 0.005
_REGIME_PHI = (0.0, 0.15, 0.19, 0.25, 0.31, 0.40, 0.43)
_REGIME_CEILING = (0.5, 0.528, 0.5403, 0.5596, 0.5795, 0.610, 0.6205)
"""Strength of the drift against the accuracy of the exact forecaster, at the default switch probability."""

MAX_CEILING = 0.62
KINDS = ("ou", "regime", "break", "null")
BREAKS = (("ou", "null"), ("ou", "reversed"), ("regime", "null"))
"""What a market may break from and to."""


class MarketModel(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated market.

    kind: see the module.  ceiling: best possible accuracy of next-bar direction, 0.5 to 0.62.  rho: persistence
    of the OU drift per bar.  q: probability per bar that the regime switches.  phi: strength of the regime's
    drift; taken from the ceiling when None.  daily_volatility: standard deviation of a session's log return.
    A "break" starts as `breaks_from` and at break_time_ns becomes "null" or, for "ou" only, "reversed" (trends
    become reversals of the same strength); a feed chooses the time where it is None.  Equal parameters give equal
    bars.
    """

    kind: str = "ou"
    ceiling: float = 0.58
    rho: float = 0.90
    q: float = REGIME_SWITCH
    phi: float | None = None
    daily_volatility: float = 0.012
    start_points: float = 20_000.0
    seed: int = 1
    breaks_from: str = "ou"
    breaks_to: str = "null"
    break_time_ns: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(f"The simulated market {self.kind!r} is unknown; choose one of {', '.join(KINDS)}.")
        if not 0.5 <= self.ceiling <= MAX_CEILING:
            raise SettingsError(f"The ceiling {self.ceiling} must lie between 0.5 and {MAX_CEILING}.")
        if not 0.0 < self.rho < 1.0 or not 0.0 < self.q < 0.5:
            raise SettingsError(f"rho = {self.rho} must lie in (0, 1) and q = {self.q} in (0, 0.5).")
        if self.kind == "break" and (self.breaks_from, self.breaks_to) not in BREAKS:
            raise SettingsError(
                f"A market cannot break from {self.breaks_from!r} to {self.breaks_to!r}; possible are "
                f"{', '.join(f'{before} to {after}' for before, after in BREAKS)}."
            )
        if self.drift == "regime" and self.phi is None and self.q != REGIME_SWITCH:
            raise SettingsError(
                f"With q = {self.q} the regime market needs phi: ceilings are tabled for {REGIME_SWITCH}."
            )

    @property
    def drift(self) -> str:
        """The drift that the market starts with: "ou", "regime" or "null"."""
        return self.breaks_from if self.kind == "break" else self.kind

    @property
    def best_accuracy(self) -> float:
        """The ceiling, which is one half where there is no drift."""
        return 0.5 if self.drift == "null" else self.ceiling

    def drift_variance(self) -> float:
        """v, the variance of the OU drift in units of the bar's own variance, that gives the ceiling."""
        return ou_variance(self.ceiling, self.rho) if self.drift == "ou" else 0.0

    def strength(self) -> float:
        """phi of the regime market."""
        if self.drift != "regime":
            return 0.0
        return self.phi if self.phi is not None else float(np.interp(self.ceiling, _REGIME_CEILING, _REGIME_PHI))

    def volatility_inflation(self) -> float:
        """Factor by which the drift raises the volatility of a session over that of its bars.

        OU: sqrt(1 + v (1 + rho) / (1 - rho)), for trends add up over bars.
        """
        return math.sqrt(1.0 + self.drift_variance() * (1.0 + self.rho) / (1.0 - self.rho))


def accuracy_of_r2(r2: float) -> float:
    """How often the sign of a Gaussian forecast with that R² is right: 1/2 + asin(sqrt(R²)) / pi."""
    return 0.5 + math.asin(math.sqrt(r2)) / math.pi


def steady_variance(v: float, rho: float) -> float:
    """Steady prediction variance P of the scalar Kalman filter: P = rho² P / (1 + P) + v (1 - rho²).

    The filter observes the drift (stationary variance v) with noise of variance one.
    """
    w = v * (1.0 - rho * rho)
    b = 1.0 - rho * rho - w
    return (-b + math.sqrt(b * b + 4.0 * w)) / 2.0


def ou_accuracy(v: float, rho: float) -> float:
    """Ceiling of the OU market: R² = (v - P) / (1 + v)."""
    return accuracy_of_r2((v - steady_variance(v, rho)) / (1.0 + v))


def ou_variance(ceiling: float, rho: float) -> float:
    """Drift variance v at which the OU market has that ceiling (bisection; v rises with the ceiling)."""
    low, high = 0.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if ou_accuracy(middle, rho) < ceiling:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
