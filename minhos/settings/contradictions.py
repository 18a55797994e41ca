"""Every rule between settings, as one table; a range of one alone is in `ranges` and in its field.

A row has a name, the keys that it is about, what it looks at and its sentence.  Each row has a case of its own in
`tests/assembly/test_contradictions.py`, and a row without one fails there.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from minhos import ranges
from minhos.errors import SettingsError, SymbolError
from minhos.market.instruments import INSTRUMENTS
from minhos.market.symbols import Symbol, parse_symbol
from minhos.risk.parameters import RiskParameters
from minhos.risk.types import Level
from minhos.settings.structs import refuse_unknown
from minhos.settings.whole import USUAL_SIZE, Settings
from minhos.sizing.types import SizingParameters

FIRST_YEAR, LAST_YEAR = 2008, 2032
"""Of the contracts that the table of sessions knows."""
RULES_OF_EVALUATION = (*ranges.ACCOUNT_RULES, "trails")
"""Keys of `[evaluation.NAME]`."""
TRAILS = ("end_of_day", "intraday")
MEMBERS = 5
"""That MinhOS brings: the LSTM and four tree models."""
HERE = ("localhost", "127.0.0.1", "::1")


class Whole(NamedTuple):
    """What a row looks at: the settings as given, and what rooms take of them."""

    given: Settings
    sizing: SizingParameters
    risk: RiskParameters


Found = Iterator[dict[str, object]]
"""Values for the sentence of each place where a row's rule is broken; none where it holds."""


class Contradiction(NamedTuple):
    """One row.  keys: as `config set` takes them.  sentence: with the values that `broken` gives, in braces."""

    name: str
    keys: tuple[str, ...]
    broken: Callable[[Whole], Found]
    sentence: str


def _another_index(whole: Whole) -> Found:
    market = whole.given.market
    if not market.order_root:
        return
    root, order_root = parse_symbol(market.symbol).root, parse_symbol(market.order_root).root
    index = {root, *(each for each, known in INSTRUMENTS.items() if known.micro_root == root)}
    index |= {INSTRUMENTS[root].micro_root} - {""}
    if order_root not in index:
        yield {"order": market.order_root, "symbol": market.symbol, "root": root, "names": " or ".join(sorted(index))}


def _free_round_trip(whole: Whole) -> Found:
    for root in whole.given.market.instruments:
        if whole.given.instrument(root).round_trip_cost_ticks() <= 0.0:
            yield {"root": root}


def _margins(whole: Whole) -> Found:
    for root in whole.given.market.instruments:
        costs = whole.given.instrument(root)
        if costs.overnight_margin_cents < costs.day_margin_cents:
            yield {"root": root, "day": costs.day_margin_cents, "night": costs.overnight_margin_cents}


def _watchdog_order(whole: Whole) -> Found:
    watchdog = whole.given.watchdog
    if watchdog.act_after_s < watchdog.alarm_after_s:
        yield {"act": watchdog.act_after_s, "alarm": watchdog.alarm_after_s}


def _no_model(whole: Whole) -> Found:
    if not whole.given.autonomous.lstm_enabled and not whole.given.autonomous.ensemble_enabled:
        yield {}


def _members(whole: Whole) -> Found:
    """Own members may add to ours, so that only those that are switched off are certain."""
    given, switches = whole.given, whole.given.autonomous
    own = bool(given.user.file)
    most = 1 if not switches.ensemble_enabled else 100 if own else MEMBERS - (not switches.lstm_enabled)
    if "min_members" in given.risk and whole.risk.min_members > most:
        yield {
            "least": whole.risk.min_members,
            "most": most,
            "lstm": str(switches.lstm_enabled).lower(),
            "ensemble": str(switches.ensemble_enabled).lower(),
        }


def _two_sizes(whole: Whole) -> Found:
    given, most = whole.given.wanted_position_size(), whole.given.autonomous.max_position_size
    if given != most and max(given, most) > USUAL_SIZE:
        where = whole.given.where_sizing("max_position_size")
        yield {"where": where, "given": given, "most": most, "larger": max(given, most)}


def _beyond_sizing(key: str, whole: Whole) -> Found:
    wanted, allowed = whole.given.risk.get(key), getattr(whole.sizing, key)
    if ranges.is_number(wanted) and getattr(whole.risk, key) > allowed:
        yield {"key": key, "wanted": wanted, "allowed": allowed}


def _capital(whole: Whole) -> Found:
    """Amounts of one thing, in dollars or cents, of which one would be passed over."""
    sizing, risk = {**whole.given.kelly, **whole.given.sizing}, whole.given.risk
    cents: dict[str, float] = {}
    for where, value, factor in (
        (whole.given.where_sizing("trading_capital"), sizing.get("trading_capital"), 100),
        (whole.given.where_sizing("trading_capital_cents"), sizing.get("trading_capital_cents"), 1),
        ("[risk] trading_capital_cents", risk.get("trading_capital_cents"), 1),
    ):
        if ranges.is_number(value):
            cents[f"{where} = {ranges.plain(value)}"] = round(factor * value)
    if len(set(cents.values())) > 1:
        yield {"values": " and ".join(cents)}


def _two_confidences(whole: Whole) -> Found:
    wanted, of_risk = whole.given.autonomous, whole.given.risk.get("min_confidence")
    if "min_confidence" in wanted.model_fields_set and of_risk not in (None, wanted.min_confidence):
        yield {"one": wanted.min_confidence, "other": of_risk}


def _two_kelly_switches(whole: Whole) -> Found:
    wanted, values = whole.given.autonomous, {**whole.given.kelly, **whole.given.sizing}
    of_sizing = values.get("kelly_enabled")
    if "kelly_enabled" in wanted.model_fields_set and of_sizing not in (None, wanted.kelly_enabled):
        where = whole.given.where_sizing("kelly_enabled")
        yield {"where": where, "one": str(wanted.kelly_enabled).lower(), "other": str(of_sizing).lower()}


def _fixed_beyond_risk(whole: Whole) -> Found:
    if whole.sizing.fixed_fraction > whole.sizing.max_capital_risk:
        yield {"fixed": whole.sizing.fixed_fraction, "most": whole.sizing.max_capital_risk}


def _near_target(whole: Whole) -> Found:
    if whole.given.sierra.target_atr <= whole.sizing.stop_atr:
        yield {"target": whole.given.sierra.target_atr, "stop": whole.sizing.stop_atr}


def _rising_multipliers(whole: Whole) -> Found:
    falling = [whole.risk.risk_multipliers[level.name] for level in Level]
    if falling != sorted(falling, reverse=True):
        yield {"values": whole.risk.risk_multipliers}


def _always_stale(whole: Whole) -> Found:
    data, stale = whole.given.data, whole.risk.stale_after_s
    late_s = (data.flush_interval_ms + data.grace_ms) / 1000
    for mode, limit in (("paper", stale.paper), ("live", stale.live)):
        if late_s >= limit:
            yield {
                "flush": data.flush_interval_ms,
                "grace": data.grace_ms,
                "mode": mode,
                "limit": limit,
                "late": late_s,
            }


def _always_old(whole: Whole) -> Found:
    every, most = whole.given.training.retrain_every_days, whole.risk.model_max_age_days
    if every > most:
        yield {"every": every, "most": most}


def _orders_a_minute(whole: Whole) -> Found:
    if whole.risk.max_orders_a_minute > whole.risk.max_orders_a_day:
        yield {"minute": whole.risk.max_orders_a_minute, "day": whole.risk.max_orders_a_day}


def _survey_before_answer(whole: Whole) -> Found:
    sierra = whole.given.sierra
    if sierra.request_timeout_s > sierra.reconcile_every_s:
        yield {"timeout": sierra.request_timeout_s, "every": sierra.reconcile_every_s}


def _live_without_venue(whole: Whole) -> Found:
    if whole.given.trading.mode == "live" and not whole.given.trading.venue:
        yield {}


def _live_without_host(whole: Whole) -> Found:
    if whole.given.sierra.mode == "live" and not whole.given.sierra.host:
        yield {}


def _feed_beside_bridge(whole: Whole) -> Found:
    data = whole.given.data
    if data.bridge and data.feed not in ("", "bridge"):
        yield {"feed": data.feed, "bridge": data.bridge}


def _one_port(whole: Whole) -> Found:
    sierra, web = whole.given.sierra, whole.given.web
    if sierra.host in HERE and sierra.port == web.port:
        yield {"port": web.port, "host": sierra.host}


def _account_drawdown(whole: Whole) -> Found:
    for name, rules in whole.given.evaluation.items():
        most, account = rules.get("max_drawdown"), rules.get("account")
        if ranges.is_number(most) and ranges.is_number(account) and most >= account:
            yield {"name": name, "most": ranges.plain(most), "account": ranges.plain(account)}


def _account_day(whole: Whole) -> Found:
    for name, rules in whole.given.evaluation.items():
        most, day = rules.get("max_drawdown"), rules.get("daily_loss_limit")
        if ranges.is_number(most) and ranges.is_number(day) and day > most:
            yield {"name": name, "most": ranges.plain(most), "day": ranges.plain(day)}


TABLE = (
    Contradiction(
        "another index",
        ("market.symbol", "market.order_root"),
        _another_index,
        '[market] order_root = "{order}" and symbol = "{symbol}": forecasts of {root} say nothing of another index; '
        "name {names}, or leave order_root empty.",
    ),
    Contradiction(
        "free round trip",
        ("market.instruments.NQ.commission_cents", "market.instruments.NQ.slippage_ticks"),
        _free_round_trip,
        "[market.instruments.{root}] commission_cents = 0 and slippage_ticks = 0: a round trip that costs nothing "
        "makes "
        "every coin flip a bet; set one of them above zero.",
    ),
    Contradiction(
        "margins",
        ("market.instruments.NQ.day_margin_cents", "market.instruments.NQ.overnight_margin_cents"),
        _margins,
        "[market.instruments.{root}] overnight_margin_cents = {night} is less than day_margin_cents = {day}: no broker "
        "asks less overnight; give overnight_margin_cents the larger of the two.",
    ),
    Contradiction(
        "watchdog's order",
        ("watchdog.alarm_after_s", "watchdog.act_after_s"),
        _watchdog_order,
        "[watchdog] act_after_s = {act:g} lies before alarm_after_s = {alarm:g}: it must tell before it acts; give "
        "act_after_s the larger of the two.",
    ),
    Contradiction(
        "no model",
        ("autonomous.lstm_enabled", "autonomous.ensemble_enabled"),
        _no_model,
        "[autonomous] lstm_enabled = false and ensemble_enabled = false: no model is left that could vote; turn one "
        "on, "
        "or send no orders with auto_trading = false.",
    ),
    Contradiction(
        "too few members",
        ("risk.min_members", "autonomous.ensemble_enabled", "autonomous.lstm_enabled"),
        _members,
        "[risk] min_members = {least}: with [autonomous] lstm_enabled = {lstm} and ensemble_enabled = {ensemble} there "
        "are {most} at most, so that nothing would ever be bet; set it to {most} or less.",
    ),
    Contradiction(
        "two sizes",
        ("sizing.max_position_size", "autonomous.max_position_size"),
        _two_sizes,
        "{where} = {given} and [autonomous] max_position_size = {most}: the smaller counts, and the {larger} would be "
        "cut without a word; set both: `minh.py config set sizing.max_position_size {larger} "
        "autonomous.max_position_size {larger}`.",
    ),
    *(
        Contradiction(
            f"{key} of risk beyond sizing",
            (f"risk.{key}", f"sizing.{key}"),
            partial(_beyond_sizing, key),
            "[risk] {key} = {wanted}: sizing stops at {key} = {allowed} before; set [sizing] {key} too, or leave it "
            "out.",
        )
        for key in ("max_position_size", "max_capital_risk")
    ),
    Contradiction(
        "two capitals",
        ("sizing.trading_capital", "sizing.trading_capital_cents", "risk.trading_capital_cents"),
        _capital,
        "{values} are one amount with several names and unequal; keep one of them.",
    ),
    Contradiction(
        "two confidences",
        ("autonomous.min_confidence", "risk.min_confidence"),
        _two_confidences,
        "[autonomous] min_confidence = {one} and [risk] min_confidence = {other} are one threshold with two names; "
        "keep "
        "one of them.",
    ),
    Contradiction(
        "two Kelly switches",
        ("autonomous.kelly_enabled", "sizing.kelly_enabled"),
        _two_kelly_switches,
        "[autonomous] kelly_enabled = {one} and {where} = {other} are one switch with two names; keep one of them.",
    ),
    Contradiction(
        "fixed share beyond risk",
        ("sizing.fixed_fraction", "sizing.max_capital_risk"),
        _fixed_beyond_risk,
        "[sizing] fixed_fraction = {fixed:g}: more than max_capital_risk = {most:g}, which would cut it; raise "
        "that, or "
        "lower this.",
    ),
    Contradiction(
        "near target",
        ("sierra.target_atr", "sizing.stop_atr"),
        _near_target,
        "[sierra] target_atr = {target:g} lies nearer than the stop of [sizing] stop_atr = {stop:g}; a target must "
        "take "
        "no part in the bet: set it to 20 or more.",
    ),
    Contradiction(
        "rising multipliers",
        ("risk.risk_multipliers.MEDIUM", "risk.risk_multipliers.HIGH"),
        _rising_multipliers,
        "risk_multipliers = {values}: a worse level may not have the larger size; let them fall from LOW to EMERGENCY.",
    ),
    Contradiction(
        "always stale",
        ("data.flush_interval_ms", "data.grace_ms", "risk.stale_after_s.paper", "risk.stale_after_s.live"),
        _always_stale,
        "[data] flush_interval_ms = {flush} and grace_ms = {grace}: a bar is closed up to {late:g} s late, and "
        "after [risk] "
        "stale_after_s.{mode} = {limit:g} it is too old to bet on; shorten the former, or raise the latter.",
    ),
    Contradiction(
        "always old",
        ("training.retrain_every_days", "risk.model_max_age_days"),
        _always_old,
        "[training] retrain_every_days = {every} is more than [risk] model_max_age_days = {most:g}: each model "
        "would be too "
        "old before it is replaced; train more often, or allow it more days.",
    ),
    Contradiction(
        "orders of a minute and a day",
        ("risk.max_orders_a_minute", "risk.max_orders_a_day"),
        _orders_a_minute,
        "[risk] max_orders_a_minute = {minute} is more than max_orders_a_day = {day}: a minute may not have more "
        "than its "
        "day; lower the first, or raise the second.",
    ),
    Contradiction(
        "asked again before the answer",
        ("sierra.request_timeout_s", "sierra.reconcile_every_s"),
        _survey_before_answer,
        "[sierra] request_timeout_s = {timeout:g} is more than reconcile_every_s = {every:g}: the broker would be "
        "asked "
        "again before its answer is given up; let reconcile_every_s be the larger.",
    ),
    Contradiction(
        "live without a venue",
        ("trading.mode", "trading.venue"),
        _live_without_venue,
        '[trading] mode = "live" and venue = "": nothing live is there to trade at; name your venue in [trading] '
        "venue, or "
        "leave the mode out.",
    ),
    Contradiction(
        "live without a host",
        ("sierra.mode", "sierra.host"),
        _live_without_host,
        '[sierra] mode = "live" and host = "": orders would go to our own paper venue; name the machine of Sierra '
        "Chart "
        "in host, or leave the mode out.",
    ),
    Contradiction(
        "a feed beside the bridge",
        ("data.feed", "data.bridge"),
        _feed_beside_bridge,
        '[data] feed = "{feed}" and bridge = "{bridge}": the bridge would never be asked; keep one of them.',
    ),
    Contradiction(
        "one port for two",
        ("web.port", "sierra.port", "sierra.host"),
        _one_port,
        "[web] port = {port} and [sierra] port = {port} on {host}: two programs cannot share it; give the page "
        "another.",
    ),
    Contradiction(
        "drawdown of an account",
        ("evaluation.mine.max_drawdown", "evaluation.mine.account"),
        _account_drawdown,
        "[evaluation.{name}] max_drawdown = {most} and account = {account}: nobody allows the whole account to be "
        "lost; "
        "give a smaller max_drawdown.",
    ),
    Contradiction(
        "day's limit of an account",
        ("evaluation.mine.daily_loss_limit", "evaluation.mine.max_drawdown"),
        _account_day,
        "[evaluation.{name}] daily_loss_limit = {day} is more than max_drawdown = {most}: the account is over "
        "before; give "
        "a smaller daily_loss_limit, or leave it out.",
    ),
)


def refuse_contradictions(settings: Settings) -> None:
    """Every rule between two settings, and texts that name nothing.

    Raises SettingsError, with both values and the way out.
    """
    settings.autonomous.sends_orders()
    for name, rules in settings.evaluation.items():
        refuse_unknown(rules, RULES_OF_EVALUATION, f"[evaluation.{name}]")
        _check_account(name, rules)
    symbol = _known_symbol("[market] symbol", settings.market.symbol)
    if settings.market.order_root:
        _known_symbol("[market] order_root", settings.market.order_root)
    settings.instrument(symbol.root)
    _check_start(settings.simulation.start)
    _check_zone(settings.data.timezone)
    whole = Whole(settings, settings.sizing_parameters(), settings.risk_parameters())
    for row in TABLE:
        for values in row.broken(whole):
            raise SettingsError(row.sentence.format_map(values))


def _check_account(name: str, rules: Mapping[str, object]) -> None:
    ranges.check(rules, ranges.ACCOUNT_RULES, partial(_where_evaluation, name))
    for key, value in rules.items():
        if key == "trails" and value not in TRAILS:
            raise SettingsError(f"{_where_evaluation(name, key)} = {value!r}: write one of {', '.join(TRAILS)}.")
        if key != "trails" and not ranges.is_number(value):
            raise SettingsError(f"{_where_evaluation(name, key)} = {value!r}: give a number, without quotes.")


def _known_symbol(where: str, text: str) -> Symbol:
    """The symbol of a setting; a contract of a year that no session is known of cannot be meant."""
    try:
        symbol = parse_symbol(text)
    except SymbolError as error:
        raise SettingsError(f'{where} = "{text}": {error}.') from error
    if symbol.dated and not FIRST_YEAR <= symbol.year <= LAST_YEAR:
        raise SettingsError(
            f'{where} = "{text}": a contract of {symbol.year}, and sessions are known from {FIRST_YEAR} to '
            f'{LAST_YEAR}; write the root "{symbol.root}" for the contract in front.'
        )
    return symbol


def _check_zone(name: str) -> None:
    if not name:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, available_timezones(), n=1, cutoff=0.4)
        meant = f"did you mean {near[0]}?" if near else 'write it like "Europe/Berlin".'
        raise SettingsError(f'[data] timezone = "{name}" is no zone of the IANA database; {meant}') from None


def _check_start(text: str) -> None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = dt.datetime.min
    if moment.tzinfo is None or not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise SettingsError(
            f'[simulation] start = "{text}": give a time with its offset between {FIRST_YEAR} and {LAST_YEAR}, such as '
            "2025-10-06T09:30:00-04:00."
        )


def _where_evaluation(name: str, key: str) -> str:
    return f"[evaluation.{name}] {key}"
