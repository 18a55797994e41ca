"""Risk for people: the level and why, what is stopped and what ends it, which limits bind, what is proven."""

from __future__ import annotations

import dataclasses
from collections import Counter

from minhos.accounting.types import Account
from minhos.errors import CalendarError
from minhos.market.calendar import SessionCalendar
from minhos.risk.evidence import PROVEN_AT
from minhos.risk.needed import until_proof
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import RiskState, Stop
from minhos.trading.types import Decision
from minhos.views.decisions import CapLine, caps_of
from minhos.views.live import ArmingLine, ForcedLine, LadderLine, armed_sentence, arming_line, forced_line, ladder_line
from minhos.views.values import View, in_dollars, iso, rounded


@dataclasses.dataclass(frozen=True)
class ComponentLine(View):
    """One reason for the risk level."""

    name: str
    level: str
    since: str | None
    reason: str


@dataclasses.dataclass(frozen=True)
class StopLine(View):
    """Trading is stopped: by whom, why, since when, and what ends it."""

    name: str
    who: str
    why: str
    since: str | None
    flat: bool
    """Positions are closed too."""
    ends: str


@dataclasses.dataclass(frozen=True)
class EvidenceLine(View):
    """Is there an edge after costs?  Proven when the e-value reaches 20; never carried over from a simulation."""

    instrument: str
    recipe: str
    state: str
    simulated: bool
    e_value: float | None
    needed: float
    bets: int
    bets_needed: int | None
    """Further bets at the rate so far; 0 when proven, null while the bets lose."""
    mean_r: float | None
    hits: int
    ties: int
    beyond: int
    """Results outside one R, which evidence clips."""
    sentence: str


@dataclasses.dataclass(frozen=True)
class BoundLine(View):
    """How often a limit was the one that held the size."""

    limit: str
    times: int


@dataclasses.dataclass(frozen=True)
class RiskView(View):
    """The risk manager at this moment."""

    level: str | None
    reason: str
    multiplier: float | None
    """Share of Kelly's size that this level leaves."""
    components: tuple[ComponentLine, ...]
    stops: tuple[StopLine, ...]
    caps: tuple[CapLine, ...]
    """What each limit said at the last bar."""
    bound: tuple[BoundLine, ...]
    evidence: tuple[EvidenceLine, ...]
    day_pnl: float | None
    day_loss_limit: float | None
    day_loss_left: float | None
    drawdown: float | None
    losses_in_a_row: int | None
    losses_allowed: int | None
    next_halt: str | None
    armed: bool
    armed_sentence: str = ""
    """Live mode: whether orders are allowed, and since whom; empty in the other modes."""
    arming: ArmingLine | None = None
    ladder: LadderLine | None = None
    forced: ForcedLine | None = None


class BoundLimits:
    """Mutable fold: which limit bound, and how often."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def on_decision(self, decision: Decision) -> None:
        verdict = decision.verdict
        if verdict is not None and verdict.bound and verdict.target != verdict.recommended:
            self.counts[verdict.bound] += 1


def stop_lines(risk: RiskState) -> tuple[StopLine, ...]:
    """All that is latched, worst first."""
    named = (
        ("EMERGENCY", risk.emergency),
        ("halt", risk.halted),
        ("daily loss limit", risk.day_stop),
        ("trailing drawdown", risk.trailing_stop),
        ("losses in a row", risk.loss_stop),
        ("pause", risk.paused),
    )
    return tuple(
        StopLine(name, stop.who, stop.why, iso(stop.time_ns), stop.flat, ends_of(stop)) for name, stop in named if stop
    )


def ends_of(stop: Stop) -> str:
    """What ends a stop, in words."""
    if stop.trade_date:
        return f"with the trade date after {stop.trade_date}"
    return f"at {iso(stop.until_ns)}" if stop.until_ns else "only by `resume`"


def evidence_lines(risk: RiskState) -> tuple[EvidenceLine, ...]:
    """One line an instrument whose model has begun to serve."""
    lines = []
    for root, market in risk.markets.items():
        evidence, book = market.evidence, market.shadow
        if not evidence.recipe:
            continue
        needed = evidence.bets_needed
        lines.append(
            EvidenceLine(
                root,
                evidence.recipe,
                evidence.state.value,
                evidence.simulated,
                rounded(evidence.e_value, 3),
                PROVEN_AT,
                evidence.bets,
                needed,
                rounded(book.mean_r),
                book.hits,
                book.ties,
                book.beyond,
                until_proof(evidence.bets, needed),
            )
        )
    return tuple(lines)


def risk_view(
    risk: RiskState,
    account: Account,
    parameters: RiskParameters | None,
    last: Decision | None,
    bound: BoundLimits,
    calendar: SessionCalendar,
    market_now_ns: int,
    mode: str = "",
) -> RiskView:
    """Everything; None where no settings are active yet, so that nothing is known."""
    components = [risk.drawdown, *(c for market in risk.markets.values() for c in market.components)]
    level = risk.level()
    stops = stop_lines(risk)
    worst = next((c.reason for c in components if c.level == level and c.reason), "")
    limit = parameters.day_loss_limit_cents(account.day_start_equity_cents) if parameters else None
    return RiskView(
        level=level.name if parameters else None,
        reason=stops[0].why if stops else worst or ("nothing unusual" if parameters else "nothing is known yet"),
        multiplier=parameters.multiplier(level) if parameters else None,
        components=tuple(ComponentLine(c.name, c.level.name, iso(c.since_ns), c.reason) for c in components)
        if parameters
        else (),
        stops=stops,
        caps=caps_of(last),
        bound=tuple(BoundLine(name, times) for name, times in bound.counts.most_common()),
        evidence=evidence_lines(risk),
        day_pnl=in_dollars(account.day_pnl_cents) if parameters else None,
        day_loss_limit=in_dollars(limit) if limit is not None else None,
        day_loss_left=in_dollars(limit + account.day_pnl_cents) if limit is not None else None,
        drawdown=round(account.drawdown, 6) if parameters else None,
        losses_in_a_row=account.losses_in_a_row if parameters else None,
        losses_allowed=parameters.max_consecutive_losses if parameters else None,
        next_halt=_next_halt(calendar, market_now_ns) if parameters else None,
        armed=risk.armed,
        armed_sentence=armed_sentence(risk, mode),
        arming=arming_line(risk),
        ladder=ladder_line(risk, parameters, mode),
        forced=forced_line(risk, market_now_ns),
    )


def _next_halt(calendar: SessionCalendar, market_now_ns: int) -> str | None:
    """The session's end; None outside the calendar's table."""
    try:
        return iso(calendar.session_close_after(market_now_ns))
    except CalendarError:
        return None
