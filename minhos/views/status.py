"""The state in one word and one sentence, the mode, and the banner of a simulated market."""

from __future__ import annotations

import dataclasses

from minhos.risk.evidence import EvidenceState
from minhos.trading.types import Outcome
from minhos.views.orders import AccountLine, PositionLine, account_line, position_lines
from minhos.views.risk import stop_lines
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.values import View, iso
from minhos.views.watchdog import WatchdogLine, watchdog_line
from minhos.words import duration, percent

STATES = ("no_predictions", "training", "no_edge", "live", "degraded", "halted", "market_closed")
REAL_MARKETS = "50 to 52.5 %"


@dataclasses.dataclass(frozen=True)
class Status(View):
    """What is the case now."""

    state: str
    """no_predictions, training, no_edge, live, degraded, halted or market_closed."""
    reason: str
    """Why, in one sentence."""
    mode: str
    """simulated, paper or live; empty before the first start."""
    simulated: bool
    banner: str
    """Permanent text over simulated figures; empty on real data."""
    connected: bool
    """The trader was heard of within the last seconds."""
    trader: str
    symbol: str
    order_symbol: str
    position: int | None
    opens_at: str | None
    """When a closed market opens."""
    market_time: str | None
    last_decision: str | None
    training_share: float | None
    """0 to 1 while a training runs."""
    training_message: str
    auto_trading: bool | None
    bundle_id: str
    sequence: int
    """Newest event in the journal that is known here."""
    watchdog: WatchdogLine | None = None
    """What the watchdog last saw and did; null where it has never run."""


@dataclasses.dataclass(frozen=True)
class TradingStatus(View):
    """Status, account and positions in one answer."""

    state: str
    mode: str
    status: Status
    account: AccountLine | None
    positions: tuple[PositionLine, ...]


def mode_of(views: Views, around: Surroundings) -> str:
    """The journal's mode, else what would run."""
    return views.mode or around.mode


def banner_of(mode: str, ceiling: float | None) -> str:
    """What has to stand over every figure of a simulated market."""
    if mode != "simulated":
        return ""
    best = f" The best possible accuracy on this market is {percent(ceiling)}." if ceiling else ""
    return f"SIMULATED: far easier than any real market ({REAL_MARKETS}).{best}"


def state_of(views: Views, around: Surroundings) -> tuple[str, str]:
    """The word and the sentence; the first that applies of stopped, closed, without a model, ill, without an edge."""
    for rule in (_halted, _finished, _lost, _parts_refused, _closed, _without_model, _degraded, _no_edge):
        found = rule(views, around)
        if found is not None:
            return found
    last = views.last
    return "live", last.reason if last else "Recommendations flow."


def _halted(views: Views, around: Surroundings) -> tuple[str, str] | None:
    if around.halt_file:
        return "halted", "The HALT file exists: nothing is traded until `resume`."
    stops = stop_lines(views.trading.risk)
    if not stops:
        return None
    return "halted", f"Stopped by {stops[0].name} ({stops[0].who}): {stops[0].why or 'no reason given'}; ends " + (
        f"{stops[0].ends}."
    )


def _finished(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """A finished file has a verdict and no live recommendations."""
    if not around.finished_data or around.report is None:
        return None
    state = "no_predictions" if around.report.verdict == "edge" else "no_edge"
    return state, f"Finished data, tested and not traded: {around.report.reason}"


def _lost(views: Views, around: Surroundings) -> tuple[str, str] | None:
    if around.journal_error:
        return "degraded", around.journal_error
    if around.trader_alive or around.trader_age_s is None:
        return None
    age = duration(around.trader_age_s)
    if not around.trader_lost:
        return "degraded", f"The trader was stopped {age} ago: nothing is being decided."
    return "degraded", f"The trader has not been heard of for {age}: what is shown is as old as that."


def _parts_refused(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """A user's file that does not load has no alert channel either: here and in the log is where it is said."""
    if views.settings is None or not views.settings.parts_refusal:
        return None
    return "degraded", f"No new risk: {views.settings.parts_refusal}"


def _closed(views: Views, around: Surroundings) -> tuple[str, str] | None:
    if not around.trader_alive or around.trader is None or around.trader.market_open is not False:
        return None
    return "market_closed", f"The market is closed; it opens at {iso(around.trader.next_open_ns)}."


def _without_model(views: Views, around: Surroundings) -> tuple[str, str] | None:
    model, training = views.trading.model, around.training_now
    serving = around.trader.serving if around.trader_alive and around.trader else True
    if model is None or not serving:
        if training is not None:
            return "training", f"The first models are being trained, {percent(training.share, 0)}: {training.message}"
        if around.training is not None and around.training.failed:
            return "no_predictions", around.training.message
        if not views.sequence and not around.trader_alive:
            return "no_predictions", "Nothing has been started yet: python3 minh.py start."
        return "no_predictions", "No model serves yet: one is trained by `train` or by the trainer."
    if views.decisions.last_forecast is None:
        last = views.last
        return "no_predictions", last.reason if last else "The first forecast falls with the next bar."
    return None


def _degraded(views: Views, around: Surroundings) -> tuple[str, str] | None:
    last = views.last
    if last is not None and last.outcome in (Outcome.NO_FORECAST, Outcome.LATE, Outcome.MISSING_BAR):
        return "degraded", last.reason
    if last is not None and last.forecast is not None and last.forecast.missing:
        return "degraded", f"Members without an answer: {', '.join(last.forecast.missing)}."
    for root, market in views.trading.risk.markets.items():
        if market.evidence.state is EvidenceState.DEGRADED:
            return "degraded", f"The edge in {root} that was proven is no longer seen; sizes are cut."
    if around.trader_alive and around.trader and around.trader.feed.detail and not around.trader.feed.connected:
        return "degraded", f"The feed is not connected: {around.trader.feed.detail.rstrip('.')}."
    return None


def _no_edge(views: Views, around: Surroundings) -> tuple[str, str] | None:
    model = views.trading.model
    if model is None or (model.verdict == "edge" and model.slope_low > 0.0):
        return None
    if model.verdict == "too_little_data":
        return "no_edge", "Training had too little data to find an edge: forecasts are shown, nothing is bet."
    return "no_edge", "Training found no edge on these bars, so Kelly's size is zero: forecasts are shown."


def status(views: Views, around: Surroundings) -> Status:
    """Everything about the state."""
    state, reason = state_of(views, around)
    mode = mode_of(views, around)
    settings, training = views.settings, around.training_now
    last_close_ns = views.market.last_close_ns
    order_symbol = settings.order_symbol if settings else ""
    return Status(
        state=state,
        reason=reason,
        mode=mode,
        simulated=mode == "simulated",
        banner=banner_of(mode, around.ceiling),
        connected=around.trader_alive,
        trader=_trader_words(around),
        symbol=settings.signal_symbol if settings else "",
        order_symbol=order_symbol,
        position=views.trading.ledger.account().position(order_symbol).contracts if settings else None,
        opens_at=iso(around.trader.next_open_ns) if state == "market_closed" and around.trader else None,
        market_time=iso(around.market_now_ns(last_close_ns)) if views.sequence or around.trader else None,
        last_decision=iso(views.last.close_time_ns) if views.last else None,
        training_share=max(0.0, training.share) if training else None,
        training_message=training.message if training else "",
        auto_trading=settings.auto_trading if settings else None,
        bundle_id=views.trading.model.bundle_id if views.trading.model else "",
        sequence=views.sequence,
        watchdog=watchdog_line(around),
    )


def _trader_words(around: Surroundings) -> str:
    if around.trader is None or around.trader_age_s is None:
        return "not started"
    if around.trader_alive:
        return "running"
    age = duration(around.trader_age_s)
    return f"stopped {age} ago" if around.trader.state == "stopped" else f"silent for {age}"


def trading_status(views: Views, around: Surroundings) -> TradingStatus:
    """Status, account and positions; the account is unknown before the first start."""
    now = status(views, around)
    account = views.trading.ledger.account() if views.trading.mode else None
    return TradingStatus(
        now.state,
        now.mode,
        now,
        account_line(account) if account else None,
        tuple(position_lines(account)) if account else (),
    )
