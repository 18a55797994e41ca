"""Take the picture of the page that the documentation shows, from the simulated market.

Starts the demo in a temporary home, waits until the first models serve and trades have closed, and photographs the
page with the system's Chromium, without a window.

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
from pathlib import Path

from _environment import ROOT, enter

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 900
CHARTS_S = 12
"""Virtual seconds that the browser gives the page to connect and to draw."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, default=Path(ROOT) / "docs" / "images" / "dashboard.png")
    arguments.add_argument("--width", type=int, nargs="+", default=[1280], help="several: one picture each, -WIDTH")
    arguments.add_argument("--height", type=int, default=1500)
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
            for width in chosen.width:
                out = chosen.out if len(chosen.width) == 1 else chosen.out.with_stem(f"{chosen.out.stem}-{width}")
                photograph(browser, port, out, width, chosen.height)
                print(f"{out}: {out.stat().st_size // 1000} KB")
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


def photograph(browser: str, port: int, out: Path, width: int, height: int) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    flags = ["--headless=new", "--no-sandbox", "--hide-scrollbars", "--force-color-profile=srgb", "--disable-gpu"]
    size, shot = f"--window-size={width},{height}", f"--screenshot={out}"
    page = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *flags, f"--user-data-dir={profile}", size, shot, f"--timeout={CHARTS_S * 1000}", page]
        subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    enter()
    raise SystemExit(main())
