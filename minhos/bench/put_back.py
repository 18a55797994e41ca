"""Does the world find the faults that were mended?  Each is put back into a copy of MinhOS, and seeds are played on it.

    python3 minh.py bench put_back --json
    python3 minh.py bench put_back --seed 101 --seeds 100     # the hundred after those

The faults are edits in `tests/testing/world/put_back`, one TOML file each: its kind, why it was one, and for each file
the text as it is (`now`) and as it was (`then`).  Seeds are drawn, from 1 upward; one that fails without the fault as
well does not count.  Most are a tenth of their usual length, with as many faults: four of them cost what one whole
costs.  Every fifth is long enough for a session's end and the next one's open.

A fault with a `test` is one that no world can have; that test is named, and seeds are not asked about it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import msgspec

from minhos.bench.figures import Figure, Findings, at_least, at_most
from minhos.errors import CommandRefused
from minhos.parallel.calls import run_calls
from minhos.progress import Progress
from minhos.testing.world.plan import Plan, drawn
from minhos.testing.world.play import play

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "testing" / "world" / "put_back"
SEEDS, QUICK = 400, 20
MEDIAN = 200
SHORT, LONG, LONG_EVERY = 0.1, 0.35, 5
"""Shares of a seed's usual length: at the short one a tenth of the bars, at the long one a night's pause."""


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In that file of the package: the text as it is and as it was."""

    file: str
    now: str
    then: str


class PutBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault that was mended."""

    kind: int
    what: str
    edit: list[Edit]
    name: str = ""
    test: str = ""
    """Which test finds it, where it lies outside of what a world plays."""

    def into(self, folder: Path) -> None:
        """Put it into the copy of the package there.  Raises CommandRefused where the text is not there once."""
        for edit in self.edit:
            path = folder / edit.file
            text = path.read_text(encoding="utf-8")
            if text.count(edit.now) != 1:
                raise CommandRefused(
                    f"{self.name}: {edit.file} holds {edit.now.strip()[:60]!r} {text.count(edit.now)} times, not once; "
                    "write the edit anew."
                )
            path.write_text(text.replace(edit.now, edit.then), encoding="utf-8")


class Found(msgspec.Struct, frozen=True):
    """seed: the first that failed with the fault and not without; None where none did.  played: how many until then."""

    name: str
    kind: int
    seed: int | None
    played: int
    invariant: str = ""
    sentence: str = ""


def kept(folder: Path = FOLDER) -> list[PutBack]:
    """All of them, by kind and name.  Raises CommandRefused where they are not there."""
    if not folder.is_dir():
        raise CommandRefused(f"There is no folder {folder}: the faults come with the tests, in a checkout.")
    files = sorted(folder.glob("*.toml"))
    read = [msgspec.convert({**tomllib.loads(path.read_text("utf-8")), "name": path.stem}, PutBack) for path in files]
    return sorted(read, key=lambda each: (each.kind, each.name))


def run(
    *, quick: bool = False, seeds: int | None = None, seed: int | None = None, progress: Progress | None = None
) -> Findings:
    """Play each fault from seed 1 on until it is found."""
    first, count = seed or 1, seeds or (QUICK if quick else SEEDS)
    faults = [fault for fault in kept() if not fault.test]
    arguments = [(fault, first, count) for fault in faults]
    found: list[Found] = run_calls(
        search, arguments, progress=progress, describe=lambda argument, result: f"{result.name}: {_words(result)}"
    )
    numbers = [each.played for each in found if each.seed is not None]
    median = statistics.median(numbers) if numbers else float(count)
    figures: list[Figure] = [
        at_least("faults", len(found), "faults", digits=0),
        at_least("found", len(numbers), "faults", len(found), digits=0),
        at_most("median_seeds", median, "seeds", MEDIAN, digits=0),
    ]
    return Findings(figures, {"put_back": found}, failed=len(numbers) < len(found))


def played(seed: int) -> Plan:
    """The plan of that seed at the length that the bench plays it at."""
    return drawn(seed, SHORT if seed % LONG_EVERY else LONG)


def search(fault: PutBack, first: int, count: int) -> Found:
    """Play seeds on a copy of the package with that fault, until one fails that does not fail here."""
    with tempfile.TemporaryDirectory(prefix="minhos-put-back-") as folder:
        shutil.copytree(ROOT / "minhos", Path(folder) / "minhos", ignore=shutil.ignore_patterns("__pycache__"))
        fault.into(Path(folder))
        process = subprocess.Popen(
            [sys.executable, "-m", "minhos.bench.put_back", str(first), str(count)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        count_played = 0
        try:
            for line in process.stdout:
                number, invariant, sentence = line.rstrip("\n").split("\t", 2)
                count_played = int(number) - first + 1
                if invariant and play(played(int(number))).broken is None:
                    return Found(fault.name, fault.kind, int(number), count_played, invariant, sentence)
        finally:
            process.kill()
            process.wait()
        return Found(fault.name, fault.kind, None, count_played)


def _words(found: Found) -> str:
    return (
        f"found by seed {found.seed}: {found.invariant}" if found.seed is not None else f"{found.played} seeds, unseen"
    )


def main() -> None:
    """The seeds of one copy, a line each as it is played: number, invariant and sentence, tabs between."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    for number in range(first, first + count):
        try:
            broken = play(played(number)).broken
            invariant, sentence = (broken.invariant, broken.sentence) if broken is not None else ("", "")
        except Exception as error:  # what was put back broke the world itself, which is found as well
            invariant, sentence = "the_world_goes_on", f"{type(error).__name__}: {error}"
        print(number, invariant, sentence.replace("\n", " "), sep="\t", flush=True)


if __name__ == "__main__":
    main()
