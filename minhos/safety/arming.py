"""May live trading be armed?  Each condition with its value and what is missing; nothing is sent here.

`minh.py arm` shows them and asks the trader only when all are met.  What arming then means is `risk.arming`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from minhos.accounting.types import Account
from minhos.assembly import heartbeats
from minhos.assembly.files import read_json
from minhos.assembly.heartbeats import TraderBeat
from minhos.assembly.layout import Layout
from minhos.assembly.naming import account_of, mode_of, registry_of, scope_of
from minhos.assembly.trading import active_bundle, make_state
from minhos.assembly.venues import matching_of
from minhos.errors import CommandRefused
from minhos.journal.reader import reader
from minhos.market.calendar import SessionCalendar
from minhos.market.clock import Clock
from minhos.market.instruments import is_micro
from minhos.market.symbols import parse_symbol
from minhos.research.sessions import FULL_SHARE, SessionCheck, check_sessions, clean_run
from minhos.risk.evidence import Evidence, EvidenceState
from minhos.risk.needed import SESSIONS_BEFORE_LIVE, until_proof
from minhos.risk.parameters import RiskParameters
from minhos.safety.broker_facts import BrokerFacts
from minhos.safety.clock_skew import MOST_SKEW_S, is_small
from minhos.settings import Settings
from minhos.trading.recovery import restored
from minhos.trading.state import TradingState
from minhos.views.surroundings import STALE_AFTER_S

Progress = Callable[[float, str], None]


class Condition(msgspec.Struct, frozen=True):
    """One thing that must hold.  needed: False for what is only missed.  sentence: what is the case, or to do."""

    name: str
    met: bool
    value: str
    sentence: str
    needed: bool = True


class Records(msgspec.Struct, frozen=True):
    """What the journals show.  sessions: of Sierra Chart's simulated accounts.  evidence: for what trades live.

    account: of the live journal, None before its first start.  recipe: of the model in use, empty without one.
    """

    sessions: tuple[SessionCheck, ...] = ()
    evidence: Evidence | None = None
    account: Account | None = None
    recipe: str = ""


def refuse_unless_live(settings: Settings, command: str) -> None:
    """Raises CommandRefused where orders are not real money: there is nothing to arm."""
    mode, section = mode_of(settings), "trading" if has_own_venue(settings) else "sierra"
    if mode != "live":
        raise CommandRefused(
            f"the mode is {mode}: there is nothing to {command}, and orders are sent without it. For real money set "
            f'[{section}] account to the broker\'s account and mode = "live".'
        )


def has_own_venue(settings: Settings) -> bool:
    """Whether orders go to a venue of the user's own: neither ours in this process nor Sierra Chart."""
    return settings.venue_name not in ("paper", "sierra")


def is_rehearsal(settings: Settings, journal: Path) -> bool:
    """Whether a paper journal is of the broker's simulator: an account of Sierra Chart's, or the user's own venue's.

    The user's own venue is rehearsed under the same account with mode = "paper".
    """
    if has_own_venue(settings):
        account = settings.trading.account
        return account != settings.paper.account and journal.stem == f"paper-{account}"
    return re.fullmatch(r"paper-Sim\d+", journal.stem) is not None


def order_root(settings: Settings) -> str:
    """Root of the contract that is traded."""
    return settings.market.order_root or parse_symbol(settings.market.symbol).root


# What the journals show ---------------------------------------------------------------------------------------------


def read_records(
    settings: Settings, layout: Layout, calendar: SessionCalendar, progress: Progress | None = None
) -> Records:
    """Read every paper journal and the live one.  Raises JournalError for one that cannot be read."""
    bundle = active_bundle(registry_of(settings, layout), scope_of(settings))
    recipe, root = (bundle.recipe_id if bundle else ""), order_root(settings)
    checks: list[SessionCheck] = []
    found: list[Evidence] = []
    for path in sorted((layout.data / "journal").glob("paper-*.sqlite")):
        if is_rehearsal(settings, path):
            sessions = check_sessions(
                reader(path, layout.database), calendar=calendar, matching=matching_of(settings), progress=progress
            )
            checks += sessions.checks
            found.append(sessions.risk.market(root).evidence)
        else:
            found.append(_as_left(layout, path, calendar).risk.market(root).evidence)
    live = layout.journal("live", account_of(settings))
    account = None
    if live.exists():
        state = _as_left(layout, live, calendar)
        account = state.ledger.account()
        found.append(state.risk.market(root).evidence)
    return Records(tuple(checks), newest_evidence(found, recipe), account, recipe)


def newest_evidence(found: Sequence[Evidence], recipe: str) -> Evidence | None:
    """What the most bets of that recipe on a real market say; one that degraded goes before all others."""
    own = [evidence for evidence in found if recipe and evidence.recipe == recipe and not evidence.simulated]
    return max(own, key=lambda e: (e.state is EvidenceState.DEGRADED, e.bets), default=None)


def _as_left(layout: Layout, path: Path, calendar: SessionCalendar) -> TradingState:
    """The state at a journal's end."""
    return restored(reader(path, layout.database), lambda: make_state(calendar))[0]


def worst_case_today_cents(
    risk: RiskParameters, account: Account | None, balance_cents: int, trade_date: int
) -> int | None:
    """What the day's limit lets be lost, before gaps, in cents: a share of equity at the start of the trade date.

    The journal knows that equity when it is of this trade date; else the broker's balance stands for it; None where
    neither is known.
    """
    of_today = account is not None and account.trade_date == trade_date
    start = account.day_start_equity_cents if account is not None and of_today else balance_cents
    return round(risk.day_loss_limit_cents(start)) if start > 0 else None


# The conditions -----------------------------------------------------------------------------------------------------


def conditions(
    settings: Settings, layout: Layout, facts: BrokerFacts, records: Records, clock: Clock, words: str = ""
) -> tuple[Condition, ...]:
    """Each condition of live trading.  words: those with which the user accepts an edge that is not proven."""
    return (
        _account(settings, facts),
        _sessions(settings, records.sessions),
        _clock(settings, layout, facts),
        _evidence(settings, records, words),
        _loss_limit(facts),
        _trader(settings, layout, clock),
    )


def missing(conditions: Sequence[Condition]) -> list[Condition]:
    """Those that keep live trading from being armed."""
    return [condition for condition in conditions if condition.needed and not condition.met]


def _account(settings: Settings, facts: BrokerFacts) -> Condition:
    name, account, own = "account and mode", account_of(settings), has_own_venue(settings)
    if mode_of(settings) != "live":
        section = "trading" if own else "sierra"
        return Condition(name, False, f"mode {mode_of(settings)}", f'[{section}] mode must be "live".')
    if own and not facts.problem:
        sentence = f"The venue {settings.venue_name} answers for this account, and the mode is live."
        return Condition(name, True, account, sentence)
    if settings.sierra.simulated_account and not own:
        sentence = f"{account} is a simulated account of Sierra Chart; [sierra] account must be the broker's."
        return Condition(name, False, account, sentence)
    if facts.problem:
        return Condition(name, False, account, f"The broker could not be asked: {facts.problem}")
    if account not in facts.accounts:
        listed = ", ".join(facts.accounts) or "none"
        return Condition(name, False, account, f"The server lists {listed}; put one of them into [sierra] account.")
    return Condition(name, True, account, "The server lists this account, and the mode is live.")


def _sessions(settings: Settings, checks: Sequence[SessionCheck]) -> Condition:
    name, run = "sessions on a simulated account", clean_run(checks)
    value = f"{min(len(run), SESSIONS_BEFORE_LIVE)} of {SESSIONS_BEFORE_LIVE}"
    rows = sum(len(check.rows) for check in run)
    listed = (
        f" The backtests of the newest of these days differ in {rows} places (`compare` names them); they do not count."
    )
    if len(run) >= SESSIONS_BEFORE_LIVE:
        return Condition(name, True, value, "Whole, reconciled and decided the same again." + (listed if rows else ""))
    unclean = [check for check in checks if not check.clean]
    why = ""
    if unclean:
        last = unclean[-1]
        what = f"{last.changed} decisions did not come out again" if last.changed else "; ".join(last.unreconciled)
        why = f" The count began again after {last.trade_date}: {what}."
    uncounted = sum(check.clean and not check.counts for check in checks)
    if uncounted:
        why += f" {uncounted} sessions do not count: less than {FULL_SHARE:.0%} of their bars, or never reconciled."
    where = "a Sim account of Sierra Chart"
    if has_own_venue(settings):
        where = f'account {settings.trading.account} with [trading] mode = "paper"'
    return Condition(name, False, value, f"Trade {where} for more sessions.{why}")


def _clock(settings: Settings, layout: Layout, facts: BrokerFacts) -> Condition:
    name = "clock"
    if has_own_venue(settings):
        sentence = "A venue of your own tells no time to compare with: keep this clock by NTP."
        return Condition(name, False, "unknown", sentence, False)
    skew, error = facts.clock_skew_s, facts.clock_skew_error_s
    stored = read_json(layout.reports / "sierra.json", layout.disk)
    measured = stored.get("clock_skew_s") if isinstance(stored, dict) else None
    if isinstance(measured, int | float) and (skew is None or (abs(skew) < MOST_SKEW_S and not is_small(skew, error))):
        skew, error = float(measured), 0.0  # a few heartbeats tell no more than a second; `check-sierra` hears many
    if skew is None:
        sentence = "How far this clock is from the server's is not known: run `minh.py check-sierra --for 10m`."
        return Condition(name, False, "unknown", sentence)
    value = f"{skew:+.2f} s" + (f" ± {error:.2f}" if error else "")
    if is_small(skew, error):
        return Condition(name, True, value, f"Within {MOST_SKEW_S:g} s of the server's clock.")
    if abs(skew) < MOST_SKEW_S:
        sentence = f"Whether that is under {MOST_SKEW_S:g} s cannot be told: run `minh.py check-sierra --for 10m`."
        return Condition(name, False, value, sentence)
    return Condition(name, False, value, "Set both machines' clocks by NTP (chrony here, w32time on Windows).")


def _evidence(settings: Settings, records: Records, words: str) -> Condition:
    name, root, evidence = "evidence", order_root(settings), records.evidence
    if not records.recipe:
        return Condition(name, False, "no model", "No model is in use: train one, or promote one.")
    state = evidence.state if evidence is not None else EvidenceState.UNPROVEN
    bets = evidence.bets if evidence is not None else 0
    value = f"{root} {state.value} after {bets} bets"
    if state is EvidenceState.PROVEN:
        return Condition(name, True, value, "The edge of this recipe is proven.")
    if state is EvidenceState.DEGRADED:
        return Condition(name, False, value, "The edge that was proven is no longer seen: retrain.")
    if words and is_micro(root):
        return Condition(name, True, value, f"Accepted unproven, one micro contract at most: {words}")
    if words:
        sentence = f"Unproven, only a micro may trade and {root} is none: set [market] order_root to its micro."
        return Condition(name, False, value, sentence)
    more = until_proof(bets, evidence.bets_needed if evidence is not None else None)
    sentence = f'{more[:1].upper()}{more[1:]}; --accept-unproven "why" allows one micro contract before.'
    return Condition(name, False, value, sentence)


def _loss_limit(facts: BrokerFacts) -> Condition:
    name = "the broker's own daily loss limit"
    if facts.loss_limit_cents > 0:
        return Condition(name, True, f"${facts.loss_limit_cents / 100:,.0f}", "It holds where MinhOS does not.", False)
    if facts.problem:
        return Condition(name, False, "unknown", "The broker could not be asked.", False)
    sentence = "Ask the broker for one: it is the last line where both machines fail."
    return Condition(name, False, "none", sentence, False)


def _trader(settings: Settings, layout: Layout, clock: Clock) -> Condition:
    name, beat = "trader", heartbeats.read(layout, TraderBeat) or TraderBeat()
    if heartbeats.age_s(beat, clock) > STALE_AFTER_S or beat.state == "stopped":
        return Condition(name, False, "not running", "Start it first: python3 minh.py start.")
    runs = f"mode {beat.mode}, account {beat.account}"
    if (beat.mode, beat.account) != ("live", account_of(settings)):
        return Condition(name, False, runs, "It runs with other settings: stop and start it again.")
    return Condition(name, True, runs, "It runs and takes the arming.")
