"""The bench of mutants: what is changed, that the changed code really runs, and which tests are asked."""

from __future__ import annotations

import ast
import sys
import types

import pytest

from minhos.bench import mutants
from minhos.bench.mutants import ROOT, Mutant, changed, mutants_of

KELLY = ROOT / "minhos/sizing/kelly.py"


def test_a_change_is_made_in_the_function_that_it_was_found_in(monkeypatch):
    """p - (1 - p) / b becomes p + (1 - p) / b, at 0.6 and 1: 0.2 becomes 1.0."""
    lines = KELLY.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines, 1) if "p_win - (1.0 - p_win) / payoff_ratio" in line)
    found = [m for m in mutants_of(KELLY) if m.line == at and m.change == "Sub becomes Add"]
    assert all(mutant.inside for mutant in found)
    module = types.ModuleType("changed")
    monkeypatch.setitem(sys.modules, "changed", module)
    exec(changed(found[0]), module.__dict__)
    assert module.kelly_fraction(0.6, 1.0) == pytest.approx(1.0)


def test_what_decides_nothing_is_not_changed():
    source = """
class Value(Struct, frozen=True, gc=False):
    number: Literal[1] = 2
def function(x=3) -> Literal[4]:
    return f"{5}", zip(x, x, strict=True), x + 6
"""
    found = [(change.line, change.words, change.inside) for change in mutants._all_changes(ast.parse(source))]
    assert sorted(found) == [
        (2, "True becomes False", False),
        (3, "2 becomes 3", False),
        (4, "3 becomes 4", False),
        (5, "6 becomes 7", True),
        (5, "Add becomes Sub", True),
        (5, "None returned", True),
    ]


def test_the_tests_of_a_line_inside_a_statement_are_those_of_the_statement():
    covering = {
        ("minhos/a/b.py", 3): ["tests/a/1"],
        ("minhos/a/b.py", 9): ["tests/z/2", "tests/a/1"],
        mutants.EVERY_TEST: ["tests/a/1", "tests/a/3", "tests/y/4", "tests/z/2"],
    }

    def asked(path: str, line: int, inside: bool) -> list[str]:
        return mutants.tests_of(Mutant(path, line, "", 0, inside), covering)

    assert asked("minhos/a/b.py", 5, True) == ["tests/a/1"]
    assert asked("minhos/a/b.py", 9, True) == ["tests/z/2", "tests/a/1"]
    assert asked("minhos/a/b.py", 2, True) == []
    assert asked("minhos/a/b.py", 1, False) == ["tests/a/1", "tests/a/3", "tests/z/2", "tests/y/4"]


def test_a_loaded_function_is_given_the_changed_code(monkeypatch):
    module = types.ModuleType("loaded")
    monkeypatch.setitem(sys.modules, "loaded", module)
    exec(compile(KELLY.read_text(encoding="utf-8"), str(KELLY), "exec"), module.__dict__)
    code = module.shrink_factor.__code__
    functions = {(code.co_qualname, code.co_firstlineno): [module.shrink_factor]}
    before = module.shrink_factor(0.6, 1.0, 0.1)
    others = [m for m in mutants_of(KELLY) if m.change == "None returned" and m.line < code.co_firstlineno]
    assert others
    assert not any(mutants._given(functions, m) for m in others)
    assert any(mutants._given(functions, m) for m in mutants_of(KELLY) if m.change == "None returned")  # stops at it
    assert (before, module.shrink_factor(0.6, 1.0, 0.1)) == (pytest.approx(0.5), None)
