"""arm, disarm and force as a user types them: a sentence for wrong use, the right code, and what reaches the trader."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from minhos import cli
from minhos.assembly.layout import Layout
from minhos.assembly.refusals import refuse
from minhos.errors import CommandRefused
from minhos.journal.inbox import Answer, Inbox, Request

LIVE = '[data]\nsource = "{home}"\n[sierra]\nhost = "127.0.0.1"\nport = 1\naccount = "F1234"\nmode = "live"\n'
Minh = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    return tmp_path


@pytest.fixture
def minh(home, monkeypatch, capsys) -> Minh:
    """`minh.py` with those words: code, output, and what stands on stderr in one line."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["minh.py", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, " ".join(err.replace("│", " ").split())

    return call


class Trader(threading.Thread):
    """Answers the inbox as the trader does, in that mode."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.inbox = Inbox(Layout(home).make().inbox)
        self.heard: list[Request] = []
        self.mode = "paper"
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            for command in self.inbox.pending(0):
                self.heard.append(command)
                self.inbox.acknowledge(command.id, self.answer(command))
            time.sleep(0.005)

    def answer(self, request: Request) -> Answer:
        try:
            refuse(request, self.mode)
        except CommandRefused as error:
            return Answer(False, str(error))
        return Answer(True, "done")


@pytest.fixture
def trader(home):
    running = Trader(home)
    running.start()
    yield running
    running.over.set()
    running.join(10)


WRONG = [
    (("force",), "there is nothing to force"),
    (("force", "--side", "lnog"), "did you mean long?"),
    (("force", "--side", "flat", "--size", "2"), "flat has no size"),
    (("force", "--size", "0"), "--size 0 is no number of contracts"),
    (("force", "--size", "1001"), "give 1 to 1,000"),
    (("force", "--size", "two"), "integer"),
    (("force", "--size", "1", "--for", "0"), "--for 0 is no duration"),
    (("force", "--size", "1", "--for", "nan"), "--for nan is no duration"),
    (("force", "--clear", "--side", "long"), "--clear stands alone"),
    (("arm", "--accept-unproven", " "), "wants your words"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG)
def test_wrong_use_is_a_sentence_and_code_2(minh, words, sentence):
    code, _, said = minh(*words)
    assert code == 2
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["arm", "disarm"])
def test_without_real_money_there_is_nothing_to_arm(minh, command):
    code, _, said = minh(command)
    assert (code, f"there is nothing to {command}" in said) == (1, True)


def test_force_reaches_the_trader_with_its_fields_and_clear_ends_it(minh, trader):
    code, out, _ = minh("force", "--side", "short", "--size", "2", "--for", "30", "--why", "my view")
    assert (code, out.strip()) == (0, "force short 2: done")
    assert trader.heard[-1].name == "force"
    assert trader.heard[-1].why == "my view"
    assert trader.heard[-1].fields == {"side": "short", "contracts": 2, "minutes": 30.0}
    code, out, _ = minh("force", "--clear", "--json")
    assert (code, json.loads(out)["answer"], trader.heard[-1].name) == (0, "done", "unforce")


def test_what_the_trader_refuses_is_code_1_in_its_words(minh, home, trader):
    (home / "config" / "minhos.toml").write_text(LIVE.format(home=home), encoding="utf-8")
    code, _, said = minh("disarm")
    assert (code, "the mode is paper, where there is nothing to disarm" in said) == (1, True)


def test_arm_shows_the_worst_case_first_then_each_condition_and_what_is_missing(minh, home):
    (home / "config" / "minhos.toml").write_text(LIVE.format(home=home), encoding="utf-8")
    code, out, said = minh("arm")
    assert code == 1
    assert out.splitlines()[0] == "Worst case today: unknown: neither balance nor equity is known, plus gap"
    assert out.count("NOT MET") == 5
    assert "not armed; missing: account and mode, sessions on a simulated account, clock, evidence, trader" in said
    code, out, _ = minh("arm", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], len(told["conditions"])) == (1, "refused", 6)
    assert Inbox(Layout(home).inbox).pending(0) == []


def test_arm_sends_the_users_words_when_all_is_met(minh, home, monkeypatch, trader):
    from minhos.safety import arming, broker_facts

    (home / "config" / "minhos.toml").write_text(LIVE.format(home=home), encoding="utf-8")
    facts = broker_facts.BrokerFacts(("F1234",), 5_000_000, 0, 0.1)
    monkeypatch.setattr(broker_facts, "ask_broker", lambda *_: facts)
    met = (arming.Condition("account and mode", True, "F1234", "yes"),)
    monkeypatch.setattr(arming, "conditions", lambda *_: met)
    trader.mode = "live"
    code, out, _ = minh("arm", "--accept-unproven", "my own test")
    assert out.splitlines()[0] == "Worst case today: −$2,500.00, plus gap"
    assert (trader.heard[-1].name, trader.heard[-1].fields["words"]) == ("arm", "my own test")
    assert trader.heard[-1].fields["unproven"] is True
    assert (code, "arm: done; live orders are allowed until `disarm`." in out) == (0, True)
    code, out, _ = minh("disarm")
    assert (code, out.strip(), trader.heard[-1].name) == (0, "disarm: done", "disarm")
