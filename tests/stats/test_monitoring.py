"""Evidence that may be looked at after every bet, and detectors of its end."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.stats import (
    AccuracyProcess,
    BettingProcess,
    Cusum,
    ShiryaevRoberts,
    beta_mixture_e_value,
    population_stability_index,
)

bounded = settings(deadline=None, max_examples=50)


def test_accuracy_vector_is_the_likelihood_ratio():
    process = AccuracyProcess((0.2,))
    for hit in map(int, "1101110111"):
        process.update(hit)
    assert process.e_value == pytest.approx(2.751882854, abs=5e-10)
    assert process.e_value == pytest.approx((0.6 / 0.5) ** 8 * (0.4 / 0.5) ** 2)


@pytest.mark.parametrize(("k", "n", "expected"), [(60, 100, 0.913050), (560, 1000, 53.586493), (540, 1000, 0.971784)])
def test_mixture_vectors(k, n, expected):
    assert beta_mixture_e_value(k, n) == pytest.approx(expected, abs=5e-7)


def test_evidence_is_the_mean_of_products():
    process = BettingProcess()
    results = [0.4, -0.3, 1.0, 0.2, -1.0]
    for x in results:
        process.update(x)
    expected = np.mean([math.prod(1 + stake * x for x in results) for stake in (0.02, 0.05, 0.1, 0.2, 0.4)])
    assert process.e_value == pytest.approx(expected)
    assert process.n == len(results)


def test_p_value_remembers_the_best_moment():
    process = BettingProcess((0.4,))
    for x in (1.0, 1.0, -1.0):
        process.update(x)
    assert process.p_value == pytest.approx(1 / 1.4**2)
    assert process.e_value == pytest.approx(1.4**2 * 0.6)


def test_what_lies_beyond_one_is_clipped_and_counted():
    process, reference = BettingProcess(), BettingProcess()
    process.update(5.0)
    process.update(-3.0)
    reference.update(1.0)
    reference.update(-1.0)
    assert (process.clipped, process.e_value) == (2, reference.e_value)


def test_wealth_never_overflows():
    process = BettingProcess()
    for _ in range(5000):
        process.update(1.0)
    assert process.e_value == math.inf
    assert process.log_e_value == pytest.approx(5000 * math.log(1.4) - math.log(5))
    assert process.p_value == 0.0


def test_a_bet_without_a_result_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        BettingProcess().update(math.nan)
    with pytest.raises(ValueError, match="hit"):
        AccuracyProcess().update(0.5)
    with pytest.raises(ValueError, match="stakes"):
        BettingProcess((1.0,))


@bounded
@given(st.lists(st.floats(-1, 1), max_size=60))
def test_p_value_never_rises_and_wealth_stays_above_zero(results):
    process, last = BettingProcess(), 1.0
    for x in results:
        assert process.update(x) > 0
        assert process.p_value <= last
        last = process.p_value


def test_peeking_at_a_coin_proves_it_in_at_most_one_of_twenty():
    rng = np.random.default_rng(11)
    proven = 0
    for _ in range(150):
        process = AccuracyProcess()
        for hit in rng.integers(0, 2, 800).tolist():
            process.update(hit)
        proven += process.p_value <= 0.05
    assert proven / 150 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 150)


def test_an_edge_is_proven():
    process = AccuracyProcess()
    for hit in (np.random.default_rng(3).random(3000) < 0.56).tolist():
        process.update(hit)
    assert process.p_value <= 0.05


@pytest.mark.parametrize(("accuracy", "p0", "median"), [(0.58, 0.5, 243), (0.54, 0.5, 928), (0.56, 0.5208, 953)])
def test_how_many_bets_a_proof_takes(accuracy, p0, median):
    """Measured medians over many runs; those of 150 runs lie within a quarter."""
    rng, needed = np.random.default_rng(17), []
    for _ in range(150):
        process, n = AccuracyProcess(), 0
        while process.p_value > 0.05 and n < 4 * median:
            process.update(bool(rng.random() < accuracy), p0)
            n += 1
        needed.append(n)
    assert np.median(needed) == pytest.approx(median, rel=0.25)


def test_shiryaev_roberts_and_cusum_vectors():
    detector, cusum = ShiryaevRoberts(0.56, 0.51), Cusum(0.56, 0.51)
    statistics, sums = [], []
    for hit in (1, 0, 0, 1, 0):
        detector.update(bool(hit))
        cusum.update(bool(hit))
        statistics.append(detector.statistic)
        sums.append(cusum.statistic)
    assert statistics == pytest.approx([0.910714, 2.127841, 3.483277, 4.082985, 5.660597], abs=5e-7)
    assert sums == pytest.approx([0, 0.107631, 0.215261, 0.121735, 0.229366], abs=5e-7)


def test_a_lost_edge_is_noticed_and_a_kept_one_rarely_doubted():
    rng = np.random.default_rng(8)
    delays = []
    for _ in range(30):
        detector = ShiryaevRoberts(0.56, 0.51)
        delays.append(next(i for i in range(1, 5000) if detector.update(bool(rng.random() < 0.50))))
    assert 200 < np.median(delays) < 450
    alarms = 0
    for _ in range(60):
        detector = ShiryaevRoberts(0.56, 0.51)
        alarms += any(detector.update(hit) for hit in (rng.random(500) < 0.56).tolist())
    assert alarms / 60 <= 500 / 2000 + 0.1


def test_detectors_survive_long_losses_and_start_again():
    detector = ShiryaevRoberts(0.56, 0.51)
    for _ in range(20_000):
        detector.update(False)
    assert detector.statistic == math.inf
    assert detector.alarm
    detector.reset()
    assert detector.statistic == 0.0
    assert not detector.alarm


def test_a_detector_needs_good_above_bad():
    with pytest.raises(ValueError, match="bad"):
        ShiryaevRoberts(0.5, 0.5)


NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 10_000) for i in range(10_000)])


@pytest.mark.parametrize(
    ("shifted", "expected"),
    [(NORMAL + 0.1, 0.00959), (NORMAL + 0.25, 0.05984), (NORMAL + 0.5, 0.23783), (NORMAL * 1.5, 0.19369)],
)
def test_population_stability_vectors(shifted, expected):
    assert population_stability_index(NORMAL, shifted) == pytest.approx(expected, abs=5e-6)


def test_population_stability_without_shift_is_noise_of_known_size():
    rng = np.random.default_rng(0)
    values = [population_stability_index(*rng.normal(size=(2, 1000))) for _ in range(100)]
    assert np.mean(values) == pytest.approx(9 * (1 / 1000 + 1 / 1000), rel=0.25)
