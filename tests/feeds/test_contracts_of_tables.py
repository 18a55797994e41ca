"""Which contract a row is of: by its date, within the contract's life, and nothing is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from market_days import CALENDAR, Row, days, wall

from minhos.errors import DataError
from minhos.feeds.files import load
from minhos.feeds.tables.contracts import judge_life
from minhos.feeds.tables.formats import Options
from minhos.feeds.tables.tables import read_file
from minhos.market.symbols import contract_expiry_ns, parse_symbol, symbol_in_filename
from minhos.testing.builders import ns as parse_ns

WEEK = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20251006, 6))]
OLD = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20151005, 6, level=4300.0))]
SEPTEMBER = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20250902, 6))]
END = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20250922, 6))]
HEADER = "timestamp,open,high,low,close,volume"


def line(row: Row, symbol: str = "") -> str:
    stamp = wall(row.open_ns, "UTC", "%Y-%m-%dT%H:%M:%SZ")
    return f"{stamp},{row.open:.2f},{row.high:.2f},{row.low:.2f},{row.close:.2f},{row.volume}{symbol}"


def table(path: Path, lines: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def contracts(path: Path, symbol: str = "") -> list[str]:
    return [bars.symbol for bars in read_file(path, Options(symbol=parse_symbol(symbol) if symbol else None))[0]]


def test_a_year_of_one_digit_in_a_column_is_that_of_the_row(tmp_path: Path) -> None:
    lines = [line(row, ",NQZ5") for row in [*OLD, *WEEK]]
    parts, _ = read_file(table(tmp_path / "bars.csv", lines, f"{HEADER},symbol"))
    assert [(bars.symbol, len(bars)) for bars in parts] == [("NQZ15", len(OLD)), ("NQZ25", len(WEEK))]


@pytest.mark.parametrize(
    ("name", "rows", "contract"),
    [
        ("NQZ5.csv", OLD, "NQZ15"),
        ("NQZ5.csv", WEEK, "NQZ25"),
        ("NQM25.csv", WEEK, ""),
        ("NQM25.csv", OLD, ""),
        ("NQM15.csv", WEEK, ""),
        ("NQZ5.csv", [*OLD, *WEEK], ""),
        ("NQM5.csv", [*OLD, *WEEK], ""),
    ],
    ids=["one digit, 2015", "one digit, 2025", "over", "long before", "a decade over", "a decade", "a decade, over"],
)
def test_a_contract_trades_from_its_listing_to_its_expiry(
    tmp_path: Path, name: str, rows: list[Row], contract: str
) -> None:
    path = table(tmp_path / name, [line(row) for row in rows])
    if contract:
        assert contracts(path) == [contract]
        return
    with pytest.raises(DataError, match=r"of .* rows, the first at 20.*, cannot be of NQ.*--symbol NQ for a history"):
        read_file(path)
    assert contracts(path, "NQ") == ["NQ"]


@pytest.mark.parametrize("month", "HMUZ")
def test_no_row_of_a_listed_contract_is_refused_and_those_that_few_trade_are_said(month: str) -> None:
    contract = parse_symbol(f"ES{month}26")
    quarters = 21 + 3 * 4 * (month == "Z")
    listed = contract_expiry_ns(contract) - quarters * 92 * 86_400 * 10**9
    cut, said = judge_life(contract, np.array([listed, contract_expiry_ns(contract) - 1]), "x.csv")
    assert not cut.any()
    assert said[0].startswith(f"1 rows are of more than 2.5 years before ES{month}26 expires")
    assert said[0].endswith("--symbol ES")
    with pytest.raises(DataError, match=rf"ES{month}26, which expires on 2026-.* and cannot trade before 20(20|16)-"):
        judge_life(contract, np.full(9, parse_ns("2014-01-02T15:00:00")), "x.csv")


def test_a_name_gives_way_to_the_root_where_few_trade_the_contract(tmp_path: Path) -> None:
    early = [row._replace(volume=900) for row in days(20221003, 6)]
    path = table(tmp_path / "NQZ25.csv", [line(row) for row in [*early, *WEEK]])
    assert contracts(path) == ["NQZ25"]
    assert contracts(path, "NQ") == ["NQ"]


def test_a_few_rows_beyond_its_expiry_are_cut_and_said(tmp_path: Path) -> None:
    lines = [line(row) for row in [*SEPTEMBER, *END[:2]]]
    (bars,), notes = read_file(table(tmp_path / "NQU25.csv", lines))
    assert len(bars) == len(SEPTEMBER)
    assert any(text.startswith("2 rows cut that cannot be of NQU25") for text in notes.lines), notes.lines


def test_the_column_of_contracts_is_judged_as_the_name_is(tmp_path: Path) -> None:
    lines = [line(row, ",NQM25") for row in WEEK]
    with pytest.raises(DataError, match="cannot be of NQM25"):
        read_file(table(tmp_path / "bars.csv", lines, f"{HEADER},symbol"))


@pytest.mark.parametrize(
    ("name", "said"), [("NQH26.csv", "NQH26"), ("ESZ25.csv", "ESZ25"), ("NQZ25.csv", ""), ("NQ.csv", ""), ("x.csv", "")]
)
def test_a_name_that_says_another_contract_than_the_column_is_said(tmp_path: Path, name: str, said: str) -> None:
    path = table(tmp_path / name, [line(row, ",NQZ5") for row in WEEK], f"{HEADER},symbol")
    (bars,), notes = read_file(path)
    assert bars.symbol == "NQZ25"
    told = [text for text in notes.lines if text.startswith("the name of the file says")]
    assert told == (
        [f"the name of the file says {said}, its column of contracts NQZ25: the column counts"] * bool(said)
    )


def test_what_is_passed_over_is_counted_and_named(tmp_path: Path) -> None:
    lines = [line(row, ",NQZ25") for row in WEEK]
    lines += [line(row, ",NQZ25-NQH26") for row in WEEK[:90]] + [line(row, ",ESZ25") for row in WEEK[:40]]
    lines += [line(WEEK[5], ",")]
    path = table(tmp_path / "bars.csv", lines, f"{HEADER},symbol")
    (bars,), notes = read_file(path, Options(symbol=parse_symbol("NQ")))
    assert len(bars) == len(WEEK)
    assert "130 rows of NQZ25-NQH26, ESZ25 passed over" in notes.lines
    assert any(text.startswith("line 1,788 names no contract") for text in notes.lines), notes.lines


def test_many_rows_without_a_contract_refuse(tmp_path: Path) -> None:
    lines = [line(row, ",NQZ25" if i % 9 else ",") for i, row in enumerate(WEEK)]
    with pytest.raises(DataError, match=r"184 of 1,656 rows name no contract; the first is line 2 .*leave it out and"):
        read_file(table(tmp_path / "bars.csv", lines, f"{HEADER},symbol"))
    lines = [line(row, ",") for row in WEEK]
    assert contracts(table(tmp_path / "NQZ25.csv", lines, f"{HEADER},symbol")) == ["NQZ25"]


@pytest.mark.parametrize("name", ["NQ-202509.csv", "NQ_SEP2025.csv", "NQ_09-25.csv"])
def test_a_month_in_a_name_is_the_contract_s_or_the_calendar_s(tmp_path: Path, name: str) -> None:
    path = table(tmp_path / name, [line(row) for row in END])
    assert contracts(path) == ["NQ"]
    assert contracts(path, "NQZ25") == ["NQZ25"]
    path = table(tmp_path / name, [line(row) for row in SEPTEMBER])
    with pytest.raises(
        DataError, match=r"the contract NQU25 or the month September 2025.*--symbol NQU25 or the contract"
    ):
        read_file(path)
    assert contracts(path, "NQU25") == ["NQU25"]
    assert contracts(table(tmp_path / name, [line(row) for row in days(20250804, 3)])) == ["NQU25"]


def test_a_folder_with_a_file_a_month_is_one_history(tmp_path: Path) -> None:
    august = [row._replace(volume=900 + 7 * (i * 17 % 50)) for i, row in enumerate(days(20250804, 6))]
    for month, rows in (("08", august), ("09", SEPTEMBER), ("10", WEEK)):
        table(tmp_path / f"NQ-2025{month}.csv", [line(row) for row in rows])
    loaded = load(tmp_path, calendar=CALENDAR)
    assert loaded.bars.contracts == ("NQ",)
    assert len(loaded.bars) == len(august) + len(SEPTEMBER) + len(WEEK)


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("datos_es_2025.csv", None),
        ("historico_es_NQ.csv", "NQ"),
        ("ventas_mes_09.csv", None),
        ("backup_ym_2025.csv", None),
        ("es_5min.csv", "ES"),
        ("my_ES_5min.csv", "ES"),
        ("my_nq_5min.csv", "NQ"),
        ("ES_and_NQ.csv", None),
        ("NQZ25-NQH26.csv", None),
        ("NQ-202510.csv", "NQ"),
        ("NQ-202509.csv", "NQU25"),
        ("NQ 12-25.Last.txt", "NQZ25"),
    ],
)
def test_words_and_pairs_in_a_name_are_no_symbol(name: str, contract: str | None) -> None:
    found = symbol_in_filename(name)
    assert (found and found.contract) == contract
