"""Four scenarios that last: volatility that doubles twice, weeks of wrong forecasts, a dead feed, a thin book.

Each draws its scene and narrates what came of it; playing and judging are the same for all (`scenarios`).
"""

from __future__ import annotations

from statistics import fmean

from minhos.research.scenarios.checks import OPENING, Check
from minhos.research.scenarios.losses import day_losses
from minhos.research.scenarios.play import Run
from minhos.research.scenarios.scenario import Narrative, Played, Scenario
from minhos.research.scenarios.scene import Conditions, Scene
from minhos.research.scenarios.words import (
    day_sentence,
    end_sentence,
    held_at,
    level_sentence,
    refusal_sentence,
    root_of,
    stop_sentence,
)
from minhos.risk.limits.loss import ThreeLosses
from minhos.risk.types import Level
from minhos.words import clock_time, money, percent, position

STRETCHES = ("09:45", "11:00", "13:00", "15:30")
FEED_DIES, FEED_RETURNS, MISSED_FALL = "10:35", "11:45", 0.012
WEEKS = 12
THIN, THINNER, FALLS, FALL = "11:00", "12:30", "13:00", 0.008
THIN_BOOK = Conditions(slippage_ticks=4, most_contracts=1, spread_ticks=6.0)
THINNER_BOOK = Conditions(slippage_ticks=8, most_contracts=1, spread_ticks=10.0)


def _volatility(scene: Scene) -> None:
    first, double, quadruple, last = (scene.at(time) for time in STRETCHES)
    scene.bet(first, last)
    scene.widen(quadruple, 2.0)
    scene.widen(double, 2.0)


def _volatility_story(played: Played) -> Narrative:
    run, scene = played.run, played.scene
    figures: dict[str, float] = {}
    words = []
    for name, start, end in zip(("before", "doubled", "quadrupled"), STRETCHES, STRETCHES[1:], strict=False):
        held, r_cents = _sizes(run, scene.opens_ns(start), scene.opens_ns(end))
        figures |= {f"mean_contracts_{name}": held, f"r_dollars_{name}": r_cents / 100.0}
        words.append(f"{held:.1f} contracts at {money(r_cents, 0)} of risk each ({name})")
    story = (
        f"At {STRETCHES[1]} every move became twice as large, at {STRETCHES[2]} four times.",
        f"The stop moved away with the ATR, so one {root_of(run)} contract risked more and fewer were held: on average "
        f"{words[0]}, {words[1]}, {words[2]}.",
        level_sentence(run),
        day_sentence(run),
        refusal_sentence(run, scene.opens_ns(STRETCHES[1])),
    )
    return Narrative(story, figures)


def _sizes(run: Run, start_ns: int, end_ns: int) -> tuple[float, float]:
    """Mean size of the position held after the decisions of a stretch, and mean R in cents of one contract."""
    stretch = [taken for taken in run.decided if start_ns < taken.decision.close_time_ns <= end_ns]
    held = [abs(held_at(run, taken.decision.close_time_ns)) for taken in stretch]
    r_cents = [wanted.r_cents for taken in stretch if (wanted := taken.decision.recommendation) and wanted.r_cents]
    return fmean(held), fmean(r_cents) if r_cents else 0.0


def _drawdown(scene: Scene) -> None:
    """From 10:00 to 15:30 of every day the side of the move that does not come is forecast."""
    for day in range(len(scene.trade_dates)):
        first = scene.at("10:00", day)
        for i in range(first, min(first + 66, len(scene.drafts) - 2)):
            rises = scene.drafts[i + 2].points[0][1] >= scene.drafts[i + 1].points[0][1]
            scene.drafts[i].p_up = 1.0 - scene.sure if rises else scene.sure


def _drawdown_story(played: Played) -> Narrative:
    run = played.run
    days, reached = day_losses(run), _reached(run)
    losing = [day for day in days if day.loss_cents > 0]
    stopped, pnl = _stopped_by_losses(run), sum(closed.trade.pnl_cents for closed in run.trades)
    story = [
        f"For {WEEKS} weeks every forecast named the wrong side with p {played.scene.sure:.2f}: {len(run.trades):,} "
        f"trades lost {money(-pnl, 0)} on {len(losing)} trade dates.",
        f"The stop after {run.settings.risk.max_consecutive_losses} losses in a row ended {stopped} of them; "
        f"the worst one lost {percent(max(day.share for day in days), 2)} of its start.",
        _levels_words(reached, run),
        _multiplier_words(run),
        end_sentence(run),
    ]
    if Level.EMERGENCY in reached:
        story.append("At EMERGENCY everything was closed, and nothing was entered again: only `resume` ends that.")
    figures = {f"date_of_{level.name.lower()}": float(date) for level, date in reached.items()}
    sized, bound = _level_bound(run)
    figures |= {
        "dates_stopped_by_losses": float(stopped),
        "bars_sized_above_low": float(sized),
        "bars_bound_by_level": float(bound),
    }
    return Narrative(tuple(story), figures)


def _reached(run: Run) -> dict[Level, int]:
    """The trade date on which the drawdown first reached each level's threshold."""
    reached: dict[Level, int] = {}
    thresholds = dict(zip(list(Level)[1:], run.settings.risk.levels.drawdown, strict=False))
    for mark in run.marks:
        for level, share in thresholds.items():
            if level not in reached and mark.account.drawdown >= share:
                reached[level] = mark.account.trade_date
    return reached


def _levels_words(reached: dict[Level, int], run: Run) -> str:
    if not reached:
        return "No level above LOW was reached by the drawdown."
    dates = list(dict.fromkeys(taken.account.trade_date for taken in run.decided))
    words = [f"{level.name} on day {dates.index(date) + 1}" for level, date in reached.items()]
    return f"The drawdown reached {', '.join(words)}."


def _multiplier_words(run: Run) -> str:
    """Whether the levels' multipliers made the size smaller than the other bounds did."""
    sized, bound = _level_bound(run)
    if not sized:
        return "Nothing was sized at a level above LOW."
    if not bound:
        return (
            f"The levels' multipliers never set the size, on none of the {sized:,} bars sized above LOW: another bound "
            "was smaller already."
        )
    return f"The levels' multipliers set the size on {bound:,} of the {sized:,} bars sized above LOW."


def _level_bound(run: Run) -> tuple[int, int]:
    """Bars sized at a level above LOW, and those of them on which the level's multiplier was the bound that held."""
    sized = [
        wanted
        for taken in run.decided
        if (wanted := taken.decision.recommendation) is not None
        and wanted.raw_contracts > 0
        and taken.decision.verdict is not None
        and taken.decision.verdict.level > Level.LOW
    ]
    return len(sized), sum(wanted.bound == "risk_level" for wanted in sized)


def _stopped_by_losses(run: Run) -> int:
    """Trade dates on which the stop after losses in a row held a decision."""
    return len(
        {
            taken.account.trade_date
            for taken in run.decided
            if taken.decision.verdict is not None and taken.decision.verdict.bound == ThreeLosses.name
        }
    )


def _dead(scene: Scene) -> None:
    dies, returns = scene.at(FEED_DIES), scene.at(FEED_RETURNS)
    scene.bet(scene.at("09:45"), scene.at("15:30"))
    scene.shift(returns, -round(MISSED_FALL * scene.price(dies)))
    scene.silence(dies, returns)


def _dead_story(played: Played) -> Narrative:
    run, scene = played.run, played.scene
    dies, returns = scene.opens_ns(FEED_DIES), scene.opens_ns(FEED_RETURNS)
    held = held_at(run, dies)
    blind = [taken for taken in run.decided if dies < taken.decision.close_time_ns <= returns]
    opened = sum(order.role in OPENING for taken in blind for order in taken.decision.orders)
    again = next((f.fill.time_ns for f in run.fills if f.fill.time_ns > returns and f.fill.role in OPENING), 0)
    story = (
        f"At {FEED_DIES} the feed died with the account {position(held, root_of(run))}; at {FEED_RETURNS} it "
        f"came back {percent(MISSED_FALL)} lower.",
        f"All {len(blind)} bars between were decided as missing and opened nothing; the stop lay at the venue, which "
        f"here sees no prices either (a broker's does).",
        stop_sentence(run, returns),
        day_sentence(run),
        level_sentence(run),
        f"The next entry came at {clock_time(again)}, once enough bars in a row had come."
        if again
        else "Nothing was entered again that day: too many of the last bars had not come.",
    )
    check = Check("orders that open while the feed is dead", "none", str(opened), not opened)
    return Narrative(story, {"contracts_before": float(held), "bars_missing": float(len(blind))}, (check,))


def _thin(scene: Scene) -> None:
    thin, thinner, falls = (scene.at(time) for time in (THIN, THINNER, FALLS))
    scene.bet(scene.at("09:45"), scene.at("15:30"))
    price = scene.price(falls)
    scene.path(falls, (0, price), (200, round((1.0 - FALL) * price)), (295, round((1.0 - FALL) * price)))
    scene.under(thin, thinner, THIN_BOOK, volume=0.20)
    scene.under(thinner, len(scene.drafts), THINNER_BOOK, volume=0.04)


def _thin_story(played: Played) -> Narrative:
    run, since = played.run, played.scene.opens_ns(THIN)
    instrument = run.instrument
    fills = [filled.fill for filled in run.fills if filled.fill.time_ns >= since]
    paid = [fill.side * (fill.price_ticks - fill.expected_ticks) for fill in fills]
    extra_ticks = sum(f.contracts * max(0, p - instrument.slippage_ticks) for f, p in zip(fills, paid, strict=True))
    extra = extra_ticks * instrument.tick_value_cents
    slipped = f"{fmean(paid):.1f} ticks a fill, {money(extra, 0)} more than expected" if paid else "nothing: no fill"
    story = (
        f"At {THIN} the book thinned to a spread of {THIN_BOOK.spread_ticks:.0f} ticks and a fifth of the volume, at "
        f"{THINNER} to {THINNER_BOOK.spread_ticks:.0f} ticks and a twenty-fifth; one price filled one contract. At "
        f"{FALLS} the market fell {percent(FALL)} within one bar; the account was "
        f"{position(held_at(run, since), root_of(run))} when it began.",
        stop_sentence(run, played.scene.opens_ns(FALLS)),
        f"Slippage cost {slipped}.",
        day_sentence(run),
        level_sentence(run),
        refusal_sentence(run, since),
    )
    return Narrative(story, {"slippage_beyond_expected_dollars": extra / 100.0})


STRAINS = (
    Scenario("volatility", "Volatility doubles, then doubles again", _volatility, _volatility_story),
    Scenario(
        "drawdown",
        f"A long drawdown: {WEEKS} weeks of wrong forecasts",
        _drawdown,
        _drawdown_story,
        sessions=5 * WEEKS,
        most_steps=2,
    ),
    Scenario("dead-feed", "Dead feed: no prices for 70 minutes with an open position", _dead, _dead_story),
    Scenario(
        "thin-book", "Thin book: wide spread, slippage of several ticks, one contract a price", _thin, _thin_story
    ),
)
