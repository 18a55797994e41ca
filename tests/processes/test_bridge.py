"""`minh.py bridge` as a real process: its certificate, its password, its end, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509

from minhos.errors import DataError, MinhosError, SettingsError
from minhos.feeds.bridge.file import header
from minhos.feeds.bridge.mirror import BridgeMirror, MirrorOptions
from minhos.market.clock import SimulatedClock
from minhos.processes import bridge as service
from minhos.processes.bridge import Bridge, BridgeOptions, certificate, sierra_folder
from minhos.testing.builders import ns

NOW = ns("2025-10-06T14:00:00")
PASSWORD = "a long one"


def ticks(n: int) -> bytes:
    """Records of single trades, a second apart."""
    import struct

    first = NOW // 1000 + 25_569 * 86_400_000_000 - n * 1_000_000
    return b"".join(
        struct.pack("<qffffIIII", first + i * 1_000_000, 0.0, 25_000.25, 25_000.0, 25_000.25, 1, 2, 0, 2)
        for i in range(n)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "Data"
    place.mkdir()
    (place / "NQZ25-CME.scid").write_bytes(header() + ticks(5_000))
    return place


def launch(home: Path, *arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "MINHOS_HOME": str(home), "MINHOS_BRIDGE_PASSWORD": PASSWORD}
    return subprocess.Popen(
        [sys.executable, "-m", "minhos.cli", "bridge", "--port", "0", "--history-port", "0", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen, pattern: str) -> re.Match[str]:
    """The first line that matches."""
    for line in process.stdout:
        found = re.search(pattern, line)
        if found:
            return found
    raise AssertionError(f"the bridge ended with {process.wait()} before it said {pattern}")


def test_the_command_serves_over_tls_and_ends_cleanly(tmp_path: Path, folder: Path) -> None:
    process = launch(tmp_path, "--folder", str(folder), "--host", "127.0.0.1")
    try:
        port = int(read_until(process, r'bridge = "127\.0\.0\.1:(\d+)"')[1])
        fingerprint = read_until(process, r'bridge_fingerprint = "(\w{64})"')[1]
        options = MirrorOptions(host="127.0.0.1", port=port, password=PASSWORD, fingerprint=fingerprint)
        mirror = BridgeMirror(options, tmp_path / "mirror", "NQ", SimulatedClock(NOW))
        mirror.start()
        assert mirror.wait_until_copied(20.0)
        mirror.close()
        copy = tmp_path / "mirror" / "NQZ25-CME.scid"
        assert copy.read_bytes() == (folder / "NQZ25-CME.scid").read_bytes()

        stranger = MirrorOptions(host="127.0.0.1", port=port, password=PASSWORD, fingerprint="0" * 64)
        mirror = BridgeMirror(stranger, tmp_path / "other", "NQ", SimulatedClock(NOW))
        mirror.start()
        end = time.monotonic() + 20.0
        while not mirror.status().trouble and time.monotonic() < end:
            time.sleep(0.01)
        assert "another certificate" in mirror.status().trouble
        mirror.close()
        process.send_signal(signal.SIGINT)
        assert "the bridge has ended" in process.communicate(timeout=20)[0]
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_the_certificate_is_made_once(tmp_path: Path) -> None:
    _, first = certificate(tmp_path)
    assert certificate(tmp_path)[1] == first
    if os.name != "nt":
        assert (tmp_path / "bridge_key.pem").stat().st_mode & 0o077 == 0
    (tmp_path / "bridge_key.pem").write_text("damaged")
    with pytest.raises(MinhosError, match="delete it"):
        certificate(tmp_path)


def test_a_certificate_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(MinhosError, match="--no-tls"):
        certificate(tmp_path / "taken")


def test_the_certificate_is_self_signed_for_ten_years(tmp_path: Path) -> None:
    certificate(tmp_path)
    made = x509.load_pem_x509_certificate((tmp_path / "bridge_certificate.pem").read_bytes())
    assert made.subject == made.issuer == x509.Name.from_rfc4514_string("CN=MinhOS bridge")
    assert 3650 <= (made.not_valid_after_utc - made.not_valid_before_utc).days <= 3651


def test_it_serves_while_it_is_stepped_and_no_longer_after_its_end(folder: Path) -> None:
    said: list[str] = []
    bridge = Bridge(BridgeOptions(folder=folder, host="127.0.0.1", port=0, history_port=0), said.append)
    bridge.open()
    assert all(bridge.ports)
    assert bridge.step() is not None
    bridge.stopping = True
    assert bridge.step() is None
    bridge.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", bridge.ports[0]), 1.0)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "windows-box"])
def test_no_bridge_to_the_network_without_a_password(folder: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="needs a password"):
        Bridge(BridgeOptions(folder=folder, host=host), print)
    Bridge(BridgeOptions(folder=folder, host=host, password="x"), print)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_none(folder: Path, host: str) -> None:
    said: list[str] = []
    assert Bridge(BridgeOptions(folder=folder, host=host), said.append)
    assert not any("password" in line for line in said)


def test_two_ports_are_two(folder: Path) -> None:
    with pytest.raises(SettingsError, match="both 11199"):
        Bridge(BridgeOptions(folder=folder, password="x", history_port=11199), print)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        sierra_folder(tmp_path / "nothing")
    monkeypatch.setattr(service, "find_sierra_folder", list)
    with pytest.raises(DataError, match="--folder"):
        sierra_folder(None)


def test_wrong_use_is_one_sentence(tmp_path: Path, folder: Path) -> None:
    environment = {**os.environ, "MINHOS_HOME": str(tmp_path), "MINHOS_BRIDGE_PASSWORD": ""}
    command = [sys.executable, "-m", "minhos.cli", "bridge", "--folder", str(folder)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "needs a password" in ended.stderr
    assert "Traceback" not in ended.stderr
