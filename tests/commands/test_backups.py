"""backup, restore and repair: what comes back is whole or nothing, and nothing secret goes out."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import stat
import zipfile
from pathlib import Path

import pytest

from minhos.assembly import archive, heartbeats, journal_notes
from minhos.assembly.heartbeats import WebBeat
from minhos.assembly.layout import Layout
from minhos.errors import MinhosError
from minhos.journal.reader import reader
from minhos.journal.store import Journal
from minhos.journal.types import Entry
from minhos.market.clock import SystemClock
from minhos.settings import load

JOURNAL = "data/journal/simulated-paper-ou-58-7.sqlite"
IDENTITY = {"mode": "simulated", "account": "paper-ou-58-7"}
SETTINGS = """# mine
[sierra]
password = "sierra-word"
[web]
port = 9001
password = "page-word"
[alert.phone]
address = "tgram://bot-word/12"
volume = "loud"
"""
WORDS = ("sierra-word", "page-word", "bot-word")


def journal(home: Path, n: int = 20) -> Path:
    path = home / JOURNAL
    written = Journal.open(path, IDENTITY)
    written.append_many(Entry("Alarm" if i % 2 else "OrderFilled", b"payload %d" % i, i) for i in range(n))
    written.close()
    journal_notes.accept(Layout(home), path)
    return path


def breaking(path: Path, sequence: int) -> None:
    content = path.read_bytes()
    at = content.index(b"payload %d" % (sequence - 1))
    path.write_bytes(content[:at] + b"P" + content[at + 1 :])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def kept(minh, home, tmp_path) -> Path:
    """A backup of a home with a journal and secrets."""
    (home / "config" / "minhos.toml").write_text(SETTINGS, encoding="utf-8")
    journal(home)
    assert minh("backup", str(tmp_path / "b.zip")).code == 0
    return tmp_path / "b.zip"


def packed(path: Path, **members: bytes | zipfile.ZipInfo) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def test_a_backup_holds_no_secret_and_restore_keeps_those_of_the_home(minh, home, kept):
    with zipfile.ZipFile(kept) as packed_file:
        everything = b"".join(packed_file.read(name) for name in packed_file.namelist())
        text = packed_file.read("config/minhos.toml").decode()
    assert not any(word.encode() in everything for word in WORDS)
    assert "# mine" in text
    assert 'volume = "loud"' in text
    assert "9001" in text
    minh("config", "set", "web.port", "9002")
    assert minh("restore", str(kept)).code == 0
    assert (home / "config" / "minhos.toml").read_text(encoding="utf-8") == SETTINGS
    (home / "config" / "minhos.toml").unlink()
    done = minh("restore", str(kept), "--json")
    assert json.loads(done.out)["missing"] == ["sierra.password", "web.password", "alert.phone.address"]
    assert load(home).web.port == 9001


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_their_owner_reads_what_comes_back(minh, home, kept):
    (home / JOURNAL).unlink()
    assert minh("restore", str(kept)).code == 0
    paths = (home / JOURNAL, home / "config" / "minhos.toml", kept)
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600] * 3


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("data/HALT", "holds 'data/HALT'"),
        ("data/run/trader.json", "holds 'data/run/trader.json'"),
        ("data/inbox.sqlite", "holds 'data/inbox.sqlite'"),
        ("minhos/trading/decide.py", "it was not written by `backup`"),
        ("../escaped.toml", "would leave the home"),
        ("config/../../escaped.toml", "would leave the home"),
        ("/etc/escaped.toml", "would leave the home"),
        ("config\\..\\escaped.toml", "would leave the home"),
        ("data/journal/paper-x.sqlite", "which is no SQLite file"),
        ("data/journal/x.sqlite", "it was not written by `backup`"),
        ("DATA/HALT", "it was not written by `backup`"),
        ("config/MINHOS.TOML", "twice"),
    ],
)
def test_a_member_that_no_backup_has_changes_nothing_at_all(minh, home, kept, tmp_path, name, why):
    with zipfile.ZipFile(kept, "a") as target:
        target.writestr(name, "not ours")
    before = tree(home)
    done = minh("restore", str(kept))
    assert done.code != 0
    assert why in done.sentence()
    assert tree(home) == before
    assert not (tmp_path / "escaped.toml").exists()


def test_a_link_a_giant_and_a_bomb_are_refused_before_anything_is_unpacked(minh, home, tmp_path):
    link = zipfile.ZipInfo("config/minhos.toml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as target:
        target.writestr(link, "/etc/passwd")
    assert "a link" in minh("restore", str(tmp_path / "link.zip")).sentence()
    giant = packed(tmp_path / "giant.zip", **{"config/minhos.toml": os.urandom(5 * archive.MIB)})
    assert "too large for a file of settings" in minh("restore", str(giant)).sentence()
    bomb = packed(tmp_path / "bomb.zip", **{JOURNAL: b"SQLite format 3\0" + bytes(8 * archive.MIB)})
    assert "announces" in minh("restore", str(bomb)).sentence()
    assert not (home / "config" / "minhos.toml").exists()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_backup_with_a_flipped_byte_restores_nothing_or_everything(minh, home, kept, share):
    content = kept.read_bytes()
    at = int(len(content) * share)
    kept.write_bytes(content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :])
    before = tree(home)
    done = minh("restore", str(kept))
    assert "Traceback" not in done.err
    if done.code:
        assert tree(home) == before
        assert "Nothing was changed" in done.sentence() or "can be read" in done.sentence()


def test_a_broken_journal_in_a_backup_changes_nothing(minh, home, kept, tmp_path):
    breaking(home / JOURNAL, 7)
    done = minh("backup", str(tmp_path / "c.zip"))
    assert (done.code, "record 7 was changed" in done.sentence()) == (2, True)
    assert not list(tmp_path.glob("*.partial"))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as target:
        target.writestr("config/minhos.toml", "[web]\nport = 9009\n")
        target.write(home / JOURNAL, JOURNAL)
    before = tree(home)
    done = minh("restore", str(tmp_path / "d.zip"))
    assert (done.code, "record 7" in done.sentence()) == (2, True)
    assert tree(home) == before


def test_a_restore_that_is_broken_off_is_finished_by_whoever_comes_next(minh, home, kept, monkeypatch):
    layout = Layout(home)
    extra = Journal.open(home / JOURNAL, IDENTITY)
    extra.append("Alarm", b"later", 99)
    extra.close()
    minh("config", "set", "web.port", "9002")
    real, calls = archive._put, []

    def once(*arguments):
        calls.append(arguments[2])
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(archive, "_put", once)
    minh("restore", str(kept))
    assert layout.disk.exists(archive._plan_file(layout))
    monkeypatch.setattr(archive, "_put", real)
    archive.finish(layout)
    assert not (layout.data / "restoring").exists()
    assert load(home).web.port == 9001
    assert reader(home / JOURNAL).last == 20
    assert [path.name for path in (home / JOURNAL).parent.glob("*.replaced-*")] == [Path(JOURNAL).name + ".replaced-1"]


def test_restore_answers_to_the_point(minh, home, kept, tmp_path):
    said = minh("restore", str(tmp_path / "none.zip")).sentence()
    assert f"There is no file {tmp_path / 'none.zip'}" in said
    assert f"The newest that is still there is {kept}" in said
    assert "can be read" in minh("restore", str(home)).sentence()
    heartbeats.write(Layout(home).make(), WebBeat(state="running"), SystemClock())
    done = minh("restore", str(kept))
    assert (done.code, "web runs" in done.sentence()) == (1, True)


# repair --------------------------------------------------------------------------------------------------------------


def test_repair_names_the_record_and_what_would_be_left_out(minh, home):
    path = journal(home)
    done = minh("repair", "--json")
    assert (done.code, json.loads(done.out)["verdict"]) == (0, "sound")
    breaking(path, 13)
    done = minh("repair", "--json")
    told = json.loads(done.out)
    assert (done.code, told["verdict"], told["first_broken"], told["records"]) == (1, "broken", 13, 12)
    assert told["left_out"] == {"OrderFilled": 4}
    assert "repair --until 12" in told["sentence"]


def test_replay_of_a_broken_journal_names_the_record(minh, home):
    breaking(journal(home), 13)
    done = minh("replay", "--verify", "--json")
    assert (done.code, json.loads(done.out)["chain"]["first_broken"]) == (1, 13)
    assert "minh.py repair" in done.sentence()


def test_repair_goes_on_from_the_record_and_keeps_the_file(minh, home):
    path = journal(home)
    breaking(path, 13)
    before = path.read_bytes()
    done = minh("repair", "--until", "13")
    assert (done.code, "Record 13" in done.sentence(), "Nothing was changed" in done.sentence()) == (1, True, True)
    assert path.read_bytes() == before
    done = minh("repair", "--until", "12", "--json")
    told = json.loads(done.out)
    assert (done.code, told["verdict"], told["kept_as"]) == (0, "repaired", path.name + ".replaced-1")
    assert path.with_name(told["kept_as"]).read_bytes() == before
    with_end = reader(path)
    assert (with_end.last, with_end.verify().sound) == (13, True)
    assert b"cut after record 12" in next(iter(with_end.records(after=12))).payload
    assert journal_notes.read(Layout(home), path).last == 13
    assert "no record 99" in minh("repair", "--until", "99").sentence()


def test_repair_takes_a_sound_journal_as_it_is_and_begins_anew_where_nothing_can_be_read(minh, home):
    path = journal(home)
    journal_notes.note_of(path).unlink()
    assert json.loads(minh("repair", "--until", "20", "--json").out)["verdict"] == "accepted"
    assert journal_notes.read(Layout(home), path).last == 20
    path.write_bytes(b"no database at all" * 500)
    done = minh("repair")
    assert (done.code, "repair --until 0" in done.out, "says how much" in done.out) == (1, True, False), "no circle"
    assert json.loads(minh("repair", "--until", "0", "--json").out)["kept_as"] == path.name + ".replaced-1"
    assert not path.exists()
    assert "There is no journal" in minh("repair").sentence()


def test_the_way_out_of_another_journal_names_that_journal(minh, home, tmp_path):
    ours, other = journal(home), tmp_path / "a copy of paper.sqlite"
    other.write_bytes(ours.read_bytes())
    breaking(other, 13)
    said = minh("repair", "--journal", str(other))
    assert (said.code, "restore" in said.out) == (1, False), "a backup would come back elsewhere"
    (command,) = [part for part in " ".join(said.out.split()).split("`") if part.startswith("python3 minh.py")]
    assert shlex.split(command)[2:] == ["repair", "--until", "12", "--journal", str(other)]
    assert minh(*shlex.split(command)[2:]).code == 0
    assert (reader(other).last, reader(ours).last) == (13, 20)
    breaking(ours, 13)
    assert "--journal" not in minh("repair", "--json").out


def test_what_is_no_journal_is_not_set_aside_by_a_repair(minh, home, tmp_path):
    journal(home)
    notes, bookmarks = tmp_path / "notes.txt", tmp_path / "bookmarks.sqlite"
    notes.write_text("what I meant to do")
    sqlite3.connect(bookmarks).execute("CREATE TABLE bookmarks (address TEXT)").connection.close()
    for path in (notes, bookmarks):
        before = tree(tmp_path)
        for words in (("--until", "0"), ("--until", "3"), ()):
            said = minh("repair", *words, "--journal", str(path))
            assert (said.code, "is no journal" in said.sentence()) == (1, True)
        assert tree(tmp_path) == before
    broken = tmp_path / "paper-sim.sqlite"
    broken.write_bytes(b"no database at all" * 500)
    assert minh("repair", "--until", "0", "--journal", str(broken)).code == 0


def test_a_damaged_index_is_written_anew_with_every_record(minh, home):
    path = journal(home, 400)
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events_by_kind'").fetchone()
    connection.close()
    content = bytearray(path.read_bytes())
    content[page * 4096 - 40 : page * 4096] = bytes(40)
    path.write_bytes(content)
    told = json.loads(minh("repair", "--json").out)
    assert (told["verdict"], told["records"]) == ("broken", 400)
    assert minh("repair", "--until", "400").code == 0
    assert reader(path).verify().sound
    assert reader(path).last == 401


def test_settings_that_are_no_toml_are_a_sentence():
    with pytest.raises(MinhosError, match="not valid TOML"):
        archive.without_secrets("[web\n")
