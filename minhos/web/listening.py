"""The socket of the dashboard: taken by the web process, and tried by `start` before it starts anything."""

from __future__ import annotations

import errno
import socket

from minhos.errors import InUse, SettingsError


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address.  Raises InUse where another program has it, else SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        kind = InUse if error.errno == errno.EADDRINUSE else SettingsError
        raise kind(
            f"Port {port} on {host} cannot be used ({error.strerror}): another program, perhaps an earlier MinhOS, "
            f"has it; stop that one, or choose another with --port or [web] port."
        ) from error
    return listener
