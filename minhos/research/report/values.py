"""The research report as values: what HTML, JSON and terminal all say.

Only what was found, and for what could not be found the reason; nothing is computed here.
The sections put it into words (`forecasts`, `luck`, `money`, `sizing`), the page draws it (`page`).
"""

from __future__ import annotations

import msgspec

from minhos.research.luck.deflation import Deflation
from minhos.research.luck.tried import Tried
from minhos.research.measures.costs import Costs, Fills
from minhos.research.measures.edge import Edge, Slices
from minhos.research.measures.prediction import Pair, Prediction
from minhos.research.out_of_sample import WalkForwardNotes
from minhos.research.scenarios.suite import ScenarioResult
from minhos.research.sizing_lab.contracts import ContractsLab
from minhos.research.sizing_lab.criteria import Criterion
from minhos.research.sizing_lab.fractions import FractionsLab
from minhos.research.walk_forward.combinatorial import PathDistribution
from minhos.training.results.canaries import Canaries
from minhos.training.results.result import Verdict


class Data(msgspec.Struct, frozen=True):
    """Which bars, and how the forecasts were made.  first, last: UTC, of the bars out of sample.

    bars: of the whole history; unseen: of these, out of sample.  sessions: full ones of the whole history.  schedule:
    when the models were trained.  slope_low: lower bound of the newest calibrator's slope; not above zero means that
    it does not believe the score.  notes: how the files were read and what was cut.
    """

    symbol: str
    contracts: tuple[str, ...]
    first: str
    last: str
    bars: int
    unseen: int
    sessions: int
    schedule: str
    recipe_id: str
    members: tuple[str, ...]
    missing_members: tuple[str, ...]
    slope_low: float
    simulated: bool
    notes: tuple[str, ...] = ()


class Curve(msgspec.Struct, frozen=True):
    """A running sum by trade date, with the band in which 90 % of resampled histories lie on that date.

    values, band_low, band_high: one entry a trade date, at its end.  drawdown: share of the peak (equity) or distance
    below the peak (net R).
    """

    trade_dates: tuple[int, ...]
    values: tuple[float, ...]
    drawdown: tuple[float, ...]
    band_low: tuple[float, ...]
    band_high: tuple[float, ...]


class Month(msgspec.Struct, frozen=True):
    """One calendar month of trade dates: share of equity gained, dollars, trades closed, trade dates."""

    month: str
    result: float
    dollars: float
    trades: int
    trade_dates: int


class TradeRow(msgspec.Struct, frozen=True):
    """One trade from flat or flip to flat or flip.  Times in New York; pnl in dollars, net; r: P&L over the risk."""

    opened: str
    closed: str
    symbol: str
    side: str
    contracts: int
    pnl: float
    r: float | None
    p: float
    p_low: float
    break_even: float
    fraction: float
    bound: str
    exit: str


class Money(msgspec.Struct, frozen=True):
    """The settings as they stand, through the engine in whole contracts.  Shares 0 to 1; None: not measurable."""

    start_dollars: float
    total_return: float
    max_drawdown: float
    win_rate: float | None
    profit_factor: float | None
    exposure: float
    commission_dollars: float
    slippage_dollars: float
    outcomes: dict[str, int]
    bound_by: dict[str, int]
    deflation: Deflation
    curve: Curve
    months: tuple[Month, ...]
    trades: tuple[TradeRow, ...]


class TrialRow(msgspec.Struct, frozen=True):
    """A configuration that was tried on overlapping bars.  sharpe_ratio: per trade date, None where it has none."""

    at: str
    kind: str
    configuration: str
    sharpe_ratio: float | None


class ResearchReport(msgspec.Struct, frozen=True):
    """Everything.  sentence: the verdict in words.  missing: what was not measured, and why, by title.

    Where a canary died everything but data, canaries, settings and trials is empty.  deflation, shadow: of the shadow
    book's net R by trade date; e_values: bets so far and power of ten of its e-value.  money: the settings as they
    stand.  criteria, contracts, fractions: the sizing comparison.  scenarios: bad days, in a market that is
    generated in any case.  settings: by section, as they were used.  made: UTC.
    seconds: that the parts took.
    """

    verdict: Verdict
    sentence: str
    made: str
    version: str
    data: Data
    canaries: Canaries | None
    settings: dict[str, dict[str, str]]
    trials: tuple[TrialRow, ...]
    missing: dict[str, str]
    walk_forward: WalkForwardNotes | None = None
    prediction: Prediction | None = None
    edge: Edge | None = None
    slices: Slices | None = None
    costs: Costs | None = None
    fills: Fills | None = None
    deflation: Deflation | None = None
    shadow: Curve | None = None
    e_values: tuple[Pair, ...] = ()
    money: Money | None = None
    paths: PathDistribution | None = None
    tried: Tried | None = None
    criteria: tuple[Criterion, ...] = ()
    sizing_sentence: str = ""
    contracts: ContractsLab | None = None
    fractions: FractionsLab | None = None
    scenarios: tuple[ScenarioResult, ...] = ()
    seconds: dict[str, float] = {}
