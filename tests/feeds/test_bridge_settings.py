"""What the settings say about the bridge, and where training and trading find its mirror."""

from __future__ import annotations

from pathlib import Path

import pytest
from bridge_pair import NOW, SYMBOL, add, bridging, later, random_records, wait_for, write

from minhos.assembly import mirror
from minhos.assembly.feeds import make_feed
from minhos.errors import DataError, FeedError, SettingsError
from minhos.feeds.bridge.feed import BridgeFeed
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import SimulatedClock, SystemClock
from minhos.settings import Settings, load


def settings_of(home: Path, bridge: str, **data: str) -> Settings:
    lines = [f'{key} = "{value}"' for key, value in {"bridge": bridge, **data}.items()]
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config/minhos.toml").write_text("[data]\n" + "\n".join(lines) + "\n")
    return load(home)


def running(chosen: Settings) -> mirror.BridgeMirror:
    folder = Path(chosen.data.bridge_folder)
    return mirror.running_mirror(mirror.mirror_options(chosen), folder, chosen.market.symbol, SystemClock())


def test_with_the_bridge_alone_its_mirror_is_the_source(tmp_path: Path) -> None:
    chosen = settings_of(tmp_path, "10.0.0.1:11199", bridge_password="x")
    assert chosen.data.source == chosen.data.bridge_folder == str(tmp_path / "data/bridge")
    assert not chosen.simulated
    assert mirror.mirror_options(chosen).host == "10.0.0.1"
    assert mirror.mirror_options(chosen).port == 11199


def test_a_source_of_ones_own_stays(tmp_path: Path) -> None:
    chosen = settings_of(tmp_path, "[::1]:11199", source="/sierra/Data", bridge_folder="/elsewhere")
    assert (chosen.data.source, chosen.data.bridge_folder) == ("/sierra/Data", "/elsewhere")
    assert chosen.data.bridge_address() == ("::1", 11199)


@pytest.mark.parametrize("address", ["windows-box", "10.0.0.1:", ":11199", "10.0.0.1:port", "10.0.0.1:70000"])
def test_a_wrong_address_is_refused_in_words(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match="is no address"):
        settings_of(tmp_path, address)


def test_a_wrong_fingerprint_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no SHA-256"):
        settings_of(tmp_path, "10.0.0.1:11199", bridge_fingerprint="abc")
    settings_of(tmp_path, "10.0.0.1:11199", bridge_fingerprint=":".join(["ab"] * 32))


def test_the_password_may_be_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mirror.PASSWORD_VARIABLE, "from outside")
    assert mirror.mirror_options(settings_of(tmp_path, "10.0.0.1:11199")).password == "from outside"
    given = settings_of(tmp_path, "10.0.0.1:11199", bridge_password="given")
    assert mirror.mirror_options(given).password == "given"


def test_a_trader_follows_the_bridge(tmp_path: Path) -> None:
    (tmp_path / "sierra").mkdir()
    source = write(tmp_path / "sierra" / f"{SYMBOL}.scid", random_records(500))
    with bridging(tmp_path / "sierra") as bridge:
        chosen = settings_of(tmp_path / "home", f"127.0.0.1:{bridge.port}")
        clock = SimulatedClock(NOW)
        try:
            feed = make_feed(chosen, SessionCalendar.load(), clock)
            assert isinstance(feed, BridgeFeed)
            assert feed.symbol == "NQZ25"
            assert len(feed.history())
            add(source, later(random_records(50, seed=3, span_s=5), 30))
            clock.advance_to(NOW + 30 * 10**9)
            stream = feed.stream()
            wait_for(lambda: next(stream) is not None, "for a price by the bridge")
            assert feed.follow("NQZ25").symbol == "NQZ25"
            assert feed.follow("NQH26") is feed
        finally:
            running(chosen).close()


def test_without_bridge_and_copy_the_reason_is_said(tmp_path: Path) -> None:
    with bridging(tmp_path) as bridge:
        port = bridge.port
    chosen = settings_of(tmp_path / "home", f"127.0.0.1:{port}")
    with pytest.raises(FeedError, match="No DTC server"):
        mirror.copy_now(chosen)
    try:
        with pytest.raises(DataError, match="No DTC server"):
            make_feed(chosen, SessionCalendar.load(), SimulatedClock(NOW))
    finally:
        running(chosen).close()


def test_training_copies_what_is_new_first(tmp_path: Path) -> None:
    (tmp_path / "sierra").mkdir()
    records = random_records(300)
    (tmp_path / "home").mkdir()
    with bridging(tmp_path / "sierra") as bridge:
        chosen = settings_of(tmp_path / "home", f"127.0.0.1:{bridge.port}")
        clock = SystemClock()
        write(tmp_path / "sierra" / f"{SYMBOL}.scid", later(records, (clock.now_ns() - NOW) / 1e9 - 60))
        chosen = chosen.model_copy(update={"market": chosen.market.model_copy(update={"symbol": "NQZ25"})})
        mirror.copy_now(chosen)
        assert (tmp_path / "home/data/bridge" / f"{SYMBOL}.scid").stat().st_size == 56 + 40 * 300
