"""From bars to a tested model: the bundle for these bars, its forecasts out of sample, and the backtest of them.

Shared by `backtest`, `start --data` and the scripts.  Training and testing need no trader.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from minhos.errors import NotEnoughData
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION, FeatureTable, compute
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars
from minhos.models.batch import FeatureHistory, ForecastCache
from minhos.models.bundle import Bundle, load_bundle
from minhos.models.forecast import Forecast
from minhos.models.registry import Registry
from minhos.research.backtest import BacktestResult, run_backtest
from minhos.services.layout import Layout
from minhos.services.trading_setup import matching_of, trading_settings
from minhos.services.training_runs import recipe_of, run_training
from minhos.settings import Settings
from minhos.trading import events as ev
from minhos.training.train import data_hash

Progress = Callable[[float, str], None]


class Study(msgspec.Struct, frozen=True):
    """A model and what it did on bars that it had not seen."""

    bundle: Bundle
    bars: Bars
    """Out of sample only."""
    forecasts: dict[int, Forecast]
    table: FeatureTable
    result: BacktestResult


def bundle_for(
    bars: Bars, settings: Settings, layout: Layout, registry: Registry, progress: Progress, *, seed: int | None = None
) -> tuple[Bundle, dict[str, Any]]:
    """The bundle that was trained on exactly these bars with this recipe; trained now where there is none."""
    wanted = data_hash(bars)
    recipe_id = recipe_of(settings, len(bars)).recipe_id
    for info in registry.list():
        if info.status == "damaged":
            continue
        bundle = load_bundle(info.path, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
        manifest = bundle.manifest
        if manifest.data_hash == wanted and manifest.recipe_id == recipe_id and (seed in (None, manifest.seeds[0])):
            return bundle, {**manifest.report, "bundle_id": bundle.id}
    report = run_training(bars, settings, layout, registry.root, progress=progress, seed=seed)
    path = registry.bundles / str(report["bundle_id"])
    return load_bundle(path, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION), report


def study(
    bars: Bars, bundle: Bundle, settings: Settings, layout: Layout, progress: Progress, *, processes: int = 2
) -> Study:
    """Backtest a bundle on the bars after those that it learnt from.

    Raises:
        NotEnoughData: no bar is out of sample.
    """
    calendar = SessionCalendar.load()
    table = compute(bars, calendar, lambda share, text: progress(0.3 * share, text))
    start_ns = int(bundle.manifest.report.get("holdout_start_ns", bundle.manifest.data_range[1]))
    unseen = bars.close_time_ns >= start_ns
    if not unseen.any():
        raise NotEnoughData(
            f"model {bundle.id} has learnt from all {len(bars)} bars; a backtest needs bars that came after them."
        )
    history = FeatureHistory(table.rows, table.valid, table.close_time_ns, bars.contracts, bars.contract)
    forecasts = ForecastCache(layout.make().cache).forecasts(
        bundle, history, processes=processes, progress=lambda share, text: progress(0.3 + 0.5 * share, text)
    )
    by_close = {}
    for i in unseen.nonzero()[0].tolist():
        forecast = forecasts.forecast(i)
        if forecast is not None:
            by_close[forecast.close_time_ns] = forecast
    tested = bars.rows(unseen)
    first = tested.contracts[int(tested.contract[0])]
    result = run_backtest(
        tested, by_close, table, activation(bundle), trading_settings(settings, bars.instrument, first), calendar,
        cash_cents=round(100 * settings.paper.initial_cash),
        matching=matching_of(settings),
        progress=lambda share, text: progress(0.8 + 0.2 * share, text),
    )  # fmt: skip
    return Study(bundle, tested, by_close, table, result)


def activation(bundle: Bundle) -> ev.ModelActivated:
    """The bundle's payoff and recipe as the engine wants them."""
    manifest = bundle.manifest
    return ev.ModelActivated(
        0, bundle.id, manifest.recipe_id, manifest.payoff, str(manifest.report.get("verdict", "")),
        manifest.calibrator.slope_low, manifest.simulated,
    )  # fmt: skip
