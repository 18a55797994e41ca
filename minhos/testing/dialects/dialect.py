"""One dialect: a vendor's or anybody's way to write bars, with its zone, numbers, order, container and defects."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from minhos.market.calendar import SessionCalendar
from minhos.market.symbols import MONTHS, front_contract
from minhos.market.types import NANOS_PER_SECOND
from minhos.testing.dialects.series import LEVELS, Row, Series, series_of
from minhos.testing.dialects.spoilt import column_of, fated, named_by, others_of, spoil, without
from minhos.testing.dialects.vendors import CHICAGO, NEW_YORK, SERVER, UTC, VENDORS, Vendor

STARTS = (20240226, 20240304, 20241021, 20250303, 20250602, 20250922, 20251006, 20251020, 20251027, 20260223)
"""Trade dates, some of them before a change of clocks in one place or the other."""
ZONES = (UTC, NEW_YORK, CHICAGO, SERVER, "Europe/London", "Europe/Berlin", "Europe/Athens", "Asia/Tokyo", "Etc/GMT+5")
STAMPS = (
    "%Y-%m-%d_%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d_%H:%M:%S%z",
    "%Y-%m-%d_%H:%M:%S+00",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y_%H:%M",
    "%m/%d/%Y %I:%M_%p",
    "%m/%d/%Y_%H:%M",
    "%d/%m/%Y_%H:%M:%S",
    "%Y%m%d %H%M",
    "%Y%m%d_%H%M%S",
    "%Y%m%d-%H:%M:%S",
    "%d-%b-%Y_%H:%M",
    "%b_%d,_%Y_%H:%M",
    "%Y%m%d hmm",
    "%Y-%m-%d_%H:%M:%S.%f0",
    "s",
    "ms",
    "us",
    "ns",
)
EPOCHS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
NUMBERS = ("plain", "plain", "fewest", "german", "english", "narrow", "apostrophe")
CONTAINERS = ("", "", "", "gz", "bz2", "xz", "zip", "bom", "utf-16", "utf-16-le", "crlf", "cr")
DEFECTS = ("twice", "no such day", "no such minute", "blank", "shuffled", "remark", "footer", "holes", "other decade")
LOSSES = ("ragged", "no price", "no volume", "volume in words", "volume below zero", "no stamp")
"""What a few rows have in a file that loses them."""
FATES = (
    "many lost",
    "running total",
    "total since midnight",
    "regular hours",
    "expired",
    "a decade",
    "two volumes",
    "two times",
    "a month's name",
    "a word",
    "spreads",
    "another root",
    "without symbols",
    "two series",
    "another year",
)
"""What befalls a file as a whole, at most one of them; most cannot be read, and a refusal must say why."""
CANNOT_BE_READ = {
    "many lost": ("cannot be read", "can be read; the first is line", "than the header line names; the first is line"),
    "running total": ("running total",),
    "total since midnight": ("running total",),
    "regular hours": ("--timezone", "--stamps"),
    "expired": ("cannot be of",),
    "a decade": ("cannot be of",),
    "two volumes": ("claim to be the volume", "claims to be the volume"),
    "a month's name": ("may say the contract", "cannot be of"),
    "a word": ("names no contract",),
    "another root": ("name one root with --symbol",),
    "without symbols": ("name no contract",),
    "two series": ("repeat the stamp of another with other values",),
}
"""What a refusal of each says."""
NEVER_READ = ("many lost", "running total", "total since midnight", "two series")
NAMES = (
    "time_utc open high low close volume",
    "timestamp open high low close volume",
    "Date_Time Open High Low Last Vol",
    "datetime o h l c v",
    "Time OPEN HIGH LOW CLOSE VOLUME",
)


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """All that a file needs to be written again."""

    vendor: str = ""
    """Name of a row of `VENDORS`; empty for a table of nobody's."""
    root: str
    start: int
    sessions: int
    minutes: int
    seed: int
    zone: str = UTC
    stamps: str = "open"
    stamp: str = ""
    number: str = "plain"
    sep: str = ","
    names: str = NAMES[0]
    symbol: str = "{root}{code}"
    container: str = ""
    defects: tuple[str, ...] = ()
    newest_first: bool = False
    loss: str = ""
    """One of `LOSSES`."""
    fate: str = ""
    """One of `FATES`."""
    told: tuple[str, ...] = ()
    """What the user says: "zone", "stamps"."""

    @property
    def described(self) -> bool:
        """A row of a vendor describes it, and nothing befell it that cannot be read."""
        return bool(self.vendor) and self.fate not in CANNOT_BE_READ


class Written(NamedTuple):
    """A file, what is in it, what the user says, and what a refusal may truly say."""

    path: Path
    series: Series
    contract: str
    zone: str | None
    stamps: str | None
    true_reasons: tuple[str, ...]
    never_read: bool = False
    """Whatever is accepted of it is wrong."""


def drawn(rng: random.Random) -> Dialect:
    """A dialect from random choices; two thirds are vendors'."""
    common = {
        "root": rng.choice(sorted(LEVELS)),
        "start": rng.choice(STARTS),
        "sessions": rng.choice((6, 6, 7, 10)),
        "seed": rng.randrange(10**6),
        "container": rng.choice(CONTAINERS),
        "defects": tuple(name for name in DEFECTS if rng.random() < 0.08),
        "loss": rng.choice(LOSSES) if rng.random() < 0.2 else "",
        "fate": rng.choice(FATES) if rng.random() < 0.3 else "",
    }
    if rng.random() < 2 / 3:
        vendor = rng.choice(VENDORS)
        return Dialect(
            vendor=vendor.name,
            minutes=rng.choice(vendor.minutes),
            zone=vendor.zone,
            stamps=vendor.stamps,
            symbol=rng.choice(vendor.symbols),
            newest_first=vendor.newest_first,
            **common,  # type: ignore[arg-type]
        )
    stamp = rng.choice(STAMPS)
    fixed = stamp in EPOCHS or stamp.endswith(("Z", "+00", "%z"))
    return Dialect(
        minutes=rng.choice((1, 5)),
        zone=rng.choice((UTC, CHICAGO) if stamp.endswith("%z") else (UTC,) if fixed else ZONES),
        stamps=rng.choice(("open", "close")),
        stamp=stamp,
        number=rng.choice(NUMBERS),
        sep=rng.choice((",", ";", "\t")),
        names=rng.choice(NAMES if fixed else NAMES[1:]),
        newest_first=rng.random() < 0.2,
        told=tuple(name for name in ("zone", "stamps") if rng.random() < 0.3),
        **common,  # type: ignore[arg-type]
    )


def write(dialect: Dialect, folder: Path, calendar: SessionCalendar) -> Written:
    """The file of a dialect."""
    series = series_of(dialect.root, dialect.start, dialect.sessions, dialect.minutes, dialect.seed, calendar)
    rng = random.Random(dialect.seed)
    if "holes" in dialect.defects:
        series = series._replace(rows=[row for row in series.rows if rng.random() > 0.01])
    vendor = next((each for each in VENDORS if each.name == dialect.vendor), None) or _own(dialect)
    words = _words(dialect)
    stamp = _stamp_of(dialect.zone)
    shift_ns = series.step_ns if dialect.stamps == "close" else 0
    series = fated(series, dialect)
    totals = _totals(series)
    fields, header = vendor.fields.split(" "), vendor.header.format(**words)
    if second := column_of(dialect, fields, header):
        fields, header = [*fields, second[1]], f"{header}{vendor.sep}{second[0]}"
    rows = []
    for i, row in enumerate(series.rows):
        local = stamp(row.open_ns + shift_ns)
        rows.append(
            [_value(f, row, row.open_ns + shift_ns, local, totals[i], i, dialect, vendor, words) for f in fields]
        )
    spoilt = spoil(rows, dialect, fields, series)
    rows += others_of(rows, dialect, fields)
    lines = _spoilt([vendor.sep.join(row) for row in rows], dialect, rng, vendor)
    remark = ["# written by a script"] if "remark" in dialect.defects else []
    below = [vendor.below] if vendor.below else ["end of data"] if "footer" in dialect.defects else []
    text = "\n".join([*remark, *([header] if header else []), *lines, *below]) + "\n"
    file, contract = named_by(dialect, vendor, words, _words(msgspec.structs.replace(dialect, fate="")))
    path = _packed(folder / file, text, dialect.container)
    told_zone = dialect.zone if "zone" in dialect.told and dialect.zone != SERVER else None
    told_stamps = dialect.stamps if "stamps" in dialect.told else None
    reasons = (*_true_reasons(dialect, vendor), *CANNOT_BE_READ.get(dialect.fate, ()))
    kept = without(series, spoilt)
    return Written(path, kept, contract, told_zone, told_stamps, reasons, dialect.fate in NEVER_READ)


def _own(dialect: Dialect) -> Vendor:
    """A table of nobody's, as a vendor of its own."""
    names = dialect.names.split(" ")
    stamps = dialect.stamp.split(" ")
    if len(stamps) > 1:
        names = ["Date", "Time", *names[1:]]
    return Vendor("", dialect.sep.join(names), f"{dialect.stamp} o h l c v", sep=dialect.sep)


def _words(dialect: Dialect) -> dict[str, str]:
    days = {"expired": -200, "a decade": 3670}.get(dialect.fate, 20)
    date = dt.datetime.strptime(f"{dialect.start}", "%Y%m%d").date() + dt.timedelta(days=days)
    contract = front_contract(dialect.root, date)
    year = f"{contract.year}"
    return {
        "root": dialect.root,
        "code": contract.month + year[2:],
        "short": contract.month + year[3:],
        "long": contract.month + year,
        "dash": f"{MONTHS[contract.month]:02d}-{year[2:]}",
    }


def _stamp_of(zone: str) -> Callable[[int], dt.datetime]:
    """The clock in a zone; that of MetaTrader's servers is seven hours ahead of New York."""
    place = ZoneInfo(NEW_YORK if zone == SERVER else zone)
    ahead = dt.timedelta(hours=7 if zone == SERVER else 0)

    def local(time_ns: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(time_ns // NANOS_PER_SECOND, place) + ahead

    return local


def _totals(series: Series) -> list[int]:
    """Volume of the session so far: one ends where an hour without bars follows."""
    found, total, last = [], 0, 0
    for row in series.rows:
        total = row.volume if row.open_ns - last > 3500 * NANOS_PER_SECOND else total + row.volume
        last = row.open_ns
        found.append(total)
    return found


def _value(
    field: str,
    row: Row,
    time_ns: int,
    local: dt.datetime,
    total: int,
    i: int,
    dialect: Dialect,
    vendor: Vendor,
    words: dict[str, str],
) -> str:
    if field.startswith("%"):
        return _quoted(local.strftime(field).replace("_", " "), vendor.sep)
    if field.startswith("="):
        return field[1:]
    if field in EPOCHS:
        return f"{time_ns // EPOCHS[field]}"
    prices = {"o": row.open, "h": row.high, "l": row.low, "c": row.close}
    if field in prices:
        return _quoted(_price(prices[field], LEVELS[dialect.root][1], dialect, vendor), vendor.sep)
    counts = {"v": row.volume, "up": row.up, "down": row.down, "total": total, "n": max(1, row.volume // 3)}
    if field in counts:
        return _quoted(_grouped(f"{counts[field]}", dialect.number), vendor.sep)
    others = {
        "i": f"{i}",
        "study": f"{20000 + i % 90}.5",
        "symbol": dialect.symbol.format(**words),
        "hmm": f"{local.hour * 100 + local.minute}",
    }
    return others[field]


def _price(ticks: int, tick: float, dialect: Dialect, vendor: Vendor) -> str:
    hundredths = ticks * round(tick * 100)
    if vendor.unit != 1.0:
        return f"{hundredths * 10**7}"
    whole, cents = divmod(hundredths, 100)
    if dialect.number == "fewest":
        return f"{whole}.{cents:02d}".rstrip("0").rstrip(".")
    point = "," if dialect.number in ("german", "narrow") else "."
    return f"{_grouped(f'{whole}', dialect.number)}{point}{cents:02d}"


def _grouped(digits: str, number: str) -> str:
    """Thousands parted as in Germany, England, France and Switzerland."""
    mark = {"german": ".", "english": ",", "narrow": "\u202f", "apostrophe": "'"}.get(number)
    return digits if mark is None else f"{int(digits):,}".replace(",", mark)


def _quoted(text: str, sep: str) -> str:
    return f'"{text}"' if sep in text else text


def _spoilt(lines: list[str], dialect: Dialect, rng: random.Random, vendor: Vendor) -> list[str]:
    """Rows in the dialect's order, with its defects."""
    first = vendor.fields.split(" ")[0]
    if "twice" in dialect.defects:
        at = rng.randrange(len(lines) - 30)
        lines = lines[: at + 20] + lines[at:]
    if "shuffled" in dialect.defects:
        at = rng.randrange(len(lines) - 30)
        lines = lines[:at] + lines[at + 9 : at + 20] + lines[at : at + 9] + lines[at + 20 :]
    if "no such day" in dialect.defects and "%Y-%m-%d" in first:
        lines = [*lines, f"{lines[-1][:4]}-02-31{lines[-1][10:]}"]
    if "no such minute" in dialect.defects and "%H:%M:%S" in first and len(first) > 12:
        at = lines[-1].index(":")
        lines = [*lines, f"{lines[-1][: at + 1]}75{lines[-1][at + 3 :]}"]
    if "other decade" in dialect.defects and first.startswith("%Y"):
        lines = [f"1989{lines[0][4:]}", *lines]
    if dialect.newest_first:
        lines = lines[::-1]
    if "blank" in dialect.defects:
        at = rng.randrange(len(lines))
        lines = [*lines[:at], "", *lines[at:]]
    return lines


def _packed(path: Path, text: str, container: str) -> Path:
    data = text.encode()
    if container in ("gz", "bz2", "xz"):
        packers: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
        data = packers[container](data)
        path = path.with_name(f"{path.name}.{container}")
    elif container == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.name, data)
        data, path = packed.getvalue(), path.with_name("download.zip")
    elif container in ("utf-16", "utf-16-le"):
        data = text.encode(container)
    elif container == "bom":
        data = b"\xef\xbb\xbf" + data
    elif container in ("crlf", "cr"):
        data = text.replace("\n", {"crlf": "\r\n", "cr": "\r"}[container]).encode()
    path.write_bytes(data)
    return path


def _true_reasons(dialect: Dialect, vendor: Vendor) -> tuple[str, ...]:
    """Words that a refusal of it may bear and be true: what nobody can know from the file."""
    stamp, reasons = dialect.stamp, []
    if not dialect.described:
        offset = stamp in EPOCHS or stamp.endswith(("Z", "+00", "%z"))
        told = "zone" in dialect.told and dialect.zone != SERVER
        reasons += ["--timezone"] if not offset and not told else []
        reasons += ["--stamps"] if "stamps" not in dialect.told else []
        reasons += ["may be a day and a month"] if stamp.startswith(("%d/", "%m/")) else []
    return tuple(reasons)
