"""Plans that once broke a rule of the world, with the fewest faults that did it: each plays to its end unbroken.

In the home of seed 15 five contracts are held from 301 s on, three from 601 s, two from 901 s, none from 1,201 s.
"""

from __future__ import annotations

from typing import Literal

import pytest

from minhos.testing.world.broker_faults import (
    Cut,
    FillLie,
    HandTrade,
    ListLie,
    LogonRefused,
    Rejection,
    RiskDesk,
    SecondProgram,
    StopsBeyondProtection,
    StopsExpire,
    WordLie,
)
from minhos.testing.world.disk_faults import DiskFull, DiskReadOnly
from minhos.testing.world.machine_faults import Crash, Kill, SetClock, Suspend
from minhos.testing.world.market_faults import BadPrice, FeedEnds, FeedFails, FolderGone, Jump
from minhos.testing.world.person import ChangeSetting, Command, OlderJournal, Restart
from minhos.testing.world.plan import AnyFault, Plan, drawn
from minhos.testing.world.play import play

HELD_MS = 400_000


def _unheard(at_ms: int, for_ms: int, what: Literal["buy", "sell"]) -> tuple[AnyFault, ...]:
    """Ten are traded by hand while no word comes and the list of fills is empty; a person halts meanwhile."""
    return (
        WordLie(at_ms=at_ms, for_ms=for_ms, how="lost", of="both"),
        ListLie(at_ms=at_ms, for_ms=for_ms, which="fills", how="empty", reconnect=False),
        HandTrade(at_ms=at_ms + 500, what=what, contracts=5),
        HandTrade(at_ms=at_ms + 501, what=what, contracts=5),
        Command(at_ms=at_ms + 30_000, name="halt"),
    )


FOUND: tuple[tuple[str, int, tuple[AnyFault, ...]], ...] = (
    ("half a second without open orders", 15, (ListLie(at_ms=HELD_MS, for_ms=500, which="orders", how="empty"),)),
    ("five seconds without open orders", 15, (ListLie(at_ms=HELD_MS, for_ms=5_000, which="orders", how="empty"),)),
    ("the other sign for a moment", 15, (ListLie(at_ms=HELD_MS, for_ms=500, which="positions", how="opposite"),)),
    ("no position for a moment", 15, (ListLie(at_ms=HELD_MS, for_ms=2_000, which="positions", how="empty"),)),
    ("orders listed after their end", 15, (ListLie(at_ms=1_300_000, for_ms=60_000, which="orders", how="ended"),)),
    ("48 on an order of five", 15, (FillLie(at_ms=200_000, how="too_large", contracts=48),)),
    ("a fill of the other side", 15, (FillLie(at_ms=200_000, how="other_side"),)),
    ("a fill of another contract", 15, (FillLie(at_ms=200_000, how="other_symbol"),)),
    ("a fill of somebody else under our id", 15, (FillLie(at_ms=500_000, how="other_order", contracts=3),)),
    ("words that are lost", 15, (WordLie(at_ms=200_000, for_ms=600_000, how="lost", of="both"),)),
    ("closes refused", 15, (Rejection(at_ms=500_000, for_ms=900_000, what="close", why="clip"),)),
    (
        "no open orders while cancels are refused",
        15,
        (
            Rejection(at_ms=390_000, for_ms=120_000, what="cancel", why="band"),
            ListLie(at_ms=400_000, for_ms=60_000, which="orders", how="empty", reconnect=True),
        ),
    ),
    ("a feed that fails", 15, (FeedFails(at_ms=400_000),)),
    ("a feed that ends", 15, (FeedEnds(at_ms=400_000),)),
    ("a final refusal while something is held", 15, (LogonRefused(at_ms=400_000, for_ms=60_000, how="final"),)),
    ("an exit that never was", 15, (FillLie(at_ms=400_000, how="invented", contracts=2),)),
    ("stops refused", 15, (Rejection(at_ms=200_000, for_ms=300_000, what="stop", why="margin"),)),
    (
        "a stop that rests beyond its protection",
        15,
        (StopsBeyondProtection(at_ms=350_000, for_ms=900_000, ticks=4), Jump(at_ms=HELD_MS, ticks=-400)),
    ),
    ("stops that expire", 15, (StopsExpire(at_ms=HELD_MS),)),
    ("the risk desk", 15, (RiskDesk(at_ms=HELD_MS),)),
    ("sold into the other side while no word comes", 15, _unheard(HELD_MS, 120_000, "sell")),
    ("bought while flat and no word comes", 15, _unheard(1_300_000, 60_000, "buy")),
    ("a second program", 15, (SecondProgram(at_ms=HELD_MS, for_ms=300_000, side=1, our_ids=True),)),
    ("stops cancelled by hand", 15, (HandTrade(at_ms=HELD_MS, what="cancel_stops"),)),
    (
        "flattened on a journal that forgot what rests",
        15,
        (OlderJournal(at_ms=280_000, for_ms=120_000), Command(at_ms=460_000, name="flatten")),
    ),
    (
        "closed by hand on a journal that forgot what rests",
        15,
        (OlderJournal(at_ms=280_000, for_ms=120_000), HandTrade(at_ms=450_000, what="close")),
    ),
    (
        "a copy of the journal that a read-only disk does not take",
        15,
        (
            OlderJournal(at_ms=280_000, for_ms=120_000),
            DiskReadOnly(at_ms=390_000, for_ms=60_000, where="data"),
        ),
    ),
    ("closed by hand", 15, (HandTrade(at_ms=HELD_MS, what="close"),)),
    ("killed while the line is cut", 15, (Cut(at_ms=HELD_MS, for_ms=20_000), Kill(at_ms=405_000, name="trader"))),
    (
        "another contract while something is held",
        15,
        (ChangeSetting(at_ms=HELD_MS, section="market", key="order_root", value='""', restart=True),),
    ),
    (
        "forced, then halted, then resumed",
        15,
        (
            Command(at_ms=310_000, name="force", fields={"side": "long", "contracts": 2, "minutes": 30}),
            Command(at_ms=HELD_MS, name="halt"),
            Command(at_ms=500_000, name="resume"),
        ),
    ),
    ("a price that is no number", 15, (BadPrice(at_ms=HELD_MS, how="nan"),)),
    (
        "the supervisor and then the trader killed",
        3,
        (
            Kill(at_ms=20_000, name="supervisor"),
            Kill(at_ms=40_000, name="trader"),
        ),
    ),
    ("killed while the machine sleeps", 3, (Suspend(at_ms=34_518, for_ms=60_000), Kill(at_ms=50_000, name="trader"))),
    ("dead in the middle of a turn, twice", 3, (Crash(at_ms=9_000, events=2), Crash(at_ms=20_000, events=5))),
)


SEEDS: tuple[tuple[str, Plan], ...] = (
    ("464: a damaged file that the first write of a start found ended each start for good", drawn(464, 0.1)),
    (
        "330: a trader that was started again while the folder of its data was away ended with a traceback",
        Plan(
            330,
            "folder",
            400_000,
            (FolderGone(at_ms=100_000, for_ms=240_000), Kill(at_ms=150_000, name="trader")),
        ),
    ),
    (
        "10107: behind a full data/run nothing named the trainer, and each start began another one",
        Plan(
            10107,
            "demo",
            30_000,
            (
                DiskFull(at_ms=5_000, for_ms=600_000, where="run"),
                Kill(at_ms=8_000, name="trainer"),
                Kill(at_ms=12_000, name="supervisor"),
                Restart(at_ms=20_000),
            ),
        ),
    ),
    (
        "12: positions with the other sign for two seconds had our stop cancelled and another one placed",
        Plan(
            12,
            "sierra",
            36_120_000,
            (ListLie(at_ms=36_059_680, for_ms=2_000, which="positions", how="opposite", reconnect=True),),
        ),
    ),
    (
        "244: on paper a close that a clock four hours ahead had decided waited for the market to be there",
        Plan(
            244,
            "folder",
            2_600_000,
            (
                SetClock(at_ms=994_961, by_ms=14_400_000),
                ChangeSetting(at_ms=1_740_979, section="market", key="order_root", value='"MNQ"', restart=True),
            ),
        ),
    ),
)
"""By the seed that found it: what it was, and its plan, as small as it goes."""


@pytest.mark.parametrize("plan", [plan for _, plan in SEEDS], ids=[name.split(":")[0] for name, _ in SEEDS])
def test_a_seed_that_found_a_fault_plays_to_its_end(plan: Plan) -> None:
    outcome = play(plan)
    assert outcome.broken is None, "\n".join(outcome.trace[-30:])


@pytest.mark.parametrize(("seed", "faults"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_it_is_mended(seed: int, faults: tuple[AnyFault, ...]) -> None:
    plan = Plan(seed, "demo" if seed == 3 else "sierra", 120_000 if seed == 3 else 3_600_000, faults)
    outcome = play(plan)
    assert outcome.broken is None, "\n".join(outcome.trace[-30:])
