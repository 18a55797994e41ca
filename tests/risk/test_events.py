"""Reading config/events.csv, and the warning before it runs out."""

from __future__ import annotations

import pytest

from minhos.errors import SettingsError
from minhos.risk.events import NewsEvent, days_left, parse_events, warning
from minhos.testing.builders import ns

TEXT = """# scheduled publications
time,name,currency
2025-12-10T14:00:00-05:00,"FOMC, statement",USD

2025-11-13T08:30:00-05:00,CPI,usd
"""
CPI = ns("2025-11-13T13:30:00")
FOMC = ns("2025-12-10T19:00:00")


def test_events_come_in_order_of_time_with_their_offset_applied():
    assert parse_events(TEXT) == (NewsEvent(CPI, "CPI", "USD"), NewsEvent(FOMC, "FOMC, statement", "USD"))
    assert parse_events("# nothing yet\n\n") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("when,what\n", "must be time,name,currency"),
        ("time,name,currency\n2025-12-10T14:00:00,FOMC,USD\n", "line 2.*no offset"),
        ("time,name,currency\n# remark\nsoon,FOMC,USD\n", "line 3.*'soon'"),
        ("time,name,currency\n2025-12-10T14:00:00-05:00,FOMC\n", "line 2 has 2 fields"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, words):
    with pytest.raises(SettingsError, match=words):
        parse_events(text)


def test_it_warns_two_weeks_before_it_runs_out():
    events = parse_events(TEXT)
    assert days_left(events, CPI) == pytest.approx((FOMC - CPI) / 86_400e9)
    assert warning(events, CPI) == ""
    assert "in 7 days" in warning(events, FOMC - 7 * 86_400 * 10**9)
    assert "has run out" in warning(events, FOMC + 1)
    assert "names no events" in warning((), CPI)
