"""The verdict of a research run, as one word and one sentence that says it all.

The word is that of training and backtest: too little data, an edge, or none that could be proven; a dead canary comes
before all of them.  Not for choosing what to trade: evidence does that, live.
"""

from __future__ import annotations

import math

from minhos.models.calibration import Calibrator
from minhos.research.luck.deflation import SESSIONS_A_YEAR, Deflation
from minhos.research.measures.edge import MINIMUM_BETS, Edge
from minhos.research.measures.prediction import Prediction
from minhos.research.report.values import Data
from minhos.stats import annualised
from minhos.training.results.canaries import Canaries
from minhos.training.results.evaluate import MINIMUM_HOLDOUT_BARS, MINIMUM_SESSIONS, verdict
from minhos.training.results.result import Bets, Verdict
from minhos.words import percent, percents, plural

BEYOND_LUCK = 0.95
"""Of the deflated Sharpe ratio: chance that the ratio lies above zero, after all trials, from which it is an edge."""
AGAIN = "the bets alone look like one, so judge them on bars that nothing was tried on: keep paper trading"


def verdict_of(data: Data, found: Prediction, bets: Edge, deflation: Deflation) -> tuple[Verdict, str]:
    """The word and the sentence of a run whose canaries live."""
    known = Calibrator(data.slope_low, 0.0, data.slope_low, 0)
    word, _ = verdict(data.sessions, found.moved, known, Bets(bets.bets, bets.mean_net_r, bets.interval))
    said = ", ".join(part for part in (_right(found), _bets(bets), _luck(bets, deflation)) if part)
    mark = "SIMULATED: " if data.simulated else ""
    if word == "too_little_data":
        return word, (
            f"{mark}Too little data: {data.sessions} full sessions and {found.moved:,} bars out of sample where an "
            f"answer needs {MINIMUM_SESSIONS} and {MINIMUM_HOLDOUT_BARS:,}; so far {said}."
        )
    if word == "edge" and not (deflation.probability or 0.0) >= BEYOND_LUCK:
        return "no_edge", f"{mark}No edge beyond luck{_after(deflation)}: {said}; {AGAIN}."
    if word == "edge":
        return word, f"{mark}An edge: {said}; {_evidence(bets)}."
    believed = "" if data.slope_low > 0.0 else "the newest calibration does not believe the score; "
    return word, f"{mark}No edge: {said}; {believed}{_wait(bets)}."


def leak_of(data: Data, canaries: Canaries) -> tuple[Verdict, str]:
    """The word and the sentence of a run in which a canary died."""
    mark = "SIMULATED: " if data.simulated else ""
    return "no_edge", f"{mark}{canaries.sentence} Nothing of this run is a result."


def _right(found: Prediction) -> str:
    right = found.accuracy
    if right is None:
        return f"none of {found.bars:,} bars could be judged"
    return (
        f"right on {percent(right.accuracy)} of {right.n:,} bars (95 %: {percents(right.interval)}; "
        f"majority {percent(right.majority)}, break-even {percent(right.break_even)})"
    )


def _bets(bets: Edge) -> str:
    if bets.mean_net_r is None:
        return "no bar beat its break-even, so nothing was bet"
    verb = "earned" if bets.mean_net_r > 0 else "lost"
    between = f" (95 %: {bets.interval[0]:+.4f} to {bets.interval[1]:+.4f})" if bets.interval else ""
    return f"{plural(bets.bets, 'bet')} {verb} {abs(bets.mean_net_r):.4f} R each after costs{between}"


def _after(found: Deflation) -> str:
    return f" after {found.n_trials:,} trials" if found.n_trials > 1 else ""


def _luck(bets: Edge, found: Deflation) -> str:
    """The Sharpe ratio beside what the best of so many trials without skill would show."""
    if found.annual is None or found.expected_maximum is None or bets.bets < MINIMUM_BETS:
        return ""
    if found.n_trials == 1:
        return f"and their Sharpe ratio is {found.annual:.1f} a year, at the first trial"
    luck = annualised(found.expected_maximum, SESSIONS_A_YEAR)
    return (
        f"and their Sharpe ratio of {found.annual:.1f} a year stands against {luck:.1f} that the best of "
        f"{found.n_trials:,} trials without skill would show"
    )


def _evidence(bets: Edge) -> str:
    if bets.state == "proven":
        return "the shadow book has proven it; paper-trade it next"
    return _wait(bets)


def _wait(bets: Edge) -> str:
    """How much longer to paper-trade."""
    if bets.bets == 0:
        return "keep paper trading: without bets no number of days proves anything"
    if bets.bets < MINIMUM_BETS:
        are = "is" if bets.bets == 1 else "are"
        return (
            f"keep paper trading: {plural(bets.bets, 'bet')} {are} too few to say how long, {MINIMUM_BETS} are needed"
        )
    if bets.bets_needed is None or bets.bets_on_paper is None:
        return "keep paper trading: at this rate no number of days would prove these forecasts"
    if bets.state == "proven":
        return "the shadow book proved an edge once, and these figures no longer do: keep paper trading"
    if bets.bets_needed == 0:
        return "it was proven once, and the detector of a degrading model has raised its alarm since"
    dates = max(1, math.ceil(bets.dates_on_paper or 0.0))
    return (
        f"keep paper trading: at this rate about {plural(dates, 'trade date')} on paper "
        f"({plural(bets.bets_on_paper, 'bet')}) would prove them"
    )
