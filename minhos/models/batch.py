"""Forecasts of a whole history for backtests: the live call for every bar, in parallel, kept on disk.

Not a second way to forecast: each value comes from `Forecaster.predict`, so a backtest sees what live trading would
have seen, to the bit.  Only the looping, the processes and the cache are here.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.features.types import Floats
from minhos.market.types import Bars, Ints
from minhos.models.bundle import Bundle
from minhos.models.combine import agreement
from minhos.models.forecast import Forecast
from minhos.models.serving import Forecaster
from minhos.models.storage import replace_file

if TYPE_CHECKING:
    from minhos.features.pipeline import FeatureTable

Doubles = npt.NDArray[np.float64]
Progress = Callable[[float, str], None]

CHUNK_BARS = 5_000


class FeatureHistory(msgspec.Struct, frozen=True, eq=False):
    """Features of consecutive bars, oldest first.

    rows: (n, n_features), float32.  valid: (n,), False while features warm up.  close_time_ns: (n,).  contracts,
    contract: names of the contracts, and the index (n,) of each bar's.
    """

    rows: Floats
    valid: npt.NDArray[np.bool_]
    close_time_ns: Ints
    contracts: tuple[str, ...]
    contract: Ints

    @classmethod
    def of(cls, bars: Bars, table: FeatureTable) -> FeatureHistory:
        """The features that were computed from those bars."""
        return cls(table.rows, table.valid, bars.close_time_ns, bars.contracts, bars.contract)

    def hash(self) -> str:
        """SHA-256 (hex) of all of it."""
        digest = hashlib.sha256(repr((self.rows.shape, self.contracts)).encode())
        for column in (self.rows, self.valid, self.close_time_ns, self.contract):
            digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()


class ForecastTable(msgspec.Struct, frozen=True, eq=False):
    """The forecasts of a history, one row a bar; NaN where there was no whole window yet.

    members: raw p of each member, (n, n_members), NaN where it failed.  score, p_up, p_low: (n,).
    """

    bundle_id: str
    names: tuple[str, ...]
    contracts: tuple[str, ...]
    contract: Ints
    close_time_ns: Ints
    members: Doubles
    score: Doubles
    p_up: Doubles
    p_low: Doubles

    def __len__(self) -> int:
        return len(self.score)

    def forecast(self, i: int) -> Forecast | None:
        """Bar i's forecast as live trading makes it, or None where there was none."""
        p_up = float(self.p_up[i])
        if np.isnan(p_up):
            return None
        answers = zip(self.names, self.members[i].tolist(), strict=True)
        members = {name: p for name, p in answers if not np.isnan(p)}
        side = (p_up > 0.5) - (p_up < 0.5)
        return Forecast(
            symbol=self.contracts[int(self.contract[i])],
            close_time_ns=int(self.close_time_ns[i]),
            members=members,
            score=float(self.score[i]),
            p_up=p_up,
            p_low=float(self.p_low[i]),
            side=side,
            agreement=agreement(members, side),
            bundle_id=self.bundle_id,
            missing=tuple(name for name in self.names if name not in members),
        )

    def by_close(self) -> dict[int, Forecast]:
        """Every forecast there is, by the close of its bar (UTC ns)."""
        forecasts = (self.forecast(i) for i in range(len(self)))
        return {forecast.close_time_ns: forecast for forecast in forecasts if forecast is not None}


def forecast_all(
    bundle: Bundle, history: FeatureHistory, *, processes: int = 2, progress: Progress | None = None
) -> ForecastTable:
    """Forecast every bar that has a whole valid window, in processes of one thread each.

    Raises ModelError as `Forecaster` does.
    """
    names = tuple(bundle.manifest.weights)
    ends = np.flatnonzero(_whole_windows(history, bundle.manifest.window))
    values = np.full((len(history.rows), len(names) + 3), np.nan)
    done = 0
    for chunk, found in _chunks(bundle, history, ends, processes):
        values[chunk] = found
        done += len(chunk)
        if progress:
            progress(done / len(ends), f"{done:,} of {len(ends):,} bars forecast")
    return _table(bundle, history, values)


class ForecastCache:
    """Forecasts on disk, by bundle and bars; a file that cannot be read is computed again."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def forecasts(
        self, bundle: Bundle, history: FeatureHistory, *, processes: int = 2, progress: Progress | None = None
    ) -> ForecastTable:
        """What `forecast_all` returns, from the disk where it was computed before."""
        path = self.root / f"{bundle.id}-{history.hash()[:16]}.npz"
        values = _read(path, (len(history.rows), len(bundle.manifest.weights) + 3))
        if values is not None:
            return _table(bundle, history, values)
        table = forecast_all(bundle, history, processes=processes, progress=progress)
        values = np.column_stack([table.members, table.score, table.p_up, table.p_low])
        buffer = io.BytesIO()
        np.savez(buffer, values=values)
        self.root.mkdir(parents=True, exist_ok=True)
        replace_file(path, buffer.getvalue())
        return table


def _table(bundle: Bundle, history: FeatureHistory, values: Doubles) -> ForecastTable:
    score, p_up, p_low = values[:, -3:].T
    return ForecastTable(
        bundle.id,
        tuple(bundle.manifest.weights),
        history.contracts,
        history.contract,
        history.close_time_ns,
        values[:, :-3],
        score,
        p_up,
        p_low,
    )


def _whole_windows(history: FeatureHistory, window: int) -> npt.NDArray[np.bool_]:
    """Bars whose last `window` rows are all valid and finite."""
    good = history.valid & np.isfinite(history.rows).all(axis=1)
    bad_before = np.concatenate([[0], np.cumsum(~good)])
    whole = np.zeros(len(good), dtype=bool)
    whole[window - 1 :] = bad_before[window:] == bad_before[:-window]
    return whole


def _chunks(bundle: Bundle, history: FeatureHistory, ends: Ints, processes: int) -> Iterator[tuple[Ints, Doubles]]:
    parts = [ends[start : start + CHUNK_BARS] for start in range(0, len(ends), CHUNK_BARS)]
    if processes == 1 or len(parts) < 2:
        forecaster = Forecaster(bundle)
        yield from ((part, _forecast_some(forecaster, history, part)) for part in parts)
        return
    from joblib import Parallel, delayed

    calls = (delayed(_forecast_in_worker)(bundle, history, part) for part in parts)
    yield from zip(parts, Parallel(n_jobs=processes, return_as="generator")(calls), strict=True)


def _forecast_in_worker(bundle: Bundle, history: FeatureHistory, ends: Ints) -> Doubles:
    return _forecast_some(Forecaster(bundle), history, ends)


def _forecast_some(forecaster: Forecaster, history: FeatureHistory, ends: Ints) -> Doubles:
    """Members, score, p_up and p_low at those bars, shape (len(ends), n_members + 3)."""
    names = tuple(forecaster.bundle.manifest.weights)
    window = forecaster.bundle.manifest.window
    found = np.full((len(ends), len(names) + 3), np.nan)
    for i, end in enumerate(ends.tolist()):
        symbol, time_ns = history.contracts[int(history.contract[end])], int(history.close_time_ns[end])
        forecast = forecaster.predict(symbol, time_ns, history.rows[end], history.rows[end + 1 - window : end + 1])
        found[i] = [
            *(forecast.members.get(name, np.nan) for name in names),
            forecast.score,
            forecast.p_up,
            forecast.p_low,
        ]
    return found


def _read(path: Path, shape: tuple[int, int]) -> Doubles | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            values: Doubles = file["values"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return values if values.shape == shape else None
