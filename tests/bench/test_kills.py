"""The bench of kills: twenty of them, by fours and fives, supervisor and watchdog included."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from minhos.bench.house import House
from minhos.bench.kills import QUICK_AT_ONCE, QUICK_KILLS, QUICK_SECONDS_PER_BAR, Books, killed


@pytest.mark.processes
def test_whatever_is_killed_comes_back_and_the_position_is_the_sum_of_the_fills(tmp_path: Path) -> None:
    house = House(tmp_path, QUICK_SECONDS_PER_BAR)
    books = Books(house)
    try:
        house.start()
        house.wait_until_up()
        deaths = killed(house, books, QUICK_KILLS, random.Random(3), QUICK_AT_ONCE)
    finally:
        house.close()
    books.check()
    assert [death.name for death in deaths if death.back_s is None] == []
    assert len(deaths) == QUICK_KILLS
    assert books.wrong == 0
    assert books.bars > 0
    assert books.chain_is_whole()
