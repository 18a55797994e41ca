"""One process that is to run: started, adopted, seen to end, started again as `assembly.endings.POLICY` says.

The supervisor tends all of a home this way, the watchdog the trader where no supervisor lives.  It neither waits nor
tells anybody: what happened is in `problem` and `news`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from minhos.assembly import heartbeats
from minhos.assembly.children import Child, Machine, Seen
from minhos.assembly.endings import Ending, Then, what_follows
from minhos.assembly.layout import Layout

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LATER_S = 60.0
"""Before another look at what only a person can change."""
CALM_S = 60.0
"""After this long without an end the next one is news again."""
STOP_S = 10.0
"""So long may a process take to end in order before it is replaced."""
SETTLED_S = 10.0
"""After this long its last problem is over: the pause is short again, and its end is no mistake at a first start."""


class Adopted:
    """A process that another one started: seen, asked to end, and never another that got its id."""

    def __init__(self, machine: Machine, seen: Seen) -> None:
        self.pid, self.created_s = seen.pid, seen.created_s
        self._machine, self._seen = machine, seen

    def exit_code(self) -> int | None:
        """Nobody but its parent hears its exit code: an end is a passing fault."""
        return None if self._machine.see(self.pid) == self._seen else Ending.PASSING.value

    def last_words(self) -> str:
        """What it wrote went to whoever started it."""
        return f"process {self.pid} ended; why says its log, as it was started by another one"

    def terminate(self) -> None:
        self._end(kill=False)

    def kill(self) -> None:
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        if self.exit_code() is None:
            with suppress(OSError):
                self._machine.end(self.pid, kill=kill)


class Tended:
    """One child.  found: its process where one lives that somebody else started; asked before each start."""

    def __init__(
        self,
        name: str,
        module: str,
        layout: Layout,
        environment: Mapping[str, str],
        found: Callable[[str], Seen | None] = lambda name: None,
    ) -> None:
        self.name = name
        self._module, self._layout, self._environment, self._found = module, layout, environment, found
        self.child: Child | None = None
        self.pause_s = FIRST_PAUSE_S
        self.refused = ""
        """Why it ends the whole start; empty where it does not."""
        self.problem = ""
        """Why it does not run or did not lately, and what follows; empty while all is well."""
        self.news = ""
        """The first problem since it ran calmly; whoever tells of it empties this."""
        self.note = ""
        """What is done with it now that is no problem."""
        self.outdated = ""
        """The version of MinhOS that it runs where that is another; until it is replaced."""
        self.starts = 0
        self._replaced_by_s = 0.0
        """When one that is asked to end, to be replaced, is ended at once; 0 while it is not asked."""
        self._left = self._known = self._unstarted = self._ran = False
        self._started_s = self._start_at_s = 0.0

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)

    @property
    def ended(self) -> bool:
        return self.child is None or self.child.exit_code() is not None

    def adopt(self, seen: Seen, outdated: str = "") -> None:
        """Look after a process that another one started.  outdated: its version where it is to be replaced."""
        self.child, self.problem = Adopted(self._layout.machine, seen), ""
        self.outdated = outdated
        self.note = f"{self.name} (process {seen.pid}) was running and is looked after from here on."
        self.starts, self._ran = max(1, self.starts), True

    def replace(self, now_s: float, version: str) -> None:
        """End one of another version in order, and start this one in its place; what rests at a broker stays there."""
        if self.child is not None and self.outdated:
            self._replaced_by_s = now_s + STOP_S
            self.note = (
                f"{self.name} (process {self.child.pid}) is of MinhOS {self.outdated} and is replaced by {version}; "
                "orders that rest go on resting."
            )
            self.child.terminate()

    def tend(self, now_s: float, *, may_end_all: bool = False) -> None:
        """Start it, notice its end, or wait.  may_end_all: no process looks after anything yet that its end could harm.

        now_s: of a clock that never goes back.
        """
        if self.refused or self._left:
            return
        if self.child is None:
            if now_s >= self._start_at_s:
                self._start(now_s)
            return
        code = self.child.exit_code()
        if code is None:
            if 0.0 < self._replaced_by_s < now_s:
                self.child.kill()
            self._runs(now_s - self._started_s)
            return
        ended, self.child = self.child, None
        if self._replaced_by_s:
            self.outdated, self._replaced_by_s, self.pause_s = "", 0.0, FIRST_PAUSE_S
            self._start(now_s)
            return
        self._ended(Ending.of_code(code), code, ended.last_words(), now_s, may_end_all)

    def _runs(self, for_s: float) -> None:
        if for_s > SETTLED_S and not self._replaced_by_s:
            self.note = ""
        if for_s > SETTLED_S:
            self.problem, self._ran, self.pause_s = "", True, FIRST_PAUSE_S
        if for_s > CALM_S:
            self._known = False

    def _ended(self, ending: Ending, code: int, words: str, now_s: float, may_end_all: bool) -> None:
        then = what_follows(self.name, ending, first=self.starts == 1 and not self._ran)
        if then is Then.ENDS_THE_START and not may_end_all:
            then = Then.AGAIN
        why = words or f"{self.name} ended with exit code {code}"
        if then is Then.ENDS_THE_START:
            self.refused = why
            return
        self._left = then is Then.LEFT
        if ending is Ending.ASKED:
            self._wait(now_s)
        elif ending is Ending.DONE:
            self._say(f"{self.name} has ended, as there is nothing more to do: the generated market is over.")
        else:
            self._say(f"{self.name} {then.value}: {why}")
            self._wait(now_s, LATER_S if then is Then.LATER else 0.0)

    def _wait(self, now_s: float, at_least_s: float = 0.0) -> None:
        self._start_at_s = now_s + max(self.pause_s, at_least_s)
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)

    def _say(self, text: str) -> None:
        self.problem = text
        if not self._known:
            self._known, self.news = True, text

    def _start(self, now_s: float) -> None:
        seen = self._found(self.name)
        self._started_s = now_s
        if seen is not None:
            self.adopt(seen)
            return
        errors = self._layout.logs / f"{self.name}.stderr"
        try:
            self.child = self._layout.machine.start(self._module, self._environment, errors)
        except OSError as error:
            self._unstarted = True
            self._say(
                f"{self.name} cannot be started ({error.strerror or error}) and is tried again; make room on the disk "
                "or end other programs, whichever that names."
            )
            self._wait(now_s)
            return
        with suppress(OSError):
            heartbeats.write_begun(self._layout, self.name, self.child.pid, self.child.created_s)
        self.starts += 1
        self.problem = "" if self._unstarted else self.problem
        self._unstarted = False
