"""What a member is: one voice in the forecast, ours or the user's.

No library of models is imported here: a member imports its own inside `fit` and `export`.  Which members there are is
`members`, what ours do is `ours`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

WINDOW_BARS = 60

Rows = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Values = dict[str, float | int | str | bool]
Parameters = Mapping[str, float | int | str | bool]


class Range(msgspec.Struct, frozen=True):
    """Where a search looks for one parameter, ends included."""

    low: float
    high: float
    log: bool = False
    """Equal ratios are equally likely."""
    whole: bool = False
    """Integers."""


class Sample(msgspec.Struct, frozen=True, eq=False):
    """Bars to learn from, or to forecast."""

    history: Rows
    """Features of every bar, shape (n_bars, n_features); windows reach back in it."""
    bar: Ints
    """Row of each sample in `history`, shape (n,)."""
    up: Floats
    """1.0 where the bet went up, else 0.0, shape (n,)."""
    weight: Floats
    """How much a sample counts in training, shape (n,)."""

    @classmethod
    def of(cls, rows: Rows, up: Floats) -> Sample:
        """Rows that are all samples and count alike."""
        return cls(rows, np.arange(len(rows)), up, np.ones(len(rows)))

    def __len__(self) -> int:
        return len(self.bar)

    @property
    def rows(self) -> Rows:
        """Features of each sample's bar, shape (n, n_features)."""
        found: Rows = self.history[self.bar]
        return found

    @property
    def windows(self) -> Rows:
        """Features of the 60 bars that end in each sample's, oldest first, shape (n, 60, n_features)."""
        steps: Ints = self.bar[:, None] + np.arange(1 - WINDOW_BARS, 1)
        return self.history[steps]


@runtime_checkable
class Member(Protocol):
    """How one voice in the forecast learns, what it says, and the ONNX file that says it in trading.

    An instance, made without arguments, is one fit: it is asked for `fit`, `p_up` and `export`, in this order.  A
    subclass needs `library`, `demo`, `standard` and these three; the rest has defaults.  The same bars, parameters
    and seed must give the same forecasts, on one thread.
    """

    library: str
    """The module that must be installed; empty for none."""
    demo: Values
    """Parameters for up to 40,000 bars: what `fit` gets, and part of the recipe's id."""
    standard: Values
    """Parameters for longer histories."""
    takes: Literal["row", "window"] = "row"
    """Input of the ONNX file, float32: (n, n_features), or (n, 60, n_features)."""
    space: Mapping[str, Range] = {}
    """Parameters that `lab search` may look for; none: it cannot be searched."""
    stops_early: bool = False
    """Whether `fit` gets the newest tenth of the bars to stop on."""
    rounds_parameter: str = ""
    """The parameter that says how many rounds to learn; the fit for the bundle gets the mean of the folds' there."""
    n_blocks: int = 0
    """0: forecast out of fold by the recipe's folds, one fit for the bundle.  Otherwise, for what is slow to fit: by
    so many blocks of time, and the fit for the bundle is the one of several seeds with the least `validation_loss`."""

    rounds: int = 0
    """After `fit`: how many rounds or trees the model uses; 0 where it has none."""
    validation_loss: float = float("nan")
    """After `fit`: log loss on the validation bars; asked of members with blocks."""

    @abstractmethod
    def fit(self, train: Sample, validation: Sample | None, parameters: Parameters, seed: int) -> None:
        """Learn.  validation: bars to stop early on, without weights; None where there are none."""

    @abstractmethod
    def p_up(self, sample: Sample) -> Floats:
        """Probability of "up" of each sample, shape (n,)."""

    @abstractmethod
    def export(self, n_features: int) -> bytes:
        """The fitted model as ONNX: any number of samples at once, one input, the output `p_up` (n, 1).

        A classifier's own outputs, label and probabilities (n, 2), are taken too.
        """
