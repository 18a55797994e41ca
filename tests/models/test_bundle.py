"""A bundle is whole or refused, whatever byte is changed and whenever its writer is killed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minhos.errors import ModelError
from minhos.models.bundle import BundleContents, load_bundle, write_bundle
from minhos.testing.builders import MONDAY_OPEN, bundle_contents

CONTENTS = bundle_contents()
FEATURES = {"feature_names": CONTENTS.feature_names, "feature_version": CONTENTS.feature_version}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(CONTENTS, tmp_path_factory.mktemp("bundles")).path


@pytest.fixture
def path(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / pristine.name))


def test_what_is_written_is_read(path: Path) -> None:
    bundle = load_bundle(path, **FEATURES)
    assert bundle.members == CONTENTS.members
    for name in BundleContents.__struct_fields__:
        if name != "members":
            assert getattr(bundle.manifest, name) == getattr(CONTENTS, name)
    info = bundle.info
    assert (info.id, info.scope, info.verdict, info.created_ns) == (path.name, "NQ", "edge", MONDAY_OPEN)
    assert set(info.members) == set(CONTENTS.members)


def test_the_id_names_scope_time_and_contents(path: Path) -> None:
    assert re.fullmatch(r"NQ-20251006T133000Z-[0-9a-f]{12}", path.name)
    other = write_bundle(bundle_contents(seed=1, simulated=True), path.parent)
    assert re.fullmatch(r"simulated-NQ-20251006T133000Z-[0-9a-f]{12}", other.id)
    assert other.id[-12:] != path.name[-12:]


def test_the_same_contents_are_written_once(path: Path) -> None:
    before = (path / "manifest.json").stat().st_mtime_ns
    assert write_bundle(CONTENTS, path.parent).id == path.name
    assert (path / "manifest.json").stat().st_mtime_ns == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255), st.integers(0, 5))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_changed_byte_anywhere_is_refused(
    pristine: Path, tmp_path: Path, where: float, flip: int, which: int
) -> None:
    path = tmp_path / pristine.name
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(pristine, path)
    file = sorted(path.iterdir())[which]
    data = bytearray(file.read_bytes())
    data[int(where * len(data))] ^= flip
    file.write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        load_bundle(path, **FEATURES)


def test_truncated_missing_extra_and_renamed_are_refused_in_words(path: Path) -> None:
    member = path / "lstm.onnx"
    whole = member.read_bytes()
    member.write_bytes(whole[:-1])
    with pytest.raises(ModelError, match=f"lstm.onnx has {len(whole) - 1} bytes instead of {len(whole)}"):
        load_bundle(path, **FEATURES)
    member.unlink()
    with pytest.raises(ModelError, match=r"lstm\.onnx is missing"):
        load_bundle(path, **FEATURES)
    member.write_bytes(whole)
    (path / "code.pickle").write_bytes(b"")
    with pytest.raises(ModelError, match=r"code\.pickle, which its manifest does not name"):
        load_bundle(path, **FEATURES)
    (path / "code.pickle").unlink()
    load_bundle(path, **FEATURES)
    renamed = path.rename(path.with_name("ES-" + path.name))
    with pytest.raises(ModelError, match=f"its name is {path.name}"):
        load_bundle(renamed, **FEATURES)
    with pytest.raises(ModelError, match="There is no bundle at"):
        load_bundle(path, **FEATURES)


def test_other_features_are_refused_in_words(path: Path) -> None:
    with pytest.raises(ModelError, match="of version 1, these are of version 2"):
        load_bundle(path, feature_names=CONTENTS.feature_names, feature_version="2")
    with pytest.raises(ModelError, match="differ in hour, minute"):
        load_bundle(path, feature_names=("momentum", "volume", "minute"), feature_version="1")
    with pytest.raises(ModelError, match="the order differs"):
        load_bundle(path, feature_names=CONTENTS.feature_names[::-1], feature_version="1")


def test_a_manifest_of_another_format_is_refused(path: Path) -> None:
    from minhos.models.bundle import Manifest, _id_of

    manifest = msgspec.json.decode((path / "manifest.json").read_bytes(), type=Manifest)
    newer = msgspec.structs.replace(manifest, format=2)
    raw = msgspec.json.encode(newer)
    (path / "manifest.json").write_bytes(raw)
    with pytest.raises(ModelError, match="has format 2, this version of MinhOS reads 1"):
        load_bundle(path.rename(path.with_name(_id_of(newer, raw))), **FEATURES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"members": {}}, "no model at all"),
        ({"members": {"../lstm": b""}}, "cannot name a model"),
        ({"weights": {"lstm": 1.0}}, "has weight None"),
        ({"weights": dict.fromkeys(CONTENTS.weights, 0.0)}, "add up to nothing"),
        ({"weights": dict.fromkeys(CONTENTS.weights, float("nan"))}, "has weight nan"),
        ({"window": 0}, "window of 0 rows"),
        ({"feature_names": ("a", "a", "b")}, "named twice"),
        ({"seeds": ("one",)}, "not valid"),
        ({"report": {"what": object()}}, "not object"),
    ],
)
def test_contradictory_contents_are_not_written(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        write_bundle(msgspec.structs.replace(CONTENTS, **changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_numpy_in_a_report_become_plain(tmp_path: Path) -> None:
    report = {"verdict": "no_edge", "accuracy": np.float64(0.5), "by_hour": np.arange(3), "n": np.int64(7)}
    info = write_bundle(msgspec.structs.replace(CONTENTS, report=report), tmp_path)
    plain = {"verdict": "no_edge", "accuracy": 0.5, "by_hour": [0, 1, 2], "n": 7}
    assert load_bundle(info.path, **FEATURES).manifest.report == plain
