"""What market, feed and forecasts can do to a trader, each a few plain values.

A hard market moves the true prices, which the broker trades at; what the vendor of the data does is seen by the feed
and in the files alone.  `WorldMarket.begin` and `end` carry the first two kinds out, `GivenForecasts` the last.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

from minhos.testing.world.fault import Fault

MINUTE_MS = 60_000


class Jump(Fault, frozen=True, kw_only=True):
    """The next trade is that many ticks away; where it lasts, the price comes back."""

    ticks: int


class Wild(Fault, frozen=True, kw_only=True):
    """Every move is that many times as large."""

    factor: float


class Gap(Fault, frozen=True, kw_only=True):
    """The next session opens that many ticks away."""

    ticks: int


class LockedLimit(Fault, frozen=True, kw_only=True):
    """The price goes that far and stays there: limit up with a plus, where nobody sells, limit down with a minus."""

    ticks: int


class Halted(Fault, frozen=True, kw_only=True):
    """Nothing trades."""


class FeedStall(Fault, frozen=True, kw_only=True):
    """The vendor sends nothing; then what is missing comes at once (filled), or never."""

    filled: bool = True


class FeedDelay(Fault, frozen=True, kw_only=True):
    """The vendor is that much late."""

    delay_ms: int


class FeedRepeats(Fault, frozen=True, kw_only=True):
    """Everything comes twice, bars too."""


class FeedDisorder(Fault, frozen=True, kw_only=True):
    """Of two trades the later one comes first."""


class BadPrice(Fault, frozen=True, kw_only=True):
    """The next trade has a price that is none: zero, below it, a hundred times too high, or no number."""

    how: Literal["zero", "negative", "far", "nan"]


class Roll(Fault, frozen=True, kw_only=True):
    """The next contract leads from now on."""


class FeedEnds(Fault, frozen=True, kw_only=True):
    """No bar can ever come again."""


class FeedFails(Fault, frozen=True, kw_only=True):
    """The feed raises an error of its own, once."""


class FileTorn(Fault, frozen=True, kw_only=True):
    """Readers find half of a record at the end of the file."""


class FileRewritten(Fault, frozen=True, kw_only=True):
    """The file is made anew without its first records, as by "Delete All Data and Download"."""

    drop: int = 10


class FolderGone(Fault, frozen=True, kw_only=True):
    """Sierra Chart's folder cannot be found."""


class BridgeDown(Fault, frozen=True, kw_only=True):
    """The bridge beside Sierra Chart does not run."""


class ForecastFault(Fault, frozen=True, kw_only=True):
    """The models answer no number, raise, take seconds, say nothing, or speak of another bar."""

    how: Literal["nan", "raises", "late", "silent", "other_bar"]
    late_ms: int = 3_000


MarketFault = (
    Jump
    | Wild
    | Gap
    | LockedLimit
    | Halted
    | FeedStall
    | FeedDelay
    | FeedRepeats
    | FeedDisorder
    | BadPrice
    | Roll
    | FeedEnds
    | FeedFails
    | FileTorn
    | FileRewritten
    | FolderGone
    | BridgeDown
    | ForecastFault
)
IN_FILES = (FileTorn, FileRewritten, FolderGone, BridgeDown)
NOT_IN_FILES = (FeedEnds, FeedFails)
"""Files cannot end, and their feed is ours."""


def draw(rng: random.Random, base: str, length_ms: int) -> MarketFault:
    """One fault of market, feed or forecasts, at a time within length_ms; in the demo only the forecasts can fail."""
    at_ms = rng.randrange(length_ms)
    if base == "demo":
        return _forecasts(rng, at_ms)
    left_out: tuple[type[MarketFault], ...] = NOT_IN_FILES if base == "folder" else IN_FILES
    table = [row for row in _DRAWS if row[0] not in left_out]
    return rng.choices([make for _, make, _ in table], [weight for _, _, weight in table])[0](rng, at_ms)


def _far(rng: random.Random) -> int:
    return rng.choice((-1, 1)) * rng.choice((60, 150, 400, 1_500))


def _minutes(rng: random.Random) -> int:
    return rng.choice((1, 4, 12, 45)) * MINUTE_MS


def _forecasts(rng: random.Random, at_ms: int) -> MarketFault:
    how: Literal["nan", "raises", "late", "silent", "other_bar"]
    how = rng.choice(("nan", "raises", "late", "silent", "other_bar"))
    return ForecastFault(at_ms=at_ms, for_ms=_minutes(rng), how=how, late_ms=rng.choice((300, 3_000, 40_000)))


def _bad_price(rng: random.Random, at_ms: int) -> MarketFault:
    how: Literal["zero", "negative", "far", "nan"] = rng.choice(("zero", "negative", "far", "nan"))
    return BadPrice(at_ms=at_ms, how=how)


Make = Callable[[random.Random, int], MarketFault]
_DRAWS: tuple[tuple[type[MarketFault], Make, float], ...] = (
    (Jump, lambda rng, at_ms: Jump(at_ms=at_ms, for_ms=rng.choice((0, 2 * MINUTE_MS)), ticks=_far(rng)), 3.0),
    (Wild, lambda rng, at_ms: Wild(at_ms=at_ms, for_ms=20 * MINUTE_MS, factor=rng.choice((3.0, 8.0))), 1.5),
    (Gap, lambda rng, at_ms: Gap(at_ms=at_ms, ticks=_far(rng)), 1.0),
    (LockedLimit, lambda rng, at_ms: LockedLimit(at_ms=at_ms, for_ms=_minutes(rng), ticks=_far(rng)), 1.0),
    (Halted, lambda rng, at_ms: Halted(at_ms=at_ms, for_ms=_minutes(rng)), 1.0),
    (FeedStall, lambda rng, at_ms: FeedStall(at_ms=at_ms, for_ms=_minutes(rng), filled=rng.random() < 0.6), 2.0),
    (
        FeedDelay,
        lambda rng, at_ms: FeedDelay(at_ms=at_ms, for_ms=_minutes(rng), delay_ms=rng.choice((5, 600)) * 1000),
        1,
    ),
    (FeedRepeats, lambda rng, at_ms: FeedRepeats(at_ms=at_ms, for_ms=_minutes(rng)), 1.0),
    (FeedDisorder, lambda rng, at_ms: FeedDisorder(at_ms=at_ms, for_ms=_minutes(rng)), 1.0),
    (BadPrice, _bad_price, 1.5),
    (Roll, lambda rng, at_ms: Roll(at_ms=at_ms), 0.7),
    (FeedEnds, lambda rng, at_ms: FeedEnds(at_ms=at_ms), 0.3),
    (FeedFails, lambda rng, at_ms: FeedFails(at_ms=at_ms), 0.5),
    (FileTorn, lambda rng, at_ms: FileTorn(at_ms=at_ms, for_ms=MINUTE_MS), 1.0),
    (FileRewritten, lambda rng, at_ms: FileRewritten(at_ms=at_ms), 1.0),
    (FolderGone, lambda rng, at_ms: FolderGone(at_ms=at_ms, for_ms=_minutes(rng)), 1.0),
    (BridgeDown, lambda rng, at_ms: BridgeDown(at_ms=at_ms, for_ms=_minutes(rng)), 1.5),
    (ForecastFault, _forecasts, 1.5),
)
