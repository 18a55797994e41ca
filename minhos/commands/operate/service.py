"""install-service: MinhOS begins with the machine and is started again when it fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from typing import Annotated, Literal

import typer

from minhos.assembly import service_files
from minhos.assembly.files import LOCAL
from minhos.assembly.service_files import MARK, Service, systemd_unit, windows_task
from minhos.commands.common import (
    JsonOption,
    StampsOption,
    SymbolOption,
    TimezoneOption,
    layout,
    print_json,
    settings,
)
from minhos.commands.terminal import console, say
from minhos.errors import MinhosError
from minhos.settings import ROOT

Kind = Literal["systemd", "windows"]
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")
VERIFY_S = 20.0
SYSTEM_UNITS = Path("/etc/systemd/system")


def install_service(
    data: Annotated[Path | None, typer.Option("--data", help="As for `start`: your own bars.")] = None,
    symbol: SymbolOption = "",
    timezone: TimezoneOption = "",
    stamps: StampsOption = "",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the dashboard.")] = None,
    name: Annotated[str, typer.Option(help="Of the service; another home needs another one.")] = service_files.NAME,
    kind: Annotated[Kind | None, typer.Option(help="By default what this system has.", show_default=False)] = None,
    system: Annotated[bool, typer.Option("--system", help="Begin with the machine, not with your session.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the file here instead.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Write what makes systemd or Windows run `start`; nothing is started.  Example: minh.py install-service.

    A systemd unit, or a task of the Task Scheduler, that gives `start` the switches you name here; the lines that put
    it in force are printed.
    """
    kind = kind or _of_this_system()
    if not NAMES.fullmatch(name):
        raise MinhosError(f"--name {name!r}: a service's name has letters, digits, - and _ only, as minhos-paper.")
    if kind == "windows" and system:
        raise MinhosError("--system is for systemd; in Windows a task begins with your session.")
    if data is not None and not data.expanduser().exists():
        raise MinhosError(f"There is no file or folder {data}; name what `start --data` shall read.")
    settings()  # what cannot be read now could not be at the next start either
    path = out or _place(kind, name, system=system)
    service = _service(_switches(data, symbol, timezone, stamps, port), _owner(layout().home) if system else "")
    _refuse_foreign(path, service)
    complaint = ""
    if kind == "windows":
        _write(path, windows_task(service))
        then: Sequence[str] = (f'schtasks /Create /TN "{name}" /XML "{path}" /F', f'schtasks /Run /TN "{name}"')
    else:
        _write(path, systemd_unit(service).encode())
        complaint = _complaint(path)
        then = service_files.commands_for(name, system=system)
    if as_json:
        print_json({"file": str(path), "kind": kind, "then": list(then), "complaint": complaint})
        return
    say(f"Written: {path}")
    if complaint:
        say(f"systemd-analyze verify says: {complaint}")
    say("Nothing runs yet; these put it in force:")
    for line in then:
        console.print(f"  {line}", highlight=False, soft_wrap=True)


def _of_this_system() -> Kind:
    if sys.platform == "win32":
        return "windows"
    if sys.platform.startswith("linux"):
        return "systemd"
    raise MinhosError(
        f"MinhOS writes no service file for {sys.platform}: `--kind systemd` or `--kind windows` with `--out` writes "
        "one for another machine."
    )


def _place(kind: Kind, name: str, *, system: bool) -> Path:
    if kind == "windows":
        return layout().data / f"{name}-task.xml"
    if system:
        return SYSTEM_UNITS / f"{name}.service"
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user" / f"{name}.service"


def _owner(home: Path) -> str:
    """Whose the home is: MinhOS needs no other rights than theirs."""
    try:
        return home.owner()
    except (KeyError, NotImplementedError, OSError) as error:
        raise MinhosError(f"whose {home} is cannot be told ({error}); leave --system out.") from error


def _switches(data: Path | None, symbol: str, timezone: str, stamps: str, port: int | None) -> list[str]:
    given = {
        "--data": str(data.expanduser().resolve()) if data else "",
        "--symbol": symbol,
        "--timezone": timezone,
        "--stamps": stamps,
        "--port": str(port or ""),
    }
    return [word for switch, value in given.items() if value for word in (switch, value)]


def _service(switches: list[str], owner: str) -> Service:
    """Through the launcher, which brings the packages to the pins of an update first."""
    home = layout().home.resolve()
    launcher = ROOT / "minh.py"
    begin = (str(launcher),) if launcher.exists() else ("-m", "minhos.cli")
    environment = {"MINHOS_HOME": str(home)} if home != ROOT.resolve() or not launcher.exists() else {}
    return Service((sys.executable, *begin, "start", *switches), str(home), environment, owner)


def _refuse_foreign(path: Path, service: Service) -> None:
    """Raises MinhosError where the file is not ours, or runs another home."""
    if path.is_dir():
        raise MinhosError(f"{path} is a folder; name the file to write.")
    content = LOCAL.read(path)
    if content is None:
        return
    text = content.decode("utf-16" if content.startswith(b"\xff\xfe") else "utf-8", errors="replace")
    if MARK not in text:
        raise MinhosError(f"{path} was not written by this command; choose another --name, or move it away.")
    if not service_files.runs_in(text, service.folder):
        raise MinhosError(f"{path} runs MinhOS in another folder than {service.folder}; choose another --name.")


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        LOCAL.replace(path, content, durable=True)
    except PermissionError as error:
        raise MinhosError(
            f"{path} may not be written by you; type the same after `sudo {sys.executable}`, or write it elsewhere "
            "with --out and copy it there."
        ) from error


def _complaint(path: Path) -> str:
    """What systemd itself says against the unit; empty where it says nothing or is not here."""
    program = which("systemd-analyze")
    if program is None or path.suffix != ".service":
        return ""
    try:
        done = subprocess.run(
            [program, "verify", str(path)], capture_output=True, text=True, timeout=VERIFY_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " ".join(line for line in done.stderr.splitlines() if path.name in line)
