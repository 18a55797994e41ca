"""Live trading for people: armed by whom, which step of the ladder, and what a person forces."""

from __future__ import annotations

import dataclasses

from minhos.risk import force
from minhos.risk.ladder import sentence, step_of
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import RiskState
from minhos.views.values import View, iso

BY_COMMAND_LINE = "only the command line arms (python3 minh.py arm) and disarms"


@dataclasses.dataclass(frozen=True)
class ArmingLine(View):
    """Who armed live orders, in which words an edge without proof was accepted, and since when."""

    who: str
    unproven: bool
    words: str
    since: str | None


@dataclasses.dataclass(frozen=True)
class LadderLine(View):
    """The live ladder: the multiplier it allows, and how far the next step is."""

    multiplier: float
    step: int
    steps: tuple[float, ...]
    trades: int
    trades_needed: int
    sentence: str


@dataclasses.dataclass(frozen=True)
class ForcedLine(View):
    """A side or a size in place of Kelly's, whose, and until when (null: until cleared)."""

    side: str
    contracts: int
    who: str
    why: str
    until: str | None
    sentence: str


def arming_line(risk: RiskState) -> ArmingLine | None:
    """None while live trading is not armed."""
    arming = risk.arming if risk.armed else None
    return ArmingLine(arming.who, arming.unproven, arming.words, iso(arming.time_ns)) if arming else None


def ladder_line(risk: RiskState, parameters: RiskParameters | None, mode: str) -> LadderLine | None:
    """None outside live mode, where the ladder does not hold."""
    if parameters is None or mode != "live":
        return None
    ladder = risk.ladder
    return LadderLine(
        step_of(ladder, parameters),
        ladder.step,
        parameters.ladder_steps,
        ladder.trades,
        parameters.ladder_trades,
        sentence(ladder, parameters),
    )


def forced_line(risk: RiskState, now_ns: int) -> ForcedLine | None:
    """None where nothing is forced at that moment."""
    word = force.active(risk, now_ns)
    if word is None:
        return None
    until = iso(word.until_ns) if word.until_ns else None
    return ForcedLine(word.side, word.contracts, word.who, word.why, until, force.sentence_of(word))


def armed_sentence(risk: RiskState, mode: str) -> str:
    """One sentence; empty outside live mode."""
    if mode != "live":
        return ""
    line = arming_line(risk)
    if line is None:
        return f"not armed: no live order adds to a position; {BY_COMMAND_LINE}"
    accepted = f", unproven, one micro at most: {line.words}" if line.unproven else ""
    return f"armed by {line.who} since {line.since}{accepted}; {BY_COMMAND_LINE}"
