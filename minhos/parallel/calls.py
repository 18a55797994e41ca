"""Independent calls side by side: in processes of this machine (joblib) or on a Dask cluster, with the same results.

Training, walk-forward, searches and labs are lists of such calls.  A worker that is killed costs time and nothing
else: its calls run again.  What the calls are about is not known here, and nothing here schedules work: joblib and
Dask do.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

from minhos.errors import TrainingError
from minhos.progress import Progress, part_of

Numbered = Iterable[tuple[int, Any]]

KILLS_IN_A_ROW = 3
"""So many workers are lost one after the other without a finished call between them: the calls are to blame."""
ADDRESS = re.compile(r"(tcp|tls)://[^\s/:]+:\d{1,5}|(tcp|tls)://\[[0-9a-fA-F:]+\]:\d{1,5}")


def run_calls(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    *,
    processes: int = 2,
    scheduler: str | None = None,
    shared: Any = None,
    progress: Progress | None = None,
    describe: Callable[[tuple[Any, ...], Any], str] | None = None,
) -> list[Any]:
    """`function(*argument)` for every entry of arguments; the results in the order of arguments.

    Calls start in the order given, so put the longest first.  Each must depend on nothing but what it is given, and
    function must be importable by name.  What a call raises is raised here, and the calls not yet begun are dropped.

    processes: of one thread each; 1 runs all calls here.  scheduler: address of a Dask scheduler ("tcp://host:8786")
    instead, whose workers have the same code and libraries.  shared: a large value that every call reads, its first
    argument; it is sent once to each worker.  describe: words for a finished call, of its argument and its result.
    Raises TrainingError where workers are killed again and again or the cluster cannot be used.
    """
    tell = part_of(progress, 0.0, 1.0)
    results: list[Any] = [None] * len(arguments)
    for done, (i, result) in enumerate(_finished(function, arguments, processes, scheduler, shared), start=1):
        results[i] = result
        said = describe(arguments[i], result) if describe else f"{done} of {len(arguments)} done"
        tell(done / len(arguments), said)
    return results


def _finished(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    processes: int,
    scheduler: str | None,
    shared: Any,
) -> Numbered:
    """Number and result of each call, as they finish."""
    if not arguments:
        return ()
    if scheduler is not None:
        from minhos.parallel.cluster import on_cluster

        return on_cluster(function, arguments, checked_address(scheduler), shared)
    if processes == 1:
        return ((i, call(function, shared, argument)) for i, argument in enumerate(arguments))
    return _in_processes(function, arguments, processes, shared)


def call(function: Callable[..., Any], shared: Any, argument: tuple[Any, ...]) -> Any:
    """One call; the shared value comes first where there is one."""
    return function(*argument) if shared is None else function(shared, *argument)


def checked_address(scheduler: str) -> str:
    """The address as it is.  Raises TrainingError where it is none."""
    if not ADDRESS.fullmatch(scheduler):
        raise TrainingError(
            f"--scheduler {scheduler!r} is no address of a Dask scheduler; it looks like tcp://192.168.1.5:8786."
        )
    return scheduler


def _in_processes(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], processes: int, shared: Any
) -> Numbered:
    """By joblib; when a worker is killed the pool is gone, and what is not done yet goes to a new one."""
    from joblib import Parallel, delayed, parallel_config

    # A worker that has grown is replaced between two calls; nothing is lost and nobody need be told.
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
    left, kills = dict(enumerate(arguments)), 0
    while left:
        calls = [delayed(_in_worker)(os.getpid(), function, shared, i, argument) for i, argument in left.items()]
        try:
            with parallel_config(backend="loky", n_jobs=processes, inner_max_num_threads=1):
                finished = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all")(calls)
            for i, result in finished:
                del left[i]
                kills = 0
                yield i, result
        except BrokenExecutor as error:
            kills += 1
            if kills == KILLS_IN_A_ROW:
                raise TrainingError(
                    f"A training worker was killed {kills} times in a row, most likely for want of memory; close other "
                    "programs or train on fewer days."
                ) from error


def _in_worker(parent: int, function: Callable[..., Any], shared: Any, i: int, argument: tuple[Any, ...]) -> Any:
    _end_with(parent)
    return i, call(function, shared, argument)


_watching = threading.Event()


def _end_with(parent: int) -> None:
    """End this worker when the process that started it is gone, however it went; called once per worker."""
    if _watching.is_set():
        return
    _watching.set()

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
