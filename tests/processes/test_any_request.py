"""Whatever stands in a row of the inbox, the trader answers it and takes the next: every process may write there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_folder import BETS, FIRST, SECOND, START, Desk, File, bars_of

from minhos.journal.inbox import Inbox, Request
from minhos.processes.trader import COMMANDS

NEVER_NS = 2**62
TEXT = st.one_of(st.text(max_size=20), st.sampled_from([*COMMANDS, "alarm", "", "HALT", "train"]))
NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
CELLS = st.one_of(TEXT, NUMBERS, st.binary(max_size=20))
LARGE = st.sampled_from([2**63, 2**64, -(2**64), 10**40, 1e308])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, LARGE)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
FIELDS = st.dictionaries(st.sampled_from(["why", "side", "contracts", "minutes", "text", "reset_ladder", "x"]), JSON)
PAYLOADS = st.one_of(
    FIELDS.map(json.dumps), JSON.map(json.dumps), CELLS, st.just("[" * 5_000), st.just('{"why": "\\ud800"}')
)
COMMAND = st.dictionaries(st.sampled_from(["side", "contracts", "minutes", "x"]), LEAVES, min_size=1).map(json.dumps)
ANY = st.tuples(CELLS, st.one_of(TEXT, CELLS), PAYLOADS, CELLS, st.one_of(st.just(NEVER_NS), CELLS))
ROWS = st.one_of(ANY, st.tuples(TEXT, st.sampled_from(COMMANDS), COMMAND, st.just(0), st.just(NEVER_NS)))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("any")
    (folder / "data").mkdir()
    desk = Desk(
        folder / "home", [File(folder / "data" / "NQZ25-CME.scid", bars_of(FIRST, 300, symbol="NQZ25"))], START, **BETS
    )
    desk.run_until(START + SECOND)
    yield desk
    desk.stop()


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ROWS, min_size=1, max_size=4), st.booleans())
def test_every_row_is_answered_and_the_next_command_is_carried_out(desk: Desk, rows, as_text) -> None:
    with sqlite3.connect(desk.layout.inbox) as raw:
        for row in rows:
            cells = ", ".join("CAST(? AS TEXT)" if isinstance(cell, bytes) and as_text else "?" for cell in row)
            raw.execute(f"INSERT INTO inbox (who, type, payload, created_ns, expires_ns) VALUES ({cells})", row)
    inbox = Inbox(desk.layout.inbox)
    last = inbox.put(Request(name="disarm", who="anna", expires_ns=NEVER_NS))
    desk.trader._take_requests()
    answers = [inbox.answer(number) for number in range(last - len(rows), last + 1)]
    inbox.close()
    assert all(answer is not None and answer.sentence for answer in answers)
    assert answers[-1] is not None
