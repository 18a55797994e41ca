"""The page: what its charts are given, and in a real browser what it says, whom it asks, and that HALT holds."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minhos.assembly.files import write_json
from minhos.assembly.layout import Layout
from minhos.journal.store import Journal
from minhos.market.calendar import SessionCalendar
from minhos.testing.builders import MONDAY_OPEN, random_bars, trading_events
from minhos.trading import events as ev
from minhos.views.store import Views
from minhos.web.moment import candles, equity

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def folded() -> Views:
    views = Views(SessionCalendar.load())
    for sequence, event in enumerate(trading_events(), 1):
        views.apply(sequence, event)
    return views


def test_candles_carry_fills_and_position() -> None:
    bars, found = list(random_bars(12)), candles(folded())
    assert [c.label for c in found][:2] == ["06 13:35", "06 13:40"]
    open_, close, low, high = found[4].prices
    assert (open_, close, low, high) == tuple(
        ticks * 0.25 for ticks in (bars[4].open_ticks, bars[4].close_ticks, bars[4].low_ticks, bars[4].high_ticks)
    )
    assert [i for i, c in enumerate(found) if c.bought is not None] == [4]  # bar 3 decided, bar 4's open filled
    assert [i for i, c in enumerate(found) if c.sold is not None] == [7]
    assert [c.position for c in found] == [0, 0, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0]


def test_only_what_is_new_is_handed_to_the_charts() -> None:
    views = folded()
    all_candles, all_points = candles(views), equity(views)
    assert [c.close_ns for c in candles(views, all_candles[-3].close_ns)] == [c.close_ns for c in all_candles[-2:]]
    assert equity(views, all_points[-2][0]) == all_points[-1:]
    assert candles(views, all_candles[-1].close_ns) == []


def tell_watchdog(home: Path, state: str, sentence: str, last_action: str) -> None:
    """The file of a watchdog that is heard for as long as can be: a stamp far in the future is no sign of life."""
    write_json(
        Layout(home).run / "watchdog.json",
        {
            "time_ns": time.time_ns() + 9 * 10**9,
            "state": state,
            "sentence": sentence,
            "last_action": last_action,
        },
    )


@pytest.fixture
def server(tmp_path: Path, journal: Journal) -> Iterator[str]:
    """The web process itself, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MINHOS_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "minhos.web", "--port", str(port)]
    with subprocess.Popen(command, env=environment) as process:
        for _ in range(150):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://localhost:{port}/"
        process.terminate()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
def test_the_page_in_a_browser(server: str, tmp_path: Path, journal: Journal) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = chromium.new_page(viewport={"width": 1440, "height": 1000})
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server)

        expect(page.get_by_text("Sentence 11.").first).to_be_visible(timeout=20_000)
        expect(page.get_by_text("SIMULATED: far easier than any real market")).to_be_visible()
        expect(page.get_by_text("70.0 %").first).to_be_visible()

        alarm = ev.Alarm(MONDAY_OPEN, "Pushed without a reload.")
        journal.append(ev.kind_of(alarm), ev.encode(alarm), 0)
        expect(page.get_by_text("Pushed without a reload.")).to_be_visible(timeout=20_000)

        expect(page.get_by_text("WATCHDOG")).to_have_count(0)
        tell_watchdog(
            tmp_path,
            "flat",
            "The trader has been dead or gone for 61 s; nothing is held.",
            "The watchdog acted: flat: +2 MNQZ25-CME closed, 2 orders ended, in 310 ms.",
        )
        acted = page.get_by_text("WATCHDOG: The watchdog acted: flat: +2 MNQZ25-CME closed")
        expect(acted).to_be_visible(timeout=20_000)
        expect(page.get_by_role("cell", name="The watchdog acted: flat")).to_be_visible()
        page.screenshot(path=tmp_path / "page.png", full_page=True)

        page.get_by_role("button", name="HALT").click()
        expect(page.get_by_text("halted").first).to_be_visible(timeout=20_000)
        assert Layout(tmp_path).halt_file.exists()

        outside = [
            url for url in asked if not url.startswith((server, server.replace("http", "ws", 1), "data:", "blob:"))
        ]
        assert outside == []
        assert errors == []
        chromium.close()
