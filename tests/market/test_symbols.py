"""Every form of a contract's name reads to the same contract, and expiry and the date rule follow from it."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import SymbolError
from minhos.market.symbols import (
    MONTHS,
    ROOTS,
    Symbol,
    SymbolForm,
    contract_expiry_ns,
    front_contract,
    next_contract,
    parse_symbol,
    roll_date,
    root_of,
    symbol_in_filename,
)
from minhos.testing.builders import ns

SERVICE_FORMS = [SymbolForm.SIERRA, SymbolForm.TETON, SymbolForm.RITHMIC, SymbolForm.CQG, SymbolForm.PLAIN]

contracts = st.builds(Symbol, st.sampled_from(ROOTS), st.sampled_from(list(MONTHS)), st.integers(2008, 2032))


@pytest.mark.parametrize(
    ("text", "contract", "form", "multiplier"),
    [
        ("NQU25-CME", "NQU25", "sierra", 1.0),
        ("NQU25_FUT_CME", "NQU25", "teton", 0.01),
        ("NQZ5.CME", "NQZ25", "rithmic", 0.01),
        ("F.US.EPZ26", "ESZ26", "cqg", 1.0),
        ("F.US.ENQZ25", "NQZ25", "cqg", 1.0),
        ("F.US.MESM25", "MESM25", "cqg", 1.0),
        ("NQU25", "NQU25", "plain", 1.0),
        ("NQU2025", "NQU25", "plain", 1.0),
        ("nqu25-cme", "NQU25", "sierra", 1.0),
        ("  m2kh26 ", "M2KH26", "plain", 1.0),
        ("YMZ25-CBOT", "YMZ25", "sierra", 1.0),
        ("NQ", "NQ", "root", 1.0),
        ("NQ-SIM", "NQ-SIM", "simulated", 1.0),
    ],
)
def test_forms(text: str, contract: str, form: str, multiplier: float) -> None:
    symbol = parse_symbol(text, reference_year=2025)
    assert (symbol.contract, symbol.form, symbol.price_multiplier) == (contract, form, multiplier)
    assert root_of(text) == symbol.root


@settings(max_examples=50, deadline=None)
@given(contracts, st.sampled_from(SERVICE_FORMS), st.booleans())
def test_what_is_written_is_read(contract: Symbol, form: SymbolForm, lower: bool) -> None:
    text = contract.text(form)
    read = parse_symbol(text.lower() if lower else text, reference_year=contract.year)
    assert (read.root, read.month, read.year, read.form) == (contract.root, contract.month, contract.year, form)


@settings(max_examples=50, deadline=None)
@given(contracts, st.sampled_from(SERVICE_FORMS), st.sampled_from(["{}.scid", "{}_5m_BarData.txt", "my {} bars.csv"]))
def test_a_file_name_tells_the_contract(contract: Symbol, form: SymbolForm, name: str) -> None:
    found = symbol_in_filename(name.format(contract.text(form)), reference_year=contract.year)
    assert found is not None
    assert found.contract == contract.contract


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("NQZ25-CME_5m_BarData.txt", "NQZ25"),
        ("MNQ_2025Q4_5m.csv", "MNQ"),
        ("nq_and_NQZ25.csv", "NQZ25"),
        ("MNQU21-CME.2021-06-01.depth", "MNQU21"),
        ("NQ-SIM.parquet", "NQ-SIM"),
    ],
)
def test_file_names(name: str, contract: str) -> None:
    found = symbol_in_filename(name)
    assert found is not None
    assert found.contract == contract


@pytest.mark.parametrize("name", ["bars.csv", "UNQZ25X.txt", "CLZ25.scid", ""])
def test_a_file_name_without_symbol(name: str) -> None:
    assert symbol_in_filename(name) is None


@pytest.mark.parametrize(("reference", "year"), [(2025, 2025), (2021, 2025), (2019, 2015), (2031, 2035), (2020, 2025)])
def test_one_digit_year_is_the_nearest(reference: int, year: int) -> None:
    assert parse_symbol("NQZ5.CME", reference).year == year


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NQZ5.CME", "one-digit year"),
        ("NQV25", "months H, M, U and Z"),
        ("NGZ25-CME", "did you mean"),
        ("MNQQZ25", "did you mean MNQ"),
        ("apple", "known are NQ"),
        ("", "known are NQ"),
    ],
)
def test_errors_say_what_to_do(text: str, says: str) -> None:
    with pytest.raises(SymbolError, match=says):
        parse_symbol(text)


@pytest.mark.parametrize(
    ("symbol", "moment"),
    [
        ("NQZ25", "2025-12-19T09:30-05:00"),
        ("NQU25-CME", "2025-09-19T09:30-04:00"),
        ("NQH26", "2026-03-20T09:30-04:00"),
        ("NQM26", "2026-06-18T09:30-04:00"),  # the third Friday is Juneteenth
        ("NQM27", "2027-06-17T09:30-04:00"),  # Juneteenth is a Saturday and observed on the third Friday
        ("ESM21", "2021-06-18T09:30-04:00"),  # before Juneteenth was a holiday
    ],
)
def test_expiry(symbol: str, moment: str) -> None:
    assert contract_expiry_ns(symbol) == ns(moment)


@pytest.mark.parametrize("symbol", ["NQ", "NQ-SIM"])
def test_what_never_expires_has_no_expiry(symbol: str) -> None:
    with pytest.raises(SymbolError, match="has no expiry"):
        contract_expiry_ns(symbol)


@pytest.mark.parametrize("symbol", ["NQM25", "NQU25", "NQZ25", "NQH26"])
def test_roll_dates_of_nq(symbol: str) -> None:
    known = {"NQM25": (2025, 6, 12), "NQU25": (2025, 9, 11), "NQZ25": (2025, 12, 11), "NQH26": (2026, 3, 12)}
    assert roll_date(symbol) == dt.date(*known[symbol])


@settings(max_examples=50, deadline=None)
@given(contracts)
def test_the_front_contract_changes_on_the_roll_date(contract: Symbol) -> None:
    day = roll_date(contract)
    before, after = front_contract(contract.root, day - dt.timedelta(days=1)), front_contract(contract.root, day)
    assert (before, after) == (contract, next_contract(contract))
