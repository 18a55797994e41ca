"""The registry: what is active, who decided it, and that neither rivals nor kill -9 can spoil it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minhos.errors import ModelError
from minhos.models.bundle import verify_bundle
from minhos.models.registry import Registry
from minhos.testing.builders import MONDAY_OPEN, bundle_contents

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def save(registry: Registry, k: int, **changes) -> str:
    return registry.save(bundle_contents(seed=k, created_ns=MONDAY_OPEN + k * HOUR_NS, **changes)).id


def statuses(registry: Registry) -> dict[str, str]:
    return {info.id: info.status for info in registry.list()}


def test_an_empty_registry_has_nothing_and_creates_nothing(registry: Registry) -> None:
    assert list(registry.list()) == []
    assert registry.active("NQ") is None
    assert not registry.root.exists()


def test_saving_makes_a_candidate_and_promoting_makes_it_active(registry: Registry) -> None:
    one, two = save(registry, 1), save(registry, 2)
    assert statuses(registry) == {two: "candidate", one: "candidate"}
    assert [info.id for info in registry.list()] == [two, one]
    registry.promote(one, "anna", 1)
    assert registry.promote(two, "trainer", 2).id == two
    active = registry.active("NQ")
    assert active is not None
    assert (active.id, active.status, active.why) == (two, "active", "promoted by trainer")
    assert statuses(registry) == {two: "active", one: "previous"}


def test_rollback_goes_back_one_at_a_time(registry: Registry) -> None:
    one, two, three = (save(registry, k) for k in (1, 2, 3))
    for k, bundle_id in enumerate((one, two, three)):
        registry.promote(bundle_id, "trainer", k)
    assert registry.rollback("NQ", "anna", 10).id == two
    assert statuses(registry) == {three: "candidate", two: "active", one: "previous"}
    assert registry.rollback("NQ", "anna", 11).id == one
    with pytest.raises(ModelError, match="no earlier bundle for NQ"):
        registry.rollback("NQ", "anna", 12)
    registry.promote(three, "anna", 13)
    assert registry.rollback("NQ", "anna", 14).id == one
    told = [(change.action, change.id, change.who, change.time_ns) for change in registry.history("NQ")]
    assert told[3:] == [
        ("rollback", two, "anna", 10),
        ("rollback", one, "anna", 11),
        ("promote", three, "anna", 13),
        ("rollback", one, "anna", 14),
    ]


def test_promoting_the_active_bundle_again_changes_nothing(registry: Registry) -> None:
    one = save(registry, 1)
    registry.promote(one, "trainer", 1)
    registry.promote(one, "trainer", 2)
    assert len(registry.history("NQ")) == 1


def test_scopes_do_not_touch_each_other(registry: Registry) -> None:
    real, simulated, other = (
        save(registry, 1),
        save(registry, 2, simulated=True),
        save(registry, 3, instrument_root="ES"),
    )
    for bundle_id in (real, simulated, other):
        registry.promote(bundle_id, "trainer", 1)
    actives = {scope: registry.active(scope) for scope in ("NQ", "simulated/NQ", "ES", "simulated/ES")}
    assert {scope: info and info.id for scope, info in actives.items()} == {
        "NQ": real,
        "simulated/NQ": simulated,
        "ES": other,
        "simulated/ES": None,
    }
    with pytest.raises(ModelError, match="'simulated' is no scope"):
        registry.active("simulated")


def test_a_damaged_bundle_is_listed_with_the_reason_and_never_promoted(registry: Registry) -> None:
    one, two = save(registry, 1), save(registry, 2)
    registry.promote(one, "trainer", 1)
    registry.promote(two, "trainer", 2)
    (registry.bundles / one / "lstm.onnx").write_bytes(b"nothing")
    last = registry.list()[-1]
    assert (last.id, last.status) == (one, "damaged")
    assert "lstm.onnx has 7 bytes" in last.why
    with pytest.raises(ModelError, match="damaged"):
        registry.promote(one, "anna", 3)
    with pytest.raises(ModelError, match="damaged"):
        registry.rollback("NQ", "anna", 3)
    active = registry.active("NQ")
    assert active is not None
    assert active.id == two


def test_unknown_ids_and_a_broken_pointer_file_are_refused_in_words(registry: Registry) -> None:
    for wrong in ("NQ-1", "../models", ""):
        with pytest.raises(ModelError, match="models list"):
            registry.promote(wrong, "anna", 1)
    registry.promote(save(registry, 1), "anna", 1)
    pointers = registry.root / "active.json"
    pointers.write_bytes(pointers.read_bytes()[:-20])
    with pytest.raises(ModelError, match="restore it from a backup"):
        registry.active("NQ")
    pointers.write_text('{"format":1,"scopes":{"NQ":[{"action":"rollback","id":"a","who":"b","time_ns":1}]}}')
    with pytest.raises(ModelError, match="contradictory"):
        registry.active("NQ")


WRITER = """
import sys
from pathlib import Path
from minhos.models.registry import Registry
from minhos.testing.builders import MONDAY_OPEN, bundle_contents
registry = Registry(Path(sys.argv[1]))
first, rounds = int(sys.argv[2]), int(sys.argv[3])
contents = [bundle_contents(seed=k, created_ns=MONDAY_OPEN + k * 10**9) for k in range(first, first + rounds)]
print("ready", flush=True)
for k, content in enumerate(contents):
    registry.promote(registry.save(content).id, f"writer {first}", k)
"""


def writer(registry: Registry, first: int, rounds: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(registry.root), str(first), str(rounds)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_killed_writer_leaves_the_old_state_or_the_new_one(registry: Registry) -> None:
    rng = random.Random(0)
    for k in range(6):
        process = writer(registry, 1000 * k, 300)
        time.sleep(rng.uniform(0.0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        infos = registry.list()
        assert all(info.status != "damaged" for info in infos)
        assert sum(info.status == "active" for info in infos) == (1 if registry.history("NQ") else 0)
    survivor = save(registry, 99)
    assert registry.promote(survivor, "anna", 1).id == survivor
    assert [entry.name for entry in registry.bundles.iterdir() if entry.name.startswith(".")] == []


def test_rivals_lose_no_promotion(registry: Registry) -> None:
    rivals = [writer(registry, 1000 * k, 15) for k in range(3)]
    for rival in rivals:
        assert rival.wait() == 0
        assert rival.stdout is not None
        rival.stdout.close()
    assert len(registry.history("NQ")) == len(registry.list()) == 45
    for info in registry.list():
        verify_bundle(info.path)
