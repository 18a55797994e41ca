"""The packaged calendar, read once for the folder."""

from __future__ import annotations

import pytest

from minhos.market.calendar import SessionCalendar


@pytest.fixture(scope="session")
def calendar() -> SessionCalendar:
    return SessionCalendar.load()
