"""Typed settings: `config/minhos.toml`, `config/kelly_risk_parameters.json`, `config/events.csv`.

Read only by services and commands; rooms take the small frozen structs made here.  A misspelt key says which
was meant, contradicting switches are refused, and a value out of range names itself.
"""

from minhos.settings.contradictions import RULES_OF_EVALUATION
from minhos.settings.files import AS_STARTED, OVERRIDES, ROOT, home, load, read_toml, switches, text_of, texts_of
from minhos.settings.keys import in_force, known, path_of
from minhos.settings.parse import parse, range_of
from minhos.settings.sections import LARGEST_SEED, Section, SierraSettings, WatchdogSettings
from minhos.settings.structs import to_struct
from minhos.settings.whole import Settings

__all__ = [
    "AS_STARTED",
    "LARGEST_SEED",
    "OVERRIDES",
    "ROOT",
    "RULES_OF_EVALUATION",
    "Section",
    "Settings",
    "SierraSettings",
    "WatchdogSettings",
    "home",
    "in_force",
    "known",
    "load",
    "parse",
    "path_of",
    "range_of",
    "read_toml",
    "switches",
    "text_of",
    "texts_of",
    "to_struct",
]
