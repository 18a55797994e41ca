"""What each setting that refuses or cuts bets did: how often it bound, and what the same days came to without it.

One backtest a setting, with everything else as it stands.  A cost is no advice: these days are a sample, and the
interval beside each says how little of it is sure.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from minhos.research.sizing_lab.comparisons import UNKNOWN, Days, Difference, paired_difference
from minhos.research.sizing_lab.contract_figures import Bound, Record, Way, days_of
from minhos.risk.parameters import RiskParameters
from minhos.sizing.types import SizingParameters
from minhos.trading.events import TradingSettings

NO_LIMIT = 1_000_000
"""Contracts, or losses in a row, that are never reached."""
Parameters = tuple[SizingParameters, RiskParameters]


class Setting(msgspec.Struct, frozen=True):
    """A setting that can be switched off.

    title: with its value.  bounds: names of the bounds of sizing and the limits of risk through which it acts.  off:
    the same parameters without it.
    """

    name: str
    title: str
    bounds: tuple[str, ...]
    off: Parameters


class SettingCost(msgspec.Struct, frozen=True):
    """What one setting did: the backtest as set beside the same one with that setting off.  Shares of capital.

    bound: bars on which it held the size or refused the bet, and their trade dates.  cost: total return without it
    less the return with it; above zero it cost that much, below zero it saved it.  drawdown_saved: maximum drawdown
    without it less the one with it.  difference: of the mean daily return, without less with, on the same dates.
    None where the run without it has too few bets to tell.
    """

    name: str
    title: str
    bound: Bound
    return_with: float | None
    return_without: float | None
    drawdown_with: float | None
    drawdown_without: float | None
    cost: float | None
    drawdown_saved: float | None
    difference: Difference
    sentence: str


def settings_of(base: TradingSettings) -> tuple[Setting, ...]:
    """The settings of which is asked what they cost, each with its value and its way to be off."""
    sizing, risk = base.sizing, base.risk
    replace = msgspec.structs.replace
    return (
        Setting(
            "confidence",
            f"confidence {sizing.confidence_threshold:.2f} / {risk.min_confidence:.2f}",
            ("entry_rule", "min confidence"),
            (replace(sizing, confidence_threshold=0.5), replace(risk, min_confidence=0.5)),
        ),
        Setting(
            "max_position_size",
            f"at most {sizing.max_position_size} contracts",
            ("max_position_size", "max position size"),
            (replace(sizing, max_position_size=NO_LIMIT), replace(risk, max_position_size=NO_LIMIT)),
        ),
        Setting(
            "max_consecutive_losses",
            f"stop after {risk.max_consecutive_losses} losses",
            ("losses in a row",),
            (sizing, replace(risk, max_consecutive_losses=NO_LIMIT)),
        ),
        Setting(
            "min_agreement",
            f"agreement {risk.min_agreement:.0%}",
            ("min agreement",),
            (sizing, replace(risk, min_agreement=0.0)),
        ),
        Setting(
            "daily_loss_limit",
            f"daily loss {sizing.daily_loss_limit:.0%}",
            ("remaining_budget", "daily loss"),
            (replace(sizing, daily_loss_limit=1.0), replace(risk, daily_loss_limit=1.0, daily_loss_limit_cents=None)),
        ),
        Setting(
            "drawdown_bound",
            f"drawdown bound {sizing.wealth_floor:.2f} / {sizing.breach_probability:.2f}",
            ("drawdown",),
            (replace(sizing, drawdown_bound=False), risk),
        ),
    )


def ways_off(base: TradingSettings) -> list[Way]:
    """One run a setting, with that setting off."""
    return [
        Way(f"without_{setting.name}", f"Without {setting.title}", "as set", *setting.off)
        for setting in settings_of(base)
    ]


def setting_costs(base: TradingSettings, kept: Record, without: Sequence[Record]) -> tuple[SettingCost, ...]:
    """kept: the settings as they stand.  without: the runs of `ways_off`, in order."""
    days = days_of(kept)
    return tuple(_cost(setting, kept, days, record) for setting, record in zip(settings_of(base), without, strict=True))


def _cost(setting: Setting, kept: Record, days: Days, without: Record) -> SettingCost:
    bars = sum(kept.bound[name].bars for name in setting.bounds if name in kept.bound)
    dates = {date for name in setting.bounds if name in kept.bound for date in kept.bound[name].trade_dates}
    bound = Bound(bars, tuple(sorted(dates)))
    ours, other = kept.figures, without.figures
    if other.missing:
        sentence = f"{setting.title}: bound on {bars:,} bars of {len(dates)} trade dates; without it {other.missing}."
        return SettingCost(setting.name, setting.title, bound, None, None, None, None, None, None, UNKNOWN, sentence)
    cost, saved = other.total_return - ours.total_return, other.max_drawdown - ours.max_drawdown
    difference = paired_difference(days_of(without), days, "daily_return")
    return SettingCost(
        setting.name,
        setting.title,
        bound,
        ours.total_return,
        other.total_return,
        ours.max_drawdown,
        other.max_drawdown,
        cost,
        saved,
        difference,
        _sentence(setting.title, bars, len(dates), cost, saved, difference),
    )


def _sentence(title: str, bars: int, dates: int, cost: float, saved: float, difference: Difference) -> str:
    if bars == 0 and cost == 0.0 and saved == 0.0:
        return f"{title}: never bound; it cost nothing and saved nothing."
    did = f"cost {100 * cost:.2f}" if cost >= 0.0 else f"saved {-100 * cost:.2f}"
    drawdown = f"saved {100 * saved:.2f}" if saved >= 0.0 else f"cost {-100 * saved:.2f}"
    sure = {"no significant difference": " (no significant difference)", "unknown": " (too few trade dates to tell)"}
    return (
        f"{title}: bound on {bars:,} bars of {dates} trade dates; it {did} points of return"
        f"{sure.get(difference.verdict, '')} and {drawdown} points of drawdown."
    )
