"""backup, restore."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Annotated

import typer

from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.assembly.running import running_pids
from minhos.commands.common import JsonOption, layout, print_json
from minhos.commands.operate.config import keep_private
from minhos.commands.terminal import console
from minhos.errors import JournalError, MinhosError
from minhos.journal.reader import reader
from minhos.journal.repair import restore as restore_journal
from minhos.market.clock import SystemClock
from minhos.models.storage import replace_file


def backup(target: Annotated[Path, typer.Argument(help="The zip file to write.")], as_json: JsonOption = False) -> None:
    """Journals, models and settings in one verified zip file; may run while trading.  Example: minh.py backup b.zip."""
    place = layout()
    if target.exists():
        raise MinhosError(f"{target} exists; choose another name.")
    if not target.absolute().parent.is_dir():
        raise MinhosError(f"There is no folder {target.absolute().parent}; make it, or choose another.")
    partial = target.with_name(f".{target.name}.partial")
    count = 0
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            count += _pack_journals(place, archive)
            for folder in (place.models, place.config):
                for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
                    archive.write(path, path.relative_to(place.home).as_posix())
                    count += 1
        keep_private(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    place.backups.mkdir(parents=True, exist_ok=True)
    note = {"file": str(target.resolve()), "files": count, "time_ns": SystemClock().now_ns()}
    write_json(place.backups / f"{note['time_ns']}.json", note)
    if as_json:
        print_json({"backup": str(target), "files": count})
    else:
        console.print(f"{count} files in {target}.")


def _pack_journals(place: Layout, archive: zipfile.ZipFile) -> int:
    """Consistent copies through SQLite's own backup, each verified before it is packed."""
    count = 0
    for path in sorted((place.data / "journal").glob("*.sqlite")):
        source = reader(path)
        copy = path.with_suffix(".backup")
        try:
            source.backup(copy)
            check = reader(copy)
            report = check.verify()
            check.close()
            if not report.sound:
                raise JournalError(
                    f"The journal {path} is broken ({report.reason}); it is not backed up over a good one."
                )
            archive.write(copy, path.relative_to(place.home).as_posix())
            count += 1
        finally:
            source.close()
            for part in place.data.glob("journal/*.backup*"):
                part.unlink(missing_ok=True)
    return count


def restore(
    source: Annotated[Path, typer.Argument(help="A zip file of `backup`.")], as_json: JsonOption = False
) -> None:
    """Put a backup back; what was there is kept beside it.  Example: minh.py restore b.zip."""
    place = layout().make()
    running = running_pids(place)
    if running:
        raise MinhosError(f"{', '.join(running)} runs; `python3 minh.py stop` first.")
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise MinhosError(f"{source} is no backup that can be read: {error}.") from error
    with archive:
        if archive.testzip() is not None:
            raise MinhosError(f"{source} is damaged; choose another backup.")
        names = [name for name in archive.namelist() if not _escapes(name)]
        foreign = [name for name in names if not name.startswith(("data/", "config/"))]
        if foreign or not names:
            what = f"holds {foreign[0]!r}" if foreign else "is empty"
            raise MinhosError(f"{source} {what}: it was not written by `backup`; choose a file that was.")
        for name in names:
            target = place.home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".sqlite"):
                unpacked = place.data / "restoring.sqlite"
                unpacked.write_bytes(archive.read(name))
                restore_journal(unpacked, target)
                unpacked.unlink()
            else:
                replace_file(target, archive.read(name))
                if name.startswith("config/"):
                    keep_private(target)
    if as_json:
        print_json({"restored": len(names)})
    else:
        console.print(f"{len(names)} files restored from {source}.")


def _escapes(name: str) -> bool:
    """True for a name that would leave the home folder."""
    return name.startswith(("/", "\\")) or ".." in Path(name).parts or name.endswith("/")
