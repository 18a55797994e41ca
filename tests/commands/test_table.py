"""The table of commands: every line is its command's own, and who only reads imports nothing heavy."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pytest

from minhos.cli import TABLES, command_of

HEAVY = {"catboost", "fastapi", "lightgbm", "nicegui", "numba", "onnxruntime", "pandas", "polars", "scipy", "sklearn"}
HEAVY |= {"structlog", "talib", "torch", "xgboost", "minhos.feeds", "minhos.training", "minhos.venues"}
ENTRIES = [(group, name, entry) for group, table in TABLES.items() for name, entry in table.items()]


@pytest.mark.parametrize(
    ("group", "name", "entry"), ENTRIES, ids=[f"{group} {name}".strip() for group, name, _ in ENTRIES]
)
def test_the_line_in_the_list_is_the_first_paragraph_of_the_help(group, name, entry):
    command = command_of(name, entry)
    assert inspect.cleandoc(command.help).split("\n\n")[0] == entry.line
    assert command.name == name


@pytest.mark.parametrize("words", [("status", "--json"), ("models", "list", "--json"), ("--help",)])
def test_a_command_that_only_reads_imports_nothing_heavy(words, tmp_path):
    script = f"""
import sys
from minhos.cli import main
sys.argv = ["minh.py", *{words!r}]
try:
    main()
finally:
    print("imported:", *sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)
"""
    environment = {**os.environ, "MINHOS_HOME": str(tmp_path), "COLUMNS": "100"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "imported:"
