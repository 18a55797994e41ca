"""The paper venue: real or simulated prices, our own matching engine, no broker.

A Sierra Chart simulated account is paper too, but another venue (`sierra`).
"""

from __future__ import annotations

from minhos.venues.matching import MatchingEngine


class PaperVenue(MatchingEngine):
    """The matching engine under the name that journal and pages show; `MatchingParameters` are its settings."""

    name = "paper"
