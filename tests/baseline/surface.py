"""What a user of MinhOS sees, collected through what a user uses: command lines, the web application, files of a home.

Nothing here imports a part of the product, so that moving its parts leaves this file as it is.  Everything that
differs from run to run or from machine to machine (paths, dates, process ids, ports, durations) is left out or
replaced by "#": values are recorded as their types, file names without their digits.
"""

from __future__ import annotations

import datetime as dt
import json
import lzma
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).resolve().parent / "v0.1.0"
SCREEN = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
DEMO = "simulated-paper-ou-58-7"
"""Name of the journal of a demo with the shipped settings."""
SHORT = "[simulation]\nhistory_days = 25\nseconds_per_bar = 0.05\n"
"""Settings of a demo that is trained within half a minute."""
PATIENCE_S = 240.0
SIDE_FILES = ("-wal", "-shm", "-journal")
CONFIG_FILES = ("minhos.toml", "kelly_risk_parameters.json", "events.csv")

COMMANDS = """
import contextlib, io, json, sys
from minhos.cli import main
answers = []
for words in json.load(sys.stdin):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["minh.py", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
    answers.append({"exit": code, "out": out.getvalue(), "err": err.getvalue()})
json.dump(answers, sys.stdout)
"""
"""Several command lines in one process: what `python -m minhos.cli` does, without a start of Python for each."""

PAGES = """
import json, sys
from fastapi.testclient import TestClient
from minhos.web.app import create_app
app = create_app()
client, schema = TestClient(app), app.openapi()
paths = sorted(path for path, methods in schema["paths"].items() if "get" in methods and "{" not in path)
answers = {}
for path in [*paths, "/", "/docs", "/login", "/metrics", "/api/no-such-thing"]:
    answer = client.get(path)
    kind = answer.headers.get("content-type", "").split(";")[0]
    answers[path] = {"status": answer.status_code, "kind": kind, "text": answer.text}
json.dump({"openapi": schema, "answers": answers}, sys.stdout)
"""
"""The web application over a home: its schema, and the answer of every GET that needs no argument."""


# A home, and processes in it -----------------------------------------------------------------------------------------


def environment(home: Path) -> dict[str, str]:
    """Of a process that works in that home with this code, its screen as wide everywhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MINHOS_")}
    return {**kept, **SCREEN, "MINHOS_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def new_home(folder: Path, toml: str = SHORT) -> Path:
    """A home with these settings and nothing else."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "minhos.toml").write_text(toml, encoding="utf-8")
    return folder


def recorded_home(folder: Path, recorded: Path = RECORDED) -> Path:
    """The home of a demo as 0.1.0 left it, with its bundle and its journal."""
    folder.mkdir(parents=True)
    with tarfile.open(recorded / "home.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    journal = folder / "data" / "journal" / f"{DEMO}.sqlite"
    journal.parent.mkdir(parents=True, exist_ok=True)
    unpack(recorded / "journals" / "demo.sqlite.xz", journal)
    return folder


def unpack(packed: Path, target: Path) -> Path:
    """An .xz file decompressed."""
    with lzma.open(packed) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out)
    return target


def ask(home: Path, program: str, question: Any = None, cwd: Path | None = None) -> Any:
    """What a Python program answers in JSON, given the question in JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(question),
        env=environment(home),
        cwd=cwd or home,
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"the program ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def run_commands(home: Path, command_lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Exit code, output and complaint of each, in order; relative files are those of the home."""
    lines = list(command_lines)
    return dict(zip(lines, ask(home, COMMANDS, [line.split() for line in lines]), strict=True))


class Demo:
    """`start` in a home, until `stop`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._said = (home / "start.txt").open("w", encoding="utf-8")
        words = [sys.executable, "-m", "minhos.cli", "start", "--port", str(free_port())]
        self._process = subprocess.Popen(words, env=environment(home), cwd=home, stdout=self._said, stderr=self._said)

    def wait_for(self, statement: str, *, at_least: int) -> int:
        """Until this SQL over the demo's journal gives so many."""
        journal, end, found = self.home / "data" / "journal" / f"{DEMO}.sqlite", time.monotonic() + PATIENCE_S, 0
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError((self.home / "start.txt").read_text(encoding="utf-8"))
            found = _count(journal, statement)
            if found >= at_least:
                return found
            time.sleep(0.1)
        raise TimeoutError(f"{statement}: {found} of {at_least} after {PATIENCE_S:.0f} s")

    def stop(self) -> dict[str, int]:
        """Exit codes of `stop` and of `start`."""
        stopped = run_commands(self.home, ["stop"])["stop"]["exit"]
        code = self._process.wait(60)
        self._said.close()
        (self.home / "start.txt").unlink()
        return {"stop": stopped, "start": code}

    def kill(self) -> None:
        """Whatever still runs; `stop` was not reached."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
        self._said.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _count(journal: Path, statement: str) -> int:
    try:
        connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=1.0)
    except sqlite3.Error:
        return 0
    try:
        return int(connection.execute(statement).fetchone()[0])
    except (sqlite3.Error, TypeError):
        return 0
    finally:
        connection.close()


# Made-up bars --------------------------------------------------------------------------------------------------------


def write_bars(path: Path, sessions: int, seed: int = 1) -> Path:
    """So many whole sessions of a random walk on five-minute bars, as a table with UTC stamps of the bars' opens."""
    walk, price, lines = random.Random(seed), 80_000, ["time,open,high,low,close,volume"]
    day = dt.date(2025, 9, 15)
    while sessions:
        if day.weekday() < 5:
            for opened in _opens(day):
                close = price + walk.choice((-1, 1)) * walk.randint(1, 24)
                low, high = min(price, close) - walk.randint(0, 8), max(price, close) + walk.randint(0, 8)
                volume = walk.randint(1_000, 3_000)
                quotes = ",".join(f"{ticks / 4:.2f}" for ticks in (price, high, low, close))
                lines.append(f"{opened:%Y-%m-%dT%H:%M:%S}Z,{quotes},{volume}")
                price = close
            sessions -= 1
        day += dt.timedelta(days=1)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _opens(day: dt.date) -> list[dt.datetime]:
    """Of the 276 bars of a trade date: 18:00 the evening before to 17:00 in New York."""
    evening = dt.datetime.combine(day - dt.timedelta(days=1), dt.time(18), ZoneInfo("America/New_York"))
    first = evening.astimezone(dt.UTC)
    return [first + dt.timedelta(minutes=5 * i) for i in range(276)]


# Shapes --------------------------------------------------------------------------------------------------------------

IDS = re.compile(r"[0-9a-f]{12,}|\d{8}T\d{6}Z|\d{4}-\d\d-\d\d(T[\d:]+Z?)?|\d{6,}")
"""Hashes, times and dates in a name."""


def without_ids(name: str) -> str:
    """The name with "#" for what is another in each run."""
    return IDS.sub("#", name)


def key_paths(value: Any) -> dict[str, str]:
    """Type by path, as {"rows[].text": "str"}; elements of a list are merged, and their types joined by "|"."""
    found: dict[str, set[str]] = {}
    _walk(value, "", found)
    return {path: "|".join(sorted(kinds)) for path, kinds in sorted(found.items())}


def _walk(value: Any, path: str, found: dict[str, set[str]]) -> None:
    if isinstance(value, dict):
        found.setdefault(path or ".", set()).add("object")
        for key, item in value.items():
            _walk(item, f"{path}.{without_ids(key)}" if path else without_ids(key), found)
    elif isinstance(value, list):
        found.setdefault(path or ".", set()).add("list")
        for item in value:
            _walk(item, f"{path}[]", found)
    else:
        found.setdefault(path or ".", set()).add("null" if value is None else type(value).__name__)


def shape_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Of a command with --json: its exit code and the shape of what it prints."""
    try:
        keys = key_paths(json.loads(answer["out"]))
    except json.JSONDecodeError:
        keys = {".": "text" if answer["out"].strip() else "nothing"}
    return {"exit": answer["exit"], "keys": keys}


def outline_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The same with the first keys alone."""
    shape = shape_of(answer)
    return {**shape, "keys": [path for path in shape["keys"] if "." not in path[1:] and "[" not in path]}


def shape_of_page(answer: dict[str, Any]) -> dict[str, Any]:
    """Of a GET: status, content type, and the keys, columns or names of metrics in it."""
    shape: dict[str, Any] = {"status": answer["status"], "kind": answer["kind"]}
    if answer["kind"].endswith("json"):
        shape["keys"] = key_paths(json.loads(answer["text"]))
    elif answer["kind"] == "text/csv":
        shape["columns"] = answer["text"].splitlines()[0].split(",")
    elif answer["kind"] == "text/plain":
        shape["names"] = sorted({line.split()[2] for line in answer["text"].splitlines() if line.startswith("# TYPE")})
    return shape


# What is recorded ----------------------------------------------------------------------------------------------------


def helps(home: Path) -> dict[str, str]:
    """`--help` of every command and sub-command, found by what the help of its parent names."""
    found: dict[str, str] = {}
    wanted = [""]
    while wanted:
        lines = [f"{name} --help".strip() for name in wanted]
        answers = run_commands(home, lines)
        texts = {name: answers[line]["out"] for name, line in zip(wanted, lines, strict=True)}
        found |= {
            name or "minh.py": "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"
            for name, text in texts.items()
        }
        wanted = [f"{name} {child}".strip() for name, text in texts.items() for child in sub_commands(text)]
    return found


def sub_commands(text: str) -> list[str]:
    """Names in the panel "Commands" of a help."""
    _, _, panel = text.partition("─ Commands ─")
    return re.findall(r"^│ ([a-z][a-z-]*) ", panel, re.MULTILINE)


def sentences(text: str) -> list[str]:
    """A help without its frame and its line breaks: one entry for each paragraph, option, argument or command."""
    entries: list[str] = []
    panel: list[str] = []
    paragraph = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("│"):
            panel.append(" " + line.strip("│").replace("*", " ", 1) if line[1:3].strip() == "*" else line.strip("│"))
            continue
        if panel:
            entries += _entries(panel)
            panel = []
        if line.startswith(("╭", "╰")):
            entries += [f"[{line.strip('╭─╮ ')}]"] if line.startswith("╭") else []
        elif line.strip():
            paragraph = f"{paragraph} {line.strip()}".strip()
            continue
        if paragraph:
            entries.append(" ".join(paragraph.split()))
            paragraph = ""
    return entries


def _entries(panel: list[str]) -> list[str]:
    """Rows of a table whose further lines are indented deeper."""
    margin = min(len(line) - len(line.lstrip()) for line in panel if line.strip())
    rows: list[str] = []
    for line in panel:
        if line.strip() and (not rows or len(line) - len(line.lstrip()) <= margin):
            rows.append(line)
        elif rows:
            rows[-1] += " " + line
    return [" ".join(row.split()) for row in rows]


def setting_kinds(home: Path) -> dict[str, dict[str, Any]]:
    """Type and default of every setting that `config show --json` tells of a home without settings."""
    told = json.loads(run_commands(home, ["config show --json"])["config show --json"]["out"])
    return dict(sorted(_leaves(told, "")))


def _leaves(value: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}" if path else key)]
    return [(path, {"type": "null" if value is None else type(value).__name__, "default": value})]


def config_files() -> dict[str, str]:
    """The text of the settings as they are shipped."""
    return {name: (ROOT / "config" / name).read_text(encoding="utf-8") for name in CONFIG_FILES}


def home_files(home: Path) -> dict[str, str]:
    """Kind of every file of a home by its name without ids; SQLite's own side files come and go and are left out."""
    files = (path for path in home.rglob("*") if path.is_file() and not path.name.endswith(SIDE_FILES))
    return dict(sorted((without_ids(path.relative_to(home).as_posix()), _kind(path)) for path in files))


def _kind(path: Path) -> str:
    """What is in a file: for JSON its first keys, for SQLite its tables with their columns."""
    content = path.read_bytes()
    if content.startswith(b"SQLite format 3"):
        return f"SQLite: {_tables(path)}"
    if path.suffix == ".json":
        value = json.loads(content)
        return "JSON: " + (", ".join(without_ids(key) for key in value) if isinstance(value, dict) else "list")
    kinds = {".log": "log", ".stderr": "log", ".lock": "lock", ".onnx": "model", ".toml": "TOML"}
    return kinds.get(path.suffix, "lock" if path.name == "lock" else path.suffix.lstrip(".") or "mark")


def _tables(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}
    finally:
        connection.close()
    return "; ".join(f"{name} ({', '.join(of)})" for name, of in columns.items() if not name.startswith("sqlite_"))


def journal_facts(path: Path) -> dict[str, Any]:
    """Number of events by kind and the hash of the last, as they stand in the file."""
    connection = sqlite3.connect(path)
    try:
        kinds = dict(connection.execute("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind").fetchall())
        (last,) = connection.execute("SELECT hash FROM events ORDER BY sequence DESC LIMIT 1").fetchone()
    finally:
        connection.close()
    return {"events": sum(kinds.values()), "kinds": kinds, "last_hash": last.hex()}


def pack_journal(path: Path, target: Path) -> None:
    """A journal as one compressed file: nothing left in its side files, and no process id of its writer."""
    copy = target.with_suffix(".copy")
    shutil.copy(path, copy)
    for side in ("-wal", "-shm"):
        if (beside := path.with_name(path.name + side)).exists():
            shutil.copy(beside, copy.with_name(copy.name + side))
    connection = sqlite3.connect(copy)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("UPDATE meta SET value = '0' WHERE key = 'writer_pid'")
    connection.commit()
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("VACUUM")
    connection.close()
    target.write_bytes(lzma.compress(copy.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    for part in copy.parent.glob(f"{copy.name}*"):
        part.unlink()
