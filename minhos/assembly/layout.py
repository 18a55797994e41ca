"""The home: where everything lies, the disk it lies on, the machine whose processes work in it, and the network.

Only names; nothing is created here but folders on request.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from minhos.assembly import children, files
from minhos.assembly.children import Machine
from minhos.assembly.files import Disk
from minhos.errors import MinhosError
from minhos.journal.database import OpenDatabase, open_database

if TYPE_CHECKING:  # most commands speak to nobody, and need no event loop
    from minhos.dtc.transport import Transport


@functools.cache
def _under(home: Path, name: str) -> Path:
    """A place in the home; asked for at every heartbeat, so it is put together once."""
    return home / name


class Layout(msgspec.Struct, frozen=True):
    """home: the checkout, or the folder named by MINHOS_HOME."""

    home: Path
    disk: Disk = files.LOCAL
    """Through which the home's small files are read and written."""
    machine: Machine = children.LOCAL
    """On which its processes are started, seen and ended."""
    database: OpenDatabase = open_database
    """Through which its databases are opened: the journal, the inbox, the trial ledger."""
    transport: Transport | None = None
    """How the bytes of its connections travel; None for the network's sockets."""

    @property
    def config(self) -> Path:
        return _under(self.home, "config")

    @property
    def data(self) -> Path:
        return _under(self.home, "data")

    @property
    def models(self) -> Path:
        return _under(self.home, "data/models")

    @property
    def ledger(self) -> Path:
        """The trial ledger, a store of its own."""
        return _under(self.home, "data/trials.sqlite")

    @property
    def inbox(self) -> Path:
        """Where other processes leave commands for the trader."""
        return _under(self.home, "data/inbox.sqlite")

    @property
    def halt_file(self) -> Path:
        """While this file exists, nothing is traded."""
        return _under(self.home, "data/HALT")

    @property
    def run(self) -> Path:
        """Heartbeats and process ids."""
        return _under(self.home, "data/run")

    @property
    def settings_copy(self) -> Path:
        """The files of the settings as they were at this start; every process of it goes by them."""
        return _under(self.home, "data/run/settings.json")

    @property
    def start_lock(self) -> Path:
        """Held by the `start` that sets up this home or runs it."""
        return _under(self.home, "data/run/start.lock")

    @property
    def orders_lock(self) -> Path:
        """Held by whoever sends orders to the broker."""
        return _under(self.home, "data/run/orders.lock")

    @property
    def logs(self) -> Path:
        return _under(self.home, "logs")

    @property
    def training(self) -> Path:
        return _under(self.home, "data/training")

    @property
    def reports(self) -> Path:
        """Results that commands leave behind for the pages: backtest.json, data.json."""
        return _under(self.home, "data/reports")

    @property
    def card(self) -> Path:
        """What `start --data` found last."""
        return _under(self.home, "data/card.json")

    @property
    def backups(self) -> Path:
        """A note of each backup that was written and verified."""
        return _under(self.home, "data/backups")

    @property
    def restoring(self) -> Path:
        """There while a restore is being put in place; see `archive`."""
        return self.data / "restoring.json"

    @property
    def cache(self) -> Path:
        return _under(self.home, "data/cache")

    def journal(self, mode: str, account: str) -> Path:
        """One journal per mode and account."""
        return _under(self.home, "data/journal") / f"{mode}-{account}.sqlite"

    def make(self) -> Layout:
        """Create the folders, their owner's alone; one sentence where that is not possible."""
        for folder in (
            self.data,
            self.data / "journal",
            self.models,
            self.run,
            self.logs,
            self.training,
            self.cache,
            self.reports,
            self.backups,
        ):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise MinhosError(
                    f"The folder {folder} cannot be made ({error.strerror}): choose a home that you may write to with "
                    "MINHOS_HOME."
                ) from error
        return self
