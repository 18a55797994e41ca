"""Calls side by side: the same results wherever they run, also when workers are killed, and one sentence otherwise."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from minhos.errors import NotEnoughData, TrainingError
from minhos.parallel import calls as parallel
from minhos.parallel import cluster
from minhos.parallel.calls import run_calls

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.fixture(scope="module")
def two_workers():
    """Address of a scheduler with two workers of one thread, which come back when they are killed."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started.scheduler_address


@pytest.fixture(autouse=True)
def versions(monkeypatch):
    """Of Python, the libraries and MinhOS here; the source is not compared, or to save a file would fail the tests."""
    real = cluster.fingerprint

    def without_source(libraries: tuple[str, ...]) -> dict[str, str]:
        return {name: version for name, version in real(libraries).items() if "source" not in name}

    monkeypatch.setattr(cluster, "fingerprint", without_source)


@pytest.fixture(params=["processes", "cluster"])
def place(request) -> dict:
    """Where calls run."""
    if request.param == "processes":
        return {"processes": 2}
    return {"scheduler": request.getfixturevalue("two_workers")}


def weighted(values: np.ndarray, i: int, factor: float) -> float:
    return float(values[i] * factor)


def slowest_first(i: int) -> int:
    time.sleep(0.3 if i == 0 else 0.0)
    return i


def killed_the_first_time(values: np.ndarray, folder: str, i: int) -> float:
    """The first call takes its worker with it, once."""
    tried = Path(folder) / str(i)
    if i == 0 and not tried.exists():
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return float(values[: i + 1].sum())


def always_killed(i: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refused(i: int) -> int:
    if i == 1:
        raise NotEnoughData("2 bars are missing.")
    return i


def test_results_come_in_the_order_of_the_arguments_and_each_is_reported(place):
    shared, arguments = np.arange(10.0), [(i, 0.5) for i in range(10)]
    told = []
    results = run_calls(
        weighted,
        arguments,
        shared=shared,
        progress=lambda share, words: told.append((share, words)),
        describe=lambda argument, result: f"{argument[0]} gave {result}",
        **place,
    )
    assert results == [0.5 * i for i in range(10)]
    assert [share for share, _ in told] == [(i + 1) / 10 for i in range(10)]
    assert {words for _, words in told} == {f"{i} gave {0.5 * i}" for i in range(10)}
    assert run_calls(slowest_first, [(i,) for i in range(4)], **place) == [0, 1, 2, 3]
    assert run_calls(weighted, [], shared=shared, **place) == []


def test_what_a_call_raises_is_raised(place):
    with pytest.raises(NotEnoughData, match=r"^2 bars are missing\.$"):
        run_calls(refused, [(i,) for i in range(3)], **place)


@posix
def test_calls_of_killed_workers_run_again(place, tmp_path):
    values = np.arange(200_000.0)
    results = run_calls(killed_the_first_time, [(str(tmp_path), i) for i in range(6)], shared=values, **place)
    assert results == [i * (i + 1) / 2 for i in range(6)]
    assert (tmp_path / "0").exists()


@posix
def test_a_call_that_kills_every_process_ends_in_a_sentence():
    with pytest.raises(TrainingError, match="killed 3 times in a row, most likely for want of memory"):
        run_calls(always_killed, [(0,)], processes=2)


@posix
def test_a_call_that_kills_every_worker_ends_in_a_sentence():
    import dask
    from distributed import LocalCluster

    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})
    named = pytest.raises(TrainingError, match=r"A job killed each worker .*, most likely for want of memory")
    with once, LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as one, named:
        run_calls(always_killed, [(0,)], scheduler=one.scheduler_address)


@pytest.mark.parametrize("address", ["", "here", "localhost:8786", "http://localhost:8786", "tcp://localhost"])
def test_what_is_no_address_is_refused_at_once(address):
    with pytest.raises(TrainingError, match="is no address of a Dask scheduler"):
        run_calls(pow, [(2, 3)], scheduler=address)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_nobody_there_a_silent_peer_and_a_cluster_without_workers_are_named(monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    monkeypatch.setattr(cluster, "LOOK_S", 1)
    with pytest.raises(TrainingError, match=r"No Dask scheduler answers at tcp://127.0.0.1"):
        run_calls(pow, [(2, 3)], scheduler=f"tcp://127.0.0.1:{free_port()}")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TrainingError, match=r"No Dask scheduler answers .*nothing was said within 2 s"):
            run_calls(pow, [(2, 3)], scheduler=address)
    no_workers = pytest.raises(TrainingError, match="has no workers; `dask worker tcp://")
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty, no_workers:
        run_calls(pow, [(2, 3)], scheduler=empty.scheduler_address)


@pytest.mark.parametrize("name", ["numpy", "source of MinhOS"])
def test_a_worker_with_other_libraries_or_code_is_named(two_workers, monkeypatch, name):
    monkeypatch.setattr(cluster, "fingerprint", lambda libraries: {name: "ours"})
    with pytest.raises(TrainingError, match=rf"The worker tcp://\S+ would not give the same results: {name} .* ours;"):
        run_calls(pow, [(2, 3)], scheduler=two_workers)


@contextmanager
def worker_of(address: str, folder: Path, *options: str, path: str) -> Iterator[None]:
    """A worker process as a user starts it, without a nanny: once killed it stays away."""
    command = [sys.executable, *options, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--no-dashboard"]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.kill()


def test_a_worker_without_minhos_is_named(tmp_path):
    from distributed import LocalCluster

    named = pytest.raises(TrainingError, match=r"The worker .* cannot import MinhOS")
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        address = empty.scheduler_address
        # -S: the library folder is there, and what links MinhOS into it is not read.
        with worker_of(address, tmp_path, "-S", path=sysconfig.get_paths()["purelib"]), named:
            run_calls(pow, [(2, 3)], scheduler=address)


@posix
def test_a_cluster_that_loses_its_last_worker_for_good_is_named(tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "LOOK_S", 0.2)
    named = pytest.raises(TrainingError, match="has lost all its workers, with 1 of 1 jobs not done")
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        address = empty.scheduler_address
        with worker_of(address, tmp_path, path=str(Path(__file__).parents[2])), named:
            run_calls(killed_the_first_time, [(str(tmp_path), 0)], shared=np.ones(3), scheduler=address)


def test_threads_of_one_worker_take_turns():
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=4, dashboard_address=":0") as threads:
        arguments = [(i,) for i in range(8)]
        assert run_calls(alone_in_its_process, arguments, scheduler=threads.scheduler_address) == [1] * 8


_running: list[int] = []


def alone_in_its_process(i: int) -> int:
    """How many of these calls this process has under way."""
    _running.append(i)
    time.sleep(0.02)
    count = len(_running)
    _running.remove(i)
    return count


def test_without_the_library_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TrainingError, match="--scheduler needs the library distributed"):
        run_calls(pow, [(2, 3)], scheduler="tcp://127.0.0.1:8786")
    assert parallel.run_calls(pow, [(2, 3)], processes=1) == [8]
