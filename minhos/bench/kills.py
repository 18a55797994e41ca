"""Real processes killed at random: the demo with all five, one after another or several at once, by SIGKILL.

    python3 minh.py bench kills --json             # 200 kills at a second a bar; --rounds N --seed S for others

What dies is to be back within ten seconds: a child by the supervisor, a trader without one by the watchdog, and the
supervisor by a person who types `start` again at once.  Meanwhile a person forces sides and sizes, so that there is
always something to lose.  After each kill, once all are back: the position that the journal folds to is the sum of its
fills, each bar was decided once, and at the end the chain is whole.  Kills in the middle of an order at a broker are
`bench faults`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from minhos.bench.figures import Figure, at_least, at_most
from minhos.bench.house import NAMES, POLL_S, House
from minhos.errors import MinhosError
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.progress import Progress
from minhos.trading import events as ev
from minhos.views.store import Views

KILLS, QUICK_KILLS = 200, 20
SECONDS_PER_BAR, QUICK_SECONDS_PER_BAR = 1.0, 0.2
BACK_S = 10.0
GIVEN_UP_S = 40.0
"""So long something is waited for that is not back in time, before the next kill."""
AT_ONCE, QUICK_AT_ONCE = (1, 1, 1, 2, 3), (4, 5)
"""How many die at one moment; each is drawn as often as it stands here."""
SIDES = ("long", "short", "flat")


class Death(msgspec.Struct):
    """One kill.  back_s: seconds until it was up again; None while it is not."""

    name: str
    pid: int
    at_s: float
    back_s: float | None = None


class Books:
    """What the journal says, folded on from where it was read last."""

    def __init__(self, house: House) -> None:
        self._house, self._views = house, Views(SessionCalendar.load())
        self._sums: Counter[str] = Counter()
        self.fills = self.bars = self.wrong = 0
        self._last_close_ns = 0

    def check(self) -> None:
        """Read on, and count what does not agree."""
        source = reader(self._house.journal)
        try:
            for record in source.records(after=self._views.sequence):
                event = ev.decode(record.kind, record.payload, record.version)
                self._views.apply(record.sequence, event)
                self._take(event)
        finally:
            source.close()
        folded = {one.symbol: one.contracts for one in self._views.trading.ledger.account().positions if one.contracts}
        self.wrong += folded != {symbol: contracts for symbol, contracts in self._sums.items() if contracts}
        self.wrong += self._views.contradictions > 0

    def _take(self, event: ev.Event) -> None:
        if isinstance(event, ev.OrderFilled):
            self._sums[event.fill.symbol] += event.fill.side * event.fill.contracts
            self.fills += 1
        elif isinstance(event, ev.DecisionMade):
            self.bars += 1
            self.wrong += event.decision.close_time_ns <= self._last_close_ns
            self._last_close_ns = event.decision.close_time_ns

    def chain_is_whole(self) -> bool:
        """Every record of the journal, and every snapshot."""
        source = reader(self._house.journal)
        try:
            return source.verify().sound
        finally:
            source.close()


def run(
    quick: bool = False, rounds: int | None = None, seed: int = 1, progress: Progress | None = None
) -> list[Figure]:
    """rounds: kills."""
    kills = rounds or (QUICK_KILLS if quick else KILLS)
    with tempfile.TemporaryDirectory(prefix="minhos-kills-", ignore_cleanup_errors=True) as folder:
        house = House(Path(folder), QUICK_SECONDS_PER_BAR if quick else SECONDS_PER_BAR)
        books = Books(house)
        try:
            house.start()
            house.wait_until_up()
            at_once = QUICK_AT_ONCE if quick else AT_ONCE
            deaths = killed(house, books, kills, random.Random(seed), at_once, progress)
        finally:
            house.close()
        books.check()
        whole = books.chain_is_whole()
    seconds = [death.back_s for death in deaths if death.back_s is not None]
    late = [death for death in deaths if death.back_s is None or death.back_s > BACK_S]
    figures = [
        at_least("kills", len(deaths), "kills"),
        at_most("back_median_s", statistics.median(seconds) if seconds else GIVEN_UP_S, "s"),
        at_most("back_max_s", max(seconds) if len(seconds) == len(deaths) else GIVEN_UP_S, "s", BACK_S),
        at_most("not_back", len(late), "kills", 0),
        at_most("broken", books.wrong + (not whole), "checks", 0),
        at_least("fills", books.fills, "fills"),
        at_least("bars", books.bars, "bars"),
    ]
    for name in NAMES:
        worst = [death.back_s if death.back_s is not None else GIVEN_UP_S for death in deaths if death.name == name]
        figures.append(at_most(f"back_max_s/{name}", max(worst, default=0.0), "s", BACK_S))
    return figures


def killed(
    house: House,
    books: Books,
    kills: int,
    rng: random.Random,
    at_once: Sequence[int],
    progress: Progress | None = None,
) -> list[Death]:
    """So many kills, each waited for until it is up again or given up."""
    deaths: list[Death] = []
    while len(deaths) < kills:
        _force(house, rng)
        time.sleep(rng.uniform(0.0, 1.5 * house.settings.simulation.seconds_per_bar))
        together = min(rng.choice(at_once), kills - len(deaths))
        tried = [_kill(house, name) for name in rng.sample(NAMES, together)]
        fresh = [death for death in tried if death is not None]
        deaths += fresh
        _wait(house, fresh)
        books.check()
        if progress is not None:
            for death in fresh:
                failed = "" if death.back_s is not None and death.back_s <= BACK_S else "FAILED: "
                back = "not back" if death.back_s is None else f"back after {death.back_s:.1f} s"
                progress(len(deaths) / kills, f"{failed}kill {len(deaths)}: {death.name}, {back}; wrong: {books.wrong}")
    return deaths


def _force(house: House, rng: random.Random) -> None:
    """A person wants something; where the trader is away, he hears so and asks again later."""
    with contextlib.suppress(MinhosError):
        house.ask("force", side=rng.choice(SIDES), contracts=rng.randint(1, 3), minutes=0.0)


def _kill(house: House, name: str) -> Death | None:
    pid = house.pids().get(name)
    if pid is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    return Death(name, pid, time.monotonic())


def _wait(house: House, deaths: list[Death]) -> None:
    """Until all are up again; a person starts again what nobody else does."""
    typed_s = 0.0
    while any(death.back_s is None for death in deaths):
        now_s = time.monotonic()
        if now_s - min(death.at_s for death in deaths) > GIVEN_UP_S:
            return
        if any(death.name == "supervisor" for death in deaths) and house.start_has_ended and now_s - typed_s > 1.0:
            house.start()
            typed_s = now_s
        for death in deaths:
            if death.back_s is None and house.pid_in_beat(death.name) != death.pid and house.is_up(death.name):
                death.back_s = time.monotonic() - death.at_s
        time.sleep(POLL_S)
