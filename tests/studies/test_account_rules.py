"""Rules of evaluation accounts from the settings."""

import re
from pathlib import Path

import pytest

from minhos.errors import SettingsError
from minhos.research.sizing_lab.prop_firm import RULE_SETS, AccountRules
from minhos.settings import Settings, load, parse
from minhos.studies.account_rules import account_rules


def test_without_rules_of_ones_own_there_are_the_lab_s():
    assert account_rules(Settings()) == RULE_SETS


def test_own_rules_take_their_place():
    own = {"evaluation": {"mine": {"account": 25_000, "trails": "intraday"}, "other": {"minimum_days": 3}}}
    assert account_rules(parse(own)) == (
        AccountRules("mine", 25_000.0, trails="intraday"),
        AccountRules("other", minimum_days=3),
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_drawdwon": 1}, "did you mean 'max_drawdown'"),
        ({"trails": "daily"}, r"\[evaluation.mine\]"),
        ({"max_drawdown": 0}, "max_drawdown is 0.0, and must lie above zero"),
        ({"account": float("inf")}, "account is inf"),
    ],
)
def test_rules_that_are_none_are_refused_in_words(values, said):
    with pytest.raises(SettingsError, match=said):
        account_rules(parse({"evaluation": {"mine": values}}))


def test_the_example_in_the_shipped_file_is_read_when_uncommented(tmp_path):
    shipped = (Path(__file__).parents[2] / "config" / "minhos.toml").read_text(encoding="utf-8")
    example = re.search(r"# \[evaluation.*?\n\n", shipped, re.DOTALL)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "minhos.toml").write_text(re.sub(r"(?m)^# ", "", example.group()), encoding="utf-8")
    assert account_rules(load(tmp_path)) == (
        AccountRules("my account", daily_loss_limit=1250.0, minimum_days=5, consistency_share=0.4),
    )
