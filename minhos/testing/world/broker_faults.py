"""What the world's broker can do wrong, each a few plain values; `WorldBroker.begin` and `end` carry them out.

A lie changes what clients are shown and nothing in the true books.  A hard market, the risk desk, another program and
a hand at the platform change the books themselves.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

from minhos.testing.world.fault import Fault

SECOND_MS, MINUTE_MS = 1_000, 60_000
ListHow = Literal["empty", "partial", "stale", "doubled", "ended", "opposite"]
Refused = Literal["entry", "close", "stop", "cancel", "replace"]


class ListLie(Fault, frozen=True, kw_only=True):
    """A list that is asked for is not so.

    stale: as it was when the lie began.  doubled: every row twice.  ended: of orders, the last that ended are listed
    as working.  opposite: of positions, the other sign.  reconnect: it begins with the connection cut.
    """

    which: Literal["orders", "positions", "fills"]
    how: ListHow
    reconnect: bool = True


class FillLie(Fault, frozen=True, kw_only=True):
    """The next fill of an order of MinhOS is told as what it is not; the fills list has it right.

    too_large: of that many contracts.  invented: a fill of a working order that never was, at once.  other_account,
    other_order: beside the true one, another's under our client id.
    """

    how: Literal["too_large", "other_side", "other_symbol", "other_account", "other_order", "far_price", "invented"]
    contracts: int = 48


class FalseEnd(Fault, frozen=True, kw_only=True):
    """The newest stop of MinhOS that works is said to be cancelled, and works on."""


class WordLie(Fault, frozen=True, kw_only=True):
    """Words about orders or positions come late, twice, in another order or never, while it lasts."""

    how: Literal["late", "doubled", "reordered", "lost"]
    of: Literal["orders", "positions", "both"] = "orders"
    delay_ms: int = 1_500


class Rejection(Fault, frozen=True, kw_only=True):
    """Requests of one kind are refused.  clip: only orders for more contracts than `most`."""

    what: Refused
    why: Literal["clip", "margin", "band"]
    most: int = 1


class StopsBeyondProtection(Fault, frozen=True, kw_only=True):
    """A stop that the price passes by more than this many ticks rests there as a limit order, unfilled."""

    ticks: int = 8


class StopsExpire(Fault, frozen=True, kw_only=True):
    """Stops are good for the session alone: at its close they are gone; where it does not last, now."""


class RiskDesk(Fault, frozen=True, kw_only=True):
    """The broker's risk desk cancels all orders and closes the positions."""


class MarginRaised(Fault, frozen=True, kw_only=True):
    """The margin is above the balance: nothing new is taken, and the balance available is 0."""


class SecondProgram(Fault, frozen=True, kw_only=True):
    """Another program trades on the account: an entry with stop and target, and at the end its close.

    our_ids: its client order ids look like ours, as those of a second MinhOS do.
    """

    side: int
    contracts: int = 1
    our_ids: bool = False


class HandTrade(Fault, frozen=True, kw_only=True):
    """A person trades at the platform: nothing that MinhOS sent, and nothing that it is told before."""

    what: Literal["buy", "sell", "close", "cancel_stops", "cancel_all", "move_stop"]
    contracts: int = 1


class Cut(Fault, frozen=True, kw_only=True):
    """Connections end without a word, and while it lasts none can be made."""


class Silence(Fault, frozen=True, kw_only=True):
    """The line is half open: nothing is heard of the broker.  deaf: nor does the broker hear."""

    deaf: bool = False


class LogonRefused(Fault, frozen=True, kw_only=True):
    """Connections end, and logging on is refused while it lasts; final: with the word not to come again."""

    how: Literal["refused", "final", "no_trading"] = "refused"


class Slow(Fault, frozen=True, kw_only=True):
    """Everything that the broker says comes that much later."""

    delay_ms: int = 2_000


class Pieces(Fault, frozen=True, kw_only=True):
    """A price fills one contract of an order."""


class Renumbering(Fault, frozen=True, kw_only=True):
    """A replaced order has another number."""


class NoOco(Fault, frozen=True, kw_only=True):
    """One leg's fill does not end the other; connections end first, and from the next logon on the broker says so."""


BrokerFault = (
    ListLie
    | FillLie
    | FalseEnd
    | WordLie
    | Rejection
    | StopsBeyondProtection
    | StopsExpire
    | RiskDesk
    | MarginRaised
    | SecondProgram
    | HandTrade
    | Cut
    | Silence
    | LogonRefused
    | Slow
    | Pieces
    | Renumbering
    | NoOco
)


def draw(rng: random.Random, length_ms: int) -> BrokerFault:
    """One fault of the broker's, at a time within length_ms."""
    makers, weights = zip(*_DRAWS, strict=True)
    make: Callable[[random.Random, int], BrokerFault] = rng.choices(makers, weights)[0]
    return make(rng, rng.randrange(length_ms))


def _lasts(rng: random.Random) -> int:
    """A moment, some seconds, or minutes."""
    return rng.choice((500, 500, 2 * SECOND_MS, 5 * SECOND_MS, 20 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS))


def _list_lie(rng: random.Random, at_ms: int) -> BrokerFault:
    which, hows = rng.choice(_LISTS)
    reconnect = rng.random() < 0.7
    for_ms = _lasts(rng) if reconnect else rng.choice((1, 3, 10)) * MINUTE_MS
    return ListLie(at_ms=at_ms, for_ms=for_ms, which=which, how=rng.choice(hows), reconnect=reconnect)


_LISTS: tuple[tuple[Literal["orders", "positions", "fills"], tuple[ListHow, ...]], ...] = (
    ("orders", ("empty", "empty", "partial", "stale", "doubled", "ended")),
    ("positions", ("empty", "empty", "partial", "stale", "doubled", "opposite")),
    ("fills", ("empty", "partial", "stale", "doubled")),
)


def _fill_lie(rng: random.Random, at_ms: int) -> BrokerFault:
    hows: tuple[Literal["too_large", "other_side", "other_symbol", "other_account", "other_order"], ...]
    hows = ("too_large", "other_side", "other_symbol", "other_account", "other_order")
    if rng.random() < 0.3:
        return FillLie(at_ms=at_ms, how=rng.choice(("far_price", "invented")), contracts=rng.choice((1, 2)))
    return FillLie(at_ms=at_ms, how=rng.choice(hows), contracts=rng.choice((3, 48)))


def _word_lie(rng: random.Random, at_ms: int) -> BrokerFault:
    how: Literal["late", "doubled", "reordered", "lost"] = rng.choice(("late", "doubled", "reordered", "lost"))
    of: Literal["orders", "positions", "both"] = rng.choice(("orders", "orders", "positions", "both"))
    for_ms = rng.choice((1, 5, 20)) * MINUTE_MS
    return WordLie(at_ms=at_ms, for_ms=for_ms, how=how, of=of, delay_ms=rng.choice((200, 1_500, 8_000)))


def _rejection(rng: random.Random, at_ms: int) -> BrokerFault:
    what: Refused = rng.choice(("entry", "close", "close", "stop", "stop", "cancel", "replace"))
    why: Literal["clip", "margin", "band"] = rng.choice(("clip", "margin", "band"))
    return Rejection(at_ms=at_ms, for_ms=rng.choice((1, 10, 30)) * MINUTE_MS, what=what, why=why)


def _hand(rng: random.Random, at_ms: int) -> BrokerFault:
    what: Literal["buy", "sell", "close", "cancel_stops", "cancel_all", "move_stop"]
    what = rng.choice(("buy", "sell", "close", "close", "cancel_stops", "cancel_all", "move_stop"))
    return HandTrade(at_ms=at_ms, what=what, contracts=rng.choice((1, 1, 2, 5)))


def _second(rng: random.Random, at_ms: int) -> BrokerFault:
    return SecondProgram(
        at_ms=at_ms,
        for_ms=rng.choice((1, 10, 40)) * MINUTE_MS,
        side=rng.choice((1, -1)),
        contracts=rng.choice((1, 2)),
        our_ids=rng.random() < 0.5,
    )


def _silence(rng: random.Random, at_ms: int) -> BrokerFault:
    return Silence(at_ms=at_ms, for_ms=rng.choice((3, 15, 60, 300)) * SECOND_MS, deaf=rng.random() < 0.5)


def _logon(rng: random.Random, at_ms: int) -> BrokerFault:
    how: Literal["refused", "final", "no_trading"] = rng.choice(
        ("refused", "refused", "refused", "final", "no_trading")
    )
    return LogonRefused(at_ms=at_ms, for_ms=rng.choice((10, 60, 600)) * SECOND_MS, how=how)


_DRAWS: tuple[tuple[Callable[[random.Random, int], BrokerFault], float], ...] = (
    (_list_lie, 6.0),
    (_fill_lie, 2.0),
    (_word_lie, 3.0),
    (_rejection, 3.0),
    (
        lambda rng, at_ms: StopsBeyondProtection(at_ms=at_ms, for_ms=60 * MINUTE_MS, ticks=rng.choice((0, 4, 20)) or 1),
        1.0,
    ),
    (lambda rng, at_ms: StopsExpire(at_ms=at_ms, for_ms=rng.choice((0, 24 * 60 * MINUTE_MS))), 1.0),
    (lambda rng, at_ms: RiskDesk(at_ms=at_ms), 0.7),
    (lambda rng, at_ms: MarginRaised(at_ms=at_ms, for_ms=rng.choice((5, 60)) * MINUTE_MS), 0.7),
    (_second, 1.0),
    (_hand, 2.0),
    (lambda rng, at_ms: Cut(at_ms=at_ms, for_ms=_lasts(rng)), 2.0),
    (_silence, 2.0),
    (_logon, 1.0),
    (
        lambda rng, at_ms: Slow(at_ms=at_ms, for_ms=rng.choice((1, 10)) * MINUTE_MS, delay_ms=rng.choice((300, 4_000))),
        1.0,
    ),
    (lambda rng, at_ms: Pieces(at_ms=at_ms, for_ms=60 * MINUTE_MS), 1.0),
    (lambda rng, at_ms: Renumbering(at_ms=at_ms, for_ms=60 * MINUTE_MS), 0.7),
    (lambda rng, at_ms: NoOco(at_ms=at_ms, for_ms=120 * MINUTE_MS), 0.7),
)
