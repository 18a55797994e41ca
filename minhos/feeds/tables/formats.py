"""The table of file formats: how each is recognised, and what its columns, units, stamps and zone mean.

The first row that fits a file is used, a user's rows before ours; the last one fits every table.  What a row leaves
empty the general reader (`tables`) finds out from names and data, or refuses.  A row of your own is a function:

    @parts.formats("my_vendor", version="1")
    def my_vendor() -> Format:
        return Format(title="My vendor's bars", begins=("when", "px"), columns={"stamp": "when", "close": "px"})
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt

from minhos import parts
from minhos.errors import PartsError
from minhos.feeds.notes import ReadNotes
from minhos.feeds.scid import fold_numba
from minhos.feeds.scid.files import read_scid
from minhos.feeds.seen import See
from minhos.feeds.tables import bases, checks, sierra_text
from minhos.feeds.tables.columns import NAMES, plain
from minhos.feeds.tables.sniff import Sample
from minhos.market.symbols import Symbol, parse_symbol
from minhos.market.types import BAR_INTERVAL_NS, Bars, Ints

Floats = npt.NDArray[np.float64]
ROLES = (*NAMES, "time")
"""What a column may be: "time" beside "stamp" is the time of day beside a date."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller knows of a file; it counts before what its format says."""

    symbol: Symbol | None = None
    """A contract or a root to read; None for what the file says."""
    timezone: str | None = None
    """Zone of stamps without an offset."""
    stamps: str | None = None
    """"open" or "close": what stamps mark."""
    calendar_months: bool = False
    """A month in the file's name is the calendar's, as those of its folder show."""
    interval_ns: int = BAR_INTERVAL_NS
    see: See | None = None
    """Told of the rows as soon as their stamps are known, before they are judged."""


Reader = Callable[[Sample, Options], tuple[list[Bars], ReadNotes]]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.  It fits a file where `begins`, and `recognise` if there is one, fit its beginning."""

    title: str
    """As reports name it."""
    begins: tuple[str, ...] = ()
    """The names with which the header line begins; case, spaces and signs do not count."""
    recognise: Callable[[Sample], bool] | None = None
    """A rule of its own, where names are not enough."""
    header: tuple[str, ...] = ()
    """Names of the columns of files that have no header line."""
    columns: dict[str, str] = {}
    """Role (stamp, time, open, high, low, close, volume, bid_volume, ask_volume, trades, contract) to the column's
    name; other roles are found by the usual names."""
    stamps: str = ""
    """"open" or "close"; empty where the data tell."""
    zone: str = ""
    """Zone of stamps without an offset, as "America/Chicago"; empty where the data tell."""
    zone_of: Callable[[Ints], tuple[str, str]] | None = None
    """A rule of its own for the zone: clock readings in ns to the zone and a sentence; raises DataError."""
    dates: str = ""
    """"day" or "month": what dates as 10/06/2025 begin with, where no day beyond the 12th tells."""
    price_unit: float = 1.0
    """Points in one unit of the file's prices: 1e-9 for fixed-point integers."""
    single_trades: Callable[[Floats, Ints], npt.NDArray[np.bool_]] | None = None
    """Which rows are ticks, whose price is the close alone, from the opens and the numbers of trades."""
    read: Reader | None = None
    """A reader of its own, for what is no table."""
    source: str = ""
    """The public document or file that the row rests on; empty where there is none: then it is unverified."""

    def why(self, sample: Sample) -> str:
        """By what a file is of this format, empty where it is not."""
        names = tuple(plain(name) for name in sample.header[: len(self.begins)])
        if names != tuple(plain(name) for name in self.begins) or (self.recognise and not self.recognise(sample)):
            return ""
        if not self.begins:
            return "by its content"
        return f"its header line begins with {', '.join(name for name in self.begins[:4] if name)}"


def _scid(sample: Sample, options: Options) -> tuple[list[Bars], ReadNotes]:
    bars, notes = read_scid(sample.path, symbol=options.symbol, fold=fold_numba.fold_records, see=options.see)
    ticks = np.stack([bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks])
    volumes = (bars.volume, bars.bid_volume, bars.ask_volume, bars.trades)
    columns = checks.Columns(
        bars.close_time_ns - bars.interval_ns, bars.instrument.tick_size * ticks.astype(np.float64), volumes
    )
    said = list(checks.judge(columns, bars.instrument.root, str(sample.path)))
    contract = parse_symbol(bars.symbol)
    bases.one_base(columns, contract, str(sample.path))
    if adjusted := bases.adjusted_prices(columns, contract, bars.instrument.tick_size):
        said.append(adjusted)
        bars = msgspec.structs.replace(bars, adjusted=adjusted)
    return [bars], msgspec.structs.replace(notes, lines=(*notes.lines, *said))


GENERAL = Format(title="a table with a header line")
"""What no other row fits."""

_SHAPE = {
    "ninja": r"\d{8} \d{6};",
    "ninja_ticks": r"\d{8} \d{6} \d{7};",
    "metatrader": r"\d{4}\.\d\d\.\d\d,\d\d:\d\d,",
    "kibot": r"\d\d/\d\d/\d{4},\d\d:\d\d,",
    "firstrate": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,",
}


def _rows_like(shape: str, fields: int) -> Callable[[Sample], bool]:
    """A rule for files without a header line: rows that begin like that and have so many fields."""
    pattern = re.compile(_SHAPE[shape])
    return lambda sample: (
        not sample.has_header
        and bool(sample.lines)
        and all(len(row) == fields for row in sample.rows()[:5])
        and all(pattern.match(line) for line in sample.lines[:5])
    )


def _names(*wanted: str) -> Callable[[Sample], bool]:
    """A rule for files whose header line has all of these names, wherever."""
    return lambda sample: {plain(name) for name in wanted} <= {plain(name) for name in sample.header}


def _fixed_point(sample: Sample) -> bool:
    """Prices are whole numbers of more than eleven digits."""
    rows = sample.rows()
    place = [plain(name) for name in sample.header].index("close")
    return bool(rows) and all(len(row) > place and re.fullmatch(r"\d{11,}", row[place]) for row in rows[:5])


BARS = ("stamp", "open", "high", "low", "close", "volume")
DATED_BARS = ("date", "time", "open", "high", "low", "close", "volume")

FORMATS: dict[str, Format] = {
    "scid": Format(
        title="Sierra Chart's intraday file",
        recognise=lambda sample: sample.start.startswith(b"SCID") or sample.path.suffix.lower() == ".scid",
        read=_scid,
        source="sierrachart.com/index.php?page=doc/IntradayDataFileFormat.html",
    ),
    "sierra_text": Format(
        title="Sierra Chart's exported text",
        begins=sierra_text.HEADER,
        stamps="open",
        zone_of=sierra_text.zone_of_export,
        single_trades=sierra_text.single_trades,
        source="sierrachart.com/index.php?page=doc/TextDataFileFormats.html",
    ),
    "sierra_studies": Format(
        title="Sierra Chart's bars with studies",
        begins=("date", "time", "open", "high", "low", "last", "volume", "# of Trades"),
        stamps="open",
        columns={"trades": "# of Trades"},
        source="sierrachart.com/index.php?page=doc/StudiesReference.php&ID=379",
    ),
    "ninjatrader": Format(
        title="NinjaTrader's minutes",
        recognise=_rows_like("ninja", 6),
        header=BARS,
        columns={"stamp": "stamp"},
        stamps="close",
        zone="UTC",
        source="ninjatrader.com/support/helpGuides/nt8/en-us/importing.htm",
    ),
    "ninjatrader_ticks": Format(
        title="NinjaTrader's ticks",
        recognise=_rows_like("ninja_ticks", 5),
        header=("stamp", "close", "bid", "ask", "volume"),
        columns={"stamp": "stamp"},
        zone="UTC",
    ),
    "tradestation": Format(
        title="TradeStation's bars",
        begins=("Date", "Time", "Open", "High", "Low", "Close", "Up", "Down"),
        stamps="close",
        dates="month",
    ),
    "multicharts": Format(
        title="MultiCharts' bars",
        begins=("Date", "Time", "Open", "High", "Low", "Close", "Volume"),
        recognise=lambda sample: sample.lines[:1] != () and sample.lines[0].startswith("<Date>"),
        stamps="close",
        dates="month",
    ),
    "metatrader5": Format(
        title="MetaTrader 5's bars",
        begins=("DATE", "TIME", "OPEN", "HIGH", "LOW", "CLOSE", "TICKVOL", "VOL"),
        columns={"volume": "VOL"},
        stamps="open",
    ),
    "metatrader4": Format(
        title="MetaTrader 4's bars",
        recognise=_rows_like("metatrader", 7),
        header=DATED_BARS,
        stamps="open",
    ),
    "tradingview": Format(
        title="TradingView's chart",
        begins=("time", "open", "high", "low", "close"),
        recognise=lambda sample: ", " in sample.name and "volume" in {plain(name) for name in sample.header},
        stamps="open",
        source="public files of it, read bar for bar",
    ),
    "iqfeed": Format(
        title="IQFeed's intervals",
        begins=("Timestamp", "High", "Low", "Open", "Close", "TotalVolume", "PeriodVolume"),
        columns={"volume": "PeriodVolume"},
        stamps="close",
        zone="America/New_York",
    ),
    "interactive_brokers": Format(
        title="Interactive Brokers' bars",
        recognise=_names("date", "open", "high", "low", "close", "volume", "average", "barCount"),
        columns={"stamp": "date", "trades": "barCount"},
        stamps="open",
        source="github.com/erdewit/ib_insync: notebooks/bar_data.ipynb",
    ),
    "databento_fixed": Format(
        title="Databento's bars in units of 1e-9",
        begins=("ts_event",),
        recognise=lambda sample: _names("open", "high", "low", "close", "volume")(sample) and _fixed_point(sample),
        price_unit=1e-9,
        stamps="open",
        source="databento.com/docs/schemas/ohlcv",
    ),
    "databento": Format(
        title="Databento's bars",
        begins=("ts_event",),
        recognise=_names("open", "high", "low", "close", "volume"),
        stamps="open",
        source="databento.com/docs/schemas/ohlcv",
    ),
    "massive": Format(
        title="Massive's (Polygon's) flat file",
        recognise=_names("ticker", "window_start", "open", "high", "low", "close", "volume"),
        columns={"stamp": "window_start", "trades": "transactions"},
        stamps="open",
        source="massive.com/docs/flat-files",
    ),
    "polygon": Format(
        title="Polygon's (Massive's) aggregates",
        recognise=_names("t", "o", "h", "l", "c", "v", "n", "vw"),
        columns={"trades": "n"},
        stamps="open",
    ),
    "alpaca": Format(
        title="Alpaca's bars",
        recognise=_names("timestamp", "open", "high", "low", "close", "volume", "trade_count", "vwap"),
        columns={"trades": "trade_count"},
        stamps="open",
    ),
    "projectx": Format(
        title="ProjectX's bars",
        recognise=lambda sample: tuple(map(plain, sample.header)) == ("t", "o", "h", "l", "c", "v"),
        stamps="open",
    ),
    "barchart": Format(
        title="Barchart's intraday history",
        begins=("Time", "Open", "High", "Low", "Latest"),
        columns={"close": "Latest"},
        stamps="open",
    ),
    "kibot": Format(
        title="Kibot's bars",
        recognise=_rows_like("kibot", 7),
        header=DATED_BARS,
        stamps="open",
        zone="America/New_York",
        dates="month",
        source="kibot.com/Data_Format.aspx",
    ),
    "firstrate": Format(
        title="FirstRate's bars",
        recognise=_rows_like("firstrate", 6),
        header=BARS,
        columns={"stamp": "stamp"},
        stamps="open",
        zone="America/New_York",
        source="public files of it, read bar for bar",
    ),
    "yahoo": Format(
        title="Yahoo's bars by yfinance",
        begins=("Datetime",),
        recognise=_names("Open", "High", "Low", "Close", "Volume"),
        stamps="open",
        source="public files of it, read bar for bar",
    ),
    "dukascopy": Format(
        title="Dukascopy's candles",
        begins=("Gmt time", "Open", "High", "Low", "Close", "Volume"),
        stamps="open",
        zone="UTC",
        source="public files of it, read bar for bar",
    ),
    "tradovate": Format(
        title="Tradovate's bars",
        recognise=_names("timestamp", "open", "high", "low", "close", "upVolume", "downVolume"),
        stamps="open",
    ),
    "rithmic": Format(
        title="Rithmic's (R | Trader Pro) bars",
        begins=("Symbol", "Date", "Time", "Open", "High", "Low", "Close", "Volume"),
        dates="month",
    ),
}
"""Our rows, by name, in the order in which they are tried.

A row without a zone or a convention of stamps leaves it to the data, as programs export in the zone of their user.
"""


def format_of(sample: Sample) -> tuple[Format, str]:
    """The row for a file, and by what it was recognised.  Raises PartsError for a user's row that fails."""
    for part in parts.formats.own():
        try:
            row = cast(Callable[[], Format], part.value)()
            _check(row)
            why = row.why(sample)
        except Exception as error:
            raise PartsError(
                f"{part.where}: the file format {part.name!r} cannot be used ({type(error).__name__}: {error}); "
                "mend it, or leave [user] file in minhos.toml empty."
            ) from error
        if why:
            return row, why
    for row in FORMATS.values():
        if why := row.why(sample):
            return row, why
    return GENERAL, "no row of the table of formats fits"


def _check(row: Format) -> None:
    """Raises ValueError for a row that says nothing or the impossible."""
    unknown = [role for role in row.columns if role not in ROLES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no role of a column; roles are {', '.join(ROLES)}")
    if row.stamps not in ("", "open", "close"):
        raise ValueError(f'stamps = {row.stamps!r}; stamps mark the "open" or the "close" of a bar')
    if not row.begins and row.recognise is None:
        raise ValueError("it says neither with which names a file begins nor how else it is recognised")
