"""Reaching a DTC server: the connection, the encoding handshake, the logon.  Each failure is one sentence."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.codec import Encoding, Malformed, encode
from minhos.dtc.messages.enums import LogonStatus
from minhos.dtc.transport import Connection, Sockets, Transport
from minhos.dtc.wire import Wire
from minhos.errors import DtcDisconnected, DtcError, DtcRejected, DtcTimeout

ENCODING_ANSWER = bytes.fromhex("10000700")
MOST_ADDRESSES = 3


class ClientOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is, who logs on, and how long things may take."""

    host: str = "127.0.0.1"
    port: int = 11099
    encoding: Encoding = Encoding.JSON
    username: str = ""
    password: str = ""
    client_name: str = "minhos.dtc"
    logon_flags: int = 0
    """LogonRequest.integer_1; Sierra Chart's flags choose the forms of market data."""
    heartbeat_interval_s: int = 10
    handshake_timeout_s: float = 20.0
    request_timeout_s: float = 10.0
    reconnect_first_s: float = 1.0
    reconnect_most_s: float = 60.0
    most_waiting_events: int = 100_000
    tls: ssl.SSLContext | None = None
    fingerprint: str = ""
    """SHA-256 of the server's certificate in hex, colons allowed: with it, tls need not verify, and no other passes."""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class FinalRefusal(DtcRejected):
    """The server refused the logon and asked not to be tried again."""


async def log_on(
    options: ClientOptions, transport: Transport = Sockets()
) -> tuple[Wire, m.LogonResponse, ClientOptions]:
    """A wire that is logged on, the server's answer, and the options with the address that was used in the end.

    Raises DtcDisconnected, DtcTimeout, DtcRejected (FinalRefusal where trying again is useless) or DtcError for a
    peer that does not speak DTC.
    """
    for _ in range(MOST_ADDRESSES):
        wire = await _agree(options, transport)
        try:
            response = await asyncio.wait_for(_log_on(wire, options), options.handshake_timeout_s)
        except TimeoutError:
            wire.abort()
            raise _late(options, "the logon") from None
        except DtcError:
            wire.abort()
            raise
        if response.result != LogonStatus.RECONNECT_NEW_ADDRESS:
            return wire, response, options
        wire.abort()
        options = _moved(options, response.reconnect_address)
    raise DtcError(f"{options.address} and others sent the client from one to the next {MOST_ADDRESSES} times.")


async def _agree(options: ClientOptions, transport: Transport) -> Wire:
    """A connection on which both sides speak the same encoding."""
    wire = await _open(options, transport, Encoding.BINARY)
    try:
        agreed = await asyncio.wait_for(_handshake(wire, options), options.handshake_timeout_s)
    except TimeoutError:
        wire.abort()
        raise _late(options, "the encoding request") from None
    except BaseException:
        wire.abort()
        raise
    if agreed is None:  # preset to JSON: there the request is not understood, and none is needed
        wire.abort()
        return await _open(options, transport, Encoding.JSON)
    wire.encoding = agreed
    return wire


async def _open(options: ClientOptions, transport: Transport, encoding: Encoding) -> Wire:
    try:
        opening = transport.connect(options.host, options.port, options.tls)
        connection = await asyncio.wait_for(opening, options.handshake_timeout_s)
    except TimeoutError:
        raise _late(options, "the connection") from None
    except ssl.SSLError as error:
        raise DtcDisconnected(f"{options.address} does not accept this TLS ({error.reason or error}).") from None
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        why = "connection refused" if refused else error.strerror or str(error)
        raise DtcDisconnected(f"No DTC server at {options.address} ({why}); is it running and enabled?") from None
    wire = Wire(connection, encoding)
    if options.fingerprint and not _is_pinned(connection, options.fingerprint):
        wire.abort()
        raise FinalRefusal(
            f"{options.address} shows another certificate than the one whose fingerprint was given: either it was made "
            "anew there, then give the new fingerprint, or someone stands in between."
        )
    return wire


def _is_pinned(connection: Connection, fingerprint: str) -> bool:
    """Whether the certificate that the server showed has that fingerprint."""
    certificate = connection.certificate()
    wanted = fingerprint.replace(":", "").replace(" ", "").lower()
    shown = hashlib.sha256(certificate).hexdigest() if certificate else ""
    return hmac.compare_digest(shown.encode(), wanted.encode())


async def _handshake(wire: Wire, options: ClientOptions) -> Encoding | None:
    """The encoding that the server agrees to; None for a server that is preset to JSON."""
    wire.send_bytes(encode(m.EncodingRequest(encoding=int(options.encoding)), Encoding.BINARY))
    start = await wire.first_bytes()
    if start.startswith(b"{"):
        return None
    if not start:
        raise DtcDisconnected(f"{options.address} closed the connection without a word; is it a DTC server?")
    if not ENCODING_ANSWER.startswith(start[:4]):
        raise DtcError(f"{options.address} answered {start!r}, which is not DTC.")
    message = await wire.receive()
    if not isinstance(message, m.EncodingResponse):
        raise DtcError(f"{options.address} did not answer the encoding request as DTC asks.")
    try:
        return Encoding(message.encoding)
    except ValueError:
        raise DtcError(
            f"{options.address} insists on encoding {message.encoding}, which is not spoken here; "
            "set the server's encoding to Automatic, JSON or binary."
        ) from None


async def _log_on(wire: Wire, options: ClientOptions) -> m.LogonResponse:
    wire.send(
        m.LogonRequest(
            username=options.username,
            password=options.password,
            integer_1=options.logon_flags,
            heartbeat_interval_in_seconds=options.heartbeat_interval_s,
            client_name=options.client_name,
        )
    )
    while True:
        message = await wire.receive()
        if isinstance(message, m.LogonResponse):
            return _accepted(message, options)
        if isinstance(message, m.Logoff):
            kind = FinalRefusal if message.do_not_reconnect else DtcRejected
            raise kind(f"{options.address} ended the logon: {message.reason or 'no reason given'}")
        if message is None:
            raise DtcDisconnected(f"{options.address} closed the connection during the logon.")
        if isinstance(message, Malformed) and wire.is_broken:
            raise DtcError(f"{options.address} sent what is not DTC: {message.reason}")


def _accepted(response: m.LogonResponse, options: ClientOptions) -> m.LogonResponse:
    if response.result in (LogonStatus.SUCCESS, LogonStatus.RECONNECT_NEW_ADDRESS):
        return response
    kind = FinalRefusal if response.result == LogonStatus.ERROR_NO_RECONNECT else DtcRejected
    raise kind(f"{options.address} refused the logon: {response.result_text or 'no reason given'}")


def _moved(options: ClientOptions, address: str) -> ClientOptions:
    """The options with the address that the server named, host:port or host alone."""
    host, _, port = address.strip().rpartition(":")
    if not host:
        host, port = port, str(options.port)
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise DtcError(f"{options.address} sent the client to {address!r}, which is no address.")
    return msgspec.structs.replace(options, host=host, port=int(port))


def _late(options: ClientOptions, what: str) -> DtcTimeout:
    return DtcTimeout(f"{options.address} did not answer {what} within {options.handshake_timeout_s:g} seconds.")


def is_worth_retrying(error: DtcError) -> bool:
    """Whether the same logon may succeed later."""
    return not isinstance(error, FinalRefusal)
