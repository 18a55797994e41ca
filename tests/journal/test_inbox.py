"""The inbox: several processes ask, the trader answers each once."""

from __future__ import annotations

import threading

import pytest

from minhos.errors import JournalError
from minhos.journal.inbox import Command, Inbox

LATER = 10**18


def test_a_command_is_pending_until_it_is_acknowledged_and_then_has_an_answer(tmp_path):
    trader, web = Inbox(tmp_path / "inbox.sqlite"), Inbox(tmp_path / "inbox.sqlite")
    assert trader.pending(0) == []
    number = web.put("anna", "halt", {"reason": "storm"}, 5, LATER)
    assert trader.pending(6) == [Command(number, "anna", "halt", {"reason": "storm"}, 5, LATER)]
    assert trader.pending(7) != []
    assert web.answer(number) is None
    trader.acknowledge(number, "halted; flat")
    assert trader.pending(8) == []
    assert web.answer(number) == "halted; flat"


def test_commands_come_oldest_first_and_ids_are_never_used_again(tmp_path):
    trader, web = Inbox(tmp_path / "inbox.sqlite"), Inbox(tmp_path / "inbox.sqlite")
    numbers = [web.put("web", f"command{i}", {}, i, LATER) for i in range(5)]
    assert [c.type for c in trader.pending(0)] == [f"command{i}" for i in range(5)]
    for number in numbers:
        trader.acknowledge(number, "done")
    assert web.put("web", "again", {}, 9, LATER) > max(numbers)
    assert [c.type for c in trader.pending(0)] == ["again"]


def test_what_expired_is_never_handed_out_and_says_so(tmp_path):
    trader, web = Inbox(tmp_path / "inbox.sqlite"), Inbox(tmp_path / "inbox.sqlite")
    seen, unseen = web.put("web", "flatten", {}, 0, 100), web.put("web", "resume", {}, 0, 50)
    assert [c.id for c in trader.pending(50)] == [seen]
    assert "expired" in web.answer(unseen)
    assert trader.pending(100) == []
    assert "expired" in web.answer(seen)


def test_a_process_sees_its_own_commands_and_a_restarted_trader_those_of_before(tmp_path):
    trader = Inbox(tmp_path / "inbox.sqlite")
    trader.pending(0)
    number = trader.put("timer", "arm", {}, 0, LATER)
    assert [c.id for c in trader.pending(1)] == [number]
    trader.close()
    assert [c.id for c in Inbox(tmp_path / "inbox.sqlite").pending(2)] == [number]


def test_writers_do_not_get_in_each_others_way(tmp_path):
    def write(name: str) -> None:
        inbox = Inbox(tmp_path / "inbox.sqlite")
        for i in range(25):
            inbox.put(name, "note", {"i": i}, i, LATER)
        inbox.close()

    trader = Inbox(tmp_path / "inbox.sqlite")
    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    received = []
    while len(received) < 100 and (any(t.is_alive() for t in threads) or trader.pending(0)):
        for command in trader.pending(0):
            received.append((command.who, command.payload["i"]))
            trader.acknowledge(command.id, "seen")
    for thread in threads:
        thread.join()
    for name in "abcd":
        assert [i for who, i in received if who == name] == list(range(25))


def test_a_broken_inbox_is_a_sentence(tmp_path):
    (tmp_path / "inbox.sqlite").write_text("no database at all, just text" * 100)
    with pytest.raises(JournalError, match="HALT file"):
        Inbox(tmp_path / "inbox.sqlite")
