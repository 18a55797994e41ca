"""Faults that were mended: each edit still fits the package, and makes a Python file."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from minhos.bench.put_back import ROOT, PutBack, kept

KINDS = {1, 2, 3, 4, 7, 8, 11}


@pytest.mark.parametrize("fault", kept(), ids=lambda fault: fault.name)
def test_it_fits(fault: PutBack, tmp_path: Path) -> None:
    for edit in fault.edit:
        target = tmp_path / edit.file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / edit.file, target)
    fault.into(tmp_path)
    for edit in fault.edit:
        if edit.file.endswith(".py"):
            ast.parse((tmp_path / edit.file).read_text(encoding="utf-8"))


def test_what_no_world_can_have_has_a_test_of_its_own() -> None:
    for fault in kept():
        if fault.test:
            file, name = fault.test.split("::")
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), fault.name


def test_there_is_one_of_every_kind() -> None:
    assert {fault.kind for fault in kept()} == KINDS
