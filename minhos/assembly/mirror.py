"""The mirror of the bridge's files, for the processes that need it: one in each, started when first asked for.

The trader keeps it growing; `start` and training copy what is new before they read.  Of several processes only one
writes, and the others read what it writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from minhos.errors import FeedError
from minhos.feeds.bridge.mirror import BridgeMirror, MirrorOptions
from minhos.market.clock import Clock, SystemClock
from minhos.settings import Settings

PASSWORD_VARIABLE = "MINHOS_BRIDGE_PASSWORD"
PATIENCE_S = 30.0
"""How long a copy may stand still before it is given up."""
LOOK_S = 0.05
_running: dict[Path, BridgeMirror] = {}


def mirror_options(settings: Settings) -> MirrorOptions:
    """How the bridge of the settings is reached.  Raises SettingsError."""
    data = settings.data
    host, port = data.bridge_address()
    password = data.bridge_password or os.environ.get(PASSWORD_VARIABLE, "")
    return MirrorOptions(host=host, port=port, password=password, fingerprint=data.bridge_fingerprint)


def running_mirror(options: MirrorOptions, folder: Path, symbol: str, clock: Clock) -> BridgeMirror:
    """This process's mirror in that folder, which runs until the process ends."""
    if folder not in _running:
        _running[folder] = BridgeMirror(options, folder, symbol, clock)
        _running[folder].start()
    return _running[folder]


def copied(mirror: BridgeMirror, progress: Callable[[float, str], None] | None = None) -> bool:
    """Wait until all that the bridge has is here; False as soon as it says why not, or once nothing comes any more."""
    clock = SystemClock()
    seen, since = -1, clock.monotonic_ns()
    while not mirror.wait_until_copied(LOOK_S):
        status = mirror.status()
        if status.trouble:
            return False
        if status.records != seen:
            seen, since = status.records, clock.monotonic_ns()
        elif clock.monotonic_ns() - since > PATIENCE_S * 1e9:
            return False
        if progress is not None:
            progress(0.0, f"{status.records:,} records copied from the bridge")
    return True


def copy_now(settings: Settings, progress: Callable[[float, str], None] | None = None) -> None:
    """Bring the mirror up to date once, where the settings name a bridge.

    Raises FeedError where the bridge cannot be reached and there is no copy from before.
    """
    if not settings.data.bridge:
        return
    folder = Path(settings.data.bridge_folder)
    if folder in _running:
        return
    mirror = BridgeMirror(mirror_options(settings), folder, settings.market.symbol, SystemClock())
    mirror.start()
    try:
        if not copied(mirror, progress) and not any(folder.glob("*.scid")):
            raise FeedError(mirror.status().trouble or f"The bridge at {settings.data.bridge} sends nothing.")
    finally:
        mirror.close()
