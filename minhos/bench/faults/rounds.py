"""The three kinds of rounds of `bench faults`; each is fixed by its seed, as far as two processes can be.

Whom a round kills, and at which of its own or the broker's steps, comes from the seed; only how the two processes
share the processors between those steps does not.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec

from minhos.bench.faults.check import Findings, compare, has_market_orders, journal_events, reversals
from minhos.bench.faults.outside import DIED, Outside
from minhos.bench.faults.rig import PATIENCE_S, POLL_S, Rig
from minhos.bench.faults.trader import ACCOUNT, STOP_TICKS, SYMBOL, Standing
from minhos.dtc.faults import Faults
from minhos.errors import CheckFailed
from minhos.market.calendar import SessionCalendar
from minhos.testing.broker.book import BrokerOptions
from minhos.trading import events as ev

SETTLE_S = 12.0
"""A round that is not at rest by then counts as not settled."""
MOST_CONTRACTS = 4
MOST_TRADER_STEPS, MOST_BROKER_STEPS, MOST_REQUESTS = 14, 9, 3
MOST_RECOVERY_STEPS, DIES_AGAIN = 16, 0.3
"""In that share of the kill rounds the trader that is started again dies as well, while it recovers."""
CHECK_EVERY_S = 0.05
MOST_APART_S = 0.01


class RoundResult(msgspec.Struct, frozen=True):
    """What became of one round.  what: what was done in it, in words.  settled: whether trader and broker came to rest;
    findings of a round that did not are those of its last moment.  flat_only: why MinhOS had stopped at the end.
    """

    what: str
    findings: Findings
    settled: bool
    kills: int = 0
    flat_only: str = ""
    reversals: int = 0
    left_open: int = 0
    """Contracts at the broker at the end."""
    crashes: int = 0
    """How often trader, broker or whoever flattened from outside ended by an error of their own."""


def kill_round(folder: Path, calendar: SessionCalendar, seed: str) -> RoundResult:
    """Random decisions while the price moves; trader, broker or both die in the middle of one of them."""
    chance = random.Random(seed)
    rig = Rig(folder, calendar, *_kind_of_broker(chance))
    try:
        settle(rig)
        n_decisions = chance.randint(3, 5)
        fatal, kills, done = chance.randrange(n_decisions), 0, []
        for i in range(n_decisions):
            if i == fatal:
                done.append(_arm(rig, chance))
                if chance.random() < DIES_AGAIN:
                    rig.trader.dies_after_start = chance.randint(1, MOST_RECOVERY_STEPS)
                    done.append(f"and the next trader at its step {rig.trader.dies_after_start}")
            target = chance.randint(-MOST_CONTRACTS, MOST_CONTRACTS)
            moves = [chance.randint(-3, 3) for _ in range(chance.randint(0, 3))]
            moves += [chance.choice((-1, 1)) * (STOP_TICKS + 10)] if chance.random() < 0.25 else []
            done.append(f"target {target:+d}, price {moves}")
            _decide(rig, target)
            for move in moves:
                rig.broker.move(move)
            kills += settle(rig)[1]
        if not kills:
            done.append(f"target {-target:+d}, and the trader is killed from outside")
            _decide(rig, -target)
            time.sleep(chance.random() * MOST_APART_S)
            rig.trader.kill()
        return _concluded(rig, "; ".join(done), kills)
    finally:
        rig.close()


def crossing_round(folder: Path, calendar: SessionCalendar, seed: str) -> RoundResult:
    """An exit, and the price through the stop right before the broker carries out one of the exit's requests."""
    chance = random.Random(seed)
    rig = Rig(folder, calendar, *_kind_of_broker(chance))
    try:
        side, size, request = (
            chance.choice((-1, 1)),
            chance.randint(1, MOST_CONTRACTS),
            chance.randint(1, MOST_REQUESTS),
        )
        settle(rig)
        _decide(rig, side * size)
        settle(rig)
        through = rig.broker.price_ticks - side * (STOP_TICKS + 10)
        rig.broker.ask(f"cross {request} {SYMBOL} {through}")
        _decide(rig, 0)
        settle(rig)
        rig.broker.ask("forget")
        return _concluded(rig, f"exit of {side * size:+d}, the stop is passed at request {request}", 0)
    finally:
        rig.close()


def flattens_round(folder: Path, calendar: SessionCalendar, seed: str) -> RoundResult:
    """The trader flattens, and so does somebody outside over a connection of his own, within milliseconds."""
    chance = random.Random(seed)
    rig = Rig(folder, calendar, *_kind_of_broker(chance))
    outside = Outside(folder, rig.broker.port, rig.shift_ns)
    try:
        outside.start()
        side, size = chance.choice((-1, 1)), chance.randint(1, MOST_CONTRACTS)
        outside_first, apart_s = chance.random() < 0.5, chance.random() * MOST_APART_S
        settle(rig)
        _decide(rig, side * size)
        settle(rig)
        acts = [outside.go, lambda: rig.trader.ask("flatten")]
        for act in acts if outside_first else reversed(acts):
            act()
            time.sleep(apart_s)
        said = _heard(outside, rig)
        first = "outside" if outside_first else "the trader"
        what = f"flatten {side * size:+d}: {first} first, {apart_s * 1e3:.1f} ms apart; outside says {said}"
        result = _concluded(rig, what, 0)
        return msgspec.structs.replace(result, crashes=result.crashes + (said == DIED))
    finally:
        outside.kill()
        rig.close()


def _kind_of_broker(chance: random.Random) -> tuple[BrokerOptions, Faults]:
    """It takes a ClientOrderID twice, so that an order sent twice shows; the rest varies from round to round."""
    options = BrokerOptions(fills_at_once=chance.random() < 0.5, refuses_used_ids=False)
    return options, Faults(partial_fills=chance.random() < 0.3, new_id_on_replace=chance.random() < 0.5)


def _arm(rig: Rig, chance: random.Random) -> str:
    """Choose who dies, and when."""
    broker, trader = rig.broker, rig.trader
    how = chance.choice(("trader", "trader", "trader at the broker's step", "broker", "both"))
    if how == "trader":
        step = chance.randint(1, MOST_TRADER_STEPS)
        trader.ask("die", step)
        return f"the trader dies at its step {step}"
    step = chance.randint(1, MOST_BROKER_STEPS)
    victims = {"trader at the broker's step": (trader.pid,), "broker": (broker.pid,), "both": (trader.pid, broker.pid)}
    broker.ask(f"kill {step} {' '.join(map(str, victims[how]))}")
    return f"{how} dies at the broker's step {step}"


def _decide(rig: Rig, target: int) -> None:
    rig.trader.ask("decide", target, rig.broker.price_ticks)


def _heard(outside: Outside, rig: Rig) -> str:
    """What the one outside says at the end; the price trembles meanwhile, so that orders fill.  Raises CheckFailed."""
    deadline = time.monotonic() + PATIENCE_S
    while not (said := outside.said()):
        if time.monotonic() > deadline:
            raise CheckFailed(f"the flatten from outside did not end within {PATIENCE_S:g} s")
        rig.broker.move(1)
        rig.broker.move(-1)
        time.sleep(POLL_S)
    return said


def _is_at_rest(standing: Standing) -> bool:
    return standing.is_settled and standing.stops == abs(standing.position)


def settle(rig: Rig) -> tuple[bool, int]:
    """Until nothing is under way, as far as the trader knows and in the broker's books; whether that came about, and
    how many died on the way.

    What dies is started again; the price keeps trembling, so that orders fill.
    """
    deadline, dead = time.monotonic() + SETTLE_S, 0
    while (left_s := deadline - time.monotonic()) > 0:
        if rig.wait_for(_is_at_rest, left_s, jiggle=True):
            if not has_market_orders(rig.broker.books()):
                return True, dead
            rig.broker.move(1)
            rig.broker.move(-1)
        dead += rig.raise_the_dead()
    return False, dead


def _concluded(rig: Rig, what: str, kills: int) -> RoundResult:
    """Compare once both sides are at rest, and were still when the comparison was made.

    Differences that the reconciliation is still to see are given time; what remains then is a finding.
    """
    deadline = time.monotonic() + SETTLE_S
    rig.broker.ask("forget")
    rig.trader.ask("die", 0)
    while True:
        settled, dead = settle(rig)
        kills += dead
        before, books = rig.trader.standing(), rig.broker.books()
        findings = compare(books, journal_events(rig.folder))
        standing = rig.trader.standing()
        settled = settled and standing is not None and standing == before and not has_market_orders(rig.broker.books())
        if (findings.is_clean and settled) or time.monotonic() > deadline:
            break
        time.sleep(CHECK_EVERY_S)
    return RoundResult(
        what,
        findings,
        settled,
        kills,
        flat_only=standing.flat_only if standing is not None else "dead",
        reversals=reversals(books.fills),
        left_open=abs(books.position(ACCOUNT, SYMBOL)),
        crashes=rig.broker.crashes + rig.trader.crashes,
    )


def alarms(folder: Path) -> list[str]:
    """Alarm texts of a round's journal, for whoever looks into it."""
    return [event.text for event in journal_events(folder) if isinstance(event, ev.Alarm)]
