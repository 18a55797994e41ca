"""The models for people: what their forecasts were worth, which bundles there are, and their last forecasts."""

from __future__ import annotations

import dataclasses

from minhos.market.types import NANOS_PER_SECOND
from minhos.models.bundle import BundleInfo
from minhos.views.decisions import DecisionLine
from minhos.views.health import FROM_THE_FUTURE_DAYS, MlHealth, ml_health
from minhos.views.scores import AccuracyLine, LiveCalibration, ReliabilityRow
from minhos.views.status import banner_of, mode_of, state_of
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.training_report import Line, Lines, TrainingReport
from minhos.views.values import View, iso, rounded

DAY_S = 86_400


@dataclasses.dataclass(frozen=True)
class TrainedLine(View):
    """A line of the training's report on the serving bundle; measured on the newest bars, which it never saw."""

    name: str
    accuracy: float | None
    low: float | None
    high: float | None
    n: int
    majority: float | None
    break_even: float | None
    simulated: bool
    silent: int | None = None
    """Bars that moved and on which the score named no side; null where an earlier version did not count them."""


@dataclasses.dataclass(frozen=True)
class MlPerformance(View):
    """Live forecasts scored when their label arrived, and what training had measured."""

    state: str
    mode: str
    banner: str
    health: MlHealth
    live: tuple[AccuracyLine, ...]
    ties: int
    """Bars without a move; they have no direction to be right about."""
    void: int
    """Forecasts whose bars do not follow one another."""
    verdict: str
    """What training found: edge, no_edge or too_little_data."""
    trained: tuple[TrainedLine, ...]
    bundle_id: str


@dataclasses.dataclass(frozen=True)
class ModelLine(View):
    """A bundle in the registry."""

    id: str
    scope: str
    status: str
    """active, candidate, previous or damaged."""
    verdict: str
    created: str | None
    age_days: float | None
    members: tuple[str, ...]
    recipe: str
    symbol: str
    simulated: bool
    bars: int
    first_bar: str | None
    last_bar: str | None
    why: str
    serving: bool
    """The trader forecasts with it now."""


@dataclasses.dataclass(frozen=True)
class MlModels(View):
    """All bundles, newest first."""

    state: str
    mode: str
    banner: str
    models: tuple[ModelLine, ...]
    problem: str


@dataclasses.dataclass(frozen=True)
class MlPredictions(View):
    """Newest first."""

    state: str
    mode: str
    banner: str
    predictions: tuple[DecisionLine, ...]


@dataclasses.dataclass(frozen=True)
class TrainedCalibration(View):
    """The calibrator of the serving bundle; slope_low is what sizes rest on."""

    slope: float | None
    slope_se: float | None
    slope_low: float | None
    n: int
    error: float | None
    table: tuple[ReliabilityRow, ...]


@dataclasses.dataclass(frozen=True)
class MlCalibration(View):
    """Do the probabilities mean what they say, live and when they were trained?"""

    state: str
    mode: str
    banner: str
    live: LiveCalibration
    trained: TrainedCalibration | None


def ml_performance(views: Views, around: Surroundings) -> MlPerformance:
    """Accuracy beside interval, majority and break-even."""
    model = views.trading.model
    return MlPerformance(
        *_head(views, around),
        health=ml_health(views, around),
        live=views.scores.lines(),
        ties=views.scores.ties,
        void=views.scores.void,
        verdict=model.verdict if model else around.report.verdict if around.report else "",
        trained=trained_lines(around.report_on(model.bundle_id if model else "")),
        bundle_id=model.bundle_id if model else "",
    )


def ml_models(views: Views, around: Surroundings) -> MlModels:
    serving = views.trading.model.bundle_id if views.trading.model else ""
    lines = tuple(_model_line(info, around.now_ns, serving) for info in around.models)
    return MlModels(*_head(views, around), models=lines, problem=around.models_error)


def ml_predictions(views: Views, around: Surroundings, limit: int = 50) -> MlPredictions:
    lines = views.decisions.lines(limit, views.instruments, with_forecast=True)
    return MlPredictions(*_head(views, around), predictions=tuple(lines))


def ml_calibration(views: Views, around: Surroundings) -> MlCalibration:
    serving = views.trading.model.bundle_id if views.trading.model else ""
    trained = _trained_calibration(around.report_on(serving))
    return MlCalibration(*_head(views, around), live=views.scores.calibration(), trained=trained)


def _head(views: Views, around: Surroundings) -> tuple[str, str, str]:
    mode = mode_of(views, around)
    return state_of(views, around)[0], mode, banner_of(mode, around.ceiling)


def _model_line(info: BundleInfo, now_ns: int, serving: str) -> ModelLine:
    first_ns, last_ns, bars = info.data_range
    age_days = (now_ns - info.created_ns) / NANOS_PER_SECOND / DAY_S if info.created_ns else None
    if age_days is not None and age_days < -FROM_THE_FUTURE_DAYS:
        age_days = None
    return ModelLine(
        id=info.id,
        scope=info.scope,
        status=info.status,
        verdict=info.verdict,
        created=iso(info.created_ns),
        age_days=rounded(max(0.0, age_days), 2) if age_days is not None else None,
        members=info.members,
        recipe=info.recipe_id,
        symbol=info.symbol,
        simulated=info.simulated,
        bars=bars,
        first_bar=iso(first_ns),
        last_bar=iso(last_ns),
        why=info.why,
        serving=info.id == serving,
    )


def trained_lines(report: TrainingReport | None) -> tuple[TrainedLine, ...]:
    """The report's lines that were measured."""
    lines = report.lines if report else Lines()
    named = (("simulated", lines.simulated), ("all", lines.all), ("traded", lines.traded))
    return tuple(_trained_line(name, line) for name, line in named if line is not None)


def _trained_line(name: str, line: Line) -> TrainedLine:
    low, high = line.interval or (None, None)
    return TrainedLine(
        name,
        rounded(line.accuracy),
        rounded(low),
        rounded(high),
        line.n,
        rounded(line.majority),
        rounded(line.break_even),
        line.simulated,
        line.silent,
    )


def _trained_calibration(report: TrainingReport | None) -> TrainedCalibration | None:
    found = report.calibration if report else None
    if found is None:
        return None
    table = tuple(
        ReliabilityRow(rounded(row.forecast), rounded(row.observed), row.n, *map(rounded, row.band))
        for row in found.table
    )
    return TrainedCalibration(
        rounded(found.slope), rounded(found.slope_se), rounded(found.slope_low), found.n, rounded(found.error), table
    )
