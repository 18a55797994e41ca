"""From bars to out-of-sample signals: of one training and the bars after it, or of a walk-forward.

Shared by `backtest`, `start --data`, the labs, the report and the scripts.  Training and testing need no trader.
"""

from __future__ import annotations

import msgspec

from minhos.assembly.layout import Layout
from minhos.assembly.trading import trading_settings
from minhos.assembly.venues import matching_of
from minhos.errors import LeakSuspected, NotEnoughData
from minhos.features.pipeline import FeatureTable, compute, feature_set
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.batch import FeatureHistory, ForecastCache
from minhos.models.bundle import Bundle, load_bundle
from minhos.models.forecast import Forecast
from minhos.models.registry import Registry
from minhos.progress import Progress, part_of
from minhos.research.backtest import BacktestResult
from minhos.research.out_of_sample import OutOfSample, signals_of
from minhos.research.stage import Stage
from minhos.research.walk_forward.walk import Schedule, walk_forward
from minhos.settings import Settings
from minhos.studies.training_runs import recipe_of, run_training
from minhos.trading import events as ev
from minhos.training.members import of_folds
from minhos.training.train import data_hash
from minhos.views.training_report import TrainingReport


class Study(msgspec.Struct, frozen=True):
    """A model and what it did on bars that it had not seen."""

    bundle: Bundle
    bars: Bars
    """Out of sample only."""
    forecasts: dict[int, Forecast]
    table: FeatureTable
    result: BacktestResult


def bundle_for(
    bars: Bars,
    settings: Settings,
    layout: Layout,
    registry: Registry,
    progress: Progress,
    *,
    seed: int | None = None,
    scheduler: str | None = None,
) -> tuple[Bundle, TrainingReport]:
    """The bundle that was trained on exactly these bars with this recipe and cost, and the report of its training.

    Trained now where there is none.

    Raises:
        LeakSuspected: a leak canary died; nothing may be concluded from this run.
    """
    wanted, cost = data_hash(bars), bars.instrument.round_trip_cost_ticks()
    recipe_id = recipe_of(settings, len(bars)).recipe_id
    features = feature_set()
    for info in registry.list():
        if info.status == "damaged" or info.recipe_id != recipe_id:
            continue
        bundle = load_bundle(info.path, feature_names=features.names, feature_version=features.version)
        manifest = bundle.manifest
        same = manifest.data_hash == wanted
        judged = manifest.report.get("canaries") is not None and manifest.report.get("cost_ticks") == cost
        trained = _report_of(bundle)
        if same and judged and trained.honest() is trained and seed in (None, manifest.seeds[0]):
            return bundle, trained
    result = run_training(bars, settings, layout, registry.root, progress=progress, seed=seed, scheduler=scheduler)
    if not result.bundle_id:
        raise LeakSuspected(result.reason)
    path = registry.bundles / result.bundle_id
    bundle = load_bundle(path, feature_names=features.names, feature_version=features.version)
    return bundle, _report_of(bundle)


def _report_of(bundle: Bundle) -> TrainingReport:
    return msgspec.convert(bundle.manifest.report, TrainingReport, strict=False)


def study(
    bars: Bars, bundle: Bundle, settings: Settings, layout: Layout, progress: Progress, *, processes: int = 2
) -> Study:
    """Backtest a bundle on the bars after those that it learnt from.

    Raises:
        NotEnoughData: no bar is out of sample.
    """
    unseen = holdout_study(bars, bundle, settings, layout, part_of(progress, 0.0, 0.8), processes=processes)
    result = stage_of(unseen, settings).backtest(part_of(progress, 0.8, 1.0))
    return Study(bundle, unseen.bars, unseen.forecasts, unseen.table, result)


def holdout_study(
    bars: Bars, bundle: Bundle, settings: Settings, layout: Layout, progress: Progress, *, processes: int = 2
) -> OutOfSample:
    """A bundle's forecasts, by the live call, of the bars after those that it learnt from.

    Raises:
        NotEnoughData: no bar is out of sample, or none of those has an outcome.
    """
    calendar = SessionCalendar.load()
    table = compute(bars, calendar, part_of(progress, 0.0, 0.4))
    start_ns = msgspec.convert(bundle.manifest.report.get("holdout_start_ns", bundle.manifest.data_range[1]), int)
    unseen = bars.close_time_ns >= start_ns
    if not unseen.any():
        raise NotEnoughData(
            f"model {bundle.id} has learnt from all {len(bars)} bars; a backtest needs bars that came after them."
        )
    history = FeatureHistory.of(bars, table)
    forecasts = ForecastCache(layout.make().cache).forecasts(
        bundle, history, processes=processes, progress=part_of(progress, 0.4, 1.0)
    )
    made = (forecasts.forecast(i) for i in unseen.nonzero()[0].tolist())
    by_close = {forecast.close_time_ns: forecast for forecast in made if forecast is not None}
    tested, activations = bars.rows(unseen), (activation(bundle),)
    signals = signals_of(tested, table, by_close, activations, calendar)
    schedule = f"one training, the newest {unseen.mean():.0%} of the bars"
    return OutOfSample(tested, table, by_close, activations, signals, bundle.manifest.recipe_id, schedule)


def walk_forward_study(
    bars: Bars,
    settings: Settings,
    layout: Layout,
    progress: Progress,
    *,
    members: tuple[str, ...] | None = None,
    processes: int = 2,
    scheduler: str | None = None,
) -> OutOfSample:
    """Forecasts of every week by models that were trained before it, on the settings' own schedule and recipe.

    The fits are kept on disk: the same bars, recipe and schedule are not trained again.  members: the trees, because
    networks for two years of weeks take hours.  scheduler: address of a Dask scheduler ("tcp://...").

    Raises:
        NotEnoughData, TrainingError: as in `walk_forward`.
    """
    chosen = settings.training
    return walk_forward(
        bars,
        SessionCalendar.load(),
        msgspec.structs.replace(recipe_of(settings, len(bars)), members=members or of_folds()),
        Schedule(every_days=chosen.retrain_every_days, window_sessions=chosen.days),
        seed=chosen.seed,
        processes=processes,
        scheduler=scheduler,
        cache=layout.make().cache,
        progress=progress,
    )


def stage_of(study: OutOfSample, settings: Settings) -> Stage:
    """What a backtest of that study is run with, as the settings stand."""
    first = study.bars.contracts[int(study.bars.contract[0])]
    trading = trading_settings(settings, study.bars.instrument, first)
    return Stage(study, trading, round(100 * settings.paper.initial_cash), matching_of(settings))


def activation(bundle: Bundle) -> ev.ModelActivated:
    """The bundle's payoff and recipe as the engine wants them."""
    manifest = bundle.manifest
    return ev.ModelActivated(
        0,
        bundle.id,
        manifest.recipe_id,
        manifest.payoff,
        str(manifest.report.get("verdict", "")),
        manifest.calibrator.slope_low,
        manifest.simulated,
        adjusted=manifest.adjusted or "",
        regular_hours=bool(manifest.regular_hours),
    )
