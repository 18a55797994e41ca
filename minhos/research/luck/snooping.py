"""Is the best of all that was tried better than the benchmark, or only the luckiest?

Hansen's test for superior predictive ability (2005) and the step-wise version that names the models (Romano & Wolf
2005), on losses of the same periods, from the library `arch`.  The probability that choosing the best overfits is
`minhos.stats.overfitting`; what one Sharpe ratio is worth is `deflation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import MinhosError, NotEnoughData
from minhos.words import p_value

MINIMUM_PERIODS = 100
REPS = 1000
SIZE = 0.05

Floats = npt.NDArray[np.float64]


class SuperiorAbility(msgspec.Struct, frozen=True):
    """p_value: that no model beats the benchmark (consistent version).  best: name of the one with the lowest loss.

    gain: its mean loss less than the benchmark's, in the losses' own unit.  better: names of those that beat the
    benchmark when all of them are held to 5 % together.  n_models, n_periods: what was compared.
    """

    p_value: float
    best: str
    gain: float
    better: tuple[str, ...]
    n_models: int
    n_periods: int

    @property
    def sentence(self) -> str:
        """For the terminal and the report."""
        of_all, p = f"Of {self.n_models} tried, {self.best} did best", p_value(self.p_value)
        if self.p_value > SIZE:
            return f"{of_all}; no significant difference from the benchmark after all {self.n_models} (p {p})."
        return f"{of_all} and beats the benchmark even after all {self.n_models} were tried (p {p})."


def superior_ability(
    benchmark_losses: npt.ArrayLike,
    model_losses: npt.ArrayLike,
    names: Sequence[str],
    *,
    block: int | None = None,
    reps: int = REPS,
    seed: int = 1,
) -> SuperiorAbility:
    """Test losses, shape (n_periods,) and (n_periods, n_models), low is good: log losses, or returns times minus one.

    block: mean length of the stationary bootstrap's blocks, in periods; by default what the benchmark's dependence asks
    for (Politis & White 2004).  Raises NotEnoughData under 100 periods or without a model.
    """
    benchmark, models = np.asarray(benchmark_losses, dtype=float), np.asarray(model_losses, dtype=float)
    if models.ndim != 2 or benchmark.shape != models.shape[:1] or len(names) != models.shape[1]:
        raise ValueError(f"losses of shapes {benchmark.shape}, {models.shape} do not fit {len(names)} names")
    if len(benchmark) < MINIMUM_PERIODS or not names:
        raise NotEnoughData(
            f"the test of the best of {len(names)} needs {MINIMUM_PERIODS} periods and a model; there are "
            f"{len(benchmark)} periods, so {max(0, MINIMUM_PERIODS - len(benchmark))} more are needed."
        )
    if not (np.isfinite(benchmark).all() and np.isfinite(models).all()):
        raise NotEnoughData("the test of the best needs a loss of every model in every period; some are unknown.")
    gains = benchmark[:, None] - models
    best = int(gains.mean(axis=0).argmax())
    varied = gains.std(axis=0) > 0.0
    if not varied.any():
        return SuperiorAbility(1.0, names[best], float(gains[:, best].mean()), (), len(names), len(benchmark))
    used = [name for name, does in zip(names, varied, strict=True) if does]
    p_value, better = _tested(benchmark, models[:, varied], block or _block_length(gains[:, best]), reps, seed)
    return SuperiorAbility(
        p_value, names[best], float(gains[:, best].mean()), tuple(used[i] for i in better), len(names), len(benchmark)
    )


def _tested(benchmark: Floats, models: Floats, block: int, reps: int, seed: int) -> tuple[float, list[int]]:
    """p-value of the best model, and the numbers of the models that are better."""
    library = _library()
    spa = library.SPA(benchmark, models, block_size=block, reps=reps, seed=seed)
    spa.compute()
    steps = library.StepM(benchmark, models, size=SIZE, block_size=block, reps=reps, seed=seed)
    steps.compute()
    better: list[int] = np.asarray(steps.superior_models, dtype=int).tolist()
    return float(spa.pvalues["consistent"]), better


def _block_length(gain: Floats) -> int:
    """Mean length of a block, at least one period and at most a tenth of the record."""
    wanted = float(_library().optimal_block_length(gain)["stationary"].iloc[0]) if gain.std() > 0.0 else 1.0
    return int(np.clip(np.ceil(wanted), 1, len(gain) // 10)) if np.isfinite(wanted) else 1


def _library() -> ModuleType:
    try:
        from arch import bootstrap
    except ImportError as error:
        raise MinhosError("This test needs the library arch: install MinhOS with its extra `research`.") from error
    return bootstrap
