"""Independent calls side by side: in processes of this machine (joblib) or on a Dask cluster, with the same results.

Training, walk-forward, searches and labs are lists of such calls.  A worker that is killed costs time and nothing
else: its calls run again.  Every worker has the user's parts that are loaded here.  What the calls are about is not
known here, and nothing here schedules work: joblib and Dask do.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import TypeVar

from minhos import parts
from minhos.errors import TrainingError
from minhos.parallel.call import Work
from minhos.progress import Progress, part_of

Argument = TypeVar("Argument", bound=tuple[object, ...])
Result = TypeVar("Result")

KILLS_IN_A_ROW = 3
"""So many workers are lost one after the other without a finished call between them: the calls are to blame."""
ADDRESS = re.compile(r"(tcp|tls)://[^\s/:]+:\d{1,5}|(tcp|tls)://\[[0-9a-fA-F:]+\]:\d{1,5}")


def run_calls(
    function: Callable[..., Result],
    arguments: Sequence[Argument],
    *,
    processes: int = 2,
    scheduler: str | None = None,
    shared: object = None,
    libraries: Iterable[str] = (),
    progress: Progress | None = None,
    describe: Callable[[Argument, Result], str] | None = None,
) -> list[Result]:
    """`function(*argument)` for every entry of arguments; the results in the order of arguments.

    Calls start in the order given, so put the longest first.  Each must depend on nothing but what it is given, and
    function must be importable by name.  What a call raises is raised here, and the calls not yet begun are dropped.

    processes: of one thread each; 1 runs all calls here.  scheduler: address of a Dask scheduler ("tcp://host:8786")
    instead, whose workers have the same code and libraries.  shared: a large value that every call reads, its first
    argument; it is sent once to each worker.  Neither it nor an argument may hold an object of a user's class, because
    a worker reads them before it has the user's parts.  libraries: modules whose versions decide results; a cluster
    with others is refused.  describe: words for a finished call, of its argument and its result.
    Raises TrainingError where workers are killed again and again or the cluster cannot be used.
    """
    report = part_of(progress, 0.0, 1.0)
    results: dict[int, Result] = {}
    work = Work(function, parts.loaded(), parts.identities(), tuple(sorted(set(libraries))))
    for i, result in _finished(work, arguments, processes, scheduler, shared):
        results[i] = result
        words = describe(arguments[i], result) if describe else f"{len(results)} of {len(arguments)} done"
        report(len(results) / len(arguments), words)
    return [results[i] for i in range(len(arguments))]


def _finished(
    work: Work[Result], arguments: Sequence[Argument], processes: int, scheduler: str | None, shared: object
) -> Iterable[tuple[int, Result]]:
    """Number and result of each call, as they finish."""
    if not arguments:
        return ()
    if scheduler is not None:
        from minhos.parallel.cluster import on_cluster

        return on_cluster(work, arguments, checked_address(scheduler), shared)
    if processes == 1:
        return ((i, work.call(shared, argument)) for i, argument in enumerate(arguments))
    return _in_processes(work, arguments, processes, shared)


def checked_address(scheduler: str) -> str:
    """The address as it is.  Raises TrainingError where it is none."""
    if not ADDRESS.fullmatch(scheduler):
        raise TrainingError(
            f"--scheduler {scheduler!r} is no address of a Dask scheduler; it looks like tcp://192.168.1.5:8786."
        )
    return scheduler


def _in_processes(
    work: Work[Result], arguments: Sequence[Argument], processes: int, shared: object
) -> Iterator[tuple[int, Result]]:
    """By joblib; when a worker is killed the pool is gone, and what is not done yet goes to a new one."""
    from joblib import Parallel, delayed, parallel_config

    # A worker that has grown is replaced between two calls; nothing is lost.
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
    left, kills = dict(enumerate(arguments)), 0
    while left:
        calls = [delayed(_in_worker)(os.getpid(), work, shared, i, argument) for i, argument in left.items()]
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


def _in_worker(
    parent: int, work: Work[Result], shared: object, i: int, argument: Sequence[object]
) -> tuple[int, Result]:
    _end_with(parent)
    return i, work.call(shared, argument)


_watching = threading.Event()


def _end_with(parent: int) -> None:
    """End this worker when the process that started it is gone, however it went; called once per worker."""
    if _watching.is_set():
        return
    _watching.set()

    def watch() -> None:
        import psutil

        try:
            psutil.Process(parent).wait()
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
