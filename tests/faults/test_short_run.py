"""The short run of `minh.py bench faults`: a dozen rounds over real processes, really killed."""

import json
import multiprocessing
import subprocess
import sys

import pytest

ROUNDS = 4


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="without fork it takes minutes")
def test_a_dozen_rounds_end_with_both_sides_agreed(tmp_path):
    command = [
        sys.executable,
        "-m",
        "minhos.cli",
        "bench",
        "faults",
        "--quick",
        "--rounds",
        str(ROUNDS),
        "--seed",
        "7",
        "--json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    figures = {figure["name"]: figure for figure in json.loads(done.stdout)["figures"]}
    assert figures["rounds"]["value"] == ROUNDS
    assert figures["kills"]["value"] >= 1
    broken = {name: figure["value"] for name, figure in figures.items() if figure["target"] == 0 and figure["value"]}
    assert broken == {}, done.stderr
    assert sum(figure["target"] == 0 for figure in figures.values()) == 12
    assert figures["order_out_p99_ms"]["value"] > 0.0


def test_rounds_are_of_the_fault_bench_alone():
    command = [sys.executable, "-m", "minhos.cli", "bench", "features", "--rounds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "bench features has no --rounds" in done.stderr
