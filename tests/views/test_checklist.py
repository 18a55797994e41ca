"""Every line that was asked for is met in a home where all is well, and each can fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_SECOND
from minhos.models.bundle import BundleInfo
from minhos.risk.evidence import Evidence
from minhos.risk.state import FAILED
from minhos.risk.types import Cap, Level, MarketRisk, Stop
from minhos.sizing.types import Step
from minhos.testing.builders import MEMBERS, MONDAY_OPEN, trading_events
from minhos.trading import events as ev
from minhos.trading.types import Outcome
from minhos.views.asked_for import ASKED
from minhos.views.asked_rules import NAMED_FILES, TREES
from minhos.views.checklist import MET, NOT_MET, UNKNOWN, ChecklistLine, checklist
from minhos.views.heartbeats import (
    AlertsBeat,
    FeedBeat,
    SupervisorBeat,
    TraderBeat,
    TrainerBeat,
    WatchdogBeat,
    WebBeat,
)
from minhos.views.store import Views
from minhos.views.surroundings import (
    BackupNote,
    Criterion,
    DataVerdict,
    DayNote,
    DrillNote,
    ScenarioNote,
    ScenariosNote,
    SearchNote,
    SizesCompared,
    Surroundings,
)
from minhos.views.training_report import Calibration, Line, Lines, Member, TrainingReport

CALENDAR = SessionCalendar.load()
NOW = MONDAY_OPEN + 3_600 * NANOS_PER_SECOND
replace = msgspec.structs.replace
World = tuple[list[ev.Event], Surroundings]
Change = Callable[[list[ev.Event], Surroundings], World]
FEATURES = ("rsi", "macd_histogram", "bollinger_width", "trend_15", "trend_60", "news_sentiment", *map(str, range(20)))
REPORT = TrainingReport(
    "edge",
    "Because.",
    n_sessions=60,
    n_train=8_000,
    n_holdout=2_000,
    lines=Lines(all=Line("all", 0.63, (0.61, 0.65), 2_000, silent=0)),
    calibration=Calibration(0.9, 0.05, 0.8, 8_000, 0.01),
    members=tuple(Member(name, 0.6, 0.6, 0.2) for name in MEMBERS),
)
BUNDLE = BundleInfo("bundle-test", Path("b"), "NQ", members=MEMBERS, status="active")
GOOD = Surroundings(
    now_ns=NOW,
    mode="live",
    trader=TraderBeat(
        state="running",
        time_ns=NOW,
        market_time_ns=NOW,
        mode="live",
        serving=True,
        market_open=True,
        venue="sierra",
        feed=FeedBeat(connected=True, live=True, detail="a feed"),
    ),
    trainer=TrainerBeat(state="waiting", time_ns=NOW),
    watchdog=WatchdogBeat(state="fine", time_ns=NOW),
    web=WebBeat(state="running", time_ns=NOW, port=8000, sequence=200),
    supervisor=SupervisorBeat(time_ns=NOW, children={"trader": 1}, restarts={"trader": 2}),
    alerts=AlertsBeat(state="running", time_ns=NOW, sent=3),
    models=(BUNDLE, replace(BUNDLE, id="older", status="previous")),
    report=REPORT,
    comparison=SizesCompared(
        checks={
            key: Criterion(True, "8 %")
            for key in ("risk_adjusted", "drawdown", "volatility", "win_rate", "constraints")
        }
    ),
    data_verdict=DataVerdict("accepted"),
    backups=(BackupNote("b.zip", NOW, True),),
    drill=DrillNote(True, "Sim1", "2025-10-06"),
    scenarios=ScenariosNote(tuple(ScenarioNote(name, True, 2) for name in ("dead-feed", "volatility", "thin-book"))),
    compared_day=DayNote("identical", 20251003, 0, 276),
    search=SearchNote("better", "lightgbm"),
    features=FEATURES,
    window=60,
)


def good_events() -> list[ev.Event]:
    """A day on which one size was cut at a higher level."""
    events = trading_events(40, mode="live")
    at = [i for i, event in enumerate(events) if isinstance(event, ev.DecisionMade)]
    events[at[21]] = _decision(
        events[at[21]], level=Level.MEDIUM, trace=(Step("risk_level", 1.0, 0.8, "fraction", ""),)
    )
    return events


def _decision(event: ev.Event, *, trace: tuple[Step, ...] | None = None, **changes: object) -> ev.Event:
    """The same decision with another verdict, or other fields."""
    assert isinstance(event, ev.DecisionMade)
    made, verdict = event.decision, event.decision.verdict
    ours = {name: value for name, value in changes.items() if name in verdict.__struct_fields__}
    rest = {name: value for name, value in changes.items() if name in made.__struct_fields__}
    if trace is not None:
        rest["recommendation"] = replace(made.recommendation, trace=trace)
    return replace(event, decision=replace(made, verdict=replace(verdict, **ours), **rest))


def lines_of(events: list[ev.Event], around: Surroundings, tune: Callable[[Views], None] = lambda views: None):
    """By text; where a text was asked for twice, the first line of it."""
    views = Views(CALENDAR)
    for sequence, event in enumerate(events, 1):
        views.apply(sequence, event)
    _five_sessions(views)
    sound = MarketRisk(evidence=Evidence("NQ", "recipe-test", bets=40))
    views.trading.risk = replace(views.trading.risk, markets={"NQ": sound})
    tune(views)
    found: dict[str, ChecklistLine] = {}
    for line in checklist(views, around).lines:
        found.setdefault(line.text, line)
    return found


def _five_sessions(views: Views) -> None:
    """As if the journal had begun a week of market hours before and each bar had been decided in time."""
    start = MONDAY_OPEN - 7 * 86_400 * NANOS_PER_SECOND
    bars = sum((s.close_ns - s.open_ns) // (300 * NANOS_PER_SECOND) for s in CALENDAR.sessions(start, NOW))
    views.decisions.first_close_ns = start
    views.decisions.outcomes = Counter({"hold": bars})
    views.performance.days[20251003] = (1, 1)


def around(**changes: object) -> Change:
    return lambda events, good: (events, replace(good, **changes))


def report(**changes: object) -> Change:
    return around(report=replace(REPORT, **changes))


def each_decision(**changes: object) -> Change:
    return lambda events, good: (
        [_decision(e, **changes) if isinstance(e, ev.DecisionMade) else e for e in events],
        good,
    )


def each_forecast(**changes: object) -> Change:
    def change(events: list[ev.Event], good: Surroundings) -> World:
        told = [
            replace(e, decision=replace(e.decision, forecast=replace(e.decision.forecast, **changes)))
            if isinstance(e, ev.DecisionMade)
            else e
            for e in events
        ]
        return told, good

    return change


def settings(**changes: object) -> Change:
    """Fields of the settings; those of risk and sizing by their section."""

    def changed(given: ev.TradingSettings) -> ev.TradingSettings:
        risk = {k.removeprefix("risk_"): v for k, v in changes.items() if k.startswith("risk_")}
        sizing = {k.removeprefix("sizing_"): v for k, v in changes.items() if k.startswith("sizing_")}
        own = {k: v for k, v in changes.items() if not k.startswith(("risk_", "sizing_"))}
        return replace(given, risk=replace(given.risk, **risk), sizing=replace(given.sizing, **sizing), **own)

    def change(events: list[ev.Event], good: Surroundings) -> World:
        told = [replace(e, settings=changed(e.settings)) if isinstance(e, ev.SettingsActivated) else e for e in events]
        return told, good

    return change


def broken(name: str) -> Change:
    found = tuple(replace(each, passed=each.name != name) for each in GOOD.scenarios.scenarios)
    return around(scenarios=ScenariosNote(found))


def check(key: str) -> Change:
    return around(comparison=SizesCompared(checks={**GOOD.comparison.checks, key: Criterion(False, "0 %")}))


def failed(events: list[ev.Event], good: Surroundings) -> World:
    """Half of the bars had no forecast."""
    told = [
        replace(e, decision=replace(e.decision, forecast=None, outcome=Outcome.NO_FORECAST, reason=""))
        if isinstance(e, ev.DecisionMade) and e.decision.sequence % 2
        else e
        for e in events
    ]
    return told, good


def contradicted(events: list[ev.Event], good: Surroundings) -> World:
    wrong = next(e for e in events if isinstance(e, ev.VenueReported)).report
    return [*events, ev.VenueReported(replace(wrong, status="rejected"))], good


def strange_fill(events: list[ev.Event], good: Surroundings) -> World:
    fill = next(e for e in events if isinstance(e, ev.OrderFilled))
    return [*events, replace(fill, fill=replace(fill.fill, fill_id="odd", role=type(fill.fill.role)("unknown")))], good


def bare_trades(events: list[ev.Event], good: Surroundings) -> World:
    return [replace(e, bundle_id="") if isinstance(e, ev.TradeClosed) else e for e in events], good


NO_PAGE = around(web=replace(GOOD.web, time_ns=NOW - 60 * NANOS_PER_SECOND))
NO_TRADER = around(trader_gone=True)
KEPT = each_decision(bound=FAILED, target=2)
NOTHING = Step("risk_level", 1.0, 1.0, "fraction", "")

FAILS: dict[str, Change] = {
    "market data → LSTM and ensemble → probability → Kelly → risk manager → trading engine": each_forecast(
        members={"lstm": 0.7}
    ),
    "an AI brain that takes the forecasts in and says why": each_decision(reason=""),
    "state in SQLite": around(journal_error="The journal is damaged."),
    "dashboard with a Kelly widget: its seven figures, colour-coded": each_decision(recommendation=None),
    "the dashboard is updated at least once a minute": around(web=replace(GOOD.web, sequence=-2_000)),
    "six REST endpoints under /api/kelly/": NO_PAGE,
    "WebSocket updates": NO_PAGE,
    "five risk levels with emergency reduction": settings(
        risk_risk_multipliers={"LOW": 1.0, "MEDIUM": 0.8, "HIGH": 0.5, "CRITICAL": 0.25, "EMERGENCY": 0.1}
    ),
    "graceful fallbacks": broken("dead-feed"),
    "it starts with `python3 minh.py start --monitor`": around(ended=frozenset({"supervisor"})),
    "30 or more days of history for the symbol": report(n_sessions=29),
    "live data without gaps": each_decision(outcome=Outcome.MISSING_BAR),
    "OHLCV format validated": around(data_verdict=DataVerdict("refused")),
    "connection stable for more than an hour": each_decision(outcome=Outcome.MISSING_BAR),
    "clean prices and volumes": around(data_verdict=DataVerdict("refused")),
    "RSI, MACD, Bollinger bands, 10 to 15 features and more": around(features=FEATURES[2:]),
    "train and validation split": report(n_holdout=0),
    "weekends and closed markets produce no errors": contradicted,
    "60 steps of 5-minute bars, OHLCV and indicators": around(window=30),
    "80/20 split": report(n_holdout=8_000),
    "trained and saved": around(models=(replace(BUNDLE, members=TREES),)),
    "accuracy above 55 % on validation data": report(members=(Member("lstm", 0.54),)),
    "confidence calibrated, 0 to 1": report(calibration=Calibration(0.9, error=0.021)),
    "loads in the Kelly service": around(trader=replace(GOOD.trader, serving=False, no_model="Refused.")),
    "latency below 50 ms, later below 20 ms": lambda events, good: (slow(events, 21.0), good),
    "5-fold cross-validation": report(members=(Member("lstm", 0.6),)),
    "voting weighted by each model's performance": report(members=(Member("lstm", 0.6, 0.6, 0.4),)),
    "all four trained and validated": around(models=(replace(BUNDLE, members=MEMBERS[:-1]),)),
    "confidence calibrated": report(calibration=Calibration(-0.1, error=0.0)),
    "LSTM and ensemble work together": each_forecast(members={"xgboost": 0.7, "catboost": 0.7}),
    "accuracy above 60 %": report(lines=Lines(all=Line("all", 0.63, (0.599, 0.65), 2_000))),
    "data to position size below 100 ms": lambda events, good: (slow(events, 101.0), good),
    "a forecast every 5 minutes in market hours": failed,
    "confidence in range": each_forecast(p_up=1.0),
    "model agreement": each_forecast(agreement=1.2),
    "Kelly fractions in the expected range": lambda events, good: (fractions(events, 0.26), good),
    "forecasts cached, filtered by confidence, stored": each_forecast(p_up=0.55),
    "failures logged": failed,
    "live forecasts reach the Kelly service": each_decision(forecast=None),
    "the dashboard shows live recommendations": NO_PAGE,
    "stable under continuous operation": NO_TRADER,
    "stress: high-frequency updates, memory, error handling and recovery, long runs": NO_TRADER,
    "max_kelly_fraction 0.25": settings(sizing_max_kelly_fraction=0.2),
    "kelly_multiplier 0.6": settings(sizing_kelly_multiplier=0.5),
    "risk_multipliers LOW 1.0 MEDIUM 0.8 HIGH 0.5 CRITICAL 0.25 EMERGENCY 0.0": settings(
        risk_risk_multipliers={"LOW": 1.0, "MEDIUM": 1.0, "HIGH": 0.5, "CRITICAL": 0.25, "EMERGENCY": 0.0}
    ),
    "confidence_threshold 0.6": settings(sizing_confidence_threshold=0.5),
    "max_position_size 5": settings(sizing_max_position_size=4),
    "max_capital_risk 0.10": settings(sizing_max_capital_risk=0.2),
    "half and quarter Kelly": around(comparison=SizesCompared()),
    "analyse the historical Kelly fractions of the trained models": around(comparison=SizesCompared()),
    "the switches of autonomous execution are all true": settings(members_off=("lstm",)),
    "min_confidence 0.65": settings(risk_min_confidence=0.5),
    "no human approval": settings(auto_trading=False),
    "ML agreement 60 %": settings(risk_min_agreement=0.5),
    "ensemble voting required": settings(risk_min_members=1),
    "daily loss limit 5 % of capital": settings(risk_daily_loss_limit=0.06),
    "stop after 3 consecutive losses": settings(risk_max_consecutive_losses=4),
    "pause on unusual market conditions": settings(risk_max_volatility_ratio=100.0),
    "manual override always available": NO_TRADER,
    "Kelly against fixed 10 % over 30 days, a report with statistics": around(comparison=SizesCompared()),
    "different market conditions; high volatility; drawdown periods": broken("volatility"),
    "Kelly ahead of fixed by more than 5 % risk-adjusted": check("risk_adjusted"),
    "smaller maximum drawdown": check("drawdown"),
    "lower volatility": check("volatility"),
    "win rate kept or better": check("win_rate"),
    "constraints hold in every scenario": check("constraints"),
    "models saved and deployable": around(models=(BUNDLE, replace(BUNDLE, id="x", status="damaged"))),
    "database schema created and validated": around(journal_error="The journal is damaged."),
    "monitoring dashboards": around(ended=frozenset({"web"})),
    "backup and recovery tested": around(backups=(BackupNote("b.zip", NOW, False),)),
    "rollback procedure": around(models=(*GOOD.models, replace(BUNDLE, id="x", status="damaged"))),
    "monitoring and alerting": around(alerts=replace(GOOD.alerts, failures={"mail": "refused"})),
    "Kelly sizes in the trading engine with an override mechanism": NO_TRADER,
    "Kelly metadata on every trade record": bare_trades,
    "paper trading for one full day, compared with the backtest": around(compared_day=DayNote("differs", 20251003, 1)),
    "live with quarter Kelly, raised step by step with performance": settings(risk_ladder_steps=(0.5, 0.6)),
    "real-time and daily reports": NO_PAGE,
    "alerts on risk": lambda events, good: (events, good),
    "detection of degrading models": lambda events, good: (events, good),
    "operational in live trading": NO_TRADER,
    "sizes generated and executed correctly": strange_fill,
    "constraints enforced": each_decision(target=2, position_before=0, caps=(Cap("margin", 1, "too little"),)),
    "performance monitoring active": NO_TRADER,
    "position sizes within constraints: 100 %": each_decision(target=6),
    "capital at risk never above 10 %": each_decision(equity_cents=1_000_000, target=2),
    "multipliers applied by market conditions": each_decision(level=Level.HIGH, trace=(NOTHING,)),
    "emergency procedures tested": around(drill=DrillNote(False, "Sim1", "2025-10-06")),
    "uptime above 99.5 % of market hours": each_decision(outcome=Outcome.LATE),
    "failed forecasts below 1 %": failed,
    "model degrades: noticed by itself, smaller sizes, retrained on recent data": lambda events, good: (events, good),
    "API fails: the last known recommendation, marked with its age": lambda events, good: (events, good),
    "database fails: carry on from memory with periodic backups": around(journal_error="The disk is full.", backups=()),
    "risk manager fails: position to zero": KEPT,
    "high volatility: multipliers move by themselves": broken("volatility"),
    "low liquidity: smaller size": broken("thin-book"),
    "anomaly: manual override": NO_TRADER,
    "ML performance endpoints and dashboard": NO_PAGE,
    "automated retraining on a schedule": around(trainer=TrainerBeat(time_ns=NOW - 61 * NANOS_PER_SECOND)),
    "A/B analysis": around(search=SearchNote()),
    "ML health score 0 to 100": lambda events, good: (events, good),
    "richer features": around(features=FEATURES[:10]),
    "several timeframes": around(features=FEATURES[:3]),
    "sentiment": around(features=FEATURES[:5]),
    "deployment guide": around(absent_files=("docs/operate.md",)),
    "minhos/services/kelly_service.py (KellyService)": around(absent_files=NAMED_FILES),
    "minhos/services/ml_trading_workflow.py (get_ml_trading_workflow, manual_decision)": around(
        absent_files=NAMED_FILES
    ),
    "minhos/services/trading_engine.py": around(absent_files=NAMED_FILES),
    "the scripts that are named": around(absent_files=NAMED_FILES[6:7]),
    'test_ml_integration.py ("operational", with the status)': NO_TRADER,
    "docs/where_is_what.md says where each module now lives": around(absent_files=NAMED_FILES),
}


def slow(events: list[ev.Event], ms: float) -> list[ev.Event]:
    return [replace(e, latency_us=1_000.0 * ms) if isinstance(e, ev.DecisionMade) else e for e in events]


def fractions(events: list[ev.Event], share: float) -> list[ev.Event]:
    return [
        replace(e, decision=replace(e.decision, recommendation=replace(e.decision.recommendation, fraction=share)))
        if isinstance(e, ev.DecisionMade)
        else e
        for e in events
    ]


def degraded(views: Views) -> None:
    """Once proven, and the detector has raised its alarm; no limit says so."""
    gone = Evidence("NQ", "recipe-test", bets=40, log_maximum=9.0, stage=1)
    views.trading.risk = replace(views.trading.risk, markets={"NQ": MarketRisk(evidence=gone)})


def stopped(views: Views) -> None:
    """A stop is latched, and nobody was told."""
    views.trading.risk = replace(views.trading.risk, day_stop=Stop("risk", "the day's loss", NOW, trade_date=20251006))


def uncounted(views: Views) -> None:
    """What is counted comes from the decisions themselves again."""
    views.decisions.outcomes = Counter(made.decision.outcome.value for _, made in views.decisions.recent)


def unscored(views: Views) -> None:
    views.scores.scored = type(views.scores.scored)(9)


TUNED: dict[str, Callable[[Views], None]] = {
    "detection of degrading models": degraded,
    "model degrades: noticed by itself, smaller sizes, retrained on recent data": degraded,
    "alerts on risk": stopped,
    "live data without gaps": uncounted,
    "connection stable for more than an hour": uncounted,
    "uptime above 99.5 % of market hours": uncounted,
    "ML health score 0 to 100": unscored,
}
EITHER = {"API fails: the last known recommendation, marked with its age"}
"""Its age is worked out from the recommendation itself: without one it is not known, and never not met."""


def test_every_line_has_a_world_in_which_it_fails():
    assert set(FAILS) == {asked.text for asked in ASKED}


@pytest.mark.parametrize("text", sorted(set(FAILS) - EITHER))
def test_a_line_fails_where_it_does_not_hold(text):
    events, changed = FAILS[text](good_events(), GOOD)
    line = lines_of(events, changed, TUNED.get(text, lambda views: None))[text]
    assert line.status == NOT_MET, line.value


NEVER_HAPPENED = {
    "alerts on risk",
    "database fails: carry on from memory with periodic backups",
    "risk manager fails: position to zero",
}
"""What only a bad day can show."""


def test_every_line_is_met_where_all_is_well():
    found = lines_of(good_events(), GOOD)
    assert {
        line.text: line.value for line in found.values() if line.status != MET and line.text not in NEVER_HAPPENED
    } == {}
    assert {found[text].status for text in NEVER_HAPPENED} == {UNKNOWN}


def test_a_bad_day_that_was_survived_is_met():
    survived = [_decision(e, bound=FAILED, target=0) if isinstance(e, ev.DecisionMade) else e for e in good_events()]
    assert lines_of(survived, GOOD)["risk manager fails: position to zero"].status == MET
    told = [*good_events(), ev.Alarm(NOW, "the day's loss")]
    assert lines_of(told, GOOD, stopped)["alerts on risk"].status == MET
    away = lines_of(good_events(), replace(GOOD, journal_error="The disk is full."))
    assert away["database fails: carry on from memory with periodic backups"].status == MET


def test_without_evidence_nothing_is_met_and_nothing_pretends_to_be_known():
    found = checklist(Views(CALENDAR), Surroundings())
    assert found.met == 0
    assert all(line.value and line.command and line.section for line in found.lines)


def test_what_a_simulated_market_shows_says_so():
    events = trading_events(40)
    around_ = replace(GOOD, mode="simulated", report=replace(REPORT, simulated=True))
    found = lines_of(events, around_)
    for text in ("trained and saved", "accuracy above 60 %", "confidence in range", "capital at risk never above 10 %"):
        assert found[text].value.startswith("SIMULATED: "), text
    assert not found["backup and recovery tested"].value.startswith("SIMULATED")


def test_a_backup_whose_file_is_gone_names_the_file():
    line = lines_of(good_events(), replace(GOOD, backups=(BackupNote("/b/mine.zip", NOW, False),)))[
        "backup and recovery tested"
    ]
    assert (line.status, line.value) == (NOT_MET, "/b/mine.zip is no longer there")


def test_multipliers_that_never_applied_are_not_met():
    line = lines_of(trading_events(40, mode="live"), GOOD)["multipliers applied by market conditions"]
    assert (line.status, "no size was asked for at a higher level" in line.value) == (UNKNOWN, True)


def test_a_training_of_another_market_is_named_where_this_one_has_none():
    elsewhere = replace(GOOD, models=(), report=None, features=(), elsewhere=("simulated-NQ-1",))
    line = lines_of(good_events(), elsewhere)["trained and saved"]
    assert (line.status, line.value) == (UNKNOWN, "no bundle of this market; of another one: simulated-NQ-1")
