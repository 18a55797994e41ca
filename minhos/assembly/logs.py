"""Structured logs: one JSON line an event in `logs/NAME.log`, rotated; nothing on the terminal."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

import structlog

MEGABYTE = 1 << 20


def configure(name: str, home: Path) -> None:
    """Send this process's logs to `home/logs/NAME.log`, at most 5 files of 5 MB."""
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        folder / f"{name}.log", maxBytes=5 * MEGABYTE, backupCount=4, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
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
