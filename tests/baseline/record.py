"""Records what a user of MinhOS sees: `python tests/baseline/record.py OUT`, in about six minutes on two cores.

Through the public surface alone (see `surface`), so that it runs unchanged however the parts inside are arranged.

    OUT             a folder that is made: record.json files, and a demo's home with its bundle and its journal
    --from FOLDER   do not begin a demo: take home and demo journal of another record (as tests/baseline/v0.1.0)
    --quick         leave out what takes long: the demo from nothing, train, backtest, research, lab sizing,
                    lab search and bench
    --compare       print what differs from tests/baseline/v0.1.0 beyond wanted.py; exit code 1 where anything does

The suite (`test_baseline.py`) runs the quick share only: it goes on with the recorded home instead of a new demo, and
compares the shapes of the slow commands not at all.  `record.py OUT --compare` compares everything.

The journals of the Sierra venue are not made here: no command serves a broker.  `sierra_session.py` made them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import surface
from differences import Difference, differences, unexplained
from wanted import WANTED

QUICK = (
    "status --json",
    "config show --json",
    "checklist --json",
    "models list --json",
    "integration --json",
    "replay --verify --json",
    "compare --json",
    "compare --day 20251007 --json",
    "compare --day 20200101 --json",
    "check-data NQZ25-CME.csv --json",
    "check-data holes.csv --symbol NQZ25 --json",
    "check-data nothing.csv --json",
    "check-data noons.csv --symbol NQZ25 --json",
    "check-context NQZ25-CME.csv --json",
    "check-context few.csv --symbol NQZ25 --json",
    "lab scenarios --name flash-crash --json",
    "backup b.zip --json",
    "restore b.zip --json",
    "models promote {bundle} --json",
    "models promote nothing --json",
    "models rollback --json",
    "check-sierra --json",
    "drill --json",
    "arm --json",
    "halt --json",
    "flatten --json",
    "config set risk.max_losses 3",
    "config set paper.initial_cash 1000",
    "logs",
    "stop",
    "nonsense",
)
"""In the home of a demo that does not run, and the exit codes of refusals."""
EMPTY = ("status --json", "checklist --json", "replay --json", "models list --json", "integration --json")
"""In a home where nothing was ever started."""
RUNNING = (
    "status --json",
    "integration --json",
    "pause --json",
    "force --side flat --json",
    "force --clear --json",
    "resume --json",
    "accept-position --json",
    "disarm --json",
    "halt --json",
    "resume --json",
    "flatten --json",
    "start",
)
"""While a demo runs."""
SLOW = (
    "train --json",
    "backtest --json",
    "lab sizing --json",
    "lab search --trials 1 --json",
    "research --holdout --json",
    "lab scenarios --json",
    "kelly-vs-fixed --days 20 --json",
)
"""In a new home: each uses what the ones before have made."""
GROUPED = ("json_keys", "home_files")
"""Parts of a record that are made in several homes, of which a quick record has fewer."""
BENCHES = ("decision", "features", "ingest", "sizing", "dtc", "tail", "backtest")
ENOUGH_BARS = "SELECT count(*) FROM events WHERE kind = 'DecisionMade'"
ENOUGH_TRADES = "SELECT count(*) FROM events WHERE kind = 'TradeClosed'"


def recorded_demo(folder: Path) -> Path:
    """A demo from nothing: trained, traded for two days and more, and stopped."""
    home = surface.new_home(folder)
    demo = surface.Demo(home)
    try:
        demo.wait_for(ENOUGH_TRADES, at_least=8)
        demo.wait_for(ENOUGH_BARS, at_least=420)
        demo.stop()
    finally:
        demo.kill()
    return home


def keep_demo(home: Path, out: Path) -> None:
    """The home in two files: its journal, and everything else but logs, locks and what named the processes."""
    surface.pack_journal(home / "data" / "journal" / f"{surface.DEMO}.sqlite", out / "journals" / "demo.sqlite.xz")
    with tarfile.open(out / "home.tar.xz", "w:xz") as archive:
        for name in ("config", "data/models", "data/training", "data/reports", "data/trials.sqlite"):
            archive.add(home / name, name, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def started_home(home: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A recorded home taken up again: what commands answer while it runs, and what files there are afterwards.

    Of the answers only the first keys are kept: whether a value is there depends on the moment.
    """
    journal = home / "data" / "journal" / f"{surface.DEMO}.sqlite"
    before = surface.journal_facts(journal)["kinds"]["DecisionMade"]
    demo = surface.Demo(home)
    try:
        demo.wait_for(ENOUGH_BARS, at_least=before + 20)
        shapes = shapes_of(home, RUNNING, of=surface.outline_of)
        codes = demo.stop()
    finally:
        demo.kill()
    return shapes, {"exit codes": codes, "files": surface.home_files(home)}


def shapes_of(
    home: Path, command_lines: Iterable[str], of: Callable[[dict[str, Any]], dict[str, Any]] = surface.shape_of
) -> dict[str, Any]:
    """By command line, a second one of the same words numbered; {bundle} is the newest bundle's id."""
    bundles = sorted(path.name for path in home.glob("data/models/*/bundles/*"))
    lines = list(command_lines)
    words = [line.format(bundle=bundles[-1] if bundles else "none").split() for line in lines]
    answers = surface.ask(home, surface.COMMANDS, words)
    shapes: dict[str, Any] = {}
    for line, answer in zip(lines, answers, strict=True):
        shapes[line if line not in shapes else f"{line} (again)"] = of(answer)
    return shapes


def write_tables(home: Path) -> None:
    """The made-up bars that the commands are given."""
    full = surface.write_bars(home / "NQZ25-CME.csv", 12)
    surface.write_bars(home / "few.csv", 1)
    header, *lines = full.read_text(encoding="utf-8").splitlines()
    days = [line for line in lines if line[11:13] not in ("13", "14", "15")]
    (home / "noons.csv").write_text("\n".join([header, *days]) + "\n", encoding="utf-8")
    (home / "holes.csv").write_text("\n".join([header, *lines[::7]]) + "\n", encoding="utf-8")


def quick(work: Path, recorded: Path) -> dict[str, Any]:
    """The share that the suite compares; recorded: where the home and the journal of a demo lie."""
    empty = surface.new_home(work / "empty", toml="")
    home, again = (surface.recorded_home(work / name, recorded) for name in ("home", "again"))
    write_tables(home)
    pages = surface.ask(home, surface.PAGES)
    running, left = started_home(again)
    return {
        "openapi": pages["openapi"],
        "help": surface.helps(empty),
        "settings": {"values": surface.setting_kinds(empty), "files": surface.config_files()},
        "json_keys": {
            "get": {path: surface.shape_of_page(answer) for path, answer in pages["answers"].items()},
            "empty home": shapes_of(empty, EMPTY),
            "home of a demo": shapes_of(home, QUICK),
            "running demo": running,
        },
        "home_files": {"taken up again": left},
    }


def slow(work: Path, demo: Path | None) -> dict[str, Any]:
    """What the suite leaves out."""
    trained = surface.new_home(work / "trained")
    benches = [f"bench {name} --quick --json" for name in BENCHES]
    shapes = {"new home": shapes_of(trained, SLOW), "benches": shapes_of(trained, benches)}
    files: dict[str, Any] = {"after the slow commands": {"files": surface.home_files(trained)}}
    if demo is not None:
        files["after start, train, stop"] = {"files": surface.home_files(demo)}
    return {"json_keys": shapes, "home_files": files}


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """The record with its texts as lists of lines, so that one changed line is one difference."""
    settings = record["settings"]
    files = {name: text.splitlines() for name, text in settings["files"].items()}
    helps = {name: surface.sentences(text) for name, text in record["help"].items()}
    return {**record, "help": helps, "settings": {**settings, "files": files}}


def compared(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[Difference], set[str]]:
    """Differences in the groups of commands and files that `after` has, and the paths of what was compared."""
    parts = {"openapi", "help", "settings"}
    parts |= {f"{part} > {group}" for part in GROUPED for group in after[part]}
    share = {
        part: {group: before[part].get(group, {}) for group in after[part]} for part in ("json_keys", "home_files")
    }
    return list(differences(comparable({**before, **share}), comparable(after))), parts


def merged(*records: dict[str, Any]) -> dict[str, Any]:
    """Groups of all; a later record's beside an earlier one's."""
    found: dict[str, Any] = {}
    for record in records:
        for part, groups in record.items():
            found[part] = {**found.get(part, {}), **groups}
    return found


def save(record: dict[str, Any], out: Path) -> None:
    """One file a part."""
    for part, value in record.items():
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        (out / f"{part}.json").write_text(text, encoding="utf-8")


def read(folder: Path = surface.RECORDED) -> dict[str, Any]:
    """A record as it was saved."""
    parts = ("openapi", "help", "settings", "json_keys", "home_files")
    return {part: json.loads((folder / f"{part}.json").read_text(encoding="utf-8")) for part in parts}


def in_a_folder(act: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="minhos-baseline-") as work:
        act(Path(work))


def main() -> int:
    """Record, and compare where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--from", dest="source", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--compare", action="store_true")
    chosen = parser.parse_args()
    out: Path = chosen.out
    (out / "journals").mkdir(parents=True, exist_ok=True)
    in_a_folder(lambda work: _record(work, out, chosen.source, chosen.quick))
    if not chosen.compare:
        return 0
    lines = unexplained(*_with_table(compared(read(), read(out))))
    print("\n".join(lines) or "Nothing differs beyond wanted.py.")
    return int(bool(lines))


def _with_table(found: tuple[list[Difference], set[str]]) -> tuple[Any, ...]:
    return found[0], WANTED, found[1]


def _record(work: Path, out: Path, source: Path | None, only_quick: bool) -> None:
    demo = None
    if source is not None:
        for name in ("home.tar.xz", "journals/demo.sqlite.xz"):
            if (source / name).resolve() != (out / name).resolve():
                shutil.copy(source / name, out / name)
    elif only_quick:
        raise SystemExit("--quick needs the home of a demo: --from tests/baseline/v0.1.0")
    else:
        demo = recorded_demo(work / "demo")
        keep_demo(demo, out)
    record = quick(work, out)
    if not only_quick:
        record = merged(record, slow(work, demo))
    save(record, out)


if __name__ == "__main__":
    sys.exit(main())
