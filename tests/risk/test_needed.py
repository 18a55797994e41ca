"""Card, page, reports and arming say the same of how much paper trading is still needed."""

from __future__ import annotations

import itertools

import pytest

from minhos.risk.evidence import Evidence, EvidenceState
from minhos.risk.needed import SESSIONS_BEFORE_LIVE, days_on_paper, sum_of_bets, until_proof
from minhos.risk.shadow import ShadowResult


def after(n: int, net_r: float) -> Evidence:
    evidence = Evidence()
    for i in range(n):
        evidence = evidence.update(ShadowResult(i, 1, 0.6, 0.5, net_r, net_r > 0))
    return evidence


def test_with_no_bet_yet_nothing_is_promised_and_nothing_is_ruled_out():
    nothing = Evidence()
    assert sum_of_bets(nothing.bets, nothing.bets_needed) == "not known yet"
    assert until_proof(nothing.bets, nothing.bets_needed).startswith("no bet has beaten break-even yet")
    assert days_on_paper(nothing.bets, nothing.bets_from_nothing, None).startswith("not known:")


def test_what_a_backtest_proved_is_not_carried_over_to_paper():
    proven = after(60, 0.4)
    assert (proven.state, proven.bets_needed) == (EvidenceState.PROVEN, 0)
    assert 0 < proven.bets_from_nothing <= 60
    assert days_on_paper(proven.bets, proven.bets_from_nothing, 3.2).startswith("about 4 trading days (")


def test_bets_from_nothing_are_those_made_and_those_needed_at_a_steady_rate():
    unproven = after(31, 0.01)
    assert abs(unproven.bets_from_nothing - unproven.bets - unproven.bets_needed) <= 1


def test_the_sessions_that_arming_asks_for_stand_beside_every_number_of_days():
    for bets, needed in itertools.product((0, 1, 29, 30, 4_000), (None, 1, 900)):
        assert f"{SESSIONS_BEFORE_LIVE} sessions" in days_on_paper(bets, needed, None if needed is None else 2.0)


@pytest.mark.parametrize(
    ("bets", "needed", "total", "words"),
    [
        (1, 64, "not known yet", "1 bet so far is too few"),
        (29, None, "not known yet", "29 bets so far are too few"),
        (30, None, "no number would do", "30 bets so far lose"),
        (30, 970, "1,000", "30 bets so far, about 970 more needed at this rate"),
        (700, 0, "proven", "700 bets, none further needed: the edge is proven"),
    ],
)
def test_numbers_and_words_agree(bets, needed, total, words):
    assert sum_of_bets(bets, needed) == total
    assert until_proof(bets, needed).startswith(words)
