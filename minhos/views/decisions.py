"""One sentence a bar: the newest decisions, how many came to what, and how fast they were."""

from __future__ import annotations

import dataclasses
from collections import Counter, deque

from minhos.market.types import Instrument
from minhos.sizing.types import Recommendation
from minhos.trading.events import DecisionMade
from minhos.trading.types import Decision, Outcome
from minhos.views.values import View, in_dollars, iso, rounded

KEPT = 2_000
LATENCIES_KEPT = 5_000


@dataclasses.dataclass(frozen=True)
class TraceStep(View):
    """One step from Kelly's fraction to whole contracts."""

    name: str
    before: float | None
    after: float | None
    unit: str
    """`fraction` of capital at risk, or `contracts`."""
    reason: str


@dataclasses.dataclass(frozen=True)
class CapLine(View):
    """What one risk limit said."""

    limit: str
    contracts: int | None
    """The most that it allows; null where it does not bind."""
    reason: str
    action: str


@dataclasses.dataclass(frozen=True)
class DecisionLine(View):
    """The decision of one bar; there is one for every bar, also where nothing was traded."""

    sequence: int
    """Number of the event in the journal."""
    number: int
    """Number of the decision."""
    time: str | None
    """Close of the bar, UTC."""
    symbol: str
    outcome: str
    reason: str
    """Why, in one sentence."""
    position_before: int
    target: int
    orders: tuple[str, ...]
    close: float | None
    """Price in points."""
    equity: float
    side: int | None
    """+1 up, -1 down; null without a forecast."""
    probability: float | None
    """Calibrated probability of the forecast's side."""
    probability_low: float | None
    """Its lower bound; Kelly sizes on this."""
    break_even: float | None
    """The probability at which the bet's mean is zero after costs."""
    raw_score: float | None
    agreement: float | None
    members: dict[str, float]
    kelly_fraction: float | None
    recommended: int | None
    bound: str
    level: str
    bundle_id: str
    latency_ms: float | None


class Decisions:
    """Mutable fold; the newest decisions stay, older ones are counted."""

    def __init__(self) -> None:
        self.recent: deque[tuple[int, DecisionMade]] = deque(maxlen=KEPT)
        self.outcomes: Counter[str] = Counter()
        self.latencies_us: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self.forecasts = 0
        self.failed_forecasts = 0
        self.first_close_ns = 0
        self.last_forecast: Decision | None = None
        """The newest decision that had a forecast."""
        self._lines: dict[int, tuple[Instrument | None, DecisionLine]] = {}
        """Lines that were shown, with the instrument that they were written for: a page asks for them every second."""

    def apply(self, sequence: int, event: DecisionMade, *, model_serves: bool) -> None:
        """One more bar.  A bar without a forecast counts as failed only while a model serves."""
        decision = event.decision
        self.recent.append((sequence, event))
        self.outcomes[decision.outcome.value] += 1
        self.first_close_ns = self.first_close_ns or decision.close_time_ns
        if event.latency_us > 0.0:
            self.latencies_us.append(event.latency_us)
        if decision.forecast is not None:
            self.forecasts += 1
            self.last_forecast = decision
        elif decision.outcome is Outcome.NO_FORECAST and model_serves:
            self.failed_forecasts += 1

    @property
    def last(self) -> Decision | None:
        return self.recent[-1][1].decision if self.recent else None

    def lines(
        self, limit: int, instruments: dict[str, Instrument], *, with_forecast: bool = False, after: int = 0
    ) -> list[DecisionLine]:
        """Newest first; after: only events with a higher sequence."""
        found: list[DecisionLine] = []
        for sequence, made in reversed(self.recent):
            if len(found) >= limit or sequence <= after:
                break
            if made.decision.forecast is not None or not with_forecast:
                found.append(self._line_of(sequence, made, instruments))
        return found

    def _line_of(self, sequence: int, made: DecisionMade, instruments: dict[str, Instrument]) -> DecisionLine:
        instrument = instruments.get(made.decision.symbol)
        known = self._lines.get(sequence)
        if known is None or known[0] != instrument:
            if len(self._lines) >= 2 * KEPT:
                self._lines.clear()
            known = self._lines[sequence] = instrument, line_of(sequence, made, instruments)
        return known[1]


def line_of(sequence: int, made: DecisionMade, instruments: dict[str, Instrument]) -> DecisionLine:
    """A decision as it is shown."""
    d = made.decision
    forecast, wanted, verdict = d.forecast, d.recommendation, d.verdict
    instrument = instruments.get(d.symbol)
    judged = wanted if forecast is not None else None
    return DecisionLine(
        sequence=sequence,
        number=d.sequence,
        time=iso(d.close_time_ns),
        symbol=d.symbol,
        outcome=d.outcome.value,
        reason=d.reason,
        position_before=d.position_before,
        target=d.target,
        orders=tuple(f"{'buy' if o.side > 0 else 'sell'} {o.contracts} ({o.role.value})" for o in d.orders),
        close=rounded(instrument.to_points(d.close_ticks)) if instrument and d.close_ticks else None,
        equity=in_dollars(d.equity_cents),
        side=forecast.side if forecast else None,
        probability=rounded(forecast.p_side) if forecast else None,
        probability_low=rounded(forecast.p_low) if forecast else None,
        break_even=rounded(judged.break_even) if judged else None,
        raw_score=rounded(forecast.score) if forecast else None,
        agreement=rounded(forecast.agreement) if forecast else None,
        members={name: round(p, 6) for name, p in forecast.members.items()} if forecast else {},
        kelly_fraction=rounded(judged.fraction) if judged else None,
        recommended=judged.target if judged else None,
        bound=verdict.bound if verdict else "",
        level=verdict.level.name if verdict else "",
        bundle_id=d.bundle_id,
        latency_ms=rounded(made.latency_us / 1000.0, 4) if made.latency_us > 0.0 else None,
    )


def trace_of(decision: Decision | None) -> tuple[TraceStep, ...]:
    """Why this size: every step of sizing."""
    return trace_steps(decision.recommendation) if decision is not None and decision.recommendation else ()


def trace_steps(wanted: Recommendation) -> tuple[TraceStep, ...]:
    """The trace of a recommendation."""
    return tuple(TraceStep(s.name, rounded(s.before), rounded(s.after), s.unit, s.reason) for s in wanted.trace)


def caps_of(decision: Decision | None) -> tuple[CapLine, ...]:
    """What every limit said that had something to say."""
    if decision is None or decision.verdict is None:
        return ()
    return tuple(CapLine(c.limit, c.contracts, c.reason, c.action.value) for c in decision.verdict.caps)
