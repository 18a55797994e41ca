"""Which venue the settings name, what it is made from, and what is said of one of the user's that cannot be made."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_house import OpenClock, broker, broker_home, settings_at

from minhos import parts
from minhos.accounting.types import Order, Role
from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of
from minhos.assembly.venues import make_venue, starting_cash_cents, venue_for_others
from minhos.errors import PartsError, SettingsError
from minhos.market.clock import SimulatedClock, SystemClock
from minhos.market.instruments import instrument
from minhos.market.types import Price
from minhos.safety.broker import is_at_broker
from minhos.safety.flatten_outside import flatten_outside
from minhos.settings import Settings, load

EXAMPLE = f'[user]\nfile = "{Path(__file__).parents[2] / "examples/venue_worse_paper.py"}"\n'
NQ = instrument("NQ")
OWN = """
from minhos import parts
from minhos.trading.venue import Venue

@parts.venues("own")
class Own(Venue):
    name = "own"
    {body}

    def __init__(self, request):
        self.options, self.account = request.options, request.account

    def submit(self, order, time_ns):
        return []

    def cancel(self, order_id, time_ns):
        return []

@parts.venues("half")
class Half(Own):
    resize = Venue.resize

    def __init__(self, request):
        super().__init__(request)

@parts.venues("no_venue")
def no_venue(request):
    return 3

@parts.venues("raises")
def raises(request):
    return 1 / 0
"""
RESIZE = "resize = lambda self, order_id, contracts, time_ns: []"
SOURCE = '[data]\nsource = "/sierra"\n'


def settings_of(home: Path, toml: str) -> Settings:
    (home / "config").mkdir(parents=True, exist_ok=True)
    own = home / "my_parts.py"
    user = f'[user]\nfile = "{own}"\n' if own.exists() and "[user]" not in toml else ""
    (home / "config/minhos.toml").write_text(user + toml)
    return load(home)


def user_file(folder: Path, body: str = RESIZE) -> Path:
    path = folder / "my_parts.py"
    path.write_text(OWN.format(body=body))
    return path


@pytest.fixture(autouse=True)
def no_parts_remain() -> Iterator[None]:
    yield
    parts.load()


def test_without_a_name_the_other_settings_say_which_venue(tmp_path: Path) -> None:
    layout, clock = Layout(tmp_path), SystemClock()
    paper = make_venue(settings_of(tmp_path, ""), layout, {"NQZ25": NQ}, clock)
    sierra = make_venue(settings_of(tmp_path, SOURCE + '[sierra]\nhost = "h"\n'), layout, {"NQZ25": NQ}, clock)
    assert (paper.name, paper.answers_at_once, paper.owns_account) == ("paper", True, True)
    assert (sierra.name, sierra.answers_at_once, sierra.owns_account) == ("sierra", False, False)
    assert (sierra.targets, paper.targets) == (True, False)


def test_a_venue_of_the_user_s_gets_its_options_and_an_account_of_its_own(tmp_path: Path) -> None:
    user_file(tmp_path)
    own = '[trading]\nvenue = "own"\n[venue.own]\nkey = "x"\n'
    chosen = settings_of(tmp_path, SOURCE + own)
    venue = make_venue(chosen, Layout(tmp_path), {"NQZ25": NQ}, SystemClock())
    assert (venue.options, venue.account) == ({"key": "x"}, "own")
    assert (mode_of(chosen), account_of(chosen)) == ("paper", "own")
    assert starting_cash_cents(chosen, venue) == 25_000_000
    live = settings_of(tmp_path, SOURCE + own.replace("[venue", 'account = "U1"\nmode = "live"\n[venue'))
    assert (mode_of(live), account_of(live)) == ("live", "U1")
    demo = settings_of(tmp_path, own)
    assert (mode_of(demo), account_of(demo)) == ("simulated", "own-ou-58-7")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("owm", "Did you mean 'own'"),
        ("no_venue", r"my_parts.py:\d+: what 'no_venue' makes is no venue"),
        ("raises", r"my_parts.py:\d+: the venue 'raises' cannot be made \(ZeroDivisionError"),
        ("half", r"my_parts.py:\d+: the venue 'half' cannot be made .*resize"),
    ],
)
def test_what_is_no_venue_is_refused_with_file_and_line(tmp_path: Path, name: str, sentence: str) -> None:
    user_file(tmp_path)
    with pytest.raises(PartsError, match=sentence):
        make_venue(settings_of(tmp_path, f'[trading]\nvenue = "{name}"\n'), Layout(tmp_path), {}, SystemClock())


def test_one_that_answers_later_must_show_its_account(tmp_path: Path) -> None:
    user_file(tmp_path, RESIZE + "\n    answers_at_once = False")
    with pytest.raises(PartsError, match="set owns_account = False"):
        make_venue(settings_of(tmp_path, '[trading]\nvenue = "own"\n'), Layout(tmp_path), {}, SystemClock())


def test_no_broker_for_prices_that_do_not_exist_and_no_two_places_for_one_order(tmp_path: Path) -> None:
    layout, clock = Layout(tmp_path), SystemClock()
    with pytest.raises(SettingsError, match="with a generated market"):
        make_venue(settings_of(tmp_path, '[sierra]\nhost = "h"\n'), layout, {}, clock)
    user_file(tmp_path, RESIZE + "\n    owns_account = False")
    with pytest.raises(SettingsError, match="with a generated market"):
        make_venue(settings_of(tmp_path, '[trading]\nvenue = "own"\n'), layout, {}, clock)
    both = settings_of(tmp_path, SOURCE + '[trading]\nvenue = "own"\n[sierra]\nhost = "h"\n')
    with pytest.raises(SettingsError, match="name two places"):
        make_venue(both, layout, {}, clock)


def test_what_stands_is_asked_of_the_venue_although_the_trader_may_not_use_it(tmp_path: Path) -> None:
    with broker() as there:
        there.hold(2)
        layout = broker_home(tmp_path, there.port, toml='mode = "live"\n')  # Sim1 is no live account
        chosen = settings_at(layout)
        with pytest.raises(SettingsError, match="mode says live"):
            make_venue(chosen, layout, {}, OpenClock())
        standing = venue_for_others(chosen, layout, OpenClock()).standing(frozenset({"MNQ", "NQ"}), "test")
        assert list((standing.positions or {}).values()) == [2]
        assert flatten_outside(chosen, layout, "test", clock=OpenClock()).flat


def test_whether_something_rests_at_a_broker_is_the_venue_s_to_say(tmp_path: Path) -> None:
    layout, clock, own = Layout(tmp_path), SystemClock(), SOURCE + '[trading]\nvenue = "own"\n'
    assert not is_at_broker(settings_of(tmp_path, SOURCE), layout, clock)
    assert is_at_broker(settings_of(tmp_path, SOURCE + '[sierra]\nhost = "h"\n'), layout, clock)
    user_file(tmp_path)
    chosen = settings_of(tmp_path, own)
    assert not is_at_broker(chosen, layout, clock)
    parts.load()
    user_file(tmp_path, RESIZE + "\n    owns_account = False")
    assert is_at_broker(chosen, layout, clock)
    assert is_at_broker(settings_of(tmp_path, own.replace('"own"', '"gone"')), layout, clock), "not known"


def test_the_example_fills_worse_and_writes_its_orders(tmp_path: Path) -> None:
    chosen = settings_of(tmp_path, EXAMPLE + '[trading]\nvenue = "worse_paper"\n[venue.worse_paper]\nworse_ticks = 3\n')
    venue = make_venue(chosen, Layout(tmp_path), {"NQZ25": NQ}, SimulatedClock())
    order = Order("E1", "NQZ25", 1, 1, Role.ENTRY)
    venue.submit(order, 1)
    (fill,) = venue.on_price(Price("NQZ25", 2, 80_000))
    assert fill.price_ticks == 80_000 + NQ.slippage_ticks + 3
    (row,) = csv.reader((tmp_path / "data/venues/worse_paper/orders.csv").read_text().splitlines())
    assert row[1:] == [order.order_id, "NQZ25", "1", "entry"]


def test_an_option_that_does_not_exist_is_refused_with_file_and_line(tmp_path: Path) -> None:
    chosen = settings_of(tmp_path, EXAMPLE + '[trading]\nvenue = "worse_paper"\n[venue.worse_paper]\nworse = 3\n')
    with pytest.raises(PartsError, match=r"venue_worse_paper.py:\d+: .*unknown field `worse`"):
        make_venue(chosen, Layout(tmp_path), {"NQZ25": NQ}, SimulatedClock())
