"""What cannot be meant is refused where it is read: every number has its range and reason, and what is accepted trades
or does not, but never raises."""

from __future__ import annotations

import json
import math
import os
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minhos import ranges
from minhos.accounting.types import Account
from minhos.assembly import archive, heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.in_use import settings_in_use
from minhos.assembly.layout import Layout
from minhos.assembly.parts import refuse_options_of_nobody
from minhos.assembly.trading import trading_settings
from minhos.errors import PartsError, SettingsError
from minhos.market.clock import SystemClock
from minhos.market.instruments import OVERRIDABLE
from minhos.processes.supervisor import Supervisor, copy_settings
from minhos.research.sizing_lab.prop_firm import AccountRules
from minhos.risk.parameters import RiskParameters
from minhos.settings import AS_STARTED, OVERRIDES, Section, Settings, load, parse, range_of
from minhos.sizing.recommend import recommend
from minhos.sizing.types import SizingParameters
from minhos.testing.builders import NQ, account, forecast, market_state, payoff


def refused(tmp_path: Path, toml: str = "", kelly: object = None) -> str:
    """The sentence with which the files are refused."""
    config = tmp_path / "config"
    config.mkdir(exist_ok=True)
    (config / "minhos.toml").write_text(toml, encoding="utf-8")
    if kelly is not None:
        (config / "kelly_risk_parameters.json").write_text(json.dumps(kelly), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    return str(caught.value)


# Every number has a range -------------------------------------------------------------------------------------------


def is_number(annotation: object) -> bool:
    kinds = set(typing.get_args(annotation)) or {annotation}
    return bool(kinds & {int, float}) and not kinds - {int, float, type(None)}


def numbers_of_sections() -> Iterator[tuple[str, type[Section], str]]:
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from ((name, kind, key) for key, each in kind.model_fields.items() if is_number(each.annotation))


def numbers_of(kind: type[msgspec.Struct], under: str = "") -> Iterator[str]:
    """Paths of all numbers of a struct, those in tables and lists of it included."""
    for key, annotation in typing.get_type_hints(kind).items():
        arguments = typing.get_args(annotation)
        if is_number(annotation) or (arguments and arguments[0] is float and Ellipsis in arguments):
            yield f"{under}{key}"
        elif isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            yield from numbers_of(annotation, f"{under}{key}.")
        elif arguments == (str, float):
            yield from (f"{under}{key}.{each}" for each in msgspec.to_builtins(kind())[key])


SECTIONS = list(numbers_of_sections())
TABLES = [("sizing", path, ranges.SIZING) for path in (*numbers_of(SizingParameters), "trading_capital")]
TABLES += [("risk", path, ranges.RISK) for path in numbers_of(RiskParameters)]


def test_the_walk_finds_the_settings():
    assert len(SECTIONS) > 20
    assert ("sizing", "kelly_multiplier", ranges.SIZING) in TABLES
    assert {"levels.drawdown", "stale_after_s.live", "risk_multipliers.HIGH", "ladder_steps"} <= {
        p for _, p, _ in TABLES
    }


@pytest.mark.parametrize(("section", "kind", "key"), SECTIONS, ids=[f"{s}.{k}" for s, _, k in SECTIONS])
def test_every_number_of_a_section_is_held_to_its_range(section, kind, key):
    allowed = range_of(kind, key)
    assert allowed is not None
    assert math.isfinite(allowed.low)
    assert math.isfinite(allowed.high)
    for end in (allowed.low, allowed.high):
        assert getattr(getattr(parse({section: {key: end}}), section), key) == end
    beyond = max(1, abs(allowed.high))
    for value in (allowed.low - 1, allowed.high + beyond, math.nan, math.inf, -math.inf):
        with pytest.raises(SettingsError) as caught:
            parse({section: {key: value}})
        sentence = str(caught.value)
        assert sentence.startswith(f"{section}.{key} = {value}")
        assert allowed.why in sentence or not math.isfinite(value)


@pytest.mark.parametrize("section", ["paper", "trading"])
def test_an_account_names_a_journal_and_no_path(section):
    for name in ("../../etc", "a/b", "a\\b", "C:x", "", ".", "..", ".hidden", "a\0", "a b", "a\n", "ä", "a" * 32):
        with pytest.raises(SettingsError) as caught:
            parse({section: {"account": name}})
        assert str(caught.value).startswith(f"{section}.account = {name!r}: it names the file")
    for name in ("paper", "own", "Sim1", "a.b-c_1", "a" * 31):
        found = getattr(parse({section: {"account": name}}), section).account
        assert archive.kind_of(f"data/journal/paper-{found}.sqlite") is archive.JOURNAL


LISTS = {"ladder_steps", *(f"levels.{name}" for name in ("drawdown", "volatility_ratio", "spread_ticks"))}
LISTS |= {"levels.volume_ratio", "levels.data_quality"}


def nested(path: str, value: object) -> dict[str, object]:
    head, dot, rest = path.partition(".")
    return {head: nested(rest, value) if dot else value}


@pytest.mark.parametrize(("section", "path", "table"), TABLES, ids=[f"{s}.{p}" for s, p, _ in TABLES])
def test_every_number_of_sizing_and_risk_is_held_to_its_range(section, path, table):
    allowed = table[path]
    assert math.isfinite(allowed.low)
    assert math.isfinite(allowed.high)
    for value in (allowed.low - max(0.01, allowed.low), allowed.high * 2 + 1, math.nan, math.inf, -math.inf):
        given = [value] if path in LISTS else value
        with pytest.raises(SettingsError) as caught:
            parse({section: nested(path, given)}).risk_parameters()
        assert path in str(caught.value)
        assert str(value) in str(caught.value)


def test_tables_name_nothing_that_is_no_setting():
    known = {(section, path) for section, path, _ in TABLES}
    assert {("sizing", path) for path in ranges.SIZING} | {("risk", path) for path in ranges.RISK} == known
    assert set(ranges.INSTRUMENT) == set(OVERRIDABLE)
    assert set(ranges.ACCOUNT_RULES) == set(numbers_of(AccountRules))


def test_every_default_lies_in_its_range(tmp_path):
    load(tmp_path)
    for kind, table in ((SizingParameters, ranges.SIZING), (RiskParameters, ranges.RISK)):
        ranges.check(msgspec.to_builtins(kind()), table, str)


# What was accepted and could not be meant ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[sizing]\nkelly_multiplier = 10\n", "[sizing] kelly_multiplier = 10: must lie between 0.01 and 1, because"),
        ("[sizing]\nkelly_multiplier = nan\n", "[sizing] kelly_multiplier = nan: must lie between"),
        ("[sizing]\nstop_atr = 0\n", "[sizing] stop_atr = 0: must lie between 0.1 and 20"),
        ("[sizing]\nwealth_floor = 1.5\n", "set it to 0.95."),
        ("[sizing]\nmax_kelly_fraction = 0.5\n", "must lie between 0.001 and 0.25"),
        ("[sizing]\nfixed_fraction = 0.2\n", "more than max_capital_risk = 0.1, which would cut it"),
        ("[sizing]\nmax_position_size = 6\n", "the smaller counts, and the 6 would be cut without a word"),
        (
            "[autonomous]\nmax_position_size = 6\n",
            "[sizing] max_position_size = 5 and [autonomous] max_position_size = 6",
        ),
        ("[risk]\nmax_position_size = 9\n", "sizing stops at max_position_size = 5 before"),
        ("[risk]\nmax_capital_risk = 0.2\n", "sizing stops at max_capital_risk = 0.1 before"),
        ('[market]\norder_root = "ES"\n', "say nothing of another index; name MNQ or NQ"),
        ('[market]\norder_root = "NQQ"\n', "[market] order_root"),
        ('[market]\nsymbol = "NQZ1999"\n', "a contract of 1999, and sessions are known from 2008 to 2032"),
        ('[market]\nsymbol = "NQZ98"\n', "a contract of 2098"),
        ('[market]\nsymbol = "ZZZ"\n', '[market] symbol = "ZZZ"'),
        (
            "[market.instruments.NQ]\nslippage_ticks = 90\n",
            "[market.instruments.NQ] slippage_ticks = 90: must lie between 0",
        ),
        ("[market.instruments.NQX]\nslippage_ticks = 1\n", "did you mean NQ?"),
        ("[market.instruments.NQ]\nslippage_ticks = 0\ncommission_cents = 0\n", "a round trip that costs nothing"),
        ("[watchdog]\nalarm_after_s = 60\nact_after_s = 10\n", "act_after_s = 10 lies before alarm_after_s = 60"),
        ("[watchdog]\nact_after_s = 0.5\n", "the trader is heard every second"),
        ("[autonomous]\nlstm_enabled = false\nensemble_enabled = false\n", "no model is left that could vote"),
        ("[sierra]\ntarget_atr = 10\n[sizing]\nstop_atr = 12\n", "target_atr = 10 lies nearer than the stop"),
        (
            "[risk.risk_multipliers]\nLOW=0.1\nMEDIUM=0.8\nHIGH=0.5\nCRITICAL=0.2\nEMERGENCY=0\n",
            "a worse level may not",
        ),
        ('[data]\ntimezone = "Europe/Berln"\n', "did you mean Europe/Berlin?"),
        ('[simulation]\nstart = "yesterday"\n', '[simulation] start = "yesterday"'),
        ('[simulation]\nstart = "2025-10-06T09:30:00"\n', "with its offset"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(tmp_path, toml, words):
    assert words in refused(tmp_path, toml)


def test_the_kelly_file_is_named_where_it_is_wrong(tmp_path):
    assert refused(tmp_path, kelly={"kelly_multiplier": 10}).startswith(
        "kelly_risk_parameters.json: kelly_multiplier = 10:"
    )
    assert "did you mean 'kelly_multiplier'" in refused(tmp_path, kelly={"kelly_multiplyer": 0.5})
    assert "kelly_risk_parameters.json: max_position_size = 9" in refused(tmp_path, kelly={"max_position_size": 9})
    levels = {"LOW": 1.0, "MEDIUM": 0.8, "HIGH": 0.5, "CRITICAL": 0.25, "EMERGENCY": 7.0}
    named = refused(tmp_path, kelly={"risk_multipliers": levels})
    assert named.startswith("kelly_risk_parameters.json: risk_multipliers.EMERGENCY = 7")


def test_a_larger_size_is_taken_where_both_say_so(tmp_path):
    chosen = parse({"sizing": {"max_position_size": 8}, "autonomous": {"max_position_size": 8}})
    assert chosen.sizing_parameters().max_position_size == 8
    assert parse({"autonomous": {"max_position_size": 2}}).sizing_parameters().max_position_size == 2


# What is accepted never raises --------------------------------------------------------------------------------------


def drawn(path: str, allowed: ranges.Range) -> st.SearchStrategy[float]:
    whole = isinstance(getattr(SizingParameters(), path, 0.0), int) or path.endswith("cents")
    if whole:
        return st.integers(math.ceil(allowed.low), math.floor(allowed.high))
    return st.floats(allowed.low, allowed.high)


SIZES = st.fixed_dictionaries({}, optional={path: drawn(path, allowed) for path, allowed in ranges.SIZING.items()})
NUMBERS = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(1.0, 100.0))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    SIZES, st.floats(0, 1), st.floats(0, 1), NUMBERS, NUMBERS, st.integers(0, 200), st.booleans(), st.integers(-9, 9)
)
def test_whatever_is_accepted_no_recommendation_raises(sizes, p_up, p_low, atr, equity, slip, kelly_on, held):
    sizes = {**sizes, "kelly_enabled": kelly_on}
    try:
        chosen = trading_settings(parse({"sizing": sizes}), NQ, "NQZ25")
    except SettingsError:
        return
    state = msgspec.structs.replace(market_state(), atr_ticks=atr)
    purse: Account = msgspec.structs.replace(account(contracts=held), equity_cents=equity)
    instrument = msgspec.structs.replace(NQ, stop_slippage_ticks=slip)
    said = msgspec.structs.replace(forecast(), p_up=p_up, p_low=p_low)
    found = recommend(said, payoff(), state, purse, instrument, chosen.sizing)
    assert abs(found.target) <= max(abs(held), chosen.sizing.max_position_size)
    assert found.reason


def test_options_that_belong_to_no_part_are_refused_with_the_nearest_name():
    refuse_options_of_nobody(parse({"feed": {"folder": {}}, "venue": {"paper": {}}}))
    for kind, near in (("feed", "foldr"), ("venue", "sierr"), ("limit", "no_fridays"), ("alert", "phone")):
        with pytest.raises(PartsError) as caught:
            refuse_options_of_nobody(parse({kind: {near: {}}}))
        assert f"[{kind}.{near}] in minhos.toml: no " in str(caught.value)
    with pytest.raises(PartsError, match=r"did you mean \[feed\.folder\]"):
        refuse_options_of_nobody(parse({"feed": {"foldr": {}}}))


# A change is taken up by all processes, or by none ------------------------------------------------------------------


def test_a_child_that_is_started_again_goes_by_the_settings_of_the_start(tmp_path, monkeypatch):
    """Half saved, changed or gone meanwhile: all processes of one start go by the same files."""
    layout, file = Layout(tmp_path).make(), tmp_path / "config" / "minhos.toml"
    file.parent.mkdir()
    file.write_text("[web]\nport = 8111\n", encoding="utf-8")
    copy_settings(layout)
    monkeypatch.setenv(AS_STARTED, str(layout.settings_copy))
    for later in ("[web]\nport = 8222\n", "[web]\npo"):
        file.write_text(later, encoding="utf-8")
        assert load(tmp_path).web.port == 8111
    layout.settings_copy.write_text("{", encoding="utf-8")
    file.write_text("[web]\nport = 8222\n", encoding="utf-8")
    assert load(tmp_path).web.port == 8222, "without a whole copy the files themselves count"


def test_every_child_of_the_supervisor_is_told_of_the_copy(tmp_path):
    supervisor = Supervisor(Layout(tmp_path))
    supervisor.open()
    told = {one._environment[AS_STARTED] for one in supervisor.tended}
    assert told == {str(Layout(tmp_path).settings_copy)}
    assert Layout(tmp_path).settings_copy.exists()


def test_commands_beside_what_runs_go_by_what_it_was_started_with(tmp_path):
    file = tmp_path / "config" / "minhos.toml"
    file.parent.mkdir()
    file.write_text("[web]\nport = 8111\n", encoding="utf-8")
    layout = Layout(tmp_path).make()
    copy_settings(layout)
    file.write_text("[web]\nport = 8222\n", encoding="utf-8")
    assert settings_in_use(layout) == (load(tmp_path), ""), "nothing runs"
    heartbeats.write(layout, TraderBeat(state="running"), SystemClock())
    chosen, said = settings_in_use(layout)
    assert (chosen.web.port, "other settings than its files have now" in said) == (8111, True)
    file.write_text("[web]\npo", encoding="utf-8")
    chosen, said = settings_in_use(layout)
    assert (chosen.web.port, "not valid TOML" in said) == (8111, True)


def test_a_home_whose_processes_were_killed_is_known_though_its_file_is_half_saved(tmp_path, monkeypatch):
    """`flatten` must find the broker; `start`, which has switches, must refuse."""
    file = tmp_path / "config" / "minhos.toml"
    file.parent.mkdir()
    file.write_text("[web]\nport = 8111\n", encoding="utf-8")
    layout = Layout(tmp_path).make()
    copy_settings(layout)
    heartbeats.write(layout, TraderBeat(state="running"), SystemClock())
    beat = heartbeats.path_of(layout, TraderBeat)
    beat.write_text(beat.read_text().replace(f'"pid":{os.getpid()}', '"pid":4194311'), encoding="utf-8")
    file.write_text("[web]\npo", encoding="utf-8")
    chosen, said = settings_in_use(layout)
    assert (chosen.web.port, "not valid TOML" in said) == (8111, True)
    monkeypatch.setenv(OVERRIDES, "{}")
    with pytest.raises(SettingsError, match="not valid TOML"):
        settings_in_use(layout)
