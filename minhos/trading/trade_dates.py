"""To which CME trade date an event belongs: by its own time and the calendar, never by the state before it.

Whoever counts by days (compare, the sessions that arm, reports) asks here; what the ledger's day is, the state's fold
alone decides, and by the same times.  A session is (open, close]: what happens at the very close is still its own.
"""

from __future__ import annotations

from minhos.errors import CalendarError
from minhos.market.calendar import SessionCalendar
from minhos.trading import events as ev

UNKNOWN_DATE = 0


def time_of(event: ev.Event) -> int:
    """When it happened, UTC nanoseconds; 0 where that is not known."""
    match event:
        case ev.SliceClosed(slice=closed):
            return closed.close_time_ns
        case ev.PriceSeen(price=price):
            return price.time_ns
        case ev.HistoryLoaded(bars=bars) if bars:
            return bars[-1].close_time_ns
        case ev.DecisionMade(decision=decision):
            return decision.close_time_ns
        case ev.OrderFilled(fill=fill):
            return fill.time_ns
        case ev.TradeClosed(trade=trade):
            return trade.closed_ns
        case ev.VenueReported(report=report):
            return report.time_ns
        case ev.VenueStatusSeen(status=status):
            return status.time_ns
        case ev.VenueSurveyed(survey=survey):
            return survey.time_ns
        case ev.Retired():
            return 0
        case _:
            return event.time_ns


def trade_date_of(event: ev.Event, calendar: SessionCalendar) -> int:
    """The trade date (yyyymmdd) of an event; `UNKNOWN_DATE` for a time outside the calendar.

    What is said in a break belongs to the next session; a fill or a trade, which a break has none of, to the last one.
    """
    time_ns = time_of(event)
    try:
        if isinstance(event, ev.OrderFilled | ev.TradeClosed):
            return calendar.trade_date_of_fill(time_ns)
        return calendar.happened_on(time_ns)
    except CalendarError:
        return UNKNOWN_DATE
