"""From bars to the research report: the study, everything that is measured of it, and the two files.

Only order, input and output; what is measured lies in `minhos.research`, what needs settings in `research_parts`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

import minhos
from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of
from minhos.errors import MinhosError, NotEnoughData
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SystemClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.progress import Progress, part_of
from minhos.research.luck.deflation import deflated
from minhos.research.luck.tried import tried as best_of_tried
from minhos.research.measures.costs import costs
from minhos.research.measures.edge import daily_net_r, edge, log10_e_values, slices
from minhos.research.measures.prediction import prediction
from minhos.research.out_of_sample import OutOfSample
from minhos.research.report.curves import shadow_curve
from minhos.research.report.figures import thinned
from minhos.research.report.page import page
from minhos.research.report.summary import BANNER, highlights, sections
from minhos.research.report.values import Money, ResearchReport
from minhos.research.report.verdict import leak_of, verdict_of
from minhos.research.sizing_lab.fractions import growth_by_date
from minhos.research.walk_forward.combinatorial import path_distribution
from minhos.studies.history import History
from minhos.studies.kelly_vs_fixed import kelly_vs_fixed
from minhos.studies.report_parts import canaries_of, data_of, fills_of, money_of, settings_of, trial_rows
from minhos.studies.scenarios import risk_scenarios
from minhos.studies.studies import bundle_for, holdout_study, walk_forward_study
from minhos.studies.trials import Tried, tried
from minhos.training.members import names, of_folds
from minhos.words import utc

Answer = TypeVar("Answer")


class Written(msgspec.Struct, frozen=True):
    """The report and where its two files lie."""

    report: ResearchReport
    html: Path
    json: Path


def study_of(
    history: History,
    layout: Layout,
    progress: Progress,
    *,
    holdout: bool = False,
    members: str = "trees",
    scheduler: str | None = None,
) -> OutOfSample:
    """Forecasts out of sample: a walk-forward on the live retraining schedule, or one training and its holdout.

    A history too short for a walk-forward gets the holdout, and the schedule says so.  members: of the walk-forward,
    "trees" or "all"; the holdout has all members of the recipe.
    """
    if holdout:
        return _holdout(history, layout, progress, scheduler)
    chosen = history.settings
    wanted = of_folds() if members == "trees" else names()
    try:
        return walk_forward_study(
            history.bars,
            chosen,
            layout,
            progress,
            members=wanted,
            processes=chosen.training.processes,
            scheduler=scheduler,
        )
    except NotEnoughData as error:
        moves = np.diff(history.bars.open_ticks)
        if not ((moves > 0).any() and (moves < 0).any()):
            raise
        study = _holdout(history, layout, progress, scheduler)
        why = f"{study.schedule}; a walk-forward was not possible: {error}"
        return msgspec.structs.replace(study, schedule=why.rstrip("."))


def _holdout(history: History, layout: Layout, progress: Progress, scheduler: str | None) -> OutOfSample:
    """One training, and the bars after those that it learnt from."""
    bars, chosen = history.bars, history.settings
    registry = registry_of(chosen, layout)
    bundle, _ = bundle_for(bars, chosen, layout, registry, part_of(progress, 0.0, 0.7), scheduler=scheduler)
    unseen = part_of(progress, 0.7, 1.0)
    return holdout_study(bars, bundle, chosen, layout, unseen, processes=chosen.training.processes)


class Attempts:
    """Questions that may fail: a part that does costs its section and no other, and says why.

    missing: by name, the sentence of what failed.  seconds: by name, what each took.
    """

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self.seconds: dict[str, float] = {}

    def ask(self, name: str, question: Callable[[], Answer]) -> Answer | None:
        """Its answer, or None where it failed."""
        clock = SystemClock()
        begin_ns = clock.monotonic_ns()
        try:
            return question()
        except MinhosError as error:
            self.missing[name] = str(error).rstrip(".")
            return None
        finally:
            self.seconds[name] = round((clock.monotonic_ns() - begin_ns) / NANOS_PER_SECOND, 2)


def report_of(
    history: History, study: OutOfSample, layout: Layout, progress: Progress, *, scheduler: str | None = None
) -> ResearchReport:
    """Measure everything of a study.  What cannot be measured is named in `missing` with the reason."""
    asked, chosen = Attempts(), history.settings
    canaries = asked.ask("canaries", lambda: canaries_of(history, study, part_of(progress, 0.0, 0.1)))
    empty = ResearchReport(
        verdict="no_edge",
        sentence="",
        made=utc(SystemClock().now_ns()),
        version=minhos.__version__,
        data=data_of(history, study),
        canaries=canaries,
        settings=settings_of(chosen),
        trials=(),
        missing=asked.missing,
        seconds=asked.seconds,
        walk_forward=study.notes,
    )
    if canaries is not None and canaries.dead:
        word, sentence = leak_of(empty.data, canaries)
        asked.missing["everything else"] = "a leak canary died, so no figure of this run is a result"
        measured = msgspec.structs.replace(empty, verdict=word, sentence=sentence)
    else:
        sized = _sized(empty, history, study, layout, asked, progress, scheduler)
        measured = _judged(sized, history, study, layout, asked)
    return msgspec.structs.replace(measured, trials=trial_rows(layout, study.bars))


def _sized(
    empty: ResearchReport,
    history: History,
    study: OutOfSample,
    layout: Layout,
    asked: Attempts,
    progress: Progress,
    scheduler: str | None,
) -> ResearchReport:
    """What takes long: the account, all ways to size, paths through the history.  Each enters its trials."""
    chosen, bars = history.settings, history.bars
    money = asked.ask("account", lambda: money_of(study, chosen, layout, part_of(progress, 0.1, 0.25)))
    sizes = None
    if study.signals.bets.any():
        sizes = asked.ask(
            "sizing",
            lambda: kelly_vs_fixed(bars, study, chosen, layout, part_of(progress, 0.25, 0.8), scheduler=scheduler),
        )
    else:
        asked.missing["sizing"] = "no bar beat its break-even, so there was nothing to size"
    paths = asked.ask(
        "paths",
        lambda: path_distribution(
            bars,
            SessionCalendar.load(),
            table=study.table,
            cost_ticks=study.signals.cost_ticks,
            processes=chosen.training.processes,
            scheduler=scheduler,
            progress=part_of(progress, 0.8, 0.9),
        ),
    )
    bad_days = asked.ask("scenarios", lambda: risk_scenarios(chosen, progress=part_of(progress, 0.9, 1.0)))
    best = asked.ask(
        "tests of the best", lambda: best_of_tried(study, *growth_by_date(sizes.fractions if sizes else None))
    )
    asked.missing.update(best.missing if best else {})
    empty = msgspec.structs.replace(
        empty, money=money, paths=paths, tried=best, scenarios=bad_days.scenarios if bad_days else ()
    )
    if sizes is None:
        return empty
    return msgspec.structs.replace(
        empty,
        criteria=sizes.criteria,
        sizing_sentence=sizes.sentence,
        contracts=sizes.contracts,
        fractions=sizes.fractions,
    )


def _judged(
    found: ResearchReport, history: History, study: OutOfSample, layout: Layout, asked: Attempts
) -> ResearchReport:
    """Forecasts, edge, costs and the verdict, after every trial was entered."""
    signals, trials = study.signals, tried(layout, study.bars)
    forecasts, bets = prediction(signals), edge(signals, study.recipe_id)
    luck = deflated(daily_net_r(signals)[1], trials.n_trials, trials.sharpe_ratio_variance)
    word, sentence = verdict_of(found.data, forecasts, bets, luck)
    return msgspec.structs.replace(
        found,
        verdict=word,
        sentence=sentence,
        money=_paying(found.money, trials),
        prediction=forecasts,
        edge=bets,
        deflation=luck,
        slices=slices(signals),
        costs=costs(signals),
        shadow=shadow_curve(signals),
        e_values=_e_values(study),
        fills=asked.ask("fills", lambda: fills_of(history.settings, layout)),
    )


def _paying(money: Money | None, trials: Tried) -> Money | None:
    """The account's Sharpe ratio deflated by all trials, those too that were entered after it."""
    if money is None:
        return None
    ends = np.array(money.curve.values)
    begins = np.concatenate([[money.start_dollars], ends[:-1]])
    returns = np.divide(ends, begins, out=np.zeros(len(ends)), where=begins > 0.0) - 1.0
    luck = deflated(returns, trials.n_trials, trials.sharpe_ratio_variance)
    return msgspec.structs.replace(money, deflation=luck)


def _e_values(study: OutOfSample) -> tuple[tuple[float, float], ...]:
    """Bets so far and power of ten of the e-value, thinned for the chart."""
    path = log10_e_values(study.signals.take(study.signals.bets))
    return tuple(zip(*thinned(range(1, len(path) + 1), path), strict=True))


def make_folder(folder: Path) -> Path:
    """The folder of a report, made where it is absent: before the long work.  Raises MinhosError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder


def write(report: ResearchReport, folder: Path) -> Written:
    """report.html and report.json in that folder, which is made where it is absent.

    Raises MinhosError where the folder cannot be written, or plotly is not installed.
    """
    html, json = make_folder(folder) / "report.html", folder / "report.json"
    try:
        write_json(json, report)
        html.write_text(html_of(report), encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error
    return Written(report, html, json)


def _unwritable(folder: Path, error: OSError) -> MinhosError:
    return MinhosError(
        f"the report cannot be written to {folder} ({error.strerror}); choose another folder with --out."
    )


def html_of(report: ResearchReport) -> str:
    """The page."""
    data = report.data
    title = f"{data.symbol}: {data.first[:10]} to {data.last[:10]}"
    return page(
        title, report.verdict, report.sentence, highlights(report), sections(report), BANNER if data.simulated else ""
    )
