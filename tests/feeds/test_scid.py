"""Whole .scid files: golden bytes, both stamp formats, every record kind, prices times 100, files that are no good."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scid_files import FIRST, HEADER, LAST, old_record, record, tick, write

from minhos.errors import DataError
from minhos.feeds.scid import fold as scid_fold
from minhos.feeds.scid import fold_numba as scid_numba
from minhos.feeds.scid.files import read_records, read_scid
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND
from minhos.testing.builders import ns

START = ns("2025-10-06T13:30:00")
SECOND = NANOS_PER_SECOND
INTERVAL_US = BAR_INTERVAL_NS // 1000


def test_a_header_and_a_tick_as_sierra_chart_writes_them(tmp_path: Path) -> None:
    header = bytes.fromhex("53434944 38000000 28000000 0100 0000 00000000") + bytes(36)
    assert header == HEADER
    first = struct.pack("<q", 3815428901954000) + struct.pack("<ffffIIII", 0.0, 12100.0, 12093.5, 12100.0, 1, 1, 0, 1)
    path = tmp_path / "MNQU21-CME.scid"
    path.write_bytes(header + first)
    bars, notes = read_scid(path)
    bar = bars.bar(0)
    assert bar.symbol == "MNQU21"
    assert bar.close_time_ns == ns("2020-11-25T01:25:00")  # the trade of 01:21:41.954
    assert (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks) == (12100 * 4,) * 4
    assert (bar.volume, bar.bid_volume, bar.ask_volume, bar.trades) == (1, 0, 1, 1)
    assert notes.rows == 1


def test_every_kind_of_record_is_told_by_bits(tmp_path: Path) -> None:
    path = write(
        tmp_path / "NQZ25-CME.scid",
        tick(START, 25000.0, 2),
        tick(START + 1000, 25001.0, 3, buy=False, marker=FIRST),
        tick(START + 2000, 25001.25, 1, buy=False),
        tick(START + 3000, 25001.5, 4, buy=False, marker=LAST),
        record(START + 4000, 0.0, 25010.0, 24990.0, 25000.0, 1, 0),  # bid and ask without a trade
        record(START + 5000, 25002.0, 25007.0, 24995.0, 25003.0, 12, 40, 15, 25),  # a bar
        record(START + 6000, 25003.0, 25003.0, 25002.0, 25002.0, 1, 5, 0, 5),  # a bar of one trade
        record(START + 7000, 0.0, 25003.0, 25002.0, 0.0, 1, 5, 0, 5),  # no price
    )
    bars, notes = read_scid(path)
    assert len(bars) == 1
    bar = bars.bar(0)
    points = (bar.open_ticks / 4, bar.high_ticks / 4, bar.low_ticks / 4, bar.close_ticks / 4)
    assert points == (25000.0, 25007.0, 24995.0, 25002.0)
    assert bar.volume == 2 + 3 + 1 + 4 + 40 + 5
    assert (bar.bid_volume, bar.ask_volume) == (3 + 1 + 4 + 15, 2 + 25 + 5)
    assert bar.trades == 4 + 12 + 1
    assert notes.rejected == 1
    assert "4 ticks, 2 bars, 1 bid/ask updates skipped, 1 without a price skipped" in notes.lines[0]


def test_a_record_at_the_boundary_opens_the_next_bar(tmp_path: Path) -> None:
    end = START + BAR_INTERVAL_NS
    bars, _ = read_scid(write(tmp_path / "NQZ25-CME.scid", tick(end - 1000, 25000.0), tick(end, 25001.0)))
    assert bars.close_time_ns.tolist() == [end, end + BAR_INTERVAL_NS]


def test_the_old_format_of_stamps_gives_the_same_bars(tmp_path: Path) -> None:
    times = [START + k * 37 * SECOND for k in range(60)]
    new, _ = read_scid(write(tmp_path / "NQZ25-CME.scid", *(tick(t, 25000.0) for t in times)))
    old, _ = read_scid(write(tmp_path / "NQZ25.scid", *(old_record(t, 25000.0) for t in times)))
    assert old.close_time_ns.tolist() == new.close_time_ns.tolist()
    assert old.volume.tolist() == new.volume.tolist()


@pytest.mark.parametrize(
    ("name", "price", "words"),
    [
        ("NQZ25-CME.scid", 25000.25, ""),
        ("NQZ25_FUT_CME.scid", 2500025.0, "points times 100 (teton"),
        ("NQZ5.CME.scid", 2500025.0, "points times 100 (rithmic"),
        ("NQZ25-CME.scid", 2500025.0, "points times 100, although NQZ25"),
        ("NQZ25_FUT_CME.scid", 25000.25, "are points, although teton"),
    ],
)
def test_prices_times_100(tmp_path: Path, name: str, price: float, words: str) -> None:
    bars, notes = read_scid(write(tmp_path / name, tick(START, price)))
    assert bars.bar(0).symbol == "NQZ25"
    assert bars.bar(0).close_ticks == 25000.25 * 4
    assert notes.off_tick == 0
    assert words in " ".join(notes.lines)


def test_a_price_between_two_ticks_is_rounded_and_counted(tmp_path: Path) -> None:
    next_bar = START + BAR_INTERVAL_NS
    bars, notes = read_scid(write(tmp_path / "NQZ25-CME.scid", tick(START, 25000.1), tick(next_bar, 25000.25)))
    assert bars.close_ticks.tolist() == [100_000, 100_001]
    assert notes.off_tick == 1


def test_a_torn_tail_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "NQZ25-CME.scid", tick(START, 25000.0), tick(START + SECOND, 25001.0)[:39])
    bars, notes = read_scid(path)
    assert notes.rows == 1
    assert bars.bar(0).volume == 1


def test_records_out_of_order_are_sorted_and_counted(tmp_path: Path) -> None:
    times = [START + SECOND, START, START + 2 * SECOND, START + BAR_INTERVAL_NS, START + 3 * SECOND]
    path = write(tmp_path / "NQZ25-CME.scid", *(tick(t, 25000.0 + k) for k, t in enumerate(times)))
    bars, notes = read_scid(path)
    assert notes.out_of_order == 2
    first = bars.bar(0)
    assert (first.open_ticks, first.close_ticks, first.volume) == (25001 * 4, 25004 * 4, 4)
    assert bars.volume.tolist() == [4, 1]


def _file(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ("is empty", "open its symbol in a chart")),
        (HEADER[:17], ("17 of the 56", "copy it again")),
        (HEADER, ("holds no records", "open its symbol in a chart")),
        (b"PK\x03\x04" + HEADER[4:], (r"b'PK\x03\x04'", "no .scid file")),
        (HEADER[:8] + b"\x20" + HEADER[9:], ("32 a record", "download the symbol again")),
        (HEADER + bytes(40), ("the first stamp, 0", "copy the file again")),
        (HEADER + record(START, 0.0, 2.0, 1.0, 0.0, 1, 1), ("no trade", "download the symbol again")),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, data: bytes, words: tuple[str, ...]) -> None:
    path = _file(tmp_path, "NQZ25-CME.scid", data)
    with pytest.raises(DataError) as refusal:
        read_scid(path)
    for word in ("NQZ25-CME.scid", *words):
        assert word in str(refusal.value)


def test_a_missing_file_a_folder_and_a_forbidden_file_are_refused(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(DataError, match="there is no file"):
        read_scid(tmp_path / "NQZ25-CME.scid")
    with pytest.raises(DataError, match="is a folder"):
        read_scid(tmp_path)

    def locked(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(DataError, match=r"cannot be opened \(Permission denied\); close the program that holds it"):
        read_scid(tmp_path / "NQZ25-CME.scid")


def test_bars_longer_than_the_interval_are_refused(tmp_path: Path) -> None:
    half_hours = (record(START + k * 6 * BAR_INTERVAL_NS, 25e3, 25e3, 25e3, 25e3, 50, 90) for k in range(5))
    with pytest.raises(DataError, match="bars of 30 minutes, which cannot be cut into 5"):
        read_scid(write(tmp_path / "NQZ25-CME.scid", *half_hours))


def test_a_name_without_a_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"history\.scid names no contract.*--symbol"):
        read_scid(write(tmp_path / "history.scid", tick(START, 25000.0)))


_RECORDS = st.lists(
    st.tuples(
        st.integers(0, 400),  # seconds since the record before
        st.integers(99_000, 101_000),  # price in ticks
        st.sampled_from(["tick", "first", "last", "bar", "quote", "bad"]),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=60,
)


def build(values: list[tuple[int, int, str, int]]) -> list[bytes]:
    """Records of all kinds in order of time, beginning with a tick."""
    time, records = START, [tick(START, 25000.0)]
    for seconds, ticks, kind, volume in values:
        time += seconds * SECOND
        price = ticks / 4
        match kind:
            case "tick" | "first" | "last":
                marker = {"tick": bytes(4), "first": FIRST, "last": LAST}[kind]
                records.append(tick(time, price, max(volume, 1), marker=marker))
            case "bar":
                records.append(record(time, price - 1, price + 2, price - 3, price, 7, volume, volume // 2, 0))
            case "quote":
                records.append(record(time, 0.0, price + 1, price - 1, price, 1, 0))
            case _:
                records.append(record(time, price, price + 1, price - 1, float("nan"), 7, volume))
    return records


@settings(deadline=None, max_examples=50)
@given(_RECORDS, st.booleans(), st.integers(2, 5))
def test_numba_and_numpy_agree_however_the_file_is_cut(values, shuffled, chunk) -> None:
    records = np.frombuffer(b"".join(build(values)), scid_fold.RECORD)
    if shuffled:
        records = records[np.random.default_rng(0).permutation(len(records))]
    compiled = scid_numba.fold_records(records, INTERVAL_US)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scid_fold, "CHUNK", chunk)
        plain = scid_fold.fold_records(records, INTERVAL_US)
    assert_same(compiled, plain)


def test_parts_read_by_several_threads_join_to_the_same_bars(monkeypatch) -> None:
    rng = np.random.default_rng(1)
    values = [(int(s), int(p), "tick", int(v)) for s, p, v in rng.integers((0, 99_000, 1), (9, 101_000, 50), (4000, 3))]
    records = np.frombuffer(b"".join(build(values)), scid_fold.RECORD)
    monkeypatch.setattr(scid_numba, "MIN_PART", 500)
    monkeypatch.setattr(scid_numba.os, "cpu_count", lambda: 4)
    assert_same(scid_numba.fold_records(records, INTERVAL_US), scid_fold.fold_records(records, INTERVAL_US))


def test_without_numba_the_bars_are_the_same(monkeypatch) -> None:
    records = np.frombuffer(b"".join(build([(70, 100_000 + k, "bar", k) for k in range(40)])), scid_fold.RECORD)
    with_numba = scid_numba.fold_records(records, INTERVAL_US)
    monkeypatch.setattr(scid_numba, "_compiled", lambda: None)
    assert_same(scid_numba.fold_records(records, INTERVAL_US), with_numba)


def assert_same(ours, theirs) -> None:
    assert ours[1:] == theirs[1:]
    for our_column, their_column in zip(ours[0], theirs[0], strict=True):
        assert our_column.dtype == their_column.dtype
        assert np.array_equal(our_column, their_column)


def test_the_records_of_the_file_are_not_copied(tmp_path: Path) -> None:
    records = read_records(write(tmp_path / "NQZ25-CME.scid", tick(START, 25000.0)))
    assert isinstance(records.base, np.memmap)
