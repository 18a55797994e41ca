"""The state in one word where no trader runs."""

from __future__ import annotations

import pytest

from minhos.market.calendar import SessionCalendar
from minhos.views.status import state_of
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.training_report import TrainingReport


@pytest.mark.parametrize(
    ("verdict", "state"), [("no_edge", "no_edge"), ("too_little_data", "no_edge"), ("edge", "no_predictions")]
)
def test_a_finished_file_shows_its_verdict_and_no_live_state(verdict, state):
    around = Surroundings(mode="paper", finished_data=True, report=TrainingReport(verdict, "Because."))
    assert state_of(Views(SessionCalendar.load()), around) == (state, "Finished data, tested and not traded: Because.")
