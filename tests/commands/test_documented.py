"""Every command that a document, a help text or a sentence of ours names is understood as it stands there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from minhos.cli import GROUPS, ROOT, TABLES, command_of
from minhos.commands.mistakes import OF_THE_LAUNCHER
from minhos.commands.study.bench import NAMES as BENCHES

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
SOURCES = sorted([*(CHECKOUT / "minhos").rglob("*.py"), *(CHECKOUT / "scripts").glob("*.py"), CHECKOUT / "minh.py"])
TYPED = re.compile(
    r"^\s*(?:python3? minh\.py |python3? scripts/|python3? test_\w+\.py|\S*python3? -m )\S.*$", re.MULTILINE
)
SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
IN_STRINGS = re.compile(r"`((?:python3? )?minh\.py [^`{}\"]+)`")
STANDS_FOR = {
    "N": "1",
    "NAME": "world",
    "FILE": "bars.csv",
    "ID": "some-bundle",
    "SECTION.KEY": "web.port",
    "VALUE": "1",
    "COMMAND": "status",
}


def in_document(path: Path) -> list[str]:
    """Lines of code, and spans of code that begin with a command of ours."""
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL))
    spans = [" ".join(span.split()) for span in SPAN.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))]
    return [line.strip() for line in TYPED.findall(blocks)] + [span for span in spans if is_command(span)]


def is_command(span: str) -> bool:
    first, *rest = span.split()
    if TYPED.match(span) or span.startswith("minh.py "):
        return True
    if first in GROUPS:
        return bool(rest) and rest[0] in TABLES[first]
    return first in ROOT and all(word.startswith("-") or word in STANDS_FOR or "." in word for word in rest[:1])


def examples() -> list[str]:
    """What the help of each command names as an example."""
    helps = [command_of(name, entry).help for table in TABLES.values() for name, entry in table.items()]
    found = [re.search(r"Example: (minh\.py .*)", text) for text in helps]
    assert all(found), [text for text, one in zip(helps, found, strict=True) if one is None]
    return [one[1].rstrip().removesuffix(".") for one in found if one]


def said() -> list[str]:
    """Commands in the sentences that are shown to people; those with a value filled in are left out."""
    return sorted({one for path in SOURCES for one in IN_STRINGS.findall(path.read_text(encoding="utf-8"))})


CASES = [(path.name, line) for path in DOCUMENTS for line in in_document(path)]
CASES += [("help", line) for line in examples()] + [("said", line) for line in said()]


def refusal(line: str) -> str:
    """Why it would not be understood; empty where it would."""
    words = [STANDS_FOR.get(word, word) for word in shlex.split(line, comments=True)]
    if words[1:2] == ["-m"]:
        module = words[2]
        return "" if importlib.util.find_spec(module.replace("mkdocs", "json")) else f"there is no module {module}"
    if words[0].startswith("python") and words[1] != "minh.py":
        return "" if (CHECKOUT / words[1]).exists() else f"there is no {words[1]}"
    while words[0] in ("python", "python3", "minh.py"):
        words = words[1:]
    if words[0] in OF_THE_LAUNCHER or words[0] == "--help":
        return ""
    group, name, arguments = (words[0], words[1], words[2:]) if words[0] in GROUPS else ("", words[0], words[1:])
    if name not in TABLES[group]:
        return f"there is no command {group} {name}"
    if name == "bench" and arguments and arguments[0] not in BENCHES:
        return f"there is no bench {arguments[0]}"
    try:
        command_of(name, TABLES[group][name]).make_context(f"minh.py {name}", arguments)
    except Exception as error:  # whatever the library finds: what matters is that it finds nothing
        return "" if is_needed(error, arguments) else f"{type(error).__name__}: {error}"
    return ""


def is_needed(error: Exception, arguments: list[str]) -> bool:
    """A command that is only named, as in "`restore` puts it back", need not be whole."""
    return not arguments and type(error).__name__ == "MissingParameter"


@pytest.mark.parametrize(("where", "line"), CASES, ids=[f"{where}: {line}"[:80] for where, line in CASES])
def test_it_is_understood_as_it_stands(where: str, line: str) -> None:
    assert refusal(line) == ""


def test_they_are_found_at_all() -> None:
    where = [name for name, _ in CASES]
    assert {"README.md", "operate.md", "start.md", "sierra-chart.md", "CONTRIBUTING.md"} <= set(where)
    assert where.count("operate.md") > 20
    assert where.count("said") > 20


def test_every_bench_that_is_written_can_be_typed() -> None:
    folder = CHECKOUT / "minhos" / "bench"
    written = {
        path.relative_to(folder).parts[0].removesuffix(".py")
        for path in folder.rglob("*.py")
        if re.search(r"^def run\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert written == set(BENCHES)


@pytest.mark.parametrize(
    "line",
    ["minh.py bench wrold", "minh.py paus", "python3 minh.py pause --reason x", "python3 minh.py train --days x"],
)
def test_one_that_would_not_be_understood_is_found(line: str) -> None:
    assert refusal(line)
