"""packages: what is installed here, under which licence, whether it is what is locked, and what is known against it.

Licences are what the packages say of themselves.  Known vulnerabilities are asked of the package index by pip-audit,
which `setup --test` installs; a package that it could not ask about is "not known", never "none".
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from minhos.commands.common import JsonOption, print_json
from minhos.commands.terminal import console, working
from minhos.errors import MinhosError
from minhos.settings import ROOT

LONGEST_LICENCE = 40
SELF = {"pip", "minhos"}


class Package(msgspec.Struct, frozen=True):
    """One installed package."""

    name: str
    version: str
    licence: str
    """As the package states it: an SPDX expression where it has one."""
    locked: str
    """The version in requirements/*.txt; empty where it is in none of them."""
    vulnerabilities: tuple[str, ...] | None = None
    """Ids that are known against this version; None where nobody could be asked."""


class _Audited(msgspec.Struct):
    name: str
    vulns: list[_Vulnerability] | None = None


class _Vulnerability(msgspec.Struct):
    id: str


class _Audit(msgspec.Struct):
    dependencies: list[_Audited]


def packages(
    vulnerabilities: Annotated[
        bool, typer.Option("--vulnerabilities", help="Ask the package index what is known against them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Licences, locks and known vulnerabilities of what is installed.  Example: minh.py packages --vulnerabilities."""
    found = installed(locks(ROOT / "requirements"))
    if vulnerabilities:
        with working("Asking the package index", as_json):
            known = audited()
        found = [msgspec.structs.replace(each, vulnerabilities=known.get(_plain(each.name))) for each in found]
    unlocked = [each for each in found if each.locked != each.version and _plain(each.name) not in SELF]
    affected = [each for each in found if each.vulnerabilities]
    unknown = sum(each.vulnerabilities is None for each in found)
    sentence = f"{len(found)} packages; {len(unlocked)} are not what is locked. " + (
        f"{len(affected)} have known vulnerabilities, for {unknown} nobody could be asked."
        if vulnerabilities
        else "--vulnerabilities asks the package index what is known against them."
    )
    if as_json:
        print_json({"sentence": sentence, "packages": found})
    else:
        _show(found, vulnerabilities)
        console.print(sentence, highlight=False)
    if unlocked or affected:
        raise typer.Exit(1)


def _show(found: list[Package], asked: bool) -> None:
    table = Table("package", "version", "locked", "licence", *(["known against it"] if asked else []))
    for each in found:
        locked = "yes" if each.locked == each.version else each.locked or "no"
        against = "not known" if each.vulnerabilities is None else ", ".join(each.vulnerabilities) or "none"
        table.add_row(each.name, each.version, locked, each.licence, *([against] if asked else []))
    console.print(table)


def locks(folder: Path) -> dict[str, str]:
    """Locked versions by plain name.  Raises MinhosError where the locks are not there."""
    found: dict[str, str] = {}
    try:
        for path in sorted(folder.glob("*.txt")):
            found |= {
                _plain(name): version
                for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", path.read_text(encoding="utf-8"))
                if _plain(name) not in found or _applies(name, version)
            }
    except OSError as error:
        raise MinhosError(
            f"{error.filename} cannot be read ({error.strerror}); it comes with MinhOS's sources."
        ) from error
    if not found:
        raise MinhosError(f"{folder} has no locks: run this from a checkout of MinhOS.")
    return found


def _applies(name: str, version: str) -> bool:
    """Of two locked versions for different Pythons: the one that is here."""
    try:
        return importlib.metadata.version(name).split("+")[0] == version
    except importlib.metadata.PackageNotFoundError:
        return False


def installed(locked: dict[str, str]) -> list[Package]:
    """What is in this environment, by name."""
    found = {}
    for each in importlib.metadata.distributions():
        name, version = each.metadata["Name"], each.version.split("+")[0]
        if name:
            found[_plain(name)] = Package(name, version, licence_of(each.metadata), locked.get(_plain(name), ""))
    return [found[name] for name in sorted(found)]


def licence_of(metadata: importlib.metadata.PackageMetadata) -> str:
    """The SPDX expression, else the classifiers, else the first line of the free text."""
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    classified = [
        line.split(" :: ")[-1] for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    if classified:
        return ", ".join(classified)
    text = metadata["License"].strip().splitlines() if "License" in metadata else []
    return text[0][:LONGEST_LICENCE] if text else "not stated"


def audited() -> dict[str, tuple[str, ...] | None]:
    """Known vulnerabilities by plain name, None where the index did not answer for a package."""
    if importlib.util.find_spec("pip_audit") is None:
        raise MinhosError("pip-audit is not installed: python3 minh.py setup --test brings it.")
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        audit = msgspec.json.decode(answer.stdout, type=_Audit)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MinhosError(f"The package index could not be asked ({last}); check the network and try again.") from error
    return {
        _plain(each.name): None if each.vulns is None else tuple(v.id for v in each.vulns)
        for each in audit.dependencies
    }


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
