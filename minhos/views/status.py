"""The state in one word and one sentence, the mode, and the banner of a simulated market."""

from __future__ import annotations

import dataclasses

from minhos.errors import SymbolError
from minhos.market.symbols import contract_expiry_ns, parse_symbol
from minhos.market.types import NANOS_PER_SECOND
from minhos.models.forecast import LSTM, Forecast
from minhos.risk.evidence import EvidenceState
from minhos.trading.events import TradingSettings
from minhos.trading.types import Outcome
from minhos.views.orders import AccountLine, PositionLine, account_line, position_lines
from minhos.views.risk import stop_lines
from minhos.views.store import Views
from minhos.views.supervisor import supervisor_words
from minhos.views.surroundings import Surroundings
from minhos.views.values import View, iso
from minhos.views.watchdog import WatchdogLine, watchdog_line
from minhos.words import duration, percent

STATES = ("not_running", "no_predictions", "training", "no_edge", "live", "degraded", "halted", "market_closed")
REAL_MARKETS = "50 to 52.5 %"


@dataclasses.dataclass(frozen=True)
class Status(View):
    """What is the case now."""

    state: str
    """not_running, no_predictions, training, no_edge, live, degraded, halted or market_closed."""
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
    """Signed contracts held in `order_symbol`."""
    positions: dict[str, int]
    """Signed contracts of everything that is held, by contract; where broker and journal disagree, the broker's."""
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
    supervisor: str = ""
    """What is wrong with the supervisor or what it starts; empty where all runs that should, or `start` was ended."""


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
    """The word and the sentence; the first that applies of stopped, not running, ill, closed, without a model or edge.

    The one place where either is made: who shows a state asks here.
    """
    rules = (
        _halted,
        _unheard,
        _not_running,
        _unreadable,
        _store_away,
        _parts_refused,
        _no_more_bars,
        _closed,
        _without_model,
        _degraded,
        _no_edge,
    )
    for rule in rules:
        found = rule(views, around)
        if found is not None:
            return found
    last = views.last
    return "live", _with_doubt(views, last.reason if last else "Recommendations flow.")


def _halted(views: Views, around: Surroundings) -> tuple[str, str] | None:
    also = "" if around.trader_alive else f" No trader runs: {trader_words(around)}."
    if around.unheard(around.trader):
        also = f" {_living(around)}"
    if around.halt_file:
        return "halted", f"The HALT file exists: nothing is traded until `resume`.{also}"
    stops = stop_lines(views.trading.risk)
    if not stops:
        return None
    stop = stops[0]
    return (
        "halted",
        f"Stopped by {stop.name} ({stop.who}): {stop.why.rstrip('.') or 'no reason given'}; ends {stop.ends}.{also}",
    )


def _unheard(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """A trader whose process exists and that says nothing may well trade: it is not said that it does not run."""
    if not around.unheard(around.trader):
        return None
    return "degraded", f"{_living(around)}{_held_words(views)}"


def _living(around: Surroundings) -> str:
    pid = around.trader.pid if around.trader is not None else 0
    return (
        f"The trader (process {pid}) lives and has not been heard of for {duration(around.trader_age_s or 0.0)}: it "
        "hangs, or the disk is full; look at the disk. What is shown is as old as that."
    )


def _not_running(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """Nothing is decided where no trader runs, whatever was the case when one did."""
    if around.trader_alive:
        return None
    if around.finished_data and around.report is not None:
        return "not_running", f"Finished data, tested and not traded: {around.report.reason}"
    return "not_running", f"{_absence(around)}{_held_words(views)}{_training_words(around)}"


def _absence(around: Surroundings) -> str:
    """Why no trader runs and since when, with the way out."""
    start = "`python3 minh.py start` starts it"
    if around.runs(around.supervisor):
        refused = around.supervisor.refused.get("trader", "") if around.supervisor is not None else ""
        if refused:
            return f"The trader does not run: {refused}"
        if around.trader is None or around.trader.state == "stopped":
            return "MinhOS is starting; the trader has not been heard of yet."
    if around.trader is None or around.trader_age_s is None:
        return "Nothing has been started yet: python3 minh.py start."
    if around.trader.state == "stopped":
        return f"The trader was {trader_words(around)}: nothing is being decided; {start}."
    if around.trader_gone:
        return f"The trader {trader_words(around)}: nothing is being decided; {start} again unless it comes back."
    age = duration(around.trader_age_s)
    return f"The trader has not been heard of for {age}: what is shown is as old as that, and nothing is being decided."


def _held_words(views: Views) -> str:
    held = views.trading.held() if views.settings is not None else {}
    return f" It held {', '.join(f'{contracts:+d} {symbol}' for symbol, contracts in held.items())}." if held else ""


def _training_words(around: Surroundings) -> str:
    training = around.training_now
    if training is None:
        return ""
    return f" A training runs, {percent(training.share, 0)}: {training.message}."


def _unreadable(views: Views, around: Surroundings) -> tuple[str, str] | None:
    return ("degraded", around.journal_error) if around.journal_error else None


def _store_away(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """What the trader says of its own stores; the last recommendation is shown as old as it is."""
    if not around.trader_alive or around.trader is None or not around.trader.store:
        return None
    text = (
        f"No new risk: for {duration(around.trader.store_away_s)} {around.trader.store}; what is held keeps its stops "
        "and can be closed."
    )
    if views.last is None:
        return "degraded", text
    close_ns = views.last.close_time_ns
    age_s = max(0.0, (around.market_now_ns(close_ns) - close_ns) / NANOS_PER_SECOND)
    return "degraded", f"{text} The last recommendation shown is of {iso(close_ns)}, {duration(age_s)} old."


def _parts_refused(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """A user's file that does not load has no alert channel either: here and in the log is where it is said."""
    if views.settings is None or not views.settings.parts_refusal:
        return None
    return "degraded", f"No new risk: {views.settings.parts_refusal}"


def _no_more_bars(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """A contract that has expired, or a file to which nothing is added: no forecast can come, open market or not."""
    feed = around.trader.feed if around.trader is not None else None
    if feed is None or not feed.connected or feed.live:
        return None
    symbol = views.settings.signal_symbol if views.settings is not None else ""
    expired = f"; {symbol} has expired" if _has_expired(symbol, around.now_ns) else ""
    return "no_predictions", (
        f"No bar is expected any more: {feed.detail.rstrip('.') or 'the data have ended'}{expired}; add the current "
        "contract's file, or start with other data."
    )


def _has_expired(symbol: str, now_ns: int) -> bool:
    try:
        contract = parse_symbol(symbol)
    except SymbolError:
        return False
    return contract.dated and contract_expiry_ns(contract) <= now_ns


def _closed(views: Views, around: Surroundings) -> tuple[str, str] | None:
    if around.trader is None or around.trader.market_open is not False:
        return None
    return "market_closed", f"The market is closed; it opens at {iso(around.trader.next_open_ns)}."


def _without_model(views: Views, around: Surroundings) -> tuple[str, str] | None:
    model, training = views.trading.model, around.training_now
    serving = around.trader is not None and around.trader.serving
    if model is None or not serving:
        refused = around.trader.no_model if around.trader is not None else ""
        if training is not None:
            which = f"{refused.rstrip('.')}; others" if refused else "The first models"
            return "training", f"{which} are being trained, {percent(training.share, 0)}: {training.message}"
        if refused:
            return "no_predictions", f"{refused.rstrip('.')}; `python3 minh.py train` makes another."
        if around.training is not None and around.training.failed:
            return "no_predictions", around.training.message
        return "no_predictions", "No model serves yet: one is trained by `train` or by the trainer."
    if views.decisions.last_forecast is None:
        last = views.last
        return "no_predictions", last.reason if last else "The first forecast falls with the next bar."
    return None


def _degraded(views: Views, around: Surroundings) -> tuple[str, str] | None:
    last = views.last
    if last is not None and last.outcome in (Outcome.NO_FORECAST, Outcome.LATE, Outcome.MISSING_BAR):
        return "degraded", last.reason
    if last is not None and last.forecast is not None:
        missing = unanswered(last.forecast, views.settings)
        if missing:
            return "degraded", f"Members without an answer: {', '.join(missing)}."
    for root, market in views.trading.risk.markets.items():
        if market.evidence.state is EvidenceState.DEGRADED:
            return "degraded", f"The edge in {root} that was proven is no longer seen; sizes are cut."
    if around.trader and around.trader.feed.detail and not around.trader.feed.connected:
        return "degraded", f"The feed is not connected: {around.trader.feed.detail.rstrip('.')}."
    return None


def unanswered(forecast: Forecast, settings: TradingSettings | None) -> tuple[str, ...]:
    """Members that should have answered and did not: one that a switch turned off should not."""
    off = settings.members_off if settings is not None else ()
    return tuple(name for name in forecast.missing if (LSTM if name == LSTM else "ensemble") not in off)


def _no_edge(views: Views, around: Surroundings) -> tuple[str, str] | None:
    """Where nothing is bet because no edge was found.  Too little data is another answer than no edge."""
    model, last = views.trading.model, views.last
    if model is None or model.verdict in ("edge", "too_little_data"):
        return None
    if model.slope_low <= 0.0:
        return "no_edge", (
            f"Training found no edge on these bars (lower slope {model.slope_low:.2f}), so the lower bound of p is one "
            "half and Kelly's size is zero: forecasts are shown."
        )
    if (last is not None and last.target) or views.trading.held():
        return None
    return "no_edge", (
        "Training proved no edge after costs on these bars; only a lower bound of p above break-even is bet. At the "
        f"last bar nothing was: {last.reason if last else 'none was decided yet.'}"
    )


def _with_doubt(views: Views, reason: str) -> str:
    """The last decision's sentence, after what training could not say of the model behind it."""
    model = views.trading.model
    if model is None or model.verdict == "edge":
        return reason
    if model.verdict == "too_little_data":
        bet = (
            "nothing is bet" if model.slope_low <= 0.0 else "bets are made where the lower bound of p beats break-even"
        )
        return f"Training had too little data to tell whether there is an edge; {bet}. {reason}"
    return f"Training proved no edge after costs; bets are made where the lower bound of p beats break-even. {reason}"


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
        trader=trader_words(around),
        symbol=settings.signal_symbol if settings else "",
        order_symbol=order_symbol,
        position=views.trading.ledger.account().position(order_symbol).contracts if settings else None,
        positions=held_of(views),
        opens_at=iso(around.trader.next_open_ns) if state == "market_closed" and around.trader else None,
        market_time=iso(around.market_now_ns(last_close_ns)) if views.sequence or around.trader else None,
        last_decision=iso(views.last.close_time_ns) if views.last else None,
        training_share=max(0.0, training.share) if training else None,
        training_message=training.message if training else "",
        auto_trading=settings.auto_trading if settings else None,
        bundle_id=views.trading.model.bundle_id if views.trading.model else "",
        sequence=views.sequence,
        watchdog=watchdog_line(around),
        supervisor=supervisor_words(around),
    )


def trader_words(around: Surroundings) -> str:
    """What became of the trader, with the age of what is known."""
    if around.trader is None or around.trader_age_s is None:
        return "not started"
    if around.trader_alive:
        return "running"
    age = duration(around.trader_age_s)
    if around.trader.state == "stopped":
        return f"stopped {age} ago"
    if around.trader_gone:
        return f"ended without a word, last heard {age} ago"
    return f"{'alive and ' if around.unheard(around.trader) else ''}silent for {age}"


def held_of(views: Views) -> dict[str, int]:
    """Signed contracts of everything that is held, without zeros."""
    return {symbol: contracts for symbol, contracts in sorted(views.trading.held().items()) if contracts}


def elsewhere_of(now: Status) -> str:
    """What is held in another contract than the one that is traded, in words; empty for nothing."""
    return ", ".join(f"{held:+d} {symbol}" for symbol, held in now.positions.items() if symbol != now.order_symbol)


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
