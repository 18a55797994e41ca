"""`from minhos.testing import ...` gives the builders, and nothing is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import minhos.testing
from minhos.testing import builders

LIGHT = """
import sys
import minhos.testing
import minhos.testing.broker.process
heavy = ("pytest", "hypothesis", "onnxruntime", "polars", "scipy", "minhos.testing.builders", "minhos.research")
print([name for name in heavy if name in sys.modules])
from minhos.testing import ns
print("minhos.testing.builders" in sys.modules, "minhos.testing.markets" in sys.modules, "pytest" in sys.modules)
"""


def test_the_broker_double_starts_without_the_rest_and_nothing_brings_a_test_library() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True False False"]


def test_every_name_is_there_and_an_unknown_one_is_an_attribute_error() -> None:
    for name in minhos.testing.__all__:
        assert getattr(minhos.testing, name) is not None
    assert minhos.testing.bar is builders.bar
    with pytest.raises(AttributeError, match="has no attribute 'nothing_of_the_kind'"):
        _ = minhos.testing.nothing_of_the_kind
