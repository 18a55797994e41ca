"""The trading process, as a real process on a simulated market: it decides, fills, obeys, and survives being killed."""

from __future__ import annotations

import datetime as dt
import json
import random
import time
from pathlib import Path

import psutil
import pytest
from trading_home import (
    count,
    events_of,
    journal_of,
    journal_path,
    last_sequence,
    make_home,
    promote,
    running,
    settings_of,
    start,
    stop,
    wait_for,
)

from minhos.assembly.layout import Layout
from minhos.assembly.trading import make_state
from minhos.journal.inbox import Inbox, Request
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.trading import events as ev
from minhos.trading.recovery import fold

SLOW_PACE = 30.0
FAR_FUTURE_NS = 4_102_444_800_000_000_000
HEAVY = ("torch", "pandas", "polars", "numba", "sklearn", "scipy")


def folded(layout: Layout):
    """The state as the journal tells it."""
    state = make_state(SessionCalendar.load())
    with journal_of(layout) as source:
        fold(state, source.records())
    return state


def command(layout: Layout, name: str, why: str = "test") -> str | None:
    """Ask the trader and wait for its sentence."""
    inbox = Inbox(layout.inbox)
    number = inbox.put(Request(name=name, who="tester", why=why, expires_ns=FAR_FUTURE_NS))
    wait_for(lambda: inbox.answer(number) is not None, 10)
    answer = inbox.answer(number)
    inbox.close()
    return answer.sentence if answer is not None else None


def commands_of(layout: Layout) -> list[str]:
    return [event.name for event in events_of(layout, "CommandReceived")]


def assert_consistent(layout: Layout) -> None:
    """The chain is sound, each bar decided once, and cash and position are what the fills make them."""
    with journal_of(layout) as source:
        assert source.verify().sound
    closes = [event.slice.close_time_ns for event in events_of(layout, "SliceClosed")]
    decided = [event.decision.close_time_ns for event in events_of(layout, "DecisionMade")]
    assert decided == sorted(set(decided))
    assert set(decided) >= set(closes[:-1])
    state = folded(layout)
    account, settings = state.ledger.account(), state.settings
    assert settings is not None
    symbol = settings.order_symbol
    fills = {event.fill.fill_id: event.fill for event in events_of(layout, "OrderFilled")}.values()
    held = sum(fill.side * fill.contracts for fill in fills)
    tick = settings.instruments[symbol].tick_value_cents
    spent = sum(fill.side * fill.contracts * fill.price_ticks * tick + fill.commission_cents for fill in fills)
    assert account.position(symbol).contracts == held
    cash = 100 * 250_000 - spent + held * account.last_ticks[symbol] * tick
    assert account.equity_cents == cash


def test_it_decides_trades_and_ends_when_asked(tmp_path):
    layout = make_home(tmp_path)
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "TradeClosed") >= 3)
        assert stop(trader) == (0, "")
    assert_consistent(layout)


def test_killed_at_any_time_it_goes_on_where_it_was(tmp_path):
    layout, rng = make_home(tmp_path), random.Random(5)
    for _ in range(4):
        before = last_sequence(layout)
        with running(layout) as trader:
            assert wait_for(lambda n=before: last_sequence(layout) > n + 200)
            time.sleep(rng.uniform(0.0, 0.3))
            trader.kill()
        assert_consistent(layout)
    assert count(layout, "EngineStarted") == 4
    assert count(layout, "OrderFilled") > 0


def test_stops_rest_at_the_venue_again_after_a_kill(tmp_path):
    layout = make_home(tmp_path)

    def holds() -> bool:
        state = folded(layout) if count(layout, "OrderFilled") else None
        return bool(state and state.settings and state.ledger.account().position(state.settings.order_symbol))

    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "OrderFilled") > 5)
        trader.kill()
    for _ in range(10):
        if holds():
            break
        with running(layout) as trader:
            n = count(layout, "OrderFilled")
            assert wait_for(lambda n=n: count(layout, "OrderFilled") > n)
            trader.kill()
    assert holds(), "ten kills right after a fill never met an open position"
    (tmp_path / "config" / "minhos.toml").write_text(
        "[simulation]\nhistory_days = 25\nseconds_per_bar = 30\n", encoding="utf-8"
    )
    before, fills, n = folded(layout), count(layout, "OrderFilled"), last_sequence(layout)
    with running(layout) as trader:
        assert wait_for(lambda: last_sequence(layout) > n + 2)
        stop(trader)
    after = folded(layout)
    symbol = after.settings.order_symbol
    position = after.ledger.account().position(symbol)
    held = before.ledger.account().position(symbol).contracts
    new = events_of(layout, "OrderFilled")[fills:]
    assert position.contracts == held + sum(event.fill.side * event.fill.contracts for event in new)
    assert sum(record.contracts for record in after.book.stops(symbol)) == abs(position.contracts)


def test_a_halt_outlives_a_kill_and_a_missing_file(tmp_path):
    layout = make_home(tmp_path)
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "OrderFilled") > 0)
        layout.halt_file.write_text("news\n", encoding="utf-8")
        assert wait_for(lambda: "halt" in commands_of(layout))
        trader.kill()
    layout.halt_file.unlink()
    with running(layout) as trader:
        n = count(layout, "DecisionMade")
        assert wait_for(lambda: count(layout, "DecisionMade") > n + 100)
        stop(trader)
    assert folded(layout).risk.halted is not None
    late = [event.decision for event in events_of(layout, "DecisionMade")][n + 5 :]
    assert all(decision.target == 0 and not decision.orders for decision in late)


def test_a_halt_file_that_is_there_at_the_start_stops_the_first_order(tmp_path):
    layout = make_home(tmp_path)
    layout.halt_file.write_text("stay out\n", encoding="utf-8")
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "DecisionMade") > 100)
        stop(trader)
    assert count(layout, "OrderIntended") == 0


def test_a_halt_file_is_obeyed_at_once(tmp_path):
    layout = make_home(tmp_path, pace=SLOW_PACE)
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "ModelActivated") > 0)
        delays = [_halt_delay_s(layout) for _ in range(3)]
        stop(trader)
    assert min(delays) < 0.2


def _halt_delay_s(layout: Layout) -> float:
    """From the file's appearance to the trader's log line."""
    n = commands_of(layout).count("halt")
    layout.halt_file.write_text("now\n", encoding="utf-8")
    written = layout.halt_file.stat().st_mtime
    assert wait_for(lambda: commands_of(layout).count("halt") > n)
    lines = [json.loads(line) for line in (layout.logs / "trader.log").read_text(encoding="utf-8").splitlines()]
    told = [line["timestamp"] for line in lines if line.get("event") == "command" and line.get("name") == "halt"][-1]
    assert (command(layout, "resume") or "").startswith("done: ")
    return dt.datetime.fromisoformat(told).timestamp() - written


def test_commands_are_carried_out_once_and_answered(tmp_path):
    layout = make_home(tmp_path, pace=SLOW_PACE)
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "ModelActivated") > 0)
        assert command(layout, "pause") == "done"
        assert (command(layout, "resume") or "").startswith("done: ")
        assert "unknown command" in (command(layout, "dance") or "")
        stop(trader)
    assert commands_of(layout) == ["pause", "resume"]


def test_a_second_trader_is_refused_in_words(tmp_path):
    layout = make_home(tmp_path, pace=SLOW_PACE)
    with running(layout):
        assert wait_for(lambda: count(layout, "SettingsActivated") > 0)
        second = start(layout)
        _, errors = second.communicate(timeout=30)
    assert second.returncode == 1, "the other may end"
    assert "Another trader already writes the journal" in errors
    assert "Traceback" not in errors


def test_a_damaged_bundle_is_refused_and_the_old_one_goes_on(tmp_path):
    layout = make_home(tmp_path)
    old = events = None
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "ModelActivated") > 0)
        old = events_of(layout, "ModelActivated")[0].bundle_id
        _promote_damaged(layout)
        assert wait_for(lambda: any("was refused" in event.text for event in events_of(layout, "Alarm")), 15)
        n = count(layout, "DecisionMade")
        assert wait_for(lambda: count(layout, "DecisionMade") > n + 50)
        stop(trader)
    events = events_of(layout, "DecisionMade")
    assert events[-1].decision.bundle_id == old
    assert events[-1].decision.forecast is not None


def _promote_damaged(layout: Layout) -> None:
    """A bundle that was sound when it was promoted, with one byte changed before the trader can load it."""
    from minhos.assembly.naming import registry_of
    from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
    from minhos.models.registry import Pointers, Registry
    from minhos.testing.builders import MONDAY_OPEN, bundle_contents

    registry: Registry = registry_of(settings_of(layout), layout)
    contents = bundle_contents(
        simulated=True, feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION, seed=9, created_ns=MONDAY_OPEN + 9
    )
    info = registry.save(contents)
    member = next(Path(info.path).glob("*.onnx"))
    content = bytearray(member.read_bytes())
    content[20] ^= 1
    member.write_bytes(bytes(content))
    pointer = registry.root / "active.json"
    raw = json.loads(pointer.read_text(encoding="utf-8"))
    (scope,) = raw["scopes"]
    raw["scopes"][scope].append({"action": "promote", "id": info.id, "who": "test", "time_ns": 1})
    assert Pointers is not None
    partial = pointer.with_suffix(".new")
    partial.write_text(json.dumps(raw), encoding="utf-8")
    partial.replace(pointer)


def test_a_newer_bundle_is_taken_up_between_two_bars(tmp_path):
    layout = make_home(tmp_path)
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "DecisionMade") > 20)
        newer = promote(layout, seed=3)
        assert wait_for(lambda: count(layout, "ModelActivated") == 2)
        n = count(layout, "DecisionMade")
        assert wait_for(lambda: count(layout, "DecisionMade") > n + 20)
        stop(trader)
    assert events_of(layout, "DecisionMade")[-1].decision.bundle_id == newer


def test_the_trader_is_small_and_nothing_heavy_is_in_it(tmp_path):
    layout = make_home(tmp_path)
    with running(layout, "-X", "importtime") as trader:
        assert wait_for(lambda: count(layout, "OrderFilled") > 5)
        megabytes = psutil.Process(trader.pid).memory_info().rss / 1e6
        _, errors = stop(trader)
    imported = {line.rsplit("|", 1)[-1].strip() for line in errors.splitlines() if line.startswith("import time:")}
    parts = {name.split(".")[0] for name in imported if "." in name}
    assert "onnxruntime" in parts
    assert not parts & set(HEAVY)
    assert megabytes < 150


def test_settings_that_contradict_each_other_end_it_with_a_sentence(tmp_path):
    layout = make_home(tmp_path, toml="[autonomous]\nauto_trading = true\nenable_auto_trading = false\n", bundle=False)
    process = start(layout)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "one switch with three names" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("switch", ["auto_trading = false", "require_approval = true", "ml_enabled = false"])
def test_a_switch_that_is_off_sends_no_order(tmp_path, switch):
    layout = make_home(tmp_path, toml=f"[autonomous]\n{switch}\n")
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "DecisionMade") > 300)
        stop(trader)
    wanted = [event.decision for event in events_of(layout, "DecisionMade")]
    assert any(decision.target for decision in wanted)
    assert count(layout, "OrderIntended") == 0


def test_the_journal_can_be_read_while_it_is_written(tmp_path):
    layout = make_home(tmp_path)
    with running(layout):
        assert wait_for(lambda: count(layout, "DecisionMade") > 20)
        source = reader(journal_path(layout))
        kinds = {record.kind for record in source.records()}
        source.close()
    assert {"EngineStarted", "SettingsActivated", "ModelActivated", "HistoryLoaded", "DecisionMade"} <= kinds


def test_every_event_in_it_is_known(tmp_path):
    layout = make_home(tmp_path)
    with running(layout) as trader:
        assert wait_for(lambda: count(layout, "TradeClosed") > 0)
        stop(trader)
    assert all(ev.kind_of(event) for event in events_of(layout))
