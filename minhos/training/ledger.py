"""The trial ledger: every configuration ever tried on a stretch of data, because each try makes luck likelier.

The deflated Sharpe ratio asks for this number.  One row per distinct hash of recipe and settings and data range;
running the same again does not count.  A store of its own, so that `train` and `backtest` need no trader.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from minhos.errors import TrainingError

SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
    root TEXT NOT NULL, simulated INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
    configuration TEXT NOT NULL, kind TEXT NOT NULL, details TEXT NOT NULL, sharpe_ratio REAL, at_ns INTEGER NOT NULL,
    PRIMARY KEY (root, simulated, first_ns, last_ns, configuration)
) STRICT
"""


class DataRange(msgspec.Struct, frozen=True):
    """What was tried on: an instrument's root and the closes (UTC ns) of the first and the last bar."""

    root: str
    first_ns: int
    last_ns: int
    simulated: bool = False


class Trial(msgspec.Struct, frozen=True):
    """One configuration on one data range.

    sharpe_ratio: of returns by trade date, not annualised; None where the trial has none.  first_ns, last_ns: of the
    range, as in `DataRange`.
    """

    configuration: str
    kind: str
    details: dict[str, object]
    sharpe_ratio: float | None
    at_ns: int
    first_ns: int = 0
    last_ns: int = 0


def configuration_hash(recipe_id: str, settings: Mapping[str, object]) -> str:
    """Hash of a recipe and the settings it was judged with; the order of the settings does not matter."""
    raw = msgspec.json.encode([recipe_id, dict(settings)], order="deterministic")
    return hashlib.sha256(raw).hexdigest()[:16]


Opened = Callable[[Path], sqlite3.Connection]
"""Opens the ledger's file; each statement commits by itself.  Raises sqlite3.Error, OSError."""


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path, timeout=10.0, isolation_level=None)


class TrialLedger:
    """The ledger in one sqlite file; several processes may write to it."""

    def __init__(self, path: Path, opened: Opened = _opened) -> None:
        self._path, self._opened = Path(path), opened
        with self._open() as database:
            database.execute(SCHEMA)

    def record(
        self,
        data: DataRange,
        recipe_id: str,
        settings: Mapping[str, object],
        *,
        kind: str,
        at_ns: int,
        sharpe_ratio: float | None = None,
    ) -> bool:
        """Count a trial; False when that configuration was tried on that data before, which changes nothing."""
        row = (
            data.root,
            data.simulated,
            data.first_ns,
            data.last_ns,
            configuration_hash(recipe_id, settings),
            kind,
            msgspec.json.encode({"recipe_id": recipe_id, **settings}, order="deterministic").decode(),
            sharpe_ratio,
            at_ns,
        )
        with self._open() as database:
            return database.execute("INSERT OR IGNORE INTO trials VALUES (?,?,?,?,?,?,?,?,?)", row).rowcount == 1

    def count(self, data: DataRange) -> int:
        """Distinct configurations tried on data that overlap these: all of them have looked at the same bars."""
        return len({trial.configuration for trial in self.trials(data)})

    def trials(self, data: DataRange) -> list[Trial]:
        """Trials on overlapping data, oldest first."""
        query = (
            "SELECT configuration, kind, details, sharpe_ratio, at_ns, first_ns, last_ns FROM trials "
            "WHERE root = ? AND simulated = ? AND first_ns <= ? AND last_ns >= ? ORDER BY at_ns, rowid"
        )
        with self._open() as database:
            rows = database.execute(query, (data.root, data.simulated, data.last_ns, data.first_ns)).fetchall()
        try:
            return [Trial(c, kind, msgspec.json.decode(details), *others) for c, kind, details, *others in rows]
        except (msgspec.DecodeError, TypeError) as error:
            raise TrainingError(
                f"The trial ledger {self._path} holds a trial that cannot be read ({error}): move the file aside, and "
                "the count of what was tried begins anew."
            ) from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            database = self._opened(self._path)
            try:
                yield database
            finally:
                database.close()
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            away = isinstance(error, sqlite3.OperationalError | OSError) and "malformed" not in str(error)
            way_out = (
                "move it aside, and the count of what was tried begins anew"
                if not away
                else "check the disk's free space and the permissions of its folder"
            )
            raise TrainingError(f"The trial ledger {self._path} cannot be used ({error}): {way_out}.") from error
