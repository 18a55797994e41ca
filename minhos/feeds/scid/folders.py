"""Where data files lie: Sierra Chart's own folders, and the .scid files of a root in a folder.

Reads names only, never contents.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from minhos.errors import DataError
from minhos.market.symbols import Symbol, month_in_filename, symbol_in_filename

VARIABLE = "SIERRACHART_DATA"
SUFFIXES = (".scid", ".parquet", ".csv", ".txt", ".tsv", ".itxt", ".gz", ".zst", ".bz2", ".xz", ".zip")
_NO_DATA = ("readme", "license", "changelog")
DEPTH = 3
"""Folders within folders that are looked into."""
_PLACES = ("SierraChart/Data", "SierraChart2/Data", "SierraChartInstance_2/Data")


def find_sierra_folder(environment: Mapping[str, str] | None = None, home: Path | None = None) -> list[Path]:
    """Existing folders with .scid files, the likeliest first.

    Looks at the variable SIERRACHART_DATA, the drives of Windows, Wine's drive C, Windows seen from WSL, and the
    shared drives of Parallels on macOS.
    """
    variables = os.environ if environment is None else environment
    user = home or Path.home()
    roots = [Path(f"{drive}:/") for drive in "CDEF"] if sys.platform == "win32" else []
    roots += [user / ".wine/drive_c", Path(variables.get("WINEPREFIX", user / ".wine")) / "drive_c"]
    roots += [Path("/mnt/c"), Path("/mnt/d"), user / "Parallels/C", user, user / "Documents"]
    roots += sorted(Path("/Volumes").glob("*C*")) if sys.platform == "darwin" else []
    named = [Path(variables[VARIABLE])] if variables.get(VARIABLE) else []
    candidates = named + [root / place for root in roots for place in _PLACES]
    return [folder for folder in dict.fromkeys(candidates) if _has_scid(folder)]


def _has_scid(folder: Path) -> bool:
    try:
        return folder.is_dir() and any(folder.glob("*.scid"))
    except OSError:
        return False


def data_files(folder: Path, depth: int = 0) -> dict[Path, Symbol | None]:
    """Data files of a folder by name, with the symbol each is named after.

    depth: how far into folders within it; one whose own name says no contract is named after the folder it lies in.
    """
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        files = [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file()]
        files = [path for path in files if not path.name.lower().startswith(_NO_DATA)]
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read ({error.strerror}); give one that exists") from None
    found = {path: symbol_in_filename(path.name, year_of(path)) for path in files}
    for each in (path for path in inside if depth and path.is_dir()):
        for path, symbol in data_files(each, depth - 1).items():
            found[path] = symbol or symbol_in_filename(each.name, year_of(path))
    return found


def year_of(path: Path) -> int:
    """The year in which a file was last written: one-digit years of contracts are read near it."""
    return 1970 + int(path.stat().st_mtime / 31_556_952)


def agreed_symbol(path: Path, wanted: Symbol | None, year: int) -> Symbol:
    """What is asked for and what the file's name says, as one symbol; a contract tells more than a root.

    year: of the data, for one-digit years in the name.  Raises DataError when the two differ or neither is known.
    """
    named = symbol_in_filename(path.name, year)
    if named is None:
        if wanted is None:
            raise DataError(f"{path.name} names no contract that MinhOS knows; give it with --symbol, as in NQZ25-CME")
        return wanted
    if wanted is None or is_wanted(named, wanted):
        return named
    if named.root == wanted.root and (not named.dated or month_in_filename(path.name)):
        return wanted
    raise DataError(
        f"{path.name} holds {named.contract}, not {wanted.contract}; leave --symbol out or give the right file"
    )


def scid_files(folder: Path, wanted: Symbol) -> dict[str, tuple[Symbol, Path]]:
    """The .scid file of each dated contract that is wanted (a contract, or all of a root), by contract.

    Of several files of one contract (NQZ25-CME and NQZ25_FUT_CME) the larger counts.  Raises DataError for none.
    """
    found: dict[str, tuple[Symbol, Path]] = {}
    names = data_files(folder)
    for path, symbol in names.items():
        if path.suffix.lower() != ".scid" or symbol is None or not symbol.dated or not is_wanted(symbol, wanted):
            continue
        other = found.get(symbol.contract)
        if other is None or path.stat().st_size > other[1].stat().st_size:
            found[symbol.contract] = symbol, path
    if not found:
        there = ", ".join(sorted(path.name for path in names)[:8]) or "no data file"
        raise DataError(f"{folder} has no {wanted.contract} .scid file, only {there}; open its chart in Sierra Chart")
    return found


def is_wanted(symbol: Symbol, wanted: Symbol) -> bool:
    """True when the symbol is the contract that is wanted, or of the root that is."""
    return symbol.root == wanted.root and (not wanted.dated or symbol.contract == wanted.contract)
