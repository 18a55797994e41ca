"""Where the indices trade: what a price of a future can be at all.

Not for judging a single move: see `sound` and `quality`.
"""

from __future__ import annotations

RANGES = {
    "NQ": (700.0, 70_000.0),
    "ES": (400.0, 20_000.0),
    "RTY": (150.0, 9_000.0),
    "YM": (5_000.0, 150_000.0),
}
"""Points between which each index has traded since its future began, and room above; micros trade on the same index."""
_OF_MICRO = {"MNQ": "NQ", "MES": "ES", "M2K": "RTY", "MYM": "YM"}
NO_POWER = 99


def index_of(root: str) -> str:
    """The root of the full-sized future on the same index."""
    return _OF_MICRO.get(root, root)


def range_of(root: str) -> tuple[float, float]:
    """Lowest and highest price in points that its index can have."""
    return RANGES[index_of(root)]


def power_of_ten(price: float, root: str) -> int:
    """0 where the instrument has traded at such prices, else the power of ten that leads there; NO_POWER for none."""
    low, high = range_of(root)
    if low <= price <= high:
        return 0
    near = sorted((k for k in range(-12, 7) if low <= price * 10.0**k <= high), key=abs)
    return near[0] if near else NO_POWER


FIRST_YEAR = 2014
YEAR_ENDS: dict[str, tuple[float, ...]] = {
    "NQ": (4236.28, 4593.27, 4863.62, 6396.42, 6329.96, 8733.07, 12888.28, 16320.08, 10939.76, 16825.93, 21012.17),
    "ES": (2058.90, 2043.94, 2238.83, 2673.61, 2506.85, 3230.78, 3756.07, 4766.18, 3839.50, 4769.83, 5881.63),
    "YM": (
        17823.07,
        17425.03,
        19762.60,
        24719.22,
        23327.46,
        28538.44,
        30606.48,
        36338.30,
        33147.25,
        37689.54,
        42544.22,
    ),
    "RTY": (1204.70, 1135.89, 1357.13, 1535.51, 1348.56, 1668.47, 1974.86, 2245.31, 1761.25, 2027.07, 2230.16),
}
"""Last closes of each year from FIRST_YEAR on of Nasdaq-100, S&P 500, Dow Jones Industrial Average and Russell 2000, as
their publishers give them (macrotrends.net/2324 for the S&P 500); a future in front lies within 1.5 % of its index."""


def year_end(root: str, year: int) -> float | None:
    """Last close of that year of the root's index; None where it is not known here."""
    known = YEAR_ENDS.get(index_of(root), ())
    return known[year - FIRST_YEAR] if 0 <= year - FIRST_YEAR < len(known) else None
