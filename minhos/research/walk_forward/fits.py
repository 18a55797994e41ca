"""The fits of a walk-forward: each member trained for each week, its forecasts of that week, and their place on disk.

Every fit is a call of its own, so weeks and members run side by side, here or on a cluster.  A fit sees its own
training rows only: weights are scaled on them, and early stopping looks at the newest of them.  What the forecasts
mean together is `walk_forward`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

import minhos
from minhos.features.pipeline import FeatureTable
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.storage import replace_file
from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.research.walk_forward.splits import Block
from minhos.training.dataset import Dataset, whole_windows
from minhos.training.jobs import Job, run_job
from minhos.training.labels import next_bar_labels, training_weights
from minhos.training.members import libraries, member, names, why_missing
from minhos.training.recipe import Recipe
from minhos.training.splits import tail

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Span = tuple[int, int]
NOTHING = np.zeros(0, dtype=np.int64)


class Plan(msgspec.Struct, frozen=True, eq=False):
    """What all fits share.  data: every bar with a whole window, also those whose bet cannot be held."""

    data: Dataset
    recipe: Recipe
    seed: int


class Fit(msgspec.Struct, frozen=True):
    """One member for one week.  train, test: spans of rows (first, stop).  label: the week in words."""

    member: str
    week: int
    label: str
    train: Span
    test: Span


class Fitted(msgspec.Struct, frozen=True, eq=False):
    """p_up: of the test rows, None where the fit failed, with the error in words.  cpu_s: seconds of CPU."""

    p_up: Floats | None
    cpu_s: float
    error: str


class MemberForecasts(msgspec.Struct, frozen=True, eq=False):
    """p: probability of "up" by member, shape (n_rows, n_members), NaN where a member has no forecast.

    cpu_s: by member.  missing: members without a forecast somewhere, and why.  fits: that succeeded.
    """

    names: tuple[str, ...]
    p: Floats
    cpu_s: dict[str, float]
    missing: dict[str, str]
    fits: int
    cached: bool = False


def every_bar(bars: Bars, table: FeatureTable, calendar: SessionCalendar) -> Dataset:
    """Samples of every bar with a whole window, as live trading forecasts them; `decided` tells what can be learnt."""
    labels = next_bar_labels(bars, calendar.trade_dates_of_bars(bars.close_time_ns))
    bar = np.flatnonzero(whole_windows(table.valid & np.isfinite(table.rows).all(axis=1)))
    return Dataset(
        np.ascontiguousarray(table.rows, dtype=np.float32),
        bar,
        labels.decided[bar],
        labels.up[bar],
        labels.move_ticks[bar],
        np.asarray(table.atr_ticks, dtype=float)[bar],
        np.ones(len(bar)),
        labels.start_ns[bar],
        labels.end_ns[bar],
        calendar.trade_dates_of_bars(bars.close_time_ns[bar]),
        labels.down_ticks[bar],
        labels.up_ticks[bar],
    )


def member_forecasts(
    plan: Plan,
    blocks: Sequence[Block],
    *,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> MemberForecasts:
    """Fit every member of the recipe that is there for every block, longest first; errors as in `run_calls`."""
    chosen = plan.recipe.members
    missing = {name: why for name in chosen if (why := why_missing(name))}
    order = [name for name in names() if name in chosen and name not in missing]
    wanted = [
        (Fit(name, week, f"week of {block.first_date}", _span(block.train), _span(block.test)),)
        for week, block in reversed(list(enumerate(blocks)))
        for name in order
    ]
    found = run_calls(
        run_fit,
        wanted,
        processes=processes,
        scheduler=scheduler,
        shared=plan,
        libraries=libraries(order),
        progress=progress,
        describe=_described,
    )
    p = np.full((len(plan.data), len(chosen)), np.nan)
    cpu_s, fits = dict.fromkeys(order, 0.0), 0
    for (fit,), fitted in zip(wanted, found, strict=True):
        cpu_s[fit.member] += fitted.cpu_s
        if fitted.p_up is None:
            missing[fit.member] = f"{fit.label} failed: {fitted.error}"
            continue
        p[slice(*fit.test), chosen.index(fit.member)] = fitted.p_up
        fits += 1
    return MemberForecasts(chosen, p, cpu_s, missing, fits)


def run_fit(plan: Plan, fit: Fit) -> Fitted:
    """One fit and its forecasts of the week; nothing of the week, nor after it, is looked at."""
    data, recipe = plan.data, plan.recipe
    rows = np.arange(*fit.train)
    train, validation = rows[data.decided[rows]], NOTHING
    if member(fit.member).stops_early:
        learnt, newest = tail(rows, data.start_ns, data.end_ns, recipe.early_stopping)
        train, validation = learnt[data.decided[learnt]], newest[data.decided[newest]]
    weight = np.zeros(len(data))
    weight[train] = training_weights(data.move_ticks[train], data.atr_ticks[train], dead_zone=recipe.dead_zone)
    job = Job(fit.member, fit.label, recipe.parameters[fit.member], plan.seed, train, validation, np.arange(*fit.test))
    outcome = run_job(msgspec.structs.replace(data, weight=weight), job)
    return Fitted(outcome.p_up, outcome.cpu_s, outcome.error)


def _span(rows: Ints) -> Span:
    """Rows of a block follow each other, because labels of bars end in the order in which they begin."""
    return (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)


def _described(argument: tuple[Fit], fitted: Fitted) -> str:
    (fit,) = argument
    return f"{fit.member}, {fit.label}: {fitted.error or 'done'}"


class ForecastStore:
    """Member forecasts on disk, by everything that they depend on; a file that cannot be trusted is made anew.

    A walk-forward in which a member failed is not kept, so that the next one tries again.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    def read(self, key: str, names: tuple[str, ...], n_rows: int) -> MemberForecasts | None:
        """What was kept under that key, or None."""
        try:
            with np.load(self._path(key), allow_pickle=False) as file:
                p, about = file["p"], msgspec.json.decode(file["about"].tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.DecodeError):
            return None
        if p.shape != (n_rows, len(names)) or p.dtype != np.float64 or about.get("sha256") != _sha256(p):
            return None
        return MemberForecasts(names, p, about["cpu_s"], about["missing"], about["fits"], cached=True)

    def keep(self, key: str, found: MemberForecasts) -> None:
        """Put it on disk in one step."""
        about = {
            "sha256": _sha256(found.p),
            "cpu_s": found.cpu_s,
            "missing": found.missing,
            "fits": found.fits,
        }
        buffer = io.BytesIO()
        np.savez(buffer, p=found.p, about=np.frombuffer(msgspec.json.encode(about), dtype=np.uint8))
        self._root.mkdir(parents=True, exist_ok=True)
        replace_file(self._path(key), buffer.getvalue())

    def _path(self, key: str) -> Path:
        return self._root / f"walk-forward-{key}.npz"


def forecasts_of(
    plan: Plan,
    blocks: Sequence[Block],
    data_hash: str,
    cache: Path | None,
    *,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> MemberForecasts:
    """`member_forecasts`, from the disk where the same was computed before.  cache: a folder; None keeps nothing."""
    store = ForecastStore(cache) if cache is not None else None
    key = _key(plan, blocks, data_hash)
    kept = store.read(key, plan.recipe.members, len(plan.data)) if store else None
    if kept is not None:
        return kept
    found = member_forecasts(plan, blocks, processes=processes, scheduler=scheduler, progress=progress)
    if store and all(why_missing(name) for name in found.missing):
        store.keep(key, found)
    return found


def _key(plan: Plan, blocks: Sequence[Block], data_hash: str) -> str:
    """First 16 hex digits of the SHA-256 of all that the fits depend on."""
    present = [name for name in plan.recipe.members if not why_missing(name)]
    spans = [(_span(block.train), _span(block.test)) for block in blocks]
    parts = (minhos.__version__, plan.recipe.recipe_id, plan.seed, data_hash, present, spans)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _sha256(p: Floats) -> str:
    return hashlib.sha256(np.ascontiguousarray(p).tobytes()).hexdigest()
