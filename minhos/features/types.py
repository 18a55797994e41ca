"""What the features room hands on: one observation a bar.  Not for computing; see `pipeline`."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class FeatureSet(msgspec.Struct, frozen=True):
    """What a row holds: the names in its order, and the version of what they mean."""

    names: tuple[str, ...]
    version: str


class MarketState(msgspec.Struct, frozen=True, gc=False):
    """What sizing and risk must know of the market at a bar's close.

    atr_ticks: ATR(14) of 5-minute bars, in ticks.  volatility_ratio: ATR over its mean of the last 276 bars.
    volume_ratio: the bar's volume over the mean of the same time of day in the last days (1.0 while unknown).
    spread_ticks: the bid-ask spread where the source has it, else NaN.
    """

    symbol: str
    close_time_ns: int
    close_ticks: int
    atr_ticks: float
    volatility_ratio: float = 1.0
    volume_ratio: float = 1.0
    spread_ticks: float = float("nan")


class Observation(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The features of one closed bar.

    row: shape (n_features,), float32, finite.  window: shape (60, n_features), oldest first, its last row is
    `row`; valid until the next update.  anchor_time_ns: close of the first bar the recursive features started
    from, so that a restart or a replay can begin there.
    """

    symbol: str
    close_time_ns: int
    anchor_time_ns: int
    row: Floats
    window: Floats
    state: MarketState
