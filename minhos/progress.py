"""Progress of long work: a callback that takes the share done, 0 to 1, and a sentence."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]


def part_of(progress: Progress | None, start: float, end: float) -> Progress:
    """Progress of a step that takes the share from start to end of the whole; silent when nobody listens."""

    def tell(share: float, sentence: str) -> None:
        if progress is not None:
            progress(start + (end - start) * share, sentence)

    return tell
