"""The user's own features in the process that trades: one that fails ends new risk, not the trader, and not a stop."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from live_folder import BETS, CALENDAR, FIRST, MINUTE, N_BARS, SECOND, START, Desk, File, bars_of

from minhos import parts
from minhos.accounting.types import Role
from minhos.assembly.trading import feature_factory
from minhos.features.feature import Seen
from minhos.features.pipeline import feature_set
from minhos.journal.reader import reader
from minhos.processes.trader import Trader
from minhos.research.replay import replay
from minhos.testing.builders import bundle_contents
from minhos.trading import events as ev
from minhos.trading.types import Outcome

FEATURE = """
import user_hook
from minhos import parts

@parts.features("mine")
class Mine:
    warm_up = 1
    def update(self, seen):
        return user_hook.value(seen)
"""
NO_FEATURE = FEATURE.replace("def update", "def updates")
NOT_MADE = FEATURE.replace("    warm_up = 1\n", "    warm_up = 1\n    def __init__(self): raise ValueError('no')\n")
TAKEN = FEATURE.replace('"mine"', '"atr_ratio"')
TOO_LONG = FEATURE.replace("warm_up = 1", "warm_up = 999")
NO_WARM_UP = FEATURE.replace("    warm_up = 1\n", "")
BOUGHT = START + 20 * MINUTE
"""By then a position is held; within the next twenty minutes the market falls to its stop."""
STOPPED = BOUGHT + 20 * MINUTE


class Hook:
    """What the user's feature does: 0.0, but for what a test sets."""

    def __init__(self) -> None:
        self.desk: Desk | None = None
        self.faults: dict[int, str] = {}
        """By the close of a bar."""
        self.slow: tuple[float, int, int] = (0.0, 0, 0)
        """Seconds that it takes, at bars that close after the first and up to the second moment."""

    def value(self, seen: Seen) -> float:
        close_ns = seen.bar.close_time_ns
        seconds, after_ns, until_ns = self.slow
        if self.desk is not None and after_ns < close_ns <= until_ns:
            self.desk.clock.sleep(seconds)
        fault = self.faults.get(close_ns, "0")
        if fault == "exits":
            sys.exit("enough")
        return 1 / 0 if fault == "raises" else float(fault)


@pytest.fixture
def hook(monkeypatch) -> Iterator[Hook]:
    hook = Hook()
    monkeypatch.setitem(sys.modules, "user_hook", types.SimpleNamespace(value=hook.value))
    yield hook
    parts.load_source(parts.Source())


class PlainDesk(Desk):
    """A desk whose trader serves what the registry has, and nothing else."""

    def begin(self) -> Trader:
        trader = Trader(self._settings, self.layout, self.clock, self.clock)
        trader.open()
        return trader


def desk_with(tmp_path: Path, hook: Hook, text: str = FEATURE) -> Desk:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    files = [File(folder / "NQZ25-CME.scid", bars_of(FIRST, N_BARS, symbol="NQZ25"))]
    desk = hook.desk = Desk(tmp_path / "home", files, START, user={"file": str(tmp_path / "mine.py")}, **BETS)
    return desk


def alarms(desk: Desk) -> list[str]:
    return [event.text for event in desk.of(ev.Alarm)]


def held(desk: Desk) -> int:
    return desk.trader.engine.state.ledger.account().position("NQZ25").contracts


def stopped(desk: Desk) -> int:
    return sum(event.fill.contracts for event in desk.of(ev.OrderFilled) if event.fill.role is Role.STOP)


def openings(desk: Desk, after_ns: int) -> list[ev.OrderIntended]:
    roles = (Role.ENTRY, Role.ADD)
    return [event for event in desk.of(ev.OrderIntended) if event.order.role in roles and event.time_ns > after_ns]


def assert_replays(desk: Desk) -> None:
    """The whole journal, by a process in which nothing is slow."""
    with closing(reader(desk.layout.journal(desk.trader.mode, desk.trader.account))) as journal:
        report = replay(journal, calendar=CALENDAR, features=feature_factory(CALENDAR))
    assert report.verdict == "identical", report.sentence
    assert report.decisions == len(desk.decisions()) > 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("nan", "gave nan"),
        ("inf", "gave inf"),
        ("raises", "failed (ZeroDivisionError: division by zero)"),
        ("exits", "failed (SystemExit: enough)"),
    ],
)
def test_one_without_a_number_ends_new_risk_and_the_stop_still_fills(tmp_path, hook, fault, words):
    desk = desk_with(tmp_path, hook)
    desk.run_until(BOUGHT)
    before = held(desk)
    assert before > 0
    assert alarms(desk) == []
    hook.faults = {BOUGHT + 5 * MINUTE: fault, BOUGHT + 10 * MINUTE: fault}
    desk.run_until(STOPPED)
    (alarm,) = alarms(desk)
    assert alarm.startswith(f"No new risk: {tmp_path / 'mine.py'}:")
    assert f"the feature mine {words}" in alarm
    assert alarm.endswith("until the file is mended, a model is trained with it, and MinhOS is started again.")
    assert alarm == f"No new risk: {desk.of(ev.SettingsActivated)[-1].settings.parts_refusal}"
    assert (stopped(desk), held(desk)) == (before, 0), "the market falls to its stop"
    assert openings(desk, BOUGHT) == []
    last = desk.decisions()[-1]
    assert (last.outcome, last.reason) == (Outcome.WARMING_UP, desk.trader.parts.problem)
    assert desk.heartbeats[-1].state == "running"
    hook.desk = None
    assert_replays(desk)


@pytest.mark.parametrize(("seconds", "bars"), [(2.0, 1), (0.2, 3)])
def test_one_that_takes_too_long_is_named_and_a_replay_measures_nothing(tmp_path, hook, seconds, bars):
    desk = desk_with(tmp_path, hook)
    desk.run_until(BOUGHT)
    before = held(desk)
    slow_until = BOUGHT + bars * 5 * MINUTE
    hook.slow = (seconds, BOUGHT, slow_until)
    desk.run_until(STOPPED + 60 * MINUTE)
    (alarm,) = alarms(desk)
    assert f"{tmp_path / 'mine.py'}:5: the feature mine took {seconds * 1000:.0f} ms at one bar" in alarm
    assert stopped(desk) == before
    assert held(desk) == sum(event.order.contracts for event in openings(desk, BOUGHT)), "what came with the slow bar"
    assert openings(desk, slow_until + 60 * SECOND) == []
    assert desk.decisions()[-1].verdict.bound == "parts"
    hook.desk = None
    assert_replays(desk)


def test_a_bar_or_two_that_a_disk_holds_up_are_nothing(tmp_path, hook):
    desk = desk_with(tmp_path, hook)
    hook.slow = (0.2, START, START + 10 * MINUTE)
    desk.run_until(BOUGHT)
    assert alarms(desk) == []


def test_a_fault_in_the_history_is_seen_at_the_start_and_only_a_mended_file_ends_it(tmp_path, hook):
    hook.faults = {START - 60 * MINUTE: "nan"}
    desk = desk_with(tmp_path, hook)
    assert "the feature mine gave nan" in alarms(desk)[0]
    desk.restart()
    assert len(alarms(desk)) == 2, "the same file, the same fault"
    desk.run_until(BOUGHT)
    assert openings(desk, 0) == []
    hook.faults = {}
    desk.restart()
    desk.run_until(STOPPED)
    assert len(alarms(desk)) == 2
    assert openings(desk, BOUGHT)
    assert desk.trader.engine.state.settings.parts_refusal == ""


def test_one_that_is_slow_in_the_history_is_refused_at_the_start(tmp_path, hook):
    hook.slow = (0.0, 0, 0)
    desk = desk_with(tmp_path, hook)
    hook.slow = (0.2, START - 60 * MINUTE, START - 45 * MINUTE)
    desk.restart()
    (alarm,) = alarms(desk)
    assert "the feature mine took 200 ms" in alarm


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NO_FEATURE, "is no class with warm_up and update"),
        (NO_WARM_UP, "is no class with warm_up and update"),
        (NOT_MADE, "cannot be made (ValueError"),
        (TAKEN, "'atr_ratio' is a feature of MinhOS"),
        (TOO_LONG, "warms up over 999 bars"),
    ],
)
def test_what_is_no_feature_does_not_keep_the_trader_from_protecting(tmp_path, hook, text, words):
    desk = desk_with(tmp_path, hook)
    desk.run_until(BOUGHT)
    before = held(desk)
    assert before > 0
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    desk.restart()
    (alarm,) = alarms(desk)
    assert alarm.startswith(f"No new risk: {tmp_path / 'mine.py'}:")
    assert words in alarm
    desk.run_until(STOPPED)
    assert (stopped(desk), held(desk)) == (before, 0)
    assert openings(desk, BOUGHT) == []


# The model was trained with other features ----------------------------------------------------------------------------


def train_with_what_is_loaded(desk: Desk) -> str:
    """A promoted bundle of tiny models that names the features of this moment; its id."""
    features = feature_set()
    contents = bundle_contents(feature_names=features.names, feature_version=features.version)
    contents = msgspec.structs.replace(contents, parts=parts.identities(parts.features))
    registry = desk.trader.registry
    info = registry.save(contents)
    registry.promote(info.id, "test", desk.clock.now_ns())
    return info.id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FEATURE.replace("value(seen)", "value(seen) / 2"), "was trained with the feature mine in another form (1+"),
        (FEATURE.replace('"mine"', '"yours"'), "was trained with the feature mine (1+"),
        ("", "which this process does not have"),
    ],
)
def test_a_model_of_other_features_is_refused_in_a_sentence_and_what_is_held_keeps_its_stop(
    tmp_path, hook, text, words
):
    desk = desk_with(tmp_path, hook)
    desk.run_until(BOUGHT)
    before = held(desk)
    assert before > 0
    desk.__class__ = PlainDesk
    bundle = train_with_what_is_loaded(desk)
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    desk.restart()
    desk.run_until(STOPPED)
    (alarm,) = alarms(desk)
    assert alarm.startswith(f"Bundle {bundle} was refused: Bundle {bundle} was trained with the feature mine")
    assert words in alarm
    assert alarm.endswith("put [user] file in minhos.toml back to what it was then, or train a new one.")
    assert (stopped(desk), held(desk), openings(desk, BOUGHT)) == (before, 0, [])
    assert desk.decisions()[-1].reason == f"No model serves, as bundle {bundle} was refused: {alarm.split(': ', 1)[1]}"
    assert desk.heartbeats[-1].state == "running"
    hook.desk = None
    assert_replays(desk)


def test_with_the_features_of_its_training_it_serves_and_a_limit_may_change(tmp_path, hook):
    desk = desk_with(tmp_path, hook)
    desk.__class__ = PlainDesk
    bundle = train_with_what_is_loaded(desk)
    limit = "from minhos import parts\n\n@parts.limits('late')\nclass Late:\n    def cap(self, context):\n        {}\n"
    for body in ("return None", "return None if context.position else None"):
        (tmp_path / "mine.py").write_text(FEATURE + limit.format(body), encoding="utf-8")
        desk.restart()
        desk.run_until(desk.clock.time_ns + 5 * MINUTE)
        assert desk.decisions()[-1].bundle_id == bundle
        assert desk.trader.engine.state.settings.parts["limit late"] == parts.identities(parts.limits)["limit late"]
    assert alarms(desk) == []
    assert len({event.settings.parts["limit late"] for event in desk.of(ev.SettingsActivated)[1:]}) == 2
