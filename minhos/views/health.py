"""Is everything there and does it answer: the parts with their age, failures, latency, and the ML health score."""

from __future__ import annotations

import dataclasses

from minhos.market.types import NANOS_PER_SECOND
from minhos.views.scores import AccuracyLine
from minhos.views.status import mode_of, state_of, trader_words, unanswered
from minhos.views.store import Views
from minhos.views.supervisor import ENDING, supervisor_words
from minhos.views.surroundings import Surroundings
from minhos.views.values import View, iso, rounded
from minhos.views.watchdog import watchdog_line
from minhos.words import duration, percent

FROM_DATA_TO_ORDER = ("trader", "journal", "feed", "model", "forecasts", "risk manager", "venue")
MOST_FAILED_FORECASTS = 0.01
ENOUGH_BARS = 20
"""Below, one failed forecast says nothing of a share."""
CALIBRATION_ERROR_AT_ZERO = 0.05
DAY_S = 86_400.0
FROM_THE_FUTURE_DAYS = 300.0 / DAY_S
"""A bundle stamped this far ahead of the machine's clock has no age."""


@dataclasses.dataclass(frozen=True)
class Part(View):
    """One part of the system."""

    name: str
    status: str
    """ok, waiting or failed."""
    detail: str
    age_s: float | None


@dataclasses.dataclass(frozen=True)
class ServiceHealth(View):
    """Health of the Kelly service: `healthy` where a trader runs and no part of what it needs has failed."""

    status: str
    """healthy or unhealthy."""
    integration: str
    """complete: every part from data to order answers; incomplete: one waits or has failed, or no trader runs."""
    state: str
    mode: str
    reason: str
    components: tuple[Part, ...]
    forecasts: int
    failed_forecasts: int
    failed_share: float | None
    latency_p50_ms: float | None
    """From a bar's arrival to its stored decision."""
    latency_p99_ms: float | None
    closed_trades: int
    last_update: str | None


@dataclasses.dataclass(frozen=True)
class ScorePart(View):
    """One part of the ML health score, 0 to 100; null where it is not known yet."""

    name: str
    score: float | None
    detail: str


@dataclasses.dataclass(frozen=True)
class MlHealth(View):
    """Mean of its known parts, 0 to 100; null without a model."""

    score: float | None
    parts: tuple[ScorePart, ...]


def service_health(views: Views, around: Surroundings) -> ServiceHealth:
    """All parts; without a trader, or with one failed part, the service is not healthy."""
    state, reason = state_of(views, around)
    parts = _parts(views, around)
    failed = [part for part in parts if part.status == "failed"]
    chain = [part for part in parts if part.name in FROM_DATA_TO_ORDER]
    decisions = views.decisions
    return ServiceHealth(
        status="healthy" if around.trader_alive and not failed else "unhealthy",
        integration="complete" if all(part.status == "ok" for part in chain) else "incomplete",
        state=state,
        mode=mode_of(views, around),
        reason=f"{failed[0].name}: {failed[0].detail}" if failed else reason,
        components=parts,
        forecasts=decisions.forecasts,
        failed_forecasts=decisions.failed_forecasts,
        failed_share=failed_share(views),
        latency_p50_ms=latency_ms(views, 0.50),
        latency_p99_ms=latency_ms(views, 0.99),
        closed_trades=len(views.performance.trades),
        last_update=iso(views.last.close_time_ns) if views.last else None,
    )


def failed_share(views: Views) -> float | None:
    """Share of bars on which a forecast was due and failed."""
    due = views.decisions.forecasts + views.decisions.failed_forecasts
    return rounded(views.decisions.failed_forecasts / due) if due else None


def latency_ms(views: Views, share: float) -> float | None:
    """That quantile of the newest decisions."""
    values = sorted(views.decisions.latencies_us)
    return rounded(values[min(len(values) - 1, int(share * len(values)))] / 1000.0, 4) if values else None


def _parts(views: Views, around: Surroundings) -> tuple[Part, ...]:
    return (
        _trader(around),
        _journal(views, around),
        _feed(around),
        _model(views, around),
        _forecasts(views),
        _risk(views),
        _venue(around),
        _trainer(around),
        _watchdog(views, around),
        _supervisor(around),
    )


def _trader(around: Surroundings) -> Part:
    age = around.trader_age_s
    if around.trader is None or age is None:
        return Part("trader", "waiting", "not started", None)
    if around.trader_alive:
        return Part("trader", "ok", "running", rounded(age, 1))
    if around.trader.state == "stopped":
        return Part("trader", "waiting", f"stopped {duration(age)} ago", rounded(age, 1))
    return Part("trader", "failed", trader_words(around), rounded(age, 1))


def _journal(views: Views, around: Surroundings) -> Part:
    if around.journal_error:
        return Part("journal", "failed", around.journal_error, None)
    if around.trader_alive and around.trader is not None and around.trader.store:
        return Part("journal", "failed", around.trader.store, rounded(around.trader.store_away_s, 1))
    if not views.sequence:
        return Part("journal", "waiting", "empty", None)
    if views.contradictions:
        return Part("journal", "failed", f"{views.contradictions} events contradict those before them", None)
    return Part("journal", "ok", f"{views.sequence} events", None)


def _feed(around: Surroundings) -> Part:
    if not around.trader_alive or around.trader is None:
        return Part("feed", "waiting", "no trader runs", None)
    feed = around.trader.feed
    age_s = (around.trader.market_time_ns - feed.last_bar_ns) / NANOS_PER_SECOND if feed.last_bar_ns else None
    age = rounded(max(0.0, age_s), 1) if age_s is not None else None
    return Part("feed", "ok" if feed.connected and feed.live else "failed", feed.detail, age)


def _model(views: Views, around: Surroundings) -> Part:
    if around.models_error:
        return Part("model", "failed", around.models_error, None)
    model = views.trading.model
    refused = around.trader.no_model if around.trader_alive and around.trader else ""
    if refused:
        return Part("model", "failed", refused, None)
    if model is None or (around.trader_alive and around.trader and not around.trader.serving):
        return Part("model", "waiting", "none serves yet", None)
    age = model_age_s(views, around)
    missing = unanswered(views.last.forecast, views.settings) if views.last and views.last.forecast else ()
    detail = f"{model.bundle_id}, verdict {model.verdict or 'unknown'}"
    shown = None if age is None else rounded(max(0.0, age), 0)  # clocks differ by minutes
    if missing:
        return Part("model", "failed", f"{detail}; without {', '.join(missing)}", shown)
    if age is not None and age < -FROM_THE_FUTURE_DAYS * DAY_S:
        return Part(
            "model", "failed", f"{detail}; stamped in the future: check this machine's clock, then retrain", None
        )
    return Part("model", "ok", detail, shown)


def _forecasts(views: Views) -> Part:
    share = failed_share(views)
    if share is None:
        return Part("forecasts", "waiting", "none yet", None)
    due = views.decisions.forecasts + views.decisions.failed_forecasts
    failed = share > MOST_FAILED_FORECASTS and due >= ENOUGH_BARS
    return Part("forecasts", "failed" if failed else "ok", f"{percent(share, 2)} of {due} failed", None)


def _risk(views: Views) -> Part:
    if views.trading.manager is None:
        return Part("risk manager", "waiting", "no settings yet", None)
    return Part("risk manager", "ok", f"level {views.trading.risk.level().name}", None)


def _venue(around: Surroundings) -> Part:
    if not around.trader_alive or around.trader is None:
        return Part("venue", "waiting", "no trader runs", None)
    name = around.trader.venue or "unnamed"
    if not around.trader.venue_ready:
        return Part("venue", "failed", f"{name}: {around.trader.venue_reason or 'not ready'}", None)
    return Part("venue", "ok", f"{name} takes orders", None)


def _trainer(around: Surroundings) -> Part:
    if not around.trainer.time_ns:
        return Part("trainer", "waiting", "not started", None)
    age = around.heard_s(around.trainer)
    if around.trainer.error:
        return Part("trainer", "failed", around.trainer.error, rounded(age, 1))
    if not around.trainer_alive:
        return Part("trainer", "waiting", f"not heard of for {duration(age)}", rounded(age, 1))
    return Part("trainer", "ok", around.trainer.state, rounded(age, 1))


def _watchdog(views: Views, around: Surroundings) -> Part:
    line = watchdog_line(around)
    if line is None:
        alone = around.trader_alive and views.settings is not None and any(views.trading.held().values())
        return Part("watchdog", "failed" if alone else "waiting", "not started", None)
    if line.silent:
        missed = (around.trader_alive and line.state != "idle") or (line.gone and _is_to_run(around))
        return Part("watchdog", "failed" if missed else "waiting", line.words, line.age_s)
    return Part("watchdog", "failed" if line.trouble else "ok", line.words, line.age_s)


def _is_to_run(around: Surroundings) -> bool:
    """There was a `start` that nobody has ended."""
    return around.supervisor is not None and around.supervisor.state != ENDING


def _supervisor(around: Surroundings) -> Part:
    words, beat = supervisor_words(around), around.supervisor
    if beat is None or not beat.time_ns:
        return Part("supervisor", "waiting", "not started", None)
    age = rounded(around.heard_s(beat), 1)
    if not words and around.is_gone(beat):
        return Part("supervisor", "waiting", "ended in order", age)
    return Part("supervisor", "failed" if words else "ok", words or beat.state or "running", age)


def model_age_s(views: Views, around: Surroundings) -> float | None:
    """Seconds since the serving bundle was made, by the machine's time; below zero for a stamp in the future, None
    where it is not known."""
    model = views.trading.model
    info = next((info for info in around.models if model and info.id == model.bundle_id), None)
    return (around.now_ns - info.created_ns) / NANOS_PER_SECOND if info else None


def ml_health(views: Views, around: Surroundings) -> MlHealth:
    """Members, answers, calibration, accuracy and age: each 0 to 100, all of equal weight."""
    if views.trading.model is None:
        return MlHealth(None, ())
    everything = views.scores.lines()[0]
    parts = (
        _members_score(views),
        _answers_score(views),
        _calibration_score(views),
        _accuracy_score(everything),
        _age_score(views, around),
    )
    scores = [part.score for part in parts if part.score is not None]
    return MlHealth(round(sum(scores) / len(scores), 1) if scores else None, parts)


def _members_score(views: Views) -> ScorePart:
    decision = views.decisions.last_forecast
    if decision is None or decision.forecast is None:
        return ScorePart("members present", None, "no forecast yet")
    present, missing = len(decision.forecast.members), len(decision.forecast.missing)
    total = present + missing
    return ScorePart("members present", round(100.0 * present / total, 1) if total else None, f"{present} of {total}")


def _answers_score(views: Views) -> ScorePart:
    share = failed_share(views)
    if share is None:
        return ScorePart("forecasts that came", None, "none due yet")
    score = max(0.0, 100.0 * (1.0 - share / (5.0 * MOST_FAILED_FORECASTS)))
    return ScorePart("forecasts that came", round(score, 1), f"{percent(1.0 - share, 2)}; 5 % of failures score zero")


def _calibration_score(views: Views) -> ScorePart:
    error = views.scores.calibration().error
    if error is None:
        return ScorePart("calibration", None, f"{views.scores.calibration().n} forecasts scored, 100 are needed")
    score = 100.0 * max(0.0, 1.0 - error / CALIBRATION_ERROR_AT_ZERO)
    return ScorePart("calibration", round(score, 1), f"error {error:.4f}; {CALIBRATION_ERROR_AT_ZERO} scores zero")


def _accuracy_score(line: AccuracyLine) -> ScorePart:
    if line.accuracy is None or line.low is None or line.high is None or line.n < ENOUGH_BARS:
        return ScorePart("accuracy above one half", None, f"{line.n} forecasts scored")
    half = max(1e-9, (line.high - line.low) / 2.0)
    score = 50.0 + 50.0 * max(-1.0, min(1.0, (line.accuracy - 0.5) / half))
    detail = (
        f"{percent(line.accuracy)} [{percent(line.low)}, {percent(line.high)}]; 100 when its interval is above 50 %"
    )
    return ScorePart("accuracy above one half", round(score, 1), detail)


def _age_score(views: Views, around: Surroundings) -> ScorePart:
    age_s, settings = model_age_s(views, around), views.settings
    if age_s is None or settings is None:
        return ScorePart("age of the model", None, "not known")
    days, allowed = age_s / DAY_S, settings.risk.model_max_age_days
    if days < -FROM_THE_FUTURE_DAYS:
        return ScorePart("age of the model", 0.0, "not known: stamped in the future; check this machine's clock")
    days = max(0.0, days)
    return ScorePart(
        "age of the model", round(100.0 * max(0.0, 1.0 - days / allowed), 1), f"{days:.1f} of {allowed:.0f} days"
    )
