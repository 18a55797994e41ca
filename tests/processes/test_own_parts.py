"""The user's own parts in the process that trades: they decide, and where they fail nothing new is risked."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from live_folder import BETS, FIRST, MINUTE, N_BARS, SECOND, START, Desk, File, bars_of
from structlog.testing import capture_logs

from minhos import parts
from minhos.accounting.types import Role
from minhos.assembly.live_views import LiveViews
from minhos.trading import events as ev
from minhos.views.status import status

ALLOW = "from minhos import parts\n\n@parts.limits('mine')\nclass Mine:\n    def cap(self, context):\n        {body}\n"
NOTHING = ALLOW.format(body="return None")
SLOW = "import user_hook\n" + ALLOW.format(body="user_hook.wait()")
NONE_AT_ALL = "from minhos.risk.types import Cap\n" + ALLOW.format(body="return Cap('mine', 0, 'it is Tuesday')")
BROKEN = "from minhos import parts\n\nnonsense(\n"


@pytest.fixture(autouse=True)
def no_parts() -> Iterator[None]:
    yield
    parts.load_source(parts.Source())


def desk_with(tmp_path: Path, text: str) -> Desk:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    files = [File(folder / "NQZ25-CME.scid", bars_of(FIRST, N_BARS, symbol="NQZ25"))]
    return Desk(tmp_path / "home", files, START, user={"file": str(tmp_path / "mine.py")}, **BETS)


def alarms(desk: Desk) -> list[str]:
    return [event.text for event in desk.of(ev.Alarm)]


def held(desk: Desk) -> int:
    return desk.trader.engine.state.ledger.account().position("NQZ25").contracts


def test_a_limit_of_the_users_is_asked_and_named(tmp_path):
    desk = desk_with(tmp_path, NONE_AT_ALL)
    desk.run_until(START + 10 * MINUTE)
    assert held(desk) == 0
    verdict = desk.decisions()[-1].verdict
    assert (verdict.bound, verdict.reason) == ("mine", "it is Tuesday")
    assert alarms(desk) == []
    assert list(desk.trader.engine.state.settings.parts) == ["limit mine"]


def test_a_file_that_does_not_load_is_an_alarm_and_no_new_risk(tmp_path):
    desk = desk_with(tmp_path, BROKEN)
    desk.run_until(START + 10 * MINUTE)
    assert held(desk) == 0
    (alarm,) = alarms(desk)
    assert alarm.startswith(f"No new risk: {tmp_path / 'mine.py'}:3: your parts cannot be loaded (SyntaxError")
    assert "[user] file" in desk.decisions()[-1].reason
    assert desk.heartbeats[-1].state == "running"


def test_a_file_that_does_not_load_stands_in_status_and_log(tmp_path):
    """No channel can be made of that file, so its alarm reaches none."""
    with capture_logs() as logged:
        desk = desk_with(tmp_path, BROKEN)
        desk.run_until(START + 10 * MINUTE)
    sentence = f"No new risk: {tmp_path / 'mine.py'}:3: your parts cannot be loaded"
    assert [entry["log_level"] for entry in logged if entry.get("text", "").startswith(sentence)] == ["error"]
    live = LiveViews(desk.trader.settings, desk.layout)

    def beside_a_living_trader(views, around):
        beat = msgspec.structs.replace(desk.heartbeats[-1], time_ns=around.now_ns)
        return status(views, msgspec.structs.replace(around, trader=beat, trader_gone=False))

    now = live.read(beside_a_living_trader)
    assert (now.state, now.reason.startswith(sentence)) == ("degraded", True), now.reason


def test_what_is_held_keeps_its_stop_when_the_file_no_longer_loads(tmp_path):
    desk = desk_with(tmp_path, NOTHING)
    desk.run_until(START + 20 * MINUTE)
    before = held(desk)
    assert before > 0
    (tmp_path / "mine.py").write_text(BROKEN, encoding="utf-8")
    desk.restart()
    resting = desk.trader.engine.state.book.stops("NQZ25")
    assert sum(record.contracts - record.filled for record in resting) == held(desk) == before
    desk.run_until(START + 40 * MINUTE)
    stopped = [event.fill.contracts for event in desk.of(ev.OrderFilled) if event.fill.role is Role.STOP]
    assert (stopped, held(desk)) == ([before], 0), "the market falls to its stop, and nothing is bought again"


@pytest.mark.parametrize(("seconds", "bars"), [(2.0, 1), (0.2, 3)])
def test_a_part_that_is_slow_is_refused_in_words(tmp_path, monkeypatch, seconds, bars):
    waited: list[float] = []
    desk: Desk | None = None

    def wait() -> None:
        if desk is not None:
            waited.append(seconds)
            desk.clock.time_ns += round(seconds * SECOND)

    monkeypatch.setitem(sys.modules, "user_hook", types.SimpleNamespace(wait=wait))
    desk = desk_with(tmp_path, SLOW)
    desk.run_until(START + 40 * MINUTE)
    (alarm,) = alarms(desk)
    assert f"your parts are too slow: a bar took {seconds:.2f} s with the limit mine ({tmp_path / 'mine.py'}:" in alarm
    assert len(waited) == bars, "it is not asked again"
    assert "too slow" in desk.decisions()[-1].reason


def test_a_file_that_is_not_there_is_named(tmp_path):
    desk = desk_with(tmp_path, NOTHING)
    (tmp_path / "mine.py").unlink()
    desk.restart()
    assert "mine.py cannot be read" in alarms(desk)[-1]


def test_who_shows_the_journal_knows_the_users_limits_too(tmp_path):
    desk = desk_with(tmp_path, NONE_AT_ALL)
    desk.run_until(START + 10 * MINUTE)
    parts.load_source(parts.Source())
    live = LiveViews(desk.trader.settings, desk.layout)
    names = live.read(lambda views, _: [limit.name for limit in views.trading.manager.limits])
    assert names[-1] == "mine"
