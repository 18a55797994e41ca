"""A limit of the user's own: it binds, only ever lowers, and is named by journal and replay."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from trading_desk import Desk, folded, settings_with

from minhos import parts
from minhos.errors import PartsError
from minhos.market.types import BAR_INTERVAL_NS
from minhos.research.replay import replay
from minhos.risk.limits.caps import no_adds
from minhos.risk.limits.standard import all_limits
from minhos.risk.manager import RiskManager
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Action, Cap
from minhos.testing.builders import risk_context
from minhos.trading import events as ev
from minhos.trading.types import Outcome

EXAMPLE = Path(__file__).parents[2] / "examples" / "limit_no_fridays.py"
BARS_A_DAY = 24 * 3_600 * 10**9 // BAR_INTERVAL_NS
FRIDAY = 4 * BARS_A_DAY


@pytest.fixture(autouse=True)
def _nothing_stays_loaded():
    yield
    parts.load_source(parts.Source())


@pytest.fixture
def example() -> dict[str, str]:
    parts.load(EXAMPLE)
    return parts.identities(parts.limits)


def load(body: str) -> dict[str, str]:
    """A user's file with a limit called mine, whose cap is this."""
    text = (
        "import math\nfrom minhos import parts\nfrom minhos.risk.types import Action, Cap\n"
        f"@parts.limits('mine', version='2')\nclass Mine:\n    def cap(self, context):\n        {body}\n"
    )
    parts.load_source(parts.Source("mine.py", text))
    return parts.identities(parts.limits)


def judged(own: dict[str, str], target: int = 3, options=None):
    limits = all_limits(RiskParameters(), mode="paper", events=(), own=own, options=options or {})
    return RiskManager(RiskParameters(), limits).judge(risk_context(target))


def test_the_example_binds_on_a_friday_and_on_no_other_day(example):
    desk = Desk(settings_with(parts=example))
    assert desk.flat_bar(p=0.75).outcome is Outcome.TRADE
    desk.flat_bar(p=0.5)
    desk = Desk(settings_with(parts=example))
    desk.next_bar = FRIDAY
    decision = desk.flat_bar(p=0.75)
    assert (decision.outcome, decision.orders) == (Outcome.BLOCKED, ())
    assert (decision.verdict.bound, decision.verdict.reason) == ("no_fridays", "it is Friday")


def test_it_is_named_in_the_settings_event_and_a_replay_without_it_refuses(example):
    desk = Desk(settings_with(parts=example))
    desk.next_bar = FRIDAY
    desk.flat_bar(p=0.75)
    (activated,) = desk.events(ev.SettingsActivated)
    assert list(activated.settings.parts) == ["limit no_fridays"]
    assert activated.settings.parts["limit no_fridays"].startswith("1+")
    assert replay(desk.journal, features=desk.features).verdict == "identical"
    parts.load_source(parts.Source())
    folded(desk)  # who only folds needs no limit
    found = replay(desk.journal, features=desk.features)
    assert (found.verdict, found.decisions, found.rules) == ("incomplete", 1, ())
    assert "1 of 1 decisions, from 2025-10-10" in found.sentence
    assert "The limit no_fridays (1+" in found.sentence
    assert "does not have it: name the file that registers it, as it was then, in [user] file" in found.sentence


def test_decisions_of_one_that_was_edited_are_named_and_the_others_are_judged():
    """Each edit is an activation of its own in the journal; what was recorded of those that are gone leads on."""
    desk = Desk(settings_with())
    desk.flat_bar(p=0.75)
    for body in ("return Cap('mine', 1, 'one')", "return Cap('mine', 2, 'two')", "return None"):
        desk.engine.activate_settings(settings_with(parts=load(body)))
        desk.flat_bar(p=0.75)
        desk.flat_bar(p=0.5)
    found = replay(desk.journal, features=desk.features)
    assert (found.verdict, found.decisions, found.differing) == ("incomplete", 7, 0)
    assert [each.decisions for each in found.unjudged] == [2, 2]
    assert sum(each.decisions for each in found.rules) == 3
    assert found.unjudged[0].first < found.unjudged[0].last < found.unjudged[1].first
    assert found.sentence.count("cannot be judged. The limit mine (2+") == 2
    assert found.sentence.endswith("The 3 others come out identical, bit for bit.")


@pytest.mark.parametrize(
    ("body", "target", "says"),
    [
        ("return Cap('other name', 1, 'one is enough')", 1, "one is enough"),
        ("return Cap('mine', 2.9, 'two and a bit')", 2, "two and a bit"),
        ("return Cap('mine', None, 'keep', Action.NO_ADDS)", 0, "keep"),
        ("return Cap('mine', None, 'out', Action.FLATTEN)", 0, "out"),
        ("return Cap('mine', math.nan, 'no number')", 0, "allowed nan contracts"),
        ("return Cap('mine', -1, 'below zero')", 0, "allowed -1 contracts"),
        ("return Cap('mine', 'two', 'a word')", 0, "allowed 'two' contracts"),
        ("return Cap('mine', True, 'yes')", 0, "allowed True contracts"),
        ("return Cap('mine', 1, 'odd action', 'dance')", 0, "raised ValueError"),
        ("return 2", 0, "answered 2, which is no Cap"),
        ("return 1 / 0", 0, "raised ZeroDivisionError: division by zero; mend it at mine.py:7"),
        ("return context.no_such_thing", 0, "raised AttributeError"),
        ("raise SystemExit(3)", 0, "raised SystemExit: 3; mend it at mine.py:7"),
    ],
)
def test_it_lowers_and_where_it_fails_it_allows_nothing(body, target, says):
    verdict = judged(load(body))
    assert (verdict.target, verdict.bound) == (target, "mine")
    assert says in verdict.reason
    assert verdict.action is not Action.FLATTEN or "FLATTEN" in body


@pytest.mark.parametrize("answer", ["7", "math.inf", "3"])
@pytest.mark.parametrize("target", [3, -3])
def test_it_never_raises_the_size(answer, target):
    verdict = judged(load(f"return Cap('mine', {answer}, 'more')"), target)
    assert (verdict.target, verdict.bound) == (target, "")
    (cap,) = [cap for cap in verdict.caps if cap.limit == "mine"]
    assert cap.contracts in (None, 3)
    assert cap.contracts == 3 or "a limit only lowers" in cap.reason


def test_a_failing_one_is_no_emergency_and_what_is_held_is_closed_with_the_reason():
    own = load("return 1 / 0 if context.position else None")
    desk = Desk(settings_with(parts=own))
    desk.flat_bar(p=0.75)
    decision = desk.flat_bar(p=0.75)
    assert desk.position > 0
    assert (decision.target, decision.verdict.bound) == (0, "mine")
    desk.flat_bar(p=0.75)
    assert desk.position == 0
    assert desk.state.risk.emergency is None
    alarms = [event.text for event in desk.events(ev.Alarm)]
    assert alarms == ["The limit mine raised ZeroDivisionError: division by zero; mend it at mine.py:7."], "once"


def test_one_that_cannot_be_made_allows_nothing():
    text = (
        "from minhos import parts\n@parts.limits('mine')\nclass Mine:\n"
        "    def __init__(self, options):\n        self.most = options['most']\n"
        "    def cap(self, context):\n        from minhos.risk.types import Cap\n"
        "        return Cap('mine', self.most, 'as set')\n"
    )
    parts.load_source(parts.Source("mine.py", text))
    own = parts.identities(parts.limits)
    assert "could not be made (KeyError: 'most')" in judged(own).reason
    verdict = judged(own, options={"mine": {"most": 2}})
    assert (verdict.target, verdict.reason) == (2, "as set")


def test_our_limits_stand_first_and_their_names_are_not_taken():
    names = [
        limit.name for limit in all_limits(RiskParameters(), mode="paper", events=(), own=load("pass"), options={})
    ]
    assert names[-1] == "mine"
    assert len(names) == len(set(names))
    text = "from minhos import parts\n@parts.limits('margin')\nclass Mine:\n    def cap(self, context): ...\n"
    parts.load_source(parts.Source("mine.py", text))
    with pytest.raises(PartsError, match="A limit of MinhOS is called 'margin'"):
        judged(parts.identities(parts.limits))


def test_settings_that_name_a_limit_which_is_not_here_take_no_new_risk_and_keep_what_is_held():
    desk = Desk(cash_cents=12_500_000)
    desk.flat_bar(p=0.66)
    desk.flat_bar(p=0.66)
    held, stops = desk.position, desk.stops
    desk.engine.activate_settings(settings_with(settings_id="b", parts={"limit gone": "1+abc", "feature x": "1+d"}))
    assert desk.state.settings.parts == {"feature x": "1+d"}
    assert [event.text for event in desk.events(ev.Alarm)] == [f"No new risk: {desk.state.settings.parts_refusal}"]
    decision = desk.flat_bar(p=0.9)
    assert (decision.target, decision.verdict.bound) == (held, "parts")
    assert "The limit gone (1+abc)" in decision.verdict.reason
    assert (desk.position, desk.stops) == (held, stops)


def test_a_refused_part_allows_what_shrinks_alone():
    refused = risk_context(3, parts_refusal="your file does not load")
    assert no_adds("parts", refused, "your file does not load") in RiskManager(RiskParameters()).judge(refused).caps
    desk = Desk(settings_with(parts_refusal="my_parts.py:3: NameError"))
    decision = desk.flat_bar(p=0.75)
    assert (decision.orders, decision.verdict.bound) == ((), "parts")
    assert "my_parts.py:3" in decision.reason


def test_caps_of_the_users_limits_survive_the_journal():
    desk = Desk(settings_with(parts=load("return Cap('mine', 1.0, 'one')")))
    decision = desk.flat_bar(p=0.75)
    assert desk.decisions[-1].verdict == decision.verdict
    assert [type(cap.contracts) for cap in decision.verdict.caps] == [int]


def loaded(text: str) -> dict[str, str]:
    parts.load_source(parts.Source("mine.py", text))
    return parts.identities(parts.limits)


def test_options_go_only_to_a_parameter_of_that_name():
    text = (
        "from minhos import parts\nfrom minhos.risk.types import Cap\n@parts.limits('mine')\nclass Mine:\n"
        "    def __init__(self, most=2{more}):\n        self.most = {value}\n"
        "    def cap(self, context):\n        return Cap('mine', self.most, 'as set')\n"
    )
    own = loaded(text.format(more="", value="most"))
    assert judged(own, options={"mine": {"most": 1}}).target == 2
    own = loaded(text.format(more=", options=None", value="options['most']"))
    assert judged(own, options={"mine": {"most": 1}}).target == 1


def test_a_failure_names_the_line_that_raised():
    text = (
        "from minhos import parts\n\ndef helper():\n    return 1 / 0\n\n@parts.limits('mine')\nclass Mine:\n"
        "    def {method}:\n        helper()\n"
    )
    assert judged(loaded(text.format(method="cap(self, context)"))).reason.endswith("; mend it at mine.py:4")
    assert judged(loaded(text.format(method="__init__(self)"))).reason.endswith("; mend it at mine.py:4")
    wrong = loaded(text.format(method="cap(self, wrong, arguments)"))
    assert judged(wrong).reason.endswith(f"; mend it at {parts.limits.part('mine').where}")


def test_a_reason_that_only_reads_like_a_failure_raises_no_alarm():
    own = load("return Cap('mine', 1, 'the limit mine raised its voice', failed=True)")
    desk = Desk(settings_with(parts=own))
    decision = desk.flat_bar(p=0.75)
    assert decision.verdict.reason == "the limit mine raised its voice"
    assert not any(cap.failed for cap in decision.verdict.caps)
    assert desk.events(ev.Alarm) == []


def test_a_cap_of_an_older_journal_is_read():
    old = b'{"limit": "size", "contracts": 1, "reason": "as set", "action": "none", "until_ns": 0}'
    assert msgspec.json.decode(old, type=Cap) == Cap("size", 1, "as set")
