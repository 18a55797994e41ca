"""Addresses of mail, Telegram, Discord, ntfy, webhooks and the rest: a channel over Apprise.

Imported only by those that send.  An address holds its password or token; what is said of it is the service's name.
"""

from __future__ import annotations

from collections.abc import Sequence

from apprise import Apprise, NotifyType

from minhos.views.messages import Severity

TYPES = {
    Severity.INFO.name.lower(): NotifyType.INFO,
    Severity.WARNING.name.lower(): NotifyType.WARNING,
    Severity.CRITICAL.name.lower(): NotifyType.FAILURE,
}


class AppriseChannel:
    """Sends to each of its addresses; who had a message does not get it again when another one failed."""

    def __init__(self, urls: Sequence[str]) -> None:
        """Raises ValueError that names the first address by its place in the list and its scheme."""
        self._servers = []
        for place, url in enumerate(urls, start=1):
            one = Apprise()
            if not one.add(url):
                scheme = url.split("://")[0] if "://" in url else "no scheme"
                raise ValueError(
                    f"address {place} ({scheme}) is none that Apprise understands; "
                    "its documentation has the form for each service"
                )
            self._servers.append(one)
        self._message, self._had = ("", ""), set[int]()

    def send(self, severity: str, title: str, text: str) -> None:
        """Raises OSError that names the services that did not take it."""
        if (title, text) != self._message:
            self._message, self._had = (title, text), set()
        failed = []
        for place, server in enumerate(self._servers):
            if place in self._had:
                continue
            if server.notify(body=text, title=title, notify_type=TYPES[severity]):
                self._had.add(place)
            else:
                failed.append(f"{_service(server)} (address {place + 1})")
        if failed:
            raise OSError(f"{', '.join(failed)} did not take it")
        self._message = ("", "")


def _service(server: Apprise) -> str:
    return ", ".join(str(each.service_name) for each in server)
