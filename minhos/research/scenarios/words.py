"""What a risk scenario's run is narrated with: clock times, money, the sentences that every story needs, the timeline.

Only words from what happened; nothing is judged here (`checks`) and nothing is played (`play`).
"""

from __future__ import annotations

import re
from collections import Counter

import msgspec

from minhos.accounting.types import Role
from minhos.market.types import NANOS_PER_MINUTE
from minhos.research.scenarios.losses import DayLoss, day_losses
from minhos.research.scenarios.play import Decided, Filled, Run
from minhos.risk.types import Level
from minhos.words import clock_time, contracts, money, new_york, percent, position

MOST_ROWS = 40
"""Of a timeline; where more happened, its first and last rows are kept."""

_NUMBER = re.compile(r"[\d.,]*\d")


class Row(msgspec.Struct, frozen=True):
    """One moment at which something changed.  time: New York; price: points; contracts: signed, after it."""

    time: str
    price: float
    contracts: int
    equity: float
    level: str
    what: str


def root_of(run: Run) -> str:
    """What was traded."""
    return run.instrument.root


def held_at(run: Run, time_ns: int) -> int:
    """Signed contracts after the last input up to that time."""
    return next((mark.contracts for mark in reversed(run.marks) if mark.time_ns <= time_ns), 0)


def stop_fills(run: Run, since_ns: int) -> list[Filled]:
    """Fills of protective stops in the hour from that time on."""
    until_ns = since_ns + 60 * NANOS_PER_MINUTE
    return [f for f in run.fills if f.fill.role is Role.STOP and since_ns <= f.fill.time_ns < until_ns]


def stop_sentence(run: Run, since_ns: int) -> str:
    """Where the stops filled in the hour from that time on."""
    fills, root = stop_fills(run, since_ns), root_of(run)
    if not fills:
        return f"No stop was filled in the hour after {clock_time(since_ns)}."
    worst, n = max(fills, key=lambda filled: filled.beyond_ticks), sum(filled.fill.contracts for filled in fills)
    at, gap = f"{run.instrument.to_points(worst.stop_ticks):,.2f}", sum(filled.beyond_cents for filled in fills)
    lead = f"The stop of {contracts(n, root)} filled at {clock_time(fills[0].fill.time_ns)}"
    if len(fills) > 1:
        lead = f"Stops of {contracts(n, root)} filled in {len(fills)} parts from {clock_time(fills[0].fill.time_ns)} on"
    if not gap:
        return f"{lead}, at {'its price' if len(fills) == 1 else 'their prices'}, {at}."
    how = "" if len(fills) == 1 else "the furthest "
    return f"{lead}, {how}{worst.beyond_ticks:,} ticks beyond its price of {at}; the gap cost {money(gap, 0)}."


def worst_day(run: Run) -> DayLoss:
    """The trade date with the largest loss."""
    return max(day_losses(run), key=lambda day: day.share)


def day_sentence(run: Run) -> str:
    """The largest loss of a trade date against its limit and the gap."""
    day = worst_day(run)
    if not day.loss_cents:
        return "No trade date was ever below its start."
    limit = day.limit_cents / day.start_cents
    gap = f", {money(day.gap_cents, 0)} of it beyond stops and limit, which no limit can hold" if day.gap_cents else ""
    return (
        f"At its worst the day's loss was {percent(day.share, 2)} ({money(day.loss_cents, 0)}){gap}; "
        f"the day's limit is {percent(limit)} ({money(day.limit_cents, 0)})."
    )


def level_sentence(run: Run) -> str:
    """Which levels were reached, and why."""
    reached = _levels(run)
    if not reached:
        return "The risk level stayed LOW throughout."
    words = [f"{level.name} at {clock_time(taken.decision.close_time_ns)}" for level, taken in reached.items()]
    return f"The risk level rose to {_listed(words)}."


def _levels(run: Run) -> dict[Level, Decided]:
    """The first decision at each level above LOW that was worse than all before."""
    reached: dict[Level, Decided] = {}
    worst = Level.LOW
    for taken in run.decided:
        verdict = taken.decision.verdict
        if verdict is not None and verdict.level > worst:
            worst = verdict.level
            reached[worst] = taken
    return reached


def refusals(run: Run, since_ns: int = 0) -> dict[str, int]:
    """By limit: how many decisions from that time on it held, most first."""
    counted: dict[str, int] = {}
    for taken in run.decided:
        verdict = taken.decision.verdict
        if verdict is not None and verdict.bound and taken.decision.close_time_ns >= since_ns:
            counted[verdict.bound] = counted.get(verdict.bound, 0) + 1
    return dict(sorted(counted.items(), key=lambda item: -item[1]))


def refusal_sentence(run: Run, since_ns: int = 0) -> str:
    """Which limits held how many bars."""
    counted = refusals(run, since_ns)
    if not counted:
        return "No limit had to refuse anything after that."
    words = [f"{name} on {n:,} bar{'' if n == 1 else 's'}" for name, n in list(counted.items())[:4]]
    return f"After that these limits held the size: {_listed(words)}."


def end_sentence(run: Run) -> str:
    """Where it ended."""
    account = run.account
    lost = account.drawdown
    return (
        f"It ended {position(run.marks[-1].contracts, root_of(run))} with {money(account.equity_cents, 0)}, "
        f"{percent(lost)} below the highest equity."
    )


def idle_sentence(run: Run) -> str:
    """Why nothing was ever held: the reason that was given most often while a bet was on offer."""
    reasons = Counter(
        _kind_of(taken.decision.reason)
        for taken in run.decided
        if (wanted := taken.decision.recommendation) is not None and wanted.p_low > wanted.break_even
    )
    why = f" ({reasons.most_common(1)[0][0]})" if reasons else ""
    return f"Nothing was ever held, so no limit was put to the test{why}: try more cash, or a micro."


def _kind_of(reason: str) -> str:
    """A reason without its numbers, so that the same ones are counted together."""
    return " ".join(_NUMBER.sub("", reason.rstrip(".").split(";")[0].lower()).split())


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def timeline(run: Run) -> tuple[Row, ...]:
    """Every fill, every change of level or of the limit that holds, in order."""
    rows = [(filled.fill.time_ns, 0, _fill_words(filled, root_of(run))) for filled in run.fills]
    bound, level, before = "", Level.LOW, ""
    for taken in run.decided:
        decision, verdict = taken.decision, taken.decision.verdict
        if verdict is not None and (verdict.bound, verdict.level) != (bound, level):
            bound, level = verdict.bound, verdict.level
            if decision.reason != before:
                rows.append((decision.close_time_ns, 1, decision.reason))
            before = decision.reason
    rows += [(act.time_ns, 2, f"{act.who}: {act.reason}") for act in run.interventions]
    shown = _first_and_last(sorted(rows))
    return tuple(_row(run, time_ns, what) for time_ns, _, what in shown)


def _first_and_last(rows: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    if len(rows) <= MOST_ROWS:
        return rows
    half = MOST_ROWS // 2
    left_out = (rows[half][0], 0, f"({len(rows) - MOST_ROWS + 1} rows are left out here)")
    return [*rows[:half], left_out, *rows[half + 1 - MOST_ROWS :]]


def _fill_words(filled: Filled, root: str) -> str:
    fill = filled.fill
    verb = "bought" if fill.side > 0 else "sold"
    past = f", {filled.beyond_ticks} ticks beyond its stop" if filled.beyond_ticks else ""
    return f"{verb} {contracts(fill.contracts, root)} ({fill.role}){past}"


def _row(run: Run, time_ns: int, what: str) -> Row:
    mark = next(mark for mark in reversed(run.marks) if mark.time_ns <= time_ns)
    last = mark.account.last_ticks.get(run.settings.order_symbol, 0)
    return Row(
        new_york(time_ns),
        run.instrument.to_points(last),
        mark.contracts,
        mark.account.equity_cents / 100.0,
        mark.level.name,
        what,
    )
