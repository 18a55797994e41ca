"""check-sierra's stable phase, clock, and the .scid file that is watched; and the command around it all."""

import numpy as np
import pytest
from sierra_served import NOW_NS, SYMBOL, Broker, Clock, checked, served
from typer.testing import CliRunner

from minhos.cli import app
from minhos.dtc.faults import Faults
from minhos.dtc.messages import Heartbeat
from minhos.errors import CheckFailed, SettingsError
from minhos.feeds.scid.files import EPOCH_US, HEADER, RECORD
from minhos.market.clock import SimulatedClock, SystemClock
from minhos.market.symbols import parse_symbol
from minhos.sierra_check.finding import Mask, Verdict, masked
from minhos.sierra_check.line import clock_finding
from minhos.sierra_check.scid import ScidWatch, file_findings

SECOND_NS = 10**9


@pytest.fixture
def clock():
    return Clock(SystemClock())


def beats(skew_s, fractions, delay_s=0.0):
    """Heartbeats each at that fraction of a second of the server's, told in whole seconds."""
    return [
        (round((10_000 + 5 * i + fraction + delay_s + skew_s) * SECOND_NS), 10_000 + 5 * i)
        for i, fraction in enumerate(fractions)
    ]


SPREAD = [0.05 * i for i in range(20)]


@pytest.mark.parametrize("skew_s", [-0.7, 0.0, 0.4])
def test_the_skew_is_found_between_its_bounds_though_seconds_are_whole(skew_s):
    found = clock_finding(beats(skew_s, SPREAD, 0.002))
    assert found.verdict is Verdict.OK
    assert found.value["low_s"] <= skew_s + 0.002 <= found.value["high_s"] + 1e-9
    assert found.value["skew_s"] == pytest.approx(skew_s, abs=0.1)


@pytest.mark.parametrize(
    ("skew_s", "fractions", "verdict"),
    [
        (2.0, SPREAD, Verdict.FAILED),
        (-2.0, SPREAD, Verdict.FAILED),
        (0.5, [0.9] * 12, Verdict.WARNING),
        (0.0, [0.9] * 12, Verdict.OK),
        (-0.5, [0.2] * 12, Verdict.WARNING),
    ],
)
def test_what_cannot_be_told_is_not_called_right(skew_s, fractions, verdict):
    assert clock_finding(beats(skew_s, fractions)).verdict is verdict


def test_one_late_heartbeat_moves_nothing():
    calm, late = beats(0.1, SPREAD), beats(0.1, [0.5], delay_s=8.0)
    assert clock_finding([*calm, *late]).value["skew_s"] == pytest.approx(clock_finding(calm).value["skew_s"], abs=0.1)


def test_heartbeats_without_a_time_give_no_skew():
    assert clock_finding([(NOW_NS, 0)]).verdict is Verdict.UNKNOWN


def test_heartbeats_are_counted_and_tell_the_servers_time(tmp_path, clock, monkeypatch):
    monkeypatch.setattr("minhos.sierra_check.walk.HEARTBEAT_S", 1)
    with served(now_s=lambda: clock.now_ns() // SECOND_NS) as (port, *_):
        found, report = checked(tmp_path, port, clock, seconds=2.4)
    assert found["stable"].value["heartbeats"] >= 1
    assert abs(report.clock_skew_s) <= 0.75
    assert found["heartbeats"].verdict is Verdict.OK


def test_a_server_without_heartbeats_and_one_that_disconnects(tmp_path, clock, monkeypatch):
    monkeypatch.setattr("minhos.sierra_check.walk.HEARTBEAT_S", 1)
    quiet = Broker({SYMBOL: 25_000.0}, accounts=("Sim1",))
    with served(quiet, Faults(no_heartbeats=True)) as (port, *_):
        found, _ = checked(tmp_path, port, clock, seconds=1.5)
    assert found["heartbeats"].verdict is Verdict.WARNING
    broken = Broker({SYMBOL: 25_000.0}, accounts=("Sim1",))
    with served(broken, Faults(disconnect_within=frozenset({Heartbeat.TYPE}))) as (port, *_):
        found, _ = checked(tmp_path, port, clock, seconds=2.5)
    assert found["stable"].verdict is Verdict.FAILED
    assert found["stable"].value["disconnections"] >= 1


def test_a_client_that_falls_silent_is_dropped_and_the_text_is_kept(tmp_path, clock, monkeypatch):
    monkeypatch.setattr("minhos.sierra_check.line.DEAD_INTERVAL_S", 1)
    with served() as (port, *_):
        found, _ = checked(tmp_path, port, clock, seconds=4.0)
    assert found["dead_client"].value["logoff"] == "The peer has been silent for 2 seconds."
    assert found["dead_client"].value["dropped_after_s"] >= 1.9


# The file -----------------------------------------------------------------------------------------------------------


def records(*rows, bar=False):
    """(seconds after NOW_NS, price) as ticks, or as bars."""
    made = np.zeros(len(rows), RECORD)
    for place, (seconds, price) in enumerate(rows):
        stamp = (NOW_NS + round(seconds * SECOND_NS)) // 1_000 + EPOCH_US
        made[place] = (stamp, price if bar else 0.0, price, price, price, 5 if bar else 1, 5, 2, 3)
    return made.tobytes()


def scid(path, *rows, bar=False):
    header = np.zeros(1, HEADER)
    header[["magic", "header_size", "record_size", "version"]] = (b"SCID", HEADER.itemsize, RECORD.itemsize, 1)
    path.write_bytes(header.tobytes() + records(*rows, bar=bar))
    return path


def watched(path, clock, *steps, prices=None):
    """Look at the file before and after each step; the findings, by name."""
    watch = ScidWatch(path, parse_symbol(path.stem), clock)
    watch.look()
    for at_s, step in steps:
        clock.advance_to(NOW_NS + round(at_s * SECOND_NS))
        step()
        watch.look()
    return {each.step: each for each in file_findings(watch, 10.0, 1_000, prices or {})}


def append(path, *rows):
    def step():
        with path.open("ab") as file:
            file.write(records(*rows))

    return step


def test_a_file_that_grows_tells_its_flush_interval_its_age_and_what_came_late(tmp_path):
    clock = SimulatedClock(NOW_NS)
    path = scid(tmp_path / "NQZ26-CME.scid", (-5, 25_000.0))
    steps = [(at, append(path, (at - 0.25, 25_000.0))) for at in (1.0, 2.0, 3.0)]
    steps.append((4.0, append(path, (2.0, 25_000.0), (3.9, 25_001.0))))
    found = watched(path, clock, *steps)
    assert found["scid_flush"].value == pytest.approx(1.0)
    assert found["scid_age"].value == pytest.approx(0.1)
    assert found["scid_late"].value == 1
    assert found["scid_in_place"].value == {"rewritten": 0, "replaced": 0}
    assert found["scid_storage_unit"].verdict is found["scid_flush"].verdict is Verdict.OK
    assert found["scid_stamps"].value == "int64"


def test_bars_that_are_rewritten_in_place_and_a_replaced_file(tmp_path):
    clock = SimulatedClock(NOW_NS)
    path = scid(tmp_path / "NQZ26-CME.scid", (-60, 25_000.0), (0, 25_000.0), bar=True)

    def rewrite():
        path.write_bytes(path.read_bytes()[: -RECORD.itemsize] + records((0, 25_010.0), bar=True))

    steps = [
        (1.0, rewrite),
        (2.0, append(path, (60, 25_011.0))),
        (3.0, lambda: scid(path, (0, 25_000.0))),
        (3.5, append(path, (4, 25_000.0))),
    ]
    found = watched(path, clock, *steps)
    assert found["scid_in_place"].value == {"rewritten": 1, "replaced": 1}
    ticks_and_bar = watched(scid(tmp_path / "NQZ26_FUT_CME.scid", (0, 2_500_000.0), bar=True), clock)
    assert ticks_and_bar["scid_storage_unit"].verdict is Verdict.WARNING
    assert ticks_and_bar["scid_prices"].value == {"multiplier": 0.01, "stored": 2_500_000.0}


def test_a_slow_flush_old_data_and_a_file_at_rest(tmp_path):
    clock = SimulatedClock(NOW_NS)
    path = scid(tmp_path / "NQZ26-CME.scid", (-700, 25_000.0))
    steps = [(at, append(path, (at - 600, 25_000.0))) for at in (5.0, 10.0, 15.0)]
    found = watched(path, clock, *steps)
    assert found["scid_flush"].verdict is Verdict.WARNING
    assert "Flush Time" in found["scid_flush"].way_out
    assert found["scid_age"].verdict is Verdict.FAILED
    at_rest = watched(path, clock)
    assert {at_rest[step].verdict for step in ("scid_flush", "scid_age", "scid_late")} == {Verdict.UNKNOWN}


@pytest.mark.parametrize(("price", "verdict"), [(24_900.0, Verdict.OK), (2_490_000.0, Verdict.FAILED)])
def test_prices_of_fills_a_hundred_times_off_the_file_fail(tmp_path, price, verdict):
    path = scid(tmp_path / "NQZ26-CME.scid", (0, 25_000.0))
    found = watched(path, SimulatedClock(NOW_NS), prices={"NQZ26_FUT_CME": price, "EURUSD": 1.1})
    assert found["report_prices"].verdict is verdict


# Words and the command ----------------------------------------------------------------------------------------------


def test_masked_accounts():
    assert [masked(each) for each in ("120005", "AB", "", "A")] == ["****05", "AB", "", "A"]
    mask = Mask(("joe", ""))
    mask.add_account("120005")
    mask.add_account("Sim1")
    text = mask.value({"120005": ["joe in 120005", {"a": ("Sim1", 7)}]})
    assert text == {"****05": ["*** in ****05", {"a": ["Sim1", 7]}]}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path))
    monkeypatch.delenv("MINHOS_SIERRA_PASSWORD", raising=False)
    (tmp_path / "config").mkdir()
    return tmp_path


def configure(home, port, account="Sim1"):
    (home / "config" / "minhos.toml").write_text(
        f'[data]\nsource = "/nowhere/data"\n[sierra]\nhost = "127.0.0.1"\nport = {port}\naccount = "{account}"\n'
    )


def test_the_command_prints_a_table_and_says_where_the_report_is(home):
    backend = Broker({"NQH27-CME": 25_000.0, SYMBOL: 25_000.0}, accounts=("Sim1",))
    with served(backend) as (port, *_):
        configure(home, port)
        result = CliRunner().invoke(app, ["check-sierra", "--for", "1s", "--history-port", str(port), "--json"])
        failed = CliRunner().invoke(app, ["check-sierra", "--for", "1s", "--history-port", str(port)])
    assert '"verdict"' in result.stdout
    assert "connection" in failed.stdout
    assert "sierra.txt" in failed.stdout


def test_the_command_fails_where_a_step_does(home):
    with served() as (port, *_):
        configure(home, port, account="Sim9")
        result = CliRunner().invoke(app, ["check-sierra", "--for", "1s"])
    assert isinstance(result.exception, CheckFailed)
    assert "accounts" in str(result.exception)


@pytest.mark.parametrize("text", ["", "0s", "abc", "-5m", "1e9h", "25h", "5 minutes", "nan"])
def test_times_that_are_none(home, text):
    result = CliRunner().invoke(app, ["check-sierra", "--for", text])
    assert isinstance(result.exception, SettingsError)
    assert "such as 90s, 5m or 1h" in str(result.exception)
