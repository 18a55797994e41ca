"""The mirror is equal to the bridge's file, record for record, through everything that happens to either."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from bridge_pair import SYMBOL, Bridge, add, bridging, equal, later, mirroring, random_records, wait_for, write
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.dtc import messages as m
from minhos.dtc.faults import CME_REJECT, Faults
from minhos.dtc.simulated import SimulatedBackend
from minhos.feeds.bridge.file import MirrorFile, Pass, header
from minhos.feeds.bridge.records import are_live, live_messages, live_record, packed, unpacked
from minhos.feeds.scid.fold import RECORD, Records

NAME = f"{SYMBOL}.scid"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The bridge's folder and the mirror's."""
    (tmp_path / "sierra").mkdir()
    return tmp_path / "sierra", tmp_path / "mirror"


@contextlib.contextmanager
def following(folders: tuple[Path, Path], **named):
    """A bridge, and a mirror that has copied what is there."""
    theirs, ours = folders
    with bridging(theirs, **named) as bridge, mirroring(bridge.port, ours) as mirror:
        assert mirror.wait_until_copied(20.0)
        yield bridge, mirror, theirs / NAME, ours / NAME


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.floats(0, 1))
def test_history_carries_every_record_bit_for_bit(seed: int, n: int, bars: float) -> None:
    records = random_records(n, seed=seed, bars=bars)
    data = packed(records, 7)
    found, used = unpacked(data + b"\x10\x00")
    assert found.tobytes() == records.tobytes()
    assert used == len(data) == 88 * n


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=40, max_size=40), st.integers(0, 3))
def test_a_record_that_goes_out_live_comes_back_bit_for_bit(data: bytes, change: int) -> None:
    record = np.frombuffer(data, RECORD).copy()
    record["stamp"] = 3_900_000_000_000_000 + int(record["stamp"][0]) % 10**12
    if change:
        record["trades"], record["open"] = 1, 0.0
        record["bid_volume" if change == 1 else "ask_volume"] = 0
        record["volume"] = record["bid_volume"] + record["ask_volume"]
    if are_live(record)[0]:
        assert live_record(*live_messages(record[0])).tobytes() == record.tobytes()


def test_most_ticks_go_out_live() -> None:
    assert are_live(random_records(500)).all()
    assert not are_live(random_records(500, bars=1.0)).any()


def test_a_price_that_is_no_number_arrives_as_zero() -> None:
    records = random_records(3)
    records["close"][1] = np.nan
    found, _ = unpacked(packed(records, 1))
    assert found["close"].tolist() == [records["close"][0], 0.0, records["close"][2]]


@pytest.mark.parametrize("bars", [0.0, 0.3, 1.0])
def test_a_mirror_grows_with_its_file(folders, bars: float) -> None:
    records = random_records(3_000, bars=bars)
    write(folders[0] / NAME, records[:2_000])
    with following(folders) as (_, mirror, source, copy):
        assert equal(source, copy)
        for start in range(2_000, 3_000, 100):
            add(source, records[start : start + 100])
            wait_for(lambda: equal(source, copy), "for the new records")
        assert mirror.status().symbols == (SYMBOL,)


def test_the_last_bar_record_changes_in_place(folders) -> None:
    records = random_records(50, bars=1.0)
    write(folders[0] / NAME, records)
    with following(folders) as (_, _, source, copy):
        before = copy.stat().st_ino
        for volume in (1_000, 2_000, 3_000):
            records["volume"][-1] = volume
            with source.open("r+b") as file:
                file.seek(-40, 2)
                file.write(records[-1:].tobytes())
            wait_for(lambda: equal(source, copy), "for the changed bar")
        assert copy.stat().st_ino == before


def test_only_the_days_asked_for_are_copied(folders) -> None:
    old, new = random_records(100, span_s=50 * 86_400, seed=1), random_records(100)
    old["stamp"] -= 86_400_000_000 * 20
    write(folders[0] / NAME, np.concatenate([old, new]))
    with bridging(folders[0]) as bridge, mirroring(bridge.port, folders[1], days=10) as mirror:
        assert mirror.wait_until_copied(20.0)
        assert (folders[1] / NAME).read_bytes() == header() + new.tobytes()


def test_nothing_is_lost_while_the_bridge_is_away(folders) -> None:
    records = random_records(2_000)
    write(folders[0] / NAME, records[:500])
    with following(folders) as (bridge, mirror, source, copy):
        bridge.stop()
        wait_for(lambda: not mirror.status().connected, "for the loss to be noticed")
        assert "connection" in mirror.status().trouble.lower()
        add(source, records[500:1_500])
        bridge.start()
        wait_for(lambda: equal(source, copy), "for what was missed")
        bridge.cut()
        add(source, records[1_500:])
        wait_for(lambda: equal(source, copy), "for the rest")


@pytest.mark.parametrize("kind", ["truncated", "filled in", "written anew", "emptied"])
def test_a_file_that_sierra_chart_changes_is_followed(folders, kind: str) -> None:
    records = random_records(1_000)
    changed = {
        "truncated": records[:300],
        "filled in": records,
        "written anew": random_records(700, seed=5),
        "emptied": records[:0],
    }[kind]
    begun = np.concatenate([records[:400], records[600:]]) if kind == "filled in" else records
    write(folders[0] / NAME, begun)
    with following(folders) as (_, _, source, copy):
        write(source, changed)
        wait_for(lambda: equal(source, copy), f"for the file {kind}")
        more = later(random_records(50, seed=8, span_s=5), 60)
        add(source, more)
        wait_for(lambda: equal(source, copy), "for it to grow on")
        assert copy.read_bytes() == header() + changed.tobytes() + more.tobytes()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 4_056), st.binary(max_size=79))
def test_a_mirror_that_was_killed_at_any_byte_becomes_equal(tmp_path_factory, size: int, torn: bytes) -> None:
    path = tmp_path_factory.mktemp("killed") / NAME
    records = random_records(100)
    whole = header() + records.tobytes()
    path.write_bytes(whole[:size] + torn)
    mirror = MirrorFile(path)
    assert path.stat().st_size % 40 == 56 % 40
    one_pass(mirror, records, start=mirror.first_stamp)
    if not len(mirror):
        one_pass(mirror, records, start=0)
    assert mirror.path.read_bytes()[:56] == header()
    found = mirror.read(0, len(mirror))
    assert found
    assert whole.endswith(found)
    if size >= 96:  # the first record was there, so the mirror begins where it did
        assert len(found) == len(whole) - 56


def one_pass(mirror: MirrorFile, records: Records, start: int, piece: int = 7) -> bool:
    """History over a mirror; whether the pass was good."""
    copying = Pass(mirror, start)
    wanted = records[records["stamp"] >= start]
    for place in range(0, len(wanted), piece):
        copying.take(wanted[place : place + piece])
    copying.finish()
    copying.abandon()
    return not copying.doubtful


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**16), st.integers(1, 9), st.data())
def test_a_pass_makes_any_mirror_equal(
    tmp_path_factory, n_ours: int, n_common: int, seed: int, piece: int, data
) -> None:
    mirror = MirrorFile(tmp_path_factory.mktemp("pass") / NAME)
    theirs, ours = random_records(60, seed=seed), random_records(60, seed=seed + 1)
    n_common = min(n_common, n_ours)
    ours = np.concatenate([theirs[:n_common], ours[ours["stamp"] > theirs["stamp"][n_common]]])[:n_ours]
    mirror.append(ours)
    start = int(ours["stamp"][data.draw(st.integers(0, len(ours) - 1))]) if len(ours) else 0
    if not one_pass(mirror, theirs, start, piece):
        assert one_pass(mirror, theirs, mirror.first_stamp, piece)
    wanted = theirs[theirs["stamp"] >= (ours["stamp"][0] if len(ours) else 0)]
    assert mirror.path.read_bytes()[56:] == wanted.tobytes()
    assert not list(mirror.path.parent.glob(".*"))


def test_a_pass_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    mirror, records = MirrorFile(tmp_path / NAME), random_records(100)
    mirror.append(records)
    copying = Pass(mirror, 0)
    copying.take(random_records(30, seed=3))
    copying.abandon()
    assert mirror.path.read_bytes() == header() + records.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(
    "fault",
    [
        Faults(split_bytes=7),
        Faults(disconnect_within=frozenset({m.MarketDataUpdateTradeWithUnbundledIndicator2.TYPE})),
        Faults(unknown_messages=True),
    ],
)
def test_a_poor_connection_costs_nothing_but_time(folders, fault: Faults) -> None:
    records = random_records(300)
    write(folders[0] / NAME, records[:200])
    with following(folders, faults=fault) as (_, _, source, copy):
        for start in range(200, 300, 20):
            add(source, records[start : start + 20])
            wait_for(lambda: equal(source, copy), "for the records")
        assert copy.read_bytes() == header() + records.tobytes()


def trouble_of(port: int, folder: Path, **named) -> str:
    """What a mirror says that does not come to work."""
    with mirroring(port, folder, **named) as mirror:
        wait_for(lambda: mirror.status().trouble, "for a sentence")
        assert not mirror.status().connected
        return mirror.status().trouble


def test_a_wrong_password_is_refused_in_words(folders) -> None:
    write(folders[0] / NAME, random_records(3))
    with bridging(folders[0], password="right") as bridge:
        assert "Wrong password" in trouble_of(bridge.port, folders[1], password="wrong")
        assert "Wrong password" in trouble_of(bridge.port, folders[1])
        with mirroring(bridge.port, folders[1], password="right") as mirror:
            assert mirror.wait_until_copied(20.0)


def test_a_bridge_without_the_contract_says_so(folders) -> None:
    write(folders[0] / "ESZ25-CME.scid", random_records(3))
    with bridging(folders[0]) as bridge:
        assert "no file of NQZ25" in trouble_of(bridge.port, folders[1])


def test_sierra_chart_itself_is_no_source_of_cme_data(folders) -> None:
    backend = SimulatedBackend({SYMBOL: 25_000.0})
    with bridging(folders[0], faults=Faults(reject_market_data=CME_REJECT), backend=backend) as bridge:
        trouble = trouble_of(bridge.port, folders[1])
    assert CME_REJECT in trouble
    assert "run `minh.py bridge` on that machine" in trouble


def test_no_server_at_all_is_said(folders) -> None:
    bridge = Bridge(folders[0]).start()
    bridge.stop()
    assert "No DTC server" in trouble_of(bridge.port, folders[1])
    bridge.end()


def test_a_root_brings_the_front_and_the_next_contract(folders) -> None:
    for name in ("NQZ25-CME", "NQH26_FUT_CME", "NQM26-CME", "ESZ25-CME"):
        write(folders[0] / f"{name}.scid", random_records(20))
    with bridging(folders[0]) as bridge, mirroring(bridge.port, folders[1], symbol="NQ") as mirror:
        assert mirror.wait_until_copied(20.0)
        assert mirror.status().symbols == ("NQZ25-CME", "NQH26_FUT_CME")
