"""Following a .scid file: torn tails, in-place updates, rewritten files; any way of appending gives the same bars."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scid_files import HEADER, record, tick, write

from minhos.feeds.scid.files import read_scid
from minhos.feeds.scid.tail import FLUSH_NS, GRACE_NS, ScidTail
from minhos.market.symbols import parse_symbol
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Price
from minhos.testing.builders import NQ, ns

START = ns("2025-10-06T13:30:00")
SECOND = NANOS_PER_SECOND
END = START + BAR_INTERVAL_NS
PATIENCE = FLUSH_NS + GRACE_NS


def tail_of(path: Path, after_ns: int = 0) -> ScidTail:
    return ScidTail(path, NQ, parse_symbol("NQZ25-CME"), after_ns=after_ns)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def bars_in(values: list[Price | Bar]) -> list[Bar]:
    return [value for value in values if isinstance(value, Bar)]


def prices_in(values: list[Price | Bar]) -> list[tuple[int, float]]:
    return [(value.time_ns, value.price_ticks / 4) for value in values if isinstance(value, Price)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "NQZ25-CME.scid", tick(START, 25000.0))


def test_a_bar_closes_when_a_record_of_a_later_bar_arrives(path: Path) -> None:
    tail = tail_of(path)
    assert bars_in(tail.poll(START)) == []
    append(path, tick(START + SECOND, 25004.0, 3) + tick(END, 25001.0))
    got = tail.poll(END)
    assert [type(value) for value in got] == [Price, Bar, Price]
    assert got[1] == Bar("NQZ25", END, 100_000, 100_016, 100_000, 100_016, 4, 0, 4, 2)
    assert got[2] == Price("NQZ25", END, 100_004)


def test_a_bar_closes_when_the_clock_passes_its_end_by_flush_and_grace(path: Path) -> None:
    tail = tail_of(path)
    tail.poll(START)
    assert tail.poll(END + PATIENCE - 1) == []
    assert [bar.close_time_ns for bar in bars_in(tail.poll(END + PATIENCE))] == [END]
    append(path, tick(END - 1000, 25010.0))
    assert tail.poll(END + PATIENCE) == []
    assert tail.left_out == "1 records came too late for their bar"


def test_a_record_from_the_future_is_passed_over_and_the_next_ones_are_not_late(path: Path) -> None:
    tail = tail_of(path)
    tail.poll(START)
    append(path, tick(START + 5 * 86_400 * SECOND, 20000.0))
    assert tail.poll(START + SECOND) == []
    append(path, tick(START + 2 * SECOND, 25001.0) + tick(END, 25002.0))
    got = tail.poll(END)
    assert [bar.close_ticks for bar in bars_in(got)] == [100_004]
    assert prices_in(got) == [(START + 2 * SECOND, 25001.0), (END, 25002.0)]
    assert tail.left_out == "1 records are stamped in the future"


def test_prices_come_at_the_open_of_a_bar_and_at_most_once_a_second(path: Path) -> None:
    tail = tail_of(path)
    milliseconds = (200, 900, 1000, 1500, 2100)
    append(path, b"".join(tick(START + k * SECOND // 1000, 25000 + k / 100) for k in milliseconds))
    append(path, tick(END + 1000, 24990.0))
    assert prices_in(tail.poll(END)) == [
        (START, 25000.0),
        (START + SECOND, 25010.0),
        (START + 2100 * SECOND // 1000, 25021.0),
        (END + 1000, 24990.0),
    ]


def test_a_torn_tail_waits_for_the_next_poll(path: Path) -> None:
    tail, whole = tail_of(path), tick(START + 2 * SECOND, 25002.0)
    append(path, whole[:25])
    assert prices_in(tail.poll(START)) == [(START, 25000.0)]
    append(path, whole[25:])
    assert prices_in(tail.poll(START)) == [(START + 2 * SECOND, 25002.0)]


def test_the_last_bar_record_is_read_again_until_a_newer_one_appears(tmp_path: Path) -> None:
    minute = 60 * SECOND
    path = write(tmp_path / "NQZ25-CME.scid", record(START, 25000.0, 25001.0, 24999.0, 25000.5, 4, 10, 4, 6))
    tail = tail_of(path)
    assert prices_in(tail.poll(START + 2 * SECOND)) == [(START + 2 * SECOND, 25000.0)]
    write(path, record(START, 25000.0, 25003.0, 24999.0, 25002.0, 9, 25, 10, 15))
    assert prices_in(tail.poll(START + 9 * SECOND)) == [(START + 9 * SECOND, 25002.0)]
    append(path, record(START + minute, 25002.0, 25002.0, 25001.0, 25001.0, 5, 7, 3, 4))
    append(path, record(END, 25001.0, 25001.0, 25001.0, 25001.0, 2, 2, 1, 1))
    bars = bars_in(tail.poll(END + SECOND))
    assert bars == [Bar("NQZ25", END, 100_000, 100_012, 99_996, 100_004, 32, 13, 19, 14)]


def test_a_pending_bar_record_counts_once_the_clock_has_passed_its_bar(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25-CME.scid", record(START, 25000.0, 25001.0, 24999.0, 25000.5, 4, 10, 4, 6))
    tail = tail_of(path)
    assert bars_in(tail.poll(END)) == []
    assert [bar.volume for bar in bars_in(tail.poll(END + PATIENCE))] == [10]
    append(path, record(END, 25001.0, 25001.0, 25001.0, 25001.0, 2, 2, 1, 1))
    assert bars_in(tail.poll(END + PATIENCE)) == []


def _three_bars() -> bytes:
    return b"".join(tick(START + k * 60 * SECOND, 25000.0 + k) for k in range(12))


@pytest.mark.parametrize("before", [b"", tick(START - 7 * BAR_INTERVAL_NS, 24000.0)])
def test_a_rewritten_file_gives_no_bar_twice_and_loses_none(tmp_path: Path, before: bytes) -> None:
    path = write(tmp_path / "NQZ25-CME.scid", _three_bars())
    tail = tail_of(path)
    first = bars_in(tail.poll(END + 6 * SECOND))
    path.write_bytes(HEADER)  # "Delete All Data and Download"
    assert tail.poll(END + 6 * SECOND) == []
    more = b"".join(tick(START + k * 60 * SECOND, 25000.0 + k) for k in range(12, 17))
    path.write_bytes(HEADER + before + _three_bars() + more)
    second = bars_in(tail.poll(END + 6 * SECOND))
    assert [bar.close_time_ns for bar in first] == [END, END + BAR_INTERVAL_NS]
    assert [bar.close_time_ns for bar in second] == [END + 2 * BAR_INTERVAL_NS]
    assert second[0].volume == 5


def test_a_file_that_grew_at_its_beginning_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25-CME.scid", _three_bars())
    tail = tail_of(path)
    tail.poll(START)
    path.write_bytes(HEADER + tick(START - BAR_INTERVAL_NS, 24000.0) + _three_bars() + tick(START + 900 * SECOND, 1e4))
    bars = bars_in(tail.poll(START))
    assert [(bar.close_time_ns, bar.volume) for bar in bars] == [(END + 2 * BAR_INTERVAL_NS, 2)]


def test_back_filled_records_in_the_middle_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25-CME.scid", _three_bars())
    tail = tail_of(path)
    tail.poll(START)
    filled = tick(START, 25000.0) + tick(START + SECOND, 25000.0) + _three_bars()[40:]
    path.write_bytes(HEADER + filled + tick(START + 900 * SECOND, 25000.0))
    assert [bar.volume for bar in bars_in(tail.poll(START))] == [2]


def test_trouble_is_a_sentence_and_ends_with_its_cause(path: Path) -> None:
    tail = tail_of(path)
    tail.poll(START)
    content = path.read_bytes()
    path.unlink()
    assert tail.poll(START) == []
    assert "there is no file" in tail.trouble
    path.write_bytes(content + tick(END, 25001.0))
    assert len(bars_in(tail.poll(START))) == 1
    assert tail.trouble == ""


def test_only_bars_after_the_given_close_are_given(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25-CME.scid", _three_bars())
    tail, newest = tail_of(path, after_ns=END), START + 11 * 60 * SECOND
    bars = bars_in(tail.poll(newest)) + bars_in(tail.poll(END + 2 * BAR_INTERVAL_NS + PATIENCE))
    assert [bar.close_time_ns for bar in bars] == [END + BAR_INTERVAL_NS, END + 2 * BAR_INTERVAL_NS]


@pytest.mark.parametrize("delay", [120 * SECOND, 600 * SECOND])
def test_a_source_that_is_late_gives_whole_bars(tmp_path: Path, delay: int) -> None:
    stamps = range(START, START + 4 * BAR_INTERVAL_NS, 10 * SECOND)
    path = write(tmp_path / "NQZ25-CME.scid", tick(START - SECOND, 25000.0))
    tail, bars = tail_of(path, after_ns=START), []
    for stamp in stamps:
        append(path, tick(stamp, 25000.0))
        bars += bars_in(tail.poll(stamp + delay))
    assert [bar.volume for bar in bars] == [30, 30, 30]
    assert tail.delay_ns == delay - PATIENCE
    assert tail.left_out == ""


def test_a_file_that_lay_still_before_the_first_poll_is_not_taken_for_a_delayed_source(path: Path) -> None:
    tail = tail_of(path)
    assert bars_in(tail.poll(END + PATIENCE)) == []
    assert tail.delay_ns == 0
    waits = END + PATIENCE - START
    assert [bar.close_time_ns for bar in bars_in(tail.poll(END + waits))] == [END]


def test_a_long_outage_comes_over_several_polls_and_no_bar_closes_early(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("minhos.feeds.scid.tail.MAX_RECORDS", 3)
    path = write(tmp_path / "NQZ25-CME.scid", _three_bars())
    tail, bars = tail_of(path), []
    for _ in range(4):
        bars += bars_in(tail.poll(START + 10 * BAR_INTERVAL_NS))
    assert [bar.volume for bar in bars] == [5, 5, 2]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 80), st.integers(99_000, 101_000), st.integers(1, 9)), min_size=1, max_size=40),
    st.lists(st.integers(0, 41 * 40), max_size=12),
)
def test_any_split_of_the_bytes_gives_the_bars_of_one_read(tmp_path_factory, values, cuts) -> None:
    time, data = START, b""
    for seconds, price, volume in values:
        time += seconds * SECOND + 1000
        data += tick(time, price / 4, volume, buy=volume % 2 == 0)
    data += tick(time + BAR_INTERVAL_NS, 25000.0)
    path = write(tmp_path_factory.mktemp("split") / "NQZ25-CME.scid")
    tail, streamed, done = tail_of(path), [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        append(path, data[done:cut])
        done = cut
        streamed += bars_in(tail.poll(START))
    whole, _ = read_scid(path)
    assert streamed == list(whole)[:-1]
