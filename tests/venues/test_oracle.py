"""Fill by fill and to the cent against backtesting.py; and against committed fills where that is not installed.

Normalised as follows: prices in cents per contract (it knows no point value), slippage and commission both through
its commission, flips as one net order, cash without limit.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from matching_scenario import SLIPPAGE, START_CENTS, Fills, RandomTrader, Run

from minhos.testing.builders import NQ

GOLDEN = Path(__file__).with_name("golden_fills.csv")
VALUE = NQ.tick_value_cents
COST = NQ.commission_cents + SLIPPAGE * VALUE


@pytest.fixture(scope="module", params=[False, True], ids=["without_stops", "with_stops"])
def run(request) -> Run:
    return RandomTrader(seed=11, with_stops=request.param).run()


@pytest.mark.filterwarnings("ignore")
def test_every_fill_and_every_bars_equity_are_those_of_backtesting_py(run):
    pytest.importorskip("backtesting")
    fills, equity_cents = oracle(run)
    assert run.n_orders > 1_000
    assert fills == nonzero(run.fills)
    # backtesting.py takes its commission of a trade when it opens and when it closes, as we do.
    assert equity_cents[2:] == run.equity_cents[2:]


def test_the_fills_are_those_committed():
    with GOLDEN.open(newline="") as file:
        golden = {(int(bar), int(price)): int(contracts) for bar, price, contracts in list(csv.reader(file))[1:]}
    run = RandomTrader(seed=11, with_stops=True).run()
    assert (run.n_stopped, run.n_gaps) == (188, 67)
    assert nonzero(run.fills) == golden


def nonzero(fills: Fills) -> dict[tuple[int, int], int]:
    return {key: contracts for key, contracts in sorted(fills.items()) if contracts}


def oracle(run: Run) -> tuple[dict[tuple[int, int], int], list[int]]:
    """The same wishes through backtesting.py: fills by (bar, price), equity at each close."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    class Wishes(Strategy):
        def init(self) -> None:
            pass

        def next(self) -> None:
            wish = run.wishes.get(len(self.data) - 1)
            if wish is not None:
                send = self.buy if wish.delta > 0 else self.sell
                send(size=abs(wish.delta), sl=None if wish.stop_ticks is None else wish.stop_ticks * VALUE)

    columns = {"Open": "open_ticks", "High": "high_ticks", "Low": "low_ticks", "Close": "close_ticks"}
    frame = pd.DataFrame(
        {name: [getattr(b, field) * VALUE for b in run.bars] for name, field in columns.items()},
        index=pd.to_datetime([b.close_time_ns for b in run.bars]),
        dtype=float,
    )
    backtest = Backtest(frame, Wishes, cash=START_CENTS, margin=0.02, commission=lambda size, _price: abs(size) * COST)
    stats = backtest.run()
    fills: Fills = Counter()
    for trade in stats["_trades"].itertuples():
        fills[trade.EntryBar, round(trade.EntryPrice / VALUE)] += trade.Size
        fills[trade.ExitBar, round(trade.ExitPrice / VALUE)] -= trade.Size
    return nonzero(fills), [round(cents) for cents in stats["_equity_curve"]["Equity"]]
