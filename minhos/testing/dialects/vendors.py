"""How vendors write bars, one literal row each, as far as they are known; the reader's own table is not looked at.

A field is a price (o h l c), a volume (v: all, total: of the day so far, down, up), a stamp (%...: a clock's reading,
s ms us ns: an epoch), a study's price (study), the contract (symbol), n: number of trades, or a literal (=...).
"""

from __future__ import annotations

from typing import NamedTuple

UTC, NEW_YORK, CHICAGO = "UTC", "America/New_York", "America/Chicago"
SERVER = "New York + 7 h"
"""Of MetaTrader: midnight there is the close of New York's day, summer and winter."""


class Vendor(NamedTuple):
    name: str
    header: str
    """Header line, fields cut by `sep`; empty for none."""
    fields: str
    """Fields of a row, cut by blanks; _ in a clock's reading is a blank."""
    file: str = "{symbol}.csv"
    sep: str = ","
    stamps: str = "open"
    zone: str = UTC
    unit: float = 1.0
    """Points in one unit of its prices."""
    minutes: tuple[int, ...] = (1, 5)
    above: str = ""
    below: str = ""
    newest_first: bool = False
    symbols: tuple[str, ...] = ("{root}{code}",)
    contract: str = "{root}{code}"
    """As the reader must name it; code: Z25, short: Z5, long: Z2025, dash: 12-25."""
    quoted: bool = False


ROOT = {"contract": "{root}", "symbols": ("{root}",)}
_NINJA = {"file": "{symbol}.Last.txt", "sep": ";", "stamps": "close", "symbols": ("{root} {dash}",)}
_SIERRA = "Date, Time, Open, High, Low, Last, Volume, # of Trades, OHLC Avg, HLC Avg, HL Avg, Bid Volume, Ask Volume"
_YAHOO = "%Y-%m-%d_%H:%M:%S+00:00"

VENDORS: tuple[Vendor, ...] = (
    Vendor(
        "Sierra Chart, bars",
        "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume",
        "%Y/%m/%d %H:%M:%S o h l c v n down up",
        "{symbol}_BarData.txt",
        ", ",
        symbols=("{root}{code}-CME", "{root}{code}_FUT_CME", "{root}{code}"),
    ),
    Vendor(
        "Sierra Chart, bars and studies",
        _SIERRA + ", Open, High, Low, Close",
        "%Y-%m-%d %H:%M:%S.000000 o h l c v n study study study down up study study study study",
        "{symbol}.txt",
        ", ",
        symbols=("{root}{code}-CME",),
    ),
    Vendor("NinjaTrader, minutes", "", "%Y%m%d_%H%M%S o h l c v", **_NINJA),  # type: ignore[arg-type]
    Vendor(
        "TradeStation",
        '"Date","Time","Open","High","Low","Close","Up","Down"',
        "%m/%d/%Y %H:%M o h l c up down",
        "{symbol}.txt",
        stamps="close",
        zone=CHICAGO,
    ),
    Vendor(
        "MultiCharts",
        "<Date>,<Time>,<Open>,<High>,<Low>,<Close>,<Volume>",
        "%m/%d/%Y %H:%M:%S o h l c v",
        stamps="close",
        zone=CHICAGO,
    ),
    Vendor("TradingView, epoch", "time,open,high,low,close,Volume", "s o h l c v", "CME_MINI_{root}1!, 5.csv", **ROOT),  # type: ignore[arg-type]
    Vendor(
        "TradingView, contract",
        "time,open,high,low,close,Volume,RSI",
        "%Y-%m-%dT%H:%M:%SZ o h l c v =51.2",
        "CME_MINI_{symbol}, 5_1a2b3.csv",
        symbols=("{root}{long}",),
    ),
    Vendor(
        "IQFeed",
        "Timestamp,High,Low,Open,Close,TotalVolume,PeriodVolume",
        "%Y-%m-%d_%H:%M:%S h l o c total v",
        stamps="close",
        zone=NEW_YORK,
    ),
    Vendor(
        "Interactive Brokers",
        "date,open,high,low,close,volume,average,barCount",
        "%Y%m%d_%H:%M:%S_US/Eastern o h l c v c n",
        zone=NEW_YORK,
    ),
    Vendor(
        "Interactive Brokers, pandas",
        ",date,open,high,low,close,volume,average,barCount",
        "i %Y-%m-%d_%H:%M:%S%z o h l c v c n",
        zone=CHICAGO,
    ),
    Vendor(
        "Databento, fixed point",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume",
        "ns =33 =1 =42 o h l c v",
        "glbx-mdp3-{symbol}.ohlcv-1m.csv",
        unit=1e-9,
        minutes=(1,),
    ),
    Vendor(
        "Databento, text",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",
        "%Y-%m-%dT%H:%M:%S.000000000Z =33 =1 =42 o h l c v symbol",
        "glbx-mdp3-20251001.ohlcv-1m.csv",
        minutes=(1,),
        symbols=("{root}{short}",),
    ),
    Vendor(
        "Databento, continuous",
        "ts_event,open,high,low,close,volume,symbol",
        "ns o h l c v symbol",
        "bars.csv",
        unit=1e-9,
        minutes=(1,),
        contract="{root}",
        symbols=("{root}.c.0", "{root}.v.0"),
    ),
    Vendor("Polygon", "t,o,h,l,c,v,n,vw", "ms o h l c v n c"),
    Vendor(
        "Massive, flat file",
        "ticker,volume,open,close,high,low,window_start,transactions",
        "symbol v o c h l ns n",
        "2025-10.csv",
        minutes=(1,),
        symbols=("{root}{short}",),
    ),
    Vendor("Alpaca", "timestamp,open,high,low,close,volume,trade_count,vwap", "%Y-%m-%d_%H:%M:%S+00:00 o h l c v n c"),
    Vendor("ProjectX", "t,o,h,l,c,v", "%Y-%m-%dT%H:%M:%S+00:00 o h l c v", newest_first=True),
    Vendor(
        "Barchart",
        "Time,Open,High,Low,Latest,Change,%Change,Volume",
        '%Y-%m-%d_%H:%M o h l c =1.25 ="0.01%" v',
        "{symbol}_intraday-5min_historical-data.csv",
        zone=CHICAGO,
        newest_first=True,
        below='"Downloaded from Barchart.com as of 10-14-2025 04:25pm CDT"',
        symbols=("{root}{code}",),
    ),
    Vendor("Kibot", "", "%m/%d/%Y %H:%M o h l c v", "{symbol}.txt", zone=NEW_YORK),
    Vendor(
        "FirstRate",
        "timestamp,open,high,low,close,volume",
        "%Y-%m-%d_%H:%M:%S o h l c v",
        "{symbol}_1min.txt",
        zone=NEW_YORK,
    ),
    Vendor(
        "Yahoo",
        "Datetime,Open,High,Low,Close,Volume",
        _YAHOO + " o h l c v",
        "{symbol}.csv",
        contract="{root}",
        symbols=("{root}=F",),
    ),
    Vendor(
        "Yahoo, three header lines",
        "Price,Close,High,Low,Open,Volume\nTicker,{root}=F,{root}=F,{root}=F,{root}=F,{root}=F\nDatetime,,,,,",
        _YAHOO + " c h l o v",
        "{root}=F.csv",
        **ROOT,  # type: ignore[arg-type]
    ),
    Vendor("Yahoo, index without a name", ",Open,High,Low,Close,Adj Close,Volume", _YAHOO + " o h l c c v"),
    Vendor(
        "MetaTrader 5",
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        "%Y.%m.%d %H:%M:%S o h l c n v =1",
        "{symbol}_M1_202510060000_202510132359.csv",
        "\t",
        zone=SERVER,
    ),
    Vendor("MetaTrader 4", "", "%Y.%m.%d %H:%M o h l c v", "{symbol}5.csv", zone=SERVER, symbols=("{root}{code}.M",)),
    Vendor(
        "Dukascopy",
        "Gmt time,Open,High,Low,Close,Volume",
        "%d.%m.%Y_%H:%M:%S.000 o h l c v",
        "{symbol}_Candlestick_5_M_BID.csv",
    ),
    Vendor(
        "Tradovate",
        "symbol,timestamp,open,high,low,close,upVolume,downVolume,upTicks,downTicks,bidVolume,offerVolume",
        "symbol %Y-%m-%dT%H:%MZ o h l c up down n n down up",
        "bars.csv",
        symbols=("{root}{short}",),
    ),
    Vendor(
        "Rithmic (R | Trader)",
        "Symbol,Date,Time,Open,High,Low,Close,Volume",
        "symbol %m/%d/%Y %H:%M:%S o h l c v",
        "export.csv",
        zone=CHICAGO,
        symbols=("{root}{short}.CME",),
        stamps="close",
    ),
)
"""Rows whose meaning a reader can know."""
