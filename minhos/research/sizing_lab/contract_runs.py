"""Many backtests over the same signals, each with its own way to size: independent jobs, one process each.

The engine, the limits and the venue are those of trading; sizing and risk settings are all that differs.  Not for
saying what the results mean: see `contracts_lab`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from minhos.market.calendar import SessionCalendar
from minhos.parallel.calls import run_calls
from minhos.research.backtest import run_backtest
from minhos.research.out_of_sample import OutOfSample
from minhos.research.sizing_lab.contract_figures import Record, record_of
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.trading.events import TradingSettings
from minhos.venues.matching import MatchingParameters

Progress = Callable[[float, str], None]


class Way(msgspec.Struct, frozen=True):
    """One way to size and to be limited: what a single backtest is run with.  policy, title, rule: its names."""

    policy: str
    title: str
    rule: str
    sizing: SizingParameters
    risk: RiskParameters


class Stage(msgspec.Struct, frozen=True, eq=False):
    """What all backtests share: the signals with their bars, the settings, the money and the venue."""

    study: OutOfSample
    settings: TradingSettings
    cash_cents: int
    matching: MatchingParameters


def run_ways(
    stage: Stage,
    ways: Sequence[Way],
    done: Sequence[tuple[Way, Record]] = (),
    *,
    processes: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """One record a way, in order; ways with the same settings, and those that are done, are not run again."""
    known = {_key(way): record for way, record in done}
    left = {_key(way): way for way in reversed(ways) if _key(way) not in known}
    distinct = [way for way in ways if left.get(_key(way)) is way]
    records = run_calls(
        run_way,
        [(way,) for way in distinct],
        processes=processes,
        scheduler=scheduler,
        shared=slim(stage),
        progress=progress,
        describe=_described,
    )
    known |= {_key(way): record for way, record in zip(distinct, records, strict=True)}
    return [renamed(known[_key(way)], way) for way in ways]


def _key(way: Way) -> bytes:
    """What the run depends on: two ways with the same key are the same run under two names."""
    return msgspec.json.encode((way.sizing, way.risk))


def run_way(stage: Stage, way: Way) -> Record:
    """One backtest."""
    study, settings = stage.study, msgspec.structs.replace(stage.settings, sizing=way.sizing, risk=way.risk)
    result = run_backtest(
        study.bars,
        study.forecasts,
        study.table,
        study.activations,
        settings,
        SessionCalendar.load(),
        cash_cents=stage.cash_cents,
        matching=stage.matching,
    )
    return record_of(result, way.policy, way.title, way.rule, way.sizing.trading_capital_cents)


def _described(call: tuple[Way], record: Record) -> str:
    return f"{call[0].title}, {call[0].rule}: {record.figures.trades} trades"


def renamed(record: Record, way: Way) -> Record:
    """The same record under that way's names."""
    figures = msgspec.structs.replace(record.figures, policy=way.policy, title=way.title, rule=way.rule)
    return msgspec.structs.replace(record, figures=figures)


def slim(stage: Stage) -> Stage:
    """The same without the features' rows, which no backtest with given forecasts reads: less to send."""
    table = msgspec.structs.replace(stage.study.table, rows=np.zeros((0, 0), dtype=np.float32))
    return msgspec.structs.replace(stage, study=msgspec.structs.replace(stage.study, table=table))
