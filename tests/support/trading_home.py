"""A home folder in which a trader finds a bundle at once, and the trader as a real process in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of, registry_of
from minhos.errors import JournalError
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.journal.reader import JournalReader, reader
from minhos.settings import Settings, load
from minhos.testing.builders import MONDAY_OPEN, bundle_contents
from minhos.trading import events as ev

ROOT = Path(__file__).resolve().parents[2]
SIMULATION = "[simulation]\nhistory_days = 25\nseconds_per_bar = {pace}\n"
PATIENCE_S = 40.0


def make_home(folder: Path, *, pace: float = 0.0, toml: str = "", bundle: bool = True) -> Layout:
    """Settings with a short simulated history, and a promoted bundle of tiny models that bet often."""
    layout = Layout(folder).make()
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "minhos.toml").write_text(SIMULATION.format(pace=pace) + toml, encoding="utf-8")
    if bundle:
        promote(layout)
    return layout


def promote(layout: Layout, seed: int = 0) -> str:
    """Save and promote one more bundle; returns its id."""
    registry = registry_of(settings_of(layout), layout)
    contents = bundle_contents(
        simulated=True,
        feature_names=FEATURE_NAMES,
        feature_version=FEATURE_VERSION,
        seed=seed,
        created_ns=MONDAY_OPEN + seed,
    )
    info = registry.save(contents)
    registry.promote(info.id, "test", MONDAY_OPEN)
    return info.id


def settings_of(layout: Layout) -> Settings:
    return load(layout.home)


def journal_path(layout: Layout) -> Path:
    settings = settings_of(layout)
    return layout.journal(mode_of(settings), account_of(settings))


def start(layout: Layout, *python: str) -> subprocess.Popen[str]:
    """The trader as the supervisor starts it."""
    environment = {**os.environ, "MINHOS_HOME": str(layout.home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *python, "-m", "minhos.processes.trader"]
    return subprocess.Popen(
        command, env=environment, cwd=layout.home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def running(layout: Layout, *python: str) -> Iterator[subprocess.Popen[str]]:
    """A trader that is gone afterwards, whatever happens."""
    process = start(layout, *python)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ask it to end; its exit code and stderr."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, errors


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_S) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@contextmanager
def journal_of(layout: Layout) -> Iterator[JournalReader]:
    source = reader(journal_path(layout))
    try:
        yield source
    finally:
        source.close()


def count(layout: Layout, kind: str) -> int:
    """How many events of that kind are in the journal; 0 where there is none yet."""
    return len(events_of(layout, kind))


def events_of(layout: Layout, *kinds: str) -> list[ev.Event]:
    """All events, or those of these kinds; none where the journal is not made yet."""
    try:
        with journal_of(layout) as source:
            return [ev.decode(r.kind, r.payload, r.version) for r in source.records(kinds=kinds or None)]
    except JournalError:
        return []


def last_sequence(layout: Layout) -> int:
    """Of the newest event; 0 where the journal is not made yet."""
    try:
        with journal_of(layout) as source:
            return source.last
    except JournalError:
        return 0
