"""Everything that was asked for, line by line, with the command that proves it and the rule that answers it.

The rules are in `asked_rules`; `checklist` puts the answers together.  What was asked for is copied in here, shortened
only: a line that is not in this table was not asked for.
"""

from __future__ import annotations

from minhos.models.forecast import LSTM
from minhos.risk.types import Level
from minhos.views.asked_rules import (
    BUDGET_MS,
    LSTM_MS,
    NAMED_FILES,
    Asked,
    Basis,
    Rule,
    accuracy_above,
    aged,
    agreement,
    alerting,
    backed_up,
    backtest,
    calibrated,
    closed_markets,
    compared,
    conditions,
    data_format,
    degrading,
    deployable,
    emergency,
    enforced,
    every_bar,
    failed_below,
    failures_said,
    fast,
    feature_named,
    features,
    file,
    filtered,
    folds,
    forecasts_flow,
    fractions,
    from_memory,
    history,
    in_range,
    in_sqlite,
    integration,
    ladder,
    live_recommendations,
    live_trading,
    lstm_saved,
    manager_failed,
    monitored,
    more_features,
    multiplier_words,
    multipliers_applied,
    multipliers_as_asked,
    no_gaps,
    of_risk,
    of_settings,
    of_sizing,
    override,
    page,
    page_is_current,
    paper_day,
    reports,
    retraining,
    risk_alerts,
    rollback,
    says_why,
    scenario,
    score,
    serves,
    seven_figures,
    side_by_side,
    sizes_executed,
    split,
    stable,
    stable_connection,
    started,
    stress,
    switches,
    together,
    trades_tell,
    trees_saved,
    uptime,
    votes,
    whole_way,
    window,
    within_capital,
    within_size,
)

Lines = tuple[tuple[str, str, Rule, Basis], ...]
"""Text, command, rule, and what the rule rests on."""

TRAIN = "python scripts/train_ml_models.py --symbol NQU25-CME --days 30 --target kelly_integration"
BACKTEST = "python scripts/backtest_kelly_vs_fixed.py"
HEALTH = "curl http://localhost:8000/api/kelly/service-health"
RECOMMENDATION = "curl http://localhost:8000/api/kelly/current-recommendation"
PREDICTIONS = "curl http://localhost:8000/api/ml/predictions"
DECISIONS = "curl http://localhost:8000/api/trading/decisions"
ML = "curl http://localhost:8000/api/ml/performance"
RISK = "curl http://localhost:8000/api/risk/status"
PAGE = "open http://localhost:8000"
DATA_CHECK = "python scripts/test_real_historical_data.py"
CONTEXT = "python scripts/verify_ai_historical_context.py"
CONFIG = "python minh.py config show"
MODELS = "python minh.py models list"
SCENARIOS = "python minh.py lab scenarios"
TESTS = "python3 minh.py test"

SYSTEM: Lines = (
    (
        "market data → LSTM and ensemble → probability → Kelly → risk manager → trading engine",
        DECISIONS,
        whole_way,
        "run",
    ),
    ("an AI brain that takes the forecasts in and says why", DECISIONS, says_why, "run"),
    ("state in SQLite", "python minh.py replay --verify", in_sqlite, "run"),
    ("dashboard with a Kelly widget: its seven figures, colour-coded", PAGE, seven_figures, "run"),
    ("the dashboard is updated at least once a minute", PAGE, page_is_current, "home"),
    ("six REST endpoints under /api/kelly/", RECOMMENDATION, page, "home"),
    ("WebSocket updates", "connect to ws://localhost:8000/api/ws", page, "home"),
    (
        "five risk levels with emergency reduction",
        RISK,
        of_settings(
            "multipliers",
            lambda s: len(Level) == 5 and s.risk.multiplier(Level.EMERGENCY) == 0.0,
            multiplier_words,
        ),
        "home",
    ),
    ("graceful fallbacks", SCENARIOS, scenario("dead-feed"), "scenarios"),
    ("it starts with `python3 minh.py start --monitor`", "python3 minh.py start --monitor", started, "home"),
)
DATA: Lines = (
    ("30 or more days of history for the symbol", DATA_CHECK, history, "training"),
    ("live data without gaps", DECISIONS, no_gaps, "run"),
    ("OHLCV format validated", "python minh.py check-data", data_format, "home"),
    ("connection stable for more than an hour", HEALTH, stable_connection, "run"),
    ("clean prices and volumes", DATA_CHECK, data_format, "home"),
    ("RSI, MACD, Bollinger bands, 10 to 15 features and more", CONTEXT, features, "training"),
    ("train and validation split", TRAIN, split, "training"),
    ("weekends and closed markets produce no errors", DECISIONS, closed_markets, "run"),
)
LSTM_LINES: Lines = (
    ("60 steps of 5-minute bars, OHLCV and indicators", MODELS, window, "training"),
    ("80/20 split", TRAIN, split, "training"),
    ("trained and saved", MODELS, lstm_saved, "training"),
    ("accuracy above 55 % on validation data", TRAIN, accuracy_above(0.55, LSTM), "training"),
    ("confidence calibrated, 0 to 1", "curl http://localhost:8000/api/ml/calibration", calibrated, "training"),
    ("loads in the Kelly service", HEALTH, serves, "run"),
    ("latency below 50 ms, later below 20 ms", "python minh.py bench decision --json", fast(LSTM_MS), "home"),
)
ENSEMBLE: Lines = (
    ("5-fold cross-validation", TRAIN, folds, "training"),
    ("voting weighted by each model's performance", MODELS, votes, "training"),
    ("all four trained and validated", TRAIN, trees_saved, "training"),
    ("confidence calibrated", "curl http://localhost:8000/api/ml/calibration", calibrated, "training"),
    ("LSTM and ensemble work together", PREDICTIONS, together, "run"),
    ("accuracy above 60 %", TRAIN, accuracy_above(0.60), "training"),
    ("data to position size below 100 ms", "python minh.py bench decision --json", fast(BUDGET_MS), "home"),
)
LIVE: Lines = (
    ("a forecast every 5 minutes in market hours", PREDICTIONS, every_bar, "run"),
    ("confidence in range", PREDICTIONS, in_range, "run"),
    ("model agreement", PREDICTIONS, agreement, "run"),
    ("Kelly fractions in the expected range", DECISIONS, fractions, "run"),
    ("forecasts cached, filtered by confidence, stored", PREDICTIONS, filtered, "run"),
    ("failures logged", "python minh.py logs", failures_said, "run"),
    ("live forecasts reach the Kelly service", HEALTH, forecasts_flow, "run"),
    (
        "the dashboard shows live recommendations",
        "curl http://localhost:8000/api/kelly/dashboard-data",
        live_recommendations,
        "run",
    ),
    ("stable under continuous operation", HEALTH, stable, "run"),
    ("stress: high-frequency updates, memory, error handling and recovery, long runs", TESTS, stress, "run"),
)
RISK_SETTINGS: Lines = (
    ("max_kelly_fraction 0.25", CONFIG, of_sizing("max_kelly_fraction", 0.25), "home"),
    ("kelly_multiplier 0.6", CONFIG, of_sizing("kelly_multiplier", 0.6), "home"),
    (
        "risk_multipliers LOW 1.0 MEDIUM 0.8 HIGH 0.5 CRITICAL 0.25 EMERGENCY 0.0",
        CONFIG,
        of_settings("", multipliers_as_asked, multiplier_words),
        "home",
    ),
    ("confidence_threshold 0.6", CONFIG, of_sizing("confidence_threshold", 0.6), "home"),
    ("max_position_size 5", CONFIG, of_sizing("max_position_size", 5), "home"),
    ("max_capital_risk 0.10", CONFIG, of_sizing("max_capital_risk", 0.10), "home"),
    ("half and quarter Kelly", "python minh.py lab sizing", compared, "comparison"),
    (
        "analyse the historical Kelly fractions of the trained models",
        "python minh.py lab sizing",
        compared,
        "comparison",
    ),
    (
        "the switches of autonomous execution are all true",
        CONFIG,
        of_settings("off:", lambda s: not switches(s), lambda s: ", ".join(switches(s)) or "none"),
        "home",
    ),
    ("min_confidence 0.65", CONFIG, of_risk("min_confidence", lambda r: r.min_confidence == 0.65), "home"),
    (
        "no human approval",
        CONFIG,
        of_settings("orders are sent:", lambda s: s.auto_trading, lambda s: "yes" if s.auto_trading else "no"),
        "home",
    ),
    ("ML agreement 60 %", CONFIG, of_risk("min_agreement", lambda r: r.min_agreement >= 0.60), "home"),
    ("ensemble voting required", CONFIG, of_risk("min_members", lambda r: r.min_members >= 2), "home"),
    (
        "daily loss limit 5 % of capital",
        CONFIG,
        of_risk("daily_loss_limit", lambda r: r.daily_loss_limit <= 0.05),
        "home",
    ),
    (
        "stop after 3 consecutive losses",
        CONFIG,
        of_risk("max_consecutive_losses", lambda r: 0 < r.max_consecutive_losses <= 3),
        "home",
    ),
    (
        "pause on unusual market conditions",
        CONFIG,
        of_risk("max_volatility_ratio", lambda r: 0.0 < r.max_volatility_ratio < 100.0),
        "home",
    ),
    ("manual override always available", "python minh.py pause", override, "home"),
)
BACKTEST_LINES: Lines = (
    ("Kelly against fixed 10 % over 30 days, a report with statistics", BACKTEST, compared, "comparison"),
    ("different market conditions; high volatility; drawdown periods", SCENARIOS, conditions, "scenarios"),
    (
        "Kelly ahead of fixed by more than 5 % risk-adjusted",
        BACKTEST,
        backtest("risk_adjusted", "risk-adjusted return"),
        "comparison",
    ),
    ("smaller maximum drawdown", BACKTEST, backtest("drawdown", "maximum drawdown"), "comparison"),
    ("lower volatility", BACKTEST, backtest("volatility", "volatility"), "comparison"),
    ("win rate kept or better", BACKTEST, backtest("win_rate", "win rate"), "comparison"),
    ("constraints hold in every scenario", BACKTEST, backtest("constraints", "constraints"), "comparison"),
)
PRODUCTION: Lines = (
    ("models saved and deployable", MODELS, deployable, "home"),
    ("database schema created and validated", "python minh.py replay --verify", in_sqlite, "run"),
    ("monitoring dashboards", PAGE, page, "home"),
    ("backup and recovery tested", "python minh.py backup", backed_up, "home"),
    ("rollback procedure", "python minh.py models rollback", rollback, "home"),
    ("monitoring and alerting", PAGE, alerting, "home"),
    (
        "Kelly sizes in the trading engine with an override mechanism",
        "python minh.py force --help",
        override,
        "home",
    ),
    ("Kelly metadata on every trade record", "curl http://localhost:8000/api/trading/trades", trades_tell, "run"),
    ("paper trading for one full day, compared with the backtest", "python minh.py compare", paper_day, "run"),
    ("live with quarter Kelly, raised step by step with performance", RISK, ladder, "home"),
    ("real-time and daily reports", "python minh.py compare", reports, "run"),
    ("alerts on risk", RISK, risk_alerts, "run"),
    ("detection of degrading models", RISK, degrading, "run"),
)
OPERATION: Lines = (
    ("operational in live trading", "curl http://localhost:8000/api/trading/status", live_trading, "run"),
    ("sizes generated and executed correctly", "curl http://localhost:8000/api/trading/orders", sizes_executed, "run"),
    ("constraints enforced", RISK, enforced, "run"),
    ("performance monitoring active", ML, monitored, "home"),
    ("position sizes within constraints: 100 %", RISK, within_size, "run"),
    ("capital at risk never above 10 %", RISK, within_capital, "run"),
    ("multipliers applied by market conditions", RISK, multipliers_applied, "run"),
    ("emergency procedures tested", "python minh.py drill", emergency, "home"),
    ("uptime above 99.5 % of market hours", "python minh.py status", uptime, "run"),
    ("failed forecasts below 1 %", HEALTH, failed_below, "run"),
)
WRONG: Lines = (
    ("model degrades: noticed by itself, smaller sizes, retrained on recent data", RISK, degrading, "run"),
    ("API fails: the last known recommendation, marked with its age", RECOMMENDATION, aged, "run"),
    ("database fails: carry on from memory with periodic backups", HEALTH, from_memory, "home"),
    ("risk manager fails: position to zero", DECISIONS, manager_failed, "run"),
    ("high volatility: multipliers move by themselves", SCENARIOS, scenario("volatility"), "scenarios"),
    ("low liquidity: smaller size", SCENARIOS, scenario("thin-book"), "scenarios"),
    ("anomaly: manual override", "python minh.py halt", override, "home"),
)
NEXT: Lines = (
    ("ML performance endpoints and dashboard", ML, page, "home"),
    ("automated retraining on a schedule", "python minh.py logs --name trainer", retraining, "home"),
    ("A/B analysis", "python minh.py lab search", side_by_side, "home"),
    ("ML health score 0 to 100", ML, score, "run"),
    ("richer features", CONTEXT, more_features, "training"),
    ("several timeframes", CONTEXT, feature_named(("_15", "_30", "_60"), "a longer timeframe"), "training"),
    ("sentiment", "python minh.py parts", feature_named(("sentiment", "news"), "news or sentiment"), "training"),
    ("deployment guide", "open docs/operate.md", file("docs/operate.md"), "home"),
)
FILES: Lines = (
    ("minhos/services/kelly_service.py (KellyService)", HEALTH, file(NAMED_FILES[0]), "home"),
    (
        "minhos/services/ml_trading_workflow.py (get_ml_trading_workflow, manual_decision)",
        PREDICTIONS,
        file(NAMED_FILES[1]),
        "home",
    ),
    (
        "minhos/services/trading_engine.py",
        "curl http://localhost:8000/api/trading/status",
        file(NAMED_FILES[2]),
        "home",
    ),
    ("the scripts that are named", TRAIN, file(*NAMED_FILES[3:7]), "home"),
    ('test_ml_integration.py ("operational", with the status)', "python test_ml_integration.py", integration, "run"),
    (
        "docs/where_is_what.md says where each module now lives",
        "open docs/where_is_what.md",
        file(NAMED_FILES[8]),
        "home",
    ),
)

_SECTIONS: tuple[tuple[str, Lines], ...] = (
    ("The system", SYSTEM),
    ("Data", DATA),
    ("LSTM", LSTM_LINES),
    ("Ensemble", ENSEMBLE),
    ("Live", LIVE),
    ("Risk settings", RISK_SETTINGS),
    ("Backtest", BACKTEST_LINES),
    ("Production", PRODUCTION),
    ("Operation", OPERATION),
    ("When things go wrong", WRONG),
    ("Named as next", NEXT),
    ("Named files", FILES),
)
ASKED = tuple(Asked(section, *line) for section, lines in _SECTIONS for line in lines)
"""In the order in which they were asked for."""
