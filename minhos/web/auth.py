"""Who may see and do what: the host, the names it answers to, the password, tokens, and other sites' requests.

A name that strangers own can be pointed at this machine (DNS rebinding), and then a browser takes their page for ours:
so nothing is answered under a name that is neither this machine's nor in `[web] names`.

On this machine alone no password is needed; on any other address one is demanded.  Tokens live in memory and end
after twelve hours or with the process.  Wrong passwords cost growing time.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from minhos.errors import SettingsError
from minhos.market.clock import Clock
from minhos.market.types import NANOS_PER_SECOND
from minhos.web.problems import problem

COOKIE = "minhos_token"
TOKEN_HOURS = 12
FREE_ATTEMPTS = 3
LONGEST_WAIT_S = 60.0
MOST_CLIENTS = 10_000
"""As many are remembered for wrong passwords; then the first is forgotten."""
PUBLIC = ("/login", "/api/ping", "/api/token/login", "/_nicegui/", "/static/")
SAFE = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?")


def is_local(host: str) -> bool:
    """Whether only this machine reaches that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_host(host: str, password: str) -> None:
    """Raises SettingsError where strangers could reach the page without a password."""
    if not is_local(host) and not password:
        raise SettingsError(
            f"[web] host = {host!r} can be reached from other machines: set [web] password first, or keep 127.0.0.1."
        )


class Guard:
    """Passwords, tokens and names of one process.  names: under which it answers, besides this machine's own."""

    def __init__(self, password: str, clock: Clock, names: Iterable[str] = ()) -> None:
        self.password = password
        self.names = frozenset(map(host_name, names))
        self._clock = clock
        self._tokens: dict[str, int] = {}
        self._failed: dict[str, tuple[int, int]] = {}
        """By client: failures in a row, and the time from which it may try again."""

    def misdirected(self, host: str) -> str:
        """Why nothing is answered under that Host header; empty where it is this machine's or named in the settings."""
        if trusted_name(host) or host_name(host) in self.names:
            return ""
        return (
            f"The host {host[:100]!r} is not this machine's: open the page as http://localhost, or put the name into "
            "[web] names in minhos.toml."
        )

    def wait_s(self, client: str) -> float:
        """Seconds until that client may try again."""
        _, until_ns = self._failed.get(client, (0, 0))
        return max(0.0, (until_ns - self._clock.monotonic_ns()) / NANOS_PER_SECOND)

    def knows(self, password: str, client: str) -> bool:
        """Compare in constant time; a wrong one makes the next attempt wait longer."""
        if self.wait_s(client) > 0.0:
            return False
        if secrets.compare_digest(password.encode(), self.password.encode()):
            self._failed.pop(client, None)
            return True
        failures = self._failed.get(client, (0, 0))[0] + 1
        wait_s = min(LONGEST_WAIT_S, 2.0 ** min(failures - FREE_ATTEMPTS, 60)) if failures >= FREE_ATTEMPTS else 0.0
        if client not in self._failed and len(self._failed) >= MOST_CLIENTS:
            self._failed.pop(next(iter(self._failed)))
        self._failed[client] = (failures, self._clock.monotonic_ns() + round(wait_s * NANOS_PER_SECOND))
        return False

    def new_token(self) -> str:
        now = self._clock.monotonic_ns()
        self._tokens = {token: until for token, until in self._tokens.items() if until > now}
        token = secrets.token_urlsafe(32)
        self._tokens[token] = now + TOKEN_HOURS * 3_600 * NANOS_PER_SECOND
        return token

    def valid(self, token: str) -> bool:
        """Whether that token was given out and has not ended."""
        now = self._clock.monotonic_ns()
        return any(secrets.compare_digest(token, known) and until > now for known, until in self._tokens.items())

    def admits(self, headers: Headers, client: str) -> bool:
        """By cookie, by `Authorization: Bearer TOKEN`, or by Basic with the password (any user name)."""
        if not self.password:
            return True
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if cookie and self.valid(cookie):
            return True
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.valid(value)
        return kind.lower() == "basic" and self.knows(basic_password(value), client)


def basic_password(value: str) -> str:
    """The password of a Basic header; empty where it is none."""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def cross_site(headers: Headers, *, header_needed: bool = True) -> str:
    """Why a request that changes something is refused; empty where it is not.

    A browser says where a request comes from and must add X-Requested-With, which other sites cannot; a program
    sends none of these.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if why := other_origin(headers):
        return why
    if site is not None and site not in ("same-origin", "none"):
        return "The request was started by another site."
    by_browser = origin is not None or site is not None or "cookie" in headers
    if header_needed and by_browser and "x-requested-with" not in headers and "authorization" not in headers:
        return "Send the header X-Requested-With: it shows that no other site wrote this request."
    return ""


def cross_site_read(headers: Headers) -> str:
    """Why a request that only reads is refused: another site loads or frames it; a link to ours may be followed."""
    follows = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not follows:
        return "Another site's page may not load this; open it by itself."
    return other_origin(headers)


def other_origin(headers: Headers) -> str:
    """Why a request from another origin is refused; empty for our own, and for programs, which name none."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        return f"The request comes from {origin:.100}, not from this page."
    return ""


def host_name(host: str) -> str:
    """The name or address in a Host header, lower case; empty for what is none."""
    found = _HOST.fullmatch(host.strip().lower())
    return (found["address"] or found["name"].rstrip(".")) if found else ""


def trusted_name(host: str) -> bool:
    """An address, or a name without a dot: nobody outside can make it point here."""
    name = host_name(host)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and "." not in name
    return True


def too_soon(wait_s: float) -> Response | None:
    """The refusal of a client that has to wait after wrong passwords; None where it need not."""
    if wait_s <= 0.0:
        return None
    sentence = f"Too many wrong passwords: try again in {wait_s:.0f} seconds."
    return problem(429, sentence, {"Retry-After": str(max(1, round(wait_s)))})


def client_of(request: HTTPConnection) -> str:
    """Its address, for the journal and against guessing."""
    return request.client.host if request.client else "unknown"


class GuardMiddleware:
    """Lets nobody in who has not signed in, and no other site's request act."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self.app = app
        self.guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = (scope.get("client") or ("unknown",))[0]
        refusal = self._refusal(scope, headers, client)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send(
                {"type": "websocket.close", "code": 1008, "reason": "Refused: sign in, and connect from this page."}
            )
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, client: str) -> Response | None:
        path = scope["path"]
        is_socket = scope["type"] == "websocket"
        acts = is_socket or scope["method"] not in SAFE
        why = self.guard.misdirected(headers.get("host", ""))
        if why:
            return problem(403 if acts else 421, why)
        own_page = is_socket or path == "/login" or path.startswith("/_nicegui")
        why = cross_site(headers, header_needed=not own_page) if acts else cross_site_read(headers)
        if why:
            return problem(403, why)
        if any(path == public or (public.endswith("/") and path.startswith(public)) for public in PUBLIC):
            return None
        if self.guard.admits(headers, client):
            return None
        if "text/html" in headers.get("accept", "") and not path.startswith("/api/"):
            return RedirectResponse("/login", 303)
        return too_soon(self.guard.wait_s(client)) or problem(
            401,
            "Sign in: send the password by Basic, or a token of POST /api/token/login by Bearer.",
            {"WWW-Authenticate": "Bearer"},
        )
