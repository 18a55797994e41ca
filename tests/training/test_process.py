"""Training in a process of its own: it reports, it refuses in a sentence, and it can be killed at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from minhos.errors import DataError
from minhos.models.registry import Registry
from minhos.training.process import COLUMNS, TrainingJob, load_bars, save_bars

COMMAND = [sys.executable, "-m", "minhos.training.process"]


def write_job(folder: Path, market, recipe, **changes) -> Path:
    save_bars(market.bars, folder / "bars.npz")
    job = TrainingJob(
        str(folder / "bars.npz"), str(folder / "registry"), str(folder / "result.json"), recipe=recipe, processes=1
    )
    path = folder / "job.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(job, **changes)))
    return path


def messages(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def test_bars_survive_the_file(market, tmp_path):
    save_bars(market.bars, tmp_path / "bars.npz")
    back = load_bars(tmp_path / "bars.npz")
    assert all((getattr(back, name) == getattr(market.bars, name)).all() for name in COLUMNS)
    assert (back.instrument, back.contracts, back.simulated) == (market.bars.instrument, market.bars.contracts, True)
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(DataError, match="cannot be read"):
        load_bars(tmp_path / "other.npz")


def test_it_reports_progress_and_leaves_a_bundle_and_a_report(market, two_trees, tmp_path):
    job = write_job(tmp_path, market, two_trees)
    done = subprocess.run([*COMMAND, str(job)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = messages(done.stdout)
    shares = [message["progress"] for message in said[:-1]]
    assert shares == sorted(shares)
    found = json.loads((tmp_path / "result.json").read_text())
    assert said[-1] == {"verdict": found["verdict"], "bundle_id": found["bundle_id"]}
    assert [info.id for info in Registry(tmp_path / "registry").list()] == [found["bundle_id"]]


def test_a_job_that_cannot_be_done_is_refused_in_a_sentence(tmp_path):
    done = subprocess.run([*COMMAND, str(tmp_path / "none.json")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot be read" in messages(done.stdout)[-1]["error"]
    assert done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_on_the_way_it_leaves_nothing_half_written_and_no_worker(market, two_trees, tmp_path):
    job = write_job(tmp_path, market, two_trees, processes=2)
    with subprocess.Popen([*COMMAND, str(job)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if json.loads(line)["message"].endswith("done"):
                break
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    assert workers
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    assert not (tmp_path / "result.json").exists()
    assert list(Registry(tmp_path / "registry").list()) == []
