"""Calls on a Dask cluster, so that a killed worker, a lost machine or a foreign version never changes a result.

The shared value is the result of a task, not scattered data: when the worker that holds it dies, the scheduler makes
it again for the calls that need it.  The scheduler and all workers must run the code and the libraries that run here.
Not for starting clusters: `dask scheduler` and `dask worker` do that.
"""

from __future__ import annotations

import logging
import queue
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from minhos.errors import TrainingError
from minhos.parallel.call import Work
from minhos.parallel.fingerprint import fingerprint

if TYPE_CHECKING:
    from distributed import Client, Future

Result = TypeVar("Result")

CONNECT_S = 10
"""So long an address may take to answer, and a scheduler to name its first worker."""
ANSWER_S = 60
"""So long they may take to say what code they have: a worker first imports it, and may be at work for others."""
LOOK_S = 5
"""So often the cluster is looked at while no call finishes."""
LOST_LOOKS = 12
"""So many looks in a row may find no worker: those that a supervisor starts again are back long before."""
START_WORKERS = "`dask worker {address} --nworkers 4 --nthreads 1` in MinhOS's environment starts four"


def on_cluster(
    work: Work[Result], arguments: Sequence[Sequence[object]], address: str, shared: object
) -> Iterator[tuple[int, Result]]:
    """Number and result of each call, as they finish; `calls.run_calls` has the rules."""
    with _connected(address, work.libraries) as client:
        run, name = uuid.uuid4().hex, getattr(work.function, "__name__", "call")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            held = None if shared is None else client.submit(_hold, shared, key=f"shared-{run}")
            futures: list[Future[Result]] = [
                client.submit(_alone, work, held, argument, key=f"{name}-{run}-{i}")
                for i, argument in enumerate(arguments)
            ]
        try:
            yield from _as_they_finish(client, futures, address)
        finally:
            client.cancel(futures)  # type: ignore[no-untyped-call]  # distributed leaves it without types


def _hold(value: object) -> object:
    return value


_one_at_a_time = threading.Lock()


def _alone(work: Work[Result], shared: object, argument: Sequence[object]) -> Result:
    """One call in a worker.  One at a time: seeds and numbers of threads belong to the process, not to the thread."""
    with _one_at_a_time:
        return work.call(shared, argument)


def _as_they_finish(client: Client, futures: Sequence[Future[Result]], address: str) -> Iterator[tuple[int, Result]]:
    ready: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number, future in enumerate(futures):
        # distributed leaves it without types
        future.add_done_callback(lambda _, number=number: ready.put(number))  # type: ignore[no-untyped-call]
    left, looks_without_worker = len(futures), 0
    while left:
        i = _next(ready)
        if i is not None:
            try:
                result = _result(futures[i], address)
            except _NotReady:
                ready.put(i)
            else:
                left, looks_without_worker = left - 1, 0
                yield i, result
                continue
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


class _NotReady(Exception):
    """A result that was lost with its worker is being made again."""


def _result(future: Future[Result], address: str) -> Result:
    """Raises _NotReady while it is made again, TrainingError, and whatever the call raised."""
    from distributed import CancelledError, KilledWorker

    try:
        return future.result(timeout=LOOK_S)
    except TimeoutError as error:
        if future.status == "error":
            raise
        raise _NotReady from error
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
def _connected(address: str, libraries: tuple[str, ...]) -> Iterator[Client]:
    """A client of a cluster that has workers, all with the code that runs here.  Raises TrainingError."""
    try:
        from distributed import Client
    except ImportError as error:
        raise TrainingError(
            "--scheduler needs the library distributed: install MinhOS with its extra `research`."
        ) from error

    def connect() -> Client:
        # distributed leaves it without types
        return Client(address, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]

    with _quiet():
        client = _within(CONNECT_S + LOOK_S, connect)
        if isinstance(client, Exception):
            why = _short(client) if isinstance(client, OSError) else "what answers there is something else"
            raise TrainingError(
                f"No Dask scheduler answers at {address} ({why}); `dask scheduler` starts one."
            ) from client
        with client:
            _check(client, address, libraries)
            yield client


def _check(client: Client, address: str, libraries: tuple[str, ...]) -> None:
    """Workers are there with the code that runs here, and the scheduler can read it.  Raises TrainingError."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError as error:
        raise TrainingError(
            f"The Dask scheduler at {address} has no workers; {START_WORKERS.format(address=address)}."
        ) from error

    def of_scheduler() -> Mapping[str, str]:
        # distributed leaves it without types
        return client.run_on_scheduler(_asked, libraries)  # type: ignore[no-untyped-call,no-any-return]

    def of_workers() -> Mapping[str, Mapping[str, str] | Exception]:
        return client.run(_asked, libraries, on_error="return")  # type: ignore[no-any-return]  # of any function's

    _answered("The scheduler", address, _within(ANSWER_S, of_scheduler))
    for worker, found in _answered("A worker of", address, _within(ANSWER_S, of_workers)).items():
        _compare(worker, _answered("The worker", worker, found), libraries)


def _within(seconds: float, question: Callable[[], Result]) -> Result | Exception:
    """The answer, or the exception instead of one; Dask itself would wait for ever for a peer that says nothing."""
    answers: queue.SimpleQueue[Result | Exception] = queue.SimpleQueue()

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


def _asked(libraries: tuple[str, ...]) -> dict[str, str]:
    """`fingerprint` of the process that is asked; found there by this name."""
    return fingerprint(libraries)


def _answered(who: str, address: str, found: Result | Exception) -> Result:
    """What was found; raises TrainingError where that is an exception."""
    if not isinstance(found, Exception):
        return found
    if "No module named" in str(found):
        raise TrainingError(
            f"{who} {address} cannot import MinhOS; start it in an environment with the same MinhOS as here."
        )
    raise TrainingError(f"{who} {address} does not answer: {_short(found)}.")


def _compare(worker: str, theirs: Mapping[str, str], libraries: tuple[str, ...]) -> None:
    """Raises TrainingError where the worker has other code or libraries than this process."""
    different = [
        f"{name} {theirs.get(name, 'is absent')} instead of {ours}"
        for name, ours in fingerprint(libraries).items()
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
