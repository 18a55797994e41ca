"""The card's sentences: what would have been traded, and how long until there is an answer."""

from __future__ import annotations

import msgspec
import pytest

from minhos.views.card import Card, accuracy_rows, headline, hour_rows, sentences
from minhos.views.training_report import Line, Lines

LINE = Line("", 0.506, (0.487, 0.527), n=2545, majority=0.503, break_even=0.574)
CARD = Card(
    verdict="no_edge",
    reason="Because.",
    root="MNQ",
    symbol="MNQZ25",
    bars=2614,
    lines=Lines(None, LINE, msgspec.structs.replace(LINE, accuracy=None)),
    break_even_by_hour=((9, 0.569, 120),),
    rule_bars=3,
    rule_trades=2,
    rule_pnl_cents=-12_345,
    kelly_bars=5,
    kelly_contracts={1: 4, 2: 1},
    fraction_median=0.0123,
    without_slope_bound=7,
    bound_by={"flat before halt": 20},
    bets=400,
    bets_needed=800,
    days_needed=60.4,
    e_value=1.03,
)


def said(card: Card) -> dict[str, str]:
    return dict(sentences(card))


def test_the_sentences_carry_the_values():
    words = said(CARD)
    assert words["The 65 % rule"] == "p reached 0.65 on 3 bars; 2 trades, -123.45 dollars after costs."
    assert words["Kelly"].startswith("contracts 4 bars with 1, 1 bars with 2; median fraction at risk 1.23%.")
    assert words["Days of paper still needed"] == (
        "about 61 trading days (800 bets on paper, which begin from nothing); live orders need 10 sessions on a "
        "simulated account besides."
    )


@pytest.mark.parametrize(
    ("bets", "needed", "words"),
    [
        (0, None, "not known: no bet beat break-even, so no number"),
        (1, 64, "not known: 1 bet is too few to say"),
        (7, None, "not known: 7 bets are too few to say"),
        (400, None, "no number of days would prove an edge, because the bets so far lose"),
        (400, 90, "about 61 trading days (90 bets on paper"),
    ],
)
def test_days_needed_are_only_said_where_they_can_be_known(bets, needed, words):
    card = msgspec.structs.replace(CARD, bets=bets, bets_needed=needed)
    assert said(card)["Days of paper still needed"].startswith(words)


def test_rows_say_what_was_not_measured():
    rows = accuracy_rows(CARD)
    assert [row[1] for row in rows] == ["not measured", "50.60%", "no such bars"]
    assert hour_rows(CARD) == [("09:00", "56.9%", "120")]
    decoded = msgspec.json.decode(msgspec.json.encode(CARD), type=Card)
    assert accuracy_rows(decoded) == rows, "the page reads it from the file that the terminal wrote"


def test_the_headline_denies_no_trade_and_the_rule_is_the_one_that_was_tested():
    assert headline(CARD) == "No edge is proven, and that is a result."
    assert headline(msgspec.structs.replace(CARD, rule_trades=0)).startswith("No edge: nothing would be bet")
    words = said(msgspec.structs.replace(CARD, rule=0.55))
    assert words["The 55 % rule"].startswith("p reached 0.55 on 3 bars")
