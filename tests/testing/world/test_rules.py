"""The rules of what stands at the broker and of what is shown: silent where all is well, red where it is not."""

from __future__ import annotations

import re

import msgspec
import pytest

from minhos.accounting.types import CLOSING, Fill, Order, OrderType, Role
from minhos.dtc.messages import Message
from minhos.processes import orphans
from minhos.processes.journal_watch import JournalWatch
from minhos.processes.orphans import Orphans
from minhos.processes.watchdog import Watchdog
from minhos.research import replay
from minhos.risk.limits.size import MaxPositionSize
from minhos.safety import stop
from minhos.testing.world import invariants
from minhos.testing.world.broker_faults import HandTrade, NoOco, Rejection
from minhos.testing.world.disk import WorldDisk
from minhos.testing.world.disk_faults import PowerCut
from minhos.testing.world.machine_faults import Hang, Kill
from minhos.testing.world.market_faults import Halted
from minhos.testing.world.person import ChangeSetting, Command, OlderJournal, Restore
from minhos.testing.world.plan import AnyFault, Plan
from minhos.testing.world.play import Outcome, play
from minhos.testing.world.witness import Seen, misfit
from minhos.trading.book import opens
from minhos.trading.engine import Engine
from minhos.trading.order_ids import order_id
from minhos.venues.sierra import wire
from minhos.venues.sierra.book import SierraBook
from minhos.venues.sierra.desk import Desk
from minhos.views.surroundings import Surroundings

HELD_MS = 3_100_000
"""With seed 5, five contracts are held from 3,001 to 3,901 seconds after the start."""
QUIET = Plan(5, "sierra", 3_700_000, ())
BY_HAND = msgspec.structs.replace(QUIET, faults=(HandTrade(at_ms=HELD_MS, what="close"),))
BARE = msgspec.structs.replace(
    QUIET,
    faults=(
        Rejection(at_ms=HELD_MS - 1_000, for_ms=400_000, what="stop", why="band"),
        HandTrade(at_ms=HELD_MS, what="cancel_stops"),
    ),
)
PUT_BACK = Plan(6002, "sierra", 20_400_000, (Restore(at_ms=19_222_754, for_ms=900_000),))
"""Between backup and restore an exit was filled."""
DEAD = Plan(
    7,
    "demo",
    50_000,
    tuple(
        Kill(at_ms=10_000 + 500 * i, name=name)
        for i, name in enumerate(("supervisor", "watchdog", "trainer", "trader"))
    ),
)


def broken(outcome: Outcome) -> str:
    return "" if outcome.broken is None else outcome.broken.invariant


def test_a_stop_whose_position_was_closed_by_hand_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(play(BY_HAND)) == ""
    monkeypatch.setattr(Desk, "cancel", lambda self, order_id: None)
    assert broken(play(BY_HAND)) == "resting_exits_never_exceed_what_is_held"


def test_a_position_without_a_stop_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(play(BARE)) == ""
    monkeypatch.setattr(invariants, "UNPROTECTED", re.compile("no alarm says this"))
    assert broken(play(BARE)) == "what_is_held_is_covered_or_said"


def test_a_page_that_calls_a_dead_trader_live_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(play(DEAD)) == ""
    monkeypatch.setattr(Surroundings, "trader_alive", property(lambda self: True))
    assert broken(play(DEAD)) == "statuses_are_true"


def test_a_decision_that_a_replay_makes_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = msgspec.structs.replace(QUIET, seed=invariants.REPLAYED, length_ms=1_500_000)
    assert broken(play(replayed)) == ""
    again = replay.decide_again
    monkeypatch.setattr(
        replay, "decide_again", lambda state, was: msgspec.structs.replace(again(state, was), close_time_ns=0)
    )
    assert broken(play(replayed)) == "a_replay_decides_the_same"


def test_a_halt_that_a_power_cut_takes_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    halted = Plan(7, "demo", 20_000, (Command(at_ms=10_000, name="halt"), PowerCut(at_ms=15_000, for_ms=1_000, seed=1)))
    assert broken(play(halted)) == ""
    kept = WorldDisk._set
    monkeypatch.setattr(WorldDisk, "_set", lambda self, path, content, durable: kept(self, path, content, False))
    lost = [broken(play(_cut_with(halted, seed))) for seed in (3, 4)]
    assert "a_halt_outlives_the_power" in lost


def _cut_with(plan: Plan, seed: int) -> Plan:
    first, cut = plan.faults
    return msgspec.structs.replace(plan, faults=(first, msgspec.structs.replace(cut, seed=seed)))


def test_a_round_trip_that_a_backup_does_not_know_is_found_where_nobody_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert broken(play(PUT_BACK)) == ""
    monkeypatch.setattr(JournalWatch, "_stop", lambda self, text: None)
    assert broken(play(PUT_BACK)) == "every_fill_is_booked_once"


def test_a_dead_supervisor_of_which_nobody_tells_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Plan(7, "demo", 40_000, (Kill(at_ms=10_000, name="supervisor"),))
    assert broken(play(alone)) == ""
    monkeypatch.setattr(Orphans, "_tell", lambda self: None)
    assert broken(play(alone)) == "a_dead_supervisor_is_told"


def test_a_supervisor_that_is_slow_and_stood_in_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Plan(
        7, "demo", 40_000, (Hang(at_ms=10_000, for_ms=20_000, name="supervisor"), Kill(at_ms=11_000, name="trader"))
    )
    assert broken(play(slow)) == ""
    monkeypatch.setattr(orphans, "pid_of", lambda layout, kind: None)
    assert broken(play(slow)) == "a_supervisor_that_lives_is_not_stood_in_for"


def test_an_older_journal_of_which_nobody_speaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    older = Plan(7, "demo", 60_000, (OlderJournal(at_ms=20_000, for_ms=35_000),))
    monkeypatch.setattr(JournalWatch, "_compare_the_end", lambda self: None)
    assert broken(play(older)) == "nothing_is_risked_on_a_broken_journal"


def test_a_fill_that_cannot_be_of_its_order_is_seen() -> None:
    order = Order("E", "NQZ25", 1, 5, Role.ENTRY, OrderType.MARKET)
    fill = Fill("1", "E", "NQZ25", 1, 5, 80_000, 1, 0, Role.ENTRY)
    seen = Seen(intents={"E": order})
    assert not list(misfit(seen, fill))
    wrong = ({"contracts": 6}, {"side": -1}, {"symbol": "MNQZ25"})
    assert all(list(misfit(seen, msgspec.structs.replace(fill, **other))) for other in wrong)
    seen.fills["0"] = fill
    assert list(misfit(seen, fill))


def test_a_watchdog_that_never_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watchdog, "look", lambda self: None)
    assert broken(play(QUIET)) == "the_watchdog_looks"


# What stands at the broker -------------------------------------------------------------------------------------------
# With seed 15, five contracts are bought 301 seconds after the start, and held for five minutes.


def quiet(*faults: AnyFault) -> Plan:
    return Plan(15, "sierra", 500_000, faults)


def test_an_order_that_is_sent_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(play(quiet())) == ""
    send = Desk._send

    async def twice(self: Desk, *order: object) -> None:
        await send(self, *order)  # type: ignore[arg-type]
        await send(self, *order)  # type: ignore[arg-type]

    monkeypatch.setattr(Desk, "_send", twice)
    assert broken(play(quiet())) == "no_order_is_at_the_broker_twice"


def test_a_second_entry_of_one_bar_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Engine.send

    def twice(self: Engine, orders: tuple[Order, ...], time_ns: int) -> None:
        small = [msgspec.structs.replace(o, contracts=2) if opens(o) else o for o in orders]
        again = [msgspec.structs.replace(o, order_id=order_id(o.order_id.encode())) for o in small if opens(o)]
        send(self, (*small, *again), time_ns)

    monkeypatch.setattr(Engine, "send", twice)
    assert broken(play(quiet())) == "no_order_is_at_the_broker_twice"


def test_an_entry_beyond_a_limit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = quiet(ChangeSetting(at_ms=30_000, section="risk", key="max_position_size", value="2"))
    assert broken(play(limited)) == ""
    monkeypatch.setattr(MaxPositionSize, "cap", lambda self, context: None)
    assert broken(play(limited)) == "no_limit_is_passed"


def test_more_at_the_broker_than_was_decided_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = wire.bracket
    monkeypatch.setattr(
        wire, "bracket", lambda order, *a: made(msgspec.structs.replace(order, contracts=2 * order.contracts), *a)
    )
    assert broken(play(quiet())) == "no_limit_is_passed"


def test_a_close_that_turns_the_position_round_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = quiet(Command(at_ms=400_000, name="flatten"))
    assert broken(play(closed)) == ""
    made = wire.single

    def one_more(order: Order, route: wire.Route, contracts: int) -> Message:
        return made(order, route, contracts + (order.role in CLOSING))

    monkeypatch.setattr(wire, "single", one_more)
    assert broken(play(closed)) == "what_closes_never_opens"


def test_a_target_beside_its_stop_is_found_where_the_broker_keeps_no_oco(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = quiet(NoOco(at_ms=400_000, for_ms=60_000))
    assert broken(play(alone)) == ""
    monkeypatch.setattr(SierraBook, "resting_targets", lambda self: [])
    assert broken(play(alone)) == "where_oco_is_not_the_brokers_only_the_stop_rests"


def test_an_entry_that_outlives_a_halt_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    halted = quiet(Halted(at_ms=299_000, for_ms=600_000), Command(at_ms=320_000, name="halt"))
    assert broken(play(halted)) == ""
    monkeypatch.setattr(Engine, "_cancel_openings", lambda *a: None)
    assert broken(play(halted)) == "an_entry_that_rests_goes_on_a_halt"


def test_a_halt_that_is_said_to_hold_and_does_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    halted = quiet(Command(at_ms=400_000, name="halt"))
    assert broken(play(halted)) == ""
    monkeypatch.setattr(Engine, "flatten", lambda *a, **k: None)
    monkeypatch.setattr(stop, "_wait_until_flat", lambda *a: (True, "the position is flat."))
    monkeypatch.setattr(stop, "is_at_broker", lambda *a: False)
    assert broken(play(halted)) == "a_command_is_done_or_said_not_to_be"
