"""Structured logs: one JSON line an event in `logs/NAME.log`, rotated; nothing on the terminal."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

import structlog

from minhos.errors import SettingsError

MEGABYTE = 1 << 20


def configure(name: str, home: Path) -> None:
    """Send this process's logs to `home/logs/NAME.log`, at most 5 files of 5 MB.

    Raises SettingsError where that file cannot be written; what is logged then goes nowhere.
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
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=5 * MEGABYTE, backupCount=4, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"The log {path} cannot be written ({error.strerror}): make that folder writable, or set MINHOS_HOME to "
            "one that is."
        ) from error
    handler.setFormatter(logging.Formatter("%(message)s"))
    root.handlers = [handler]
