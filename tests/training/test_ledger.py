"""The trial ledger: distinct configurations count once, on all data that overlap."""

from __future__ import annotations

import random

import pytest

from minhos.errors import TrainingError
from minhos.training.ledger import DataRange, TrialLedger, configuration_hash

SPRING = DataRange("NQ", 100, 200)


def test_reruns_do_not_count_and_changes_do(tmp_path):
    ledger = TrialLedger(tmp_path / "ledger.sqlite")
    assert ledger.record(SPRING, "recipe-a", {"threshold": 0.6, "z": 1}, kind="backtest", at_ns=1)
    assert not ledger.record(SPRING, "recipe-a", {"z": 1, "threshold": 0.6}, kind="backtest", at_ns=2)
    assert ledger.record(SPRING, "recipe-a", {"threshold": 0.5, "z": 1}, kind="backtest", at_ns=3)
    assert ledger.record(SPRING, "recipe-b", {"threshold": 0.6, "z": 1}, kind="train", at_ns=4, sharpe_ratio=0.1)
    assert TrialLedger(tmp_path / "ledger.sqlite").count(SPRING) == 3
    assert [trial.at_ns for trial in ledger.trials(SPRING)] == [1, 3, 4]
    assert ledger.trials(SPRING)[2].sharpe_ratio == 0.1


def test_trials_on_overlapping_bars_count_and_others_do_not(tmp_path):
    ledger = TrialLedger(tmp_path / "ledger.sqlite")
    ledger.record(SPRING, "a", {}, kind="train", at_ns=1)
    ledger.record(DataRange("NQ", 150, 300), "b", {}, kind="train", at_ns=2)
    ledger.record(DataRange("NQ", 150, 300), "a", {}, kind="train", at_ns=3)
    ledger.record(DataRange("NQ", 150, 300, simulated=True), "c", {}, kind="train", at_ns=4)
    ledger.record(DataRange("ES", 150, 300), "d", {}, kind="train", at_ns=5)
    assert ledger.count(SPRING) == 2, "a twice, b once"
    assert ledger.count(DataRange("NQ", 0, 99)) == 0
    assert ledger.count(DataRange("NQ", 300, 400)) == 2


def test_the_hash_is_of_recipe_and_settings():
    assert configuration_hash("a", {"x": 1, "y": 2}) == configuration_hash("a", {"y": 2, "x": 1})
    assert configuration_hash("a", {"x": 1}) != configuration_hash("b", {"x": 1})
    assert configuration_hash("a", {"x": 1}) != configuration_hash("a", {"x": 2})


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_ledger_is_a_sentence_with_a_way_out_or_reads_as_it_was(tmp_path, seed):
    path, rng = tmp_path / "ledger.sqlite", random.Random(seed)
    ledger = TrialLedger(path)
    for i in range(60):
        ledger.record(SPRING, f"recipe-{i}", {"threshold": 0.6}, kind="train", at_ns=i)
    content = bytearray(path.read_bytes())
    for _ in range(8):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    try:
        TrialLedger(path).trials(SPRING)
    except TrainingError as error:
        said = str(error)
    else:
        said = f"{path} move"
    assert str(path) in said
    assert "move" in said or "check" in said
