"""What the disk itself takes to make a page durable, so that figures with a durable write can be read beside it."""

from __future__ import annotations

import os
import time

PAGE_BYTES = 4096


def fdatasync_ms(descriptor: int) -> float:
    """Milliseconds for one page written and forced to the disk."""
    start = time.perf_counter_ns()
    os.write(descriptor, bytes(PAGE_BYTES))
    getattr(os, "fdatasync", os.fsync)(descriptor)
    return (time.perf_counter_ns() - start) / 1e6
