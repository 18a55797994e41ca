"""Rules of evaluation accounts: the user's own in `minhos.toml`, else those that the sizing lab brings."""

from __future__ import annotations

from minhos.research.sizing_lab.prop_firm import RULE_SETS, AccountRules
from minhos.settings import Settings, to_struct


def account_rules(chosen: Settings) -> tuple[AccountRules, ...]:
    """The rule sets to check.  Raises SettingsError for an unknown key or a number that is none."""
    own = (
        to_struct(AccountRules, {**values, "name": name}, f"[evaluation.{name}]")
        for name, values in chosen.evaluation.items()
    )
    return tuple(own) or RULE_SETS
