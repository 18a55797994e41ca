"""backup, restore, repair."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import zipfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from minhos.assembly import archive, journal_notes
from minhos.assembly.files import read_json
from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of
from minhos.assembly.running import running_pids
from minhos.commands.common import JsonOption, layout, print_json, settings, user
from minhos.commands.terminal import progress, say
from minhos.errors import CommandRefused, JournalBroken, JournalError, MinhosError
from minhos.journal.reader import reader
from minhos.journal.repair import begin_anew, cut
from minhos.journal.store import Journal
from minhos.market.clock import SystemClock
from minhos.progress import Progress
from minhos.trading import events as ev
from minhos.words import utc

SHOWN = ("OrderFilled", "OrderIntended", "DecisionMade", "CommandReceived")
"""Kinds of which a repair names how many it would leave out."""
NAMED_AS_A_JOURNAL = re.compile(r"(simulated|paper|live)-.+\.sqlite(\.replaced-\d+)?")


def backup(target: Annotated[Path, typer.Argument(help="The zip file to write.")], as_json: JsonOption = False) -> None:
    """Journals, models and settings in one verified zip file; may run while trading.  Example: minh.py backup b.zip.

    Passwords, tokens and addresses of alert channels are left out; `restore` keeps those that the home has.
    """
    place = layout()
    if target.exists():
        raise MinhosError(f"{target} exists; choose another name.")
    if not target.absolute().parent.is_dir():
        raise MinhosError(f"There is no folder {target.absolute().parent}; make it, or choose another.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with progress("Backup", quiet=as_json) as report:
            count = archive.pack(place, partial, report)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    note = {"file": str(target.resolve()), "files": count, "time_ns": SystemClock().now_ns()}
    place.make().disk.replace(place.backups / f"{note['time_ns']}.json", msgspec.json.encode(note), durable=True)
    if as_json:
        print_json({"backup": str(target), "files": count})
    else:
        say(f"{count} files in {target}; passwords and tokens are not in it.")


def restore(
    source: Annotated[Path, typer.Argument(help="A zip file of `backup`.")], as_json: JsonOption = False
) -> None:
    """Put a backup back; what was there is kept beside it.  Example: minh.py restore b.zip.

    All of it or nothing: whatever is wrong with the file is said before anything is changed.
    """
    place = _home_at_rest()
    if not source.exists():
        raise MinhosError(f"There is no file {source}: name a zip file that `backup` wrote.{_known_backups(place)}")
    try:
        packed = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise MinhosError(f"{source} is no backup that can be read: {error}.") from error
    with packed, progress("Restore", quiet=as_json) as report:
        done = archive.unpack(place, packed, source, report)
    if as_json:
        told = {"kept": done.kept, "missing": done.missing, "passed_over": done.passed_over}
        print_json({"restored": done.files, **told})
        return
    say(f"{done.files} files restored from {source}.")
    if done.kept:
        say(f"The journal that was there is kept as {', '.join(done.kept)}.")
    if done.passed_over:
        say(f"Not taken: {', '.join(done.passed_over)}.")
    if done.missing:
        say(f"A backup holds no passwords; enter again where you need them: {', '.join(done.missing)}.")


def _home_at_rest() -> Layout:
    """The home, with nothing running in it."""
    place = layout().make()
    if running := running_pids(place):
        raise CommandRefused(f"{', '.join(running)} runs; `python3 minh.py stop` first.")
    return place


def _known_backups(place: Layout) -> str:
    notes = [read_json(path, place.disk) for path in reversed(place.disk.found(place.backups, "*.json"))]
    files = [str(note["file"]) for note in notes if isinstance(note, dict) and Path(str(note.get("file"))).is_file()]
    return f" The newest that is still there is {files[0]}." if files else ""


class Repair(msgspec.Struct, frozen=True):
    """What is sound of a journal, and what a repair made of it.

    records: how many are sound, from the first on.  last: how many there are, as far as that can be read.
    left_out: of those that are not kept, how many of the kinds that matter.
    """

    journal: str
    verdict: Literal["sound", "broken", "repaired", "accepted"]
    sentence: str
    records: int
    last: int
    first_broken: int | None = None
    until: int | None = None
    kept_as: str = ""
    left_out: dict[str, int] = {}


def repair(
    until: Annotated[
        int | None, typer.Option("--until", min=0, help="Go on from this record; 0 begins an empty journal.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Another journal than the configured one's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove the journal, or go on from a sound record; the file as it was is kept.  Example: minh.py repair --until 81.

    Without --until it only looks, also beside a running trader: exit code 1 where a record is broken, with the number
    to repair to and what would be left out.
    """
    chosen = settings()
    place = layout() if until is None else _home_at_rest()
    configured = place.journal(mode_of(chosen), account_of(chosen))
    path = journal or configured
    if not place.database.exists(path):
        raise JournalError(f"There is no journal {path}; `python3 minh.py start` begins one, --journal names another.")
    if path != configured:
        _refuse_another_file(place, path)
    named = "" if path == configured else f" --journal {_typed(path)}"
    with progress("Repair", quiet=as_json) as report:
        found = _looked_at(place, path, named, report) if until is None else _repaired(place, path, until, report)
    if as_json:
        print_json(found)
    else:
        say(found.sentence)
    if found.verdict == "broken":
        raise typer.Exit(1)


def _refuse_another_file(place: Layout, path: Path) -> None:
    """What opens as no journal and is not named as one is somebody's other file: it is not set aside for a new one."""
    if path.is_file() and NAMED_AS_A_JOURNAL.fullmatch(path.name):
        return
    try:
        reader(path, place.database).close()
    except JournalError as error:
        raise CommandRefused(
            f"{path} is no journal ({error}) Nothing was changed; journals lie in {place.data / 'journal'}, named as "
            "paper-ACCOUNT.sqlite."
        ) from error


def _typed(path: Path) -> str:
    """As a shell takes it for one word."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))


def _looked_at(place: Layout, path: Path, named: str, report: Progress) -> Repair:
    """named: the switch that names this journal, where it is not the configured one."""
    try:
        source = reader(path, place.database)
    except JournalError as error:
        what = f"The file of the journal {path} is damaged ({error.__cause__})." if error.__cause__ else str(error)
        sentence = f"{what} Nothing of it can be read: {_way_out(place, path, named, 0)}"
        return Repair(str(path), "broken", sentence, 0, 0, 1)
    with closing(source):
        proof = source.verify(report)
        last = _last_of(path, place, proof.records)
        if proof.sound:
            sentence = f"The journal {path} is sound: {last:,} records."
            if what := journal_notes.misfit(journal_notes.read(place, path), source):
                sentence = (
                    f"Every record of the journal {path} is sound, but it {what}. With MinhOS stopped, "
                    f"`python3 minh.py repair --until {last}{named}` takes it as it is then."
                )
            return Repair(str(path), "sound", sentence, last, last)
        keep = proof.records
        left_out = _left_out(path, place, keep)
        sentence = (
            f"The journal {path} is broken: {proof.reason}. {keep:,} records are sound, {_when(path, place, keep)}; "
            f"{_words(last - keep, left_out)} would be left out. {_way_out(place, path, named, keep)}"
        )
        return Repair(str(path), "broken", sentence, keep, last, proof.first_broken, left_out=left_out)


def _way_out(place: Layout, path: Path, named: str, keep: int) -> str:
    """Commands that do to this very journal what they say; a backup comes back to this home only."""
    ours = path.absolute().parent == (place.data / "journal").absolute()
    back = "`python3 minh.py restore BACKUP.zip` puts a backup in its place, " if ours else ""
    return f"{back}`python3 minh.py repair --until {keep}{named}` goes on from there."


def _repaired(place: Layout, path: Path, until: int, report: Progress) -> Repair:
    last = _last_of(path, place, 0)
    if until > last:
        raise CommandRefused(f"The journal {path} has {last:,} records: there is no record {until:,} to go on from.")
    if until and until == last and _is_sound(path, place, report):
        journal_notes.accept(place, path)
        sentence = f"All {last:,} records are sound: the journal is taken as it is."
        return Repair(str(path), "accepted", sentence, last, last, until=until)
    left_out = _left_out(path, place, until)
    try:
        kept = cut(path, until, place.database, report) if until else begin_anew(path, place.database)
    except JournalBroken as broken:
        raise CommandRefused(
            f"Record {broken.first_broken} of the journal {path} is broken ({broken.reason}): it can go on from record "
            f"{broken.first_broken - 1} or an earlier one. Nothing was changed."
        ) from broken
    name, what = kept.name if kept is not None else "", _words(max(last - until, 0), left_out)
    if until:
        _remember(place, path, until, f"{what} are left out and stand in {name}")
    else:
        place.disk.remove(journal_notes.note_of(path))
    sentence = (
        f"The journal {path} {f'goes on from record {until:,}' if until else 'begins anew'}; {what} are left out, the "
        f"file as it was is {name}. Before you `start`, look what the broker shows: what happened after "
        "that record is not known here any more."
    )
    return Repair(str(path), "repaired", sentence, until, last, until=until, kept_as=name, left_out=left_out)


def _is_sound(path: Path, place: Layout, report: Progress) -> bool:
    with closing(reader(path, place.database)) as source:
        return source.verify(report).sound


def _remember(place: Layout, path: Path, until: int, what: str) -> None:
    """In the journal itself: who cut it, and where."""
    with closing(reader(path, place.database)) as source:
        identity = source.identity
    now_ns = SystemClock().now_ns()
    alarm = ev.Alarm(now_ns, f"The journal was cut after record {until:,} by {user()}: {what}.")
    with closing(Journal.open(path, identity, place.database)) as journal:
        journal.append(ev.kind_of(alarm), ev.encode(alarm), now_ns, durable=True)
    journal_notes.accept(place, path)


def _last_of(path: Path, place: Layout, sound: int) -> int:
    with suppress(JournalError), closing(reader(path, place.database)) as source:
        return source.last
    return sound


def _left_out(path: Path, place: Layout, keep: int) -> dict[str, int]:
    """By kind, as far as it can still be read."""
    found = {}
    with suppress(JournalError), closing(reader(path, place.database)) as source:
        for kind in SHOWN:
            found[kind] = len(source.indexed(kind, keep, 2**62))
    return {kind: n for kind, n in found.items() if n}


def _words(n: int, left_out: dict[str, int]) -> str:
    inside = ", ".join(f"{count:,} {kind}" for kind, count in left_out.items())
    return f"{n:,} records" + (f" ({inside})" if inside else "")


def _when(path: Path, place: Layout, keep: int) -> str:
    with suppress(JournalError, StopIteration), closing(reader(path, place.database)) as source:
        return f"the last of {utc(next(source.records(keep - 1, keep)).time_ns)}"
    return "none of them with a time"
