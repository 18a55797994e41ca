"""Is any file read wrongly?  A known series in random dialects of vendors and of nobody, with defects, read back.

    python3 minh.py bench formats                 # 5,000 dialects
    python3 minh.py bench formats --seed 4711     # others

Nothing may be accepted and differ from what was written, and nothing may end in a traceback; of the dialects that a
row of a vendor describes at least 95 % are read, and every refusal gives a reason that is true of its file.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from minhos.bench.figures import Figure, Findings, at_least, at_most
from minhos.market.calendar import SessionCalendar
from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.testing.dialects.dialect import Dialect, drawn
from minhos.testing.dialects.judged import Judged, Verdict, judge

DIALECTS, QUICK = 5000, 200
PER_CALL = 50
LEAST_READ = 0.95
SHOWN = 200
"""Failures that `--json` lists."""


def run(*, quick: bool = False, seed: int = 1, seeds: int | None = None, progress: Progress | None = None) -> Findings:
    """seeds: how many dialects."""
    count = seeds or (QUICK if quick else DIALECTS)
    began = time.perf_counter()
    pieces = [(seed, start, min(PER_CALL, count - start)) for start in range(0, count, PER_CALL)]
    told = progress or (lambda share, text: None)
    judged = [each for piece in run_calls(judge_some, pieces, progress=told) for each in piece]
    seconds = time.perf_counter() - began
    verdicts = Counter(each.verdict for _, each in judged)
    described = [each.verdict for dialect, each in judged if dialect.described]
    bad = [(d, each) for d, each in judged if each.verdict not in (Verdict.READ, Verdict.REFUSED)]
    figures: list[Figure] = [
        at_least("dialects", len(judged), "dialects", digits=0),
        at_most("accepted_and_different", verdicts[Verdict.DIFFERENT], "dialects", 0, digits=0),
        at_most("tracebacks", verdicts[Verdict.TRACEBACK], "dialects", 0, digits=0),
        at_most("untrue_reasons", verdicts[Verdict.UNTRUE], "dialects", 0, digits=0),
        at_least(
            "described_read", described.count(Verdict.READ) / max(1, len(described)), "of the described", LEAST_READ
        ),
        at_least("read", verdicts[Verdict.READ] / max(1, len(judged)), "of all"),
        at_most("seconds", seconds, "s", digits=1),
    ]
    failures = [{"dialect": dialect, "verdict": each.verdict, "sentence": each.sentence} for dialect, each in bad]
    wrong = verdicts[Verdict.DIFFERENT] + verdicts[Verdict.TRACEBACK]
    return Findings(figures, {"failures": failures[:SHOWN]}, failed=bool(wrong))


def judge_some(seed: int, first: int, count: int) -> list[tuple[Dialect, Judged]]:
    """Dialects number `first` and following of a seed."""
    calendar = SessionCalendar.load()
    dialects = [drawn(random.Random(f"{seed}/{number}")) for number in range(first, first + count)]
    with tempfile.TemporaryDirectory(prefix="minhos-formats-") as folder:
        return [(dialect, judge(dialect, Path(folder), calendar)) for dialect in dialects]
