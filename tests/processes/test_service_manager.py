"""What systemd hears of the supervisor, at a real socket."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minhos.processes.service_manager import ServiceManager

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no systemd")


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(2.0)
        yield end


def test_it_says_when_it_is_ready_alive_and_about_to_stop(ear: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": str(ear.getsockname()), "WATCHDOG_USEC": "30000000", "PATH": os.defpath}
    manager = ServiceManager(environment)
    assert environment == {"PATH": os.defpath}, "what is started from here speaks for itself"
    manager.ready()
    manager.alive("live  No trade:\np is low")
    manager.alive("live  No trade:\np is low")
    manager.stopping()
    assert [ear.recv(4096).decode() for _ in range(4)] == [
        "READY=1",
        "WATCHDOG=1\nSTATUS=live No trade: p is low",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract names are Linux's")
def test_an_abstract_address_is_spoken_to() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0minhos-{os.getpid()}")
        end.settimeout(2.0)
        ServiceManager({"NOTIFY_SOCKET": f"@minhos-{os.getpid()}"}).ready()
        assert end.recv(4096) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all"])
def test_where_nobody_hears_nothing_is_said_and_nothing_fails(address: str) -> None:
    environment = {"NOTIFY_SOCKET": address}
    manager = ServiceManager(environment)
    manager.ready()
    manager.alive("live")
    manager.stopping()
    assert environment == {}
