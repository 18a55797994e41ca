"""The card: is there an edge, where is break-even, what would have been traded.  For terminal and page alike.

Everything on it is out of sample, and every accuracy stands beside its interval, the majority and break-even.
"""

from __future__ import annotations

import msgspec

from minhos.risk.needed import days_on_paper
from minhos.views.training_report import Line, Lines
from minhos.words import count, money, percent, percents, probability


def headline(card: Card) -> str:
    """The verdict in words; what was bet all the same is not denied."""
    if card.verdict == "no_edge" and card.rule_trades:
        return "No edge is proven, and that is a result."
    return HEADLINES.get(card.verdict, card.verdict)


HEADLINES = {
    "edge": "There is an edge out of sample.",
    "no_edge": "No edge: nothing would be bet, and that is a result.",
    "too_little_data": "Too little data to say.",
}
LINE_NAMES = ("SIMULATED 58 % market", "your bars, all", "your bars, those traded")
ACCURACY_HEAD = ("bars", "accuracy", "95 % interval", "majority", "break-even", "n")
HOURS_HEAD = ("New York hour", "break-even", "bars")


class Card(msgspec.Struct, frozen=True):
    """What the card says, as values.  Money in cents, shares 0 to 1.

    bets: of the backtest's shadow book.  bets_needed, days_needed: on paper from nothing, at the backtest's rate; None
    where no number would do.
    """

    verdict: str
    reason: str
    root: str
    symbol: str
    bars: int
    lines: Lines
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
    rule: float = 0.65
    """`min_confidence` of that backtest."""


def sentences(card: Card) -> list[tuple[str, str]]:
    """What would have been traded and sized, and how much longer to wait, each under its title."""
    sizes = ", ".join(f"{n} bars with {size}" for size, n in card.kelly_contracts.items()) or "never above zero"
    bounds = ", ".join(f"{name} ({count})" for name, count in card.bound_by.items()) or "none"
    return [
        (
            f"The {percent(card.rule, 0)} rule",
            f"p reached {probability(card.rule, 2)} on {card.rule_bars} bars; {card.rule_trades} trades, "
            f"{money(card.rule_pnl_cents, sign=True, mark='')} dollars after costs.",
        ),
        (
            "Kelly",
            f"contracts {sizes}; median fraction at risk {percent(card.fraction_median, 2, tight=True)}. "
            f"Without the slope's lower bound it would have bet on {card.without_slope_bound} bars.",
        ),
        ("Limits that bound", f"{bounds}."),
        ("Shadow book", f"{card.bets} bets beat break-even, e-value {card.e_value:.3g} (20 proves an edge)."),
        ("Days of paper still needed", f"{days_on_paper(card.bets, card.bets_needed, card.days_needed)}."),
    ]


def accuracy_rows(card: Card) -> list[tuple[str, ...]]:
    """The three lines of the report, under `ACCURACY_HEAD`."""
    lines = (card.lines.simulated, card.lines.all, card.lines.traded)
    return [_accuracy_row(name, line) for name, line in zip(LINE_NAMES, lines, strict=True)]


def _accuracy_row(name: str, line: Line | None) -> tuple[str, ...]:
    if line is None or line.accuracy is None:
        silent = line.silent if line is not None else None
        why = "not measured" if line is None else f"no side on {count(silent)}" if silent else "no such bars"
        return (name, why, "", "", "", "0")
    return (
        name,
        percent(line.accuracy, 2, tight=True),
        percents(line.interval, 2, tight=True) if line.interval else "too few days",
        percent(line.majority, 2, tight=True),
        percent(line.break_even, 2, tight=True),
        count(line.n) if not line.silent else f"{count(line.n)}, {count(line.silent)} silent",
    )


def hour_rows(card: Card) -> list[tuple[str, ...]]:
    """Break-even by hour, under `HOURS_HEAD`."""
    return [(f"{hour:02d}:00", percent(share, tight=True), count(n)) for hour, share, n in card.break_even_by_hour]
