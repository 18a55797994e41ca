"""Addresses of mail, Telegram, Discord, ntfy, webhooks and the rest: a channel over Apprise.

Imported only by those that send.  An address holds its password or token; what is said of it is the service's name.
"""

from __future__ import annotations

from apprise import Apprise, NotifyType

from minhos.views.messages import Severity

TYPES = {
    Severity.INFO.name.lower(): NotifyType.INFO,
    Severity.WARNING.name.lower(): NotifyType.WARNING,
    Severity.CRITICAL.name.lower(): NotifyType.FAILURE,
}


class AppriseChannel:
    """Sends to one address."""

    def __init__(self, url: str) -> None:
        """Raises ValueError that names its scheme."""
        self._server = Apprise()
        if not self._server.add(url):
            scheme = url.split("://")[0] if "://" in url else "no scheme"
            raise ValueError(
                f"its address ({scheme}) is none that Apprise understands; its documentation has the form for each "
                "service"
            )

    def send(self, severity: str, title: str, text: str) -> None:
        """Raises OSError that names the service."""
        if not self._server.notify(body=text, title=title, notify_type=TYPES[severity]):
            raise OSError(f"{', '.join(str(each.service_name) for each in self._server)} did not take it")
