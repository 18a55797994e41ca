"""A world with all that stands in it: broker, market, person, witness, and what the faults of the machine do to it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from functools import partial

from minhos.accounting.types import Role
from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import SupervisorBeat, TraderBeat, TrainerBeat, WatchdogBeat
from minhos.assembly.naming import account_of, mode_of
from minhos.assembly.running import gone
from minhos.market.calendar import SessionCalendar
from minhos.market.types import NANOS_PER_SECOND
from minhos.settings import Settings
from minhos.testing.world import disk_faults, faults
from minhos.testing.world.broker import WorldBroker
from minhos.testing.world.broker_book import Working
from minhos.testing.world.broker_faults import (
    Cut,
    FalseEnd,
    FillLie,
    ListLie,
    LogonRefused,
    NoOco,
    Silence,
    Slow,
    WordLie,
)
from minhos.testing.world.disk_faults import ByteFlipped, DiskFault, PowerCut, WriteFails
from minhos.testing.world.faults import Outside, OutsideFault
from minhos.testing.world.forecasts import GivenForecasts
from minhos.testing.world.house import WorldHouse
from minhos.testing.world.machine import Killed, abandon
from minhos.testing.world.machine_faults import Crash, Hang, Kill, NetworkDown, PidGivenAgain, SetClock, Suspend
from minhos.testing.world.market import WorldMarket
from minhos.testing.world.market_faults import FolderGone
from minhos.testing.world.person import Person, PersonFault
from minhos.testing.world.plan import AnyFault, Plan
from minhos.testing.world.witness import Witness
from minhos.testing.world.world import NEVER_NS, World
from minhos.trading import events as ev
from minhos.trading.book import opens
from minhos.views.surroundings import Surroundings
from minhos.views.truth import Truth, untrue

NANOS_PER_MS = 1_000_000
LIES = (ListLie, FillLie, FalseEnd, WordLie, Cut, Silence, LogonRefused, Slow, NoOco)
"""Of these the broker tells nothing, or what is not so; what other faults of its do can be noticed at once."""
MISTAKE_NS = 90 * NANOS_PER_SECOND
"""A process that ended because of a person's mistake is looked at again every minute."""
BLIND_AFTER_NS = 15 * NANOS_PER_SECOND
"""For so long after a fault of the broker's, what it said may still be acted on."""

LACKS = re.compile(r"put back from the backup|was broken at record|was damaged|its end is missing|journal \S+ is gone")
"""What the trader says of a journal that took the place of a longer one."""
SURVEYED_NS = 330 * NANOS_PER_SECOND
"""Within that the account is surveyed."""


class Stage:
    """See the module.  Made by `bases.build`."""

    def __init__(
        self,
        plan: Plan,
        world: World,
        settings: Settings,
        *,
        broker: WorldBroker | None = None,
        market: WorldMarket | None = None,
        forecasts: GivenForecasts,
    ) -> None:
        self.plan, self.world, self.settings = plan, world, settings
        self.broker, self.market = broker, market
        self.house = WorldHouse(world, lambda: self.journal, self._restored)
        self.person = Person(self.house)
        self.outside = Outside(broker, market, forecasts, self.person)
        self.on_close: list[Callable[[], None]] = []
        """What else has to be let go at the end."""
        self.spoilt: list[tuple[int, int]] = []
        """From when to when, true time, minhos.toml could not be read or meant."""
        self._without_folder: list[tuple[int, int]] = []
        """From when to when the folder was away that it names."""
        self._active: list[OutsideFault] = []
        self.journal = world.layout.journal(mode_of(settings), account_of(settings))
        self.witness = Witness(self.journal, SessionCalendar.load(), world.layout.database)
        self.bars = 0
        self.done: list[str] = []
        """Faults that began, in words."""
        self._disk_bad: list[tuple[int, int]] = []
        """From when until when the disk was not as it should be."""
        world.disk.on_told = lambda: self._disk_bad.append((world.true_ns, world.true_ns))
        self.alarmed: list[tuple[int, str]] = []
        """Each alarm with the true time at which it stood in the journal."""
        self._openings: set[str] = set()
        """Entries and adds of MinhOS, of whatever journal."""
        self._own: dict[str, int] = {}
        """By the broker's symbol, what MinhOS opened and nobody closed, of the first `_own_read` fills."""
        self._own_read = 0
        self.halt_was_lost = False
        """The power took a HALT file that was there."""
        self._restored_ns = self._blind_until_ns = self.flipped_ns = 0
        """Until then what the broker says may not be so."""

    def lost_by_restore(self, true_ns: int) -> bool:
        """Whether a journal of then was replaced by a backup, or by what the power left of it, since."""
        return true_ns <= self._restored_ns

    def says_what_a_restore_lacks(self, true_ns: int) -> bool:
        """Whether another journal took its place after that, and an alarm says that what followed is not in it."""
        said = any(LACKS.search(text) for _, text in self.witness.seen.alarms)
        return said and self.lost_by_restore(true_ns)

    def _restored(self) -> None:
        """Another journal lies there: what was read of the one before counts no more."""
        self._restored_ns = self.world.true_ns
        self.witness.again()

    def begin(self) -> None:
        """The person types `start`."""
        self.world.begin("supervisor")

    def calm_down(self) -> None:
        """No fault lasts any longer; the person starts what nobody restarts, and again what asks for it."""
        self.world.network.refuses = False
        disk_faults.end_all(self.world.disk)
        for fault in list(self._active):
            self._end_outside(fault)
        if self.house.was_refused:
            self.person.mend_settings()
        if self.world.living("supervisor") is None and not self.house.is_stopped:
            self.world.note("a person types start")
            self.world.begin("supervisor")
        venue = self.witness.state.venue_status
        if self.world.trader is not None and venue is not None and "start the trader again" in venue.reason.lower():
            self.house.stop()
            self.house.start()

    def follow(self) -> None:
        """Take in what the journal says now, and note what matters.  Raises JournalError where it cannot be read."""
        seen, replaced = self.witness.seen, self.witness.replaced
        alarms, intents = len(seen.alarms), len(seen.intents)
        self.witness.follow()
        if self.witness.replaced != replaced:
            self._restored_ns = self.world.true_ns
            seen, alarms, intents = self.witness.seen, 0, 0
        settings = self.witness.state.settings
        if self.broker is not None and settings is not None:
            self.broker.traded = f"{settings.order_symbol}-CME"
        for _, text in seen.alarms[alarms:]:
            self.alarmed.append((self.world.true_ns, text))
            self.world.note(f"alarm: {text}")
        for order in list(seen.intents.values())[intents:]:
            if opens(order):
                self._openings.add(order.order_id)
            side = "buy" if order.side > 0 else "sell"
            self.world.note(f"intent: {order.role} {side} {order.contracts} {order.symbol} {order.order_id}")

    def close(self) -> None:
        """End every process without a word."""
        for child in list(self.world.alive()):
            self.world.kill(child, "the end of the world")
        if self.broker is not None:
            abandon(self.broker.loop)
        for let_go in self.on_close:
            let_go()
        self.witness.close()

    def story(self) -> list[str]:
        """What happened, a line each."""
        return [f"{_time(at_ns)} {text}" for at_ns, text in self.world.notes]

    # What is so ------------------------------------------------------------------------------------------------------

    def own_working(self, symbol: str, side: int) -> list[Working]:
        """Orders of MinhOS that can trade now, by the broker's symbol."""
        assert self.broker is not None
        working = self.broker.truth.working
        return [o for o in working if o.whose == "minhos" and (o.symbol, o.side, o.waiting) == (symbol, side, False)]

    def exits(self) -> Iterator[tuple[str, int, int]]:
        """By symbol and side: contracts that stops and targets of MinhOS could trade, an OCO group counted once."""
        assert self.broker is not None
        groups: dict[tuple[str, int], dict[str, int]] = {}
        for order in self.broker.truth.working:
            if order.whose == "minhos" and order.kind != "market" and not order.waiting:
                group = groups.setdefault((order.symbol, order.side), {})
                name = order.group or order.key
                group[name] = max(group.get(name, 0), order.contracts)
        for (symbol, side), group in groups.items():
            yield symbol, side, sum(group.values())

    def own_positions(self) -> dict[str, int]:
        """What the broker holds and MinhOS opened; whoever closes something closes ours first."""
        assert self.broker is not None
        fills, own = self.broker.truth.fills, self._own
        for fill in fills[self._own_read :]:
            ours, ends = own.get(fill.symbol, 0), min(fill.contracts, max(0, -fill.side * fill.before))
            if fill.whose == "minhos" and fill.client_id in self._openings:
                ends = 0
            if ours * fill.side < 0:
                ours += fill.side * min(ends, abs(ours))
            if fill.whose == "minhos":
                ours += fill.side * (fill.contracts - ends)
            own[fill.symbol] = ours
        self._own_read = len(fills)
        held = self.broker.truth.positions.items()
        return {symbol: min(own[symbol], n, key=abs) for symbol, n in held if own.get(symbol, 0) * n > 0}

    def booked(self) -> dict[str, int]:
        """Positions of the journal, by contract."""
        positions = self.witness.state.ledger.account().positions
        return {position.symbol: position.contracts for position in positions if position.contracts}

    def shown_by_name(self) -> dict[str, int]:
        """Positions of the broker, by contract."""
        assert self.broker is not None
        return {symbol.removesuffix("-CME"): contracts for symbol, contracts in self.broker.truth.positions.items()}

    def untrue(self) -> Iterator[str]:
        """Everything that status and pages say now and that is not so."""
        world, layout, witness = self.world, self.world.layout, self.witness
        trader, living = world.trader, world.living("trader")
        halt_file = layout.disk.exists(layout.halt_file)
        risk = trader.engine.state.risk if trader is not None else witness.state.risk
        silent_ns = world.true_ns - living.hangs_from_ns if living is not None and world.hangs("trader") else None
        truth = Truth(
            gone_s=self.gone_s("trader"),
            silent_s=None if silent_ns is None else silent_ns / NANOS_PER_SECOND,
            mode=witness.views.mode,
            halted=risk.halted is not None or halt_file,
            positions=self._positions_by_now(),
            supervisor_gone_s=None if self.is_to_be_off() else self.gone_s("supervisor"),
            watchdog_gone_s=None if self.is_to_be_off() else self.gone_s("watchdog"),
        )
        yield from untrue(witness.views, self._surroundings(halt_file), truth)

    def _surroundings(self, halt_file: bool) -> Surroundings:
        """As `assembly.surroundings` has them, without what lies in files of the real disk."""
        world, layout = self.world, self.world.layout
        trader, watchdog = heartbeats.read(layout, TraderBeat), heartbeats.read(layout, WatchdogBeat)
        supervisor = heartbeats.read(layout, SupervisorBeat)
        return Surroundings(
            now_ns=world.machine_clock.now_ns(),
            steady_ns=world.machine_clock.monotonic_ns(),
            mode=self.witness.views.mode,
            trader=trader,
            trader_gone=trader is not None and trader.state != "stopped" and gone(layout, trader),
            trainer=heartbeats.read(layout, TrainerBeat) or TrainerBeat(),
            watchdog=watchdog,
            supervisor=supervisor,
            supervisor_gone=supervisor is not None and gone(layout, supervisor),
            ended=frozenset(b.PROCESS for b in (supervisor, watchdog) if b is not None and gone(layout, b)),
            halt_file=halt_file,
        )

    def gone_s(self, name: str) -> float | None:
        """How long ago the last process of that name ended; None while one lives, and where there was none."""
        if self.world.living(name) is not None:
            return None
        ends = [child.ended_ns for child in self.world.children.values() if child.name == name]
        if not ends:
            return None
        return (self.world.true_ns - max(ends)) / NANOS_PER_SECOND

    def is_to_be_off(self) -> bool:
        """A person ended everything, or has to change something first."""
        return self.house.is_stopped or self.house.was_refused or self.disk_was_bad(self.world.true_ns)

    def _positions_by_now(self) -> dict[str, int] | None:
        """What is held: at the broker where nothing changed long enough, on paper by the trader."""
        trader = self.world.trader
        state = self.witness.state
        doubted = bool(state.differences) or state.risk.distrust is not None
        if trader is None or trader.kept.away or doubted or self.world.is_busy("trader"):
            return None
        if self.broker is None:
            held = trader.engine.state.ledger.account().positions
            return {p.symbol: p.contracts for p in held if p.contracts}
        fills = self.broker.truth.fills
        since_ns = max(self._blind_until_ns, self.world.asleep_until_ns, fills[-1].time_ns if fills else 0)
        quiet = self.can_be_noticed() and self.world.true_ns - since_ns > SURVEYED_NS
        return self.shown_by_name() if quiet else None

    def can_be_noticed(self) -> bool:
        """Whether the trader could know what is so: it runs, hears the broker, and nobody lied to it for a while."""
        world = self.world
        trader = world.trader
        if trader is None or not self.is_told_the_truth():
            return False
        status = trader.engine.state.venue_status
        return status is not None and status.ready

    def nobody_runs(self) -> bool:
        """No trader is there, and none is to be: a person stopped all, or a start asked for a change."""
        return self.world.living("trader") is None and (self.house.is_stopped or self.house.was_refused)

    def is_told_the_truth(self) -> bool:
        """Whether whoever asks the broker now is answered, and nothing was a lie lately."""
        return self.world.true_ns >= self._blind_until_ns and not self.world.network.refuses

    def entries(self) -> Iterator[Working]:
        """Orders of MinhOS that rest and would open something."""
        assert self.broker is not None
        intents = self.witness.seen.intents
        for order in self.broker.truth.working:
            intended = intents.get(order.client_id)
            if order.whose == "minhos" and intended is not None and intended.role in (Role.ENTRY, Role.ADD):
                yield order

    def looked_ns(self) -> int:
        """True time at which the trader last could notice anything."""
        trader = self.world.living("trader")
        return trader.turned_ns if trader is not None else 0

    def can_be_closed(self) -> bool:
        """Whether an order to close would be filled: the market trades, and the broker refuses and lacks nothing."""
        if self.market is not None and (self.market.ended or self.market.is_behind or self.market.active):
            return False
        if not self.witness.state.calendar.is_open(self.world.true_ns):
            return False
        return self.broker is None or all(isinstance(fault, FillLie) for fault in self.broker.active)

    def said_since(self, since_ns: int, pattern: re.Pattern[str], about: str = "") -> bool:
        """Whether an alarm that fits, and names what it is about, was journaled since, by the machine's clock."""
        since_ns += self.world.machine_clock.offset_ns
        for time_ns, text in reversed(self.witness.seen.alarms):
            if time_ns < since_ns:
                return False
            if pattern.search(text) and about in text:
                return True
        return False

    # Faults ----------------------------------------------------------------------------------------------------------

    def plan_fault(self, fault: AnyFault) -> None:
        """Have it begin when its moment comes."""
        self.world.at(self.world.start_ns + fault.at_ms * NANOS_PER_MS, partial(self._begin, fault))

    def _begin(self, fault: AnyFault) -> None:
        if self._waits_for_the_machine(fault):
            self.world.at(self.world.asleep_until_ns, partial(self._begin, fault))
            return
        self.world.note(f"FAULT {fault}")
        self.done.append(str(fault))
        self.world.stir()
        if isinstance(fault, OutsideFault):
            self._begin_outside(fault)
        elif isinstance(fault, DiskFault):
            self._begin_on_disk(fault)
        else:
            _BEGIN[type(fault)](self, fault)
        self.world.stir()

    def _begin_on_disk(self, fault: DiskFault) -> None:
        world = self.world
        if isinstance(fault, PowerCut):
            for child in list(world.alive()):
                world.kill(child, "the power is gone")
            self.witness.again()
        halts = world.disk.exists(world.layout.halt_file)
        if isinstance(fault, ByteFlipped):
            self.flipped_ns = self.flipped_ns or world.true_ns
        disk_faults.begin(fault, world.disk, world.layout, self.journal)
        self.halt_was_lost |= halts and not world.disk.exists(world.layout.halt_file)
        until_ns = world.true_ns + fault.for_ms * NANOS_PER_MS
        self._disk_bad.append((world.true_ns, NEVER_NS if isinstance(fault, WriteFails) else until_ns))
        if isinstance(fault, PowerCut):
            world.sleep_machine(fault.for_ms * NANOS_PER_MS)
            world.at(until_ns, self._boot)
        elif fault.for_ms:
            world.at(until_ns, partial(self._end_on_disk, fault))

    @property
    def n_mistakes(self) -> int:
        """How often the disk or minhos.toml has been spoilt until now."""
        return len(self._disk_bad) + len(self.spoilt)

    def disk_was_bad(self, true_ns: int) -> bool:
        """Whether a fault of the disk's lasted then, or a moment before."""
        return any(since <= true_ns <= until + MISTAKE_NS for since, until in self._disk_bad)

    def _end_on_disk(self, fault: DiskFault) -> None:
        self.world.note(f"over: {fault}")
        disk_faults.end(fault, self.world.disk, self.world.layout, self.journal)
        self.world.stir()

    def _boot(self) -> None:
        """The machine has power again, and starts what was installed as a service."""
        if self.world.living("supervisor") is None:
            self.world.note("the machine has started again")
            self.world.begin("supervisor")

    def _begin_outside(self, fault: OutsideFault) -> None:
        began_ns = self.world.true_ns
        faults.begin(fault, self.outside)
        if isinstance(fault, PersonFault):
            self._note_settings(began_ns)
        if isinstance(fault, LIES):
            tells_at_once = isinstance(fault, NoOco)  # only the cut before it can hide anything
            lasts_ns = (0 if tells_at_once else fault.for_ms * NANOS_PER_MS) + BLIND_AFTER_NS
            self._blind_until_ns = max(self._blind_until_ns, self.world.true_ns + lasts_ns)
        if isinstance(fault, FolderGone):
            self._without_folder.append((began_ns, began_ns + fault.for_ms * NANOS_PER_MS))
        if fault.for_ms:
            self._active.append(fault)
            self.world.at(self.world.true_ns + fault.for_ms * NANOS_PER_MS, partial(self._end_outside, fault))
        self.world.connection_wakes()

    def _waits_for_the_machine(self, fault: AnyFault) -> bool:
        """Nobody types on a machine that sleeps."""
        return isinstance(fault, PersonFault) and self.world.true_ns < self.world.asleep_until_ns

    def _end_outside(self, fault: OutsideFault) -> None:
        if self._waits_for_the_machine(fault):
            self.world.at(self.world.asleep_until_ns, partial(self._end_outside, fault))
            return
        if fault in self._active:
            self._active.remove(fault)
            self.world.note(f"over: {fault}")
            ended_ns = self.world.true_ns
            faults.end(fault, self.outside)
            if isinstance(fault, PersonFault):
                self._note_settings(ended_ns)
            self.world.connection_wakes()
            self.world.stir()

    def _note_settings(self, edited_ns: int) -> None:
        """Since when minhos.toml is spoilt, or that it is so no longer: what a person does after an edit takes time."""
        lasting = bool(self.spoilt) and self.spoilt[-1][1] == NEVER_NS
        if self.person.has_spoilt_settings and not lasting:
            self.spoilt.append((edited_ns, NEVER_NS))
        elif lasting and not self.person.has_spoilt_settings:
            self.spoilt[-1] = (self.spoilt[-1][0], edited_ns)

    def were_spoilt(self, true_ns: int) -> bool:
        """Whether minhos.toml was spoilt then, or a moment before."""
        return _within(true_ns, self.spoilt)

    def was_without_folder(self, true_ns: int) -> bool:
        """Whether the folder of the data was away then, or a moment before: no start can use one that is not there."""
        return _within(true_ns, self._without_folder)

    def _kill(self, fault: Kill) -> None:
        child = self.world.living(fault.name)
        if child is not None:
            self.world.kill(child, "a fault")

    def _hang(self, fault: Hang) -> None:
        child, world = self.world.living(fault.name), self.world
        if child is not None:
            child.hangs_from_ns, child.hangs_until_ns = world.true_ns, world.true_ns + fault.for_ms * NANOS_PER_MS
            if fault.name == "trader":
                self._blind_until_ns = max(self._blind_until_ns, child.hangs_until_ns + BLIND_AFTER_NS)

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
    Hang: Stage._hang,
    SetClock: Stage._set_clock,
    Suspend: Stage._suspend,
    NetworkDown: Stage._network_down,
    PidGivenAgain: Stage._pid_given_again,
}


def _within(true_ns: int, spans: list[tuple[int, int]]) -> bool:
    """In one of them, or a moment after."""
    return any(since <= true_ns <= until + MISTAKE_NS for since, until in spans)


def _time(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns / 1e9, dt.UTC).strftime("%a %H:%M:%S.%f")[:-3]
