"""`KellyService`: what Kelly recommends now, for programs that use MinhOS as a library.

A thin reader of the journal through the views: the same answers as `/api/kelly/...`.  It works before anything was
started (the state is then `not_running`), sends nothing and writes nothing.
"""

from __future__ import annotations

from minhos.assembly.in_use import settings_in_use
from minhos.assembly.layout import Layout
from minhos.assembly.live_views import LiveViews
from minhos.settings import Settings, home
from minhos.sizing.pipeline import Money, Size, contracts_for
from minhos.views import health, kelly
from minhos.views.health import ServiceHealth
from minhos.views.kelly import KellyPerformance, KellyRecommendation, RecentRecommendations


class KellyService:
    """Reads this home's settings and journal; every answer is of the moment at which it is asked for."""

    def __init__(self, settings: Settings | None = None, layout: Layout | None = None) -> None:
        self.layout = layout or Layout(home())
        self.settings = settings or settings_in_use(self.layout, last=True)[0]
        self._house = LiveViews(self.settings, self.layout)

    def current_recommendation(self) -> KellyRecommendation:
        """The newest recommendation, its trace and its age; `state` says why there is none."""
        return self._house.read(kelly.recommendation)

    def recent(self, n: int = 20) -> RecentRecommendations:
        """The newest n recommendations that rest on a forecast, newest first."""
        return self._house.read(lambda views, around: kelly.recent(views, around, n))

    def health(self) -> ServiceHealth:
        """Is every part there and does it answer?"""
        return self._house.read(health.service_health)

    def metrics(self) -> KellyPerformance:
        """Own trades, days, equity, and how often such bets win."""
        return self._house.read(kelly.performance)

    def calculate(self, p: float, payoff_ratio: float, capital: float, risk_per_contract: float) -> Size:
        """Contracts for a bet that wins payoff_ratio R or loses 1 R, under the settings of this home.

        Pure arithmetic on two outcomes; what is recommended live is sized on the model's whole payoff instead.

        Args:
            p: probability of winning, between 0 and 1.
            payoff_ratio: win over loss.
            capital: dollars to size on.
            risk_per_contract: R in dollars, costs included.

        Returns:
            Contracts, fractions and the bound that held; zero contracts for numbers that are no bet.
        """
        parameters = self.settings.sizing_parameters()
        capital_cents = 100.0 * capital
        money = Money(
            capital=capital_cents,
            r=100.0 * risk_per_contract,
            budget=parameters.daily_loss_limit * capital_cents * (0.5 if parameters.half_of_remaining_budget else 1.0),
            margin=float(self.settings.instrument(self.settings.market.symbol).day_margin_cents),
            free_for_margin=capital_cents,
        )
        return contracts_for(p, payoff_ratio, money, parameters)
