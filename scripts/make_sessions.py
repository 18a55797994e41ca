"""Write minhos/market/sessions.csv: the CME Globex equity index sessions, from pandas_market_calendars.

Run by a developer when the library corrects a holiday; the table is committed, so that no process of MinhOS
imports pandas to learn the hours.  One-off closures that the library lacks belong in session_overrides.csv.

    python scripts/make_sessions.py
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

FIRST, LAST = "2008-01-01", "2032-12-31"
CALENDAR = "CME Globex Equity"
TABLE = Path(__file__).resolve().parents[1] / "minhos" / "market" / "sessions.csv"


def sessions_csv() -> str:
    """The table as text: trade_date, open and close in UTC, one session a line, oldest first."""
    import pandas_market_calendars

    schedule = pandas_market_calendars.get_calendar(CALENDAR).schedule(FIRST, LAST, tz="UTC")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("trade_date", "open", "close"))
    for date, open_, close in zip(schedule.index, schedule["market_open"], schedule["market_close"], strict=True):
        rows.writerow((f"{date:%Y%m%d}", f"{open_:%Y-%m-%dT%H:%MZ}", f"{close:%Y-%m-%dT%H:%MZ}"))
    return text.getvalue()


if __name__ == "__main__":
    from _environment import alone

    alone(__doc__)
    TABLE.write_text(sessions_csv(), encoding="utf-8", newline="")
    print(f"{TABLE}: {len(TABLE.read_text(encoding='utf-8').splitlines()) - 1} sessions, {FIRST} to {LAST}")
