"""A feature and a member of the user's file: trained here and in a process of their own, and served."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from user_parts import example, loaded

from minhos import parts
from minhos.errors import ModelError, PartsError, SettingsError
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION, FeaturePipeline, feature_set
from minhos.market.clock import SimulatedClock
from minhos.models.bundle import Bundle, load_bundle
from minhos.models.registry import Registry
from minhos.models.serving import Forecaster
from minhos.training.members import member, names, why_missing
from minhos.training.process import TrainingJob, save_bars
from minhos.training.recipe import DEMO, Recipe, recipe_for
from minhos.training.train import measure, train

NOW = 1_760_000_000_000_000_000
BOTH = (example("feature_overnight"), example("member_logistic"))


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Path]:
    with loaded(tmp_path, *BOTH) as file:
        yield file


def small(recipe: Recipe) -> Recipe:
    """The user's member beside one quick tree, with the user's feature."""
    whole = recipe_for(0, members=("lightgbm", "logistic"))
    parameters = {**whole.parameters, "lightgbm": recipe.parameters["lightgbm"]}
    return msgspec.structs.replace(whole, parameters=parameters, n_folds=2)


def load(path: Path) -> Bundle:
    features = feature_set()
    return load_bundle(path, feature_names=features.names, feature_version=features.version)


def test_recipes_without_parts_keep_their_ids_for_ever(both):
    assert (DEMO.recipe_id, FEATURE_VERSION) == ("6db98b713740", "e6b011fe9568")
    assert recipe_for(100_000, members=DEMO.members).parts != msgspec.UNSET
    with_parts = recipe_for(0)
    assert with_parts.members == (*DEMO.members, "logistic") == names()
    assert set(with_parts.parts) == {"feature overnight_position", "member logistic"}
    assert set(recipe_for(0, members=("lightgbm",)).parts) == {"feature overnight_position"}
    assert with_parts.recipe_id != DEMO.recipe_id
    with pytest.raises(SettingsError, match=r"oracle is no member; choose from lstm, .*, logistic"):
        recipe_for(0, members=("oracle",))


def test_both_are_trained_served_and_refused_when_they_are_gone_or_changed(
    market, calendar, small_recipe, tmp_path, both
):
    registry = Registry(tmp_path / "models")
    result = train(market.bars, calendar, small(small_recipe), registry, processes=1, clock=SimulatedClock(NOW))
    assert result.missing == {}
    assert {m.name for m in result.members} == {"lightgbm", "logistic"}
    (info,) = registry.list()
    bundle = load(info.path)
    assert bundle.manifest.feature_names == (*FEATURE_NAMES, "overnight_position")
    assert bundle.manifest.parts == parts.identities(parts.features, parts.members)
    forecaster, pipeline = Forecaster(bundle), FeaturePipeline(market.bars.instrument, calendar)
    observations = [one for bar in market.bars.rows(slice(0, 400)) if (one := pipeline.update(bar)) is not None]
    assert set(forecaster.forecast(observations[-1]).members) == {"lightgbm", "logistic"}

    with loaded(tmp_path, BOTH[0]):
        assert load(info.path).members.keys() == bundle.members.keys(), "a member is an ONNX file"
    with loaded(tmp_path, BOTH[0].replace("2 * seen", "3 * seen")), pytest.raises(ModelError) as changed:
        load(info.path)
    assert "was trained with the feature overnight_position in another form (1+" in str(changed.value)
    with loaded(tmp_path, BOTH[1]), pytest.raises(ModelError) as gone:
        load(info.path)
    assert "was trained with the feature overnight_position (1+" in str(gone.value)
    assert "which this process does not have: put [user] file in minhos.toml back" in str(gone.value)


def test_a_model_without_parts_is_refused_where_a_feature_runs(market, calendar, two_trees, tmp_path):
    registry = Registry(tmp_path / "models")
    train(market.bars, calendar, two_trees, registry, processes=1, clock=SimulatedClock(NOW))
    (info,) = registry.list()
    assert b'"parts"' not in (info.path / "manifest.json").read_bytes()
    with loaded(tmp_path, BOTH[0]), pytest.raises(ModelError, match="this process has the feature overnight_position"):
        load(info.path)


SERVE = """
import sys
from pathlib import Path
from minhos import parts
from minhos.assembly.trading import load_model
from minhos.models.registry import Registry
parts.load(Path(sys.argv[1]))
(info,) = Registry(Path(sys.argv[2])).list()
_, forecaster = load_model(info, 0)
forecaster.warm()
heavy = {"sklearn", "torch", "onnx", "minhos.training.ours"}
print(sorted(forecaster.bundle.members), sorted(heavy & set(sys.modules)))
"""


def test_the_training_process_has_the_parts_and_the_trader_needs_no_library_of_theirs(
    market, small_recipe, tmp_path, both
):
    save_bars(market.bars, tmp_path / "bars.npz")
    job = TrainingJob(
        str(tmp_path / "bars.npz"),
        str(tmp_path / "models"),
        str(tmp_path / "result.json"),
        recipe=small(small_recipe),
        processes=1,
        parts=parts.loaded(),
    )
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(job))
    command = [sys.executable, "-m", "minhos.training.process", str(tmp_path / "job.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = msgspec.json.decode((tmp_path / "result.json").read_bytes())
    assert {m["name"] for m in report["members"]} == {"lightgbm", "logistic"}
    command = [sys.executable, "-c", SERVE, str(both), str(tmp_path / "models")]
    served = subprocess.run(command, capture_output=True, text=True, check=False)
    assert served.stdout.strip() == "['lightgbm', 'logistic'] []", served.stderr


def test_a_file_that_does_not_load_ends_a_training_in_one_sentence(market, small_recipe, tmp_path):
    broken = parts.Source("my_parts.py", "from minhos import parts\n1 / 0\n")
    job = TrainingJob(str(tmp_path / "bars.npz"), str(tmp_path), str(tmp_path / "result.json"), parts=broken)
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(job))
    command = [sys.executable, "-m", "minhos.training.process", str(tmp_path / "job.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert "my_parts.py:2: your parts cannot be loaded (ZeroDivisionError" in msgspec.json.decode(done.stdout)["error"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((".fit(train.rows, ", ".fit(train.rows[:, :0], "), "failed: ValueError"),
        ((".predict_proba(sample.rows)[:, 1]", ".predict_proba(sample.rows)"), "failed: it gave an array of"),
        (("[:, 1]", "[:, 1] * np.nan"), "failed: it forecast a value that is not finite"),
        (("[:, 1]", "[:, 0]"), "its ONNX file differs from the library by"),
        ((".SerializeToString()", ".graph"), "it could not be written as ONNX: TypeError"),
    ],
)
def test_a_member_that_is_wrong_is_named_with_its_line_and_the_rest_goes_on(
    market, calendar, small_recipe, tmp_path, changes, words
):
    with loaded(tmp_path, BOTH[1].replace(*changes)) as file:
        result, fitted = measure(market.bars, calendar, small(small_recipe), processes=1)
    assert list(fitted.files) == ["lightgbm"]
    assert words in result.missing["logistic"]
    assert f"({file}:" in result.missing["logistic"] or "not finite" in words


def test_what_is_no_member_is_refused_with_file_and_line(tmp_path):
    text = BOTH[1].replace("def export", "def exported")
    with (
        loaded(tmp_path, text) as file,
        pytest.raises(PartsError, match="has no export; see examples/member_") as found,
    ):
        member("logistic")
    assert str(found.value).startswith(str(file))
    with loaded(tmp_path, BOTH[1].replace('"sklearn"', '"no_such_library"')):
        assert why_missing("logistic") == "the library no_such_library is not installed"
    with pytest.raises(PartsError, match="exists already"), loaded(tmp_path, BOTH[1].replace('"logistic"', '"lstm"')):
        pass


def test_the_member_says_the_same_twice(market, calendar, small_recipe, both):
    first, second = (measure(market.bars, calendar, small(small_recipe), processes=1)[1] for _ in range(2))
    assert first.files == second.files
    assert all(np.array_equal(first.holdout[name], second.holdout[name]) for name in first.holdout)
