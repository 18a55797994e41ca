"""How `[sierra]` becomes a connection to its DTC server.  Light: the watchdog reads it without loading a model."""

from __future__ import annotations

import os
import ssl

from minhos.dtc.codec import Encoding
from minhos.dtc.logon import ClientOptions
from minhos.settings import SierraSettings

PASSWORD = "MINHOS_SIERRA_PASSWORD"
"""Environment variable of the password, where it is not to stand in a file."""


def client_options(sierra: SierraSettings, client_name: str) -> ClientOptions:
    """Server, logon and patience of these settings; client_name is what Sierra Chart's log shows."""
    return ClientOptions(
        host=sierra.host,
        port=sierra.port,
        encoding=Encoding[sierra.encoding.upper()],
        username=sierra.username,
        password=sierra.password or os.environ.get(PASSWORD, ""),
        client_name=client_name,
        handshake_timeout_s=sierra.request_timeout_s,
        request_timeout_s=sierra.request_timeout_s,
        heartbeat_interval_s=sierra.heartbeat_s,
        tls=ssl.create_default_context() if sierra.tls else None,
    )
