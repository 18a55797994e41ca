"""Files of the user's parts, loaded as a process loads them and taken back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minhos import parts

EXAMPLES = Path(__file__).parents[2] / "examples"


@contextmanager
def loaded(folder: Path, *texts: str) -> Iterator[Path]:
    """A file with those texts one after the other."""
    file = folder / "my_parts.py"
    file.write_text("\n\n".join(texts), encoding="utf-8")
    before = parts.loaded()
    try:
        parts.load(file)
        yield file
    finally:
        parts.load_source(before)


def example(name: str) -> str:
    return (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
