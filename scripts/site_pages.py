"""Pages of the documentation site that come from the code: every command's help, every setting with its default.

A hook of MkDocs (mkdocs.yml names it); nothing it makes is stored, so nothing can go stale.  CONTRIBUTING.md and
CHANGELOG.md of the checkout become pages as well.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
WIDTH = "100"
SIGNS = {"Ge": "≥", "Gt": ">", "Le": "≤", "Lt": "<"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every decision is a page; a new one need be named nowhere."""
    assert config.nav is not None
    decisions = [f"decisions/{path.name}" for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    config.nav.append({"Decisions": decisions})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    pages = {
        "reference/commands.md": commands(),
        "reference/settings.md": settings(),
        "contributing.md": page_of("CONTRIBUTING.md"),
        "changelog.md": page_of("CHANGELOG.md"),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def page_of(name: str) -> str:
    """A file of the checkout, its links into docs/ made relative."""
    return (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")


def commands() -> str:
    """One section a command with what `--help` prints."""
    os.environ.update(COLUMNS=WIDTH, TERMINAL_WIDTH=WIDTH, NO_COLOR="1", TERM="dumb")
    import typer

    from minhos.cli import app

    parts = ["# Commands", "", "`python3 minh.py COMMAND`; this page is what `--help` of each prints.", ""]
    for words, text in helps(typer.main.get_command(app), ()):
        parts += [f"## {' '.join(words)}", "", "```text", text.strip(), "```", ""]
    return "\n".join(parts)


def helps(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each command below this one with its help, groups before their commands."""
    import click
    from click.testing import CliRunner

    if words:
        yield words, CliRunner().invoke(command, ["--help"], prog_name=" ".join(("minh.py", *words))).output
    if hasattr(command, "list_commands"):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                if not below.hidden:
                    yield from helps(below, (*words, name))


def settings() -> str:
    """Each section of minhos.toml: key, type, default, meaning."""
    from minhos.settings import Settings

    parts = [
        "# Settings",
        "",
        "`config/minhos.toml` holds them, in sections; `python3 minh.py config set SECTION.KEY VALUE` changes one, "
        "`config show` prints what is in force. Kelly's own stand in `config/kelly_risk_parameters.json`.",
        "",
    ]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        fields = getattr(section, "model_fields", None)
        if fields is None:
            continue
        parts += [f"## [{name}]", "", (section.__doc__ or "").strip() if "__doc__" in vars(section) else "", ""]
        meanings = remarks().get(name, {}) | documented(section.__name__)
        parts += ["| key | type | default | meaning |", "|---|---|---|---|", *rows(section, meanings), ""]
    return "\n".join(parts)


def documented(section: str) -> dict[str, str]:
    """What stands under each field of a section's class."""
    tree = ast.parse((ROOT / "minhos" / "settings" / "sections.py").read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == section)
    found = {}
    for field, under in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(under, ast.Expr):
            found[field.target.id] = str(ast.literal_eval(under.value))
    return found


def remarks() -> dict[str, dict[str, str]]:
    """The remark behind each key of the shipped minhos.toml, by section."""
    found: dict[str, dict[str, str]] = {}
    section = ""
    for line in (ROOT / "config" / "minhos.toml").read_text(encoding="utf-8").splitlines():
        if head := re.match(r"(?:# )?\[([\w.]+)\]", line):
            section = head[1]
        elif remark := re.match(r"# (\w+) = .*?\s{2,}# (.*)", line):
            found.setdefault(section, {})[remark[1]] = remark[2]
    return found


def rows(section: type[BaseModel], meanings: dict[str, str]) -> Iterator[str]:
    """One row a key."""
    for key, field in section.model_fields.items():
        kind = str(getattr(field.annotation, "__name__", field.annotation)).replace("typing.", "").replace("|", "\\|")
        default = json.dumps(field.get_default(call_default_factory=True), default=str)
        limits = [str(bound) for bound in field.metadata]  # as "Ge(ge=0)"
        bounds = ", ".join(re.sub(r"(\w+)\(\w+=(.*)\)", lambda m: f"{SIGNS.get(m[1], m[1])} {m[2]}", x) for x in limits)
        meaning = " ".join(meanings.get(key, "").split()).replace("|", "\\|")
        yield f"| `{key}` | {kind}{f' ({bounds})' if bounds else ''} | `{default}` | {meaning} |"
