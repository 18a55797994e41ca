"""Fits on a cluster and in processes: the same members to the bit, also when a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from user_parts import example, loaded

from minhos.parallel import cluster
from minhos.training.jobs import Job, run_job, run_jobs
from minhos.training.process import TrainingJob, run, save_bars
from minhos.training.recipe import Recipe
from minhos.training.train import prepare

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.fixture(scope="module")
def local():
    """A cluster of two workers of one thread; the last test kills one of them."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        yield started


@pytest.fixture
def two_workers(local):
    """Address of its scheduler."""
    return local.scheduler_address


@pytest.fixture(autouse=True)
def versions(monkeypatch):
    """Of Python and the libraries; the source is not compared, or to save a file would fail the tests."""
    real = cluster.fingerprint

    def without_source(libraries: tuple[str, ...]) -> dict[str, str]:
        return {name: version for name, version in real(libraries).items() if "source" not in name}

    monkeypatch.setattr(cluster, "fingerprint", without_source)


def test_jobs_give_the_same_to_the_bit_here_in_processes_and_on_a_cluster(
    market, calendar, small_recipe: Recipe, two_workers
):
    data, fit, unseen = prepare(market.bars, calendar, small_recipe)
    members = ("xgboost", "lightgbm", "lightgbm")
    jobs = [
        Job(member, f"fold {seed}", small_recipe.parameters[member], seed, fit[300:800], fit[:200], unseen[:100])
        for seed, member in enumerate(members)
    ]
    here = [run_job(data, job) for job in jobs]
    for place in ({"processes": 2}, {"scheduler": two_workers}):
        for one, other in zip(here, run_jobs(data, jobs, **place), strict=True):
            assert other.error == ""
            assert (one.p_up == other.p_up).all()
            assert one.rounds == other.rounds


def test_a_worker_of_a_cluster_has_the_user_s_file_for_the_calls_and_no_longer(
    market, calendar, small_recipe: Recipe, two_workers, tmp_path
):
    text = example("feature_overnight") + example("member_logistic")
    with loaded(tmp_path, text):
        data, fit, unseen = prepare(market.bars, calendar, small_recipe)
        job = Job("logistic", "final", {"C": 0.01}, 1, fit[300:800], fit[:0], unseen[:100], for_bundle=True)
        here = run_job(data, job)
        (there,) = run_jobs(data, [job], scheduler=two_workers)
    assert here.error == here.not_exported == there.error == there.not_exported == ""
    assert (here.p_up == there.p_up).all()
    assert here.file == there.file
    (without,) = run_jobs(data, [job], scheduler=two_workers)
    assert without.error.startswith("PartsError: No member is called 'logistic'; there are lstm, ")


@posix
@pytest.mark.slow
def test_a_training_process_on_a_cluster_trains_the_same_five_members_though_a_worker_is_killed(
    market, small_recipe: Recipe, local, tmp_path
):
    save_bars(market.bars, tmp_path / "bars.npz")
    victim = next(worker.process.pid for worker in local.workers.values())
    recipe = msgspec.structs.replace(small_recipe, n_folds=3)
    run(job_of(tmp_path / "here.json", recipe))
    train_and_kill(job_of(tmp_path / "there.json", recipe, local.scheduler_address), victim)
    here, there = (json.loads((tmp_path / name).read_text()) for name in ("here.json", "there.json"))
    assert without(there, "cpu_s", "bundle_id") == without(here, "cpu_s", "bundle_id")
    assert victim not in [worker.process.pid for worker in local.workers.values()]


def job_of(result: Path, recipe: Recipe, scheduler: str | None = None) -> TrainingJob:
    folder = result.parent
    names = (str(folder / "bars.npz"), str(folder / "registry"), str(result))
    return TrainingJob(*names, recipe=recipe, processes=1, scheduler=scheduler)


def train_and_kill(job: TrainingJob, victim: int) -> None:
    """The job in `minhos.training.process`, the worker killed once a fit is done."""
    told, killed = Path(job.result).with_suffix(".job"), False
    told.write_bytes(msgspec.json.encode(job))
    command = [sys.executable, "-m", "minhos.training.process", str(told)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if not killed and "fold" in json.loads(line).get("message", ""):
                os.kill(victim, signal.SIGKILL)
                killed = True
    assert process.returncode == 0, line
    assert killed


def without(value, *keys: str):
    """The same JSON without those keys, however deep."""
    if isinstance(value, dict):
        return {key: without(inner, *keys) for key, inner in value.items() if key not in keys}
    return [without(inner, *keys) for inner in value] if isinstance(value, list) else value
