"""`check-sierra`: reaching the server and logging on, and which of its own settings to change where that fails."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import msgspec

from minhos.dtc.logon import ClientOptions
from minhos.dtc.messages import LogonResponse
from minhos.errors import DtcDisconnected, DtcError, DtcRejected, DtcTimeout
from minhos.sierra_check.finding import Finding, failed, ok, warning

SERVER_SETTINGS = "Global Settings >> Sierra Chart Server Settings >> DTC Protocol Server"
ENABLE = (
    f"In Sierra Chart, {SERVER_SETTINGS}: set Enable DTC Protocol Server to Yes and Listening Port to the port of "
    "[sierra]; on the network also Allowed Incoming IPs to Local Subnet Only, and let Windows Firewall pass that port."
)
ALLOW_TRADING = f"In Sierra Chart, {SERVER_SETTINGS}: set Allow Trading to Yes."
TLS_ON = "The port speaks TLS: set tls = true under [sierra], or Require TLS to No in Sierra Chart."
TLS_OFF = (
    f"In Sierra Chart, {SERVER_SETTINGS}: set Require TLS to Yes, or remove tls from [sierra]; a certificate that this "
    "machine does not trust is refused as well."
)
ENCODING = f"In Sierra Chart, {SERVER_SETTINGS}: set Encoding to Automatic."
NOT_DTC = (
    "Another program listens on that port: compare host and port of [sierra] with Listening Port in Sierra Chart, "
    f"{SERVER_SETTINGS} (11099 for trading; 11098 is for history)."
)
LOGON = (
    f"In Sierra Chart, {SERVER_SETTINGS}: with Require Authentication = Yes, username and password of [sierra] are "
    "those of the Sierra Chart account; with No, leave them out."
)


async def why_not(error: DtcError, options: ClientOptions) -> list[Finding]:
    """The steps `connection` and `logon` for a first attempt that failed."""
    text = str(error)
    if isinstance(error, DtcRejected) or "logon" in text.lower():
        silent = isinstance(error, DtcTimeout)
        way_out = NOT_DTC if silent else LOGON
        return [ok("connection", f"{options.address} speaks DTC."), failed("logon", text, way_out)]
    return [failed("connection", text, await _way_out(error, text, options))]


async def _way_out(error: DtcError, text: str, options: ClientOptions) -> str:
    if "TLS" in text:
        return TLS_OFF
    if "insists on encoding" in text:
        return ENCODING
    if isinstance(error, DtcTimeout) and "the connection" in text:
        return ENABLE
    if isinstance(error, DtcTimeout) or "without a word" in text:
        return TLS_ON if options.tls is None and await _speaks_tls(options) else NOT_DTC
    return ENABLE if isinstance(error, DtcDisconnected) else NOT_DTC


async def _speaks_tls(options: ClientOptions) -> bool:
    """Whether a TLS handshake succeeds there; the certificate is not looked at and nothing is sent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opening = asyncio.open_connection(options.host, options.port, ssl=context)
    try:
        _, writer = await asyncio.wait_for(opening, min(3.0, options.handshake_timeout_s))
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def logged_on(options: ClientOptions, asked: ClientOptions, answer: LogonResponse) -> list[Finding]:
    """The steps that a logon which succeeded answers; asked: the options before any redirection."""
    found = [_connection(options, asked), _logon(options, answer)]
    if not answer.trading_is_supported:
        found.append(failed("trading_allowed", "The server does not allow trading.", ALLOW_TRADING, value=False))
    else:
        found.append(ok("trading_allowed", "The server allows trading.", True))
    return found


def _connection(options: ClientOptions, asked: ClientOptions) -> Finding:
    tls = " over TLS" if options.tls is not None else ""
    if (options.host, options.port) != (asked.host, asked.port):
        return warning(
            "connection",
            f"{asked.address} sent the client to {options.address}{tls}.",
            way_out="Put that address into [sierra] host and port.",
        )
    return ok("connection", f"{options.address} speaks DTC{tls} in the encoding {options.encoding.name.lower()}.")


def _logon(options: ClientOptions, answer: LogonResponse) -> Finding:
    flags = {
        name: getattr(answer, name)
        for name in msgspec.structs.asdict(answer)
        if name.endswith(("supported", "supports_multiple", "_connection", "_available", "trade_account"))
    }
    name = answer.server_name or "the server, which gives no name"
    sentence = f"Logged on to {name}, protocol version {answer.protocol_version} ({answer.result_text or 'no text'})"
    if not answer.bracket_orders_supported:
        return warning("logon", f"{sentence}; it says that it takes no bracket orders.", flags)
    return ok("logon", f"{sentence}.", flags)


def silence(error: DtcTimeout) -> Finding:
    """A server that logs on and then says nothing at all."""
    return failed(
        "answers",
        f"After the logon the server answers nothing: {error}",
        "Restart Sierra Chart (File >> Exit); look for errors in Window >> Show/Hide Message Log.",
    )
