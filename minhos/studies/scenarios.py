"""Risk scenarios under the user's own settings: which contract, which cash, and one object that says what held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from minhos.assembly.trading import trading_settings
from minhos.assembly.venues import matching_of
from minhos.errors import SettingsError
from minhos.market.instruments import INSTRUMENTS, is_micro
from minhos.market.symbols import root_of
from minhos.progress import Progress
from minhos.research.scenarios.suite import ScenarioResult, run_scenarios
from minhos.settings import Settings


class RiskScenarios(msgspec.Struct, frozen=True):
    """verdict: whether every check of every scenario holds.  size: root of what was traded.  cash_dollars: at start.

    simulated: always, for the market is generated and the forecasts are made up.
    """

    verdict: Literal["holds", "broken"]
    size: str
    cash_dollars: float
    scenarios: tuple[ScenarioResult, ...]
    simulated: bool = True


def risk_scenarios(
    settings: Settings,
    *,
    names: Sequence[str] = (),
    size: str = "",
    cash: float | None = None,
    progress: Progress | None = None,
) -> RiskScenarios:
    """What these settings would do on bad days.

    names: of the scenarios; none for all.  size: root to trade, by default the one of the settings.  cash: dollars, by
    default the paper account's.  Raises SymbolError for an unknown root, SettingsError for an unknown scenario or cash
    that is no amount.
    """
    traded = root_of(size or settings.market.order_root or settings.market.symbol)
    signal = next(root for root, known in INSTRUMENTS.items() if traded in (root, known.micro_root))
    market = settings.market.model_copy(update={"symbol": signal, "order_root": traded if is_micro(traded) else ""})
    chosen, dollars = (
        settings.model_copy(update={"market": market}),
        settings.paper.initial_cash if cash is None else cash,
    )
    if not 0.0 < dollars < 1e12:
        raise SettingsError(f"--cash {dollars} is no amount to start with; give dollars above zero.")
    instrument = chosen.instrument(signal)
    results = run_scenarios(
        instrument,
        lambda symbol: trading_settings(chosen, instrument, symbol),
        cash_cents=round(100 * dollars),
        matching=matching_of(chosen),
        names=names,
        progress=progress,
    )
    held = all(result.passed for result in results)
    return RiskScenarios("holds" if held else "broken", traded, dollars, results)
