"""An error of SQLite at every single write: does anything that was taken in get lost, and does all go on by itself?

    python3 minh.py bench write_errors --json      # at every write; --rounds N for N of them, evenly spread

Forty bars of the demo in the world's one thread, trader, watchdog, trainer and supervisor, and a person who forces a
side, halts and resumes by the page and by commands.  First it is counted how often any of them writes to a database,
and how often one begins to; then all is played again, once for each of these moments, with an I/O error, a full disk or
a lock just there; a disk that is full stays so for some writes.  What must hold then: every invariant of the
world (the chain is whole, the fold of the journal is the live state, no process ends, no command is lost), every event
that the engine handed over is in the journal in its order, and the bars go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec

from minhos.bench.figures import Figure, Findings, at_least, at_most
from minhos.errors import CheckFailed
from minhos.journal.reader import reader
from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.testing.world.disk_faults import WriteFails
from minhos.testing.world.person import Command
from minhos.testing.world.plan import AnyFault, Plan
from minhos.testing.world.play import play
from minhos.testing.world.stage import Stage
from minhos.trading.kept import Kept

Kind = Literal["io", "full", "locked"]
Event = tuple[str, bytes, int]
KINDS: dict[Kind, int] = {"io": 1, "full": 25, "locked": 1}
"""With how many writes in a row fail."""
LENGTH_MS = 80_000
"""Forty bars of two seconds."""
MOST_BARS_MISSED = 31
"""A minute, in which one that cannot even begin is back by the world's own rule."""
QUICK = 24
PER_CALL = 10
SEED = 7


class Try(msgspec.Struct, frozen=True):
    """One error: at which write from the start, and over how many.  nth 0: none at all."""

    kind: Kind
    nth: int
    count: int


class Result(msgspec.Struct, frozen=True):
    """What came of it.  writes, begun: how often somebody wrote, and began to.  problem: what did not hold."""

    tried: Try
    writes: int
    begun: int
    events: int
    decisions: int
    lost: int
    problem: str


def run(quick: bool = False, rounds: int | None = None, progress: Progress | None = None) -> Findings:
    """rounds: errors in all, evenly spread over kinds and moments."""
    calm = play_one(Try("io", 0, 0), 0)
    if calm.problem or calm.lost:
        raise CheckFailed(f"without any error it does not hold: {calm.problem or 'an event is lost'}")
    tries = _spread(_every(calm), rounds or (QUICK if quick else None))
    pieces = [(tries[i : i + PER_CALL], calm.decisions) for i in range(0, len(tries), PER_CALL)]
    results = [one for piece in run_calls(play_many, pieces, progress=progress or (lambda *_: None)) for one in piece]
    failed = [result for result in results if result.problem or result.lost]
    figures: list[Figure] = [
        at_least("writes", calm.writes, "writes", digits=0),
        at_least("errors", len(results), "errors", digits=0),
        at_most("lost_events", sum(result.lost for result in results), "events", 0, digits=0),
        at_most("broken", sum(bool(result.problem) for result in results), "errors", 0, digits=0),
    ]
    for kind in KINDS:
        of_kind = [result for result in failed if result.tried.kind == kind]
        figures.append(at_most(f"failed/{kind}", len(of_kind), "errors", 0, digits=0))
    beside: dict[str, object] = {"failures": [msgspec.to_builtins(result) for result in failed]}
    return Findings(figures, beside, failed=bool(failed))


def play_many(tries: Sequence[Try], decisions: int) -> list[Result]:
    """Each of them.  decisions: of a world without an error."""
    return [play_one(tried, decisions) for tried in tries]


def play_one(tried: Try, decisions: int) -> Result:
    """The scenario with that error."""
    faults: list[AnyFault] = [
        Command(at_ms=14_500, name="force", fields={"side": "long", "contracts": 2, "minutes": 0.0}),
        Command(at_ms=24_500, name="force", page=True, fields={"side": "short", "contracts": 1, "minutes": 0.0}),
        Command(at_ms=40_500, name="halt", page=True),
        Command(at_ms=48_500, name="resume"),
        Command(at_ms=56_500, name="force", fields={"side": "long", "contracts": 1, "minutes": 0.0}),
        Command(at_ms=68_500, name="unforce"),
    ]
    if tried.nth:
        faults.append(WriteFails(name="", kind=tried.kind, nth=tried.nth, count=tried.count))
    plan = Plan(SEED, "demo", LENGTH_MS, tuple(faults))
    last: dict[str, int] = {}
    with _handed_over() as events:

        def look(stage: Stage) -> None:
            disk = stage.world.disk
            last.update(writes=sum(disk.writes.values()), begun=sum(disk.begun.values()), lost=_lost(stage, events))

        outcome = play(plan, before_end=look)
    problem = f"{outcome.broken.invariant}: {outcome.broken.sentence}" if outcome.broken is not None else ""
    if not problem and outcome.decisions < decisions - MOST_BARS_MISSED:
        problem = f"{outcome.decisions} bars were decided, and {decisions} without the error"
    return Result(tried, last["writes"], last["begun"], len(events), outcome.decisions, last["lost"], problem)


@contextmanager
def _handed_over() -> Iterator[list[Event]]:
    """Every event that an engine hands to its journal meanwhile."""
    events, append = list[Event](), Kept.append

    def noted(self: Kept, kind: str, payload: bytes, time_ns: int, *, durable: bool = False) -> int:
        sequence = append(self, kind, payload, time_ns, durable=durable)
        events.append((kind, payload, time_ns))
        return sequence

    Kept.append = noted  # type: ignore[method-assign]
    try:
        yield events
    finally:
        Kept.append = append  # type: ignore[method-assign]


def _lost(stage: Stage, events: Sequence[Event]) -> int:
    """Events that the journal has not, or not in their order."""
    source = reader(stage.journal, stage.world.layout.database)
    try:
        written = iter([(record.kind, record.payload, record.time_ns) for record in source.records()])
    finally:
        source.close()
    return sum(event not in written for event in events)  # an iterator: what was passed by is not seen again


def _every(calm: Result) -> list[Try]:
    """An error of each kind at each moment."""
    moments = {"io": calm.writes, "full": calm.writes, "locked": calm.begun}
    return [Try(kind, nth, count) for kind, count in KINDS.items() for nth in range(1, moments[kind] + 1)]


def _spread(tries: list[Try], at_most: int | None) -> list[Try]:
    if at_most is None or at_most >= len(tries):
        return tries
    return [tries[i * len(tries) // at_most] for i in range(at_most)]
