"""The commands as a user types them: a sentence for every mistake, one JSON object on request, the right code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer

from minhos import cli
from minhos.assembly import heartbeats
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import registry_of
from minhos.assembly.running import ALWAYS
from minhos.commands.operate import running
from minhos.errors import PartsError
from minhos.features.pipeline import FEATURE_NAMES, FEATURE_VERSION
from minhos.market.clock import SystemClock
from minhos.models.registry import Registry
from minhos.settings import OVERRIDES, load, parse
from minhos.testing.builders import MONDAY_OPEN, bundle_contents

ROOT = Path(__file__).resolve().parents[2]
GROUP = typer.main.get_command(cli.app)


def words_of(group, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command, subcommands included."""
    found = []
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found += words_of(command, (*before, name)) if inner else [(*before, name)]
    return found


def promoted(home: Path, seed: int) -> str:
    """A small bundle for the simulated market of the defaults."""
    layout, settings = Layout(home).make(), load(home)
    registry = registry_of(settings, layout)
    contents = bundle_contents(
        simulated=True,
        feature_names=FEATURE_NAMES,
        feature_version=FEATURE_VERSION,
        seed=seed,
        created_ns=MONDAY_OPEN + seed,
    )
    info = registry.save(contents)
    registry.promote(info.id, "test", MONDAY_OPEN)
    return info.id


def test_every_command_is_known():
    assert {" ".join(words) for words in words_of(GROUP)} >= {
        "start",
        "stop",
        "status",
        "logs",
        "train",
        "backtest",
        "replay",
        "compare",
        "check-data",
        "halt",
        "resume",
        "flatten",
        "backup",
        "restore",
        "checklist",
        "bench",
        "models list",
        "models promote",
        "models rollback",
        "config show",
        "config get",
        "config set",
    }


@pytest.mark.parametrize("words", words_of(GROUP), ids=" ".join)
def test_help_has_an_example(minh, words):
    done = minh(*words, "--help")
    assert done.code == 0
    text = " ".join(done.out.replace("│", " ").split())
    assert f"Example: minh.py {' '.join(words)}" in text


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("strat",), "start"),
        (("chek-data",), "check-data"),
        (("models", "lst"), "list"),
        (("train", "--dais", "30"), "--days"),
        (("bench", "decisoin"), "did you mean decision?"),
        (("backtest", "--symbol", "ESS"), "did you mean ES?"),
    ],
)
def test_a_wrong_word_is_answered_with_the_likely_one(minh, words, meant):
    done = minh(*words)
    assert done.code == 2
    assert meant in done.sentence()


@pytest.mark.parametrize("command", ["train", "backtest", "check-data", "kelly-vs-fixed", "check-context"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.csv", None),
        ("empty.csv", b""),
        ("empty.scid", b""),
        ("foreign.scid", b"this is no intraday file" * 20),
        ("foreign.csv", bytes(range(256)) * 8),
        ("foreign.parquet", b"PAR1 but not really PAR1"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(minh, tmp_path, command, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = minh(command, str(path))
    assert done.code == 2
    assert str(path) in done.sentence()
    assert done.out == ""


@pytest.mark.parametrize("content", [None, b"", b"when,price\nnever,1\nnever,2\n"])
def test_check_data_answers_in_json_where_nothing_can_be_read(minh, tmp_path, content):
    path = tmp_path / "NQZ25.csv"
    if content is not None:
        path.write_bytes(content)
    done = minh("check-data", str(path), "--json", "--export", str(tmp_path / "out.csv"))
    answer = json.loads(done.out)
    assert (done.code, answer["verdict"], answer["bars"], answer["sources"]) == (2, "refused", 0, [str(path)])
    assert answer["reason"] in done.sentence()
    assert not (tmp_path / "out.csv").exists()


def test_check_data_writes_no_file_over(minh, tmp_path):
    (tmp_path / "out.csv").write_text("mine")
    done = minh("check-data", str(tmp_path / "NQZ25.csv"), "--export", str(tmp_path / "out.csv"))
    assert (done.code, (tmp_path / "out.csv").read_text()) == (2, "mine")
    assert "is not written over" in done.sentence()


@pytest.mark.parametrize("command", ["train", "backtest", "check-data"])
def test_a_folder_without_data_is_named(minh, tmp_path, command):
    (tmp_path / "nothing").mkdir()
    done = minh(command, str(tmp_path / "nothing"))
    assert done.code == 2
    assert str(tmp_path / "nothing") in done.sentence()


@pytest.mark.parametrize("command", ["check-data", "check-context"])
def test_without_data_the_checks_refuse_and_name_where_they_looked(minh, command):
    sentence = minh(command, "--symbol", "NQU25-CME").sentence()
    assert "there is no data for NQU25-CME" in sentence
    assert "[data] source is empty" in sentence
    assert "SIERRACHART_DATA" in sentence


def test_two_sources_contradict_each_other(minh, tmp_path):
    done = minh("train", str(tmp_path / "a.csv"), "--source", str(tmp_path / "b.csv"))
    assert (done.code, "two sources are given" in done.sentence()) == (2, True)


def test_contradicting_switches_of_start_are_refused(minh, tmp_path):
    done = minh("start", "--data", str(tmp_path), "--market", "null")
    assert (done.code, "contradict each other" in done.sentence()) == (2, True)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("minhos.toml", "[risk]\nmax_consecutive_loses = 2\n", "did you mean 'max_consecutive_losses'"),
        ("minhos.toml", "[autonomous]\nauto_trading = true\nenable_auto_trading = false\n", "one switch"),
        ("minhos.toml", "[risk\n", "is not valid TOML"),
        ("kelly_risk_parameters.json", "{broken", "is not valid JSON"),
        ("kelly_risk_parameters.json", "[]", "one JSON object"),
        ("events.csv", "when,what\nnever,CPI\n", "events"),
    ],
)
def test_settings_that_cannot_be_used_are_a_sentence(minh, home, file, text, words):
    (home / "config" / file).write_text(text, encoding="utf-8")
    for command in ("status", "train", "checklist"):
        done = minh(command)
        assert done.code == 2
        assert words in done.sentence()


@pytest.mark.parametrize(
    "words", [("status",), ("checklist",), ("config", "show"), ("models", "list"), ("integration",)], ids=" ".join
)
def test_json_is_one_object_in_an_empty_home(minh, words):
    done = minh(*words, "--json")
    assert (done.code, done.err) == (0, "")
    assert isinstance(json.loads(done.out), dict)


def test_status_before_the_first_start(minh):
    answer = json.loads(minh("status", "--json").out)
    assert (answer["state"], answer["mode"], answer["simulated"]) == ("not_running", "simulated", True)


def test_nothing_in_the_checklist_is_met_without_evidence(minh):
    rows = json.loads(minh("checklist", "--json").out)["rows"]
    assert len(rows) >= 35
    assert {row["state"] for row in rows} <= {"not met", "cannot be known here"}
    assert all(row["value"] and row["command"] for row in rows)


@pytest.mark.parametrize("command", ["replay", "compare"])
def test_without_a_journal_there_is_nothing_to_replay(minh, command):
    done = minh(command)
    assert (done.code, "there is no journal" in done.sentence()) == (2, True)


def test_commands_that_no_trader_answers(minh, home, monkeypatch):
    from minhos.commands.operate import control

    monkeypatch.setattr(control, "WAIT_S", 0.05)
    assert minh("halt", "--why", "news").code == 0
    assert "news" in (home / "data" / "HALT").read_text(encoding="utf-8")
    assert json.loads(minh("status", "--json").out)["state"] == "halted"
    done = minh("resume")
    assert done.code == 1
    assert "no trader answered" in done.sentence()
    assert not (home / "data" / "HALT").exists()
    assert minh("flatten").code == 1


def test_config_set_keeps_comments_and_refuses_what_would_not_load(minh, home):
    path = home / "config" / "minhos.toml"
    path.write_text("# mine\n[risk]\nmax_consecutive_losses = 3  # as asked\n", encoding="utf-8")
    assert minh("config", "set", "risk.max_consecutive_losses", "2").code == 0
    assert path.read_text(encoding="utf-8") == "# mine\n[risk]\nmax_consecutive_losses = 2  # as asked\n"
    for key, value in (("risk.max_consecutive_loses", "2"), ("simulation.ceiling", "0.9"), ("nosuch", "1")):
        done = minh("config", "set", key, value)
        assert done.code == 2
        assert done.sentence()
    assert "= 2  # as asked" in path.read_text(encoding="utf-8")


def test_config_set_begins_a_file_and_mends_none_that_is_broken(minh, home):
    assert minh("config", "set", "web.port", "9001").code == 0
    assert load(home).web.port == 9001
    (home / "config" / "minhos.toml").write_text("[web\n", encoding="utf-8")
    done = minh("config", "set", "web.port", "9002")
    assert (done.code, "not valid TOML" in done.sentence()) == (2, True)


def test_config_set_changes_together_what_must_change_together(minh, home):
    refused = minh("config", "set", "sizing.max_position_size", "8")
    assert (refused.code, "sizing.max_position_size 8 autonomous.max_position_size 8" in refused.sentence()) == (
        2,
        True,
    )
    both = ("sizing.max_position_size", "8", "autonomous.max_position_size", "8")
    assert minh("config", "set", *both).code == 0
    assert load(home).sizing_parameters().max_position_size == 8
    assert "has no value" in minh("config", "set", *both, "web.port").sentence()


def test_config_set_promises_nothing_that_it_does_not_do(minh, home):
    assert minh("config", "set", "web.port", "9001").out.endswith(
        "web.port = 9001; it takes effect at the next start.\n"
    )
    journal = Layout(home).make().journal("simulated", "paper-ou-58-7")
    said = minh("config", "set", "paper.initial_cash", "100000").out
    assert "takes effect at the next start" in said
    journal.touch()
    said = " ".join(minh("config", "set", "paper.initial_cash", "200000").out.split())
    assert f"it changes nothing in {journal.name}, which has begun and keeps its cash" in said
    heartbeats.write(Layout(home), TraderBeat(state="running"), SystemClock())
    said = " ".join(minh("config", "set", "web.port", "9002").out.split())
    assert "at the next start: what runs (trader) goes on with what it was started with" in said


def test_a_password_is_never_shown(minh, home):
    (home / "config" / "minhos.toml").write_text('[web]\npassword = "secret-word"\n', encoding="utf-8")
    assert "secret-word" not in minh("config", "show").out + minh("config", "show", "--json").out


def test_models_are_listed_promoted_and_rolled_back(minh, home):
    old, new = promoted(home, 1), promoted(home, 2)
    listed = {info["id"]: info["status"] for info in json.loads(minh("models", "list", "--json").out)["bundles"]}
    assert listed == {old: "previous", new: "active"}
    assert json.loads(minh("models", "rollback", "--json").out)["active"] == old
    assert json.loads(minh("models", "promote", new, "--json").out)["active"] == new
    done = minh("models", "promote", "nosuch")
    assert (done.code, "'nosuch'" in done.sentence()) == (2, True)


def test_a_bundle_of_another_market_is_listed_and_never_denied(minh, home):
    """`train FILE` saves for real bars while the settings name the demo."""
    real = Registry(Layout(home).models)
    bundle = real.save(bundle_contents()).id
    listed = json.loads(minh("models", "list", "--json").out)
    assert [info["id"] for info in listed["bundles"]] == [bundle]
    said = " ".join(minh("models", "list").out.split())
    assert "There is no bundle of a simulated NQ market (ou, ceiling 58.0 %) yet; 1 of other markets are listed" in said
    done = minh("models", "promote", bundle)
    assert "which is another market" in " ".join(done.out.split())
    assert real.active("NQ").id == bundle


def test_a_backup_is_restored_and_never_overwrites(minh, home, tmp_path):
    bundle = promoted(home, 1)
    (home / "config" / "minhos.toml").write_text("[web]\nport = 9001\n", encoding="utf-8")
    target = tmp_path / "b.zip"
    assert json.loads(minh("backup", str(target), "--json").out)["files"] > 5
    assert minh("backup", str(target)).code == 2
    minh("config", "set", "web.port", "9002")
    assert minh("restore", str(target)).code == 0
    assert load(home).web.port == 9001
    assert bundle in minh("models", "list", "--json").out


@pytest.mark.parametrize("content", [b"", b"no zip at all", None])
def test_a_backup_that_cannot_be_read_is_refused(minh, tmp_path, content):
    path = tmp_path / "b.zip"
    if content is not None:
        path.write_bytes(content)
    done = minh("restore", str(path))
    assert (done.code, str(path) in done.sentence()) == (2, True)


def test_a_home_that_may_not_be_written_to_is_a_sentence(minh, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("MINHOS_HOME", str(tmp_path / "file"))
    done = minh("train")
    assert done.code == 2
    assert "MINHOS_HOME" in done.sentence() or str(tmp_path / "file") in done.sentence()


def test_logs_before_the_first_start(minh):
    done = minh("logs", "--name", "trainer")
    assert (done.code, "there is no log" in done.sentence()) == (2, True)


def test_a_port_in_use_ends_start_with_a_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = {**os.environ, "MINHOS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "minhos.cli", "start", "--port", str(port)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_integration_script_says_how_it_is_with_the_status(tmp_path):
    environment = {**os.environ, "MINHOS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    code = "import sys; sys.argv = ['minh.py', 'integration']; from minhos.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "ML integration: installed, operational once `python3 minh.py start` runs" in done.stdout
    assert "status: not_running" in done.stdout


def test_pytest_collects_nothing_outside_its_folder():
    text = (ROOT / "test_ml_integration.py").read_text(encoding="utf-8")
    assert 'if __name__ == "__main__":' in text
    assert "def test_" not in text


def test_a_foreign_archive_overwrites_nothing(minh, home, tmp_path):
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("minh.py", "print('not ours')")
    done = minh("restore", str(foreign))
    assert done.code != 0
    assert "holds 'minh.py': it was not written by `backup`" in done.sentence()
    assert not (home / "minh.py").exists()


def test_a_backup_into_no_folder_names_the_folder(minh, tmp_path):
    done = minh("backup", str(tmp_path / "nowhere" / "b.zip"))
    assert done.code != 0
    assert "There is no folder" in done.sentence()
    assert "nowhere" in done.sentence()


def test_config_set_does_not_write_into_what_is_no_section(minh, home):
    path = home / "config" / "minhos.toml"
    path.write_text("web = 3\n", encoding="utf-8")
    done = minh("config", "set", "web.port", "9001")
    assert done.code != 0
    assert "a section [web] belongs" in done.sentence()
    assert path.read_text(encoding="utf-8") == "web = 3\n"


NO_START_TAKES = [
    (("web.host", "0.0.0.0"), "set [web] password first"),
    (("limit.fridays", "{ hours = 2 }"), "[limit.fridays] in minhos.toml: no limit has that name"),
    (("user.file", "nowhere.py"), "nowhere.py cannot be read"),
    (("data.source", "/nowhere/at/all"), "no file or folder /nowhere/at/all"),
    (("data.source", ".", "sierra.host", "localhost", "sierra.account", "F1"), "account = 'F1' is no simulated"),
    (("sierra.host", "localhost"), "with a generated market"),
    (("data.feed", "foldr"), "foldr"),
    (("trading.venue", "papr"), "papr"),
    (("web.port", "11099", "sierra.host", "localhost"), "two programs cannot share it"),
]


@pytest.mark.parametrize(("words", "why"), NO_START_TAKES)
def test_config_set_writes_nothing_that_the_next_start_refuses(minh, home, words, why):
    path = home / "config" / "minhos.toml"
    path.write_text("# mine\n", encoding="utf-8")
    done = minh("config", "set", *words)
    assert done.code == 2
    assert why in done.sentence()
    assert "Nothing was changed" in done.sentence()
    assert path.read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.parametrize(("words", "why"), NO_START_TAKES)
def test_a_start_refuses_what_config_set_does(minh, home, monkeypatch, words, why):
    monkeypatch.setenv(OVERRIDES, "{}")
    monkeypatch.setattr(running, "supervise", lambda *_: pytest.fail("it ran"))
    pairs = zip(words[::2], words[1::2], strict=True)
    lines = [f"{key} = {value if value[0] in '{1' else json.dumps(value)}\n" for key, value in pairs]
    (home / "config" / "minhos.toml").write_text("".join(lines), encoding="utf-8")
    done = minh("start")
    assert done.code == 2
    assert why in done.sentence()


def test_what_is_held_matters_more_than_what_a_start_refuses(home, monkeypatch):
    chosen = parse({"user": {"file": "nowhere.py"}})
    with pytest.raises(PartsError, match=r"nowhere\.py cannot be read"):
        running.services_of(chosen, Layout(home))
    monkeypatch.setattr(running, "anything_held", lambda _: True)
    assert running.services_of(chosen, Layout(home)) == ALWAYS


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("risk.levels.drawdown", "[0.04, 0.08, 0.12, 0.16]", "[0.04,0.08,0.12,0.16]"),
        ("risk.stale_after_s.live", "20", "20"),
        ("risk.risk_multipliers.HIGH", "0.4", "0.4"),
        ("market.instruments.NQ.commission_cents", "199", "199"),
        ("sierra.broker_symbols.MNQZ25", "F.US.MNQZ25", '"F.US.MNQZ25"'),
        ('evaluation."my account".max_drawdown', "2000", "2000"),
        ("web.names", '["trading.example.com"]', '["trading.example.com"]'),
        ("web.password", "secret-word", '"(set)"'),
    ],
)
def test_every_key_that_a_file_may_hold_is_set_and_shown(minh, key, value, shown):
    done = minh("config", "set", key, value)
    assert done.code == 0, done.err
    assert "secret-word" not in done.out
    for words in (("config", "get", key), ("config", "show", key)):
        assert minh(*words).out.startswith(f"{key} = {shown}")


def test_config_get_tells_default_range_and_meaning(minh):
    said = minh("config", "get", "sizing.stop_atr").out
    assert "default: 3.0" in said
    assert "range: 0.1 to 20" in said
    told = json.loads(minh("config", "get", "risk.levels.drawdown", "--json").out)
    assert told["value"] == [0.05, 0.1, 0.15, 0.2]
    assert told["range"]["high"] == 0.99
    assert "peak of equity" in told["meaning"]
    assert "did you mean 'drawdown'" in minh("config", "get", "risk.levels.drawdwon").sentence()
    assert "has no keys of its own" in minh("config", "get", "web.port.x").sentence()
    assert minh("config", "get", "risk").code == 0


def test_a_section_is_shown_alike_by_both_and_a_value_set_to_itself_is_accepted(minh):
    values = json.loads(minh("config", "show", "--json").out)
    for section in ("data", "sierra", "web", "risk", "sizing", "watchdog", "training"):
        assert json.loads(minh("config", "get", section, "--json").out)["value"] == values[section]
    for key in ("risk.levels.margin", "market.instruments.MNQ.slippage_ticks", "web.port"):
        value = json.loads(minh("config", "get", key, "--json").out)["value"]
        assert minh("config", "set", key, json.dumps(value)).code == 0
