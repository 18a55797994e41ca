"""What the views read of a training's report is what training writes, and other versions are read as far as they go."""

from __future__ import annotations

import pytest

from minhos.assembly.surroundings import converted
from minhos.models.payoff import Payoff
from minhos.training.results import result as written
from minhos.views import training_report as read

PAIRS = [
    (read.TrainingReport, written.TrainResult),
    (read.Lines, written.Lines),
    (read.Line, written.Line),
    (read.Calibration, written.CalibrationReport),
    (read.Bin, written.ReliabilityBin),
    (read.Member, written.MemberReport),
    (read.HourBreakEven, written.HourBreakEven),
    (read.Payoff, Payoff),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[ours.__name__ for ours, _ in PAIRS])
def test_every_field_that_is_shown_is_written(ours, theirs):
    assert set(ours.__struct_fields__) <= set(theirs.__struct_fields__)


def test_a_report_of_another_version_shows_what_it_has():
    found = converted({"verdict": "edge", "later": 1, "lines": {"all": {"accuracy": 0.53}}}, read.TrainingReport)
    assert (found.verdict, found.lines.all.accuracy, found.lines.traded) == ("edge", 0.53, None)


def test_an_earlier_versions_accuracy_without_a_side_is_not_shown():
    line = {"accuracy": 0.52, "interval": [0.51, 0.53], "n": 900, "majority": 0.52}
    old = {"lines": {"all": line, "simulated": line}, "calibration": {"slope": -0.1}}
    assert converted(old, read.TrainingReport).honest().lines.all == read.Line()
    assert converted(old, read.TrainingReport).honest().lines.simulated.accuracy == 0.52, "another market's members"
    believed = {**old, "calibration": {"slope": 0.7}}
    assert converted(believed, read.TrainingReport).honest().lines.all.accuracy == 0.52
    counted = {**old, "lines": {"all": {**line, "silent": 0}}}
    assert converted(counted, read.TrainingReport).honest().lines.all.accuracy == 0.52


def test_what_is_no_report_is_none():
    assert converted({"lines": "many"}, read.TrainingReport) is None
