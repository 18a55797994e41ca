"""A backup's zip file: what belongs into it, and how it comes back whole or not at all.

In it: journals, bundles and what names the active ones, settings without their secrets.  Never in it, and never taken
from one: the HALT file, heartbeats, the inbox, logs.  What comes back is unpacked and checked beside its place first;
only then is anything replaced, and a replacement that is broken off is finished by the next start.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from minhos.assembly import journal_notes
from minhos.assembly.layout import Layout
from minhos.errors import JournalError, MinhosError
from minhos.journal.reader import reader
from minhos.journal.repair import put_in_place
from minhos.models.storage import flush_folder
from minhos.progress import Progress
from minhos.settings import text_of
from minhos.settings.secret import is_secret

SETTINGS = "config/minhos.toml"
Table = MutableMapping[str, object]
MIB = 2**20
MOST_MEMBERS = 200_000
MOST_COMPRESSED = 200
"""A journal shrinks to a fifth; what announces to grow so many times is meant to fill a disk."""
_CHUNK = MIB
_SQLITE = b"SQLite format 3\0"


class Kind(NamedTuple):
    """Members of a backup that are alike: their names, and how large one may be."""

    what: str
    names: re.Pattern[str]
    most_bytes: int


_MODELS = r"data/models/(simulated-[^/\\:]+/)?"
JOURNAL = Kind("journal", re.compile(r"data/journal/(simulated|paper|live)-[^/\\:]+\.sqlite"), 2**40)
KINDS = (
    JOURNAL,
    Kind(
        "file of a bundle", re.compile(r"data/models/(simulated-[^/\\:]+/)?bundles/\w[\w.+-]*/[\w][\w.+-]*"), 256 * MIB
    ),
    Kind("table of active bundles", re.compile(r"data/models/(simulated-[^/\\:]+/)?active\.json"), 16 * MIB),
    Kind("file of settings", re.compile(r"config/([\w-]+/)?[\w][\w.-]*\.(toml|json|csv|py)"), 4 * MIB),
)
_PASSED_OVER = re.compile(_MODELS + "lock|config/.*")
"""What earlier versions packed as well and nobody needs back."""


def kind_of(name: str) -> Kind | None:
    return next((kind for kind in KINDS if kind.names.fullmatch(name)), None)


# Packing -------------------------------------------------------------------------------------------------------------


def pack(layout: Layout, target: Path, progress: Progress) -> int:
    """Write the archive; returns how many files are in it.  Raises JournalError for a journal that is not sound."""
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        os.chmod(target, 0o600)
        for path in sorted((layout.data / "journal").glob("*.sqlite")):
            _pack_journal(layout, path, archive, progress)
            count += 1
        for folder in (layout.models, layout.config):
            for path in sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()):
                name = path.relative_to(layout.home).as_posix()
                if kind_of(name) is None:
                    continue
                if name == SETTINGS:
                    archive.writestr(_member(name), without_secrets(text_of(path)))
                else:
                    archive.write(path, name)
                count += 1
    return count


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    return info


def _pack_journal(layout: Layout, path: Path, archive: zipfile.ZipFile, progress: Progress) -> None:
    """A consistent copy through SQLite's own backup, verified before it is packed."""
    copy = path.with_name(path.name + ".backup")
    try:
        with closing(reader(path, layout.database)) as source:
            source.backup(copy, progress, layout.database)
        with closing(reader(copy, layout.database)) as check:
            report = check.verify(progress)
        if not report.sound:
            raise JournalError(
                f"The journal {path} is broken ({report.reason}); it is not backed up over a good one. "
                "`python3 minh.py repair` says what can be kept of it."
            )
        archive.write(copy, path.relative_to(layout.home).as_posix())
    finally:
        layout.database.remove(copy)


def without_secrets(text: str) -> str:
    """Settings with every password, token and address of an alert channel emptied."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise MinhosError(f"config/minhos.toml is not valid TOML: {error}; correct it first.") from error
    for table, key, _ in _secrets(document):
        table[key] = ""
    return tomlkit.dumps(document)


def _secrets(table: Table, section: str = "") -> Iterator[tuple[Table, str, str]]:
    """Table, key and whole name of each secret that is set."""
    for key in list(table):
        value, name = table[key], f"{section}.{key}" if section else key
        if isinstance(value, MutableMapping):
            yield from _secrets(value, name)
        elif is_secret(name, value):
            yield table, key, name


# Unpacking -----------------------------------------------------------------------------------------------------------


class Restored(msgspec.Struct, frozen=True):
    """files: how many came back.  kept: journals that were there, under the names they have now.  missing: settings
    whose secret is in neither the backup nor the home.  passed_over: members that were not taken."""

    files: int
    kept: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()


class _Plan(msgspec.Struct, frozen=True):
    """What is unpacked whole and only has to be put in its place: names below the home."""

    names: tuple[str, ...]
    source: str = ""
    """The backup's name."""


def checked_members(archive: zipfile.ZipFile, source: Path) -> tuple[list[zipfile.ZipInfo], list[str]]:
    """Members to restore, and names of those to pass over.

    Raises MinhosError where `backup` cannot have written it.
    """
    members, passed_over, seen = [], [], set[str]()
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise _foreign(source, f"holds {len(infos):,} files")
    for info in infos:
        name = info.filename
        if info.is_dir():
            continue
        mode = info.external_attr >> 16
        if name != info.orig_filename or "\\" in name or ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise _foreign(source, f"holds {info.orig_filename!r}, which would leave the home folder")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise _foreign(source, f"holds {name!r}, which is a link or no plain file")
        if name.casefold() in seen:
            raise _foreign(source, f"holds {name!r} twice")
        if info.flag_bits & 0x1:
            raise _foreign(source, f"holds {name!r}, which is encrypted")
        seen.add(name.casefold())
        kind = kind_of(name)
        if kind is None and _PASSED_OVER.fullmatch(name):
            passed_over.append(name)
        elif kind is None:
            raise _foreign(source, f"holds {name!r}")
        elif info.file_size > kind.most_bytes:
            raise _foreign(source, f"holds {name!r} with {info.file_size:,} bytes, too large for a {kind.what}")
        elif info.file_size > MIB and info.file_size > MOST_COMPRESSED * info.compress_size:
            raise _foreign(source, f"announces {info.file_size:,} bytes of {name!r} in {info.compress_size:,}")
        else:
            members.append(info)
    if not members:
        raise _foreign(source, "holds nothing to restore")
    return members, passed_over


def _foreign(source: Path, what: str) -> MinhosError:
    return MinhosError(f"{source} {what}: it was not written by `backup`; choose a file that was. Nothing was changed.")


def unpack(layout: Layout, archive: zipfile.ZipFile, source: Path, progress: Progress) -> Restored:
    """Put a backup in place of what is there, all of it or nothing.

    Raises MinhosError, and then nothing was changed.
    """
    members, passed_over = checked_members(archive, source)
    needed, free = sum(info.file_size for info in members), shutil.disk_usage(layout.data).free
    if needed > free:
        raise MinhosError(f"{source} needs {needed:,} bytes and {layout.data} has {free:,} free: make room first.")
    finish(layout)
    stage = _stage(layout)
    shutil.rmtree(stage, ignore_errors=True)
    missing: tuple[str, ...] = ()
    try:
        for number, info in enumerate(members):
            progress(0.5 * number / len(members), info.filename)
            _unpack_one(archive, info, stage / info.filename, source)
        journals = [info.filename for info in members if kind_of(info.filename) is JOURNAL]
        for number, name in enumerate(journals):
            progress(0.5 + 0.4 * number / len(journals), f"proving {name}")
            _prove(stage / name, source, layout)
        if (stage / SETTINGS).exists():
            missing = _with_our_secrets(layout, stage / SETTINGS)
        plan = _Plan(tuple(info.filename for info in members), source.name)
        layout.disk.replace(_plan_file(layout), msgspec.json.encode(plan), durable=True)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    kept = finish(layout)
    return Restored(len(members), tuple(kept), missing, tuple(passed_over))


def _unpack_one(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, source: Path) -> None:
    """No more bytes than the archive announces; the check sum is the archive's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = info.file_size
    try:
        with archive.open(info) as packed, open(target, "xb", opener=_private) as out:
            while chunk := packed.read(_CHUNK):
                if left == info.file_size and kind_of(info.filename) is JOURNAL and not chunk.startswith(_SQLITE):
                    raise _foreign(source, f"holds {info.filename!r}, which is no SQLite file")
                left -= len(chunk)
                if left < 0:
                    raise _foreign(source, f"holds more of {info.filename!r} than it announces")
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise MinhosError(f"{source} is damaged ({error}); choose another backup. Nothing was changed.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _prove(journal: Path, source: Path, layout: Layout) -> None:
    try:
        with closing(reader(journal, layout.database)) as copy:
            report, mode = copy.verify(), copy.identity.get("mode", "")
            named = f"{mode}-{copy.identity.get('account', '')}.sqlite"
    except JournalError as error:
        raise MinhosError(f"{source}: {journal.name} in it is no journal ({error}). Nothing was changed.") from error
    if not report.sound:
        raise MinhosError(
            f"{source}: {journal.name} in it is broken ({report.reason}): choose another backup. Nothing was changed."
        )
    if named != journal.name:
        raise _foreign(source, f"holds {journal.name!r}, which is the journal {named!r}")


def _with_our_secrets(layout: Layout, unpacked: Path) -> tuple[str, ...]:
    """Fill in the secrets that this home has; names of those that nobody has."""
    try:
        document = tomlkit.parse(unpacked.read_text(encoding="utf-8"))
        ours = tomlkit.parse((layout.home / SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        ours = tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError):
        return ()
    known = {name: table[key] for table, key, name in _secrets(ours)}
    missing = []
    for table, key, name in list(_empty_secrets(document)):
        if name in known:
            table[key] = known[name]
        else:
            missing.append(name)
    unpacked.write_text(tomlkit.dumps(document), encoding="utf-8")
    return tuple(missing)


def _empty_secrets(table: Table, section: str = "") -> Iterator[tuple[Table, str, str]]:
    for key in list(table):
        value, name = table[key], f"{section}.{key}" if section else key
        if isinstance(value, MutableMapping):
            yield from _empty_secrets(value, name)
        elif value == "" and (is_secret(name, "://")):
            yield table, key, name


def finish(layout: Layout) -> list[str]:
    """Put in place what a restore unpacked whole; also one that was broken off.  Returns names of journals kept.

    Doing it again changes nothing: what is in its place is no longer among what was unpacked.
    """
    plan_file, stage = _plan_file(layout), _stage(layout)
    content = layout.disk.read(plan_file)
    if content is None:
        return []
    kept: list[str] = []
    try:
        plan = msgspec.json.decode(content, type=_Plan)
    except msgspec.DecodeError:
        plan = _Plan(())
    try:
        for name in plan.names:
            _put(layout, stage / name, name, kept, plan.source)
    except OSError as error:
        raise MinhosError(
            f"The restore could not put {error.filename or 'a file'} in its place ({error.strerror}): mend that, then "
            "`python3 minh.py restore` again; it goes on where it was."
        ) from error
    layout.disk.remove(plan_file)
    shutil.rmtree(stage, ignore_errors=True)
    return kept


def _put(layout: Layout, unpacked: Path, name: str, kept: list[str], backup: str) -> None:
    target, kind = layout.home / name, kind_of(name)
    if kind is JOURNAL:
        if old := put_in_place(unpacked, target, layout.database):
            kept.append(old.name)
        journal_notes.accept_restored(layout, target, backup)
    elif kind is not None and unpacked.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(unpacked, target)
        flush_folder(target.parent)


def _stage(layout: Layout) -> Path:
    return layout.data / "restoring"


def _plan_file(layout: Layout) -> Path:
    """It is there from the moment when all is unpacked and proven until all is in its place."""
    return layout.restoring
