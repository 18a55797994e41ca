"""A known series in a random dialect is read back exactly, or refused with a reason that is true of it."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_days import CALENDAR

from minhos.testing.dialects.dialect import CANNOT_BE_READ, FATES, LOSSES, Dialect, drawn, write
from minhos.testing.dialects.judged import Verdict, judge
from minhos.testing.dialects.vendors import VENDORS

GOOD = (Verdict.READ, Verdict.REFUSED)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**9))
def test_nothing_is_accepted_and_different(seed: int) -> None:
    dialect = drawn(random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        judged = judge(dialect, Path(folder), CALENDAR)
    assert judged.verdict in GOOD, (judged.sentence, dialect)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_every_vendor_s_file_is_read(tmp_path: Path, vendor) -> None:
    dialect = Dialect(
        vendor=vendor.name,
        root="NQ",
        start=20251020,
        sessions=6,
        minutes=vendor.minutes[-1],
        seed=1,
        zone=vendor.zone,
        stamps=vendor.stamps,
        symbol=vendor.symbols[0],
        newest_first=vendor.newest_first,
    )
    judged = judge(dialect, tmp_path, CALENDAR)
    assert judged.verdict is Verdict.READ, judged.sentence


def test_a_series_that_was_read_wrongly_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(dialect, folder, calendar):
        written = write(dialect, folder, calendar)
        rows = [row._replace(close=row.close + 1) for row in written.series.rows]
        return written._replace(series=written.series._replace(rows=rows))

    monkeypatch.setattr("minhos.testing.dialects.judged.write", shifted)
    dialect = Dialect(vendor="Polygon", root="NQ", start=20251006, sessions=6, minutes=5, seed=1)
    judged = judge(dialect, tmp_path, CALENDAR)
    assert judged.verdict is Verdict.DIFFERENT
    assert "bars differ in close" in judged.sentence


@pytest.mark.parametrize("fate", FATES)
def test_what_befalls_a_file_is_read_or_refused_for_what_it_is(tmp_path: Path, fate: str) -> None:
    dialect = Dialect(
        vendor="Tradovate" if fate in ("spreads", "another root", "without symbols") else "Alpaca",
        root="NQ",
        start=20250602,
        sessions=6,
        minutes=5,
        seed=1,
        symbol="{root}{code}",
        loss="volume in words" if fate == "many lost" else "",
        fate=fate,
    )
    judged = judge(dialect, tmp_path, CALENDAR)
    read = fate not in CANNOT_BE_READ or fate == "regular hours"
    assert judged.verdict is (Verdict.READ if read else Verdict.REFUSED), judged.sentence


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_minute_takes_its_bar_with_it(tmp_path: Path, loss: str) -> None:
    dialect = Dialect(vendor="Alpaca", root="NQ", start=20250602, sessions=1, minutes=1, seed=1, loss=loss)
    judged = judge(dialect, tmp_path, CALENDAR)
    assert judged.verdict is Verdict.READ, judged.sentence
