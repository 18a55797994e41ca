"""The shadow book: one contract on every bar whose calibrated p beats break-even, on paper, whatever else happens.

It sends nothing and no limit touches it, so what it earns says what the forecasts are worth and nothing else.  Each
bet lasts one bar and pays a full round trip: in at the open after the decision, out at the open after that or at the
stop.  A bet whose bars do not follow one another (session break, roll, outage) is void.  A pure fold of bars; what
its results prove is `evidence`.
"""

from __future__ import annotations

import math

import msgspec

from minhos.market.types import Bar, Instrument
from minhos.models.forecast import Forecast
from minhos.sizing.types import Recommendation


class ShadowBet(msgspec.Struct, frozen=True, gc=False):
    """One contract on one bar.  symbol: of the bars that settle it; entry_ticks: None until it is in the market."""

    symbol: str
    decided_ns: int
    side: int
    p: float
    break_even: float
    stop_ticks: int
    cost_ticks: float
    entry_ticks: int | None = None
    stopped: bool = False
    slip_ticks: int = 0
    """How far beyond its price the stop fills."""


class ShadowResult(msgspec.Struct, frozen=True, gc=False):
    """A settled bet.  net_r: after costs, in R = stop distance + cost.  hit: None where the price did not move."""

    decided_ns: int
    side: int
    p: float
    break_even: float
    net_r: float
    hit: bool | None


class ShadowBook(msgspec.Struct, frozen=True, gc=False):
    """Bets under way and what the settled ones came to.

    waiting: decided at the last bar's close.  open: entered at the last bar's open.  beyond: results outside
    [-1, 1] R, which evidence clips.  ties: bars without a move; they lose their cost.
    """

    waiting: ShadowBet | None = None
    open: ShadowBet | None = None
    bets: int = 0
    hits: int = 0
    ties: int = 0
    void: int = 0
    beyond: int = 0
    sum_r: float = 0.0
    sum_r_squared: float = 0.0

    @property
    def mean_r(self) -> float:
        """Mean net R of a bet; NaN before the first."""
        return self.sum_r / self.bets if self.bets else math.nan


def shadow_bet(forecast: Forecast, recommendation: Recommendation, instrument: Instrument) -> ShadowBet | None:
    """The bet that this bar is worth, or None where p does not beat break-even or either is unknown."""
    p, break_even = forecast.p_side, recommendation.break_even
    if forecast.side == 0 or not 0.0 < break_even < p < 1.0 or recommendation.stop_distance_ticks <= 0:
        return None
    return ShadowBet(
        forecast.symbol,
        forecast.close_time_ns,
        forecast.side,
        p,
        break_even,
        recommendation.stop_distance_ticks,
        instrument.round_trip_cost_ticks(),
        slip_ticks=instrument.stop_slippage_ticks,
    )


def on_bar(book: ShadowBook, bar: Bar, bet: ShadowBet | None) -> tuple[ShadowBook, ShadowResult | None]:
    """Show the book a closed bar and the bet decided at its close; the result is of the bet that this bar settles.

    Without any bet the book comes back as it is.
    """
    if book.open is book.waiting is bet is None:
        return book, None
    result, void = None, 0
    if book.open is not None:
        if _follows(book.open, bar, 2):
            result = _settle(book.open, bar.open_ticks)
        else:
            void += 1
    entered = None
    if book.waiting is not None:
        if _follows(book.waiting, bar, 1):
            entered = _enter(book.waiting, bar)
        else:
            void += 1
    book = msgspec.structs.replace(book, waiting=bet, open=entered, void=book.void + void)
    return (_count(book, result), result) if result is not None else (book, None)


def _follows(bet: ShadowBet, bar: Bar, n_bars: int) -> bool:
    return bar.symbol == bet.symbol and bar.close_time_ns == bet.decided_ns + n_bars * bar.interval_ns


def _enter(bet: ShadowBet, bar: Bar) -> ShadowBet:
    worst = bar.low_ticks if bet.side > 0 else bar.high_ticks
    stopped = bet.side * (worst - bar.open_ticks) <= -bet.stop_ticks
    return msgspec.structs.replace(bet, entry_ticks=bar.open_ticks, stopped=stopped)


def _settle(bet: ShadowBet, exit_ticks: int) -> ShadowResult:
    move = bet.side * (exit_ticks - (bet.entry_ticks or 0))
    earned = -bet.stop_ticks - bet.slip_ticks if bet.stopped else move
    net_r = (earned - bet.cost_ticks) / (bet.stop_ticks + bet.cost_ticks)
    return ShadowResult(bet.decided_ns, bet.side, bet.p, bet.break_even, net_r, None if move == 0 else move > 0)


def _count(book: ShadowBook, result: ShadowResult) -> ShadowBook:
    return msgspec.structs.replace(
        book,
        bets=book.bets + 1,
        hits=book.hits + (result.hit is True),
        ties=book.ties + (result.hit is None),
        beyond=book.beyond + (abs(result.net_r) > 1.0),
        sum_r=book.sum_r + result.net_r,
        sum_r_squared=book.sum_r_squared + result.net_r**2,
    )
