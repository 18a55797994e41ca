"""A world with all that stands in it: broker, market, person, witness, and what the faults of the machine do to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

from minhos.assembly.naming import account_of, mode_of
from minhos.journal.database import open_database
from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import Settings
from minhos.testing.world.machine import Killed
from minhos.testing.world.plan import AnyFault, Crash, Kill, NetworkDown, PidGivenAgain, Plan, SetClock, Suspend
from minhos.testing.world.witness import Witness
from minhos.testing.world.world import World
from minhos.trading import events as ev

NANOS_PER_MS = 1_000_000


class Stage:
    """See the module.  Made by `bases.build`."""

    def __init__(self, plan: Plan, world: World, settings: Settings) -> None:
        self.plan, self.world, self.settings = plan, world, settings
        self.witness = Witness(
            world.layout.journal(mode_of(settings), account_of(settings)), SessionCalendar.load(), open_database
        )
        self.bars = 0
        self.done: list[str] = []
        """Faults that began, in words."""
        self.stopped = False
        """A person asked for everything to end."""

    def begin(self) -> None:
        """The person types `start`."""
        self.world.begin("supervisor")

    def calm_down(self) -> None:
        """No fault lasts any longer, and what was killed and nobody restarts is started by the person."""
        self.world.network.refuses = False
        if self.world.living("supervisor") is None:
            self.world.note("a person types start")
            self.world.begin("supervisor")

    def follow(self) -> None:
        """Take in what the journal says now, and note what matters.  Raises JournalError where it cannot be read."""
        seen = self.witness.seen
        alarms, intents = len(seen.alarms), len(seen.intents)
        self.witness.follow()
        for _, text in seen.alarms[alarms:]:
            self.world.note(f"alarm: {text}")
        for order in list(seen.intents.values())[intents:]:
            side = "buy" if order.side > 0 else "sell"
            self.world.note(f"intent: {order.role} {side} {order.contracts} {order.symbol} {order.order_id}")

    def close(self) -> None:
        """End every process without a word."""
        for child in list(self.world.alive()):
            self.world.kill(child, "the end of the world")
        self.witness.close()

    def story(self) -> list[str]:
        """What happened, a line each."""
        return [f"{_time(at_ns)} {text}" for at_ns, text in self.world.notes]

    # Faults ----------------------------------------------------------------------------------------------------------

    def plan_fault(self, fault: AnyFault) -> None:
        """Have it begin when its moment comes."""
        self.world.at(self.world.start_ns + fault.at_ms * NANOS_PER_MS, partial(self._begin, fault))

    def _begin(self, fault: AnyFault) -> None:
        self.world.note(f"FAULT {fault}")
        self.done.append(str(fault))
        _BEGIN[type(fault)](self, fault)
        self.world.stir()

    def _kill(self, fault: Kill) -> None:
        child = self.world.living(fault.name)
        if child is not None:
            self.world.kill(child, "a fault")

    def _crash(self, fault: Crash) -> None:
        trader, child = self.world.trader, self.world.living("trader")
        if trader is None or child is None:
            return
        record, left = trader.engine.record, fault.events

        def count(event: ev.Event, time_ns: int, *, more: bool = False) -> None:
            nonlocal left
            record(event, time_ns, more=more)
            left -= 1
            if left <= 0:
                self.world.kill(child, "a fault in the middle of a turn")
                raise Killed

        trader.engine.record = count  # type: ignore[method-assign]  # this one object's, until it is killed

    def _set_clock(self, fault: SetClock) -> None:
        self.world.machine_clock.offset_ns += fault.by_ms * NANOS_PER_MS

    def _suspend(self, fault: Suspend) -> None:
        self.world.sleep_machine(fault.for_ms * NANOS_PER_MS)

    def _network_down(self, fault: NetworkDown) -> None:
        network = self.world.network
        network.refuses = True
        network.cut()

        def up() -> None:
            network.refuses = False
            self.world.note("the network is up again")
            self.world.stir()

        self.world.at(self.world.true_ns + fault.for_ms * NANOS_PER_MS, up)

    def _pid_given_again(self, fault: PidGivenAgain) -> None:
        child = self.world.living(fault.name)
        if child is not None:
            self.world.kill(child, "a fault")
            self.world.strangers[child.pid] = self.world.machine_clock.now_ns() / NANOS_PER_SECOND + 5.0


_BEGIN: dict[type, Callable[..., None]] = {
    Kill: Stage._kill,
    Crash: Stage._crash,
    SetClock: Stage._set_clock,
    Suspend: Stage._suspend,
    NetworkDown: Stage._network_down,
    PidGivenAgain: Stage._pid_given_again,
}


def _time(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns / 1e9, dt.UTC).strftime("%a %H:%M:%S.%f")[:-3]
