"""`[sierra.broker_symbols]`: bad values are a sentence; venue, flatten, drill and check use the broker's own name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from broker_house import Broker, OpenClock, broker, broker_home, settings_at
from sierra_served import SYMBOL, checked, served
from sierra_served import Broker as Served
from sierra_served import Clock as ServedClock

from minhos.assembly.sierra import venue_options
from minhos.dtc.server import DtcServer
from minhos.dtc.simulated import SimulatedBackend
from minhos.errors import SettingsError
from minhos.market.clock import SystemClock
from minhos.safety.drill import drill
from minhos.safety.flatten_outside import flatten_outside
from minhos.settings import load, parse
from minhos.venues.sierra.conditions import names_of

OWN = "CME:Micro NQ Dec"
TOML = "[sierra.broker_symbols]\n{line}\n"


class OwnNames(Broker):
    """A broker that knows the contract by a name of its own."""

    def __init__(self, *_: object) -> None:
        super().__init__()
        self.backend = SimulatedBackend({OWN: 20_000.0})
        self.server = DtcServer(self.backend)


def home(folder: Path, port: int = 1, line: str = f'MNQZ25 = "{OWN}"'):
    return broker_home(folder, port, toml=TOML.format(line=line))


def test_the_venue_tries_the_given_name_first(tmp_path):
    options = venue_options(settings_at(home(tmp_path)))
    assert names_of("MNQZ25", options)[:2] == [OWN, "MNQZ25-CME"]
    assert names_of("MNQH26", options)[0] == "MNQH26-CME"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('MNQ = "x"', "'MNQ' is no contract that MinhOS trades"),
        ('nonsense = "x"', "'nonsense' is no contract that MinhOS trades"),
        ('MNQZ25 = ""', "at most 63 characters"),
        (f'MNQZ25 = "{64 * "x"}"', "at most 63 characters"),
        ('MNQZ25 = "Größe"', "at most 63 characters"),
        ('MNQZ25 = "a\\nb"', "at most 63 characters"),
        ('MNQZ25 = "NQZ25-CME"', "that is NQZ25, another contract; orders would go to it"),
        ('MNQZ25 = "MNQH6.CME"', "that is MNQH26, another contract"),
        ('MNQZ25 = "a"\nMNQH26 = "a"', "stands there twice"),
        ('MNQZ25 = "a"\nmnqz25 = "b"', "stands there twice"),
        ("MNQZ25 = 5", "broker_symbols"),
    ],
)
def test_bad_values_are_a_sentence(tmp_path, line, words):
    with pytest.raises(SettingsError, match=re.escape(words)):
        settings_at(home(tmp_path, line=line))


def test_any_form_of_the_contract_names_it_and_unusual_names_are_taken(tmp_path):
    chosen = settings_at(home(tmp_path, line='"MNQZ25-CME" = "F.US.MNQZ25"'))
    assert chosen.sierra.names_at_broker() == {"MNQZ25": "F.US.MNQZ25"}
    assert parse({}).sierra.names_at_broker() == {}


def test_the_shipped_example_can_be_used(tmp_path):
    shipped = (Path(__file__).resolve().parents[2] / "config" / "minhos.toml").read_text(encoding="utf-8")
    line = next(line for line in shipped.splitlines() if line.startswith("# broker_symbols"))
    example = line.split("# ")[2].rsplit(": ", 1)[1]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "minhos.toml").write_text(f"[sierra]\nbroker_symbols = {example}\n", encoding="utf-8")
    assert load(tmp_path).sierra.names_at_broker() == {"MNQZ25": "F.US.MNQZ25"}


def test_a_flatten_from_outside_sees_the_position_under_that_name(tmp_path):
    with broker(kind=OwnNames) as there:
        there.hold(2, OWN)
        layout = home(tmp_path, there.port)
        report = flatten_outside(settings_at(layout), layout, "test", clock=OpenClock())
        assert (report.flat, report.positions_before, there.positions()) == (True, {OWN: 2}, {})


def test_the_drill_opens_and_closes_it_under_that_name(tmp_path):
    with broker(kind=OwnNames) as there:
        layout = home(tmp_path, there.port)
        done = drill(settings_at(layout), layout, clock=OpenClock(), distance_points=20.0, price_points=20_000.0)
        assert done.passed, done
        assert f"bought 1 {OWN}" in " ".join(step.text for step in done.steps)


def test_check_sierra_tries_it_first(tmp_path):
    own = "my own NQ"
    with served(Served({own: 25_000.0, SYMBOL: 25_000.0}, accounts=("Sim1",))) as (port, *_):
        found, _ = checked(tmp_path, port, ServedClock(SystemClock()), broker_symbols={"NQZ26": own})
    assert found["symbol/NQZ26"].value["known"][:2] == [own, SYMBOL]
