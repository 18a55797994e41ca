"""The world's person: each hand through the real command path, and that its answer is kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.errors import SettingsError
from minhos.journal.inbox import Answer, Inbox, Request
from minhos.market.clock import SimulatedClock
from minhos.settings import Settings, load
from minhos.testing.builders import MONDAY_OPEN
from minhos.testing.world import person as p
from minhos.testing.world.person import Command, Person, edited

TOML = '[market]\nsymbol = "NQ"\n\n[sizing]\nstop_atr = 3.0\n\n[risk]\nmax_consecutive_losses = 3\n'


class Home:
    """A home in which a trader answers what it is asked, or none does."""

    def __init__(self, folder: Path, answer: Callable[[Request], Answer | None] = lambda _: None) -> None:
        self.layout, self.clock = Layout(folder).make(), _Clock(self)
        self.true_clock = self.clock
        self.asked: list[Request] = []
        self.did: list[str] = []
        self._answer = answer
        self.layout.config.mkdir()
        (self.layout.config / "minhos.toml").write_text(TOML)

    def settings(self) -> Settings:
        return load(self.layout.home)

    def stop(self) -> None:
        self.did.append("stop")

    def start(self) -> None:
        self.did.append("start")

    was_refused = False

    def backup(self) -> None:
        self.did.append("backup")

    def restore(self) -> None:
        self.did.append("restore")

    def turn(self) -> None:
        """While somebody waits."""
        inbox = Inbox(self.layout.inbox)
        for request in inbox.pending(self.clock.now_ns()):
            answer = self._answer(request)
            self.asked.append(request)
            if answer is not None:
                inbox.acknowledge(request.id, answer)
        inbox.close()
        heartbeats.write(self.layout, TraderBeat(state="running"), self.clock)


class _Clock(SimulatedClock):
    def __init__(self, home: Home) -> None:
        super().__init__(MONDAY_OPEN)
        self._home = home

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._home.turn()


def done(request: Request) -> Answer:
    return Answer(True, "done")


@pytest.mark.parametrize("page", [False, True])
def test_a_command_is_done_refused_or_not_confirmed(tmp_path: Path, page: bool) -> None:
    answers = [done, lambda _: Answer(False, "no"), lambda _: None]
    outcomes = []
    for i, answer in enumerate(answers):
        home = Home(tmp_path / str(i), answer)
        person = Person(home)
        person.begin(Command(name="force", page=page, fields={"side": "long"}))
        said = person.said[0]
        outcomes.append(said.outcome)
        assert (home.asked[0].name, home.asked[0].who, home.asked[0].fields) == ("force", said.who, {"side": "long"})
        assert said.until_ns > said.at_ns
    assert outcomes == ["done", "refused", "not_confirmed"]


@pytest.mark.parametrize("page", [False, True])
def test_a_halt_is_the_real_one(tmp_path: Path, page: bool) -> None:
    home = Home(tmp_path, done)
    person = Person(home)
    person.begin(Command(name="halt", page=page))
    assert home.layout.halt_file.exists()
    assert (person.said[0].outcome, home.asked[0].name) == ("done", "halt"), person.said[0].sentence
    person.begin(Command(name="resume"))
    assert (person.said[1].outcome, home.layout.halt_file.exists()) == ("done", False)


def test_a_halt_holds_with_settings_that_cannot_be_read(tmp_path: Path) -> None:
    home = Home(tmp_path, done)
    person = Person(home)
    half = p.HalfSaved(for_ms=1, restart=False)
    person.begin(half)
    with pytest.raises(SettingsError):
        home.settings()
    person.begin(Command(name="halt"))
    assert (person.said[0].outcome, home.layout.halt_file.exists()) == ("failed", True)
    person.end(half)
    assert (home.layout.config / "minhos.toml").read_text() == TOML


def test_the_halt_file_by_hand(tmp_path: Path) -> None:
    home = Home(tmp_path)
    person = Person(home)
    for there in (True, False):
        person.begin(p.HaltFile(there=there))
        assert home.layout.halt_file.exists() == there
    assert [said.outcome for said in person.said] == ["done", "done"]


def test_edits_are_undone_in_any_order(tmp_path: Path) -> None:
    home = Home(tmp_path)
    person = Person(home)
    root = p.ChangeSetting(for_ms=1, section="market", key="order_root", value='"MNQ"')
    stop = p.ChangeSetting(for_ms=1, section="sizing", key="stop_atr", value="1.5", restart=False)
    half = p.HalfSaved(for_ms=1, restart=False)
    for fault in (root, half, stop):
        person.begin(fault)
    person.end(half)
    assert (home.settings().market.order_root, home.settings().sizing_parameters().stop_atr) == ("MNQ", 1.5)
    person.end(root)
    assert home.settings().market.order_root == ""
    person.end(stop)
    assert home.settings().sizing_parameters().stop_atr == 3.0
    assert home.did == ["stop", "start", "stop", "start"]


def test_a_value_is_typed_where_it_belongs() -> None:
    assert edited(TOML, "sizing", "stop_atr", "1.5") == TOML.replace("3.0\n", "1.5\n")
    assert edited(TOML, "market", "order_root", '"ES"').startswith('[market]\norder_root = "ES"\nsymbol = "NQ"\n')
    assert edited("", "risk", "max_consecutive_losses", "2") == "[risk]\nmax_consecutive_losses = 2\n"


def test_restarts_and_a_restore(tmp_path: Path) -> None:
    home = Home(tmp_path)
    person = Person(home)
    person.begin(p.Restart())
    longer = p.Restart(for_ms=1)
    person.begin(longer)
    assert home.did == ["stop", "start", "stop"]
    person.end(longer)
    restore = p.Restore(for_ms=1)
    person.begin(restore)
    person.end(restore)
    assert home.did[3:] == ["start", "backup", "stop", "restore", "start"]


@pytest.mark.parametrize("base", ["demo", "sierra"])
def test_hands_are_drawn_alike_and_are_json(base: str) -> None:
    drawn = [[p.draw(random.Random(seed), base, 90_000_000) for seed in range(200)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert {type(each) for each in drawn[0]} == set(p.PersonFault.__args__) - {p.OlderJournal}  # of `situations`
    assert msgspec.json.decode(msgspec.json.encode(drawn[0]), type=list[p.PersonFault]) == drawn[0]
    changed = {each.section for each in drawn[0] if isinstance(each, p.ChangeSetting)}
    assert ("market" in changed) == (base == "sierra")
