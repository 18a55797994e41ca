"""The trader on a feed of the user's own: the example, from history to fills, over a restart and a missing bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_folder import BETS, CALENDAR, FIRST, SECOND, START, Desk, bars_of, expected_closes

from minhos import parts
from minhos.accounting.types import Role
from minhos.errors import FeedError
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


def test_one_that_raises_while_it_runs_is_an_alarm_and_ends_the_trader_in_a_sentence(tmp_path: Path) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    desk.run_until(START + 2 * BAR_INTERVAL_NS)
    with csv.path.open("a") as file:
        file.write("2025 in words\n")
    with pytest.raises(FeedError, match=r"growing_csv failed at stream \((TypeError|ValueError)") as caught:
        desk.run_until(START + 3 * BAR_INTERVAL_NS)
    assert str(caught.value).startswith(f"{EXAMPLE}:")
    assert caught.value.exit_code == 2
    desk.trader.close()
    assert [event.text for event in desk.of(ev.Alarm)] == [str(caught.value)]


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        ("stream", lambda: iter(["a bar"]), "growing_csv failed at stream (TypeError: gave 'a bar', neither a Price"),
        ("status", lambda: 1 / 0, "growing_csv failed at status (ZeroDivisionError"),
        ("status", lambda: "well", "growing_csv failed at status (ValidationError"),
    ],
)
def test_one_that_gives_something_else_is_named(tmp_path: Path, method, answer, words) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    setattr(desk.trader.feed, method, answer)
    with pytest.raises(FeedError) as caught:
        desk.run_until(START + BAR_INTERVAL_NS)
    assert words in str(caught.value)
    assert str(EXAMPLE) in str(caught.value)


def test_one_that_ends_says_so(tmp_path: Path) -> None:
    csv = Csv(tmp_path / "mine.csv", BARS)
    desk = Desk(tmp_path / "home", [csv], START, **sections_for(csv))
    desk.trader.feed.stream = lambda: iter(())
    desk.turn()
    desk.trader.close()
    assert desk.trader.stopping
    (alarm,) = desk.of(ev.Alarm)
    assert alarm.text == "The feed of NQZ25 ended: no bar can come any more, and MinhOS stops trading."
