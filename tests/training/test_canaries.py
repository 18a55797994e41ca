"""The leak canaries: each dies of the leak that it is there for, and lives where there is none."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from minhos.features import pipeline
from minhos.features.pipeline import compute
from minhos.models.registry import Registry
from minhos.training import canaries
from minhos.training import canaries as asked
from minhos.training import train as training
from minhos.training.canaries import check, later_bars, next_bar, permuted_labels
from minhos.training.dataset import Dataset, build_dataset
from minhos.training.results.canaries import Canaries, NextBar
from minhos.training.results.report import report, tables
from minhos.training.results.result import TrainResult
from minhos.training.train import prepare, train


@pytest.fixture(scope="module")
def run(market, calendar, two_trees):
    """(samples, rows learnt from, rows unseen) of an honest run."""
    return prepare(market.bars, calendar, two_trees)


def leaking(bars, calendar):
    """Features of which one, the newest return, was read a bar too early."""
    table = compute(bars, calendar)
    rows = table.rows.copy()
    rows[:-1, 0] = rows[1:, 0]
    return msgspec.structs.replace(table, rows=rows)


def centred(bars, calendar):
    """Features of which one is the mean over a window centred on the bar."""
    table = compute(bars, calendar)
    rows = table.rows.copy()
    rows[:, 3] = np.convolve(rows[:, 3], np.ones(9, np.float32) / np.float32(9), mode="same")
    return msgspec.structs.replace(table, rows=rows)


def scaled(bars, calendar):
    """Features of which one is divided by its standard deviation over the whole history."""
    table = compute(bars, calendar)
    rows = table.rows.copy()
    rows[:, 5] /= rows[:, 5].std()
    return msgspec.structs.replace(table, rows=rows)


def test_an_honest_run_passes_with_an_edge_and_without(market, calendar, run):
    found = check(market.bars, calendar, *run)
    assert (found.passed, found.unchecked, found.dead) == (True, "", ())
    assert found.sentence == "Leak canaries: all three live."
    assert 0.5 < found.next_bar.without < 0.69
    assert found.next_bar.given > 0.95
    assert found.later_bars.cuts == asked.CUTS
    assert next_bar(*run, 1) == found.next_bar, "the same seed finds the same"


def test_bars_in_both_parts_kill_the_first(run):
    """A split that puts a fifth of the unseen bars among those learnt from."""
    data, fit, unseen = run
    found = permuted_labels(data, np.concatenate([fit, unseen[::5]]), unseen, 1)
    assert found.accuracy > found.interval[1]
    assert "among those learnt from" in found.sentence


def test_shuffled_duplicates_of_a_bar_keep_one_label_and_kill_the_first(run):
    data, fit, _ = run
    n = len(fit)
    doubled = data.take(np.concatenate([fit, fit]))
    order = np.random.default_rng(3).permutation(2 * n)
    found = permuted_labels(doubled, np.sort(order[:n]), np.sort(order[n:]), 1)
    assert not found.passed


def test_the_interval_of_chance_holds_whatever_the_share_of_ups(run):
    """Half of the downs are left out, so that always saying "up" is right two times in three."""
    data, fit, unseen = run
    keep = (data.up > 0.5) | (np.arange(len(data)) % 2 == 0)
    found = permuted_labels(data, fit[keep[fit]], unseen[keep[unseen]], 1)
    assert found.interval[0] > 0.5
    assert found.passed


def test_the_next_bars_return_among_the_features_kills_the_second(market, calendar, two_trees):
    data, fit, unseen = samples(market, calendar, leaking)
    found = next_bar(data, fit, unseen, 1)
    assert found.known_share > 0.9
    assert not found.passed
    assert "it sees the next bar already" in found.sentence


def test_features_of_the_next_bar_in_the_place_of_this_ones_kill_the_second(run):
    data, fit, unseen = run
    shifted = msgspec.structs.replace(data, rows=np.vstack([data.rows[1:], data.rows[-1:]]))
    assert not next_bar(shifted, fit, unseen, 1).passed


def test_a_blurred_sight_of_the_next_bar_kills_the_second_although_the_model_improves(run):
    """Right on 80 % of the bars: the next bar's own features still add much, but no market is known so well."""
    data, fit, unseen = run
    rows, rng = data.rows.copy(), np.random.default_rng(2)
    said = np.where(rng.random(len(data)) < 0.8, data.up, 1.0 - data.up)
    rows[data.bar, 0] = said
    found = next_bar(msgspec.structs.replace(data, rows=rows), fit, unseen, 1)
    assert found.interval[0] > 0.0
    assert not found.passed


@pytest.mark.parametrize("features", [leaking, centred, scaled])
def test_features_that_change_with_later_bars_kill_the_third(market, calendar, features):
    table = features(market.bars, calendar)
    found = later_bars(market.bars, calendar, table.rows, np.random.default_rng(1), features)
    column = {leaking: 0, centred: 3, scaled: 5}[features]
    assert found.changed == (column,)
    assert pipeline.FEATURE_NAMES[column] in found.sentence
    assert "look into the future" in found.sentence


def test_rows_that_were_changed_after_they_were_computed_kill_the_third(market, calendar):
    table = leaking(market.bars, calendar)
    assert not later_bars(market.bars, calendar, table.rows, np.random.default_rng(1)).passed


def test_too_little_is_said_and_not_called_a_leak(market, calendar, run):
    data, fit, unseen = run
    found = check(market.bars, calendar, data, fit, unseen[:50])
    assert (found.permuted_labels, found.next_bar, found.passed) == (None, None, True)
    assert "too few" in found.sentence
    short = later_bars(market.bars.rows(slice(0, 700)), calendar, data.rows[:700], np.random.default_rng(1))
    assert short is None
    one_way = msgspec.structs.replace(data, up=np.ones(len(data)))
    assert "moved the same way" in check(market.bars, calendar, one_way, fit, unseen).unchecked


def test_without_lightgbm_the_third_is_asked_alone(market, calendar, run, monkeypatch):
    monkeypatch.setattr(asked, "why_missing", lambda name: f"the library {name} is not installed")
    found = check(market.bars, calendar, *run)
    assert found.later_bars is not None
    assert found.sentence == "Leak canaries: the library lightgbm is not installed, so that only the third was asked."


def test_one_alarm_by_chance_is_asked_again(market, calendar, run, monkeypatch):
    honest = permuted_labels(*run, 1)
    alarm = msgspec.structs.replace(honest, accuracy=0.6)
    for answers, passed in (([alarm, honest], True), ([alarm, alarm], False)):
        monkeypatch.setattr(asked, "permuted_labels", lambda *_, answers=iter(answers): next(answers))
        assert check(market.bars, calendar, *run).passed is passed


@settings(deadline=None, max_examples=50)
@given(without=st.floats(0.4, 0.69), given_=st.floats(0.9, 1.0), low=st.floats(-0.1, 0.5), high=st.floats(0.5, 0.6))
def test_the_second_lives_only_beyond_the_interval(without, given_, low, high):
    found = NextBar(without, given_, (low, high), 1000)
    assert found.passed == (low > 0.0 and (without - 0.5) / (given_ - 0.5) <= 0.4)


def test_a_run_that_leaks_is_marked_and_has_no_figures_and_no_bundle(
    market, calendar, two_trees, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "compute", lambda bars, calendar, progress=None: leaking(bars, calendar))
    registry = Registry(tmp_path)
    result = train(market.bars, calendar, two_trees, registry, processes=1)
    assert (result.verdict, result.bundle_id, registry.list()) == ("no_edge", "", [])
    assert result.reason.startswith("LEAK SUSPECTED: ")
    assert (result.lines.all.accuracy, result.lines.traded.n, result.bets.n) == (None, 0, 0)
    assert result.members == result.weeks == result.thresholds == ()
    console = Console(record=True, width=200)
    console.print(tables(result))
    shown = console.export_text()
    assert "LEAK SUSPECTED" in shown
    assert "Accuracy" not in shown
    assert msgspec.convert(report(result), TrainResult, strict=False) == result


def test_an_honest_training_says_that_they_were_asked(market, calendar, two_trees, tmp_path):
    result = train(market.bars, calendar, two_trees, Registry(tmp_path), processes=1)
    assert isinstance(result.canaries, Canaries)
    assert result.canaries.passed
    console = Console(record=True, width=200)
    console.print(tables(result))
    assert "Leak canaries: all three live." in console.export_text()


def samples(market, calendar, features):
    """The samples that those features give, split as a run does."""
    data = build_dataset(market.bars, features(market.bars, calendar), calendar)
    first = round(0.8 * len(data))
    return data, np.arange(first - 1), np.arange(first, len(data))


@pytest.fixture(scope="module")
def trend() -> Dataset:
    """Four of five bars rise; a bar's one feature that knows anything is its own move, the label before it."""
    n, rng = 3_000, np.random.default_rng(5)
    up = (rng.random(n) < 0.8).astype(float)
    rows = rng.normal(size=(n + 1, 3)).astype(np.float32)
    rows[1:, 0] = np.where(up > 0.5, 1.0, -1.0) + rng.normal(0.0, 0.3, n)
    bar, start = np.arange(n), np.arange(n, dtype=np.int64) * 300
    one = np.ones(n)
    return Dataset(rows, bar, one > 0, up, np.where(up > 0.5, 4.0, -4.0), one, one, start, start + 300, start // 80_000)


def test_a_trend_is_no_leak(trend: Dataset) -> None:
    found = next_bar(trend, np.arange(2_000), np.arange(2_001, len(trend)), seed=1)
    assert found.without > 0.75
    assert found.given > 0.97
    assert found.passed


def test_a_leak_in_a_trend_is_one(trend: Dataset) -> None:
    ahead = msgspec.structs.replace(trend, rows=np.vstack([trend.rows[1:], trend.rows[-1:]]))
    assert not next_bar(ahead, np.arange(2_000), np.arange(2_001, len(trend)), seed=1).passed


def test_forecasts_that_name_no_side_say_nothing_of_a_leak(market, calendar, run, monkeypatch):
    """A model without a split answers one half on every bar; counted as "down" it would score the falling bars."""
    monkeypatch.setattr(canaries, "_forecast", lambda learnt, asked, seed: np.full(len(asked.up), 0.5))
    found = check(market.bars, calendar, *run)
    assert found.permuted_labels is None
    assert "named no side" in found.unchecked
