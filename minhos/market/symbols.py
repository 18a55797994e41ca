"""Names of futures contracts: every form in which Sierra Chart, its order routes and files write them.

A contract has one name inside MinhOS ("NQZ25"); the forms exist only at the edges.  Expiry and the date rule
of the roll follow from the name.  Not for volumes, which decide a real roll: see `roll`.
"""

from __future__ import annotations

import datetime as dt
import difflib
import enum
import re
from zoneinfo import ZoneInfo

import msgspec

from minhos.errors import SymbolError
from minhos.market.types import NANOS_PER_SECOND

ROOTS = ("NQ", "MNQ", "ES", "MES", "RTY", "M2K", "YM", "MYM")
MONTHS = {"H": 3, "M": 6, "U": 9, "Z": 12}
"""The quarterly cycle of the equity index futures: month letter to month."""

NEW_YORK = ZoneInfo("America/New_York")
DAYS_FROM_ROLL_TO_EXPIRY = 8
"""The date rule of Sierra Chart: the Thursday eight days before the third Friday."""
MOST_YEARS, MOST_YEARS_OF_A_DECEMBER, YEARS_OF_TRADE = 6.0, 10.0, 2.5
"""No contract is listed longer before its expiry; and few trade one that expires later than the last."""


class SymbolForm(enum.StrEnum):
    """Who writes a symbol that way."""

    SIERRA = "sierra"
    """NQU25-CME: Sierra Chart's own data service (CBOT for the Dow)."""
    TETON = "teton"
    """NQU25_FUT_CME: Sierra Chart's order routing; stored prices are points times 100."""
    RITHMIC = "rithmic"
    """NQZ5.CME: one-digit year; stored prices are points times 100."""
    CQG = "cqg"
    """F.US.ENQZ25."""
    PLAIN = "plain"
    """NQU25: the name used inside MinhOS."""
    ROOT = "root"
    """NQ: whichever contract is in front."""
    SIMULATED = "simulated"
    """NQ-SIM: a generated market."""


_CQG_ROOTS = {"NQ": "ENQ", "ES": "EP"}
_FROM_CQG = {cqg: root for root, cqg in _CQG_ROOTS.items()}
_MULTIPLIERS = {SymbolForm.TETON: 0.01, SymbolForm.RITHMIC: 0.01}
_EXCHANGE = r"(?:CME|CBOT|CBT)"
_NAMES = "|".join(ROOTS)
_ROOT = f"(?P<root>{_NAMES})"
_MONTH, _YEAR = r"(?P<month>[FGHJKMNQUVXZ])", r"(?P<year>\d{4}|\d{1,2})"
_BEFORE = r"(?:@|/|(?:CME|CBOT|CBT)(?:_MINI)?[:_.])?"
"""What vendors put in front: TradeStation's @, ThinkOrSwim's /, TradingView's exchange."""
_MONTH_LETTERS = "FGHJKMNQUVXZ"
_WORDS = ("ES", "MES", "YM")
"""Roots that are words, or year and month, where they stand in small letters within a name."""
_NAMED = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_FORMS: tuple[tuple[SymbolForm, str], ...] = (
    (SymbolForm.SIMULATED, rf"{_ROOT}-SIM"),
    (SymbolForm.CQG, rf"F\.US\.(?P<root>ENQ|EP|{_NAMES}){_MONTH}{_YEAR}"),
    (SymbolForm.TETON, rf"{_ROOT}{_MONTH}{_YEAR}_FUT_{_EXCHANGE}"),
    (SymbolForm.SIERRA, rf"{_ROOT}{_MONTH}{_YEAR}-{_EXCHANGE}"),
    (SymbolForm.RITHMIC, rf"{_ROOT}{_MONTH}{_YEAR}\.{_EXCHANGE}"),
    (SymbolForm.PLAIN, rf"{_BEFORE}(?P<root>{_NAMES}|ENQ|EP){_MONTH}{_YEAR}"),
    (SymbolForm.PLAIN, rf"{_BEFORE}{_ROOT}[ _](?P<number>0[1-9]|1[0-2])-(?P<year>\d{{2}})"),
    (SymbolForm.PLAIN, rf"{_BEFORE}{_ROOT}-(?P<year>20\d{{2}})(?P<number>0[1-9]|1[0-2])"),
    (SymbolForm.PLAIN, rf"{_BEFORE}{_ROOT}[-_. ]?(?P<named>{'|'.join(_NAMED)})[-_ ]?(?P<year>\d{{4}}|\d{{2}})"),
    (SymbolForm.ROOT, rf"{_BEFORE}{_ROOT}(?:=F|#[A-Z]?|[12]!|\.[cvn]\.\d)?"),
)
_WHOLE = tuple((form, re.compile(pattern, re.IGNORECASE)) for form, pattern in _FORMS)
_INSIDE = tuple((form, re.compile(rf"(?<![A-Z0-9]){pattern}(?![A-Z0-9])", re.IGNORECASE)) for form, pattern in _FORMS)


class Symbol(msgspec.Struct, frozen=True):
    """A contract, a bare root or a simulated contract, as it was written.

    month: a letter of HMUZ, empty for a root or a simulated contract; year: four digits, or 0 there.
    price_multiplier: stored price times this is points.
    """

    root: str
    month: str = ""
    year: int = 0
    form: SymbolForm = SymbolForm.PLAIN
    price_multiplier: float = 1.0

    @property
    def contract(self) -> str:
        """The name inside MinhOS: "NQZ25", "NQ" or "NQ-SIM"."""
        if self.form is SymbolForm.SIMULATED:
            return f"{self.root}-SIM"
        return f"{self.root}{self.month}{self.year % 100:02d}" if self.month else self.root

    @property
    def dated(self) -> bool:
        """True for a contract that expires."""
        return bool(self.month)

    def text(self, form: SymbolForm) -> str:
        """The same contract as another service writes it; only a dated contract has the forms of services."""
        if not self.month:
            if form in (self.form, SymbolForm.PLAIN):
                return self.contract
            raise SymbolError(f"{self.contract} is not a dated contract and has no form {form.value}; name one: NQZ25")
        exchange = "CBOT" if self.root in ("YM", "MYM") else "CME"
        texts = {
            SymbolForm.SIERRA: f"{self.contract}-{exchange}",
            SymbolForm.TETON: f"{self.contract}_FUT_{exchange}",
            SymbolForm.RITHMIC: f"{self.root}{self.month}{self.year % 10}.{exchange}",
            SymbolForm.CQG: f"F.US.{_CQG_ROOTS.get(self.root, self.root)}{self.month}{self.year % 100:02d}",
            SymbolForm.ROOT: self.root,
            SymbolForm.SIMULATED: f"{self.root}-SIM",
            SymbolForm.PLAIN: self.contract,
        }
        return texts[form]


def parse_symbol(text: str, reference_year: int | None = None) -> Symbol:
    """The symbol that `text` names, in any form and case.

    reference_year: a one-digit year is the matching year nearest to it (a tie goes to the later one); without
    it such a symbol is refused.  Raises SymbolError, with the nearest known name where there is one.
    """
    return _symbol(*_matched(text), reference_year)


def root_of(text: str) -> str:
    """The root of a symbol in any form, without resolving its year.  Raises SymbolError."""
    return _root(_matched(text)[0])


def _matched(text: str) -> tuple[re.Match[str], SymbolForm]:
    """What a whole text is, and in which form it is written.  Raises SymbolError."""
    for form, pattern in _WHOLE:
        if match := pattern.fullmatch(text.strip()):
            return match, form
    raise SymbolError(_unknown(text.strip()))


def symbol_in_filename(name: str, reference_year: int | None = None) -> Symbol | None:
    """The symbol in a file's name ("NQZ25-CME_5m_BarData.txt", "MNQ_2025Q4_5m.csv"), or None.

    A dated contract anywhere in the name is preferred to a bare root; two of either kind, as in a spread, are none.
    A root that is also a word (es, mes) counts in capitals or where the name begins; a month that is written as a
    number or a name and is no month of a contract is the calendar's.
    """
    for form, pattern in _INSIDE:
        matches = [match for match in pattern.finditer(name) if not _is_a_word(match, form)]
        if matches:
            found = {symbol.contract: symbol for symbol in (_named(match, form, reference_year) for match in matches)}
            return next(iter(found.values())) if len(found) == 1 else None
    return None


def month_in_filename(name: str) -> tuple[int, int] | None:
    """Year and month that a file's name gives in numbers or words behind a root; a contract's or the calendar's.

    "NQ 12-25", as NinjaTrader names its instruments, is a contract.
    """
    for _, pattern in _INSIDE:
        match = pattern.search(name)
        if match and " " not in match.group() and (letter := _letter(match.groupdict())):
            return _year(match.group("year"), match.group(), None), _MONTH_LETTERS.index(letter) + 1
    return None


def _is_a_word(match: re.Match[str], form: SymbolForm) -> bool:
    text = match.groupdict().get("root") or ""
    return form is SymbolForm.ROOT and match.start() > 0 and text != text.upper() and text.upper() in _WORDS


def _named(match: re.Match[str], form: SymbolForm, reference_year: int | None) -> Symbol:
    """The symbol of a file's name, the root alone for a month of the calendar."""
    letter = _letter(match.groupdict())
    return (
        Symbol(_root(match), form=SymbolForm.ROOT)
        if letter and letter not in MONTHS
        else _symbol(match, form, reference_year)
    )


def contract_listed_ns(symbol: Symbol | str) -> int:
    """No trade of it is earlier, UTC nanoseconds.

    A bound with room, no date of listing: 21 quarters in a row are listed of the S&P 500, fewer of the others, and
    Decembers further out.
    """
    contract = _dated(symbol)
    return _years_before_expiry_ns(contract, MOST_YEARS_OF_A_DECEMBER if contract.month == "Z" else MOST_YEARS)


def contract_trades_ns(symbol: Symbol | str) -> int:
    """Hardly anybody trades it earlier, UTC nanoseconds: older rows under its name are rather of those before it."""
    return _years_before_expiry_ns(_dated(symbol), YEARS_OF_TRADE)


def _years_before_expiry_ns(contract: Symbol, years: float) -> int:
    return contract_expiry_ns(contract) - int(years * 365.25 * 86_400) * NANOS_PER_SECOND


def contract_expiry_ns(symbol: Symbol | str) -> int:
    """End of trading: 09:30 New York on the third Friday, UTC nanoseconds.

    Where that Friday is Juneteenth, or the day on which it is observed, trading ends the day before.
    Raises SymbolError for what never expires.
    """
    contract = _dated(symbol)
    expiry = _third_friday(contract)
    if contract.month == "M" and contract.year >= 2022 and expiry.day in (18, 19):
        expiry -= dt.timedelta(days=1)
    moment = dt.datetime.combine(expiry, dt.time(9, 30), NEW_YORK)
    return int(moment.timestamp()) * NANOS_PER_SECOND


def roll_date(symbol: Symbol | str) -> dt.date:
    """First date with the next contract in front by the date rule: the Thursday 8 days before the third Friday."""
    return _third_friday(_dated(symbol)) - dt.timedelta(days=DAYS_FROM_ROLL_TO_EXPIRY)


def front_contract(root: str, date: dt.date) -> Symbol:
    """The contract in front on that trade date by the date rule."""
    known = root_of(root)
    for year in (date.year, date.year + 1):
        for month in MONTHS:
            contract = Symbol(known, month, year)
            if date < roll_date(contract):
                return contract
    raise AssertionError("four quarters of next year lie ahead of any date")


def next_contract(symbol: Symbol | str) -> Symbol:
    """The contract of the following quarter."""
    contract = _dated(symbol)
    months = "".join(MONTHS)
    following = (months.index(contract.month) + 1) % len(months)
    return Symbol(contract.root, months[following], contract.year + (following == 0))


def _third_friday(contract: Symbol) -> dt.date:
    first = dt.date(contract.year, MONTHS[contract.month], 1)
    return first + dt.timedelta(days=(4 - first.weekday()) % 7 + 14)


def _dated(symbol: Symbol | str) -> Symbol:
    contract = parse_symbol(symbol) if isinstance(symbol, str) else symbol
    if not contract.dated:
        raise SymbolError(f"{contract.contract} has no expiry; name a contract such as {contract.root}Z25")
    return contract


def _symbol(match: re.Match[str], form: SymbolForm, reference_year: int | None) -> Symbol:
    root, groups = _root(match), match.groupdict()
    multiplier = _MULTIPLIERS.get(form, 1.0)
    month = (groups.get("month") or "").upper() or _letter(groups)
    if not month:
        return Symbol(root, form=form, price_multiplier=multiplier)
    if month not in MONTHS:
        raise SymbolError(f"{match.group()} is not a contract: {root} has the months H, M, U and Z, not {month}")
    year = _year(groups["year"], match.group(), reference_year)
    return Symbol(root, month, year, form, multiplier)


def _letter(groups: dict[str, str | None]) -> str:
    """Of a month that is written as a number or by its name; empty where there is none."""
    named = groups.get("named")
    number = _NAMED.index(named.upper()) + 1 if named else int(groups.get("number") or 0)
    return _MONTH_LETTERS[number - 1] if number else ""


def _root(match: re.Match[str]) -> str:
    root = match.group("root").upper()
    return _FROM_CQG.get(root, root)


def _year(digits: str, text: str, reference_year: int | None) -> int:
    if len(digits) == 4:
        return int(digits)
    if len(digits) == 2:
        return 2000 + int(digits)
    if reference_year is None:
        raise SymbolError(f"{text} has a one-digit year; write it with two, as in NQZ25")
    base = reference_year - reference_year % 10 + int(digits)
    return min((base + 10, base, base - 10), key=lambda year: abs(year - reference_year))


def _unknown(text: str) -> str:
    stem = re.split(r"[-_. ]", text.upper().removeprefix("F.US."))[0]
    bare = re.sub(r"[A-Z]\d{1,4}$", "", stem) or stem
    near = difflib.get_close_matches(bare, ROOTS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(ROOTS)}"
    return f"{text!r} is not a symbol MinhOS knows; {hint}"
