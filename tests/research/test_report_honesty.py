"""What a reader of the report would hold against it: luck, evidence, few bars, and figures that disagree."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import numpy as np
import pytest

from minhos.assembly.layout import Layout
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.research.luck.deflation import deflated, variance_of
from minhos.research.measures.edge import edge, slices
from minhos.research.measures.prediction import prediction
from minhos.research.out_of_sample import OutOfSample
from minhos.research.report.curves import equity_curve, months
from minhos.research.report.summary import sections
from minhos.research.report.values import Data
from minhos.research.report.verdict import verdict_of
from minhos.risk.evidence import Evidence, carried_over
from minhos.risk.shadow import ShadowResult
from minhos.settings import Settings, load
from minhos.stats import expected_maximum_sharpe_ratio
from minhos.studies import report as research_report
from minhos.studies.history import History
from minhos.studies.report import report_of
from minhos.studies.studies import stage_of
from minhos.studies.trials import enter
from minhos.testing.markets import BARS_PER_SESSION, START_NS, WARM_BARS, oracle_study

DATA = Data(
    "NQZ25",
    ("NQZ25",),
    "2025-10-06T00:00:00+00:00",
    "2025-12-19T00:00:00+00:00",
    13_000,
    9_000,
    50,
    "walk-forward",
    "r",
    ("lightgbm",),
    (),
    0.5,
    False,
)
DAILY = np.sin(np.arange(60.0)) + 0.3
"""A Sharpe ratio of about 0.42 a date."""


@pytest.fixture(scope="module")
def study() -> OutOfSample:
    return oracle_study("ou", 0.58, sessions=12)


def test_what_the_luckiest_of_so_many_trials_would_show_is_no_edge(study: OutOfSample) -> None:
    found, bets = prediction(study.signals), edge(study.signals)
    first, many = deflated(DAILY, 1), deflated(DAILY, 2_000)
    assert first.probability is not None
    assert many.probability is not None
    assert (first.probability > 0.95, many.probability < 0.95) == (True, True)
    assert verdict_of(DATA, found, bets, first)[0] == "edge"
    word, text = verdict_of(DATA, found, bets, many)
    assert word == "no_edge"
    assert text.startswith("No edge beyond luck after 2,000 trials: right on ")
    assert "paper-trade it next" not in text


def test_a_calibration_that_believes_nothing_need_not_have_believed_before(study: OutOfSample) -> None:
    data = msgspec.structs.replace(DATA, slope_low=-0.2)
    _, text = verdict_of(data, prediction(study.signals), edge(study.signals), deflated(DAILY, 1))
    assert "the newest calibration does not believe the score" in text


def test_a_detector_that_raised_no_alarm_is_not_said_to_have(study: OutOfSample) -> None:
    bets = msgspec.structs.replace(edge(study.signals), state="proven", bets_needed=0)
    data = msgspec.structs.replace(DATA, slope_low=0.0)
    word, text = verdict_of(data, prediction(study.signals), bets, deflated(DAILY, 1))
    assert word == "no_edge"
    assert "alarm" not in text
    assert "proved an edge once, and these figures no longer do" in text


def test_one_bet_is_one_bet(study: OutOfSample) -> None:
    found, bets = prediction(study.signals), edge(study.signals)
    one = msgspec.structs.replace(bets, bets=1, interval=None, state="unproven")
    text = verdict_of(DATA, found, one, deflated(DAILY, 1))[1]
    assert "1 bet earned" in text
    assert "1 bet is too few" in text
    soon = msgspec.structs.replace(bets, interval=(-0.1, 0.2), state="unproven", bets_needed=1)
    soon = msgspec.structs.replace(soon, bets_on_paper=1, dates_on_paper=0.2)
    text = verdict_of(DATA, found, soon, deflated(DAILY, 1))[1]
    assert "about 1 trade date on paper (1 bet) would prove them" in text


def test_the_detector_begins_anew_with_each_model_as_it_does_live(study: OutOfSample) -> None:
    """Two weeks: forecasts that prove themselves and then fail, and a new model whose bets are good again."""
    signals = study.signals
    bets = np.flatnonzero(signals.bets)
    failing = bets[len(bets) // 3 : len(bets) // 2]
    move = signals.move_ticks.copy()
    move[failing] = -np.abs(move[failing]) * signals.side[failing]
    model = (np.arange(len(signals)) > failing[-1]).astype(np.int64)
    changed = msgspec.structs.replace(signals, move_ticks=move, model=model)
    live = Evidence()
    for i in bets.tolist():
        live = carried_over(live, "NQ", "oracle", str(model[i]), True)
        hit = bool(changed.side[i] * move[i] > 0) if changed.decided[i] else None
        live = live.update(
            ShadowResult(
                int(changed.close_time_ns[i]),
                int(changed.side[i]),
                float(changed.p_side[i]),
                float(changed.break_even[i]),
                float(changed.net_r[i]),
                hit,
            )
        )
    assert live.state.value == "proven"
    assert edge(changed, "oracle").state == live.state.value
    assert edge(changed.take(model == 0), "oracle").state == "degraded"


def test_a_handful_of_bars_is_no_row(study: OutOfSample) -> None:
    """Six bars right on six dates have an interval of 100 to 100 %, which says that they prove something."""
    signals = study.signals.take(np.flatnonzero(study.signals.decided))
    hour = (signals.close_time_ns // 3_600_000_000_000) % 24
    few = np.concatenate([np.flatnonzero(hour == 15), np.flatnonzero(hour == 9)[:29]])
    shown = slices(signals.take(np.sort(few))).hours
    assert [row.n for row in shown if row.n < 30] == []
    assert len(shown) >= 1


def test_a_trade_of_sunday_evening_counts_in_the_month_of_its_trade_date(study: OutOfSample) -> None:
    result = stage_of(study, Settings()).backtest()
    late = dt.datetime(2024, 1, 7, 23, 30, tzinfo=dt.UTC)
    at = int(np.flatnonzero(result.time_ns >= int(late.timestamp()) * 10**9)[0])
    moved = msgspec.structs.replace(result, trade_date=np.where(np.arange(len(result.trade_date)) >= at, 20240201, 0))
    ended = [trade for trade in result.trades if trade.trade.closed_ns >= int(result.time_ns[at])]
    assert ended
    found = months(moved, equity_curve(moved))
    assert [(month.month, month.trades) for month in found] == [("2024-02", len(ended))]


def test_ratios_of_a_few_alike_trials_say_nothing_of_the_others(tmp_path: Path, study: OutOfSample) -> None:
    """Six sizes of the same signals hardly differ; 300 hyper-parameters have no ratio, and were tries all the same."""
    layout = Layout(tmp_path)
    for i in range(6):
        found = enter(layout, study.bars, "r", {"size": i}, "lab sizing", 0.2 + 0.001 * i)
    assert found.sharpe_ratio_variance == variance_of([0.2 + 0.001 * i for i in range(6)])
    for i in range(300):
        found = enter(layout, study.bars, f"search {i}", {}, "search")
    luck = deflated(DAILY, found.n_trials, found.sharpe_ratio_variance)
    assert luck.expected_maximum == pytest.approx(expected_maximum_sharpe_ratio(1 / len(DAILY), 306))


def test_ratios_of_a_shorter_record_do_not_make_luck_of_this_one_larger(tmp_path: Path, study: OutOfSample) -> None:
    """A record of six dates shows ratios three times as far apart as one of 60, with as little skill."""
    layout, part = Layout(tmp_path), study.bars.rows(slice(2_000, 3_000))
    for i in range(6):
        found = enter(layout, study.bars, "r", {"size": i}, "lab sizing", 0.2 + 0.01 * i)
        enter(layout, part, "r", {"short": i}, "lab sizing", 1.0 - 0.5 * i)
    found = enter(layout, study.bars, "r", {"size": 6}, "lab sizing", 0.26)
    assert found.n_trials == 13
    assert found.sharpe_ratio_variance == pytest.approx(np.var(0.2 + 0.01 * np.arange(7), ddof=1))


def test_another_commission_is_another_configuration(tmp_path: Path, study: OutOfSample) -> None:
    layout, bars = Layout(tmp_path), study.bars
    cheap = msgspec.structs.replace(bars, instrument=msgspec.structs.replace(bars.instrument, commission_cents=1))
    assert enter(layout, bars, "r", {}, "backtest", 0.1).n_trials == 1
    assert enter(layout, cheap, "r", {}, "backtest", 0.4).n_trials == 2
    assert enter(layout, bars, "r", {}, "backtest", 0.1).n_trials == 2


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> research_report.ResearchReport:
    """Of a market in which a lab has entered its trials after the account's."""
    home = tmp_path_factory.mktemp("home")
    study, layout = oracle_study("ou", 0.58, sessions=12), Layout(home).make()

    def lab(bars, study, *_: object, **__: object) -> None:
        for i in range(40):
            enter(layout, study.bars, "r", {"size": i}, "lab sizing")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(research_report, "kelly_vs_fixed", lab)
        for name in ("path_distribution", "risk_scenarios"):
            patched.setattr(research_report, name, lambda *_, **__: None)
        model = MarketModel(kind="ou", ceiling=0.58, seed=1)
        n_bars = WARM_BARS + 12 * BARS_PER_SESSION
        bars = simulate(model, instrument("NQ"), SessionCalendar.load(), START_NS, n_bars).bars
        history = History(bars, load(home, {"training": {"processes": 1}}), ())
        return report_of(history, study, layout, lambda share, text: None)


def test_every_ratio_of_a_report_pays_for_all_of_its_trials(report: research_report.ResearchReport) -> None:
    assert report.money is not None
    assert report.deflation is not None
    assert report.money.deflation.n_trials == report.deflation.n_trials == len(report.trials) == 41
    returns = np.diff(report.money.curve.values, prepend=report.money.start_dollars)
    returns = returns / np.array([report.money.start_dollars, *report.money.curve.values[:-1]])
    plain = deflated(returns, 1)
    assert report.money.deflation.sharpe_ratio == pytest.approx(plain.sharpe_ratio)


def test_the_number_of_processes_is_no_configuration(report: research_report.ResearchReport) -> None:
    assert "seed" in report.settings["training"]
    assert "processes" not in report.settings["training"]


def test_a_band_resamples_days_and_does_not_reorder_them(report: research_report.ResearchReport) -> None:
    """In another order the same days would end at the same sum, and the band at one point."""
    said = " ".join(chart.says for section in sections(report) for chart in section.charts)
    assert "in another order" not in said
    assert "resampled" in said
