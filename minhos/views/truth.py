"""Are the words that people are shown true?  What each view says, against what is the case.

For whoever knows what is the case besides: the world of the tests, which runs every process itself.  Pure, and without
I/O: a `Views` that has followed the journal, the `Surroundings` of the same moment, and the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from minhos.views.health import ServiceHealth, service_health
from minhos.views.kelly import dashboard
from minhos.views.ml import ml_performance
from minhos.views.orders import position_lines
from minhos.views.status import STATES, Status, status
from minhos.views.store import Views
from minhos.views.surroundings import STALE_AFTER_S, Surroundings

SAID_WITHIN_S = 10.0
NO_WORDS = re.compile(r"\bNone\b|\bnan\b|\binf\b|\{\}|\{[a-z_.]+\}|(?<!\.)\.\.(?!\.)|\s\s")
"""What no sentence for a person holds: a value that is none, a name in braces, two full stops or spaces."""


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What is the case at a moment.

    gone_s: how long ago the trader ended, None while it lives.  halted: trading is stopped and the journal or the HALT
    file says so.  positions: contracts by symbol, without zeros; None where nobody can be expected to know them yet.
    silent_s: for how long a trader that lives has had no turn.  supervisor_gone_s, watchdog_gone_s: as gone_s, of a
    start that nobody ended.
    """

    gone_s: float | None
    mode: str
    halted: bool
    positions: dict[str, int] | None = None
    silent_s: float | None = None
    supervisor_gone_s: float | None = None
    watchdog_gone_s: float | None = None


def untrue(views: Views, around: Surroundings, truth: Truth) -> Iterator[str]:
    """A sentence for everything that is said and is not so."""
    now, health, page = status(views, around), service_health(views, around), dashboard(views, around)
    yield from _of_the_trader(now.state, now.connected, health.status, truth)
    yield from _of_a_silent_trader(now.state, now.connected, health.status, truth)
    yield from _of_the_others(now, health, truth)
    if now.state not in STATES:
        yield f"the state is {now.state!r}, which there is none of"
    if truth.halted and now.state != "halted":
        yield f"everything is halted and the state is {now.state}"
    if views.mode and now.mode != truth.mode:
        yield f"the mode is {truth.mode} and {now.mode} is shown"
    elsewhere = {
        "health": health.state,
        "page": page.state,
        "recommendation": page.recommendation.state,
        "models": ml_performance(views, around).state,
    }
    for name, state in elsewhere.items():
        if state != now.state:
            yield f"{name} says {state} while status says {now.state}"
    if truth.positions is not None:
        shown = {line.symbol: line.contracts for line in position_lines(views.trading.ledger.account())}
        if {symbol: n for symbol, n in shown.items() if n} != truth.positions:
            yield f"held are {truth.positions or 'none'}, shown are {shown or 'none'}"
    age_s = page.recommendation.age_s
    if (page.recommendation.last_update is None) != (age_s is None):
        yield f"a recommendation of {page.recommendation.last_update} is shown with age {age_s}"
    for part in health.components:
        if part.age_s is not None and part.age_s < 0.0:
            yield f"{part.name} is {part.age_s} s old"
    for text in (now.reason, health.reason, page.recommendation.service_status, *(p.detail for p in health.components)):
        if not text.strip() or NO_WORDS.search(text):
            yield f"this is said: {text!r}"


def _of_a_silent_trader(state: str, connected: bool, health: str, truth: Truth) -> Iterator[str]:
    """It may act the next moment, so that it is not said to have ended; nor that it is well."""
    if truth.silent_s is None or truth.silent_s < STALE_AFTER_S:
        return
    if state not in ("degraded", "not_running", "halted"):
        yield f"the trader has had no turn for {truth.silent_s:.0f} s and the state is {state}"
    if connected or health == "healthy":
        yield f"the trader has had no turn for {truth.silent_s:.0f} s and is shown as connected or healthy"


def _of_the_others(now: Status, health: ServiceHealth, truth: Truth) -> Iterator[str]:
    parts = {part.name: part for part in health.components}
    gone_s = truth.supervisor_gone_s
    if gone_s is not None and gone_s >= SAID_WITHIN_S and " gone " not in now.supervisor:
        yield f"no supervisor has run for {gone_s:.0f} s, and of it is said: {now.supervisor or 'nothing'}"
    gone_s = truth.watchdog_gone_s
    if gone_s is not None and gone_s >= SAID_WITHIN_S and parts["watchdog"].status == "ok":
        yield f"no watchdog has run for {gone_s:.0f} s, and of it is said: {parts['watchdog'].detail}"


def _of_the_trader(state: str, connected: bool, health: str, truth: Truth) -> Iterator[str]:
    if truth.gone_s is None:
        return
    if truth.gone_s >= STALE_AFTER_S and state not in ("not_running", "halted"):
        yield f"no trader has run for {truth.gone_s:.0f} s and the state is {state}"
    if truth.gone_s >= STALE_AFTER_S and connected:
        yield f"no trader has run for {truth.gone_s:.0f} s and it is shown as connected"
    if truth.gone_s >= STALE_AFTER_S and health == "healthy":
        yield f"no trader has run for {truth.gone_s:.0f} s and the service is said to be healthy"
