"""One home, its processes, its broker and its market in one thread: time jumps to whatever is due next.

    world = World(plan, folder)
    while world.broken is None and world.advance():
        ...

Everything that happens is an entry of one queue, ordered by the true time: a turn of a process, a tick of the market, a
word of the broker, the beginning or the end of a fault.  A process says when it wants its next turn; while nothing
happens it is asked less and less often, always at moments at which every other one is asked, too.  Where a process
waits in the middle of a turn (`Clock.sleep`), all others go on meanwhile.

It plays; what must hold is in `invariants`, what happens is in the plan.
"""

from __future__ import annotations

import heapq
import sqlite3
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from minhos.assembly.children import Seen
from minhos.assembly.endings import Ending, ending_of
from minhos.assembly.layout import Layout
from minhos.assembly.running import SERVICES
from minhos.errors import MinhosError
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.process import Process
from minhos.processes.trader import Trader
from minhos.testing.world.clock import MachineClock, TrueClock
from minhos.testing.world.disk import WorldDisk
from minhos.testing.world.machine import Child, Handle, Killed, WorldMemory, abandon, seen_of
from minhos.venues.sierra.venue import SierraVenue

FIRST_GAP_NS = NANOS_PER_SECOND // 16
"""So far apart are the turns of a process that has just done something; then twice as far, and so on."""
NEVER_NS = 1 << 62
CALM_OF = {"trader": 0, "supervisor": 2}
"""How many doublings after something happened the first turn comes; of the others, which want one a second, four."""
SELDOM = {"trainer": 8}
"""How many times as far apart the turns of an idle process may lie: nobody waits for a trainer's word."""
ROUNDED_NS = 1_000
"""An event loop's seconds are floats: a moment as early as it says may be too early by a fraction of this."""
START_S = 0.4
"""So long a process takes from being started to its first turn."""
_SERVICE_OF = {module: name for name, module in SERVICES.items()}


class Actor(Protocol):
    """Something outside the machine that acts by itself: the broker, the market."""

    def due_ns(self) -> int | None:
        """True time of its next turn; None for never."""

    def turn(self, now_ns: int) -> None: ...


class World:
    """See the module.

    start_ns: true time.  most_gap_s: how far the turns of an idle process lie apart at most.
    """

    def __init__(self, start_ns: int, *, most_gap_s: float = 64.0) -> None:
        self.true_ns = self.start_ns = start_ns
        self.machine_clock, self.true_clock = MachineClock(self), TrueClock(self)
        self.network = WorldMemory(self)
        self.layout: Layout
        self.disk = WorldDisk(self.machine_clock.monotonic_ns, lambda: self.acting_owner, self._killed_at_a_write)
        self.make: Callable[[str], Process]
        """A process of that name, as a start of the real one makes it."""
        self.children: dict[int, Child] = {}
        self._newest: dict[str, Child] = {}
        """By name, the one that was started last."""
        self.actors: list[Actor] = []
        self.strangers: dict[int, float] = {}
        """Processes that are not ours by the number that one of ours had, with their start."""
        self.strangers_ended = self.at_once = 0
        self.stopping = False
        """A person is ending everything."""
        self.asleep_until_ns = 0
        """True time until which the machine sleeps."""
        self.notes: list[tuple[int, str]] = []
        """What happened, with its true time."""
        self.on_turn: list[Callable[[], None]] = []
        """Called after each entry of the queue."""
        self.stirs = self.turns = 0
        self._most_gap_ns = round(most_gap_s * NANOS_PER_SECOND)
        self._queue: list[tuple[int, int, int, Callable[[], None]]] = []
        self._numbers = 0
        self._acting: list[Child] = []
        self._busy: set[int] = set()
        """Processes that wait in the middle of a turn."""
        self._next_pid = 100
        self._seen_stirs = 0

    # Time ------------------------------------------------------------------------------------------------------------

    def at(self, true_ns: int, action: Callable[[], None], order: int = 0) -> int:
        """Do that then; of what is due at one moment the lowest order first.  Returns its number."""
        self._numbers += 1
        heapq.heappush(self._queue, (max(true_ns, self.true_ns), order, self._numbers, action))
        return self._numbers

    def advance(self, until_ns: int = NEVER_NS) -> bool:
        """The next thing that is due; False where nothing is before until_ns."""
        actor, actor_ns, before_ns = None, until_ns, self.true_ns
        for each in self.actors:
            due_ns = each.due_ns()
            if due_ns is not None and due_ns < actor_ns:
                actor, actor_ns = each, due_ns
        if actor is not None and (not self._queue or actor_ns <= self._queue[0][0]):
            self.true_ns = max(self.true_ns, actor_ns)
            self._outside(actor.turn, self.true_ns)
        elif self._queue and self._queue[0][0] <= until_ns:
            due_ns, _, _, action = heapq.heappop(self._queue)
            self.true_ns = max(self.true_ns, due_ns)
            action()
        else:
            return False
        self.at_once = self.at_once + 1 if self.true_ns == before_ns else 0
        if self.stirs != self._seen_stirs:
            self._wake_all()
        for check in self.on_turn:
            check()
        return True

    def pass_until(self, true_ns: int) -> None:
        """Somebody waits in his turn: what is due happens, except in the turns of those who wait.

        Raises Killed where the one who waits is no more.
        """
        acting = list(self._acting)
        self._acting = []
        waiting = {child.pid for child in acting}
        self._busy |= waiting
        if self.stirs != self._seen_stirs:
            self._wake_all()
        try:
            while self.advance(true_ns):
                pass
            self.true_ns = max(self.true_ns, true_ns)
        finally:
            self._busy -= waiting
            self._acting = acting
        if acting and not acting[-1].alive:
            raise Killed

    def sleep_machine(self, for_ns: int) -> None:
        """Nothing on the machine has a turn for so long, and its monotonic clock stands."""
        self.asleep_until_ns = max(self.asleep_until_ns, self.true_ns + for_ns)
        self.machine_clock.sleeps(self.asleep_until_ns)

    def is_busy(self, name: str) -> bool:
        """Whether that process waits in the middle of a turn."""
        child = self.living(name)
        return child is not None and child.pid in self._busy

    def hangs(self, name: str) -> bool:
        """Whether that process lives and has no turn now."""
        child = self.living(name)
        return child is not None and self.true_ns < child.hangs_until_ns

    def stir(self) -> None:
        """Something happened: every process is asked soon, and then again and again."""
        self.stirs += 1

    def poke(self, name: str) -> None:
        """Something came for that process: it is asked soon, and no oftener than before."""
        child = self.living(name)
        if child is not None and child.process is not None:
            self._schedule(child, min(child.due_ns, (self.true_ns // FIRST_GAP_NS + 1) * FIRST_GAP_NS))

    def stir_one(self, name: str) -> None:
        """Something happened to that process alone."""
        if (child := self.living(name)) is not None:
            self._wake(child)

    def note(self, text: str) -> None:
        """Remember what happened, for whoever reads how it came about."""
        self.notes.append((self.true_ns, text))

    def _outside(self, turn: Callable[[int], None], now_ns: int) -> None:
        """What is not of the machine acts."""
        acting, self._acting = self._acting, []
        try:
            turn(now_ns)
        finally:
            self._acting = acting

    # The machine -----------------------------------------------------------------------------------------------------

    @property
    def acting_pid(self) -> int:
        return self._acting[-1].pid if self._acting else 0

    @property
    def acting_owner(self) -> str:
        """Whose turn it is, as the disk names it; empty for everything outside the machine."""
        return self._acting[-1].owner if self._acting else ""

    def own(self) -> Seen:
        return self.see(self.acting_pid) or Seen(0, 0.0)

    def see(self, pid: int) -> Seen | None:
        child = self.children.get(pid)
        if child is not None and child.alive:
            return seen_of(child, str(self.layout.home))
        return Seen(pid, self.strangers[pid], ("a", "stranger")) if pid in self.strangers else None

    def started_as(self, words: Collection[str]) -> list[Seen]:
        shown = (seen_of(child, str(self.layout.home)) for child in self.alive())
        return [seen for seen in shown if not set(words).isdisjoint(seen.words)]

    def start(self, module: str, environment: Mapping[str, str], errors: Path) -> Handle:
        return Handle(self.begin(_SERVICE_OF[module]), self._end)

    def end(self, pid: int, *, kill: bool = False) -> None:
        child = self.children.get(pid)
        if pid in self.strangers and (child is None or not child.alive):
            self.strangers.pop(pid)
            self.note(f"A STRANGER'S PROCESS {pid} IS ENDED")
            self.strangers_ended += 1
        elif child is not None and child.alive:
            self._end(child, kill)

    def living(self, name: str) -> Child | None:
        """The newest living process of that name."""
        newest = self._newest.get(name)
        if newest is None or newest.code is None:
            return newest
        return next((c for c in reversed(self.children.values()) if c.name == name and c.alive), None)

    def newest(self, name: str) -> Child | None:
        """The process of that name that was started last, also where it has ended."""
        return self._newest.get(name)

    def process(self, name: str) -> Process | None:
        """It, once it is open."""
        child = self._newest.get(name)
        if child is not None and child.code is not None:
            child = self.living(name)
        return child.process if child is not None else None

    @property
    def trader(self) -> Trader | None:
        found = self.process("trader")
        return found if isinstance(found, Trader) and found._ready else None

    def begin(self, name: str) -> Child:
        """Start a process; it opens and has its first turn a moment later."""
        pid, self._next_pid = self._next_pid, self._next_pid + 1
        child = Child(pid, name, self.machine_clock.now_ns() / 1e9, self.acting_pid)
        child.began_ns = self.true_ns
        self.children[pid] = self._newest[name] = child
        self.note(f"{name} {pid} starts")
        self._schedule(child, self.true_ns + round(START_S * NANOS_PER_SECOND))
        self.stir()
        return child

    def kill(self, child: Child, why: str) -> None:
        """It ends at once; the system closes what it had open."""
        if not child.alive:
            return
        child.code, child.why = -9, why
        self.note(f"{child.name} {child.pid} is killed: {why}")
        self._let_go(child)

    def _killed_at_a_write(self, owner: str) -> None:
        for child in self.children.values():
            if child.owner == owner:
                self.kill(child, "a fault at a write")

    def _end(self, child: Child, kill: bool) -> None:
        by = self._acting[-1].name if self._acting and not self.stopping else "a person"
        child.why = child.why or f"ended by {by}"
        if kill:
            self.kill(child, child.why)
        elif child.process is None:
            child.code = -15
            self.note(f"{child.name} {child.pid} ends before its first turn")
        else:
            child.process.stopping = True
            self._schedule(child, self.true_ns)

    def _let_go(self, child: Child) -> None:
        process, child.process = child.process, None
        child.ended_ns = self.true_ns
        self.network.let_go(child.pid)
        self.disk.let_go(child.owner)
        if isinstance(process, Trader) and hasattr(process, "engine") and isinstance(process.engine.venue, SierraVenue):
            abandon(process.engine.venue._loop)
        self.stir()

    # Turns -----------------------------------------------------------------------------------------------------------

    def _schedule(self, child: Child, true_ns: int) -> None:
        child.turn = self.at(true_ns, lambda: self._turn(child, child_turn), _ORDER.get(child.name, 5))
        child_turn = child.turn
        child.due_ns = true_ns

    def _turn(self, child: Child, number: int) -> None:
        if not child.alive or child.turn != number:
            return
        if self.true_ns < self.asleep_until_ns or child.pid in self._busy:
            self._schedule(child, max(self.asleep_until_ns, self.true_ns + FIRST_GAP_NS))
            return
        if self.true_ns < child.hangs_until_ns:
            self._schedule(child, child.hangs_until_ns)
            return
        self.turns += 1
        child.turned_ns = self.true_ns
        depth, ran = len(self._acting), False
        self._acting.append(child)
        try:
            ran = child.process is not None
            if child.process is None:
                child.process = self.make(child.name)
                child.process.open()
                ran = child.ran = True
                self.stir()  # it and those who watch it grow calm together
            due_ns = child.process.step()
            if due_ns is None:
                done = getattr(child.process, "done", False)
                self._close(child, Ending.DONE if done else Ending.ASKED)
            else:
                waited_ns = self.disk.take_wait(child.owner)
                self._plan_next(child, max(self.machine_clock.true_of(due_ns), self.true_ns + waited_ns))
        except Killed:
            pass
        except (MinhosError, OSError, sqlite3.Error) as error:
            self._close(child, ending_of(error, ran=ran), str(error))
        except Exception as error:  # a fault of the program: the process ends with a traceback
            place = traceback.extract_tb(error.__traceback__)[-1]
            child.crashed = True
            self._close(child, 1, f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")
        finally:
            del self._acting[depth:]

    def _close(self, child: Child, code: int, words: str = "") -> None:
        try:
            if child.process is not None:
                child.process.close()
        except Killed:
            return
        except Exception as error:
            child.crashed = child.crashed or not isinstance(error, (MinhosError, OSError, sqlite3.Error))
            words, code = f"{words} ({type(error).__name__}: {error} while closing)".strip(), code or 1
        child.code, child.words = code, words
        self.note(f"{child.name} {child.pid} ends with {code}{': ' if words else ''}{words}")
        self._let_go(child)

    def _plan_next(self, child: Child, wanted_ns: int) -> None:
        """Its next turn: when it wants it while something happens, else the later the longer nothing has."""
        gap_ns = min(FIRST_GAP_NS << child.calm, self._most_gap_ns * SELDOM.get(child.name, 1))
        if self.true_ns >= child.calm_ns:
            child.calm += 1
        due_ns = max(wanted_ns, (self.true_ns // gap_ns + 1) * gap_ns)
        child.calm_ns = due_ns
        self._schedule(child, min(due_ns, self._venue_due_ns(child)))

    def _venue_due_ns(self, child: Child) -> int:
        """When the connection of a trader wants a turn: a word has come, or a patience ends."""
        process = child.process
        if not isinstance(process, Trader) or not isinstance(process.engine.venue, SierraVenue):
            return NEVER_NS
        loop = process.engine.venue._loop
        due_s = loop.next_due_s() if loop is not None and not loop.is_closed() else None
        return NEVER_NS if due_s is None else self.machine_clock.true_of(round(due_s * 1e9) + ROUNDED_NS)

    def _wake_all(self) -> None:
        self._seen_stirs = self.stirs
        for child in self.children.values():
            if child.alive:
                self._wake(child)

    def _wake(self, child: Child) -> None:
        if child.process is None:
            return
        child.calm = CALM_OF.get(child.name, 4)
        gap_ns = FIRST_GAP_NS << child.calm
        child.calm_ns = soon_ns = (self.true_ns // gap_ns + 1) * gap_ns
        if child.due_ns > soon_ns:
            self._schedule(child, soon_ns)

    def connection_wakes(self) -> None:
        """After words were written to the machine: a trader that can read some has its turn now."""
        child = self.living("trader")
        if child is not None and child.process is not None and child.pid not in self._busy:
            due_ns = self._venue_due_ns(child)
            if due_ns < child.due_ns:
                self._schedule(child, due_ns)

    def alive(self) -> Iterator[Child]:
        """All processes that have not ended."""
        return (child for child in self.children.values() if child.alive)


_ORDER = {"trader": 1, "watchdog": 9, "supervisor": 8}
"""Of the turns at one moment the trader's comes first, so that who watches it sees its newest word."""
