"""How money, percent, time, probabilities and p are written."""

from __future__ import annotations

import re

from minhos import words
from minhos.testing.builders import ns

MORNING = ns("2025-11-03T14:35:00")
"""09:35 in New York, on the first day of winter time there."""


def test_what_is_not_known_is_a_dash_or_what_the_caller_says() -> None:
    writers = (words.number, words.numbers, words.signed, words.signeds, words.count, words.percent, words.percents)
    others = (words.compact, words.gain, words.chance, words.probability, words.p_value, words.money, words.dollars)
    assert {write(None) for write in (*writers, *others)} == {words.NONE}
    assert words.percent(None, unknown=words.UNKNOWN) == words.money(None, unknown=words.UNKNOWN) == "unknown"


def test_shares() -> None:
    assert words.percent(0.12345) == "12.3 %"
    assert words.percent(0.1236, tight=True) == "12.4%"
    assert words.percents((0.512, 0.53)) == "51.2 to 53.0 %"
    assert words.percents((0.512, 0.53), tight=True) == "51.2% to 53.0%"
    assert words.gain(-0.5) == "-50.00 %"
    assert words.gain(149.0) == "x 150"


def test_nothing_uncertain_is_written_as_certain() -> None:
    assert [words.chance(share) for share in (0.999, 0.92, 0.001)] == ["above 99 %", "92 %", "below 1 %"]
    assert [words.chance(share, tight=True) for share in (0.999, 0.92, 0.001)] == [">99%", "92%", "<1%"]
    assert [words.p_value(p) for p in (0.0, 0.00099, 0.001, 0.0324)] == ["below 0.001", "below 0.001", "0.001", "0.032"]


def test_money_has_its_sign_before_its_mark() -> None:
    assert words.money(-123_450) == words.dollars(-1234.5) == "-$1,234.50"
    assert words.money(300, sign=True) == "+$3.00"
    assert words.money(-120_000, 0) == "-$1,200"
    assert words.money(-123_450, mark="") == "-1,234.50"


def test_a_wealth_is_read_until_it_is_too_long() -> None:
    assert words.power_of_ten(4.9592) == "91,000"
    assert words.power_of_ten(-0.07) == "0.851"
    assert words.power_of_ten(16.2) == "10^16"
    assert not re.search("e[+-]", " ".join(words.power_of_ten(x / 7) for x in range(-20, 41)))


def test_narrow_columns_have_fewer_digits_the_larger_the_number() -> None:
    assert [words.compact(value) for value in (1.254, 99.0, 469.3, 1004.0, 2.1e5)] == [
        "1.25",
        "99.00",
        "469",
        "1,004",
        "2e+05",
    ]


def test_positions_and_counts() -> None:
    assert [words.position(n, "NQ") for n in (2, -1, 0)] == ["long 2 NQ contracts", "short 1 NQ contract", "flat"]
    assert [words.position(n) for n in (2, -1, 0)] == ["long 2", "short 1", "flat"]
    assert [words.plural(n, "bar") for n in (0, 1, 1234)] == ["0 bars", "1 bar", "1,234 bars"]


def test_times() -> None:
    assert words.utc(MORNING) == "2025-11-03T14:35:00Z"
    assert words.minute(words.utc(MORNING)) == "2025-11-03 14:35 UTC"
    assert words.new_york(MORNING) == "2025-11-03 09:35"
    assert words.clock_time(MORNING) == "09:35"
    assert words.date(20251103) == "2025-11-03"
    assert words.month(202511) == "2025-11"
    assert [words.duration(s) for s in (12, 300, 10_800, 172_800)] == ["12 s", "5 min", "3 h", "2 days"]
