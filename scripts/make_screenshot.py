"""Take the picture of the page that the documentation shows, from the simulated market.

Starts the demo in a temporary home, waits until the first models serve and trades have closed, and photographs the
page with the system's Chromium, without a window, through Playwright (`minh.py setup --test`).

    python scripts/make_screenshot.py [--out docs/images/dashboard.png] [--width 1280] [--trades 5]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from _environment import ROOT, enter

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 900
CHARTS_MS = 3_000
"""How long the charts may take to be drawn."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, default=Path(ROOT) / "docs" / "images" / "dashboard.png")
    arguments.add_argument("--width", type=int, nargs="+", default=[1280], help="several: one picture each, -WIDTH")
    arguments.add_argument("--trades", type=int, default=5, help="closed trades to wait for")
    chosen = arguments.parse_args()
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        print(f"No Chromium was found (looked for {', '.join(BROWSERS)}): install one.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="minhos-picture-", ignore_cleanup_errors=True) as home:
        port = free_port()
        demo = start(Path(home), port)
        try:
            wait_for_trades(demo, port, chosen.trades)
            photograph(browser, port, chosen.width, chosen.out)
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(60)
    return 0


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    """The demo in that home; the pace is fast, so that there is something to see within minutes."""
    (home / "config").mkdir()
    (home / "config" / "minhos.toml").write_text("[simulation]\nhistory_days = 45\n", encoding="utf-8")
    command = [sys.executable, "-m", "minhos.cli", "start", "--port", str(port), "--seconds-per-bar", "0.5"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "MINHOS_HOME": str(home)}, stdout=subprocess.DEVNULL)


def wait_for_trades(demo: subprocess.Popen[bytes], port: int, trades: int) -> None:
    for _ in range(PATIENCE_S):
        if demo.poll() is not None:
            raise SystemExit("The demo ended before there was anything to see.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/trading/trades?limit=100", timeout=5) as answer:
                if len(json.load(answer)["trades"]) >= trades:
                    return
        except OSError:
            pass
        time.sleep(1.0)
    raise SystemExit(f"No {trades} trades within {PATIENCE_S} s.")


def photograph(browser: str, port: int, widths: Sequence[int], out: Path) -> None:
    """One picture of the whole page a width, once its first moment has arrived and the charts are drawn."""
    from playwright.sync_api import sync_playwright

    out.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for width in widths:
            page = chromium.new_page(viewport={"width": width, "height": 800})
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_function("document.querySelector('.badge')?.textContent.trim()")
            page.wait_for_timeout(CHARTS_MS)
            path = out if len(widths) == 1 else out.with_stem(f"{out.stem}-{width}")
            page.screenshot(path=path, full_page=True)
            make_small(path)
            print(f"{path}: {path.stat().st_size // 1000} KB")
            page.close()
        chromium.close()


def make_small(picture: Path) -> None:
    """A page has few colours: a palette takes a third of the bytes."""
    from PIL import Image

    with Image.open(picture) as full:
        full.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    enter()
    raise SystemExit(main())
