"""Each line of what was asked for: met, not met, or cannot be known here, with the value and the proving command.

A pure function of the folds and of result files that commands left behind.  A line without evidence is never "met".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from minhos import words
from minhos.models.forecast import LSTM
from minhos.views.health import failed_share, latency_ms
from minhos.views.status import banner_of, mode_of, state_of
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.values import View
from minhos.words import percent

MET, NOT_MET, UNKNOWN = "met", "not met", "cannot be known here"
TREES = 4
"""So many members beside the LSTM were asked for."""
ENOUGH_DAYS = 30
ENOUGH_BARS_FOR_STABLE = 12
LIVE_BUDGET_MS = 100.0


@dataclasses.dataclass(frozen=True)
class ChecklistLine(View):
    """One line that was asked for."""

    section: str
    text: str
    status: str
    """met, not met, or cannot be known here."""
    value: str
    command: str
    """What proves it."""


@dataclasses.dataclass(frozen=True)
class Checklist(View):
    """All lines, in the order in which they were asked for."""

    state: str
    mode: str
    banner: str
    met: int
    not_met: int
    unknown: int
    lines: tuple[ChecklistLine, ...]


Answer = tuple[bool | None, str]
Rule = Callable[[Views, Surroundings], Answer]


def checklist(views: Views, around: Surroundings) -> Checklist:
    """Every line with its answer."""
    lines = []
    for section, text, command, rule in LINES:
        holds, value = rule(views, around)
        status = UNKNOWN if holds is None else MET if holds else NOT_MET
        lines.append(ChecklistLine(section, text, status, value, command))
    counts = {status: sum(line.status == status for line in lines) for status in (MET, NOT_MET, UNKNOWN)}
    mode = mode_of(views, around)
    state = state_of(views, around)[0]
    return Checklist(
        state, mode, banner_of(mode, around.ceiling), counts[MET], counts[NOT_MET], counts[UNKNOWN], tuple(lines)
    )


# Data ---------------------------------------------------------------------------------------------------------------


def _history(views: Views, around: Surroundings) -> Answer:
    sessions = around.report.n_sessions if around.report else None
    return (None, "no data trained on yet") if sessions is None else (sessions >= ENOUGH_DAYS, f"{sessions} sessions")


def _no_gaps(views: Views, around: Surroundings) -> Answer:
    outcomes = views.decisions.outcomes
    bars = sum(outcomes.values())
    missing = outcomes["missing_bar"] + outcomes["late"]
    return (missing == 0, f"{missing} of {bars} bars missing or late") if bars else (None, "no live bar yet")


def _data_format(views: Views, around: Surroundings) -> Answer:
    if around.data_verdict is None:
        return None, "no data report yet"
    verdict = around.data_verdict.verdict
    return verdict == "accepted", verdict or "no verdict"


def _stable_connection(views: Views, around: Surroundings) -> Answer:
    if not views.last or not views.decisions.first_close_ns:
        return None, "no live bar yet"
    outcomes = views.decisions.outcomes
    bars = sum(outcomes.values())
    good = outcomes["missing_bar"] + outcomes["late"] == 0
    return (good if bars >= ENOUGH_BARS_FOR_STABLE else None), f"{bars * 5 / 60:.1f} market hours of bars"


# Models -------------------------------------------------------------------------------------------------------------


def _members(views: Views, around: Surroundings) -> tuple[str, ...] | None:
    model = views.trading.model
    info = next((info for info in around.models if model and info.id == model.bundle_id), None)
    if info is None:
        info = next((info for info in around.models if info.status == "active"), None)
    return info.members if info else None


def _lstm_saved(views: Views, around: Surroundings) -> Answer:
    members = _members(views, around)
    return (None, "no bundle yet") if members is None else (LSTM in members, ", ".join(members))


def _trees_saved(views: Views, around: Surroundings) -> Answer:
    members = _members(views, around)
    if members is None:
        return None, "no bundle yet"
    n_trees = sum(name != LSTM for name in members)
    absent = [name for name in (around.report.missing if around.report else ()) if name != LSTM]
    if absent:
        return False, f"without {', '.join(absent)}"
    return n_trees >= TREES, "all four" if n_trees == TREES else f"{n_trees} of {TREES}"


def _accuracy_above(bar: float, member: str = "") -> Rule:
    """The lower end of the 95 % interval has to lie above it; simulated figures say so."""

    def rule(views: Views, around: Surroundings) -> Answer:
        report = around.report
        if not report:
            return None, "no training yet"
        mark = "SIMULATED: " if report.simulated else ""
        if member:
            accuracy = next((each.holdout_accuracy for each in report.members if each.name == member), None)
            return (None, "not trained") if accuracy is None else (accuracy > bar, mark + percent(accuracy))
        line = report.lines.all
        if line is None or line.accuracy is None:
            return None, "not measured"
        low, high = line.interval or (None, None)
        ends = f"[{percent(low, unknown=words.UNKNOWN)}, {percent(high, unknown=words.UNKNOWN)}]"
        return low is not None and low > bar, f"{mark}{percent(line.accuracy)} {ends}, n = {line.n}"

    return rule


def _calibrated(views: Views, around: Surroundings) -> Answer:
    found = around.report.calibration if around.report else None
    if found is None or found.error is None:
        return None, "no training yet"
    return found.error <= 0.02, f"calibration error {found.error:.4f} on bars that were never seen (0.02 allowed)"


def _serves(views: Views, around: Surroundings) -> Answer:
    model = views.trading.model
    return (model is not None, model.bundle_id if model else "no model serves")


def _together(views: Views, around: Surroundings) -> Answer:
    decision = views.decisions.last_forecast
    if decision is None or decision.forecast is None:
        return None, "no forecast yet"
    names = tuple(decision.forecast.members)
    return LSTM in names and len(names) > 1, ", ".join(names)


def _fast(views: Views, around: Surroundings) -> Answer:
    p99 = latency_ms(views, 0.99)
    return (None, "no decision yet") if p99 is None else (p99 < LIVE_BUDGET_MS, f"p99 {p99:.2f} ms")


# Live ---------------------------------------------------------------------------------------------------------------


def _forecasts_flow(views: Views, around: Surroundings) -> Answer:
    made = views.decisions.forecasts
    return made > 0, f"{made} forecasts reached the decision"


def _page_is_live(views: Views, around: Surroundings) -> Answer:
    state, reason = state_of(views, around)
    return state in ("live", "no_edge"), f"{state}: {reason}"


def _stable(views: Views, around: Surroundings) -> Answer:
    bars = sum(views.decisions.outcomes.values())
    if bars < ENOUGH_BARS_FOR_STABLE:
        return None, f"{bars} bars so far"
    share = failed_share(views) or 0.0
    return not views.contradictions and share < 0.01, f"{bars} bars, {percent(share, 2)} of forecasts failed"


def _by_tests(what: str) -> Rule:
    return lambda views, around: (None, f"shown by tests: {what}")


# Backtest -----------------------------------------------------------------------------------------------------------


def _backtest(key: str, unsaid: str) -> Rule:
    """A criterion of the comparison of sizes."""

    def rule(views: Views, around: Surroundings) -> Answer:
        check = around.comparison.checks.get(key) if around.comparison else None
        if around.comparison is None or check is None:
            return None, "no backtest result yet"
        return check.holds, ("SIMULATED: " if around.comparison.simulated else "") + (check.value or unsaid)

    return rule


# Production ---------------------------------------------------------------------------------------------------------


def _models_deployable(views: Views, around: Surroundings) -> Answer:
    if not around.models:
        return None, "no bundle yet"
    damaged = sum(info.status == "damaged" for info in around.models)
    return damaged == 0, f"{len(around.models)} bundles, each verified byte by byte, {damaged} damaged"


def _schema(views: Views, around: Surroundings) -> Answer:
    if around.journal_error:
        return False, around.journal_error
    return (True, f"{views.sequence} events read") if views.sequence else (None, "no journal yet")


def _backed_up(views: Views, around: Surroundings) -> Answer:
    return (around.backups > 0 or None), f"{around.backups} backups found"


def _live_trading(views: Views, around: Surroundings) -> Answer:
    mode = mode_of(views, around)
    return mode == "live" and views.sequence > 0, f"mode {mode or 'none'}"


def _sizes_executed(views: Views, around: Surroundings) -> Answer:
    fills = len(views.market.fills)
    wrong = sum(fill.role.value == "unknown" for _, fill in views.market.fills)
    return (wrong == 0, f"{fills} fills, {wrong} not ours") if fills else (None, "no fill yet")


def _within_size(views: Views, around: Surroundings) -> Answer:
    settings = views.settings
    if settings is None or not views.decisions.recent:
        return None, "no decision yet"
    allowed = settings.risk.max_position_size
    sizes = [abs(made.decision.target) for _, made in views.decisions.recent]
    inside = sum(size <= allowed for size in sizes)
    return inside == len(sizes), f"{percent(inside / len(sizes), 0)} of {len(sizes)} targets within {allowed} contracts"


def _within_capital(views: Views, around: Surroundings) -> Answer:
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
    return worst <= allowed, f"at most {percent(worst, 2)} of equity at risk, {percent(allowed, 0)} allowed"


def _multipliers(views: Views, around: Surroundings) -> Answer:
    settings = views.settings
    if settings is None:
        return None, "no settings active yet"
    level = views.trading.risk.level()
    return True, f"{level.name}: x {settings.risk.multiplier(level):g}"


def _monitored(views: Views, around: Surroundings) -> Answer:
    return around.trader_alive, "the trader's heartbeat is fresh" if around.trader_alive else "no trader runs"


def _failed_below(views: Views, around: Surroundings) -> Answer:
    share = failed_share(views)
    return (None, "no forecast due yet") if share is None else (share < 0.01, percent(share, 2))


TRAIN = "python scripts/train_ml_models.py --symbol NQU25-CME --days 30 --target kelly_integration"
BACKTEST = "python scripts/backtest_kelly_vs_fixed.py"
HEALTH = "curl http://localhost:8000/api/kelly/service-health"
RISK = "curl http://localhost:8000/api/risk/status"
TESTS = "python3 minh.py test"

LINES: tuple[tuple[str, str, str, Rule], ...] = (
    ("Data", "30 or more days of history for the symbol", "python scripts/test_real_historical_data.py", _history),
    ("Data", "live data without gaps", "curl http://localhost:8000/api/trading/decisions", _no_gaps),
    ("Data", "OHLCV format validated", "python minh.py check-data", _data_format),
    ("Data", "connection stable for more than an hour", HEALTH, _stable_connection),
    ("LSTM", "trained and saved", "python minh.py models list", _lstm_saved),
    ("LSTM", "accuracy above 55 % on validation data", TRAIN, _accuracy_above(0.55, LSTM)),
    ("LSTM", "confidence calibrated, 0 to 1", "curl http://localhost:8000/api/ml/calibration", _calibrated),
    ("LSTM", "loads in the Kelly service", HEALTH, _serves),
    ("Ensemble", "all four trained and validated", TRAIN, _trees_saved),
    ("Ensemble", "confidence calibrated", "curl http://localhost:8000/api/ml/calibration", _calibrated),
    ("Ensemble", "LSTM and ensemble work together", "curl http://localhost:8000/api/ml/predictions", _together),
    ("Ensemble", "accuracy above 60 %", TRAIN, _accuracy_above(0.60)),
    ("Ensemble", "data to position size below 100 ms", "python minh.py bench decision --json", _fast),
    ("Live", "live forecasts reach the Kelly service", HEALTH, _forecasts_flow),
    (
        "Live",
        "the dashboard shows live recommendations",
        "curl http://localhost:8000/api/kelly/dashboard-data",
        _page_is_live,
    ),
    ("Live", "stable under continuous operation", HEALTH, _stable),
    (
        "Live",
        "stress: fast updates, memory, error handling and recovery, long runs",
        TESTS,
        _by_tests("killed processes, full disks, damaged files, fast markets"),
    ),
    (
        "Backtest",
        "Kelly ahead of fixed by more than 5 % risk-adjusted",
        BACKTEST,
        _backtest("risk_adjusted", "risk-adjusted return"),
    ),
    ("Backtest", "smaller maximum drawdown", BACKTEST, _backtest("drawdown", "maximum drawdown")),
    ("Backtest", "lower volatility", BACKTEST, _backtest("volatility", "volatility")),
    ("Backtest", "win rate kept or better", BACKTEST, _backtest("win_rate", "win rate")),
    ("Backtest", "constraints hold in every scenario", BACKTEST, _backtest("constraints", "constraints")),
    ("Production", "models saved and deployable", "python minh.py models list", _models_deployable),
    ("Production", "database schema created and validated", "python minh.py replay --verify", _schema),
    ("Production", "monitoring dashboards", "open http://localhost:8000", _monitored),
    ("Production", "backup and recovery tested", "python minh.py backup", _backed_up),
    ("Operation", "operational in live trading", "curl http://localhost:8000/api/trading/status", _live_trading),
    (
        "Operation",
        "sizes generated and executed correctly",
        "curl http://localhost:8000/api/trading/orders",
        _sizes_executed,
    ),
    ("Operation", "constraints enforced", RISK, _within_size),
    ("Operation", "performance monitoring active", "curl http://localhost:8000/api/ml/performance", _monitored),
    ("Operation", "position sizes within constraints: 100 %", RISK, _within_size),
    ("Operation", "capital at risk never above 10 %", RISK, _within_capital),
    ("Operation", "multipliers applied by market conditions", RISK, _multipliers),
    ("Operation", "emergency procedures tested", TESTS, _by_tests("HALT file, halt, flatten, EMERGENCY, restarts")),
    (
        "Operation",
        "uptime above 99.5 % of market hours",
        "python minh.py status",
        lambda views, around: (None, "needs weeks of live operation"),
    ),
    ("Operation", "failed forecasts below 1 %", HEALTH, _failed_below),
)
