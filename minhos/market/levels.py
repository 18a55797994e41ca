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
