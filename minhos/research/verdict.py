"""The verdict of a research run, as one word and one sentence that says it all.

The rule is that of training and backtest: too little data, an edge, or none that could be proven; a dead canary comes
before all of them.  Not for choosing what to trade: evidence does that, live.
"""

from __future__ import annotations

from collections.abc import Sequence

from minhos.research.deflation import SESSIONS_A_YEAR, Deflation
from minhos.research.edge import MINIMUM_BETS, Edge
from minhos.research.prediction import Prediction
from minhos.research.report import Data, Verdict
from minhos.research.report_words import percent, percents
from minhos.stats import annualised
from minhos.training.evaluate import MINIMUM_HOLDOUT_BARS, MINIMUM_SESSIONS


def verdict_of(
    data: Data, found: Prediction, bets: Edge, deflation: Deflation, dead: Sequence[str] = ()
) -> tuple[Verdict, str]:  # fmt: skip
    """The word and the sentence.  dead: what the canaries that died say; empty where all live."""
    mark = "SIMULATED: " if data.simulated else ""
    if dead:
        return "no_edge", f"{mark}Leak suspected, so nothing here is a result: {'; '.join(dead)}."
    n = found.accuracy.n if found.accuracy else 0
    parts = [_right(found), _bets(bets), _luck(bets, deflation)]
    said = ", ".join(part for part in parts if part)
    if data.sessions < MINIMUM_SESSIONS or n < MINIMUM_HOLDOUT_BARS:
        return "too_little_data", (
            f"{mark}Too little data: {data.sessions} full sessions and {n:,} bars out of sample where an answer needs "
            f"{MINIMUM_SESSIONS} and {MINIMUM_HOLDOUT_BARS:,}; so far {said}."
        )
    if is_edge(data, bets):
        return "edge", f"{mark}An edge: {said}; {_evidence(bets)}."
    return "no_edge", f"{mark}No edge: {said}; {_wait(bets)}."


def is_edge(data: Data, bets: Edge) -> bool:
    """Lower slope above zero, and at least 30 bets whose 95 % interval of the mean lies above zero."""
    return data.slope_low > 0.0 and bets.bets >= MINIMUM_BETS and bets.interval is not None and bets.interval[0] > 0.0


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
    return f"{bets.bets:,} bets {verb} {abs(bets.mean_net_r):.4f} R each after costs{between}"


def _luck(bets: Edge, found: Deflation) -> str:
    """The Sharpe ratio beside what the best of so many trials without skill would show."""
    if found.annual is None or found.expected_maximum is None or bets.bets < MINIMUM_BETS:
        return ""
    if found.n_trials == 1:
        return f"and their Sharpe ratio is {found.annual:.1f} a year, at the first trial"
    luck = annualised(found.expected_maximum, SESSIONS_A_YEAR)
    return (
        f"and their Sharpe ratio of {found.annual:.1f} a year stands against {luck:.1f} that the best of "
        f"{found.n_trials} trials without skill would show"
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
        return f"keep paper trading: {bets.bets} bets are too few to say how long, {MINIMUM_BETS} are needed"
    if bets.bets_needed is None:
        return "keep paper trading: at this rate no number of days would prove these forecasts"
    if bets.bets_needed == 0:
        return "the shadow book's evidence once reached its mark"
    return (
        f"keep paper trading: at this rate about {bets.dates_needed:,.0f} more trade dates "
        f"({bets.bets_needed:,} bets) would prove them"
    )
