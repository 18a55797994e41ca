"""What trading costs: the share of the gross edge that is eaten, and fills as assumed against fills as they were.

Assumed are the instrument's commission and slippage; realised are the fills of a journal, where there are any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from minhos.accounting.types import Fill, Role
from minhos.errors import NotEnoughData
from minhos.market.types import Instrument
from minhos.research.measures.prediction import Pair, said_up
from minhos.research.out_of_sample import Floats, Signals
from minhos.stats import day_block_interval

MINIMUM_FILLS = 30
_DAY_NS = 24 * 60 * 60 * 1_000_000_000


class Costs(msgspec.Struct, frozen=True):
    """Of one contract, in ticks of the signal's instrument unless it says otherwise.

    round_trip_ticks, round_trip_dollars: as assumed, both sides; commission_ticks, slippage_ticks: their parts, a
    side.  mean_move_ticks: mean size of the move that is bet on.  gross_all_ticks: mean a bar before costs if every
    bar were bet on the raw score's side.  gross_bet_ticks: mean a bet of the shadow book before costs; None without
    bets.  share_eaten: cost over gross of the bets; None where they earn nothing before costs.
    """

    round_trip_ticks: float
    round_trip_dollars: float
    commission_ticks: float
    slippage_ticks: float
    mean_move_ticks: float
    gross_all_ticks: float
    gross_bet_ticks: float | None
    share_eaten: float | None


class Fills(msgspec.Struct, frozen=True):
    """Realised fills of one journal, a contract and side.  source: which journal.

    slippage_ticks: how much worse than the decision could expect, mean over contracts; interval: 95 %, by resampling
    days, None under three of them.  commission_dollars: mean.  assumed_slippage_ticks, assumed_commission_dollars:
    what the research takes off.
    """

    source: str
    n: int
    contracts: int
    slippage_ticks: float
    interval: Pair | None
    assumed_slippage_ticks: float
    commission_dollars: float
    assumed_commission_dollars: float


def costs(signals: Signals) -> Costs:
    """What the assumed cost takes from those forecasts."""
    own = signals.instrument
    gross = _gross_ticks(signals)[signals.bets]
    mean = float(gross.mean()) if len(gross) else None
    return Costs(
        round_trip_ticks=signals.cost_ticks,
        round_trip_dollars=signals.cost_ticks * own.tick_value_cents / 100.0,
        commission_ticks=own.commission_cents / own.tick_value_cents,
        slippage_ticks=float(own.slippage_ticks),
        mean_move_ticks=float(np.abs(signals.move_ticks).mean()),
        gross_all_ticks=float((said_up(signals) * signals.move_ticks).mean()),
        gross_bet_ticks=mean,
        share_eaten=signals.cost_ticks / mean if mean is not None and mean > 0.0 else None,
    )


def _gross_ticks(signals: Signals) -> Floats:
    """Ticks that each bet made before costs, the stop taken where it was touched."""
    return signals.net_r * (signals.stop_ticks + signals.cost_ticks) + signals.cost_ticks


def realised(fills: Iterable[Fill], instruments: Mapping[str, Instrument], source: str) -> Fills:
    """Fills of our own orders against what is assumed; those without an expected price are left out.

    Raises NotEnoughData under 30 of them.
    """
    own = [f for f in fills if f.role is not Role.UNKNOWN and f.expected_ticks and f.symbol in instruments]
    if len(own) < MINIMUM_FILLS:
        raise NotEnoughData(f"{len(own)} fills in {source}; {MINIMUM_FILLS} are needed to compare them")
    contracts = np.array([f.contracts for f in own], dtype=np.int64)
    worse = np.array([f.side * (f.price_ticks - f.expected_ticks) for f in own], dtype=np.float64)
    day = np.array([f.time_ns // _DAY_NS for f in own], dtype=np.int64)
    low, high = day_block_interval(np.repeat(worse, contracts), np.repeat(day, contracts), reps=1000)
    assumed = [instruments[f.symbol] for f in own]
    return Fills(
        source,
        len(own),
        int(contracts.sum()),
        slippage_ticks=float(np.average(worse, weights=contracts)),
        interval=(low, high) if np.isfinite([low, high]).all() else None,
        assumed_slippage_ticks=float(np.average([i.slippage_ticks for i in assumed], weights=contracts)),
        commission_dollars=sum(f.commission_cents for f in own) / 100.0 / int(contracts.sum()),
        assumed_commission_dollars=float(np.average([i.commission_cents for i in assumed], weights=contracts)) / 100.0,
    )
