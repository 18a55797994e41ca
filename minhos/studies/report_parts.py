"""Parts of the research report that need settings, journals or the trial ledger: the account, the fills, the trials.

What they mean is in `minhos.research`; the order in which they are asked for is `research_report`.
"""

from __future__ import annotations

from contextlib import closing

import msgspec
import numpy as np

from minhos.accounting.types import Fill
from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of
from minhos.errors import NotEnoughData
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bars, Instrument
from minhos.progress import Progress
from minhos.research.backtest import daily_returns, summary
from minhos.research.measures.costs import Fills, realised
from minhos.research.out_of_sample import OutOfSample
from minhos.research.report.curves import equity_curve, months, trade_rows
from minhos.research.report.values import Data, Money, TrialRow
from minhos.settings import Settings
from minhos.studies.history import History
from minhos.studies.studies import stage_of
from minhos.studies.trials import enter_and_deflate, ledger_of, range_of
from minhos.trading import events as ev
from minhos.training.canaries import check
from minhos.training.dataset import build_dataset
from minhos.training.ledger import Trial
from minhos.training.results.canaries import Canaries
from minhos.training.train import count_full_sessions
from minhos.words import utc

KIND = "research"
SHOWN_SETTINGS = ("market", "paper", "training", "autonomous")
"""Sections of minhos.toml that bear on a report; sizing and risk are shown as they come out."""
WITHOUT_EFFECT = {"processes"}
"""Settings of these that change no result, so that another value is no other configuration."""


def data_of(history: History, study: OutOfSample) -> Data:
    """Which bars and models."""
    bars, unseen = history.bars, study.bars
    names = dict.fromkeys(name for forecast in study.forecasts.values() for name in forecast.members)
    absent = dict.fromkeys(name for forecast in study.forecasts.values() for name in forecast.missing)
    sessions = count_full_sessions(SessionCalendar.load().trade_dates_of_bars(bars.close_time_ns))
    return Data(
        symbol=bars.symbol,
        contracts=bars.contracts,
        first=utc(int(unseen.close_time_ns[0])),
        last=utc(int(unseen.close_time_ns[-1])),
        bars=len(bars),
        unseen=len(unseen),
        sessions=sessions,
        schedule=study.schedule,
        recipe_id=study.recipe_id,
        members=tuple(names),
        missing_members=tuple(absent),
        slope_low=study.activations[-1].slope_low,
        simulated=bars.simulated,
        notes=history.notes,
    )


def canaries_of(history: History, study: OutOfSample, progress: Progress) -> Canaries:
    """The leak canaries, on the bars before the first one out of sample and on those from there on."""
    calendar = SessionCalendar.load()
    data = build_dataset(history.bars, study.table, calendar)
    unseen = data.start_ns >= int(study.bars.close_time_ns[0])
    before = data.end_ns <= int(study.bars.close_time_ns[0])
    return check(
        history.bars,
        calendar,
        data,
        np.flatnonzero(before & data.decided),
        np.flatnonzero(unseen & data.decided),
        progress=progress,
    )


def money_of(study: OutOfSample, chosen: Settings, layout: Layout, progress: Progress) -> Money:
    """The settings as they stand, through the engine; entered into the trial ledger."""
    result = stage_of(study, chosen).backtest(progress)
    luck = enter_and_deflate(
        layout,
        study.bars,
        study.recipe_id,
        {"schedule": study.schedule, **settings_of(chosen)},
        KIND,
        daily_returns(result),
    )
    figures, curve = summary(result), equity_curve(result)
    return Money(
        start_dollars=result.initial_cash_cents / 100.0,
        total_return=figures["return"],
        max_drawdown=figures["max_drawdown"],
        win_rate=figures["win_rate"],
        profit_factor=figures["profit_factor"],
        exposure=figures["exposure"],
        commission_dollars=figures["commission_cents"] / 100.0,
        slippage_dollars=figures["slippage_cents"] / 100.0,
        outcomes=figures["outcomes"],
        bound_by=figures["bound_by"],
        deflation=luck,
        curve=curve,
        months=months(result, curve),
        trades=trade_rows(result),
    )


def settings_of(chosen: Settings) -> dict[str, dict[str, str]]:
    """Settings that bear on a report, as text, by section; no password is among these sections."""
    shown: dict[str, dict[str, object]] = {
        name: getattr(chosen, name).model_dump(exclude=WITHOUT_EFFECT) for name in SHOWN_SETTINGS
    }
    shown["sizing"] = msgspec.structs.asdict(chosen.sizing_parameters())
    shown["risk"] = msgspec.structs.asdict(chosen.risk_parameters())
    return {name: {key: str(value) for key, value in section.items()} for name, section in shown.items()}


def trial_rows(layout: Layout, bars: Bars) -> tuple[TrialRow, ...]:
    """The ledger's trials on overlapping bars, oldest first, one a configuration."""
    first: dict[str, Trial] = {}
    for trial in ledger_of(layout).trials(range_of(bars)):
        first.setdefault(trial.configuration, trial)
    return tuple(
        TrialRow(utc(t.at_ns)[:16].replace("T", " "), t.kind, t.configuration, t.sharpe_ratio) for t in first.values()
    )


def fills_of(chosen: Settings, layout: Layout) -> Fills:
    """Realised fills of the configured journal.  Raises NotEnoughData where there are none, or too few."""
    mode = mode_of(chosen)
    path = layout.journal(mode, account_of(chosen))
    if mode == "simulated":
        raise NotEnoughData("a simulated market fills as assumed")
    if not layout.database.exists(path):
        raise NotEnoughData(f"there is no {mode} journal yet, so no fill was ever made")
    instruments: dict[str, Instrument] = {}
    fills: list[Fill] = []
    with closing(reader(path, layout.database)) as journal:
        for record in journal.records(kinds=("OrderFilled", "SettingsActivated")):
            event = ev.decode(record.kind, record.payload, record.version)
            if isinstance(event, ev.OrderFilled):
                fills.append(event.fill)
            elif isinstance(event, ev.SettingsActivated):
                instruments.update(event.settings.instruments)
    return realised(fills, instruments, f"the {mode} journal")
