"""Structured logs: one JSON line an event in `logs/NAME.log`, rotated; nothing on the terminal.

A log that cannot be written for now is no reason not to trade or not to watch: what is logged then is lost.
"""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

import structlog

from minhos.assembly.endings import is_away
from minhos.errors import SettingsError

MEGABYTE = 1 << 20


class _Quiet(logging.handlers.RotatingFileHandler):
    """Says nothing of a line that it could not write: the text of that error would go to a disk that is full, too."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the standard library's name)
        """Nothing."""


def configure(name: str, home: Path) -> None:
    """Send this process's logs to `home/logs/NAME.log`, at most 5 files of 5 MB.

    Raises SettingsError where that file cannot be written for a reason that only a person ends; where the disk is
    full or fails, what is logged goes nowhere.
    """
    root = logging.getLogger()
    root.handlers = [logging.NullHandler()]
    root.setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    path = home / "logs" / f"{name}.log"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _Quiet(path, maxBytes=5 * MEGABYTE, backupCount=4, encoding="utf-8")
    except OSError as error:
        if is_away(error):
            return
        raise SettingsError(
            f"The log {path} cannot be written ({error.strerror}): make that folder writable, or set MINHOS_HOME to "
            "one that is."
        ) from error
    handler.setFormatter(logging.Formatter("%(message)s"))
    root.handlers = [handler]
