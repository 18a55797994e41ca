"""From bars to the research report: the study, everything that is measured of it, and the two files.

Only order, settings, input and output; what is measured lies in `minhos.research`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import minhos
from minhos.errors import MinhosError
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SystemClock
from minhos.market.types import Bars
from minhos.research.backtest import daily_returns, iso, run_backtest, summary
from minhos.research.costs import Fills, costs, realised
from minhos.research.curves import equity_curve, months, shadow_curve, trade_rows
from minhos.research.deflation import deflated
from minhos.research.edge import daily_net_r, edge, log10_e_values, slices
from minhos.research.out_of_sample import OutOfSample, signals_of
from minhos.research.prediction import prediction
from minhos.research.report import Data, Money, ResearchReport, TrialRow
from minhos.research.report_figures import thinned
from minhos.research.report_page import page
from minhos.research.report_summary import BANNER, highlights, sections
from minhos.research.verdict import verdict_of
from minhos.services.history import History
from minhos.services.layout import Layout, write_json
from minhos.services.studies import activation, bundle_for, study
from minhos.services.trading_setup import account_of, matching_of, mode_of, registry_of, trading_settings
from minhos.services.trials import enter_and_deflate, range_of, tried
from minhos.settings import Settings
from minhos.trading import events as ev
from minhos.training.ledger import Trial, TrialLedger
from minhos.training.train import count_full_sessions

Progress = Callable[[float, str], None]
KIND = "research"
SHOWN_SETTINGS = ("market", "paper", "training", "autonomous")
"""Sections of minhos.toml that bear on a report; sizing and risk are shown as they come out."""


class Written(msgspec.Struct, frozen=True):
    """The report and where its two files lie."""

    report: ResearchReport
    html: Path
    json: Path


def study_of(history: History, layout: Layout, progress: Progress) -> OutOfSample:
    """Forecasts of the newest bars by one training on the older ones."""
    bars, chosen, calendar = history.bars, history.settings, SessionCalendar.load()
    bundle, _ = bundle_for(bars, chosen, layout, registry_of(chosen, layout), progress)
    found = study(bars, bundle, chosen, layout, progress)
    activations = (activation(bundle),)
    signals = signals_of(found.bars, found.table, found.forecasts, activations, calendar)
    recipe, words = bundle.manifest.recipe_id, "one training on the older bars"
    return OutOfSample(found.bars, found.table, found.forecasts, activations, signals, recipe, words)


def report_of(history: History, study: OutOfSample, layout: Layout, progress: Progress) -> ResearchReport:
    """Measure everything of a study.  What cannot be measured is named in `missing` with the reason."""
    chosen, signals = history.settings, study.signals
    missing: dict[str, str] = {}
    progress(0.0, "forecasts, edge and costs")
    data, found, bets = data_of(history, study), prediction(signals), edge(signals, study.recipe_id)
    progress(0.1, "the settings as they stand, through the engine")
    money = money_of(study, chosen, layout, lambda share, text: progress(0.1 + 0.2 * share, text))
    trials = tried(layout, study.bars)
    luck = deflated(daily_net_r(signals)[1], trials.n_trials, trials.sharpe_ratio_variance)
    word, sentence = verdict_of(data, found, bets, luck)
    return ResearchReport(
        verdict=word,
        sentence=sentence,
        made=iso(SystemClock().now_ns()),
        version=minhos.__version__,
        data=data,
        prediction=found,
        edge=bets,
        slices=slices(signals),
        costs=costs(signals),
        fills=_fills(chosen, layout, missing),
        deflation=luck,
        shadow=shadow_curve(signals),
        e_values=_e_values(study),
        money=money,
        settings=settings_of(chosen),
        trials=trial_rows(layout, study.bars),
        missing=missing,
        seconds={},
    )


def data_of(history: History, study: OutOfSample) -> Data:
    """Which bars and models."""
    bars, unseen = history.bars, study.bars
    one = next(iter(study.forecasts.values()))
    sessions = count_full_sessions(SessionCalendar.load().trade_dates_of_bars(bars.close_time_ns))
    return Data(
        symbol=bars.symbol, contracts=bars.contracts, first=iso(int(unseen.close_time_ns[0])),
        last=iso(int(unseen.close_time_ns[-1])), bars=len(bars), unseen=len(unseen), sessions=sessions,
        schedule=study.schedule, recipe_id=study.recipe_id, members=tuple(one.members), missing_members=one.missing,
        slope_low=study.activations[-1].slope_low, simulated=bars.simulated, notes=history.notes,
    )  # fmt: skip


def money_of(study: OutOfSample, chosen: Settings, layout: Layout, progress: Progress) -> Money:
    """The settings as they stand, through the engine; entered into the trial ledger."""
    bars = study.bars
    result = run_backtest(
        bars, study.forecasts, study.table, study.activations,
        trading_settings(chosen, bars.instrument, bars.contracts[int(bars.contract[0])]), SessionCalendar.load(),
        cash_cents=round(100 * chosen.paper.initial_cash), matching=matching_of(chosen), progress=progress,
    )  # fmt: skip
    luck = enter_and_deflate(
        layout, bars, study.recipe_id, {"schedule": study.schedule, **settings_of(chosen)}, KIND, daily_returns(result)
    )
    figures, curve = summary(result), equity_curve(result)
    return Money(
        start_dollars=result.initial_cash_cents / 100.0, total_return=figures["return"],
        max_drawdown=figures["max_drawdown"], win_rate=figures["win_rate"], profit_factor=figures["profit_factor"],
        exposure=figures["exposure"], commission_dollars=figures["commission_cents"] / 100.0,
        slippage_dollars=figures["slippage_cents"] / 100.0, outcomes=figures["outcomes"],
        bound_by=figures["bound_by"], deflation=luck, curve=curve, months=months(result, curve),
        trades=trade_rows(result),
    )  # fmt: skip


def settings_of(chosen: Settings) -> dict[str, dict[str, str]]:
    """Settings that bear on a report, as text, by section; no password is among these sections."""
    shown: dict[str, dict[str, Any]] = {name: getattr(chosen, name).model_dump() for name in SHOWN_SETTINGS}
    shown["sizing"] = msgspec.structs.asdict(chosen.sizing_parameters())
    shown["risk"] = msgspec.structs.asdict(chosen.risk_parameters())
    return {name: {key: str(value) for key, value in section.items()} for name, section in shown.items()}


def trial_rows(layout: Layout, bars: Bars) -> tuple[TrialRow, ...]:
    """The ledger's trials on overlapping bars, oldest first, one a configuration."""
    first: dict[str, Trial] = {}
    for trial in TrialLedger(layout.ledger).trials(range_of(bars)):
        first.setdefault(trial.configuration, trial)
    return tuple(
        TrialRow(iso(t.at_ns)[:16].replace("T", " "), t.kind, t.configuration, t.sharpe_ratio) for t in first.values()
    )


def _fills(chosen: Settings, layout: Layout, missing: dict[str, str]) -> Fills | None:
    """Realised fills of the configured journal; None and why where there are none."""
    mode = mode_of(chosen)
    path = layout.journal(mode, account_of(chosen))
    if mode == "simulated":
        missing["fills"] = "a simulated market fills as assumed"
        return None
    if not path.exists():
        missing["fills"] = f"there is no {mode} journal yet, so no fill was ever made"
        return None
    instruments, fills = {}, []
    try:
        for record in reader(path).records(kinds=("OrderFilled", "SettingsActivated")):
            event = ev.decode(record.kind, record.payload, record.version)
            if isinstance(event, ev.OrderFilled):
                fills.append(event.fill)
            elif isinstance(event, ev.SettingsActivated):
                instruments.update(event.settings.instruments)
        return realised(fills, instruments, f"the {mode} journal")
    except MinhosError as error:
        missing["fills"] = str(error)
        return None


def _e_values(study: OutOfSample) -> tuple[tuple[float, float], ...]:
    """Bets so far and power of ten of the e-value, thinned for the chart."""
    path = log10_e_values(study.signals.take(study.signals.bets))
    return tuple(zip(*thinned(range(1, len(path) + 1), path), strict=True))


def write(report: ResearchReport, folder: Path) -> Written:
    """report.html and report.json in that folder, which is made where it is absent.

    Raises MinhosError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        html, json = folder / "report.html", folder / "report.json"
        write_json(json, report)
        html.write_text(html_of(report), encoding="utf-8")
    except OSError as error:
        raise MinhosError(
            f"the report cannot be written to {folder} ({error.strerror}); choose another folder with --out."
        ) from error
    return Written(report, html, json)


def html_of(report: ResearchReport) -> str:
    """The page."""
    data = report.data
    title = f"{data.symbol}: {data.first[:10]} to {data.last[:10]}"
    return page(title, report.verdict, report.sentence, highlights(report), sections(report),
                BANNER if data.simulated else "")  # fmt: skip
