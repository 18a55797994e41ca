"""The world's person: what a hand does from outside, by the real functions behind the commands and the page.

    person = Person(house)
    person.begin(Command(name="halt"))
    person.said[-1].outcome

Each thing that was asked for is kept with its answer, so that "done, refused or reported as not confirmed, never lost"
can be checked.  Waiting for an answer lets everybody else go on: the house's clock sees to that.  Trades by hand at the
broker are the broker's (`broker_faults.HandTrade`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from minhos.assembly.layout import Layout
from minhos.assembly.live_views import LiveViews
from minhos.errors import CommandRefused, MinhosError
from minhos.journal.inbox import Answer, Scalar
from minhos.market.clock import Clock
from minhos.safety.stop import ask, stop_trading, write_halt
from minhos.settings import Settings
from minhos.testing.world.fault import Fault
from minhos.testing.world.machine import Killed
from minhos.web.commands import CommandName, ForceName, send_command

TERMINAL_WAIT_S = 2.0
"""So long the terminal's commands wait for an answer."""
MINUTE_MS = 60_000
Name = Literal["halt", "flatten", "resume", "pause", "force", "unforce", "accept-position", "arm", "disarm"]
Outcome = Literal["done", "refused", "not_confirmed", "failed", "crashed"]
_ON_PAGE: dict[str, CommandName | ForceName] = {
    "halt": "halt",
    "flatten": "flatten",
    "resume": "resume",
    "pause": "pause",
    "force": "force",
    "unforce": "unforce",
}


class Command(Fault, frozen=True, kw_only=True):
    """A command is typed, or its button pressed.  fields: the command's own."""

    name: Name
    page: bool = False
    fields: dict[str, Scalar] = {}


class HaltFile(Fault, frozen=True, kw_only=True):
    """The HALT file is made by hand, or removed by hand."""

    there: bool


class ChangeSetting(Fault, frozen=True, kw_only=True):
    """minhos.toml is edited; where it lasts, it is then as it was before.

    value: as TOML.  restart: `stop` and `start` are typed after it.
    """

    section: str
    key: str
    value: str
    restart: bool = True


class HalfSaved(Fault, frozen=True, kw_only=True):
    """The editor has written the first half of minhos.toml so far.  restart: everything starts in just that moment."""

    restart: bool = True


class Restart(Fault, frozen=True, kw_only=True):
    """`stop` and `start` are typed; where it lasts, so long lies between them."""


class Restore(Fault, frozen=True, kw_only=True):
    """A backup is made, and put back when it ends: `stop`, `restore`, `start`."""


class OlderJournal(Fault, frozen=True, kw_only=True):
    """The journal's file is copied by hand, and when it ends the copy put back: `stop`, the file, `start`."""


PersonFault = Command | HaltFile | ChangeSetting | HalfSaved | Restart | Restore | OlderJournal


class Said(msgspec.Struct, frozen=True):
    """What became of one thing that was asked for; who: as it stands in the journal with the command.

    at_ns, until_ns: true time.
    """

    what: str
    who: str
    at_ns: int
    until_ns: int
    outcome: Outcome
    sentence: str


class House(Protocol):
    """What a person has hands on."""

    layout: Layout
    clock: Clock
    true_clock: Clock
    """The one on the wall, which no fault of the machine's sets."""

    def settings(self) -> Settings:
        """As a command that is typed now reads them.  Raises SettingsError."""

    def stop(self) -> None:
        """`stop` is typed: what runs ends."""

    def start(self) -> None:
        """`start` is typed."""

    @property
    def was_refused(self) -> bool:
        """Whether the last start ended with a sentence that asks for something to be changed."""

    def backup(self) -> None: ...

    def restore(self) -> None:
        """With nothing running: the backup is put back."""

    def copy_journal(self) -> None: ...

    def put_copy_back(self) -> None:
        """With nothing running: the copy of the journal takes its place, by no command of ours."""


class _Page(LiveViews):
    """As much of a page's knowledge as its commands need; it follows no journal."""

    def __init__(self, settings: Settings, layout: Layout, clock: Clock) -> None:
        self.settings, self.layout, self.clock = settings, layout, clock


class Person:
    """said: oldest first."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.said: list[Said] = []
        self._edits: list[ChangeSetting | HalfSaved] = []
        """What minhos.toml has beside what it had at first."""
        self._first = b""
        self._number = 0

    def begin(self, fault: PersonFault) -> None:
        """Do it."""
        if isinstance(fault, Command):
            self._command(fault)
        elif isinstance(fault, HaltFile):
            self._halt_file(fault.there)
        elif isinstance(fault, ChangeSetting | HalfSaved):
            self._edit(fault)
        elif isinstance(fault, Restart):
            self._house.stop()
            if not fault.for_ms:
                self._house.start()
        elif isinstance(fault, OlderJournal):
            self._house.copy_journal()
        else:
            self._house.backup()

    def end(self, fault: PersonFault) -> None:
        """What was done for a time is undone."""
        if isinstance(fault, Restore):
            self._house.stop()
            self._house.restore()
            self._write()
            self._house.start()
        elif isinstance(fault, OlderJournal):
            self._house.stop()
            self._house.put_copy_back()
            self._house.start()
        elif isinstance(fault, Restart):
            self._house.start()
        elif isinstance(fault, ChangeSetting | HalfSaved) and fault in self._edits:
            self._edits.remove(fault)
            self._write()
            if fault.restart:
                self._again()

    # Commands --------------------------------------------------------------------------------------------------------

    def _command(self, command: Command) -> None:
        self._number += 1
        who, at_ns = f"person-{self._number}", self._house.true_clock.now_ns()
        try:
            outcome, sentence = (self._on_page if command.page else self._typed)(command, who)
        except CommandRefused as error:
            outcome, sentence = "refused", str(error)
        except MinhosError as error:
            outcome, sentence = "failed", str(error)
        except Killed:
            outcome, sentence = "not_confirmed", "the power went away while the command waited"
        except Exception as error:  # a traceback, where a sentence belongs
            outcome, sentence = "crashed", f"{type(error).__name__}: {error}"
        self.said.append(Said(command.name, who, at_ns, self._house.true_clock.now_ns(), outcome, sentence))

    def _on_page(self, command: Command, who: str) -> tuple[Outcome, str]:
        """The button of the page, or REST."""
        name = _ON_PAGE.get(command.name)
        if name is None:
            return self._typed(command, who)
        house = self._house
        page = _Page(house.settings(), house.layout, house.clock)
        answer = send_command(page, name, who, "the world", command.fields)
        holds = answer.holds if name in ("halt", "flatten") else answer.answered
        return ("done" if holds else "not_confirmed"), answer.answer

    def _typed(self, command: Command, who: str) -> tuple[Outcome, str]:
        """The command of the terminal."""
        house, why = self._house, "the world"
        layout = house.layout
        if command.name in ("halt", "flatten"):
            try:
                chosen = house.settings()
            except MinhosError as error:
                return "failed", f"{write_halt(layout, who, why) or 'the HALT file is written'}; {error}"
            name: Literal["halt", "flatten"] = "halt" if command.name == "halt" else "flatten"
            stopped = stop_trading(chosen, layout, name, who, why, clock=house.clock)
            return ("done" if stopped.holds else "not_confirmed"), stopped.sentence
        if command.name == "resume":
            layout.disk.remove(layout.halt_file)
        answer = ask(layout, command.name, who, why, TERMINAL_WAIT_S, house.clock, command.fields)
        return _heard(answer)

    def _halt_file(self, there: bool) -> None:
        layout, now_ns = self._house.layout, self._house.true_clock.now_ns()
        what = "make HALT" if there else "remove HALT"
        try:
            (layout.disk.touch if there else layout.disk.remove)(layout.halt_file)
        except OSError as error:
            self.said.append(Said(what, "", now_ns, now_ns, "failed", str(error)))
        else:
            self.said.append(Said(what, "", now_ns, now_ns, "done", ""))

    # Settings --------------------------------------------------------------------------------------------------------

    def _edit(self, fault: ChangeSetting | HalfSaved) -> None:
        self._first = self._first or self._file.read_bytes()
        self._edits.append(fault)
        self._write()
        if fault.restart:
            self._again()

    def _again(self) -> None:
        self._house.stop()
        self._house.start()

    def mend_settings(self) -> None:
        """What cannot be read or meant is taken back, as the refusal of a start asks for."""
        while self._edits and self.has_spoilt_settings:
            self._edits.pop()
            self._write()

    @property
    def has_spoilt_settings(self) -> bool:
        """Whether the file says now what cannot be read or cannot be meant."""
        try:
            self._house.settings()
        except MinhosError:
            return True
        return False

    @property
    def _file(self) -> Path:
        return self._house.layout.config / "minhos.toml"

    def _write(self) -> None:
        """The file with the edits that hold, in their order."""
        if not self._first:
            return
        text = self._first.decode()
        for edit in self._edits:
            if isinstance(edit, ChangeSetting):
                text = edited(text, edit.section, edit.key, edit.value)
        half = any(isinstance(edit, HalfSaved) for edit in self._edits)
        self._file.write_text(text[: len(text) // 2] if half else text, encoding="utf-8")
        if self._house.was_refused and not self.has_spoilt_settings:
            self._house.start()


def edited(text: str, section: str, key: str, value: str) -> str:
    """A settings file with that one value in it, as a person types it."""
    lines = text.splitlines()
    header = f"[{section}]"
    if header not in lines:
        return "\n".join([*lines, header, f"{key} = {value}", ""])
    start = lines.index(header) + 1
    end = next((i for i in range(start, len(lines)) if lines[i].startswith("[")), len(lines))
    kept = [line for line in lines[start:end] if not re.match(rf"\s*{re.escape(key)}\s*=", line)]
    return "\n".join([*lines[:start], f"{key} = {value}", *kept, *lines[end:], ""])


def _heard(answer: Answer | None) -> tuple[Outcome, str]:
    if answer is None:
        return "not_confirmed", f"no trader answered within {TERMINAL_WAIT_S:.0f} seconds"
    return ("done" if answer.accepted else "refused"), answer.sentence


SETTINGS = (
    ("market", "order_root", '"MNQ"'),
    ("market", "order_root", '"ES"'),
    ("market", "symbol", '"ES"'),
    ("market", "symbol", '"NQH26"'),
    ("sizing", "stop_atr", "1.5"),
    ("sizing", "stop_atr", "0.0"),
    ("sizing", "kelly_multiplier", "nan"),
    ("autonomous", "max_position_size", "1"),
    ("autonomous", "auto_trading", "false"),
    ("autonomous", "kelly_enabled", "false"),
    ("risk", "max_consecutive_losses", "2"),
)
"""What a person edits, also what cannot be meant; the contract only where a market has others."""


def draw(rng: random.Random, base: str, length_ms: int) -> PersonFault:
    """One thing that a person does, at a time within length_ms."""
    at_ms = rng.randrange(length_ms)
    makers, weights = zip(*_DRAWS, strict=True)
    make: Callable[[random.Random, str, int], PersonFault] = rng.choices(makers, weights)[0]
    return make(rng, base, at_ms)


def _lasts(rng: random.Random, base: str) -> int:
    return rng.choice((1, 4, 15)) * (1_000 if base == "demo" else MINUTE_MS)


def _command_of(rng: random.Random, base: str, at_ms: int) -> PersonFault:
    names: tuple[Name, ...] = ("halt", "flatten", "resume", "resume", "pause", "force", "force", "unforce")
    name: Name = rng.choice((*names, "accept-position", "arm"))
    fields: dict[str, Scalar] = {}
    if name == "force":
        side = rng.choice(("long", "short", "flat"))
        fields = {"side": side, "contracts": 0 if side == "flat" else rng.choice((0, 1, 2)), "minutes": 30}
    return Command(at_ms=at_ms, name=name, page=rng.random() < 0.4, fields=fields)


def _setting(rng: random.Random, base: str, at_ms: int) -> PersonFault:
    left = [each for each in SETTINGS if base != "demo" or each[0] != "market"]
    left = [
        each for each in left if base != "folder" or each[2] != '"ES"' or each[1] != "symbol"
    ]  # it has no such file
    section, key, value = rng.choice(left)
    for_ms = rng.choice((0, _lasts(rng, base)))
    return ChangeSetting(at_ms=at_ms, for_ms=for_ms, section=section, key=key, value=value, restart=rng.random() < 0.8)


_DRAWS: tuple[tuple[Callable[[random.Random, str, int], PersonFault], float], ...] = (
    (_command_of, 6.0),
    (lambda rng, base, at_ms: HaltFile(at_ms=at_ms, there=rng.random() < 0.5), 1.0),
    (_setting, 2.0),
    (lambda rng, base, at_ms: HalfSaved(at_ms=at_ms, for_ms=_lasts(rng, base), restart=rng.random() < 0.8), 0.7),
    (lambda rng, base, at_ms: Restart(at_ms=at_ms, for_ms=rng.choice((0, 0, _lasts(rng, base)))), 2.0),
    (lambda rng, base, at_ms: Restore(at_ms=at_ms, for_ms=_lasts(rng, base)), 0.5),
)
