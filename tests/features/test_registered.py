"""A feature of the user's own file, in a process of its own, because registration ends when the pipeline loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import minhos.features.pipeline
from minhos.errors import SettingsError
from minhos.features.registered import checked, register_feature

PROGRAM = """
from minhos.features.registered import register_feature
class Body:
    def update(self, bar):
        return (bar.close_ticks - bar.open_ticks) / 10
register_feature("body", Body, version={version})
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION, compute
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import NQ, ns
calendar = SessionCalendar.load()
bars = simulate(MarketModel(), NQ, calendar, ns("2025-10-01T18:00:00-04:00"), 365).bars
row = compute(bars, calendar).rows[-1]
body = max(-8.0, min(8.0, (int(bars.close_ticks[-1]) - int(bars.open_ticks[-1])) / 10))
print(FEATURE_NAMES[-1], abs(row[-1] - body) < 1e-6, FEATURE_VERSION)
"""


def outcome(version: int) -> list[str]:
    program = PROGRAM.format(version=version)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def test_a_registered_feature_joins_the_row_and_its_version():
    name, equal, version = outcome(1)
    assert (name, equal) == ("body", "True")
    assert version != outcome(2)[2]
    assert version != minhos.features.pipeline.FEATURE_VERSION


def test_registration_ends_when_the_pipeline_is_loaded():
    with pytest.raises(SettingsError, match="comes too late"):
        register_feature("late", object, version=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(SettingsError, match="must be finite"):
        checked("body", value)


def test_a_value_is_winsorised():
    assert checked("body", -100.0) == -8.0
