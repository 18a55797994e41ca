"""Features of the user's own file: they join the row, and one that gives no number costs forecasts, not money."""

from __future__ import annotations

import numpy as np
import pytest
from user_parts import example, loaded

from minhos.errors import PartsError
from minhos.features.pipeline import (
    FEATURE_NAMES,
    FEATURE_VERSION,
    WARM_UP_BARS,
    FeaturePipeline,
    compute,
    feature_set,
)
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import NQ, ns

CALENDAR = SessionCalendar.load()
BARS = simulate(MarketModel(), NQ, CALENDAR, ns("2025-10-01T18:00:00-04:00"), WARM_UP_BARS + 140).bars
FEATURE = """
from minhos import parts

@parts.features("{name}", version="{version}")
class Body:
    warm_up = {warm_up}
    bars = 0

    def update(self, seen):
        self.bars += 1
        if self.bars == {at}:
            {then}
        return (seen.bar.close_ticks - seen.bar.open_ticks) / 10
"""


def feature(name: str = "body", version: str = "1", warm_up: int = 1, at: int = 0, then: str = "pass") -> str:
    return FEATURE.format(name=name, version=version, warm_up=warm_up, at=at, then=then)


def test_a_feature_joins_the_row_live_as_over_a_history(tmp_path):
    ours = compute(BARS, CALENDAR)
    with loaded(tmp_path, feature()):
        assert feature_set().names == (*FEATURE_NAMES, "body")
        table, pipeline = compute(BARS, CALENDAR), FeaturePipeline(NQ, CALENDAR)
        live = [pipeline.update(bar) for bar in BARS]
        copied = pipeline.copy()
    assert (table.rows[:, :-1] == ours.rows).all()
    assert (table.valid == ours.valid).all()
    bodies = np.clip((BARS.close_ticks - BARS.open_ticks) / 10, -8, 8).astype(np.float32)
    assert (table.rows[table.valid, -1] == bodies[table.valid]).all()
    assert all((one.row == row).all() for one, row in zip(live, table.rows, strict=True) if one is not None)
    assert copied.ready
    assert (feature_set().names, feature_set().version) == (FEATURE_NAMES, FEATURE_VERSION)


def test_its_version_and_its_code_are_part_of_the_features_version_and_a_comment_is_not(tmp_path):
    versions = []
    for text in (feature(), feature(version="2"), feature().replace("/ 10", "/ 11"), "# a comment\n" + feature()):
        with loaded(tmp_path, text):
            versions.append(feature_set().version)
    assert len({*versions, FEATURE_VERSION}) == 4
    assert versions[0] == versions[3]


@pytest.mark.parametrize(
    ("then", "line", "words"),
    [
        ("return float('nan')", 4, "gave nan"),
        ("return float('inf')", 4, "gave inf"),
        ("return 1 / 0", 12, "failed (ZeroDivisionError: division by zero)"),
        ("return None", 4, "failed (TypeError"),
    ],
)
def test_one_that_gives_no_number_costs_the_forecasts_until_a_window_is_whole_again(tmp_path, then, line, words):
    at = WARM_UP_BARS + 20
    with loaded(tmp_path, feature(at=at, then=then)) as file:
        pipeline = FeaturePipeline(NQ, CALENDAR)
        answers = [(pipeline.update(bar), pipeline.refusal) for bar in BARS]
        with pytest.raises(PartsError, match=r"At the bar that closes at 2025-10-\S+: ") as refused:
            compute(BARS, CALENDAR)
    whole = [i for i, (observation, _) in enumerate(answers, start=1) if observation is not None]
    assert whole == [*range(WARM_UP_BARS, at), *range(at + 60, len(BARS) + 1)]
    assert all(np.isfinite(observation.window).all() for observation, _ in answers if observation is not None)
    sentences = [sentence for _, sentence in answers if sentence]
    assert len(sentences) == 1
    assert sentences[0].startswith(f"{file}:{line}: the feature body {words}")
    assert "return 0.0 where it has nothing to say" in sentences[0]
    assert sentences[0] in str(refused.value)


def test_a_value_that_is_missing_while_features_warm_up_is_no_fault(tmp_path):
    with loaded(tmp_path, feature(warm_up=30, at=30, then="return float('nan')")):
        assert compute(BARS, CALENDAR).valid.sum() == len(BARS) - WARM_UP_BARS + 1


def test_one_that_takes_long_is_named_and_changes_nothing(tmp_path):
    class Watch:
        """Moves 0.12 s each time that it is read."""

        now = 0

        def monotonic_ns(self) -> int:
            self.now += 120_000_000
            return self.now

    with loaded(tmp_path, feature()) as file:
        slow, quick = FeaturePipeline(NQ, CALENDAR, Watch()), FeaturePipeline(NQ, CALENDAR)
        bar = BARS.bar(0)
        assert slow.update(bar) is quick.update(bar) is None
        assert slow.slow.startswith(f"{file}:4: the feature body took 120 ms at one bar, 100 are allowed")
        assert quick.slow == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (feature(name="rsi"), "'rsi' is a feature of MinhOS; give this one another name"),
        (feature(warm_up=301), "warms up over 301 bars; features have 300"),
        ('from minhos import parts\n\nparts.features.register("body", 3)', "is no class with warm_up and update"),
    ],
)
def test_what_cannot_be_a_feature_is_refused_with_file_and_line(tmp_path, text, words):
    with loaded(tmp_path, text) as file, pytest.raises(PartsError, match=rf"my_parts\.py:\d+: .*{words}") as refused:
        FeaturePipeline(NQ, CALENDAR)
    assert str(refused.value).startswith(str(file))


def test_the_example_is_minus_one_to_one_overnight(tmp_path):
    with loaded(tmp_path, example("feature_overnight")):
        table = compute(BARS, CALENDAR)
    values = table.rows[table.valid, -1]
    assert np.isfinite(values).all()
    overnight = [
        CALENDAR.session_of_bar(int(time)).rth_open_ns >= time for time in BARS.close_time_ns[table.valid].tolist()
    ]
    assert (np.abs(values[overnight]) <= 1.0).all()
    assert np.ptp(values) > 1.0
