"""Which feed the settings name, and what is said of one of the user's that cannot be made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minhos import parts
from minhos.assembly.feeds import feed_name, make_feed
from minhos.assembly.naming import finished_data, mode_of
from minhos.assembly.trading import make_clock
from minhos.errors import DataError, PartsError, SettingsError
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SystemClock
from minhos.settings import Settings, load

CALENDAR = SessionCalendar.load()
OWN = """
import numpy as np
from minhos import parts
from minhos.feeds.port import Feed, FeedStatus
from minhos.market.types import Bars

@parts.feeds("own")
class Own(Feed):
    simulated = {simulated}

    def __init__(self, request):
        self.instrument, self.symbol, self.options = request.instrument, "NQZ25", request.options

    def history(self):
        return Bars.from_bars(self.instrument, [])

    def stream(self):
        return iter(())
{status}
@parts.feeds("no_feed")
def no_feed(request):
    return 3

@parts.feeds("raises")
def raises(request):
    return 1 / 0
"""
STATUS = """
    def status(self):
        return FeedStatus(True, True, False, 0, "")
"""


def settings_of(home: Path, toml: str) -> Settings:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config/minhos.toml").write_text(toml)
    return load(home)


def user_file(folder: Path, *, simulated: bool = False, status: str = STATUS) -> Path:
    path = folder / "my_parts.py"
    path.write_text(OWN.format(simulated=simulated, status=status))
    return path


@pytest.fixture(autouse=True)
def no_parts_remain() -> Iterator[None]:
    yield
    parts.load()


def test_without_a_name_the_other_settings_say_which_feed(tmp_path: Path) -> None:
    assert feed_name(settings_of(tmp_path, "")) == "simulated"
    assert feed_name(settings_of(tmp_path, '[data]\nsource = "/sierra"\n')) == "folder"
    assert feed_name(settings_of(tmp_path, '[data]\nbridge = "10.0.0.1:11199"\n')) == "bridge"


def test_a_feed_of_the_user_s_is_found_by_its_name_and_gets_its_options(tmp_path: Path) -> None:
    parts.load(user_file(tmp_path))
    chosen = settings_of(tmp_path, '[data]\nfeed = "own"\n[feed.own]\nkey = "x"\n')
    feed = make_feed(chosen, CALENDAR, SystemClock())
    assert (feed.symbol, feed.options, feed.pace_s) == ("NQZ25", {"key": "x"}, 0.0)
    assert feed.follow("NQH26") is feed
    assert feed.turn(0, held=0).symbol == "NQZ25"
    assert mode_of(chosen) == "paper"


def test_the_simulated_market_by_its_name_is_the_one_without(tmp_path: Path) -> None:
    chosen = settings_of(tmp_path, '[data]\nfeed = "simulated"\n[simulation]\nhistory_days = 25\n')
    feed = make_feed(chosen, CALENDAR, make_clock(chosen))
    assert feed.simulated
    assert feed.pace_s == 2.0
    with pytest.raises(SettingsError, match="a clock that it can move"):
        make_feed(chosen, CALENDAR, SystemClock())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("owm", "Did you mean 'own'"),
        ("no_feed", r"my_parts.py:\d+: what 'no_feed' makes is no feed"),
        ("raises", r"my_parts.py:\d+: the feed 'raises' cannot be made \(ZeroDivisionError"),
    ],
)
def test_what_is_no_feed_is_refused_with_file_and_line(tmp_path: Path, name: str, sentence: str) -> None:
    parts.load(user_file(tmp_path))
    with pytest.raises(PartsError, match=sentence):
        make_feed(settings_of(tmp_path, f'[data]\nfeed = "{name}"\n'), CALENDAR, SystemClock())


def test_a_feed_without_a_required_method_is_refused(tmp_path: Path) -> None:
    parts.load(user_file(tmp_path, status=""))
    with pytest.raises(PartsError, match=r"my_parts.py:\d+: the feed 'own' cannot be made.*status"):
        make_feed(settings_of(tmp_path, '[data]\nfeed = "own"\n'), CALENDAR, SystemClock())


def test_a_generated_market_of_the_user_s_is_not_traded_as_a_real_one(tmp_path: Path) -> None:
    parts.load(user_file(tmp_path, simulated=True))
    with pytest.raises(PartsError, match="says simulated = True"):
        make_feed(settings_of(tmp_path, '[data]\nfeed = "own"\n'), CALENDAR, SystemClock())


def test_a_finished_file_is_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "NQZ25.csv"
    file.write_text("time,open,high,low,close\n")
    with pytest.raises(DataError, match="finished file"):
        make_feed(settings_of(tmp_path, f'[data]\nsource = "{file}"\n'), CALENDAR, SystemClock())
    with pytest.raises(SettingsError, match="name Sierra Chart"):
        make_feed(settings_of(tmp_path, '[data]\nfeed = "folder"\n'), CALENDAR, SystemClock())


def test_a_file_is_finished_unless_a_feed_of_the_user_s_follows_it(tmp_path: Path) -> None:
    file = tmp_path / "NQZ25.csv"
    file.write_text("")
    assert finished_data(settings_of(tmp_path, f'[data]\nsource = "{file}"\n'))
    assert finished_data(settings_of(tmp_path, f'[data]\nsource = "{tmp_path}"\n'))
    assert not finished_data(settings_of(tmp_path, f'[data]\nsource = "{file}"\nfeed = "own"\n'))
    assert not finished_data(settings_of(tmp_path, ""))
    (tmp_path / "NQZ25-CME.scid").write_bytes(b"")
    assert not finished_data(settings_of(tmp_path, f'[data]\nsource = "{tmp_path}"\n'))
