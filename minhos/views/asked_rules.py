"""The rules of the checklist: each looks at the folds and at what processes and commands left behind.

It answers yes, no, or that it cannot be known here, always with the value it saw.  A line without evidence is never
met, and every rule can fail.  Which line a rule answers is in `asked_for`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from minhos import words
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND
from minhos.models.forecast import LSTM
from minhos.risk.evidence import EvidenceState
from minhos.risk.parameters import RiskParameters
from minhos.risk.state import FAILED
from minhos.risk.types import Level
from minhos.trading.events import TradeClosed, TradingSettings
from minhos.trading.types import Decision
from minhos.views.health import failed_share, latency_ms, ml_health, service_health
from minhos.views.kelly import recommendation
from minhos.views.risk import stop_lines
from minhos.views.status import mode_of, state_of, trader_words
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.words import count, duration, percent, plural, probability

TREES = ("xgboost", "lightgbm", "random_forest", "catboost")
ENOUGH_DAYS = 30
ENOUGH_BARS = 12
"""An hour."""
ENOUGH_SESSIONS = 5
"""Of market hours before a share of uptime says something."""
WINDOW_BARS = 60
FEWEST_FEATURES = 15
CALIBRATION_ERROR = 0.02
BUDGET_MS, LSTM_MS = 100.0, 20.0
WHOLE_DAY = 248
"""Nine tenths of the 276 bars of a session."""
UPTIME, FAILED_FORECASTS = 0.995, 0.01
MULTIPLIERS = {"LOW": 1.0, "MEDIUM": 0.8, "HIGH": 0.5, "CRITICAL": 0.25, "EMERGENCY": 0.0}
NAMED_FILES = (
    "minhos/services/kelly_service.py",
    "minhos/services/ml_trading_workflow.py",
    "minhos/services/trading_engine.py",
    "scripts/train_ml_models.py",
    "scripts/backtest_kelly_vs_fixed.py",
    "scripts/test_real_historical_data.py",
    "scripts/verify_ai_historical_context.py",
    "test_ml_integration.py",
    "docs/where_is_what.md",
    "docs/operate.md",
)

Basis = Literal["run", "training", "comparison", "scenarios", "home"]
"""What a rule rests on; on a simulated market its value says so."""
Answer = tuple[bool | None, str]
Rule = Callable[[Views, Surroundings], Answer]


class Asked(NamedTuple):
    """One line.  text: as it was asked for.  command: what proves it."""

    section: str
    text: str
    command: str
    rule: Rule
    basis: Basis


def simulated(basis: Basis, views: Views, around: Surroundings) -> bool:
    """Whether what a rule rests on comes from a generated market."""
    match basis:
        case "run":
            return views.sequence > 0 and mode_of(views, around) == "simulated"
        case "training":
            return around.report is not None and around.report.simulated
        case "comparison":
            return around.comparison is not None and around.comparison.simulated
        case "scenarios":
            return around.scenarios is not None
        case "home":
            return False


def decided(views: Views) -> Iterator[Decision]:
    """The newest decisions that rest on a forecast."""
    return (made.decision for _, made in views.decisions.recent if made.decision.forecast is not None)


def of_settings(text: str, holds: Callable[[TradingSettings], bool], value: Callable[[TradingSettings], str]) -> Rule:
    """A setting that is in force."""

    def rule(views: Views, around: Surroundings) -> Answer:
        settings = views.settings
        return (None, "no settings active yet") if settings is None else (holds(settings), f"{text} {value(settings)}")

    return rule


def of_risk(name: str, holds: Callable[[RiskParameters], bool]) -> Rule:
    return of_settings(name, lambda s: holds(s.risk), lambda s: f"{getattr(s.risk, name):g}")


def of_sizing(name: str, asked: float) -> Rule:
    """Exactly what was asked, for it is what was asked to be set."""
    return of_settings(name, lambda s: bool(getattr(s.sizing, name) == asked), lambda s: f"{getattr(s.sizing, name):g}")


# The system ---------------------------------------------------------------------------------------------------------


def whole_way(views: Views, around: Surroundings) -> Answer:
    last = views.decisions.last_forecast
    if last is None or last.forecast is None:
        return None, "no forecast yet"
    there = {
        "LSTM": LSTM in last.forecast.members,
        "ensemble": any(name != LSTM for name in last.forecast.members),
        "probability": 0.0 < last.forecast.p_up < 1.0,
        "Kelly": last.recommendation is not None,
        "risk manager": last.verdict is not None,
        "trading engine": views.sequence > 0,
    }
    absent = [name for name, is_there in there.items() if not is_there]
    if absent:
        return False, f"at {when(last)} without {', '.join(absent)}"
    return True, f"{last.symbol} at {when(last)}: {', '.join(there)}"


def says_why(views: Views, around: Surroundings) -> Answer:
    decided = [made.decision for _, made in views.decisions.recent]
    silent = sum(not decision.reason.strip() for decision in decided)
    return (
        (silent == 0, f"{len(decided)} decisions, {silent} without a reason") if decided else (None, "no decision yet")
    )


def in_sqlite(views: Views, around: Surroundings) -> Answer:
    if around.journal_error:
        return False, around.journal_error
    if not views.sequence:
        return None, "no journal yet"
    sound = not views.contradictions
    return sound, f"{count(views.sequence)} events read, {views.contradictions} contradict those before them"


def page(views: Views, around: Surroundings) -> Answer:
    """The dashboard's own process, not the trader's."""
    web = around.web
    if web is None or not web.time_ns:
        return None, "the dashboard was never started"
    age = duration(around.heard_s(web))
    if not around.runs(web):
        return False, f"the dashboard does not run; last heard {age} ago"
    return True, f"http://localhost:{web.port} answers, heard {age} ago"


def page_is_current(views: Views, around: Surroundings) -> Answer:
    running, value = page(views, around)
    if not running or around.web is None:
        return running, value
    behind = views.sequence - around.web.sequence
    return behind <= 1_000, f"it has taken in {count(around.web.sequence)} of {count(views.sequence)} events"


def seven_figures(views: Views, around: Surroundings) -> Answer:
    running, value = page(views, around)
    if not running:
        return running, value
    now = recommendation(views, around)
    figures = {
        "service status": now.service_status,
        "Kelly fraction": now.kelly_fraction,
        "recommended position": now.recommended_position,
        "win probability": now.win_probability,
        "capital at risk": now.capital_at_risk,
        "model agreement": now.model_agreement,
        "last update": now.last_update,
    }
    absent = [name for name, value in figures.items() if value is None]
    return not absent, f"unknown: {', '.join(absent)}" if absent else f"all seven, of {now.last_update}"


def started(views: Views, around: Surroundings) -> Answer:
    beat = around.supervisor
    if beat is None:
        return None, "not started, or stopped"
    if not around.runs(beat):
        return False, "the process that `start` was is gone without a word"
    return not beat.refused, f"runs {', '.join(beat.children) or 'nothing yet'}" + (
        f"; refused: {'; '.join(beat.refused.values())}" if beat.refused else ""
    )


def scenario(name: str) -> Rule:
    """What `lab scenarios` found of one bad day."""

    def rule(views: Views, around: Surroundings) -> Answer:
        found = around.scenarios
        one = next((each for each in found.scenarios if each.name == name), None) if found else None
        if one is None:
            return None, f"{name}: not tried under these settings yet"
        if not one.held:
            return None, f"{name}: nothing was held, so no limit was put to the test"
        return one.passed, f"{name}: {'every check holds' if one.passed else 'a check does not hold'}"

    return rule


# Data ---------------------------------------------------------------------------------------------------------------


def history(views: Views, around: Surroundings) -> Answer:
    sessions = around.report.n_sessions if around.report else None
    return (None, untrained(around)) if sessions is None else (sessions >= ENOUGH_DAYS, f"{sessions} sessions")


def untrained(around: Surroundings) -> str:
    """Nothing of this market was trained; what was trained elsewhere is said."""
    if not around.elsewhere:
        return "no bundle of this market yet"
    more = f" and {len(around.elsewhere) - 1} more" if len(around.elsewhere) > 1 else ""
    return f"no bundle of this market; of another one: {around.elsewhere[0]}{more}"


def no_gaps(views: Views, around: Surroundings) -> Answer:
    outcomes = views.decisions.outcomes
    bars = sum(outcomes.values())
    missing = outcomes["missing_bar"] + outcomes["late"]
    return (missing == 0, f"{missing} of {bars} bars missing or late") if bars else (None, "no live bar yet")


def data_format(views: Views, around: Surroundings) -> Answer:
    if around.data_verdict is None:
        return None, "no data report yet"
    verdict = around.data_verdict.verdict
    return verdict == "accepted", verdict or "no verdict"


def stable_connection(views: Views, around: Surroundings) -> Answer:
    good, value = no_gaps(views, around)
    bars = sum(views.decisions.outcomes.values())
    hours = f"{bars * 5 / 60:.1f} market hours of bars; {value}"
    return (good if bars >= ENOUGH_BARS else None), hours if bars else "no live bar yet"


def features(views: Views, around: Surroundings) -> Answer:
    if not around.features:
        return None, untrained(around)
    absent = [name for name in ("rsi", "macd", "bollinger") if not any(name in each for each in around.features)]
    value = f"{len(around.features)} features" + (f", without {', '.join(absent)}" if absent else "")
    return not absent and len(around.features) >= 10, value


def split(views: Views, around: Surroundings) -> Answer:
    report = around.report
    if report is None or report.n_train is None or report.n_holdout is None:
        return None, untrained(around)
    whole = report.n_train + report.n_holdout
    share = report.n_holdout / whole if whole else 0.0
    value = (
        f"{count(report.n_train)} bars learnt from, the newest {count(report.n_holdout)} ({percent(share)}) only judged"
    )
    return 0.15 <= share <= 0.25, value


def closed_markets(views: Views, around: Surroundings) -> Answer:
    dates = len(views.performance.days)
    if dates < 2:
        return None, f"{plural(dates, 'trade date')} so far: no closed market seen yet"
    return not views.contradictions, f"{dates} trade dates, {views.contradictions} contradictions"


# Models -------------------------------------------------------------------------------------------------------------


def members(views: Views, around: Surroundings) -> tuple[str, ...] | None:
    model = views.trading.model
    info = next((info for info in around.models if model and info.id == model.bundle_id), None)
    if info is None:
        info = next((info for info in around.models if info.status == "active"), None)
    return info.members if info else None


def lstm_saved(views: Views, around: Surroundings) -> Answer:
    names = members(views, around)
    return (None, untrained(around)) if names is None else (LSTM in names, ", ".join(names))


def trees_saved(views: Views, around: Surroundings) -> Answer:
    names = members(views, around)
    if names is None:
        return None, untrained(around)
    absent = [name for name in TREES if name not in names]
    return not absent, f"without {', '.join(absent)}" if absent else "all four"


def window(views: Views, around: Surroundings) -> Answer:
    names = members(views, around)
    if names is None or not around.window:
        return None, untrained(around)
    value = f"{around.window} bars of {len(around.features)} features; members {', '.join(names)}"
    return LSTM in names and around.window == WINDOW_BARS, value


def accuracy_above(bar: float, member: str = "") -> Rule:
    """The lower end of the 95 % interval has to lie above it."""

    def rule(views: Views, around: Surroundings) -> Answer:
        report = around.report
        if not report:
            return None, "no training yet"
        if member:
            one = next((each for each in report.members if each.name == member), None)
            if one is None:
                return None, "not trained"
            accuracy = one.holdout_accuracy
            return (None, "no side on any bar") if accuracy is None else (accuracy > bar, percent(accuracy))
        line = report.lines.all
        if line is None or line.accuracy is None:
            return None, "no side on any bar" if line is not None and line.silent else "not measured"
        low, high = line.interval or (None, None)
        ends = f"[{percent(low, unknown=words.UNKNOWN)}, {percent(high, unknown=words.UNKNOWN)}]"
        return low is not None and low > bar, f"{percent(line.accuracy)} {ends}, n = {line.n}"

    return rule


def calibrated(views: Views, around: Surroundings) -> Answer:
    found = around.report.calibration if around.report else None
    if found is None or found.error is None:
        return None, "no training yet"
    value = f"calibration error {found.error:.4f} on bars that were never seen ({CALIBRATION_ERROR} allowed)"
    if found.slope is not None and found.slope <= 0.0:
        return False, f"slope {found.slope:.2f}: the score is not believed and every p is one half"
    return found.error <= CALIBRATION_ERROR, value


def serves(views: Views, around: Surroundings) -> Answer:
    model = views.trading.model
    if not around.trader_alive or around.trader is None:
        return (None if model is None else False), "no trader runs"
    if around.trader.serving and model is not None:
        return True, model.bundle_id
    return False, around.trader.no_model or "no model serves"


def folds(views: Views, around: Surroundings) -> Answer:
    members = around.report.members if around.report else ()
    if not members:
        return None, "no training yet"
    absent = [each.name for each in members if each.out_of_fold_accuracy is None]
    return not absent, f"out-of-fold figures of {len(members) - len(absent)} of {plural(len(members), 'member')}"


def votes(views: Views, around: Surroundings) -> Answer:
    weights = (
        {each.name: each.weight for each in around.report.members if each.weight is not None} if around.report else {}
    )
    if not weights:
        return None, "no training yet"
    told = ", ".join(f"{name} {percent(weight, 0)}" for name, weight in weights.items())
    return math.isclose(sum(weights.values()), 1.0, abs_tol=0.01), told


def together(views: Views, around: Surroundings) -> Answer:
    decision = views.decisions.last_forecast
    if decision is None or decision.forecast is None:
        return None, "no forecast yet"
    names = tuple(decision.forecast.members)
    off = views.settings.members_off if views.settings else ()
    value = ", ".join(names) + (f"; switched off: {', '.join(off)}" if off else "")
    return LSTM in names and len(names) > 1, value


def fast(budget_ms: float) -> Rule:
    def rule(views: Views, around: Surroundings) -> Answer:
        p99 = latency_ms(views, 0.99)
        value = "no decision yet" if p99 is None else f"p99 {p99:.2f} ms from bar to stored decision"
        return (None if p99 is None else p99 < budget_ms), value

    return rule


# Live ---------------------------------------------------------------------------------------------------------------


def every_bar(views: Views, around: Surroundings) -> Answer:
    share = failed_share(views)
    due = views.decisions.forecasts + views.decisions.failed_forecasts
    value = "no forecast due yet" if share is None else f"{views.decisions.forecasts} of {due} due"
    return (None if share is None else share < FAILED_FORECASTS), value


def in_range(views: Views, around: Surroundings) -> Answer:
    p = [decision.forecast.p_side for decision in decided(views) if decision.forecast is not None]
    if not p:
        return None, "no forecast yet"
    return all(0.5 <= each < 1.0 for each in p), f"{len(p)} forecasts, p {probability(min(p))} to {probability(max(p))}"


def agreement(views: Views, around: Surroundings) -> Answer:
    shares = [decision.forecast.agreement for decision in decided(views) if decision.forecast is not None]
    if not shares:
        return None, "no forecast yet"
    return all(
        0.0 <= each <= 1.0 for each in shares
    ), f"{percent(shares[-1], 0)} at the last of {len(shares)} forecasts"


def fractions(views: Views, around: Surroundings) -> Answer:
    found = [decision.recommendation.fraction for decision in decided(views) if decision.recommendation is not None]
    if not found or views.settings is None:
        return None, "no recommendation yet"
    most = views.settings.sizing.max_kelly_fraction
    return all(0.0 <= each <= most for each in found), f"0 to {percent(max(found), 2)}, {percent(most, 0)} allowed"


def filtered(views: Views, around: Surroundings) -> Answer:
    """No entry on less confidence than is asked for, unless a person forced it."""
    if views.settings is None or not views.decisions.forecasts:
        return None, "no forecast yet"
    least = views.settings.risk.min_confidence
    entries = [d for d in decided(views) if abs(d.target) > abs(d.position_before) and "forced" not in d.reason.lower()]
    below = sum(d.forecast is not None and d.forecast.p_side < least for d in entries)
    value = f"{count(views.decisions.forecasts)} stored; {below} of {len(entries)} entries below p {probability(least)}"
    return below == 0, value


def failures_said(views: Views, around: Surroundings) -> Answer:
    failed = [m.decision for _, m in views.decisions.recent if m.decision.outcome.value == "no_forecast"]
    if not views.decisions.recent:
        return None, "no decision yet"
    return all(d.reason for d in failed), f"{len(failed)} without a forecast, each with its reason"


def forecasts_flow(views: Views, around: Surroundings) -> Answer:
    made = views.decisions.forecasts
    return made > 0, f"{made} forecasts reached the decision"


def live_recommendations(views: Views, around: Surroundings) -> Answer:
    running, value = page(views, around)
    state, reason = state_of(views, around)
    holds = state in ("live", "no_edge") and bool(running)
    return holds, f"{state}: {reason}" + ("" if running else f" ({value})")


def stable(views: Views, around: Surroundings) -> Answer:
    bars = sum(views.decisions.outcomes.values())
    if bars < ENOUGH_BARS:
        return None, f"{bars} bars so far"
    share = failed_share(views) or 0.0
    healthy = service_health(views, around).status == "healthy"
    value = f"{bars} bars, {percent(share, 2)} of forecasts failed, {'healthy' if healthy else 'not healthy'} now"
    return healthy and not views.contradictions and share < FAILED_FORECASTS, value


def stress(views: Views, around: Surroundings) -> Answer:
    """Of this run: what restarted, and what was left undecided."""
    beat = around.supervisor
    if beat is None or not around.runs(beat):
        return None, "shown by tests: killed processes, full disks, damaged files, fast markets"
    restarts = sum(beat.restarts.values())
    healthy = service_health(views, around).status == "healthy"
    return (healthy if restarts else None), f"{plural(restarts, 'restart')} in this run" + (
        f", {'healthy' if healthy else 'not healthy'} now" if restarts else "; the rest is shown by tests"
    )


# Risk settings ------------------------------------------------------------------------------------------------------


def multipliers_as_asked(settings: TradingSettings) -> bool:
    return {level.name: settings.risk.multiplier(level) for level in Level} == MULTIPLIERS


def multiplier_words(settings: TradingSettings) -> str:
    return ", ".join(f"{level.name} {settings.risk.multiplier(level):g}" for level in Level)


def switches(settings: TradingSettings) -> list[str]:
    off = [f"{name}_enabled" for name in settings.members_off]
    off += [] if settings.auto_trading else ["auto_trading"]
    return off + ([] if settings.sizing.kelly_enabled else ["kelly_enabled"])


def compared(views: Views, around: Surroundings) -> Answer:
    found = around.comparison
    return (
        (None, "no comparison of sizes yet") if found is None else (bool(found.checks), f"{len(found.checks)} criteria")
    )


def override(views: Views, around: Surroundings) -> Answer:
    if around.trader is None:
        return None, "no trader was started; the HALT file works without one"
    if around.trader_alive:
        return True, "the trader hears halt, pause, flatten, force and resume"
    return False, "no trader runs that could hear a command; only the HALT file is heeded at the next start"


# Backtest -----------------------------------------------------------------------------------------------------------


def backtest(key: str, unsaid: str) -> Rule:
    """A criterion of the comparison of sizes."""

    def rule(views: Views, around: Surroundings) -> Answer:
        check = around.comparison.checks.get(key) if around.comparison else None
        return (None, "no backtest result yet") if check is None else (check.holds, check.value or unsaid)

    return rule


def conditions(views: Views, around: Surroundings) -> Answer:
    found = around.scenarios.scenarios if around.scenarios else ()
    tested = [one for one in found if one.held]
    if not tested:
        return None, "no scenario was put to the test yet"
    broken = [one.name for one in tested if not one.passed]
    return not broken, f"{len(tested)} of {len(found)} scenarios tested, " + (
        f"broken: {', '.join(broken)}" if broken else "none broken"
    )


# Production ---------------------------------------------------------------------------------------------------------


def deployable(views: Views, around: Surroundings) -> Answer:
    if around.models_error:
        return False, around.models_error
    if not around.models:
        return None, untrained(around)
    damaged = sum(info.status == "damaged" for info in around.models)
    return damaged == 0, f"{plural(len(around.models), 'bundle')}, each verified byte by byte, {damaged} damaged"


def backed_up(views: Views, around: Surroundings) -> Answer:
    """A note of a backup whose file is gone is no backup."""
    if not around.backups:
        return None, "no backup was made"
    there = next((note for note in around.backups if note.there), None)
    if there is None:
        return False, f"{around.backups[0].file} is no longer there"
    age = duration(abs(around.now_ns - there.time_ns) / NANOS_PER_SECOND)
    return True, f"{there.file}, verified when it was written {age} ago; its way back is shown by tests"


def rollback(views: Views, around: Surroundings) -> Answer:
    if not around.models:
        return None, untrained(around)
    previous = [info.id for info in around.models if info.status == "previous"]
    if not previous:
        return None, "there is one bundle only, none to go back to"
    damaged = any(info.status == "damaged" for info in around.models)
    return not damaged, f"back to {previous[0]}" + (", but a bundle is damaged" if damaged else "")


def alerting(views: Views, around: Surroundings) -> Answer:
    running, value = page(views, around)
    if around.alerts is not None and around.alerts.failures:
        return False, "; ".join(f"{name}: {why}" for name, why in around.alerts.failures.items())
    if not running:
        return running, value
    sent = around.alerts.sent if around.alerts is not None and around.runs(around.alerts) else None
    return True, f"{len(views.alerts)} on the page" + ("" if sent is None else f", {sent} sent to your channels")


def trades_tell(views: Views, around: Surroundings) -> Answer:
    trades: list[TradeClosed] = [event for _, event in views.performance.trades]
    own = [event for event in trades if event.decided_ns]
    if not own:
        return None, "no trade of a decision's own yet"
    bare = sum(not event.bundle_id or not 0.0 < event.p < 1.0 for event in own)
    return bare == 0, f"{len(own)} trades with p, fraction, bound and model; {bare} without"


def paper_day(views: Views, around: Surroundings) -> Answer:
    day = around.compared_day
    if day is None:
        return None, "no finished paper day was compared yet"
    value = f"{day.trade_date}: {day.verdict} on {day.bars} bars, {day.undecided} undecided"
    if day.bars < WHOLE_DAY:
        return (None if day.verdict == "identical" else False), f"{value}; a whole day has {WHOLE_DAY} or more"
    return day.verdict == "identical", value


def live_trading(views: Views, around: Surroundings) -> Answer:
    mode = mode_of(views, around)
    return mode == "live" and around.trader_alive, f"mode {mode or 'none'}, trader {runs(around)}"


def ladder(views: Views, around: Surroundings) -> Answer:
    settings = views.settings
    if settings is None:
        return None, "no settings active yet"
    steps = settings.risk.ladder_steps
    step = steps[min(views.trading.risk.ladder.step, len(steps) - 1)]
    value = f"steps {', '.join(f'{each:g}' for each in steps)}; at {step:g}"
    rising = all(low < high for low, high in itertools.pairwise(steps))
    if not rising or steps[0] > 0.25:
        return False, value
    live = mode_of(views, around) == "live"
    return (True if live else None), value if live else f"{value}; the mode is {mode_of(views, around) or 'none'}"


def reports(views: Views, around: Surroundings) -> Answer:
    running, value = page(views, around)
    if running and around.compared_day is not None:
        return True, f"page now; {around.compared_day.trade_date} compared after its close"
    if not running:
        return running, value
    return None, "page now; no close since the start, so no day's report yet"


def risk_alerts(views: Views, around: Surroundings) -> Answer:
    stops = stop_lines(views.trading.risk)
    if not stops:
        return None, "nothing was stopped so far"
    return bool(views.alerts), f"{stops[0].name}: {len(views.alerts)} alarms told"


def degrading(views: Views, around: Surroundings) -> Answer:
    """A degraded edge has to be cut at the next decision."""
    watched = {root: market.evidence for root, market in views.trading.risk.markets.items() if market.evidence.recipe}
    if not any(evidence.bets for evidence in watched.values()):
        return None, "no settled bet yet that could degrade"
    bad = [root for root, evidence in watched.items() if evidence.state is EvidenceState.DEGRADED]
    told = ", ".join(f"{root} {evidence.state.value} after {evidence.bets} bets" for root, evidence in watched.items())
    if not bad:
        return True, told
    caps = views.last.verdict.caps if views.last is not None and views.last.verdict is not None else ()
    return any(cap.limit == "evidence" for cap in caps), told


def sizes_executed(views: Views, around: Surroundings) -> Answer:
    fills = len(views.market.fills)
    wrong = sum(fill.role.value == "unknown" for _, fill in views.market.fills)
    return (wrong == 0, f"{fills} fills, {wrong} not ours") if fills else (None, "no fill yet")


def within_size(views: Views, around: Surroundings) -> Answer:
    settings = views.settings
    if settings is None or not views.decisions.recent:
        return None, "no decision yet"
    allowed = settings.risk.max_position_size
    sizes = [abs(made.decision.target) for _, made in views.decisions.recent]
    inside = sum(size <= allowed for size in sizes)
    return inside == len(sizes), f"{percent(inside / len(sizes), 0)} of {len(sizes)} targets within {allowed} contracts"


def enforced(views: Views, around: Surroundings) -> Answer:
    """A target never exceeds what each limit of the same verdict allows."""
    judged = [made.decision for _, made in views.decisions.recent if made.decision.verdict is not None]
    if not judged:
        return None, "no decision was judged yet"
    passed = sum(
        any(
            cap.contracts is not None and cap.contracts < abs(d.target) and abs(d.target) > abs(d.position_before)
            for cap in d.verdict.caps
        )
        for d in judged
        if d.verdict is not None
    )
    bound = sum(views.bound.counts.values())
    return passed == 0, f"{len(judged)} verdicts, limits bound {bound} times, passed {passed} times"


def within_capital(views: Views, around: Surroundings) -> Answer:
    settings = views.settings
    if settings is None or not views.decisions.recent:
        return None, "no decision yet"
    allowed = settings.risk.max_capital_risk
    decided = [made.decision for _, made in views.decisions.recent]
    shares = [
        abs(d.target) * d.recommendation.r_cents / d.equity_cents
        for d in decided
        if d.recommendation is not None and d.equity_cents > 0
    ]
    worst = max(shares, default=0.0)
    return worst <= min(allowed, 0.10), f"at most {percent(worst, 2)} of equity at risk, {percent(allowed, 0)} allowed"


def multipliers_applied(views: Views, around: Surroundings) -> Answer:
    """Where a level stood above LOW, the size was cut by its multiplier, and otherwise nothing is shown."""
    if views.settings is None:
        return None, "no settings active yet"
    risky = [
        (d.verdict.level, step)
        for _, made in views.decisions.recent
        if (d := made.decision).verdict is not None and d.recommendation is not None and d.verdict.level > Level.LOW
        for step in d.recommendation.trace
        if step.name == "risk_level" and step.before > 0.0
    ]
    if not risky:
        level = views.trading.risk.level()
        return None, f"level {level.name} now; no size was asked for at a higher level than LOW so far"
    multiplier = views.settings.risk.multiplier
    wrong = sum(step.after > step.before * multiplier(level) + 1e-9 for level, step in risky)
    return wrong == 0, f"{len(risky)} sizes at a level above LOW, {wrong} not cut by its multiplier"


def emergency(views: Views, around: Surroundings) -> Answer:
    drill = around.drill
    if drill is None:
        return None, "no drill yet; tests show HALT file, halt, flatten, EMERGENCY and restarts"
    return drill.passed, f"drill of {drill.time} on {drill.account}: {'passed' if drill.passed else 'failed'}"


def monitored(views: Views, around: Surroundings) -> Answer:
    running, value = page(views, around)
    if around.trader is None:
        return None, "no trader was started"
    if not around.trader_alive:
        return False, f"the trader {runs(around)}"
    return running, f"{value}; the trader's heartbeat is fresh"


def uptime(views: Views, around: Surroundings) -> Answer:
    """Bars decided in time, of all that the sessions between the first and now had."""
    first, last = views.decisions.first_close_ns, views.market.last_close_ns
    if not first or last <= first:
        return None, "no live bar yet"
    now_ns = max(last, around.market_now_ns(last))
    sessions = views.calendar.sessions(first - BAR_INTERVAL_NS, now_ns)
    span = sum(max(0, min(s.close_ns, now_ns) - max(s.open_ns, first - BAR_INTERVAL_NS)) for s in sessions)
    due = span // BAR_INTERVAL_NS
    outcomes = views.decisions.outcomes
    on_time = sum(outcomes.values()) - outcomes["missing_bar"] - outcomes["late"]
    value = f"{count(on_time)} of {count(due)} bars of {plural(len(sessions), 'session')} decided in time"
    if len(sessions) < ENOUGH_SESSIONS or not due:
        return None, f"{value}; {ENOUGH_SESSIONS} sessions are needed"
    return on_time / due > UPTIME, f"{value} ({percent(min(1.0, on_time / due), 2)})"


def failed_below(views: Views, around: Surroundings) -> Answer:
    share = failed_share(views)
    return (None, "no forecast due yet") if share is None else (share < FAILED_FORECASTS, percent(share, 2))


def runs(around: Surroundings) -> str:
    return trader_words(around)


def when(decision: Decision) -> str:
    return words.utc(decision.close_time_ns)


# When things go wrong, and what comes next --------------------------------------------------------------------------


def aged(views: Views, around: Surroundings) -> Answer:
    now = recommendation(views, around)
    if now.last_update is None:
        return None, "no recommendation yet"
    told = f"that of {now.last_update}, {UNKNOWN_AGE if now.age_s is None else duration(now.age_s) + ' old'}"
    return now.age_s is not None and bool(now.service_status), told


UNKNOWN_AGE = "of unknown age"


def from_memory(views: Views, around: Surroundings) -> Answer:
    backed, value = backed_up(views, around)
    if not around.journal_error:
        return None, f"the journal can be read; {value}; outages are shown by tests"
    return bool(around.trader_alive and backed), f"{around.journal_error} Trader {runs(around)}; {value}"


def manager_failed(views: Views, around: Surroundings) -> Answer:
    judged = (m.decision for _, m in views.decisions.recent if m.decision.verdict is not None)
    failed = [d for d in judged if d.verdict is not None and d.verdict.bound == FAILED]
    if not failed:
        return None, "it has not failed"
    kept = sum(d.target != 0 for d in failed)
    return kept == 0, f"failed on {plural(len(failed), 'bar')}, {kept} of them with a position left"


def retraining(views: Views, around: Surroundings) -> Answer:
    trainer = around.trainer
    if not trainer.time_ns:
        return None, "the trainer was never started"
    if not around.trainer_alive:
        return False, f"the trainer was last heard {duration(around.heard_s(trainer))} ago"
    return not trainer.error, trainer.error or f"the trainer runs: {trainer.state}"


def side_by_side(views: Views, around: Surroundings) -> Answer:
    found = around.search
    if found is None:
        return None, "no model was compared with another one yet"
    return bool(found.verdict), f"{found.member}: trials against what is shipped, {found.verdict or 'no verdict'}"


def score(views: Views, around: Surroundings) -> Answer:
    score = ml_health(views, around).score
    return (
        (None, "no model yet")
        if score is None
        else (0.0 <= score <= 100.0 and bool(views.scores.scored), f"{score:.0f}")
    )


def feature_named(parts: tuple[str, ...], what: str) -> Rule:
    def rule(views: Views, around: Surroundings) -> Answer:
        if not around.features:
            return None, untrained(around)
        found = [name for name in around.features if any(part in name for part in parts)]
        return bool(found), ", ".join(found) or f"no feature reads {what}; one of your own may (`minh.py parts`)"

    return rule


def more_features(views: Views, around: Surroundings) -> Answer:
    n = len(around.features)
    return (None, untrained(around)) if not n else (n > FEWEST_FEATURES, f"{n} features")


def file(*names: str) -> Rule:
    """Shown by something that ran from this checkout, and there."""

    def rule(views: Views, around: Surroundings) -> Answer:
        absent = [name for name in names if name in around.absent_files]
        if absent:
            return False, f"not there: {', '.join(absent)}"
        return (True if views.sequence else None), "there" if views.sequence else "there; nothing has run from it yet"

    return rule


def integration(views: Views, around: Surroundings) -> Answer:
    if "test_ml_integration.py" in around.absent_files:
        return False, "not there: test_ml_integration.py"
    health = service_health(views, around)
    if around.trader is None:
        return None, f"{health.state}: nothing was started"
    return health.status == "healthy", f"{health.status}, {health.integration}: {health.state}"
