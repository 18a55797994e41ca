"""The bridge: runs beside Sierra Chart and serves its .scid files to a MinhOS on another machine, over DTC with TLS.

It is light on purpose, because it shares its machine with charts: no model, no journal, no settings.  It never trades.
The certificate is made once, by the `openssl` program, and known to the other side by its fingerprint.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from minhos.dtc.server import DtcServer, ServerOptions
from minhos.errors import DataError, MinhosError, SettingsError
from minhos.feeds.bridge.backend import ScidBackend
from minhos.feeds.scid.folders import find_sierra_folder

POLL_S = 0.02
"""How often followed files are looked at: two stamps each, far below what Sierra Chart's own flush takes."""
SUMMARY_S = 60.0
VALID_DAYS = 3650
Say = Callable[[str], None]


class BridgeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was told.  certificates: the folder of key and certificate; None for no TLS."""

    folder: Path
    host: str = "0.0.0.0"
    port: int = 11199
    history_port: int = 11198
    password: str = ""
    certificates: Path | None = None


def sierra_folder(named: Path | None) -> Path:
    """The folder to serve: the one named, else Sierra Chart's own.  Raises DataError with the way out."""
    if named is not None:
        if not named.is_dir():
            raise DataError(f"there is no folder {named}; give Sierra Chart's data folder, as C:\\SierraChart\\Data.")
        return named
    found = find_sierra_folder()
    if not found:
        raise DataError("Sierra Chart's data folder was not found; name it with --folder, as C:\\SierraChart\\Data.")
    return found[0]


def check(options: BridgeOptions) -> None:
    """Refuse a bridge that would be open to everyone in the network.  Raises SettingsError."""
    if not options.password and not is_loopback(options.host):
        raise SettingsError(
            f"a bridge on {options.host} needs a password: give --password or set MINHOS_BRIDGE_PASSWORD, or serve "
            "this machine alone with --host 127.0.0.1."
        )
    if options.port and options.port == options.history_port:
        raise SettingsError(f"--port and --history-port are both {options.port}: give two ports.")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Bridge:
    """Both ports over one backend; `run` serves until it is cancelled."""

    def __init__(self, options: BridgeOptions, say: Say) -> None:
        check(options)
        self._options, self._say = options, say
        self.backend = ScidBackend(options.folder, options.password, say)
        self.fingerprint = ""
        self.ports: tuple[int, ...] = ()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve.  ready is called when both ports are open.  Raises DtcError for a port that is taken."""
        options, tls = self._options, None
        if options.certificates is not None:
            tls, self.fingerprint = certificate(options.certificates)
        servers = [
            DtcServer(self.backend, ServerOptions(host=options.host, port=port, tls=tls))
            for port in (options.port, options.history_port)
        ]
        try:
            self.ports = tuple([await server.start() for server in servers])
            ready()
            await self._serve(servers)
        finally:
            for server in servers:
                await server.close()

    async def _serve(self, servers: list[DtcServer]) -> None:
        """Look at the files; now and then say what was done, and at once what went wrong."""
        loop = asyncio.get_running_loop()
        due, told = loop.time() + SUMMARY_S, (0, 0)
        problems = [""] * len(servers)
        while True:
            self.backend.poll()
            for i, server in enumerate(servers):
                if server.last_problem != problems[i]:
                    problems[i] = server.last_problem
                    self._say(server.last_problem)
            now = (sum(server.n_sessions for server in servers), self.backend.records_served)
            if loop.time() >= due:
                due = loop.time() + SUMMARY_S
                if now != told:
                    told = now
                    self._say(f"{now[0]} connections, {now[1]:,} records served")
            await asyncio.sleep(POLL_S)

    def lines(self) -> tuple[str, ...]:
        """What belongs under [data] on the other machine."""
        name = self._options.host if is_loopback(self._options.host) else own_address()
        lines = [f'bridge = "{name}:{self.ports[0]}"']
        if self.fingerprint:
            lines.append(f'bridge_fingerprint = "{self.fingerprint}"')
        return tuple(lines)


def own_address() -> str:
    """This machine's address as the network sees it, or its name."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which way out would be taken
        return str(probe.getsockname()[0])
    return socket.gethostname()


def certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    """The server's TLS and the SHA-256 of its certificate; both files are made where they are missing.

    Raises MinhosError where they cannot be made or read.
    """
    key, path = folder / "bridge_key.pem", folder / "bridge_certificate.pem"
    if not (key.exists() and path.exists()):
        _make(folder, key, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(path, key)
        der = ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise MinhosError(
            f"{path} cannot be used ({error}); delete it and {key.name} beside it, then both are made anew."
        ) from None
    return context, hashlib.sha256(der).hexdigest()


def _make(folder: Path, key: Path, path: Path) -> None:
    """A self-signed certificate, by the openssl program."""
    program = find_openssl()
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        program,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-sha256",
        "-nodes",
        "-days",
        str(VALID_DAYS),
        "-subj",
        "/CN=MinhOS bridge",
        "-keyout",
        str(key),
        "-out",
        str(path),
    ]
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MinhosError(f"{program} could not make a certificate ({error}); serve with --no-tls.") from None
    if made.returncode or not (key.exists() and path.exists()):
        last = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MinhosError(f"{program} could not make a certificate ({last}); serve with --no-tls.")
    with contextlib.suppress(OSError):
        os.chmod(key, 0o600)


def find_openssl() -> str:
    """The openssl program, on Windows also the one that comes with git.  Raises MinhosError."""
    found = shutil.which("openssl")
    git = shutil.which("git")
    if found is None and git is not None:
        places = [folder / "usr/bin/openssl.exe" for folder in Path(git).resolve().parents]
        found = next((str(place) for place in places if place.exists()), None)
    if found is None:
        raise MinhosError(
            "there is no openssl program to make the certificate with: install Git for Windows, which brings one, or "
            "serve with --no-tls in a network that is yours alone."
        )
    return found
