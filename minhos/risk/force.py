"""A person's side or size in place of Kelly's, between the recommendation and the limits, which all still hold.

| asked for | what becomes of the recommendation |
|---|---|
| a side and a size | that position |
| a size alone | where Kelly wants a side, that many contracts on it |
| long or short alone | recommendations of the other side become zero |
| flat | zero: what is held is closed and nothing is opened |

Without a stop distance (no forecast, no ATR) nothing is entered, forced or not.

What is forced ends with its time or `force --clear`, and with whatever closes a position against it: a halt, a flatten,
a latched stop, or the protective stop of the position that it asked for.  Nobody is to find a position again that was
stopped out.
"""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from minhos.errors import CommandRefused
from minhos.market.types import NANOS_PER_MINUTE
from minhos.risk.arming import Payload
from minhos.risk.types import FORCED, Forced, Level, RiskState
from minhos.sizing.types import Recommendation, Step

SIDES = {"long": 1, "short": -1, "flat": 0, "any": 0}
MOST_CONTRACTS = 1_000
MOST_MINUTES = 7 * 24 * 60.0


def forced_of(payload: Payload, who: str, why: str, time_ns: int) -> Forced:
    """What a `force` command asks for.  payload: side, contracts (0: none asked for), minutes (0: until cleared).

    Raises:
        CommandRefused: a side, size or duration that means nothing; the sentence says which.
    """
    side, contracts, minutes = payload.get("side", "any"), payload.get("contracts", 0), payload.get("minutes", 0)
    if not isinstance(side, str) or side not in SIDES:
        raise CommandRefused(f"the side {side!r} is none of {', '.join(SIDES)}.")
    if type(contracts) is not int or not 0 <= contracts <= MOST_CONTRACTS:
        raise CommandRefused(f"a size of {contracts!r} is no number of contracts; give 1 to {MOST_CONTRACTS:,}.")
    if type(minutes) not in (int, float) or not 0 <= float(minutes) <= MOST_MINUTES:
        raise CommandRefused(f"{minutes!r} is no number of minutes; give 1 to {MOST_MINUTES:,.0f}.")
    if side == "any" and not contracts:
        raise CommandRefused("there is nothing to force: give a side (long, short, flat), a size, or both.")
    if side == "flat" and contracts:
        raise CommandRefused(f"flat has no size: leave out the {contracts}, or give the side long or short.")
    until_ns = time_ns + round(float(minutes) * NANOS_PER_MINUTE) if minutes else 0
    return Forced(cast(Literal["long", "short", "flat", "any"], side), contracts, who, why, until_ns)


def on_force(state: RiskState, payload: Payload, who: str, why: str, time_ns: int) -> RiskState:
    """Remember it; a command that means nothing, or comes while everything is to be closed, changes nothing."""
    if stopped(state):
        return state
    try:
        return msgspec.structs.replace(state, forced=forced_of(payload, who, why, time_ns))
    except CommandRefused:
        return state


def stopped(state: RiskState) -> str:
    """Why everything is to be closed, so that nothing can be forced; empty where it is not."""
    return state.demand_to_flatten() or ("the risk level is EMERGENCY" if state.level() is Level.EMERGENCY else "")


def after_stops(state: RiskState) -> RiskState:
    """A stop that closes everything ends what was forced."""
    return ended(state) if state.forced is not None and stopped(state) else state


def after_stop_fill(state: RiskState, side: int) -> RiskState:
    """The protective stop of a position on that side was hit: whoever forced that position has to say so again."""
    word = state.forced
    if word is None or word.side == "flat" or SIDES[word.side] == -side:
        return state
    return ended(state)


def ended(state: RiskState) -> RiskState:
    """Nothing is forced any more."""
    return msgspec.structs.replace(state, forced=None)


def active(state: RiskState, now_ns: int) -> Forced | None:
    """What is forced at that moment."""
    word = state.forced
    return None if word is None or 0 < word.until_ns <= now_ns else word


def forced(recommendation: Recommendation, state: RiskState, now_ns: int) -> Recommendation:
    """The recommendation with what a person forces; the very same object where nothing is forced.

    Its trace names who and why, `bound` is "forced" where the position is a person's, else "forced side" or "forced
    size" where that changed it.  The reason of a recommendation without a forecast stays as it is.
    """
    word = active(state, now_ns)
    if word is None:
        return recommendation
    wanted = recommendation.target
    target = _asked(word, wanted)
    unknown = recommendation.stop_distance_ticks <= 0 and not _shrinks(target, wanted)
    if unknown:
        target = wanted if target * wanted > 0 else 0
    sentence = sentence_of(word) + (": no stop distance is known, so nothing is entered." if unknown else ".")
    step = Step("forced", float(abs(wanted)), float(abs(target)), "contracts", sentence)
    changes: dict[str, object] = {"trace": (*recommendation.trace, step)}
    if word.contracts and word.side != "any":
        changes["bound"] = FORCED
    elif target != wanted:
        changes["bound"] = "forced size" if word.contracts else "forced side"
    if target != wanted:
        changes |= {"target": target, "side": (target > 0) - (target < 0)}
    if recommendation.stop_distance_ticks > 0:
        changes["reason"] = f"{sentence} Kelly: {recommendation.reason}"
    return msgspec.structs.replace(recommendation, **changes)


def note(recommendation: Recommendation | None) -> str:
    """What the trace says of a person's side or size; empty where nothing was forced."""
    last = recommendation.trace[-1] if recommendation is not None and recommendation.trace else None
    return last.reason if last is not None and last.name == "forced" else ""


def words_of(word: Forced) -> str:
    """ "long 2", "size 2", "long only" or "flat"."""
    if word.side == "any":
        return f"size {word.contracts}"
    if word.side == "flat":
        return "flat"
    return f"{word.side} {word.contracts or 'only'}"


def sentence_of(word: Forced) -> str:
    """ "Forced to long 2 by anna (rate decision)"."""
    return f"Forced to {words_of(word)} by {word.who}" + (f" ({word.why})" if word.why else "")


def _asked(word: Forced, wanted: int) -> int:
    """The target that is asked for where Kelly wants `wanted`."""
    if word.side == "flat":
        return 0
    if word.side == "any":
        return word.contracts * ((wanted > 0) - (wanted < 0))
    side = SIDES[word.side]
    if word.contracts:
        return side * word.contracts
    return wanted if wanted * side >= 0 else 0


def _shrinks(target: int, wanted: int) -> bool:
    """Whether the target lies between nothing and what is wanted."""
    return target == 0 or (target * wanted > 0 and abs(target) <= abs(wanted))
