"""Arming: every condition failing alone, what the journals and the broker show, and today's worst case."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from broker_house import Broker

from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of
from minhos.assembly.refusals import refuse
from minhos.errors import CommandRefused
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.journal.inbox import Request
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock, SystemClock
from minhos.research.compare import Row
from minhos.research.sessions import SessionCheck
from minhos.risk.evidence import Evidence
from minhos.risk.parameters import RiskParameters
from minhos.safety import arming, broker_facts
from minhos.safety.arming import Records
from minhos.safety.broker_facts import BrokerFacts, ask_broker, ask_venue
from minhos.safety.clock_skew import clock_skew
from minhos.settings import Settings, SierraSettings, load
from minhos.testing.builders import MONDAY_OPEN, account, bundle_contents, trading_events
from minhos.trading import events as ev
from minhos.trading.venue import Standing

LIVE = (
    '[market]\nsymbol = "NQ"\norder_root = "{root}"\n[data]\nsource = "{data}"\n[sierra]\nhost = "127.0.0.1"\n'
    'account = "{account}"\nmode = "{mode}"\n'
)
SECOND = 1_000_000_000
CLOCK = SimulatedClock(MONDAY_OPEN)
PROVEN = Evidence("MNQ", "recipe-test", bets=900, log_maximum=math.log(25))
TRYING = msgspec.structs.replace(PROVEN, log_maximum=0.0)
CLEAN = tuple(SessionCheck(20250900 + day, 100, 100, 1, (), 0) for day in range(10))
FACTS = BrokerFacts(("F1234", "Sim1"), 5_000_000, 100_000, 0.3)
RECORDS = Records(CLEAN, PROVEN, None, "recipe-test")


def house(folder: Path, *, root: str = "MNQ", account: str = "F1234", mode: str = "live") -> tuple[Settings, Layout]:
    """Settings for that account, and the heartbeat of a trader that runs with them."""
    layout = Layout(folder).make()
    (folder / "config").mkdir(exist_ok=True)
    text = LIVE.format(root=root, account=account, mode=mode, data=folder)
    (folder / "config" / "minhos.toml").write_text(text, encoding="utf-8")
    beating(layout, mode=mode, account=account)
    return load(folder), layout


def beating(layout: Layout, age_s: int = 1, **changes: object) -> None:
    beat = {"time_ns": MONDAY_OPEN - age_s * SECOND, "state": "running", "mode": "live", "account": "F1234"}
    write_json(layout.run / "trader.json", beat | changes)


def facts(**changes: object) -> BrokerFacts:
    return msgspec.structs.replace(FACTS, **changes)


def records(**changes: object) -> Records:
    return msgspec.structs.replace(RECORDS, **changes)


def asked(place, told: BrokerFacts = FACTS, known: Records = RECORDS, words: str = ""):
    """(names of what is missing, all sentences)."""
    found = arming.conditions(*place, told, known, CLOCK, words)
    assert len(found) == 6
    return [c.name for c in arming.missing(found)], " ".join(f"{c.value}: {c.sentence}" for c in found)


def test_everything_met_arms(tmp_path):
    assert asked(house(tmp_path))[0] == []


UNCLEAN = SessionCheck(20250905, 100, 100, 1, ("the broker holds 2",), 0)
CHANGED = SessionCheck(20250905, 100, 100, 1, (), 3)
FEW = {"sessions": CLEAN[:9]}
CASES = [
    ({"problem": "No DTC server"}, {}, "account and mode", "could not be asked: No DTC server"),
    ({"accounts": ("Sim1",)}, {}, "account and mode", "The server lists Sim1"),
    ({"accounts": ()}, {}, "account and mode", "The server lists none"),
    ({}, FEW, "sessions on a simulated account", "9 of 10"),
    ({}, {"sessions": ()}, "sessions on a simulated account", "0 of 10"),
    ({}, {"sessions": (*CLEAN, UNCLEAN)}, "sessions on a simulated account", "after 20250905: the broker holds 2"),
    ({}, {"sessions": (*CLEAN, CHANGED)}, "sessions on a simulated account", "3 decisions did not come out again"),
    ({"clock_skew_s": 1.0}, {}, "clock", "+1.00 s"),
    ({"clock_skew_s": -1.4}, {}, "clock", "NTP"),
    ({"clock_skew_s": None}, {}, "clock", "check-sierra"),
    ({"clock_skew_s": 0.6, "clock_skew_error_s": 0.5}, {}, "clock", "+0.60 s ± 0.50: Whether that is under 1 s"),
    ({}, {"evidence": TRYING}, "evidence", "unproven after 900 bets"),
    ({}, {"evidence": None}, "evidence", "--accept-unproven"),
    ({}, {"evidence": msgspec.structs.replace(PROVEN, stage=1)}, "evidence", "retrain"),
    ({}, {"recipe": ""}, "evidence", "train one"),
]


@pytest.mark.parametrize(("told", "known", "name", "words"), CASES)
def test_each_condition_alone_keeps_live_trading_unarmed(tmp_path, told, known, name, words):
    missing, sentences = asked(house(tmp_path), facts(**told), records(**known))
    assert missing == [name]
    assert words in sentences


@pytest.mark.parametrize(
    ("beat", "words"),
    [
        ({"age_s": 60}, "not running"),
        ({"state": "stopped"}, "not running"),
        ({"mode": "paper"}, "other settings"),
        ({"account": "F9"}, "other settings"),
    ],
)
def test_the_trader_must_run_with_these_settings(tmp_path, beat, words):
    place = house(tmp_path)
    beating(place[1], **beat)
    missing, sentences = asked(place)
    assert missing == ["trader"]
    assert words in sentences
    (place[1].run / "trader.json").write_bytes(b"{")
    assert asked(place)[0] == ["trader"]


def test_a_simulated_account_is_never_live(tmp_path):
    missing, sentences = asked(house(tmp_path, account="Sim1"))
    assert "account and mode" in missing
    assert "simulated account" in sentences


def test_the_brokers_own_limit_is_missed_and_bars_nothing(tmp_path):
    missing, sentences = asked(house(tmp_path), facts(loss_limit_cents=0))
    assert missing == []
    assert "Ask the broker for one" in sentences


def test_words_in_place_of_proof_are_for_a_micro_and_not_for_an_edge_that_is_gone(tmp_path):
    unproven = records(evidence=TRYING)
    assert asked(house(tmp_path), known=unproven, words="my own test")[0] == []
    gone = records(evidence=msgspec.structs.replace(PROVEN, stage=1))
    assert asked(house(tmp_path), known=gone, words="my own test")[0] == ["evidence"]
    missing, sentences = asked(house(tmp_path, root="NQ"), known=unproven, words="my own test")
    assert missing == ["evidence"]
    assert "NQ is none" in sentences


def test_backtests_that_differ_are_told_and_do_not_count_against(tmp_path):
    rows = (Row("t", "fill", "a", "b", "another price"),) * 2
    noted = tuple(msgspec.structs.replace(check, rows=rows) for check in CLEAN)
    missing, sentences = asked(house(tmp_path), known=records(sessions=noted))
    assert missing == []
    assert "differ in 20 places" in sentences


def test_what_check_sierra_measured_stands_in_for_heartbeats_without_a_time(tmp_path):
    place = house(tmp_path)
    for stored, missing in ((0.4, []), (2.0, ["clock"]), (None, ["clock"])):
        write_json(place[1].reports / "sierra.json", {"clock_skew_s": stored})
        assert asked(place, facts(clock_skew_s=None))[0] == missing
        assert asked(place, facts(clock_skew_s=0.7, clock_skew_error_s=0.5))[0] == missing


# A venue of the user's own -------------------------------------------------------------------------------------------

OWN = '[market]\nsymbol = "NQ"\norder_root = "MNQ"\n[data]\nsource = "{data}"\n[trading]\nvenue = "mine"\n'


def own_house(folder: Path, mode: str = "live") -> tuple[Settings, Layout]:
    layout = Layout(folder).make()
    (folder / "config").mkdir(exist_ok=True)
    text = OWN.format(data=folder) + f'account = "U77"\nmode = "{mode}"\n'
    (folder / "config" / "minhos.toml").write_text(text, encoding="utf-8")
    beating(layout, mode=mode, account="U77")
    return load(folder), layout


def venue_facts(place: tuple[Settings, Layout], monkeypatch: pytest.MonkeyPatch, problem: str = "") -> BrokerFacts:
    monkeypatch.setattr(broker_facts, "what_stands", lambda *_: Standing({}, problem=problem))
    return ask_venue(*place, CLOCK)


def test_a_venue_of_the_users_own_is_armed_by_the_same_conditions(tmp_path, monkeypatch):
    place = own_house(tmp_path)
    told = venue_facts(place, monkeypatch)
    arming.refuse_unless_live(place[0], "arm")
    missing, sentences = asked(place, told)
    assert missing == []
    assert "U77: The venue mine answers for this account" in sentences
    assert "keep this clock by NTP" in sentences
    silent = venue_facts(place, monkeypatch, "no route to it")
    assert asked(place, silent)[0] == ["account and mode"]
    assert "could not be asked: no route to it" in asked(place, silent)[1]
    few, said = asked(place, told, records(sessions=CLEAN[:9]))
    assert few == ["sessions on a simulated account"]
    assert 'Trade account U77 with [trading] mode = "paper" for more sessions.' in said
    assert asked(place, told, records(evidence=TRYING))[0] == ["evidence"]


def test_a_venue_of_the_users_own_on_paper_has_nothing_to_arm(tmp_path):
    place = own_house(tmp_path, "paper")
    with pytest.raises(CommandRefused, match=r"\[trading\] account"):
        arming.refuse_unless_live(place[0], "arm")


def test_its_sessions_are_those_of_its_own_account_on_paper(tmp_path):
    own, sierra = own_house(tmp_path / "own")[0], house(tmp_path / "sierra")[0]
    names = ("paper-U77", "paper-paper", "paper-Sim1", "paper-U7", "live-U77")
    assert [arming.is_rehearsal(own, Path(f"{name}.sqlite")) for name in names] == [True, False, False, False, False]
    assert [arming.is_rehearsal(sierra, Path(f"{name}.sqlite")) for name in names] == [False, False, True, False, False]


# What is known -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew_s", [-3.2, -0.4, 0.0, 0.7])
def test_the_skew_lies_within_its_bounds(skew_s):
    beats = []
    for i in range(100):
        server_s = 1_000.0 + 1.07 * i
        beats.append((round((server_s + skew_s + 0.001 * (i % 7)) * SECOND), math.floor(server_s)))
    found = clock_skew(beats)
    assert found.low_s <= skew_s <= found.high_s + 0.007
    assert found.error_s < 0.1
    assert clock_skew([*beats, (0, 0)]) == found


def test_a_few_heartbeats_tell_the_second_and_no_more():
    found = clock_skew([(round((1_000.9 + i) * SECOND), 1_000 + i) for i in range(3)])
    assert (found.middle_s, found.error_s) == (pytest.approx(0.4), pytest.approx(0.5))


def test_without_a_time_in_the_heartbeats_the_skew_is_unknown():
    assert clock_skew([]) is clock_skew([(5 * SECOND, 0)]) is None


def test_the_broker_is_asked_for_accounts_balance_and_clock():
    broker = Broker()
    broker.open()
    try:
        found = ask_broker(SierraSettings(host="127.0.0.1", port=broker.port, account="Sim1"), SystemClock(), 0.1)
    finally:
        broker.close()
    assert (found.accounts, found.balance_cents, found.problem) == (("Sim1", "Sim2"), 25_000_000, "")
    assert found.clock_skew_s is None
    gone = ask_broker(SierraSettings(host="127.0.0.1", port=broker.port, account="Sim1"), SystemClock(), 0.1)
    assert "No DTC server" in gone.problem


def test_the_worst_case_is_the_days_limit_of_the_equity_that_the_day_began_with():
    risk, today = RiskParameters(), account(9_700_000, day_pnl_cents=-300_000)
    assert arming.worst_case_today_cents(risk, today, 1, 20251006) == 10_000_000 * 5 // 100
    assert arming.worst_case_today_cents(risk, today, 5_000_000, 20251007) == 5_000_000 * 5 // 100
    assert arming.worst_case_today_cents(risk, None, 5_000_000, 20251006) == 5_000_000 * 5 // 100
    assert arming.worst_case_today_cents(risk, None, 0, 20251006) is None
    fixed = RiskParameters(daily_loss_limit_cents=100_000)
    assert arming.worst_case_today_cents(fixed, None, 5_000_000, 20251006) == 100_000


def test_the_journals_tell_sessions_evidence_and_the_recipe_in_use(tmp_path):
    settings, layout = house(tmp_path, root="NQ")
    contents = bundle_contents(feature_names=FEATURE_NAMES, feature_version=FEATURE_VERSION)
    registry = registry_of(settings, layout)
    registry.promote(registry.save(contents).id, "test", MONDAY_OPEN)
    for name in ("paper-Sim1", "paper-paper", "live-F1234"):
        mode, _, holder = name.partition("-")
        journal = Journal.open(layout.journal(mode, holder), {"mode": mode})
        for event in trading_events(12, mode=mode):
            journal.append(ev.kind_of(event), ev.encode(event), MONDAY_OPEN)
        journal.close()
    found = arming.read_records(settings, layout, SessionCalendar.load())
    assert [(check.trade_date, check.full) for check in found.sessions] == [(20251006, False)]
    assert found.recipe == "recipe-test"
    assert found.evidence.bets > 0
    assert found.account.trade_date == 20251006


def test_evidence_is_that_of_the_recipe_with_the_most_bets_and_degraded_before_all():
    other = msgspec.structs.replace(PROVEN, recipe="other", bets=5_000)
    simulated = msgspec.structs.replace(PROVEN, simulated=True, bets=5_000)
    gone = msgspec.structs.replace(PROVEN, bets=10, stage=1)
    assert arming.newest_evidence([TRYING, other, simulated], "recipe-test") == TRYING
    assert arming.newest_evidence([PROVEN, gone], "recipe-test") == gone
    assert arming.newest_evidence([other], "recipe-test") is None
    assert arming.newest_evidence([PROVEN], "") is None


def test_where_orders_are_no_real_money_there_is_nothing_to_arm(tmp_path):
    settings, _ = house(tmp_path, account="Sim1", mode="paper")
    with pytest.raises(CommandRefused, match="the mode is paper: there is nothing to arm"):
        arming.refuse_unless_live(settings, "arm")

    def asked(name: str, **fields: str) -> Request:
        return Request(name=name, who="anna", why="x", fields=dict(fields), expires_ns=0)

    with pytest.raises(CommandRefused, match="nothing to arm"):
        refuse(asked("arm"), "paper")
    with pytest.raises(CommandRefused, match="nothing to force"):
        refuse(asked("force"), "paper")
    for request, mode in ((asked("arm"), "live"), (asked("pause"), "paper"), (asked("force", side="long"), "paper")):
        refuse(request, mode)
