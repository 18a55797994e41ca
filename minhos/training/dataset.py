"""Bars become samples: one row a bar that has whole features, a whole window and a bet that could be held.

The one place where features and labels meet; what is learnt from it is in `train`, how well it went in `evaluate`.
"""

from __future__ import annotations

from typing import TypedDict

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData
from minhos.features.pipeline import FeatureTable
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.training.labels import next_bar_labels, training_weights
from minhos.training.member import WINDOW_BARS, Floats, Ints, Rows, Sample

MINIMUM_SAMPLES = 600
"""Fewer bars than this cannot be split, fitted and calibrated at all."""

Mask = npt.NDArray[np.bool_]


class Paths(TypedDict):
    """The two columns that say how far bets went from their entry."""

    down_ticks: Floats | None
    up_ticks: Floats | None


class Dataset(msgspec.Struct, frozen=True, eq=False):
    """rows: features of every bar, shape (n_bars, n_features), float32.  The rest: one value a sample, shape (n,).

    bar: the sample's row in `rows`, ascending.  decided: not a tie; ties are neither trained on nor counted in
    accuracy, but cost money.  up: 1.0 or 0.0.  start_ns, end_ns: life of the label.  trade_date: 20251006.
    down_ticks, up_ticks: how far the bet went below and above its entry; None where the path is not known.
    """

    rows: Rows
    bar: Ints
    decided: Mask
    up: Floats
    move_ticks: Floats
    atr_ticks: Floats
    weight: Floats
    start_ns: Ints
    end_ns: Ints
    trade_date: Ints
    down_ticks: Floats | None = None
    up_ticks: Floats | None = None

    def __len__(self) -> int:
        return len(self.bar)

    @property
    def direction(self) -> Floats:
        """+1.0 up, -1.0 down, 0.0 for a tie, shape (n,)."""
        return np.where(self.decided, np.where(self.up > 0.5, 1.0, -1.0), 0.0)

    def take(self, which: Ints) -> Dataset:
        """Those samples; the features of all bars stay, because windows reach back."""
        columns = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "rows")
        return msgspec.structs.replace(self, **{name: column[which] for name, column in columns if column is not None})

    def paths(self, which: Ints | Mask) -> Paths:
        """How those samples' bets went between entry and exit, by keyword for `fit_payoff`."""
        return {
            "down_ticks": None if self.down_ticks is None else self.down_ticks[which],
            "up_ticks": None if self.up_ticks is None else self.up_ticks[which],
        }

    def against(self, side: Floats) -> Floats | None:
        """How far each bet on that side, +1 or -1, went against it, shape (n,); None where the path is not known."""
        if self.down_ticks is None or self.up_ticks is None:
            return None
        return np.where(side > 0, self.down_ticks, self.up_ticks)

    def sample(self, which: Ints) -> Sample:
        """Features, labels and weights of those samples, for a member."""
        return Sample(self.rows, self.bar[which], self.up[which], self.weight[which])


def build_dataset(bars: Bars, table: FeatureTable, calendar: SessionCalendar) -> Dataset:
    """All samples of a history.  Raises NotEnoughData below 600 samples, with the number that is missing."""
    trade_date = calendar.trade_dates_of_bars(bars.close_time_ns)
    labels = next_bar_labels(bars, trade_date)
    bar = np.flatnonzero(labels.exists & whole_windows(table.valid))
    if len(bar) < MINIMUM_SAMPLES:
        raise NotEnoughData(
            f"{len(bars)} bars give {len(bar)} forecasts that can be learnt from; training needs {MINIMUM_SAMPLES}, "
            f"so add about {-(-(MINIMUM_SAMPLES - len(bar)) // 250)} more days."
        )
    move, atr = labels.move_ticks[bar], np.asarray(table.atr_ticks, dtype=float)[bar]
    return Dataset(
        np.ascontiguousarray(table.rows, dtype=np.float32),
        bar,
        labels.decided[bar],
        labels.up[bar],
        move,
        atr,
        training_weights(move, atr),
        labels.start_ns[bar],
        labels.end_ns[bar],
        trade_date[bar],
        labels.down_ticks[bar],
        labels.up_ticks[bar],
    )


def whole_windows(valid: Mask) -> Mask:
    """Where a bar and all bars of the window that ends in it are valid, shape (n,)."""
    whole = np.zeros(len(valid), dtype=bool)
    if len(valid) >= WINDOW_BARS:
        whole[WINDOW_BARS - 1 :] = np.lib.stride_tricks.sliding_window_view(valid, WINDOW_BARS).all(axis=1)
    return whole
