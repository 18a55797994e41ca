"""Faults that matter together: a command while its answer cannot be written, a stop gone while none is taken.

Drawn one by one they would meet once in thousands of seeds.  Each situation is a few faults of the other files, with
the moments between them, aimed at what is held then; a plan has up to four of them.  Which faults there are, and what
they do, is not said here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from minhos.market.types import BAR_INTERVAL_NS
from minhos.testing.world.broker_faults import (
    FalseEnd,
    FillLie,
    HandTrade,
    ListLie,
    Rejection,
    StopsBeyondProtection,
    StopsExpire,
    WordLie,
)
from minhos.testing.world.disk_faults import (
    ByteFlipped,
    DatabaseLocked,
    DiskFails,
    DiskFault,
    DiskFull,
    ReportedCommit,
    WriteFails,
)
from minhos.testing.world.faults import OutsideFault
from minhos.testing.world.machine_faults import Hang, Kill, MachineFault, PidGivenAgain, SetClock
from minhos.testing.world.market_faults import BadPrice, Gap, Halted, Jump
from minhos.testing.world.person import ChangeSetting, Command, HalfSaved, Name, OlderJournal, Restart

BAR_MS = BAR_INTERVAL_NS // 1_000_000
DEMO_BAR_MS = 2_000
HOUR_MS = 3_600_000
NOTED_MS = 35_000
"""Beside a journal it is noted every half minute how far it goes: an older copy is known as one after that."""
OPEN_MS = 27_000_000
"""The first session's open after the start."""
Faults = tuple[MachineFault | DiskFault | OutsideFault, ...]


class Bar(msgspec.Struct, frozen=True):
    """A bar after whose close something is probably held.  number: from the start.  side: 1 long, -1 short.

    opened: number of the bar at whose close that was probably opened.
    """

    number: int
    side: int
    opened: int


class Moment(msgspec.Struct, frozen=True):
    """When a situation begins, in milliseconds after the start.

    close_ms: of a bar after which something is probably held.  at_ms: within the bar after it.  side: of what is held,
    0 where nobody knows.  entry_ms: close of the bar that probably opened it.
    """

    base: str
    close_ms: int
    at_ms: int
    side: int = 0
    entry_ms: int = 0

    @property
    def bar_ms(self) -> int:
        return DEMO_BAR_MS if self.base == "demo" else BAR_MS


def draw(rng: random.Random, base: str, length_ms: int, busy: Sequence[Bar]) -> Faults:
    """Up to `MOST` situations that this base can be in, each in a bar of its own.  busy: oldest first.

    Before each a person resumes, more often than not: what an earlier one stopped is to go on.
    """
    bar_ms = DEMO_BAR_MS if base == "demo" else BAR_MS
    bars = list(busy) or [Bar(n, 0, n) for n in range(2, max(3, length_ms // bar_ms - 10))]
    chosen = rng.sample(bars, min(len(bars), rng.randint(1, MOST)))
    found: list[MachineFault | DiskFault | OutsideFault] = []
    for bar in sorted(chosen, key=lambda each: each.number):
        close_ms = bar.number * bar_ms
        at_ms = close_ms + rng.randrange(500, max(501, min(bar_ms, 200_000)))
        if rng.random() < RESUMED:
            found.append(_command(rng, max(2_000, close_ms - bar_ms // 5), "resume"))
        make = _one(rng, base, length_ms)
        found += make(rng, Moment(base, close_ms, at_ms, bar.side, bar.opened * bar_ms))
    return tuple(fault for fault in found if 0 <= fault.at_ms < length_ms)


def _one(rng: random.Random, base: str, length_ms: int) -> Make:
    rows = [(make, weight if bases == ALL else OWN * weight) for bases, make, weight in _DRAWS if base in bases]
    if length_ms > OPEN_MS and base in AT_A_BROKER:
        rows.append((_at_the_open, AT_THE_OPEN * sum(weight for _, weight in rows)))
    return rng.choices([make for make, _ in rows], [weight for _, weight in rows])[0]


def _command(rng: random.Random, at_ms: int, name: Name) -> Command:
    fields: dict[str, str | int | float | bool] = {}
    if name == "force":
        fields = {"side": rng.choice(("long", "short")), "contracts": rng.choice((1, 2)), "minutes": 60}
    return Command(at_ms=at_ms, name=name, page=rng.random() < 0.4, fields=fields)


def _soon(rng: random.Random) -> int:
    return rng.choice((500, 3_000, 10_000, 30_000))


# Processes ------------------------------------------------------------------------------------------------------------


def _orphans(rng: random.Random, m: Moment) -> Faults:
    return Kill(at_ms=m.at_ms, name="supervisor"), Kill(at_ms=m.at_ms + _soon(rng), name="trader")


def _slow_supervisor(rng: random.Random, m: Moment) -> Faults:
    slow = Hang(at_ms=m.at_ms, for_ms=rng.choice((20_000, 60_000)), name="supervisor")
    return slow, Kill(at_ms=m.at_ms + _soon(rng), name="trader")


def _stop_of_orphans(rng: random.Random, m: Moment) -> Faults:
    """Also while one of them takes long to end."""
    again = Restart(at_ms=m.at_ms + rng.choice((6_000, 15_000, 40_000)), for_ms=60_000)
    slow = Hang(at_ms=again.at_ms - 500, for_ms=rng.choice((6_000, 20_000)), name="trainer")
    killed = Kill(at_ms=m.at_ms, name="supervisor")
    return (killed, slow, again) if rng.random() < 0.6 else (killed, again)


def _slow_trader_is_stopped(rng: random.Random, m: Moment) -> Faults:
    slow = Hang(at_ms=m.at_ms, for_ms=rng.choice((3_000, 8_000, 20_000)), name="trader")
    return slow, Restart(at_ms=m.at_ms + 500, for_ms=60_000)


def _half_saved(rng: random.Random, m: Moment) -> Faults:
    name = rng.choice(("trader", "watchdog", "trainer"))
    return HalfSaved(at_ms=m.at_ms, for_ms=60_000, restart=False), Kill(at_ms=m.at_ms + _soon(rng), name=name)


def _number_of_an_adopted(rng: random.Random, m: Moment) -> Faults:
    given = PidGivenAgain(at_ms=m.at_ms + rng.choice((8_000, 30_000)), name=rng.choice(("trader", "watchdog")))
    return Kill(at_ms=m.at_ms, name="supervisor"), given


def _clock_back_and_silent(rng: random.Random, m: Moment) -> Faults:
    name = rng.choice(("trader", "trader", "supervisor", "watchdog"))
    back = SetClock(at_ms=m.at_ms, by_ms=-rng.choice((60_000, HOUR_MS)))
    if name == "supervisor" and rng.random() < 0.5:
        return back, Kill(at_ms=m.at_ms + 200, name=name), Kill(at_ms=m.at_ms + 1_500, name="trader")
    return back, Hang(at_ms=m.at_ms + 200, for_ms=90_000, name=name)


def _clock_back(rng: random.Random, m: Moment) -> Faults:
    """Also before everything that was made before the start."""
    return (SetClock(at_ms=max(2_000, m.close_ms - rng.choice((2_000, 120_000))), by_ms=-rng.choice((2, 8)) * HOUR_MS),)


def _setting(rng: random.Random, m: Moment) -> Faults:
    section, key, value = rng.choice(SETTINGS)
    for_ms = rng.choice((0, 60_000))
    return (ChangeSetting(at_ms=m.at_ms, for_ms=for_ms, section=section, key=key, value=value),)


SETTINGS = (
    ("watchdog", "action", '"alarm"'),
    ("watchdog", "act_after_s", "5.0"),
    ("watchdog", "alarm_after_s", "0.5"),
    ("watchdog", "alarm_after_s", "20.0"),
    ("sierra", "reconcile_every_s", "5.0"),
    ("sierra", "legs", '"stop"'),
    ("sierra", "target_atr", "1.0"),
    ("sierra", "request_timeout_s", "0.5"),
    ("web", "port", "70000"),
    ("web", "port", "8001"),
    ("paper", "initial_cash", "50000.0"),
    ("paper", "delay_bars", "1"),
)
"""Beside those of `person.SETTINGS`; also what cannot be meant."""


# Disk -----------------------------------------------------------------------------------------------------------------


def _answer_is_lost(rng: random.Random, m: Moment) -> Faults:
    no_answer = DiskFails(at_ms=m.at_ms, for_ms=rng.choice((3_000, 8_000, 20_000)), where="inbox", name="trader")
    return no_answer, _command(rng, m.at_ms + 300, rng.choice(("force", "pause", "resume")))


def _inbox_is_away(rng: random.Random, m: Moment) -> Faults:
    if rng.random() < 0.5:
        return (DatabaseLocked(at_ms=m.at_ms, for_ms=rng.choice((6_000, 8_000)), base="inbox"),)
    return (DiskFails(at_ms=m.at_ms, for_ms=8_000, where="inbox", name="trader"),)


def _journal_is_away(rng: random.Random, m: Moment) -> Faults:
    """Around the close of a bar; also for one write, or for as long as a writer waits."""
    at_ms = max(2_000, rng.choice((m.close_ms, m.entry_ms)) - rng.choice((500, 5_000)))
    how = rng.random()
    if how < 0.25:
        return (DatabaseLocked(at_ms=at_ms, for_ms=rng.choice((3_000, 6_000, 8_000, 60_000)), base="journal"),)
    if how < 0.5:
        return (DiskFails(at_ms=at_ms, for_ms=rng.choice((3_000, 60_000)), where="journal", name="trader"),)
    kind: Literal["io", "full", "locked"] = rng.choice(("io", "full", "locked"))
    return (WriteFails(at_ms=at_ms, name="trader", kind=kind, nth=rng.randint(1, 12), count=rng.choice((1, 1, 2, 4))),)


def _folder_is_full(rng: random.Random, m: Moment) -> Faults:
    where: Literal["run", "data"] = rng.choice(("run", "data"))
    return (DiskFull(at_ms=m.at_ms, for_ms=20_000, where=where),)


def _commit_is_told_as_an_error(rng: random.Random, m: Moment) -> Faults:
    return (ReportedCommit(at_ms=max(2_000, m.close_ms - 500), nth=rng.randint(1, 8)),)


def _older_journal(rng: random.Random, m: Moment) -> Faults:
    for_ms = rng.choice((2, 3)) * m.bar_ms
    return (OlderJournal(at_ms=max(2_000, m.close_ms - m.bar_ms // 2), for_ms=max(NOTED_MS, for_ms)),)


def _snapshot_is_changed(rng: random.Random, m: Moment) -> Faults:
    flipped = ByteFlipped(at_ms=m.at_ms + 5_000, base="journal", seed=rng.randrange(2**31), of="snapshot")
    return Restart(at_ms=m.at_ms, for_ms=10_000), flipped


def _resumed_on_a_broken_journal(rng: random.Random, m: Moment) -> Faults:
    flipped = ByteFlipped(at_ms=m.at_ms, base="journal", seed=rng.randrange(2**31))
    begins = Kill(at_ms=m.at_ms + 1_000, name="trader")
    old = OlderJournal(at_ms=max(2_000, m.close_ms - m.bar_ms // 2), for_ms=max(NOTED_MS, 2 * m.bar_ms))
    first: Faults = (flipped, begins) if rng.random() < 0.5 else (old,)
    resumed_ms = (m.at_ms if len(first) == 2 else old.at_ms + old.for_ms) + rng.choice((10_000, 20_000, 60_000))
    return *first, _command(rng, resumed_ms, "resume"), _command(rng, resumed_ms + 5_000, "force")


# Risk -----------------------------------------------------------------------------------------------------------------


def _forced_and_stopped(rng: random.Random, m: Moment) -> Faults:
    stops: Name = rng.choice(("halt", "flatten", "pause"))
    halted_ms = m.at_ms + rng.choice((5_000, 60_000))
    again = _command(rng, halted_ms + rng.choice((5_000, 60_000)), "resume")
    return _command(rng, m.at_ms, "force"), _command(rng, halted_ms, stops), again


def _forced_and_stopped_out(rng: random.Random, m: Moment) -> Faults:
    side = {0: rng.choice(("long", "short")), 1: "long", -1: "short"}[m.side]
    forced = Command(at_ms=m.at_ms, name="force", fields={"side": side, "contracts": 1, "minutes": 60})
    away = -1 if side == "long" else 1
    return forced, *(Jump(at_ms=m.at_ms + i * BAR_MS + 30_000, ticks=away * 400) for i in range(2))


def _another_contract(rng: random.Random, m: Moment) -> Faults:
    keys = [("order_root", '"ES"'), ("order_root", '""'), ("order_root", '"MNQ"'), ("symbol", '"NQH26"')]
    key, value = rng.choice(keys)
    return (ChangeSetting(at_ms=m.at_ms, section="market", key=key, value=value),)


def _another_contract_and_no_close(rng: random.Random, m: Moment) -> Faults:
    """In the bar that opened something, which others of that side may follow."""
    refused = Rejection(at_ms=max(0, m.entry_ms - 5_000), for_ms=15 * 60_000, what="close", why="margin")
    at_ms = m.entry_ms + rng.randrange(5_000, 200_000)
    return refused, *_another_contract(rng, msgspec.structs.replace(m, at_ms=at_ms))


# At the broker --------------------------------------------------------------------------------------------------------


def _close_is_refused(rng: random.Random, m: Moment) -> Faults:
    """Around the close of one of the bars in which what is held is given up."""
    why: Literal["clip", "margin"] = rng.choice(("clip", "margin"))
    at_ms = m.close_ms + rng.randint(1, 5) * BAR_MS - 5_000
    return (Rejection(at_ms=at_ms, for_ms=rng.choice((20_000, 60_000)), what="close", why=why),)


def _stop_is_gone_for_good(rng: random.Random, m: Moment) -> Faults:
    refused = Rejection(at_ms=m.at_ms, for_ms=10 * 60_000, what="stop", why="band")
    if rng.random() < 0.5:
        return refused, StopsExpire(at_ms=m.at_ms + 500)
    return refused, HandTrade(at_ms=m.at_ms + 500, what="cancel_stops")


def _entry_rests_in_a_halt(rng: random.Random, m: Moment) -> Faults:
    """The entry of that close waits, its cancel is refused, and the person halts meanwhile."""
    halted = Halted(at_ms=m.entry_ms - 10_000, for_ms=rng.choice((400_000, 800_000)))
    refused = Rejection(at_ms=m.entry_ms - 15_000, for_ms=rng.choice((60_000, 100_000)), what="cancel", why="band")
    stops: Name = rng.choice(("halt", "flatten"))
    return refused, halted, _command(rng, m.entry_ms + rng.choice((5_000, 30_000)), stops)


def _turned_in_silence(rng: random.Random, m: Moment) -> Faults:
    """Somebody trades the position into the other side while nothing is heard of it, and the person halts."""
    words = WordLie(at_ms=m.at_ms, for_ms=60_000, how="lost", of="both")
    fills = ListLie(at_ms=m.at_ms, for_ms=60_000, which="fills", how="empty", reconnect=False)
    what: Literal["buy", "sell"] = "sell" if m.side > 0 else "buy"
    trades = [HandTrade(at_ms=m.at_ms + 500 + i, what=what, contracts=5) for i in range(2)]
    return words, fills, *trades, _command(rng, m.at_ms + rng.choice((30_000, 70_000)), "halt")


def _said_to_have_ended(rng: random.Random, m: Moment) -> Faults:
    return (FalseEnd(at_ms=m.at_ms),)


def _stop_rests_beyond(rng: random.Random, m: Moment) -> Faults:
    """The price passes the stop by a leap and stays there."""
    beyond = StopsBeyondProtection(at_ms=m.at_ms, for_ms=20 * 60_000, ticks=4)
    return beyond, Jump(at_ms=m.at_ms + 1_000, ticks=-m.side * rng.choice((150, 400)))


def _no_orders_are_listed(rng: random.Random, m: Moment) -> Faults:
    """For seconds the list of orders lacks what rests; its cancel may be refused as well."""
    how: Literal["empty", "partial"] = rng.choice(("empty", "empty", "partial"))
    for_ms = rng.choice((500, 2_000, 5_000, 20_000, 60_000))
    lie = ListLie(at_ms=m.at_ms, for_ms=for_ms, which="orders", how=how, reconnect=rng.random() < 0.8)
    if rng.random() < 0.6:
        return (lie,)
    return Rejection(at_ms=m.at_ms - 5_000, for_ms=for_ms + 60_000, what="cancel", why="band"), lie


def _a_fill_is_told_otherwise(rng: random.Random, m: Moment) -> Faults:
    """Of an entry, or of what ends it."""
    how: Literal["too_large", "other_side", "other_symbol", "other_account", "other_order", "far_price"]
    how = rng.choice(("too_large", "other_side", "other_symbol", "other_account", "other_order", "far_price"))
    at_ms = rng.choice((m.entry_ms - 5_000, m.at_ms))
    return (FillLie(at_ms=at_ms, how=how, contracts=rng.choice((3, 48))),)


def _an_exit_that_never_was(rng: random.Random, m: Moment) -> Faults:
    """The journal holds less than the broker; the person may halt then."""
    lie = FillLie(at_ms=m.at_ms, how="invented", contracts=rng.choice((1, 2, 5)))
    if rng.random() < 0.5:
        return (lie,)
    stops: Name = rng.choice(("halt", "flatten"))
    return lie, _command(rng, m.at_ms + rng.choice((20_000, 60_000)), stops)


def _at_the_open(rng: random.Random, m: Moment) -> Faults:
    """Before the first price of a session somebody else trades; or what could not be closed before meets a gap."""
    first = HandTrade(at_ms=OPEN_MS + rng.choice((50, 200, 400)), what=rng.choice(("buy", "sell")), contracts=1)
    if rng.random() < 0.6:
        return (first,)
    before_ms = OPEN_MS - HOUR_MS
    forced = Command(at_ms=before_ms - 1_500_000, name="force", fields={"side": "long", "contracts": 1, "minutes": 600})
    refused = Rejection(at_ms=before_ms - 900_000, for_ms=900_000, what="close", why="margin")
    return forced, refused, Gap(at_ms=before_ms - 1_000, ticks=-1_500)


def _no_price(rng: random.Random, m: Moment) -> Faults:
    how: Literal["zero", "negative", "far", "nan"] = rng.choice(("zero", "negative", "far", "nan"))
    return (BadPrice(at_ms=m.at_ms, how=how),)


ALL, WITH_PRICES, AT_A_BROKER = ("demo", "sierra", "folder"), ("sierra", "folder"), ("sierra",)
OWN = 4.0
"""So much oftener comes what other bases cannot have."""
AT_THE_OPEN = 0.5
"""Where a plan reaches the next session, this to one a situation is of its open."""
MOST, RESUMED = 4, 0.7
"""Situations in a plan; the share of them before which a person resumes."""
Make = Callable[[random.Random, Moment], Faults]
_DRAWS: tuple[tuple[tuple[str, ...], Make, float], ...] = (
    (ALL, _orphans, 1.0),
    (ALL, _slow_supervisor, 1.0),
    (ALL, _stop_of_orphans, 1.0),
    (ALL, _slow_trader_is_stopped, 1.0),
    (ALL, _half_saved, 1.0),
    (ALL, _number_of_an_adopted, 1.0),
    (ALL, _clock_back_and_silent, 2.0),
    (WITH_PRICES, _clock_back, 1.0),
    (ALL, _setting, 1.0),
    (ALL, _answer_is_lost, 2.0),
    (ALL, _inbox_is_away, 1.0),
    (ALL, _journal_is_away, 1.0),
    (ALL, _folder_is_full, 1.0),
    (ALL, _commit_is_told_as_an_error, 2.0),
    (ALL, _older_journal, 2.0),
    (ALL, _snapshot_is_changed, 2.0),
    (ALL, _resumed_on_a_broken_journal, 2.0),
    (ALL, _forced_and_stopped, 1.0),
    (WITH_PRICES, _forced_and_stopped_out, 1.0),
    (WITH_PRICES, _another_contract, 1.0),
    (AT_A_BROKER, _another_contract_and_no_close, 2.0),
    (AT_A_BROKER, _close_is_refused, 2.0),
    (AT_A_BROKER, _stop_is_gone_for_good, 2.0),
    (AT_A_BROKER, _entry_rests_in_a_halt, 4.0),
    (AT_A_BROKER, _turned_in_silence, 4.0),
    (AT_A_BROKER, _said_to_have_ended, 2.0),
    (AT_A_BROKER, _stop_rests_beyond, 2.0),
    (AT_A_BROKER, _no_orders_are_listed, 2.0),
    (AT_A_BROKER, _a_fill_is_told_otherwise, 2.0),
    (AT_A_BROKER, _an_exit_that_never_was, 1.0),
    (WITH_PRICES, _no_price, 1.0),
)
