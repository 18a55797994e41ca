"""Trading through a broker while things die: rounds over real processes, and what the broker's own books say after.

    minh.py bench faults --rounds 1000 --seed 1

| kind | what happens in a round |
|---|---|
| kill | random targets while the price moves; trader, broker or both are killed in the middle of an order |
| stop_exit | the price passes the stop right before the broker carries out a request of the exit |
| two_flattens | the trader flattens, and so does somebody outside, within ten milliseconds |

Then entries are timed from the stored decision to the broker (order_out), in two parts: until the intent is on the disk
(intent) and from there over gate and socket (wire); beside them what the disk takes for one page (fdatasync).

Each kind is run for so many rounds.  Round i of seed S is round 0 of seed S + i, so that one that failed can be had
alone: `--rounds 1 --seed` with the number that is told beside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minhos.bench.faults.latency import orders_out
from minhos.bench.faults.rounds import RoundResult, crossing_round, flattens_round, kill_round
from minhos.bench.figures import Figure, at_most
from minhos.market.calendar import SessionCalendar

Progress = Callable[[float, str], None]
ROUNDS, QUICK_ROUNDS = 30, 4
ORDERS, QUICK_ORDERS = 500, 20
ORDER_OUT_P99_MS = 2.0
KINDS = {"kill": kill_round, "stop_exit": crossing_round, "two_flattens": flattens_round}


def run(
    quick: bool = False, rounds: int | None = None, seed: int = 1, progress: Progress | None = None
) -> list[Figure]:
    """Figures: how many rounds, what did not hold in them (targets 0), and how fast an order is out."""
    n_rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    calendar = SessionCalendar.load()
    results = {kind: _rounds(kind, n_rounds, seed, calendar, progress) for kind in KINDS}
    kills, everything = results["kill"], [result for of_kind in results.values() for result in of_kind]
    figures = [_count("rounds", n_rounds, None), _count("kills", sum(result.kills for result in kills), None)]
    compared = ("duplicate_orders", "lost_fills", "invented_fills", "position_difference", "stray")
    figures += [_count(name, sum(getattr(result.findings, name) for result in everything), 0) for name in compared]
    figures += [
        _count("unprotected_without_alarm", sum(result.findings.unprotected for result in everything), 0),
        _count("not_settled", sum(not result.settled for result in everything), 0),
        _count("crashes", sum(result.crashes for result in everything), 0),
        _count("flat_only", sum(bool(result.flat_only) for result in kills), None),
        _count("reversals/stop_exit", sum(result.reversals for result in results["stop_exit"]), 0),
        _count("reversals/two_flattens", sum(result.reversals for result in results["two_flattens"]), 0),
        _count("left_open/stop_exit", sum(result.left_open for result in results["stop_exit"]), 0, "contracts"),
        _count("left_open/two_flattens", sum(result.left_open for result in results["two_flattens"]), 0, "contracts"),
    ]
    return figures + _order_out(QUICK_ORDERS if quick else ORDERS, calendar)


def _rounds(
    kind: str, n_rounds: int, seed: int, calendar: SessionCalendar, progress: Progress | None
) -> list[RoundResult]:
    results = []
    for i in range(n_rounds):
        with tempfile.TemporaryDirectory(prefix="minhos-faults-", ignore_cleanup_errors=True) as folder:
            result = KINDS[kind](Path(folder), calendar, f"{kind}-{seed + i}")
        results.append(result)
        if progress is not None:
            failure = failure_of(result, kind)
            sentence = f"FAILED with --seed {seed + i}: {failure}" if failure else f"{kind}: {i + 1} of {n_rounds}"
            progress((list(KINDS).index(kind) + (i + 1) / n_rounds) / len(KINDS), sentence)
    return results


def failure_of(result: RoundResult, kind: str) -> str:
    """What went wrong in a round, in words; empty where nothing did.  A kill round flips and holds as it is told."""
    turned, left = (result.reversals, result.left_open) if kind != "kill" else (0, 0)
    if result.findings.is_clean and result.settled and not turned and not left and not result.crashes:
        return ""
    outcome = f"settled {result.settled}, reversals {turned}, left open {left}, crashes {result.crashes}"
    return f"{kind}: {result.what}: {result.findings}, {outcome}"


def _order_out(n_orders: int, calendar: SessionCalendar) -> list[Figure]:
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-", ignore_cleanup_errors=True) as folder:
        taken = orders_out(Path(folder), calendar, n_orders)
    figures = _shares("order_out", [order.total for order in taken], ORDER_OUT_P99_MS)
    figures += _shares("intent", [order.intent for order in taken])
    figures += _shares("wire", [order.wire for order in taken])
    figures += _shares("fdatasync", [order.disk for order in taken])
    return [*figures, Figure("orders_out", n_orders, "orders")]


def _shares(name: str, taken_ms: list[float], target_p99: float | None = None) -> list[Figure]:
    p50, p99 = np.percentile(taken_ms, (50, 99))
    return [
        at_most(f"{name}_p50_ms", float(p50), "ms"),
        at_most(f"{name}_p99_ms", float(p99), "ms", target_p99),
    ]


def _count(name: str, value: int, most: int | None, unit: str = "") -> Figure:
    """unit: by default what is counted, the name without its kind of round."""
    return at_most(name, value, unit or name.split("/")[0], most)
