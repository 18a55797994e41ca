"""The shadow book's arithmetic, and what it takes to prove an edge, to lose it and to carry it over."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.risk import shadow
from minhos.risk.evidence import Evidence, EvidenceState, carried_over
from minhos.risk.shadow import ShadowBet, ShadowBook, ShadowResult, shadow_bet
from minhos.stats.eprocess import BettingProcess
from minhos.testing.builders import MONDAY_OPEN, NQ, bar, forecast, recommendation

STOP, COST = 120, 2 * 225 / 500 + 2 * 1
R = STOP + COST


def flat_bar(i: int, open_: int, *, low: int | None = None, high: int | None = None, symbol: str = "NQZ25"):
    return bar(i, open_, high or open_, low or open_, open_, symbol=symbol)


def bet(i: int = 0, side: int = 1) -> ShadowBet:
    return ShadowBet("NQZ25", flat_bar(i, 80_000).close_time_ns, side, 0.56, 0.51, STOP, COST)


def settled(*bars: object, side: int = 1) -> tuple[ShadowBook, ShadowResult | None]:
    """The book after one bet at bar 0 and these bars."""
    book, result = shadow.on_bar(ShadowBook(), flat_bar(0, 80_000), bet(side=side))
    for closed in bars:
        book, result = shadow.on_bar(book, closed, None)
    return book, result


@pytest.mark.parametrize(("side", "exit_", "earned"), [(1, 80_110, 10), (1, 80_090, -10), (-1, 80_090, 10)])
def test_a_bet_runs_from_the_next_open_to_the_one_after_and_pays_a_round_trip(side, exit_, earned):
    book, result = settled(flat_bar(1, 80_100), flat_bar(2, exit_), side=side)
    assert result.net_r == pytest.approx((earned - COST) / R)
    assert result.hit == (earned > 0)
    assert (book.bets, book.hits, book.mean_r) == (1, int(earned > 0), result.net_r)


def test_a_bar_without_a_move_costs_and_is_no_hit():
    book, result = settled(flat_bar(1, 80_100), flat_bar(2, 80_100))
    assert (result.hit, result.net_r) == (None, pytest.approx(-COST / R))
    assert (book.bets, book.hits, book.ties) == (1, 0, 1)


def test_the_stop_ends_a_bet_at_minus_one_r_whatever_comes_after():
    book, result = settled(flat_bar(1, 80_100, low=80_100 - STOP), flat_bar(2, 80_300))
    assert (result.net_r, book.beyond) == (pytest.approx(-1.0), 0)


def test_a_stop_that_slips_costs_what_it_slips():
    slipping = msgspec.structs.replace(bet(), slip_ticks=7)
    book, _ = shadow.on_bar(ShadowBook(), flat_bar(0, 80_000), slipping)
    for closed in (flat_bar(1, 80_100, low=80_100 - STOP), flat_bar(2, 80_300)):
        book, result = shadow.on_bar(book, closed, None)
    assert result.net_r == pytest.approx(-1.0 - 7 / R)


def test_a_gap_loses_more_than_r_and_is_counted():
    book, result = settled(flat_bar(1, 80_100), flat_bar(2, 80_100 - 3 * STOP))
    assert result.net_r == pytest.approx((-3 * STOP - COST) / R)
    assert book.beyond == 1


@pytest.mark.parametrize(
    "bars",
    [
        (flat_bar(2, 80_100), flat_bar(3, 80_200)),
        (flat_bar(1, 80_100), flat_bar(3, 80_200)),
        (flat_bar(1, 80_100), flat_bar(2, 80_200, symbol="NQH26")),
    ],
)
def test_a_bet_over_a_gap_or_a_roll_is_void(bars):
    book, result = settled(*bars)
    assert (result, book.bets, book.void, book.waiting, book.open) == (None, 0, 1, None, None)


def test_a_bet_a_bar_overlaps_without_mixing():
    book, results = ShadowBook(), []
    for i, open_ in enumerate((80_000, 80_010, 80_030, 80_060)):
        book, result = shadow.on_bar(book, flat_bar(i, open_), bet(i))
        results.append(result and round(result.net_r * R + COST))
    assert results == [None, None, 20, 30]


@pytest.mark.parametrize(
    ("p", "break_even", "side"), [(0.53, 0.52, 1), (0.47, 0.52, -1), (0.52, 0.52, None), (0.5, 0.4, None)]
)
def test_a_bet_is_taken_where_p_beats_break_even(p, break_even, side):
    wanted = msgspec.structs.replace(recommendation(0), break_even=break_even)
    taken = shadow_bet(forecast(p), wanted, NQ)
    assert (taken and taken.side) == side
    assert taken is None or taken.cost_ticks == COST


def test_no_bet_where_break_even_or_p_is_not_known():
    unknown = msgspec.structs.replace(recommendation(), break_even=math.nan)
    assert shadow_bet(forecast(0.6), unknown, NQ) is None
    assert shadow_bet(msgspec.structs.replace(forecast(0.6), p_up=math.nan), recommendation(), NQ) is None


def result(net_r: float, hit: bool | None = True, *, p: float = 0.56, break_even: float = 0.51) -> ShadowResult:
    return ShadowResult(MONDAY_OPEN, 1, p, break_even, net_r, hit)


def after(evidence: Evidence, *results: ShadowResult) -> Evidence:
    for one in results:
        evidence = evidence.update(one)
    return evidence


@given(st.lists(st.floats(-4.0, 2.0), max_size=40))
@settings(deadline=None, max_examples=50)
def test_evidence_is_the_betting_process_over_any_number_of_restarts(xs):
    process, evidence = BettingProcess(), Evidence("NQ", "recipe")
    for x in xs:
        process.update(x)
        evidence = msgspec.json.decode(msgspec.json.encode(evidence.update(result(x))), type=Evidence)
    assert (evidence.e_value, evidence.bets, evidence.clipped) == (process.e_value, len(xs), process.clipped)


def test_twenty_is_proof_and_stays_proof():
    wins = (1 / 5 * sum((1 + stake) ** n for stake in (0.02, 0.05, 0.1, 0.2, 0.4)) for n in range(99))
    needed = next(n for n, e in enumerate(wins) if e >= 20)
    evidence = after(Evidence(), *[result(1.0)] * (needed - 1))
    assert evidence.state is EvidenceState.UNPROVEN
    evidence = after(evidence, result(1.0))
    assert evidence.state is EvidenceState.PROVEN
    assert after(evidence, result(-1.0)).state is EvidenceState.PROVEN
    assert evidence.bets_needed == 0


def test_a_market_without_an_edge_is_rarely_proven():
    rng = np.random.default_rng(1)
    proven = 0
    for _ in range(60):
        evidence = after(Evidence(), *[result(x) for x in rng.normal(0.0, 0.4, 300).tolist()])
        proven += evidence.state is not EvidenceState.UNPROVEN
    assert proven <= 60 / 20 + 3  # Ville's bound and three more


def test_bets_needed_is_the_target_over_the_rate_so_far():
    evidence = after(Evidence(), *[result(0.5)] * 5)
    rate = math.log1p(0.4 * 0.5)
    assert evidence.bets_needed == math.ceil((math.log(20 * 5) - 5 * rate) / rate)
    assert after(Evidence(), result(-0.5)).bets_needed is None
    assert Evidence().bets_needed is None


PROVEN = Evidence("NQ", "recipe", bundle_id="bundle-1", bets=500, log_maximum=math.log(30))


def test_the_detector_agrees_with_the_published_vector():
    evidence = after(PROVEN, *[result(0.0, hit) for hit in (True, False, False, True, False)])
    assert math.exp(evidence.log_r) == pytest.approx(5.660597, abs=1e-6)


def test_a_bar_without_a_move_tells_the_detector_nothing():
    assert after(PROVEN, result(-0.02, None)).log_r is None


def test_an_edge_that_goes_is_halved_and_then_stopped_and_one_that_stays_is_not():
    states = [PROVEN]
    for _ in range(100):
        states.append(states[-1].update(result(-0.1, False)))
    stages = [evidence.stage for evidence in states]
    assert stages == sorted(stages)
    assert set(stages) == {0, 1, 2}
    assert states[-1].state is EvidenceState.DEGRADED
    assert after(PROVEN, *[result(0.1, True)] * 100).stage == 0


def test_nothing_degrades_that_was_never_proven():
    assert after(Evidence(), *[result(-0.1, False)] * 100).state is EvidenceState.UNPROVEN


def test_a_retrained_bundle_keeps_the_proof_and_starts_with_a_sound_detector():
    degraded = msgspec.structs.replace(PROVEN, stage=2, log_r=11.0)
    assert carried_over(degraded, "NQ", "recipe", "bundle-1", False) == degraded
    retrained = carried_over(degraded, "NQ", "recipe", "bundle-2", False)
    assert (retrained.state, retrained.log_r, retrained.bets) == (EvidenceState.PROVEN, None, 500)


@pytest.mark.parametrize(
    ("instrument", "recipe", "simulated"), [("ES", "recipe", False), ("NQ", "other", False), ("NQ", "recipe", True)]
)
def test_proof_is_of_one_instrument_and_recipe_and_never_from_a_simulated_market(instrument, recipe, simulated):
    assert carried_over(PROVEN, instrument, recipe, "b", simulated).bets == 0
    simulated_proof = msgspec.structs.replace(PROVEN, simulated=True)
    assert carried_over(simulated_proof, "NQ", "recipe", "bundle-1", False).bets == 0
    assert carried_over(None, "NQ", "recipe", "b", False) == Evidence("NQ", "recipe", False, "b")


def test_a_short_bet_is_stopped_by_the_high_and_a_long_one_by_the_low():
    reached, missed = 80_100 + STOP, 80_100 + STOP - 1
    assert settled(flat_bar(1, 80_100, high=reached), flat_bar(2, 80_000), side=-1)[1].net_r == pytest.approx(-1.0)
    assert settled(flat_bar(1, 80_100, high=missed), flat_bar(2, 80_000), side=-1)[1].net_r > 0
    assert settled(flat_bar(1, 80_100, low=80_100 - STOP + 1), flat_bar(2, 80_200))[1].net_r > 0
    assert settled(flat_bar(1, 80_100, high=90_000), flat_bar(2, 80_200))[1].net_r > 0


def test_a_stopped_bet_is_right_where_the_bar_went_its_way_in_the_end():
    _, result = settled(flat_bar(1, 80_100, low=80_100 - STOP), flat_bar(2, 80_300))
    assert result.hit is True


def test_the_book_adds_up_over_bets():
    book, _ = settled(flat_bar(1, 80_100), flat_bar(2, 80_110))
    first = book.sum_r
    book, _ = shadow.on_bar(book, flat_bar(2, 80_110), bet(2))
    for i, open_ in ((3, 80_110), (4, 80_110 + 2 * STOP)):
        book, result = shadow.on_bar(book, flat_bar(i, open_), None)
    assert (book.bets, book.hits, book.ties, book.void, book.beyond) == (2, 2, 0, 0, 1)
    assert book.sum_r == first + result.net_r
    assert book.sum_r_squared == pytest.approx(first**2 + result.net_r**2)
    assert book.mean_r == book.sum_r / 2
    assert math.isnan(ShadowBook().mean_r)


def test_both_bets_under_way_are_void_after_a_gap():
    book = ShadowBook(waiting=bet(0), open=msgspec.structs.replace(bet(0), entry_ticks=80_000))
    book, result = shadow.on_bar(book, flat_bar(7, 80_000), bet(7))
    assert (result, book.void, book.waiting, book.open) == (None, 2, bet(7), None)
    assert shadow.on_bar(book, flat_bar(9, 80_000), None)[0].void == 3


def test_without_any_bet_the_book_is_the_same():
    book = ShadowBook()
    assert shadow.on_bar(book, flat_bar(0, 80_000), None) == (book, None)
    assert shadow.on_bar(book, flat_bar(0, 80_000), None)[0] is book


@pytest.mark.parametrize(("stop", "p", "break_even"), [(0, 0.6, 0.5), (120, 1.0, 0.5), (120, 0.6, 0.0)])
def test_no_bet_without_a_stop_and_none_at_certainty(stop, p, break_even):
    wanted = msgspec.structs.replace(recommendation(), break_even=break_even, stop_distance_ticks=stop)
    assert shadow_bet(forecast(p), wanted, NQ) is None
    least = msgspec.structs.replace(recommendation(), stop_distance_ticks=1)
    assert shadow_bet(forecast(0.6), least, NQ).stop_ticks == 1


def test_proof_begins_at_twenty_and_one_bet_at_least_is_needed_below():
    assert Evidence(log_maximum=math.log(20)).state is EvidenceState.PROVEN
    below = Evidence(bets=10, log_maximum=math.log(19.99), log_wealth=(0.0, 0.0, 0.0, 0.0, math.log(100)))
    assert (below.state, below.bets_needed) == (EvidenceState.UNPROVEN, 1)
    assert Evidence(log_maximum=math.log(20), stage=1).state is EvidenceState.DEGRADED
    assert Evidence().e_value == 1.0


def test_the_stage_rises_at_two_thousand_and_at_twenty_thousand():
    def stage(log_r: float, hit: bool) -> int:
        return msgspec.structs.replace(PROVEN, log_r=log_r).update(result(0.0, hit)).stage

    # a hit at p .56 against .51 multiplies R + 1 by .51 / .56, a miss by .49 / .44
    miss = 0.49 / 0.44
    assert stage(math.log(2_000 / miss - 1 - 1e-6), hit=False) == 0
    assert stage(math.log(2_000 / miss - 1 + 1e-6), hit=False) == 1
    assert stage(math.log(20_000 / miss - 1 - 1e-6), hit=False) == 1
    assert stage(math.log(20_000 / miss - 1 + 1e-6), hit=False) == 2
    halved = msgspec.structs.replace(PROVEN, log_r=0.0, stage=1)
    assert halved.update(result(0.0, True)).stage == 1
