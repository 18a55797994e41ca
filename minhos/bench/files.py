"""What `check-data` costs on large files, against merely reading them: CPU and memory, each run a process of its own.

A text of 3,000,000 one-minute lines is compared with polars that reads its columns and parses its stamps; a .scid file
of 10,500,000 single trades with its fold alone.  Runs alternate, so that a busy machine slows all alike.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minhos.bench.figures import Figure, at_most
from minhos.bench.ingest import write_ticks
from minhos.errors import CheckFailed
from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_MINUTE

LINES, QUICK_LINES = 3_000_000, 300_000
TICKS, QUICK_TICKS = 10_500_000, 1_500_000
REPETITIONS, QUICK_REPETITIONS = 3, 1
FIRST_DATE = 20170103
LOOK_S = 0.004
MOST_TIMES, MOST_TEXT_GB, MOST_SCID_GB, MOST_OVER_FOLD_S = 3.0, 0.7, 0.3, 1.0

_CHECK = (
    "import sys; from pathlib import Path; from minhos.feeds.check import check_data; check_data(Path(sys.argv[1]))"
)
_POLARS = (
    "import sys, polars as pl; f = pl.read_csv(sys.argv[1], schema_overrides={'timestamp': pl.String}); "
    "f['timestamp'].str.to_datetime('%Y-%m-%d %H:%M:%S')"
)
_FOLD = (
    "import sys; from pathlib import Path; from minhos.feeds.scid.files import read_records; "
    "from minhos.feeds.scid.fold_numba import fold_records; fold_records(read_records(Path(sys.argv[1])), 300_000_000)"
)
_NOTHING = "import minhos.feeds.check, minhos.feeds.tables.tables, polars, numba"


class Cost(NamedTuple):
    cpu_s: float
    peak_gb: float
    """Of all memory, mapped files too."""
    private_gb: float
    """Of what is the process's own, looked at every few milliseconds; as `peak_gb` where the system does not tell."""


def run(quick: bool = False) -> list[Figure]:
    """Figures of the text and of the .scid file; up to 0.6 GB in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="minhos-files-") as folder:
        text, scid = Path(folder) / "NQ.csv", Path(folder) / "NQH25-CME.scid"
        write_lines(text, QUICK_LINES if quick else LINES)
        write_ticks(scid, QUICK_TICKS if quick else TICKS)
        jobs = {"text": (_CHECK, text), "polars": (_POLARS, text), "scid": (_CHECK, scid), "fold": (_FOLD, scid)}
        costs: dict[str, list[Cost]] = {name: [] for name in (*jobs, "start")}
        for repetition in range((QUICK_REPETITIONS if quick else REPETITIONS) + 1):
            for name, (code, path) in jobs.items():
                costs[name] += [_cost(code, path)] if repetition else [_cost(code, path)][:0]
            costs["start"].append(_cost(_NOTHING, text))
    cpu = {name: statistics.median(cost.cpu_s for cost in each) for name, each in costs.items()}
    peak = max(cost.peak_gb for cost in costs["text"])
    private = max(cost.private_gb for cost in costs["scid"])
    return [
        at_most("text_times_polars", (cpu["text"] - cpu["start"]) / cpu["polars"], "of polars' CPU", MOST_TIMES, 2),
        at_most("text_cpu_s", cpu["text"], "s", digits=2),
        at_most("polars_cpu_s", cpu["polars"], "s", digits=2),
        at_most("start_cpu_s", cpu["start"], "s", digits=2),
        at_most("text_peak_gb", peak, "GB", MOST_TEXT_GB, 2),
        at_most("scid_over_fold_s", cpu["scid"] - cpu["fold"], "s", MOST_OVER_FOLD_S, 2),
        at_most("fold_cpu_s", cpu["fold"], "s", digits=2),
        at_most("scid_private_gb", private, "GB", MOST_SCID_GB, 2),
    ]


def write_lines(path: Path, n: int) -> None:
    """One-minute bars of whole sessions in UTC without an offset, and their volumes."""
    import polars as pl

    calendar, step_ns, date = SessionCalendar.load(), NANOS_PER_MINUTE, FIRST_DATE
    opens: list[np.ndarray] = []
    while sum(map(len, opens)) < n:
        session = calendar.session_on(date)
        if session is not None:
            opens.append(calendar.expected_closes(session, step_ns) - step_ns)
        try:
            date = calendar.next_trade_date(date)
        except Exception:
            break
    ns = np.concatenate(opens)[:n]
    rng = np.random.default_rng(1)
    close = 80_000 + np.cumsum(rng.integers(-6, 7, len(ns)))
    open_ = np.r_[80_000, close[:-1]]
    high, low = np.maximum(open_, close) + 3, np.minimum(open_, close) - 3
    prices = {"open": open_, "high": high, "low": low, "close": close}
    frame = pl.DataFrame({"timestamp": pl.Series(ns).cast(pl.Datetime("ns"))})
    frame = frame.with_columns(**{name: pl.Series(ticks * 0.25) for name, ticks in prices.items()})
    frame = frame.with_columns(volume=pl.Series(rng.integers(50, 900, len(ns))))
    frame.write_csv(path, datetime_format="%Y-%m-%d %H:%M:%S", float_precision=2)


def _cost(code: str, path: Path) -> Cost:
    """CPU and most memory of a process that runs the code on the file.  Raises CheckFailed where it fails."""
    watched = (
        f"{code}\nimport resource; used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", watched, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as child:
        private = 0
        while child.poll() is None:
            private = max(private, _private_kb(child.pid))
            time.sleep(LOOK_S)
        said, errors = child.communicate()
    if child.returncode:
        raise CheckFailed(f"the benchmark's process on {path.name} failed: {errors.strip()[-300:]}")
    cpu, peak = said.split()[-2:]
    peak_gb = float(peak) * (1 if sys.platform == "darwin" else 1024) / 1e9
    return Cost(float(cpu), peak_gb, private * 1024 / 1e9 if private else peak_gb)


def _private_kb(pid: int) -> int:
    """Memory of a process that is no file's; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(found[1]) if found else 0
