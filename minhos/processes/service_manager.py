"""What the supervisor says to systemd, where that started it: ready, alive, what it does, that it stops.

The protocol of sd_notify(3): one datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names.  Anywhere else
nothing is said, and no failure to say it matters.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from contextlib import suppress

SOCKET = "NOTIFY_SOCKET"
OURS = (SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID")
"""Taken out of the environment, for what is started from here speaks for itself."""
MOST_CHARACTERS = 200
"""Of a status, which is one line."""


class ServiceManager:
    """Speaks to who started this process.  environment: of this process; what is meant for it alone leaves it."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = environment.get(SOCKET, "")
        for name in OURS:
            environment.pop(name, None)
        self._status = ""

    def ready(self) -> None:
        """All that is to run has been started."""
        self._tell("READY=1")

    def alive(self, status: str = "") -> None:
        """One more round was done; the status where it is another one than before."""
        if status and status != self._status:
            self._status = status
            self._tell("WATCHDOG=1", f"STATUS={' '.join(status.split())[:MOST_CHARACTERS]}")
        else:
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends as it was asked to."""
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # an address that begins with @ is one of the abstract names, which begin with a zero byte
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.setblocking(False)
            end.sendto("\n".join(lines).encode(), address)
