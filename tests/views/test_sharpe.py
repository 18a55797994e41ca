"""The Sharpe ratio of the trading so far never stands alone: beside it stands the chance that it is luck."""

from __future__ import annotations

import msgspec
import pytest

from minhos.market.calendar import SessionCalendar
from minhos.stats import annualised, moments, probabilistic_sharpe_ratio
from minhos.testing.builders import MONDAY_OPEN, trading_events
from minhos.trading.events import DecisionMade
from minhos.views.performance import Performance

DAY_NS = 24 * 3_600 * 1_000_000_000
CASH = 25_000_000


def after(*equities: int) -> Performance:
    """A week of days that each end with that equity in cents."""
    template = next(event for event in trading_events() if isinstance(event, DecisionMade))
    performance = Performance(SessionCalendar.load())
    performance.on_start(CASH)
    for i, equity in enumerate(equities):
        close_ns = MONDAY_OPEN + i * DAY_NS
        decision = msgspec.structs.replace(template.decision, close_time_ns=close_ns, equity_cents=equity)
        performance.on_decision(DecisionMade(decision, 250.0))
    return performance


def test_the_ratio_and_the_chance_that_it_lies_above_zero():
    equities = [CASH + step for step in (50_000, 20_000, 90_000, 130_000, 110_000)]
    summary = after(*equities).summary()
    returns = [end / start - 1 for start, end in zip([CASH, *equities], equities, strict=False)]
    record = moments(returns)
    chance = probabilistic_sharpe_ratio(record.sharpe_ratio, 0.0, 5, record.skewness, record.kurtosis)
    assert summary.sharpe == pytest.approx(annualised(record.sharpe_ratio, 252), abs=5e-4)
    assert summary.sharpe_probability == pytest.approx(chance, abs=1e-6)


def test_before_five_days_and_without_a_trade_there_is_neither():
    for performance in (after(*[CASH + 1_000 * i for i in range(4)]), after(*[CASH] * 6)):
        summary = performance.summary()
        assert (summary.sharpe, summary.sharpe_probability) == (None, None)
