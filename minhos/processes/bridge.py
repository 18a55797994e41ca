"""The bridge: runs beside Sierra Chart and serves its .scid files to a MinhOS on another machine, over DTC with TLS.

It is light on purpose, because it shares its machine with charts: no model, no journal, no settings.  It never trades.
The certificate is made once and known to the other side by its fingerprint.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec

from minhos.dtc.server import DtcServer, ServerOptions
from minhos.errors import DataError, MinhosError, SettingsError
from minhos.feeds.bridge.backend import ScidBackend
from minhos.feeds.scid.folders import find_sierra_folder
from minhos.market.clock import Clock, SystemClock
from minhos.market.types import NANOS_PER_SECOND
from minhos.processes.process import after

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
    """Both ports over one backend, served while it is stepped.  ready is called when both are open."""

    def __init__(
        self, options: BridgeOptions, say: Say, clock: Clock | None = None, ready: Callable[[], None] = lambda: None
    ) -> None:
        check(options)
        self._options, self._say, self._ready = options, say, ready
        self._clock = clock or SystemClock()
        self.backend = ScidBackend(options.folder, options.password, say)
        self.fingerprint = ""
        self.ports: tuple[int, ...] = ()
        self.stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: list[DtcServer] = []
        self._problems: list[str] = []
        self._summary_ns, self._summarised = 0, (0, 0)

    def open(self) -> None:
        """Serve from here on.  Raises DtcError for a port that is taken, MinhosError for a certificate."""
        options, tls = self._options, None
        if options.certificates is not None:
            tls, self.fingerprint = certificate(options.certificates)
        self._loop = asyncio.new_event_loop()
        for port in (options.port, options.history_port):
            server = DtcServer(self.backend, ServerOptions(host=options.host, port=port, tls=tls))
            self._servers.append(server)
            self.ports = (*self.ports, self._loop.run_until_complete(server.start()))
        self._problems = [""] * len(self._servers)
        self._summary_ns = after(self._clock, SUMMARY_S)
        self._ready()

    def step(self) -> int | None:
        """Look at the files, say what was done and went wrong, and serve for a moment."""
        if self.stopping or self._loop is None:
            return None
        self.backend.poll()
        for i, server in enumerate(self._servers):
            if server.last_problem != self._problems[i]:
                self._problems[i] = server.last_problem
                self._say(server.last_problem)
        self._summarise()
        self._loop.run_until_complete(asyncio.sleep(POLL_S))
        return self._clock.monotonic_ns()

    def close(self) -> None:
        """End every connection."""
        if self._loop is None:
            return
        for server in self._servers:
            self._loop.run_until_complete(server.close())
        self._loop.close()
        self._loop = None

    def _summarise(self) -> None:
        """Now and then one line, where anything was served since the last."""
        if self._clock.monotonic_ns() < self._summary_ns:
            return
        self._summary_ns = after(self._clock, SUMMARY_S)
        now = (sum(server.n_sessions for server in self._servers), self.backend.records_served)
        if now != self._summarised:
            self._summarised = now
            self._say(f"{now[0]} connections, {now[1]:,} records served")

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
    """A self-signed certificate and its key, which only the owner may read.  Raises MinhosError."""
    from cryptography import x509  # only here: it is made once
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "MinhOS bridge")])
    now = dt.datetime.fromtimestamp(SystemClock().now_ns() // NANOS_PER_SECOND, dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key.unlink(missing_ok=True)
        with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret)
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise MinhosError(
            f"the certificate cannot be written to {folder} ({error.strerror}); serve with --no-tls, or choose a home "
            "that you may write to with MINHOS_HOME."
        ) from error
