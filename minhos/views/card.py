"""The card: is there an edge, where is break-even, what would have been traded.  For terminal and page alike.

Everything on it is out of sample, and every accuracy stands beside its interval, the majority and break-even.
"""

from __future__ import annotations

from typing import Any

import msgspec

HEADLINES = {
    "edge": "There is an edge out of sample.",
    "no_edge": "No edge: nothing would be bet, and that is a result.",
    "too_little_data": "Too little data to say.",
}
LINE_NAMES = {
    "simulated": "SIMULATED 58 % market",
    "all": "your bars, all",
    "traded": "your bars, those traded",
}
FEW_BETS = 30
"""Below this many bets their rate and their mean foretell nothing."""
ACCURACY_HEAD = ("bars", "accuracy", "95 % interval", "majority", "break-even", "n")
HOURS_HEAD = ("New York hour", "break-even", "bars")


class Card(msgspec.Struct, frozen=True):
    """What the card says, as values.  Money in cents, shares 0 to 1."""

    verdict: str
    reason: str
    root: str
    symbol: str
    bars: int
    lines: dict[str, Any]
    break_even_by_hour: tuple[tuple[int, float, int], ...]
    rule_bars: int
    rule_trades: int
    rule_pnl_cents: int
    kelly_bars: int
    kelly_contracts: dict[int, int]
    fraction_median: float
    without_slope_bound: int
    bound_by: dict[str, int]
    bets: int
    bets_needed: int | None
    days_needed: float | None
    e_value: float


def sentences(card: Card) -> list[tuple[str, str]]:
    """What would have been traded and sized, and how much longer to wait, each under its title."""
    sizes = ", ".join(f"{n} bars with {size}" for size, n in card.kelly_contracts.items()) or "never above zero"
    bounds = ", ".join(f"{name} ({count})" for name, count in card.bound_by.items()) or "none"
    return [
        (
            "The 65 % rule",
            f"p reached 0.65 on {card.rule_bars} bars; {card.rule_trades} trades, "
            f"{card.rule_pnl_cents / 100:+,.2f} dollars after costs.",
        ),
        (
            "Kelly",
            f"contracts {sizes}; median fraction at risk {card.fraction_median:.2%}. "
            f"Without the slope's lower bound it would have bet on {card.without_slope_bound} bars.",
        ),
        ("Limits that bound", f"{bounds}."),
        ("Shadow book", f"{card.bets} bets beat break-even, e-value {card.e_value:.3g} (20 proves an edge)."),
        ("Days of paper still needed", f"{_days(card)}."),
    ]


def _days(card: Card) -> str:
    if card.bets_needed is None and (card.bets == 0 or card.bets >= FEW_BETS):
        why = "no bet beat break-even" if card.bets == 0 else "the bets so far lose"
        return f"{why}, so no number of days would prove an edge"
    if 0 < card.bets < FEW_BETS:
        return f"{card.bets} bets are too few to say"
    if card.bets_needed == 0:
        return "none: the evidence already suffices"
    return f"about {card.days_needed or 0:,.0f} trading days ({card.bets_needed} more bets)"


def accuracy_rows(card: Card) -> list[tuple[str, ...]]:
    """The three lines of the report, under `ACCURACY_HEAD`."""
    rows: list[tuple[str, ...]] = []
    for key, name in LINE_NAMES.items():
        line = card.lines.get(key)
        if not line or line["accuracy"] is None:
            rows.append((name, "no such bars" if line else "not measured", "", "", "", "0"))
            continue
        interval = line["interval"]
        shown = f"{interval[0]:.2%} to {interval[1]:.2%}" if interval else "too few days"
        rows.append(
            (
                name,
                f"{line['accuracy']:.2%}",
                shown,
                f"{line['majority']:.2%}",
                f"{line['break_even']:.2%}",
                f"{line['n']:,}",
            )
        )
    return rows


def hour_rows(card: Card) -> list[tuple[str, ...]]:
    """Break-even by hour, under `HOURS_HEAD`."""
    return [(f"{hour:02d}:00", f"{share:.1%}", f"{n:,}") for hour, share, n in card.break_even_by_hour]
