"""What Kelly adds to fixed sizes where the truth is known, and how long the sizing lab's histories take.  SIMULATED.

`shipped`: the settings as they stand against fixed 10 % on an OU market of 58 %, in fractional units, with NQ's costs
and the day's stop.  `drawdown`: drawdown-constrained Kelly (floor 0.8, breach 0.1) against fixed fractions that risk as
much or fall as deep: entry at break-even, win or lose one move, cost 5 % of it, runs of 1,000 bets; outcomes drawn from
the oracle's probability, forecasts that probability with Gaussian noise, exactly calibrated, which leaves the share of
the edge that LightGBM was measured to capture.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.bench.figures import Figure, at_least, at_most
from minhos.feeds.simulated.market import MarketModel, simulate
from minhos.market.calendar import SessionCalendar
from minhos.market.instruments import instrument
from minhos.models.payoff import Payoff
from minhos.research.out_of_sample import Floats, OutOfSample, Signals
from minhos.research.sizing_lab.bootstrap import observed
from minhos.research.sizing_lab.comparisons import fixed_side, fraction_of_equal_drawdown
from minhos.research.sizing_lab.days import budget_share, day_grid, play
from minhos.research.sizing_lab.fractions import Fractions
from minhos.research.sizing_lab.laboratory import sizing_lab
from minhos.research.sizing_lab.policies import ENTRY_RULES, POLICY, Assumptions, EntryRule, Sizer, taken
from minhos.sizing.types import SizingParameters
from minhos.stats import day_block_interval, sharpe_ratio, sortino_ratio
from minhos.testing.markets import START_NS, oracle_study

Progress = Callable[[float, str], None]
SETTINGS = SizingParameters()
EDGE_CAPTURED = {0.54: 0.967, 0.58: 0.983}
"""Share of the available edge that LightGBM took on OU markets of that ceiling."""
BETS_A_RUN = 1_000
MOVE_TICKS = 1_000
COST_SHARE = 0.05
SESSIONS_OF_TWO_YEARS = 505
HISTORIES = 10_000
SHARPE_TARGET, EQUAL_RISK_TARGET, EQUAL_DRAWDOWN_TARGET, RUIN_TARGET, SECONDS_TARGET = 0.05, 0.15, 0.25, 0.10, 10.0


def run(quick: bool = False, progress: Progress | None = None) -> list[Figure]:
    """All figures; intervals are of the mean over seeds, 95 %."""
    tell: Progress = progress or (lambda share, text: None)
    seeds, sessions, runs = (3, 60, 15) if quick else (10, 250, 40)
    found: list[Figure] = []
    for i, rule in enumerate(ENTRY_RULES):
        tell(0.4 * i, f"settings as shipped under {rule.name}, {seeds} markets")
        found += _shipped(rule, seeds, sessions)
    for i, ceiling in enumerate(EDGE_CAPTURED):
        tell(0.8 + 0.07 * i, f"drawdown-constrained Kelly at a ceiling of {ceiling}, {seeds * runs} runs")
        found += _drawdown(ceiling, seeds, runs)
    tell(0.95, "seconds of the lab")
    return found + _seconds(50 if quick else SESSIONS_OF_TWO_YEARS)


class Shipped(NamedTuple):
    """The settings as they stand on one market.  Ratios and differences against fixed 10 %; `of_` and `over_same_risk`:
    the fixed fraction with the same mean risk against fixed 10 %, and the settings against that fraction."""

    sharpe_gain: float
    drawdown_ratio: float
    volatility_ratio: float
    win_rate_difference: float
    sharpe_gain_of_same_risk: float
    sharpe_gain_over_same_risk: float
    sortino_gain_over_same_risk: float
    bet_sharpe_gain_over_same_risk: float
    growth_gain_over_same_risk: float


def _shipped(rule: EntryRule, seeds: int, sessions: int) -> list[Figure]:
    """The settings as they stand against fixed 10 %, and against smaller size alone."""
    markets = Shipped(*np.array([shipped_on(rule, seed, sessions) for seed in range(1, seeds + 1)]).T)
    name, asked = f"shipped/ou/0.58/{rule.name}", rule is ENTRY_RULES[0]
    return [
        *_with_interval(f"{name}/sharpe_gain", markets.sharpe_gain, SHARPE_TARGET if asked else None),
        _below(f"{name}/max_drawdown_ratio", markets.drawdown_ratio, 1.0 if asked else None),
        _below(f"{name}/volatility_ratio", markets.volatility_ratio, 1.0 if asked else None),
        *_with_interval(f"{name}/win_rate_difference", markets.win_rate_difference, 0.0 if asked else None),
        *(
            figure
            for column in Shipped._fields[4:]
            for figure in _with_interval(f"{name}/{column}", getattr(markets, column), None)
        ),
    ]


def shipped_on(rule: EntryRule, seed: int, sessions: int) -> Shipped:
    """One market of that many sessions, with NQ's costs and the day's stop."""
    study = oracle_study("ou", 0.58, sessions=sessions, seed=seed)
    signals, names = study.signals, ("kelly_shipped", "fixed_10", "fixed_same_risk")
    sizer = Sizer(signals, [activation.payoff for activation in study.activations], SETTINGS)
    wanted = np.array([sizer.fractions(POLICY[name], rule) for name in names])
    shares = [budget_share(SETTINGS.half_of_remaining_budget, name == "kelly_shipped") for name in names]
    played = play(wanted, signals.net_r, day_grid(signals.trade_date), SETTINGS.daily_loss_limit, shares)
    returns, drawdown = played.days.returns, observed(played.days).drawdown[:, 0]
    growth = played.days.total.sum(axis=1)
    kelly, tenth, same = (sharpe_ratio(row) for row in returns)
    by_bet = [sharpe_ratio(row[taken(signals, rule)]) for row in played.growth]
    won = [float((signals.net_r[row > 0.0] > 0.0).mean()) for row in played.fraction]
    return Shipped(
        kelly / tenth - 1.0,
        drawdown[0] / drawdown[1],
        returns[0].std() / returns[1].std(),
        won[0] - won[1],
        same / tenth - 1.0,
        kelly / same - 1.0,
        sortino_ratio(returns[0]) / sortino_ratio(returns[2]) - 1.0,
        by_bet[0] / by_bet[2] - 1.0,
        growth[0] / growth[2] - 1.0,
    )


class Gains(NamedTuple):
    """Gains of drawdown-constrained Kelly on one market, and the share of its runs that ever fell below 0.8."""

    sharpe_gain: float
    growth_gain: float
    below_80: float


def _drawdown(ceiling: float, seeds: int, runs: int) -> list[Figure]:
    """Drawdown-constrained Kelly against fixed fractions, entry at break-even."""
    found = [runs_of(ceiling, seed, runs) for seed in range(1, seeds + 1)]
    name = f"drawdown/ou/{ceiling}/break-even"
    ruin = float(np.mean([market.below_80 for market in found]))
    return [
        *_with_interval(
            f"{name}/sharpe_gain_same_mean_risk", [market.sharpe_gain for market in found], EQUAL_RISK_TARGET
        ),
        *_with_interval(
            f"{name}/growth_gain_same_median_drawdown", [market.growth_gain for market in found], EQUAL_DRAWDOWN_TARGET
        ),
        at_most(f"{name}/p_below_80", ruin, "share", RUIN_TARGET, None),
    ]


def runs_of(ceiling: float, seed: int, runs: int) -> Gains:
    """One market's runs, under drawdown-constrained Kelly and the fixed fractions that it is compared with."""
    signals, payoff = drawn_bets(ceiling, seed, runs)
    assumed = Assumptions(wealth_floor=0.8, breach_probability=0.1)
    fraction = Sizer(signals, [payoff], SETTINGS, assumed).fractions(POLICY["kelly_drawdown"], ENTRY_RULES[1])
    grid, each_run = day_grid(signals.trade_date), np.arange(runs)[None]
    kelly = play(fraction[None], signals.net_r, grid, math.inf, [math.inf]).days
    bets = np.arange(len(signals))
    equal = fraction_of_equal_drawdown(float(np.median(kelly.drawdown)), bets, signals.net_r, grid, math.inf, each_run)
    fixed = fixed_side("", equal, bets, signals.net_r, grid, math.inf, each_run)
    same_risk = np.full(len(signals), fraction.mean())
    return Gains(
        _ratio_of_runs(fraction, signals, runs) / _ratio_of_runs(same_risk, signals, runs) - 1.0,
        float(kelly.total.mean() / fixed.drawn.growth.mean()) - 1.0,
        float((np.exp(kelly.lowest) < 0.8).mean()),
    )


def _ratio_of_runs(fraction: Floats, signals: Signals, runs: int) -> float:
    """Mean over the runs of the Sharpe ratio of log returns by bet."""
    growth = np.log1p(fraction * signals.net_r).reshape(runs, BETS_A_RUN)
    return float(np.mean(growth.mean(axis=1) / growth.std(axis=1, ddof=1)))


def drawn_bets(ceiling: float, seed: int, runs: int) -> tuple[Signals, Payoff]:
    """Bets that beat break-even, in order of time, with their payoff; each run counts as a trade date."""
    from scipy.special import ndtr, ndtri

    n_bars = 4 * runs * BETS_A_RUN
    market = simulate(
        MarketModel(kind="ou", ceiling=ceiling, seed=seed), instrument("NQ"), SessionCalendar.load(), START_NS, n_bars
    )
    rng, share = np.random.default_rng(seed), EDGE_CAPTURED[ceiling]
    strength = ndtri(market.p_up)
    spread, kept = float(strength.std()), share * share
    heard = kept * (strength + rng.standard_normal(n_bars) * spread * math.sqrt(1.0 / kept - 1.0))
    p_up = ndtr(heard / math.sqrt(1.0 + spread * spread * (1.0 - kept)))
    payoff = Payoff((1.0,), (-1.0,), stop_atr=1.0, gap_probability=0.0)
    move = np.where(rng.random(n_bars) < market.p_up, 1.0, -1.0) * MOVE_TICKS
    signals = _signals(p_up, move)
    bets = np.flatnonzero(taken(signals, ENTRY_RULES[1]))[: runs * BETS_A_RUN]
    runs_in_turn = np.arange(len(bets)) // BETS_A_RUN
    return msgspec.structs.replace(signals.take(bets), trade_date=runs_in_turn), payoff


def _signals(p_up: Floats, move: Floats) -> Signals:
    """Bets of one move, won or lost, with its cost; the lower bound of p is p."""
    n, cost = len(p_up), COST_SHARE * MOVE_TICKS
    ones = np.ones(n)
    return Signals(
        instrument("NQ"),
        cost,
        True,
        np.arange(n),
        np.zeros(n, dtype=np.int64),
        score=p_up,
        p_up=p_up,
        p_low=np.maximum(p_up, 1.0 - p_up),
        agreement=ones,
        decided=ones > 0.0,
        move_ticks=move,
        atr_ticks=MOVE_TICKS * ones,
        volatility_ratio=ones,
        stop_ticks=MOVE_TICKS * ones,
        break_even=0.5 * (1.0 + COST_SHARE) * ones,
        model=np.zeros(n, dtype=np.int64),
        net_r=(np.sign(p_up - 0.5) * move - cost) / (MOVE_TICKS + cost),
    )


def _seconds(sessions: int) -> list[Figure]:
    """The lab with its histories and with a single one; the difference is theirs."""
    study = oracle_study("ou", 0.58, sessions=sessions)
    whole = _timed(study, HISTORIES)
    histories = whole - _timed(study, 1)
    return [
        at_most(f"seconds_of_{HISTORIES}_histories", histories, "s", SECONDS_TARGET, None),
        Figure("seconds_of_whole_lab", whole, "s"),
        Figure("sessions_of_lab", sessions, "sessions"),
    ]


def _timed(study: OutOfSample, n_paths: int) -> float:
    start = time.perf_counter()
    sizing_lab(Fractions(study, SETTINGS, n_paths=n_paths))
    return time.perf_counter() - start


def _with_interval(name: str, values: npt.ArrayLike, target: float | None) -> list[Figure]:
    """Mean over seeds, at least the target, and its interval."""
    column = np.asarray(values, dtype=float)
    mean, (low, high) = float(column.mean()), day_block_interval(column, np.arange(len(column)))
    return [
        at_least(name, mean, "share", target, None),
        Figure(f"{name}_low", float(low), "share"),
        Figure(f"{name}_high", float(high), "share"),
    ]


def _below(name: str, values: npt.ArrayLike, target: float | None) -> Figure:
    """The largest over seeds, below the target."""
    largest = float(np.max(values))
    return Figure(f"{name}_largest", largest, "ratio", target, None if target is None else largest < target)
