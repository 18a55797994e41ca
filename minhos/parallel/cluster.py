"""Calls on a Dask cluster, so that a killed worker, a lost machine or a foreign version never changes a result.

The shared value is the result of a task, not scattered data: when the worker that holds it dies, the scheduler makes
it again for the calls that need it.  The scheduler and all workers must run the code and the libraries that run here.
Not for starting clusters: `dask scheduler` and `dask worker` do that.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import platform
import queue
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import minhos
from minhos.errors import TrainingError

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 10
"""So long an address may take to answer, and a scheduler to name its first worker."""
ANSWER_S = 60
"""So long they may take to say what code they have: a worker first imports it, and may be at work for others."""
LOOK_S = 5
"""So often the cluster is looked at while no call finishes."""
LOST_LOOKS = 12
"""So many looks in a row may find no worker: those that a supervisor starts again are back long before."""
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "lightgbm", "xgboost-cpu", "xgboost", "catboost", "dask")
"""Whose versions decide results."""
START_WORKERS = "`dask worker {address} --nworkers 4 --nthreads 1` in MinhOS's environment starts four"


def on_cluster(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], address: str, shared: Any
) -> Iterator[tuple[int, Any]]:
    """Number and result of each `function(shared, *argument)`, as they finish; `training.parallel` has the rules."""
    with _connected(address) as client:
        run, name = uuid.uuid4().hex, getattr(function, "__name__", "call")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            held = None if shared is None else client.submit(_hold, shared, key=f"shared-{run}")
            futures = [
                client.submit(_alone, function, held, argument, key=f"{name}-{run}-{i}")
                for i, argument in enumerate(arguments)
            ]
        try:
            yield from _as_they_finish(client, futures, address)
        finally:
            client.cancel(futures)


def _hold(value: Any) -> Any:
    return value


_one_at_a_time = threading.Lock()


def _alone(function: Callable[..., Any], shared: Any, argument: tuple[Any, ...]) -> Any:
    """One call in a worker.  One at a time: seeds and numbers of threads belong to the process, not to the thread."""
    from minhos.parallel.calls import call

    with _one_at_a_time:
        return call(function, shared, argument)


def _as_they_finish(client: Client, futures: Sequence[Future], address: str) -> Iterator[tuple[int, Any]]:
    ready: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number, future in enumerate(futures):
        future.add_done_callback(lambda _, number=number: ready.put(number))
    left, looks_without_worker = len(futures), 0
    while left:
        i = _next(ready)
        finished, result = (False, None) if i is None else _result(futures[i], address)
        if i is not None and finished:
            left, looks_without_worker = left - 1, 0
            yield i, result
            continue
        if i is not None:
            ready.put(i)
        looks_without_worker = 0 if _workers(client, address) else looks_without_worker + 1
        if looks_without_worker == LOST_LOOKS:
            raise TrainingError(
                f"The Dask scheduler at {address} has lost all its workers, with {left} of {len(futures)} jobs not "
                f"done; {START_WORKERS.format(address=address)}."
            )


def _next(ready: queue.SimpleQueue[int]) -> int | None:
    """Number of the next call that has finished; None where none does for a while."""
    try:
        return ready.get(timeout=LOOK_S)
    except queue.Empty:
        return None


def _result(future: Future, address: str) -> tuple[bool, Any]:
    """(True, result), or (False, None) while a result that was lost with its worker is made again."""
    from distributed import CancelledError, KilledWorker

    try:
        return True, future.result(timeout=LOOK_S)
    except TimeoutError:
        if future.status == "error":
            raise
        return False, None
    except KilledWorker as error:
        raise TrainingError(
            f"A job killed each worker of {address} that it was given to, most likely for want of memory; give the "
            "workers more memory or train on fewer days."
        ) from error
    except ImportError as error:
        raise TrainingError(f"A worker of {address} cannot import what a job needs: {error}.") from error
    except CancelledError as error:
        raise TrainingError(f"The Dask scheduler at {address} was lost while jobs ran; start it and repeat.") from error


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """A client of a cluster that has workers, all with the code that runs here.  Raises TrainingError."""
    try:
        from distributed import Client
    except ImportError as error:
        raise TrainingError(
            "--scheduler needs the library distributed: install MinhOS with its extra `research`."
        ) from error
    with _quiet():
        client = _within(CONNECT_S + LOOK_S, lambda: Client(address, timeout=CONNECT_S, set_as_default=False))
        if isinstance(client, BaseException):
            why = _short(client) if isinstance(client, OSError) else "what answers there is something else"
            raise TrainingError(
                f"No Dask scheduler answers at {address} ({why}); `dask scheduler` starts one."
            ) from client
        with client:
            _check(client, address)
            yield client


def _check(client: Client, address: str) -> None:
    """Workers are there with the code that runs here, and the scheduler can read it.  Raises TrainingError."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError as error:
        raise TrainingError(
            f"The Dask scheduler at {address} has no workers; {START_WORKERS.format(address=address)}."
        ) from error
    _answered("The scheduler", address, _within(ANSWER_S, lambda: client.run_on_scheduler(_asked)))
    workers = _within(ANSWER_S, lambda: client.run(_asked, on_error="return"))
    for worker, found in _answered("A worker of", address, workers).items():
        _compare(worker, _answered("The worker", worker, found))


def _within(seconds: float, question: Callable[[], Any]) -> Any:
    """The answer, or the exception instead of one; Dask itself would wait for ever for a peer that says nothing."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(question())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return TimeoutError(f"nothing was said within {seconds:.0f} s")


def _asked() -> dict[str, str]:
    """`fingerprint` of the process that is asked; found there by this name."""
    return fingerprint()


def _answered(who: str, address: str, found: Any) -> Any:
    """What was found; raises TrainingError where that is an exception."""
    if not isinstance(found, BaseException):
        return found
    if "No module named" in str(found):
        raise TrainingError(
            f"{who} {address} cannot import MinhOS; start it in an environment with the same MinhOS as here."
        )
    raise TrainingError(f"{who} {address} does not answer: {_short(found)}.")


def _compare(worker: str, theirs: Mapping[str, str]) -> None:
    """Raises TrainingError where the worker has other code or libraries than this process."""
    different = [
        f"{name} {theirs.get(name, 'is absent')} instead of {ours}"
        for name, ours in fingerprint().items()
        if theirs.get(name) != ours
    ]
    if different:
        raise TrainingError(
            f"The worker {worker} would not give the same results: {', '.join(different)}; install the same there as "
            "here and start it again."
        )


def _workers(client: Client, address: str) -> int:
    """How many workers there are.  Raises TrainingError where the scheduler itself is gone."""
    try:
        return len(client.scheduler_info()["workers"])
    except Exception as error:
        raise TrainingError(f"The Dask scheduler at {address} was lost while jobs ran: {_short(error)}.") from error


@cache
def fingerprint() -> dict[str, str]:
    """What decides the results of a call in this process: Python, libraries, and a hash of MinhOS's source.

    Taken once, so that a worker that was started before an update tells of the code that it has loaded.
    """
    found = {"Python": ".".join(platform.python_version_tuple()[:2]), "MinhOS": minhos.__version__}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "none"
    root = Path(minhos.__file__).parent
    source = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        source.update(path.relative_to(root).as_posix().encode() + path.read_bytes().replace(b"\r\n", b"\n"))
    return {**found, "source of MinhOS": source.hexdigest()[:8]}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Dask's own log lines: what matters of them is raised in words."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.core")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _short(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
