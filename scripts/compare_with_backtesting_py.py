"""Bars per CPU second of the backtest beside those of backtesting.py, on the same bars and the same sides.

backtesting.py is under the AGPL and no part of MinhOS: it comes with the test environment alone.

    python scripts/compare_with_backtesting_py.py
"""

from __future__ import annotations

import warnings

from _environment import alone

N_BARS = 30_000


def theirs(bars, forecasts) -> float:
    """backtesting.py on the same bars: in and out with the forecast's side, nothing else to decide."""
    warnings.simplefilter("ignore")
    import pandas as pd
    from backtesting import Backtest, Strategy

    from minhos.bench.backtest import rate

    sides = [forecasts[close].side if forecasts[close].p_side >= 0.65 else 0 for close in bars.close_time_ns.tolist()]

    class Follow(Strategy):
        def init(self) -> None:
            pass

        def next(self) -> None:
            side = sides[len(self.data) - 1]
            held = (self.position.size > 0) - (self.position.size < 0)
            if side != held:
                self.position.close()
                if side:
                    (self.buy if side > 0 else self.sell)(size=1)

    columns = {"Open": bars.open_ticks, "High": bars.high_ticks, "Low": bars.low_ticks, "Close": bars.close_ticks}
    frame = pd.DataFrame(columns, index=pd.to_datetime(bars.close_time_ns), dtype=float)
    engine = Backtest(frame, Follow, cash=1e9, commission=lambda size, _price: abs(size) * 1.5)
    return rate(len(bars), engine.run)


def main() -> None:
    from minhos.bench import backtest as ours
    from minhos.feeds.simulated.market import MarketModel, simulate
    from minhos.market.calendar import SessionCalendar
    from minhos.market.instruments import instrument

    calendar = SessionCalendar.load()
    market = simulate(MarketModel(), instrument("NQ"), calendar, ours.START_NS, N_BARS)
    forecasts, table = (
        ours.forecasts_of(market.bars, ours.as_in_a_real_market(N_BARS)),
        ours.made_up_table(market.bars),
    )
    own = ours.rate(N_BARS, lambda: ours.backtest(market.bars, forecasts, table, calendar, None))
    print(f"MinhOS: {own:,.0f} bars/s; backtesting.py: {theirs(market.bars, forecasts):,.0f} bars/s")


if __name__ == "__main__":
    alone(__doc__)
    main()
