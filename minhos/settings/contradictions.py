"""Every rule between two settings, in one place; a range of one alone is in `ranges` and in its field."""

from __future__ import annotations

import datetime as dt
import difflib
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from minhos import ranges
from minhos.errors import SettingsError, SymbolError
from minhos.market.instruments import INSTRUMENTS
from minhos.market.symbols import Symbol, parse_symbol
from minhos.risk.types import Level
from minhos.settings.structs import refuse_unknown
from minhos.settings.whole import USUAL_SIZE, Settings

FIRST_YEAR, LAST_YEAR = 2008, 2032
"""Of the contracts that the table of sessions knows."""
RULES_OF_EVALUATION = (*ranges.ACCOUNT_RULES, "trails")
"""Keys of `[evaluation.NAME]`."""


def refuse_contradictions(settings: Settings) -> None:
    """Every rule between two settings, in one place; a range of one alone is in `ranges` and in its field.

    Raises SettingsError, with both values and the way out.
    """
    market, autonomous, watchdog = settings.market, settings.autonomous, settings.watchdog
    sizing, risk = settings.sizing_parameters(), settings.risk_parameters()
    autonomous.sends_orders()
    for name, rules in settings.evaluation.items():
        refuse_unknown(rules, RULES_OF_EVALUATION, f"[evaluation.{name}]")
        ranges.check(rules, ranges.ACCOUNT_RULES, partial(_where_evaluation, name))
    symbol = _known_symbol("[market] symbol", market.symbol)
    if market.order_root:
        order_root = _known_symbol("[market] order_root", market.order_root).root
        index = {symbol.root, *(root for root, known in INSTRUMENTS.items() if known.micro_root == symbol.root)}
        index |= {INSTRUMENTS[symbol.root].micro_root} - {""}
        if order_root not in index:
            raise SettingsError(
                f'[market] order_root = "{market.order_root}": forecasts of {symbol.root} say nothing of another '
                f"index; name {' or '.join(sorted(index))}, or leave it empty."
            )
    settings.instrument(symbol.root)
    for root in market.instruments:
        costs = settings.instrument(root)
        if costs.round_trip_cost_ticks() <= 0.0:
            raise SettingsError(
                f"[market.instruments.{root}] commission_cents = 0 and slippage_ticks = 0: a round trip that costs "
                "nothing makes every coin flip a bet; set one of them above zero."
            )
    act_s, alarm_s = watchdog.act_after_s, watchdog.alarm_after_s
    if act_s < alarm_s:
        raise SettingsError(
            f"[watchdog] act_after_s = {act_s:g} lies before alarm_after_s = {alarm_s:g}: it must tell before it acts; "
            "give act_after_s the larger of the two."
        )
    if not autonomous.lstm_enabled and not autonomous.ensemble_enabled:
        raise SettingsError(
            "[autonomous] lstm_enabled = false and ensemble_enabled = false: no model is left that could vote; turn "
            "one on, or send no orders with auto_trading = false."
        )
    given, most = settings.wanted_position_size(), autonomous.max_position_size
    if given != most and max(given, most) > USUAL_SIZE:
        larger = max(given, most)
        raise SettingsError(
            f"{settings.where_sizing('max_position_size')} = {given} and [autonomous] max_position_size = {most}: the "
            f"smaller counts, and the {larger} would be cut without a word; set both: `minh.py config set "
            f"sizing.max_position_size {larger} autonomous.max_position_size {larger}`."
        )
    for key in ("max_position_size", "max_capital_risk"):
        wanted, allowed = settings.risk.get(key), getattr(sizing, key)
        if ranges.is_number(wanted) and getattr(risk, key) > allowed:
            raise SettingsError(
                f"[risk] {key} = {wanted}: sizing stops at {key} = {allowed} before; set [sizing] {key} too, or leave "
                "it out."
            )
    if sizing.fixed_fraction > sizing.max_capital_risk:
        raise SettingsError(
            f"[sizing] fixed_fraction = {sizing.fixed_fraction:g}: more than max_capital_risk = "
            f"{sizing.max_capital_risk:g}, which would cut it; raise that, or lower this."
        )
    if settings.sierra.target_atr <= sizing.stop_atr:
        raise SettingsError(
            f"[sierra] target_atr = {settings.sierra.target_atr:g} lies nearer than the stop of [sizing] stop_atr = "
            f"{sizing.stop_atr:g}; a target must take no part in the bet: set it to 20 or more."
        )
    multipliers = [risk.risk_multipliers[level.name] for level in Level]
    if multipliers != sorted(multipliers, reverse=True):
        raise SettingsError(
            f"risk_multipliers = {risk.risk_multipliers}: a worse level may not have the larger size; let them fall "
            "from LOW to EMERGENCY."
        )
    _check_start(settings.simulation.start)
    _check_zone(settings.data.timezone)


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
