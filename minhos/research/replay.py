"""Replay: every recorded decision made again from the journal alone, and compared bit for bit.

The events are folded as at a restart, features included; each decision is recomputed by `decide` from the recorded
forecast.  Forecasts can be recomputed too, where their bundle is still there; they are compared apart, because
another processor may round them differently.  It changes nothing and sends nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Literal, Protocol

import msgspec

from minhos.errors import PartsError
from minhos.features.pipeline import FeaturePipeline
from minhos.journal.types import Record
from minhos.market.calendar import SessionCalendar
from minhos.market.types import Instrument
from minhos.models.forecast import Forecast
from minhos.progress import Progress
from minhos.trading import events as ev
from minhos.trading.decide import RULES, RULES_VERSION, decide
from minhos.trading.engine import Forecasts
from minhos.trading.state import Observe, TradingState
from minhos.trading.types import Decision
from minhos.words import utc

TOLERANCE = 1e-6
_REPORT_EVERY = 5_000
_MISSING = "nothing"


class Journal(Protocol):
    """What a replay reads: a `JournalReader`, or the journal of a backtest in memory."""

    @property
    def last(self) -> int: ...

    def records(self, *, kinds: Collection[str] | None = None) -> Iterator[Record]: ...


class Difference(msgspec.Struct, frozen=True):
    """One field of a decision, such as "verdict.caps[0].contracts"."""

    field: str
    recorded: str
    recomputed: str


class DifferentDecision(msgspec.Struct, frozen=True):
    """A decision that comes out otherwise.  sequence: of its event in the journal."""

    time: str
    close_time_ns: int
    sequence: int
    fields: tuple[Difference, ...]


class ForecastCheck(msgspec.Struct, frozen=True):
    """Forecasts recomputed by their bundles.  largest: difference in any probability; beyond: over the tolerance."""

    compared: int = 0
    without_bundle: int = 0
    beyond: int = 0
    largest: float = 0.0
    first_beyond: str = ""


class RulesCount(msgspec.Struct, frozen=True):
    """Decisions that were recorded under one version of the rules."""

    version: int
    rules: str
    """What that version decides by, in words."""
    decisions: int
    differing: int
    """Those that come out otherwise under this version's rules."""


class Unjudged(msgspec.Struct, frozen=True):
    """Recorded decisions that cannot be made again here."""

    why: str
    """Which limit of the user's own decided, what this process has instead, and the way out."""
    decisions: int
    first: str
    last: str
    """Times of the first and the last of them."""


class ReplayReport(msgspec.Struct, frozen=True):
    """verdict: whether all recorded decisions come out again, bit for bit; "incomplete": those that could be judged.

    decisions: recorded; `unjudged` among them.  rules: each version of the rules by which decisions were judged.
    """

    verdict: Literal["identical", "differs", "incomplete"]
    sentence: str
    decisions: int
    differing: int
    first: DifferentDecision | None = None
    forecasts: ForecastCheck | None = None
    rules: tuple[RulesCount, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()


def replay(
    reader: Journal,
    *,
    calendar: SessionCalendar | None = None,
    features: Callable[[Instrument], Observe] | None = None,
    bundles: Callable[[str], Forecasts | None] | None = None,
    progress: Progress | None = None,
) -> ReplayReport:
    """Decide every recorded bar again.

    Args:
        reader: the journal, from its first event on.
        calendar, features: those that the trader ran with; the standard ones where None.
        bundles: from a bundle's id to something that forecasts, None where it is gone; no forecast is recomputed
            where this is None.

    Returns:
        The verdict and the first decision that differs, field by field.

        Decisions of limits of the user's own that this process does not have, or has in another form, are counted
        and named; what was recorded of them leads on to the next.

    Raises:
        JournalError: an event that cannot be read.
    """
    calendar = calendar or SessionCalendar.load()
    state = TradingState(calendar, features or standard_features(calendar))
    forecasts = ForecastComparison(bundles) if bundles is not None else None
    total, n = max(1, reader.last), 0
    decided: Counter[int] = Counter()
    differing: Counter[int] = Counter()
    """By version of the rules, as `decided`."""
    first: DifferentDecision | None = None
    unjudged: dict[str, Unjudged] = {}
    for record in reader.records():
        event = ev.decode(record.kind, record.payload, record.version)
        if isinstance(event, ev.DecisionMade):
            n += 1
            if forecasts is not None:
                forecasts.compare(state, event.decision)
            again = _judged(state, event.decision, unjudged)
            decided[state.rules_version] += again is not None
            if again is not None and not same_bits(again, event.decision):
                differing[state.rules_version] += 1
                first = first or different(record.sequence, event.decision, again)
        state.apply(event)
        if progress is not None and record.sequence % _REPORT_EVERY == 0:
            progress(record.sequence / total, f"event {record.sequence:,} of {total:,}, {n:,} decisions made again")
    rules = tuple(RulesCount(v, words_of(v), decided[v], differing[v]) for v in sorted(decided) if decided[v])
    left = tuple(unjudged.values())
    return ReplayReport(
        "differs" if first is not None else "incomplete" if left else "identical",
        _sentence(n, rules, first, left),
        n,
        differing.total(),
        first,
        forecasts.result() if forecasts else None,
        rules,
        left,
    )


def _judged(state: TradingState, recorded: Decision, unjudged: dict[str, Unjudged]) -> Decision | None:
    """The decision made again; None, and counted by its reason, where a limit that decided is not here."""
    try:
        return decide_again(state, recorded)
    except PartsError as error:
        why, time = str(error), utc(recorded.close_time_ns)
        before = unjudged.get(why, Unjudged(why, 0, time, time))
        unjudged[why] = msgspec.structs.replace(before, decisions=before.decisions + 1, last=time)
        return None


def words_of(rules_version: int) -> str:
    """What a version of the rules decides by."""
    return RULES.get(rules_version, "not known to this version of MinhOS")


def standard_features(calendar: SessionCalendar) -> Callable[[Instrument], Observe]:
    """A fresh pipeline for an instrument, as the trader makes it."""

    def make(instrument: Instrument) -> Observe:
        return FeaturePipeline(instrument, calendar).update

    return make


def decide_again(state: TradingState, recorded: Decision) -> Decision:
    """The decision that `decide` makes now from the recorded forecast; the state is that before the decision."""
    assert state.manager is not None
    why = recorded.recommendation.reason if recorded.unready is not None and recorded.recommendation else ""
    return decide(state.moment(recorded.forecast, unready=recorded.unready, why=why), state.manager)


def same_bits(left: Decision, right: Decision) -> bool:
    """Equal as stored; unlike ==, NaN equals itself and 0.0 is not -0.0."""
    return msgspec.msgpack.encode(left) == msgspec.msgpack.encode(right)


def different(sequence: int, recorded: Decision, again: Decision) -> DifferentDecision:
    """What differs, field by field."""
    before, after = dict(_flat(recorded)), dict(_flat(again))
    fields = tuple(
        Difference(name, _text(before.get(name, _MISSING)), _text(after.get(name, _MISSING)))
        for name in dict.fromkeys([*before, *after])
        if msgspec.msgpack.encode(before.get(name, _MISSING)) != msgspec.msgpack.encode(after.get(name, _MISSING))
    )
    return DifferentDecision(utc(recorded.close_time_ns), recorded.close_time_ns, sequence, fields)


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Leaves of a value with their paths."""
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _flat(getattr(value, field), f"{name}.{field}" if name else field)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}[{key}]")
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from _flat(item, f"{name}[{i}]")
    else:
        yield name, value


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _sentence(
    n: int, rules: tuple[RulesCount, ...], first: DifferentDecision | None, unjudged: tuple[Unjudged, ...]
) -> str:
    left = " ".join(_left(each, n) for each in unjudged)
    if first is not None:
        return f"{_difference(n, rules, first)} {left}".rstrip()
    if unjudged:
        judged = n - sum(each.decisions for each in unjudged)
        found = f"The {judged:,} others come out identical, bit for bit." if judged else "No other was recorded."
        return f"{left} {found}"
    return f"All {n:,} recorded decisions come out identical, bit for bit."


def _left(unjudged: Unjudged, n: int) -> str:
    """Which decisions could not be judged, why, and the way out."""
    return (
        f"{unjudged.decisions:,} of {n:,} decisions, from {unjudged.first} to {unjudged.last}, cannot be judged. "
        f"{unjudged.why}"
    )


def _difference(n: int, rules: tuple[RulesCount, ...], first: DifferentDecision) -> str:
    differing = sum(each.differing for each in rules)
    shown = ", ".join(f"{d.field} {d.recorded} recorded, {d.recomputed} recomputed" for d in first.fields[:3])
    more = f" and {len(first.fields) - 3} more fields" if len(first.fields) > 3 else ""
    why = "; ".join(_by_rules(each) for each in rules if each.differing)
    return (
        f"{differing:,} of {n:,} decisions differ, first that of {first.time} (record {first.sequence}): {shown}{more}"
        f"; {why}."
    )


def _by_rules(count: RulesCount) -> str:
    """Why decisions of one version of the rules may differ."""
    if count.version == RULES_VERSION:
        return f"{count.differing:,} by the rules of this version: the journal or what decides was changed"
    return (
        f"{count.differing:,} of {count.decisions:,} by rules {count.version} ({count.rules}), "
        f"while this version decides by rules {RULES_VERSION} ({words_of(RULES_VERSION)})"
    )


class ForecastComparison:
    """Recomputes forecasts by their bundles and keeps the largest difference."""

    def __init__(self, bundles: Callable[[str], Forecasts | None]) -> None:
        self._bundles = bundles
        self._known: dict[str, Forecasts | None] = {}
        self._compared = self._without = self._beyond = 0
        self._largest = 0.0
        self._first = ""

    def compare(self, state: TradingState, recorded: Decision) -> None:
        """The forecast of that bar again, from the features that the fold computed."""
        forecast = recorded.forecast
        if forecast is None or state.observation is None:
            return
        if forecast.bundle_id not in self._known:
            self._known[forecast.bundle_id] = self._bundles(forecast.bundle_id)
        serving = self._known[forecast.bundle_id]
        if serving is None:
            self._without += 1
            return
        self._compared += 1
        distance = largest_difference(forecast, serving.forecast(state.observation))
        self._largest = max(self._largest, distance)
        if distance > TOLERANCE:
            self._beyond += 1
            self._first = self._first or utc(recorded.close_time_ns)

    def result(self) -> ForecastCheck:
        return ForecastCheck(self._compared, self._without, self._beyond, self._largest, self._first)


def largest_difference(left: Forecast, right: Forecast) -> float:
    """Of any probability that both name; infinite where one is no number and the other is."""
    pairs = [(left.score, right.score), (left.p_up, right.p_up), (left.p_low, right.p_low)]
    pairs += [(p, right.members[name]) for name, p in left.members.items() if name in right.members]
    return max(_distance(a, b) for a, b in pairs)


def _distance(a: float, b: float) -> float:
    if math.isnan(a) and math.isnan(b):
        return 0.0
    return abs(a - b) if math.isfinite(a - b) else math.inf
