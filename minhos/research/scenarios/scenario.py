"""What a risk scenario is: how its scene is drawn, what settings it needs, how what came of it is narrative."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minhos.research.scenarios.checks import Check
from minhos.research.scenarios.play import Run
from minhos.research.scenarios.scene import MOST_STEPS, Scene
from minhos.trading.events import TradingSettings


class Played(NamedTuple):
    """A scene and its run.  as_set: the run with the settings as given, where the scenario had to change them."""

    scene: Scene
    run: Run
    as_set: Run | None


class Narrative(NamedTuple):
    """story: three to six sentences for a trader.  figures: by name.  checks: beside those of every scenario."""

    story: tuple[str, ...]
    figures: dict[str, float]
    checks: tuple[Check, ...] = ()


def _as_they_are(settings: TradingSettings) -> TradingSettings:
    return settings


class Scenario(NamedTuple):
    """One scenario.  sessions: that its scene lasts.  adjust: what it must change in the settings to show anything.

    most_steps: prices on each leg of a bar's path; fewer for scenes of many weeks.
    """

    name: str
    title: str
    draw: Callable[[Scene], None]
    narrate: Callable[[Played], Narrative]
    sessions: int = 1
    adjust: Callable[[TradingSettings], TradingSettings] = _as_they_are
    most_steps: int = MOST_STEPS
