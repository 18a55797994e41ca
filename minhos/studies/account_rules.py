"""Rules of evaluation accounts: the user's own in `minhos.toml`, else those that the sizing lab brings."""

from __future__ import annotations

from minhos import ranges
from minhos.research.sizing_lab.prop_firm import RULE_SETS, AccountRules
from minhos.settings import Settings, to_struct


def account_rules(chosen: Settings) -> tuple[AccountRules, ...]:
    """The rule sets to check.  Raises SettingsError for an unknown key or a number that is none."""
    return tuple(_of(name, values) for name, values in chosen.evaluation.items()) or RULE_SETS


def _of(name: str, values: dict[str, object]) -> AccountRules:
    section, usual = f"[evaluation.{name}]", AccountRules("")
    rules = to_struct(AccountRules, {**values, "name": name}, section)
    ranges.check(values, ranges.ACCOUNT_RULES, lambda key: f"{section} {key}", lambda key: getattr(usual, key, None))
    return rules
