"""`check-sierra`: the .scid file of our contract while Sierra Chart writes it: how often, how fresh, in what form."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

import numpy as np

from minhos.errors import DataError, MinhosError
from minhos.feeds.scid.files import RECORD_SIZE, STAMPS_US, price_scale, time_ns, with_integer_stamps
from minhos.feeds.scid.fold import RECORD, Records, kinds
from minhos.feeds.scid.folders import scid_files
from minhos.feeds.scid.reader import ScidReader
from minhos.market.clock import Clock
from minhos.market.symbols import Symbol, root_of
from minhos.sierra_check.context import Desk
from minhos.sierra_check.finding import Finding, failed, ok, unknown, warning

LOOK_EVERY_S = 0.05
SAMPLE = 1_000
OLD_S = 30.0
FLUSH = (
    "Global Settings >> Data/Trade Service Settings >> Advanced: set Intraday File Flush Time in Milliseconds to 1000, "
    "and flush_interval_ms = 1000 under [data]."
)
ONE_TICK = "Global Settings >> Data/Trade Service Settings: set Intraday Data Storage Time Unit to 1 Tick."
DATA_LINE = 'Add [data] source = "the folder of the .scid files" to config/minhos.toml.'


class ScidWatch:
    """One file, looked at twenty times a second; reads only what was added and the last record."""

    def __init__(self, path: Path, symbol: Symbol, clock: Clock) -> None:
        self.path, self.symbol, self._clock = path, symbol, clock
        self.grew_ns: list[int] = []
        self.ages_s: list[float] = []
        """Age of the newest record each time that the file had grown."""
        self.rewritten = self.late = self.replaced = 0
        self.trouble = ""
        self._n, self._last, self._newest = -1, b"", 0

    async def run(self, seconds: float) -> None:
        """Watch for so long."""
        end_ns = self._clock.monotonic_ns() + int(seconds * 1e9)
        while self._clock.monotonic_ns() < end_ns:
            try:
                self.look()
            except (DataError, OSError) as error:
                self.trouble = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Compare the file with the last look."""
        with ScidReader(self.path) as file:
            n = len(file)
            data = file.raw(max(0, (min(self._n, n) if self._n >= 0 else n) - 1), n)
        if 0 <= n < self._n:
            self.replaced += 1
        elif self._n > 0 and data[:RECORD_SIZE] != self._last:
            self.rewritten += 1
        if self._n >= 0 and n > self._n:
            self._note_growth(data[RECORD_SIZE if self._n else 0 :])
        self._n, self._last = n, data[-RECORD_SIZE:]

    def _note_growth(self, data: bytes) -> None:
        stamps = with_integer_stamps(np.frombuffer(data, RECORD), self.path)["stamp"]
        before = np.maximum.accumulate(np.concatenate([[self._newest], stamps[:-1]]))
        self.late += int((stamps < before).sum())
        self._newest = max(self._newest, int(stamps.max()))
        self.grew_ns.append(self._clock.monotonic_ns())
        self.ages_s.append((self._clock.now_ns() - int(time_ns(stamps[-1:])[0])) / 1e9)

    @property
    def flush_s(self) -> float | None:
        """Median time between two growths; None where there were fewer than three."""
        steps = [(b - a) / 1e9 for a, b in zip(self.grew_ns, self.grew_ns[1:], strict=False)]
        return statistics.median(steps) if len(steps) >= 2 else None


def find_file(desk: Desk) -> ScidWatch | Finding:
    """The file of what is forecast, or why there is none to watch."""
    source, symbol = desk.settings.data.source, desk.contracts()[0]
    if not source:
        return unknown("scid", "[data] names no source", way_out=DATA_LINE)
    path = Path(source)
    try:
        if path.is_dir():
            files = scid_files(path, symbol)
            return ScidWatch(files[symbol.contract][1], symbol, desk.clock)
        if path.suffix.lower() == ".scid" and path.is_file():
            return ScidWatch(path, symbol, desk.clock)
    except (MinhosError, OSError) as error:
        return failed(
            "scid", f"The file of {symbol.contract} cannot be used: {error}", "Open its chart in Sierra Chart."
        )
    return unknown("scid", f"{source} is not a folder of .scid files on this machine")


def file_findings(watch: ScidWatch, seconds: float, flush_setting_ms: int, prices: dict[str, float]) -> list[Finding]:
    """What the file holds and how it grew.  prices: of positions and fills, by the server's symbol."""
    try:
        sample = _sample(watch.path)
    except (DataError, OSError) as error:
        return [failed("scid", str(error), "Open the contract's chart in Sierra Chart.")]
    return [
        _storage(sample),
        _stamps(watch.path),
        *_scales(watch, sample, prices),
        *_growth(watch, seconds, flush_setting_ms),
    ]


def _sample(path: Path) -> Records:
    with ScidReader(path) as file:
        sample = file.records(max(0, len(file) - SAMPLE), len(file))
    if not len(sample):
        raise DataError(f"{path.name} holds no records.")
    return sample


def _storage(sample: Records) -> Finding:
    tick, quote, usable = kinds(sample)
    share = float((tick | quote).mean())
    told = {"records": len(sample), "ticks": round(share, 3), "unusable": int((~usable & ~quote).sum())}
    if share == 1.0:
        return ok("scid_storage_unit", f"The last {len(sample)} records are single ticks.", told)
    sentence = f"{1 - share:.0%} of the last {len(sample)} records are bars: MinhOS waits for each to be whole."
    return warning("scid_storage_unit", sentence, told, ONE_TICK)


def _stamps(path: Path) -> Finding:
    """Which of the two formats of time this installation writes."""
    with ScidReader(path) as file:
        raw = int.from_bytes(file.stamp(0), "little", signed=True)
    modern = STAMPS_US[0] < raw < STAMPS_US[1]
    form = "microseconds as whole numbers" if modern else "days as floating-point numbers, the format before 2021"
    return ok("scid_stamps", f"Times are stored as {form}.", "int64" if modern else "double")


def _scales(watch: ScidWatch, sample: Records, prices: dict[str, float]) -> list[Finding]:
    """How the file stores prices, and whether positions and fills are told in the same units."""
    closes = sample["close"][sample["close"] > 0]
    if not len(closes):
        return [failed("scid_prices", "The last records hold no price.", "Open the contract's chart in Sierra Chart.")]
    close = float(np.median(closes))
    scale = price_scale(watch.symbol, close)
    told = {"multiplier": scale.multiplier, "stored": close}
    stored = ok("scid_prices", f"{watch.path.name}: {scale.note or 'prices are stored in points'}.", told)
    return [stored, _report_prices(watch.symbol, close * scale.multiplier, prices)]


def _report_prices(symbol: Symbol, points: float, prices: dict[str, float]) -> Finding:
    step = "report_prices"
    ours = {name: price for name, price in prices.items() if _root(name) == symbol.root}
    if not ours:
        return unknown(step, f"there is no position and no recent fill in {symbol.root} whose price could be compared")
    name, price = next(iter(ours.items()))
    told = {"symbol": name, "reported": price, "file": points}
    if 0.2 < price / points < 5.0:
        return ok(step, f"Positions and fills of {name} are told in points ({price:g}, the file has {points:g}).", told)
    sentence = f"The server tells a price of {price:g} for {name}; the file has {points:g}."
    return failed(step, sentence, "Do not trade. Global Settings >> Symbol Settings: Real-Time Price Multiplier.", told)


def _root(name: str) -> str:
    try:
        return root_of(name)
    except MinhosError:
        return ""


def _growth(watch: ScidWatch, seconds: float, flush_setting_ms: int) -> list[Finding]:
    if not watch.grew_ns:
        why = watch.trouble or f"the file did not grow in {seconds:.0f} s (is the market open, and its chart?)"
        return [unknown(step, why) for step in ("scid_age", "scid_flush", "scid_in_place", "scid_late")]
    age = min(watch.ages_s)
    found = []
    if age > OLD_S:
        sentence = f"The newest record is {age:.0f} s old when written: delayed data are never traded."
        found.append(
            failed("scid_age", sentence, "Subscribe to real-time CME data in Help >> Account Control Panel.", age)
        )
    else:
        found.append(ok("scid_age", f"The newest record is {age:.1f} s old when it is written.", round(age, 3)))
    found.append(_flush(watch.flush_s, seconds, flush_setting_ms))
    text = f"The last record was rewritten {watch.rewritten} times, the file replaced {watch.replaced} times."
    counts = {"rewritten": watch.rewritten, "replaced": watch.replaced}
    found.append(ok("scid_in_place", text, counts))
    found.append(ok("scid_late", f"{watch.late} records came with an earlier time than one before them.", watch.late))
    return found


def _flush(flush_s: float | None, seconds: float, setting_ms: int) -> Finding:
    if flush_s is None:
        return unknown("scid_flush", f"the file grew fewer than three times in {seconds:.0f} s")
    sentence = f"The file is written every {flush_s:.2f} s; [data] flush_interval_ms says {setting_ms / 1000:g} s."
    if flush_s > 1.5 * setting_ms / 1000:
        return warning(
            "scid_flush", f"{sentence} Bars would be closed before they are whole.", round(flush_s, 3), FLUSH
        )
    if flush_s < setting_ms / 3000:
        return warning("scid_flush", f"{sentence} Decisions come later than they could.", round(flush_s, 3), FLUSH)
    return ok("scid_flush", sentence, round(flush_s, 3))
