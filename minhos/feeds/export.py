"""What was read of a file or folder, as a file of its own: `check-data FILE --export OUT`.

Rows stand as the source has them, at its own bar length, before the gate and every cut; two columns say whether a
row would be used, and which rule cut it.  Ticks become 5-minute bars.  Importers only: this loads polars.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.errors import DataError, MinhosError, SettingsError
from minhos.feeds.aggregate import Rows, fold
from minhos.feeds.seen import Seen
from minhos.market.calendar import SessionCalendar
from minhos.market.gate import GateReport
from minhos.market.types import BAR_INTERVAL_NS, UNKNOWN, Bars

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".parquet")
PRICES, VOLUMES = ("open", "high", "low", "close"), ("volume", "bid_volume", "ask_volume")
DIGITS = 9
"""Of a point: what a product of price and unit has beyond them is noise of the float."""
NOT_LEFT = "left out where files or contracts were joined, or before the days that were asked for"


class Judged(NamedTuple):
    """What was made of what was seen."""

    bars: Bars
    gate: GateReport


def check_target(target: Path) -> None:
    """Raises SettingsError for a name that is taken, or that says neither of the two formats."""
    if target.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"--export {target}: it writes .csv or .parquet; give the file one of these endings.")
    if os.path.lexists(target):
        raise SettingsError(f"--export {target}: that exists and is not written over; name a new file.")
    if not target.parent.is_dir():
        raise SettingsError(f"--export {target}: there is no folder {target.parent}; make it, or name another one.")


def write_seen(target: Path, seen: list[Seen], calendar: SessionCalendar, judged: Judged | None, refusal: str) -> int:
    """Write all rows at once or nothing; gives their number.

    refusal: why none of them is used; empty where some are.  Raises DataError where the file cannot be written.
    """
    frame = frame_of(seen, calendar, judged, refusal)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _write(frame, partial, target.suffix.lower())
        if os.path.lexists(target):
            raise SettingsError(f"--export {target}: that exists by now and is not written over; name a new file.")
        os.replace(partial, target)
    except MinhosError:
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(f"{target} cannot be written ({reason}); nothing of it is left, name another place") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return len(frame)


def frame_of(seen: list[Seen], calendar: SessionCalendar, judged: Judged | None, refusal: str) -> pl.DataFrame:
    """The table as it is written, in order of time; columns that a source does not have are null."""
    import polars as pl

    parts = [_columns(at if at.step_ns else _folded(at), calendar, judged, refusal) for at in seen]
    frame = pl.concat([pl.DataFrame(part, schema=_schema()) for part in parts] or [pl.DataFrame(schema=_schema())])
    frame = frame.sort("time", "contract", maintain_order=True)
    return _once(frame) if len(seen) > 1 else frame


def _schema() -> pl.Schema:
    """Every column, in order."""
    import polars as pl

    return pl.Schema(
        [
            ("time", pl.Datetime("ns", "UTC")),
            ("contract", pl.String()),
            *((name, pl.Float64()) for name in PRICES),
            *((name, pl.Int64()) for name in VOLUMES),
            ("used", pl.Boolean()),
            ("why", pl.String()),
        ]
    )


def _columns(seen: Seen, calendar: SessionCalendar, judged: Judged | None, refusal: str) -> dict[str, pl.Series]:
    import polars as pl

    n = len(seen.open_ns)
    cuts = _cuts(seen, calendar, judged, refusal)
    cut = pl.Series("why", cuts, pl.String)
    prices = np.round(np.asarray(seen.prices, np.float64), DIGITS)
    columns = {
        "time": pl.Series(seen.open_ns).cast(pl.Datetime("ns", "UTC")),
        "contract": pl.repeat(seen.contract or None, n, dtype=pl.String, eager=True),
        **{name: pl.Series(prices[i]) for i, name in enumerate(PRICES)},
        "used": cut == "",
        "why": pl.select(pl.when(cut != "").then(cut)).to_series(),
    }
    for i, name in enumerate(VOLUMES):
        values = pl.Series(name, np.asarray(seen.volumes[i], np.int64))
        columns[name] = pl.select(pl.when(values >= 0).then(values)).to_series()
    return columns


def _folded(seen: Seen) -> Seen:
    """Ticks that count as bars of 5 minutes."""
    counted = np.ones(len(seen.open_ns), np.bool_) if seen.why is None else seen.why == ""
    prices, volumes = seen.prices[:, counted], seen.volumes[:3, counted]
    bins = seen.open_ns[counted] // BAR_INTERVAL_NS
    columns = (*prices, *volumes, np.zeros(len(bins), np.int64))
    rows = fold(Rows(bins, *columns))
    sides = zip((rows.volume, rows.bid_volume, rows.ask_volume), volumes, strict=True)
    known = [sums if (each >= 0).all() else np.full(len(sums), UNKNOWN) for sums, each in sides]
    return Seen(seen.source, seen.contract, rows.bin * BAR_INTERVAL_NS, rows.prices(), np.stack(known), BAR_INTERVAL_NS)


def _cuts(seen: Seen, calendar: SessionCalendar, judged: Judged | None, refusal: str) -> npt.NDArray[np.object_]:
    """For each row the rule that cut it, empty where it is used."""
    n = len(seen.open_ns)
    why = np.full(n, "", object) if seen.why is None else seen.why.copy()
    if judged is not None:
        closes = (seen.open_ns // BAR_INTERVAL_NS + 1) * BAR_INTERVAL_NS
        by_bar = _cuts_of_bars(judged, calendar)
        bars = judged.bars
        index = bars.contracts.index(seen.contract) if seen.contract in bars.contracts else -1
        mine = np.flatnonzero(bars.contract == index)
        places = np.searchsorted(bars.close_time_ns[mine], closes)
        found = places < len(mine)
        found[found] = bars.close_time_ns[mine][places[found]] == closes[found]
        of_bar = np.full(n, NOT_LEFT, object)
        of_bar[found] = by_bar[mine[places[found]]]
        why = np.where(why == "", of_bar, why)
    return np.where(why == "", refusal, why)


def _cuts_of_bars(judged: Judged, calendar: SessionCalendar) -> npt.NDArray[np.object_]:
    """The same for each 5-minute bar, by the gate."""
    gate, times = judged.gate, judged.bars.close_time_ns
    reasons = {date.trade_date: f"trade date {date.trade_date} cut off: {date.reason}" for date in gate.dates}
    cut = {*gate.cut_start, *gate.cut_end}
    dates = calendar.trade_dates_of_bars(times)
    outside = (times <= gate.kept_start_ns) | (times > gate.kept_end_ns)
    why = np.full(len(times), "", object)
    for date in np.unique(dates[outside]).tolist():
        said = reasons[date] if date in cut else "outside every session" if not date else "cut off by the gate"
        why[outside & (dates == date)] = said
    return why


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows that several files have stand once; of two that differ the one with more volume counts."""
    import polars as pl

    data = [name for name in frame.columns if name not in ("used", "why")]
    frame = frame.unique(data, keep="first", maintain_order=True)
    place = pl.int_range(pl.len())
    best = place.sort_by(pl.col("volume").fill_null(-1), maintain_order=True).last().over("time", "contract")
    other = pl.col("used") & (pl.int_range(pl.len()).over("time", "contract") != best)
    return frame.with_columns(
        used=pl.col("used") & ~other,
        why=pl.when(other).then(pl.lit("another file has more of this bar")).otherwise("why"),
    )


def _write(frame: pl.DataFrame, path: Path, suffix: str) -> None:
    """Onto the disk, whole.  Raises OSError or an error of polars."""
    import polars as pl

    with path.open("xb") as file:
        if suffix == ".csv":
            seconds = (frame["time"].dt.epoch("ns") % 10**9 == 0).all()
            form = "%Y-%m-%dT%H:%M:%SZ" if seconds else "%Y-%m-%dT%H:%M:%S%.9fZ"
            frame.with_columns(pl.col("time").dt.strftime(form)).write_csv(file)
        else:
            frame.write_parquet(file)
        file.flush()
        os.fsync(file.fileno())
