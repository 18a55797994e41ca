"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(r"`((?:minhos|scripts|examples|tests|docs|config|requirements)/[\w./*{},-]*)`")


def alternatives(name: str) -> list[str]:
    """`a/{b,c}.py` as `a/b.py` and `a/c.py`."""
    braces = re.search(r"\{([^}]*)\}", name)
    if braces is None:
        return [name]
    return [name.replace(braces[0], each.strip()) for each in braces[1].split(",")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    if document.name == "CHANGELOG.md" or "decisions" in document.parts:
        return  # they say what was
    named = {each for name in NAMED.findall(document.read_text(encoding="utf-8")) for each in alternatives(name)}
    assert [name for name in sorted(named) if not any(ROOT.glob(name.rstrip("/")))] == []


def test_every_example_is_in_the_document_that_explains_parts() -> None:
    """As it is run: the site puts the file in place of such a line."""
    text = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    examples = [path.name for path in (ROOT / "examples").glob("*.py")]
    assert [name for name in examples if f'\n--8<-- "examples/{name}"\n' not in text] == []
