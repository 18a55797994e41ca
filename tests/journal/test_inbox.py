"""The inbox: several processes ask, the trader answers each once."""

from __future__ import annotations

import threading

import msgspec
import pytest

from minhos.errors import JournalError
from minhos.journal.inbox import Answer, Inbox, Request

LATER = 10**18
DONE = Answer(True, "done")


def put(inbox: Inbox, name: str, expires_ns: int = LATER) -> int:
    return inbox.put(Request(name=name, who="web", expires_ns=expires_ns))


def test_a_command_is_pending_until_it_is_acknowledged_and_then_has_an_answer(tmp_path):
    trader, web = Inbox(tmp_path / "inbox.sqlite"), Inbox(tmp_path / "inbox.sqlite")
    assert trader.pending(0) == []
    asked = Request(name="halt", who="anna", why="storm", fields={"side": "any"}, created_ns=5, expires_ns=LATER)
    number = web.put(asked)
    assert trader.pending(6) == [msgspec.structs.replace(asked, id=number)]
    assert trader.pending(7) != []
    assert web.answer(number) is None
    trader.acknowledge(number, Answer(True, "halted; flat"))
    assert trader.pending(8) == []
    assert web.answer(number) == Answer(True, "halted; flat")


def test_commands_come_oldest_first_and_ids_are_never_used_again(tmp_path):
    trader, web = Inbox(tmp_path / "inbox.sqlite"), Inbox(tmp_path / "inbox.sqlite")
    numbers = [put(web, f"command{i}") for i in range(5)]
    assert [c.name for c in trader.pending(0)] == [f"command{i}" for i in range(5)]
    for number in numbers:
        trader.acknowledge(number, DONE)
    assert put(web, "again") > max(numbers)
    assert [c.name for c in trader.pending(0)] == ["again"]


def test_what_expired_is_never_handed_out_and_says_so(tmp_path):
    trader, web = Inbox(tmp_path / "inbox.sqlite"), Inbox(tmp_path / "inbox.sqlite")
    seen, unseen = put(web, "flatten", 100), put(web, "resume", 50)
    assert [c.id for c in trader.pending(50)] == [seen]
    assert web.answer(unseen) == Answer(False, "expired before it was read")
    assert trader.pending(100) == []
    assert web.answer(seen) == Answer(False, "expired before it was read")


def test_a_process_sees_its_own_commands_and_a_restarted_trader_those_of_before(tmp_path):
    trader = Inbox(tmp_path / "inbox.sqlite")
    trader.pending(0)
    number = put(trader, "arm")
    assert [c.id for c in trader.pending(1)] == [number]
    trader.close()
    assert [c.id for c in Inbox(tmp_path / "inbox.sqlite").pending(2)] == [number]


def test_writers_do_not_get_in_each_others_way(tmp_path):
    def write(name: str) -> None:
        inbox = Inbox(tmp_path / "inbox.sqlite")
        for i in range(25):
            inbox.put(Request(name="note", who=name, fields={"i": i}, expires_ns=LATER))
        inbox.close()

    trader = Inbox(tmp_path / "inbox.sqlite")
    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    received = []
    while len(received) < 100 and (any(t.is_alive() for t in threads) or trader.pending(0)):
        for command in trader.pending(0):
            received.append((command.who, command.fields["i"]))
            trader.acknowledge(command.id, DONE)
    for thread in threads:
        thread.join()
    for name in "abcd":
        assert [i for who, i in received if who == name] == list(range(25))


def test_a_broken_inbox_is_a_sentence(tmp_path):
    (tmp_path / "inbox.sqlite").write_text("no database at all, just text" * 100)
    with pytest.raises(JournalError, match="HALT file"):
        Inbox(tmp_path / "inbox.sqlite")


def test_a_refusal_is_told_by_a_field_and_not_by_the_first_word_of_its_sentence(tmp_path):
    inbox = Inbox(tmp_path / "inbox.sqlite")
    refused, accepted = put(inbox, "arm"), put(inbox, "halt")
    inbox.acknowledge(refused, Answer(False, "the mode is paper."))
    inbox.acknowledge(accepted, Answer(True, "refused entries are cancelled."))
    assert inbox.answer(refused) == Answer(False, "the mode is paper.")
    assert inbox.answer(accepted) == Answer(True, "refused entries are cancelled.")


def test_what_a_trader_of_0_1_0_answered_is_understood(tmp_path):
    inbox = Inbox(tmp_path / "inbox.sqlite")
    refused, accepted = put(inbox, "arm"), put(inbox, "halt")
    for number, text in ((refused, "refused: the mode is paper."), (accepted, "done")):
        inbox._connection.execute("UPDATE inbox SET acknowledged = 1, answer = ? WHERE id = ?", (text, number))
    assert inbox.answer(refused) == Answer(False, "the mode is paper.")
    assert inbox.answer(accepted) == DONE


@pytest.mark.parametrize(
    ("payload", "why", "fields"),
    [("nonsense", "", {}), ("[]", "", {}), ('{"why": null, "size": [1]}', "None", {}), ('{"why": "x"}', "x", {})],
)
def test_a_row_that_makes_no_sense_is_a_request_without_fields(tmp_path, payload, why, fields):
    inbox = Inbox(tmp_path / "inbox.sqlite")
    number = put(inbox, "pause")
    inbox._connection.execute("UPDATE inbox SET payload = ? WHERE id = ?", (payload, number))
    (request,) = inbox.pending(0)
    assert (request.name, request.why, request.fields) == ("pause", why, fields)
