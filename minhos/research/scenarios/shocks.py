"""Four scenarios of a few minutes: a flash crash, a limit-down lock, a gap over a weekend, bad news at 08:30.

Each draws its scene and narrates what came of it; playing and judging are the same for all (`scenarios`).
"""

from __future__ import annotations

import msgspec

from minhos.market.types import NANOS_PER_MINUTE
from minhos.research.scenarios.checks import Check
from minhos.research.scenarios.scenario import Narrative, Played, Scenario
from minhos.research.scenarios.scene import Conditions, Scene
from minhos.research.scenarios.words import (
    day_sentence,
    end_sentence,
    held_at,
    level_sentence,
    refusal_sentence,
    root_of,
    stop_fills,
    stop_sentence,
    worst_day,
)
from minhos.trading.events import TradingSettings
from minhos.words import clock_time, contracts, money, percent, position

CRASH, CRASH_TIME = 0.05, "10:35"
LIMIT, LIMIT_TIME, REOPENED = 0.07, "04:10", 0.085
"""CME's limit of the night below the last settlement; the share of it that is lost where trading goes on."""
REGULAR_OPEN, AFTER_BREAKER = "09:30", "09:45"
GAP, WEEKEND_FRIDAY, WEEKEND_MONDAY = 0.025, 2, 3
"""Days of the scene, which begins on a Wednesday."""
NEWS_TIME, NEWS_RANGES, NEWS_P = "08:30", 10, 0.90


def _crash(scene: Scene) -> None:
    k = scene.at(CRASH_TIME)
    scene.bet(scene.at("09:45"), len(scene.drafts))
    price = scene.price(k)
    low, back = round((1.0 - CRASH) * price), round(0.995 * price)
    scene.path(k, (0, price), (40, low), (50, low), (200, back), (295, back))


def _crash_story(played: Played) -> Narrative:
    run, since = played.run, played.scene.opens_ns(CRASH_TIME)
    held = held_at(run, since)
    story = (
        f"At {CRASH_TIME} the market fell {percent(CRASH, 0)} within 40 seconds and came back within three minutes; "
        f"the account was {position(held, root_of(run))}.",
        stop_sentence(run, since),
        day_sentence(run),
        level_sentence(run),
        refusal_sentence(run, since),
        end_sentence(run),
    )
    return Narrative(story, {"contracts_before": float(held)})


def _lock(scene: Scene) -> None:
    k, opening, after = (scene.at(time) for time in (LIMIT_TIME, REGULAR_OPEN, AFTER_BREAKER))
    settlement = scene.price(0)
    scene.bet(scene.at("02:00"), len(scene.drafts))
    limit, again = round((1.0 - LIMIT) * settlement), round((1.0 - REOPENED) * settlement)
    for i in range(k, opening):
        scene.path(i, (0, limit), (150, limit), (295, limit))
    scene.under(k, after, Conditions(locked=True), volume=0.02)
    scene.silence(opening, after)
    scene.path(after, (0, again), (120, again - 40), (295, again))


def _lock_story(played: Played) -> Narrative:
    run, scene = played.run, played.scene
    since, after = scene.opens_ns(LIMIT_TIME), scene.opens_ns(AFTER_BREAKER)
    held, root = held_at(run, since), root_of(run)
    during = [filled for filled in run.fills if since <= filled.fill.time_ns < after]
    closing = [filled for filled in run.fills if filled.fill.time_ns >= after][:1]
    story = [
        f"At {LIMIT_TIME} the market jumped to its limit of the night, {percent(LIMIT, 0)} below the settlement, and "
        f"stayed locked there; at {REGULAR_OPEN} the breaker halted it until {AFTER_BREAKER}, when it went on "
        f"{percent(REOPENED)} below the settlement.",
        f"The account was {position(held, root)} and nothing filled for "
        f"{(after - since) // NANOS_PER_MINUTE} minutes: neither its stop nor the order to close it.",
    ]
    if closing:
        fill = closing[0]
        story.append(
            f"At {clock_time(fill.fill.time_ns)}, at the first price that could be traded, "
            f"{contracts(held, root)} were closed, {fill.beyond_ticks:,} ticks beyond the stop: that gap of "
            f"{money(sum(f.beyond_cents for f in run.fills), 0)} no limit can hold, only a smaller size."
        )
    story += [day_sentence(run), level_sentence(run), end_sentence(run)]
    locked = Check("fills while locked", "none", str(len(during)), not during)
    return Narrative(tuple(story), {"contracts_before": float(held)}, (locked,))


def _hold_over_halts(settings: TradingSettings) -> TradingSettings:
    return msgspec.structs.replace(settings, risk=msgspec.structs.replace(settings.risk, flat_before_halt=False))


def _weekend(scene: Scene) -> None:
    sunday = scene.at("18:00", WEEKEND_MONDAY)
    scene.bet(scene.at("15:00", WEEKEND_FRIDAY), len(scene.drafts))
    scene.shift(sunday, -round(GAP * scene.price(sunday)))


def _weekend_story(played: Played) -> Narrative:
    run, scene = played.run, played.scene
    since = scene.opens_ns("18:00", WEEKEND_MONDAY)
    held, root = held_at(run, since - 1), root_of(run)
    held_words = f"the account was {position(held, root)} over the weekend"
    story = [f"On Sunday at 18:00 the market opened {percent(GAP)} below Friday's close; {held_words}."]
    figures = {"contracts_before": float(held)}
    extra: tuple[Check, ...] = ()
    if played.as_set is not None:
        kept = held_at(played.as_set, since - 1)
        cost = (
            f"had lost {money(worst_day(played.as_set).loss_cents, 0)} at its worst" if kept else "lost nothing to it"
        )
        story.append(
            f"That is with flat_before_halt off, to show the gap; as you have set it the account was "
            f"{position(kept, root)}, and {cost}."
        )
        figures["contracts_before_as_set"] = float(kept)
        extra = (Check("flat over the weekend, as set", "flat", position(kept, root), not kept),)
    story += [stop_sentence(run, since), day_sentence(run), level_sentence(run), end_sentence(run)]
    return Narrative(tuple(story), figures, extra)


def _news(scene: Scene) -> None:
    k = scene.at(NEWS_TIME)
    scene.bet(scene.at("07:30"), len(scene.drafts), NEWS_P)
    price, span = scene.price(k), NEWS_RANGES * scene.mean_range(k)
    scene.path(
        k,
        (0, price),
        (2, price - round(0.3 * span)),
        (60, price - round(0.8 * span)),
        (120, price - span),
        (200, price - round(0.85 * span)),
        (295, price - round(0.9 * span)),
    )


def _news_story(played: Played) -> Narrative:
    run, since = played.run, played.scene.opens_ns(NEWS_TIME)
    held = held_at(run, since)
    p = max(NEWS_P, played.scene.sure)
    again = [filled for filled in run.fills if filled.fill.time_ns > since and not filled.stop_ticks]
    after = f"The models went on forecasting a rise with p {p:.2f}" + (
        f"; the next entry came at {clock_time(again[0].fill.time_ns)}."
        if again
        else ", and nothing was entered again that day."
    )
    story = (
        f"At {NEWS_TIME} bad news came: a bar of {NEWS_RANGES} times the usual range, down, its first third within "
        f"two seconds, while the models said up with p {p:.2f}; the account was "
        f"{position(held, root_of(run))}.",
        stop_sentence(run, since),
        day_sentence(run),
        level_sentence(run),
        after,
        refusal_sentence(run, since),
    )
    return Narrative(story, {"contracts_before": float(held), "stops_filled": float(len(stop_fills(run, since)))})


SHOCKS = (
    Scenario("flash-crash", "Flash crash: 5 % down and back within one bar", _crash, _crash_story),
    Scenario("limit-down", "Limit-down: locked 7 % lower, nothing fills until the market reopens", _lock, _lock_story),
    Scenario(
        "weekend-gap",
        "Gap through the stop: Sunday opens 2.5 % below Friday",
        _weekend,
        _weekend_story,
        sessions=4,
        adjust=_hold_over_halts,
    ),
    Scenario("bad-news", "Bad news at 08:30: ten times the usual range against a sure forecast", _news, _news_story),
)
