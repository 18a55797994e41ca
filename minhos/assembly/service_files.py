"""What tells a system to start MinhOS with the machine, and again when it fails: a systemd unit, a task of Windows.

Only text; `minh.py install-service` writes it.  What MinhOS says to systemd while it runs is
`minhos.processes.service_manager`'s.

Sources: systemd.service(5), systemd.syntax(7) for the quoting; the Task Scheduler schema, version 1.2
(learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema).
"""

from __future__ import annotations

import ntpath
import subprocess
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import msgspec

MARK = "Written by `minh.py install-service`"
"""In every file of ours, so that nobody else's is written over."""
NAME = "minhos"
SILENT_S = 30
"""So long without a word of the supervisor, and systemd ends it and starts another, which takes over what lives."""
START = "1h"
"""A first start installs packages and looks through the data."""
STOP_S = 60
"""The supervisor waits twice 10 s for its children, the watchdog last."""
AGAIN_S = 5
MISTAKE = 2
"""Exit code of what only a person can mend: no start after it."""
TASK_SPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"


class Service(msgspec.Struct, frozen=True):
    """command: the program and its arguments.  folder: where it is started.  environment: beside the system's.
    user: whose it is, where the whole system starts it; empty where the user's own service manager does.
    """

    command: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    user: str = ""


def systemd_unit(service: Service) -> str:
    """The unit's text.  Whoever ends or fails, what trades goes on: systemd ends the supervisor alone."""
    system = bool(service.user)
    unit = [
        f"# {MARK}; write it again with that command instead of changing it here.",
        "[Unit]",
        "Description=MinhOS trades CME index futures",
        *(("Wants=network-online.target", "After=network-online.target time-sync.target") if system else ()),
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        *((f"User={service.user}",) if system else ()),
        f"WorkingDirectory={_path(service.folder)}",
        *(f"Environment={_word(f'{name}={value}')}" for name, value in service.environment.items()),
        f"ExecStart={_command(service.command)}",
        "# The supervisor alone is ended and started again: it ends the others in order when it is told to stop, and",
        "# takes over those that live when it was killed, so that no position is without its watchdog.",
        "KillMode=process",
        f"WatchdogSec={SILENT_S}",
        f"TimeoutStartSec={START}",
        f"TimeoutStopSec={STOP_S}",
        "Restart=on-failure",
        f"RestartSec={AGAIN_S}",
        f"RestartPreventExitStatus={MISTAKE}",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "",
        "[Install]",
        f"WantedBy={'multi-user.target' if system else 'default.target'}",
        "",
    ]
    return "\n".join(unit)


def _command(words: Sequence[str]) -> str:
    """The path of the program is expanded as little as a value: there $ is no variable."""
    program, *arguments = words
    return " ".join([_word(program), *(_word(word, command=True) for word in arguments)])


def _word(text: str, *, command: bool = False) -> str:
    """One word as systemd reads it: nothing in it is expanded.  command: of a command line, where $ is a variable."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{quoted.replace("$", "$$") if command else quoted}"'


def runs_in(text: str, folder: str) -> bool:
    """Whether that file of ours runs the home in that folder."""
    lines = (f"WorkingDirectory={_path(folder)}", f"<WorkingDirectory>{escape(folder)}</WorkingDirectory>")
    return any(line.strip() in lines for line in text.splitlines())


def _path(text: str) -> str:
    """The rest of a line is the path: it is not quoted."""
    return text.replace("%", "%%")


def windows_task(service: Service) -> bytes:
    """The task as a file for `schtasks /Create /XML`: begun with the user's session, again a minute after a failure."""
    task = ElementTree.Element("Task", version="1.2", xmlns=TASK_SPACE)
    _put(task, "RegistrationInfo", ("Author", "MinhOS"), ("Description", f"{MARK}: MinhOS trades CME index futures"))
    triggers = ElementTree.SubElement(task, "Triggers")
    _put(triggers, "LogonTrigger", ("Enabled", "true"))
    principals = ElementTree.SubElement(task, "Principals")
    _put(principals, "Principal", ("LogonType", "InteractiveToken"), ("RunLevel", "LeastPrivilege")).set("id", "Author")
    settings = _put(
        task,
        "Settings",
        ("MultipleInstancesPolicy", "IgnoreNew"),
        ("DisallowStartIfOnBatteries", "false"),
        ("StopIfGoingOnBatteries", "false"),
        ("StartWhenAvailable", "true"),
        ("RunOnlyIfNetworkAvailable", "false"),
        ("Enabled", "true"),
        ("Hidden", "false"),
        ("RunOnlyIfIdle", "false"),
        ("ExecutionTimeLimit", "PT0S"),
        ("Priority", "5"),
    )
    _put(settings, "RestartOnFailure", ("Interval", "PT1M"), ("Count", "999"))
    actions = ElementTree.SubElement(task, "Actions", Context="Author")
    program, arguments = _with_environment(service)
    _put(actions, "Exec", ("Command", program), ("Arguments", arguments), ("WorkingDirectory", service.folder))
    ElementTree.indent(task)
    text = ElementTree.tostring(task, encoding="unicode")
    return b"\xff\xfe" + f'<?xml version="1.0" encoding="UTF-16"?>\n{text}\n'.encode("utf-16-le")


def _with_environment(service: Service) -> tuple[str, str]:
    """A task has no environment of its own: cmd sets it.  Returns the program and its arguments as one text."""
    command = " ".join(f'"{word}"' for word in service.command)  # within quotes & ends no command; names have no quotes
    if not service.environment:
        return service.command[0], subprocess.list2cmdline(service.command[1:])
    sets = " && ".join(f'set "{name}={value}"' for name, value in service.environment.items())
    return ntpath.join("%SystemRoot%", "System32", "cmd.exe"), f'/d /c "{sets} && {command}"'


def _put(parent: ElementTree.Element, name: str, *children: tuple[str, str]) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name)
    for tag, text in children:
        ElementTree.SubElement(element, tag).text = text
    return element


def commands_for(name: str, *, system: bool) -> Sequence[str]:
    """What a person types to put the unit of that name in force, and to see what it does."""
    own = "" if system else " --user"
    root = "sudo " if system else ""
    return (
        f"{root}systemctl{own} daemon-reload",
        f"{root}systemctl{own} enable --now {name}",
        *(() if system else ("loginctl enable-linger",)),
        f"systemctl{own} status {name}",
    )
