"""How long a decision takes: bar in, features, five ONNX models, sizing, all limits, decision in the journal.

Wall time of `Engine.on_slice` with real features and models of the recipe's size, over a journal on disk.  A decision
that orders waits for the disk; what that adds is given in bare fdatasyncs of the same run and folder, p99 to p99.
"""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.bench.disk import fdatasync_ms
from minhos.bench.figures import Figure, at_most
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION, WARM_UP_BARS, FeaturePipeline, compute
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock
from minhos.market.instruments import instrument
from minhos.market.types import Bars, Slice
from minhos.models.bundle import load_bundle
from minhos.models.calibration import Calibrator
from minhos.models.registry import Registry
from minhos.models.serving import Forecaster
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import bundle_contents, ns
from minhos.trading import events as ev
from minhos.trading.engine import Engine
from minhos.trading.state import TradingState
from minhos.venues.paper import PaperVenue

P50_MS, P99_MS, FSYNCS = 0.6, 1.0, 3.0
TRAINED_ON, WARM_UP_DECISIONS = 3_000, 50
START_NS = ns("2024-01-02T23:00:00")
CASH_CENTS = 100_000_000
ALIVE = RiskParameters(
    min_confidence=0.5,
    max_consecutive_losses=10**6,
    daily_loss_limit=1.0,
    max_commission_share_a_day=1.0,
    max_orders_a_day=10**6,
    max_round_trips_a_day=10**6,
)
"""Every limit is asked; those that would end the day are set so wide that orders keep coming."""


def run(quick: bool = False) -> list[Figure]:
    """Figures: p50 and p99 of decisions, p99 of those with a durable intent, and what fdatasync costs here."""
    n_bars = TRAINED_ON + WARM_UP_BARS + (2_000 if quick else 10_000)
    calendar = SessionCalendar.load()
    bars = simulate(MarketModel(ceiling=0.62), instrument("NQ"), calendar, START_NS, n_bars).bars
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        forecaster = make_forecaster(bars, calendar, folder)
        quiet, durable, raw = decision_times(bars.rows(slice(TRAINED_ON, None)), calendar, forecaster, folder)
    p99, p99_raw, p99_durable = _percentile(quiet, 99), _percentile(raw, 99), _percentile(durable, 99)
    return [
        at_most("p50_ms", _percentile(quiet, 50), "ms", P50_MS),
        at_most("p99_ms", p99, "ms", P99_MS),
        at_most("p99_durable_ms", p99_durable, "ms", p99 + FSYNCS * p99_raw),
        at_most("durable_ratio", (p99_durable - p99) / p99_raw, "fdatasyncs that an order adds", FSYNCS),
        at_most("p50_durable_ms", _percentile(durable, 50), "ms", None),
        at_most("fdatasync_p50_ms", _percentile(raw, 50), "ms", None),
        at_most("fdatasync_p99_ms", p99_raw, "ms", None),
        at_most("durable_decisions", float(len(durable)), "decisions", None),
    ]


def make_forecaster(bars: Bars, calendar: SessionCalendar, folder: Path) -> Forecaster:
    """The members with the demo recipe's parameters, trained on the first bars, calibrated so that they bet.

    Their skill does not matter here, only what they cost; the LSTM is trained for one epoch.
    """
    from minhos.training.dataset import build_dataset
    from minhos.training.export import uniform
    from minhos.training.members import member
    from minhos.training.recipe import DEMO

    first = bars.rows(slice(0, TRAINED_ON))
    data = build_dataset(first, compute(first, calendar), calendar)
    everything = data.sample(np.arange(len(data)))
    members = {}
    for name in DEMO.members:
        model = member(name)
        short = {} if name in DEMO.of_folds else {"max_epochs": 1}
        model.fit(everything, None, {**DEMO.parameters[name], **short}, 1)
        members[name] = uniform(model.export(len(FEATURE_NAMES)), len(FEATURE_NAMES))
    contents = msgspec.structs.replace(
        bundle_contents(feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION),
        members=members,
        weights=dict.fromkeys(members, 1.0 / len(members)),
        calibrator=Calibrator(0.7, 0.1, 0.6, 1_000),
    )
    info = Registry(folder / "models").save(contents)
    return Forecaster(load_bundle(info.path, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION))


def decision_times(
    bars: Bars, calendar: SessionCalendar, forecaster: Forecaster, folder: Path
) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of decisions without and with a durable intent, and of bare fdatasyncs in between."""
    forecaster.warm()
    symbol = bars.symbol
    settings = ev.TradingSettings(
        SizingParameters(confidence_threshold=0.5), ALIVE, {symbol: bars.instrument}, symbol, symbol
    )
    manifest, clock = forecaster.bundle.manifest, SimulatedClock(START_NS)
    journal = Journal.open(folder / "journal.sqlite", {"mode": "bench"})
    state = TradingState(calendar, lambda traded: FeaturePipeline(traded, calendar).update)
    engine = Engine(state, PaperVenue(settings.instruments), clock, journal)
    engine.start(settings, mode="paper", account="bench", version="", cash_cents=CASH_CENTS)
    model = ev.ModelActivated(START_NS, forecaster.bundle.id, "bench", manifest.payoff, "edge", 0.6, True)
    engine.activate_model(model, forecaster)
    quiet: list[float] = []
    durable: list[float] = []
    raw: list[float] = []
    trade_date = 0
    gc.collect()
    gc.freeze()  # what training has left in this process is no part of a trader
    with (folder / "raw").open("wb") as file:
        for bar in bars:
            clock.advance_to(bar.close_time_ns)
            cash_cents = state.ledger.account().cash_cents
            start = time.perf_counter_ns()
            decision = engine.on_slice(Slice(bar.close_time_ns, (bar,)))
            elapsed_ms = (time.perf_counter_ns() - start) / 1e6
            if decision.orders:
                durable.append(elapsed_ms)
                raw.append(fdatasync_ms(file.fileno()))
            elif decision.forecast is not None and state.ledger.account().cash_cents == cash_cents:  # no fill either
                quiet.append(elapsed_ms)
            if state.risk.trade_date != trade_date:
                trade_date = state.risk.trade_date
                journal.checkpoint()
    gc.unfreeze()
    journal.close()
    return quiet[WARM_UP_DECISIONS:], durable, raw


def _percentile(values: list[float], share: float) -> float:
    column: npt.NDArray[np.float64] = np.array(values)
    return float(np.percentile(column, share)) if len(column) else float("nan")
