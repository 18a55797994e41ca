"""How much longer to trade on paper: one answer in numbers and words for card, page, reports and arming.

The evidence must be earned on paper, by a book that begins with nothing: what a backtest earned foretells its rate and
is not carried over.  Live orders need whole sessions on a simulated account besides.
"""

from __future__ import annotations

import math

from minhos.words import count, plural

FEW_BETS = 30
"""Below this many bets their rate and their mean foretell nothing."""
SESSIONS_BEFORE_LIVE = 10
"""Whole sessions on a simulated account of the broker's that arming asks for."""


def sum_of_bets(bets: int, needed: int | None) -> str:
    """All bets that proof takes at the rate so far, as in "12 / 800"; words where no number can be told.

    needed: further bets, 0 where it is proven, None where the bets so far lose.
    """
    if needed == 0:
        return "proven"
    if bets < FEW_BETS:
        return "not known yet"
    return "no number would do" if needed is None else count(bets + needed)


def until_proof(bets: int, needed: int | None, dates: float | None = None) -> str:
    """How many bets more, in words.  dates: trade dates that these take at the rate so far, where that is known."""
    if needed == 0:
        return f"{plural(bets, 'bet')}, none further needed: the edge is proven"
    if bets == 0:
        return "no bet has beaten break-even yet, so no number of days can be told"
    if bets < FEW_BETS:
        are = "is" if bets == 1 else "are"
        return f"{plural(bets, 'bet')} so far {are} too few to say how many prove an edge"
    if needed is None:
        return f"{plural(bets, 'bet')} so far lose, so no number of days would prove an edge"
    days = "" if dates is None else f" in about {plural(max(1, math.ceil(dates)), 'trade date')}"
    return f"{plural(bets, 'bet')} so far, about {count(needed)} more needed{days} at this rate"


def days_on_paper(bets: int, from_nothing: int | None, dates: float | None) -> str:
    """Trading days of paper still needed, by what a backtest of that many bets foretells.

    from_nothing: bets until proof of a book that begins now, and dates the trade dates they take; None where no number
    would do.
    """
    sessions = f"live orders need {SESSIONS_BEFORE_LIVE} sessions on a simulated account besides"
    if bets == 0:
        return f"not known: no bet beat break-even, so no number of days can be told; {sessions}"
    if bets < FEW_BETS:
        are = "is" if bets == 1 else "are"
        return f"not known: {plural(bets, 'bet')} {are} too few to say; {sessions}"
    if from_nothing is None or dates is None:
        return f"no number of days would prove an edge, because the bets so far lose; {sessions}"
    days = plural(max(1, math.ceil(dates)), "trading day")
    return f"about {days} ({count(from_nothing)} bets on paper, which begin from nothing); {sessions}"
