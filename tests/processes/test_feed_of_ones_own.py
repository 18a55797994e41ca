"""The trader on a feed of the user's own: the example, from history to fills, over a restart and a missing bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_folder import BETS, CALENDAR, FIRST, SECOND, START, Desk, bars_of, expected_closes
from structlog.testing import capture_logs

from minhos import parts
from minhos.accounting.types import Role
from minhos.errors import MinhosError
from minhos.market.types import BAR_INTERVAL_NS, Bar, Bars
from minhos.testing.builders import NQ
from minhos.trading import events as ev
from minhos.trading.types import Outcome
from minhos.words import utc

EXAMPLE = Path(__file__).parents[2] / "examples/feed_csv.py"
BARS = bars_of(FIRST, 4 * 276 + 100, symbol="NQZ25")


HEADER = "time,open,high,low,close,volume\n"


class Csv:
    """The file that another program writes: a line three seconds after a bar has closed."""

    def __init__(self, path: Path, bars: Bars, after_ns: int = 0) -> None:
        self.path, self.left_out, self._bars, self._shown_ns = path, 0, bars, after_ns
        path.write_text(HEADER)

    def write_until(self, now_ns: int) -> None:
        closes, shown_ns = self._bars.close_time_ns, now_ns - 3 * SECOND
        new = self._bars.rows((closes > self._shown_ns) & (closes <= shown_ns) & (closes != self.left_out))
        self._shown_ns = shown_ns
        with self.path.open("a") as file:
            file.writelines(map(_line, new))


def _line(bar: Bar) -> str:
    prices = ",".join(f"{NQ.to_points(t)}" for t in (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks))
    return f"{utc(bar.open_time_ns)},{prices},{bar.volume}\n"


def sections_for(csv: Csv) -> dict[str, dict]:
    options = {"growing_csv": {"file": str(csv.path), "contract": "NQZ25"}}
    return {"user": {"file": str(EXAMPLE)}, "data": {"feed": "growing_csv"}, "feed": options, **BETS}


@pytest.fixture(autouse=True)
def no_parts_remain() -> Iterator[None]:
    yield
    parts.load()


def test_the_trader_decides_and_fills_on_it(tmp_path: Path) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    end = START + 12 * BAR_INTERVAL_NS
    csv.left_out = START + 9 * BAR_INTERVAL_NS
    desk.run_until(START + 5 * BAR_INTERVAL_NS)
    desk.restart()
    desk.run_until(end)
    decisions = desk.decisions()
    assert [each.close_time_ns for each in decisions] == expected_closes(START, end)
    assert desk.of(ev.OrderFilled)
    assert {each.symbol for each in decisions} == {"NQZ25"}
    assert desk.trader.mode == "paper"
    (missing,) = [each for each in decisions if each.close_time_ns == csv.left_out]
    assert not missing.orders
    assert CALENDAR.is_open(end)


def test_one_without_a_history_begins_now_and_warms_up_as_bars_come(tmp_path: Path) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS, after_ns=START)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    end = START + 3 * BAR_INTERVAL_NS
    desk.run_until(end)
    assert [each.close_time_ns for each in desk.decisions()] == expected_closes(START, end)
    assert {each.outcome for each in desk.decisions()} == {Outcome.WARMING_UP}
    assert desk.of(ev.Alarm) == []


def test_one_that_lost_its_history_leaves_what_is_held_its_stop(tmp_path: Path) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    desk.run_until(START + 4 * BAR_INTERVAL_NS)
    held = desk.trader.engine.state.held()["NQZ25"]
    assert held > 0
    csv.path.write_text(HEADER)
    desk.restart()
    desk.run_until(START + 8 * BAR_INTERVAL_NS)
    stopped = [event.fill.contracts for event in desk.of(ev.OrderFilled) if event.fill.role is Role.STOP]
    assert (stopped, desk.trader.engine.state.held()) == ([held], {}), "the market falls to its stop"


def held_desk(tmp_path: Path) -> tuple[Csv, Desk]:
    """One that holds contracts, five bars after its start."""
    csv = Csv(tmp_path / "mine.csv", BARS)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    desk.run_until(START + 4 * BAR_INTERVAL_NS)
    assert desk.trader.engine.state.held()
    return csv, desk


def bars_taken(desk: Desk) -> list[int]:
    return [bar.close_time_ns for each in desk.of(ev.SliceClosed) for bar in each.slice.bars]


def test_one_that_raises_while_it_runs_is_an_alarm_and_is_taken_up_again_without_a_gap(tmp_path: Path) -> None:
    csv, desk = held_desk(tmp_path)
    sound = csv.path.read_bytes()
    csv.path.write_bytes(sound + b"2025 in words\n")
    desk.run_until(START + 6 * BAR_INTERVAL_NS)
    (alarm,) = desk.of(ev.Alarm)
    assert alarm.text.startswith(f"{EXAMPLE}:")
    assert "growing_csv failed at stream (" in alarm.text
    assert "Nothing new is opened" in alarm.text
    assert not desk.heartbeats[-1].feed.connected
    assert desk.trader.engine.state.held()
    spoilt = csv.path.read_bytes().removeprefix(sound + b"2025 in words\n")
    csv.path.write_bytes(sound + spoilt)
    desk.run_until(START + 9 * BAR_INTERVAL_NS)
    assert "is back after" in desk.of(ev.Alarm)[-1].text
    assert desk.heartbeats[-1].feed.connected
    taken = [each for each in bars_taken(desk) if each > START]
    assert sorted(taken) == expected_closes(START, START + 9 * BAR_INTERVAL_NS)


def test_one_that_cannot_be_had_at_a_restart_is_waited_for_while_something_is_held(tmp_path: Path) -> None:
    csv, desk = held_desk(tmp_path)
    held = desk.trader.engine.state.held()
    away = csv.path.rename(tmp_path / "away.csv")
    csv.write_until = lambda now_ns: None
    desk.restart()
    desk.run_until(START + 6 * BAR_INTERVAL_NS)
    assert desk.trader.engine.state.held() == held
    assert desk.decisions()[-1].close_time_ns > START + 5 * BAR_INTERVAL_NS, "each bar that was due is named as missing"
    assert not any(order.role is Role.ENTRY for each in desk.decisions()[5:] for order in each.orders)
    del csv.write_until
    away.rename(csv.path)
    desk.run_until(START + 9 * BAR_INTERVAL_NS)
    assert desk.heartbeats[-1].feed.connected
    assert desk.decisions()[-1].outcome is not Outcome.WARMING_UP


def test_one_that_cannot_be_had_at_a_start_with_nothing_held_is_a_sentence(tmp_path: Path) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS)
    csv.write_until = lambda now_ns: None
    csv.path.unlink()
    with pytest.raises(MinhosError, match=r"mine\.csv"):
        Desk(tmp_path / "home", [csv], START, **sections_for(csv))


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        ("stream", lambda: iter(["a bar"]), "growing_csv failed at stream (TypeError: gave 'a bar', neither a Price"),
        ("status", lambda: 1 / 0, "growing_csv failed at status (ZeroDivisionError"),
        ("status", lambda: "well", "growing_csv failed at status (TypeError: gave 'well', which is no FeedStatus"),
        ("turn", lambda now_ns, held: None, "growing_csv failed at turn (TypeError"),
    ],
)
def test_one_that_gives_something_else_is_named_and_the_trader_goes_on(tmp_path: Path, method, answer, words) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    setattr(desk.trader.feed._feed, method, answer)
    with capture_logs() as logs:
        desk.run_until(START + BAR_INTERVAL_NS)
    told = [alarm.text for alarm in desk.of(ev.Alarm)] + [str(each.get("reason")) for each in logs]
    assert any(words in each and str(EXAMPLE) in each for each in told), told


def test_one_that_ends_says_so_and_what_is_held_is_still_protected(tmp_path: Path) -> None:
    _, desk = held_desk(tmp_path)
    desk.trader.feeds._items = iter(())
    desk.turn()
    assert not desk.trader.stopping
    assert desk.trader.engine.state.held()
    (alarm,) = desk.of(ev.Alarm)
    assert alarm.text.startswith("The feed of NQZ25 ended: its source says that no bar can come any more. Nothing new")
