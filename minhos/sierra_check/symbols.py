"""`check-sierra`: our contracts as the server knows them, a symbol that does not exist, and what data it gives."""

from __future__ import annotations

import datetime as dt
import math

import msgspec

from minhos.dtc import messages as m
from minhos.dtc.history import history
from minhos.dtc.messages.enums import SecurityType
from minhos.dtc.prices import PriceScale
from minhos.errors import DtcDisconnected, DtcError, DtcRejected, DtcTimeout
from minhos.market.symbols import Symbol, SymbolForm, contract_expiry_ns, roll_date
from minhos.market.types import NANOS_PER_SECOND
from minhos.sierra_check.context import Desk
from minhos.sierra_check.finding import Finding, failed, ok, unknown, warning
from minhos.venues.sierra.conditions import FORMS as VENUE_FORMS

FORMS = (*VENUE_FORMS, SymbolForm.CQG, SymbolForm.PLAIN)
"""The names that the venue tries, in its order, then the others that exist."""
NO_SYMBOL = "ZZZZ99-CME"
MINUTE_S = 60
DAY_S = 86_400
FIND_SYMBOL = "Look the contract up in File >> Find Symbol, and open a chart of it."


async def names(desk: Desk) -> list[Finding]:
    """Under which names the server knows each of our contracts."""
    return [await _names_of(desk, contract) for contract in desk.contracts()]


async def _names_of(desk: Desk, contract: Symbol) -> Finding:
    step = f"symbol/{contract.contract}"
    known, not_known = [], []
    given = desk.settings.sierra.names_at_broker().get(contract.contract)
    for name in dict.fromkeys([*filter(None, [given]), *(contract.text(form) for form in FORMS)]):
        try:
            definition = await desk.client.definition(name)
        except DtcRejected:
            not_known.append(name)
            continue
        except DtcTimeout:
            not_known.append(f"{name} (no answer)")
            continue
        if definition.security_type in (SecurityType.FUTURES, SecurityType.UNSET):
            known.append(name)
            desk.definitions[name] = definition
    desk.symbols[contract.contract] = known
    told = {"known": known, "unknown": not_known}
    if not known:
        return failed(step, f"The server knows {contract.contract} under no name: {not_known}.", FIND_SYMBOL, told)
    return ok(step, f"The server knows {contract.contract} as {', '.join(known)}.", told)


async def definitions(desk: Desk) -> list[Finding]:
    """Tick, money and price scale of each name, against what MinhOS calculates with."""
    return [
        _definition(desk, contract, name, desk.definitions[name])
        for contract in desk.contracts()
        for name in desk.symbols.get(contract.contract, [])
    ]


def _definition(desk: Desk, contract: Symbol, name: str, given: m.SecurityDefinitionResponse) -> Finding:
    step, instrument = f"definition/{name}", desk.settings.instrument(contract.contract)
    scale, value = PriceScale.of(given), round(given.currency_value_per_increment, 4)
    told = {
        "tick": scale.tick,
        "display_price_multiplier": round(given.display_price_multiplier, 9),
        "currency_value_per_increment": value,
        "currency": given.currency,
        "is_delayed": given.is_delayed,
        "expires": _date(given.security_expiration_date),
        "rolls": _date(given.rollover_date),
        "margin": round(given.initial_margin_requirement, 2),
    }
    if not math.isclose(scale.tick, instrument.tick_size, rel_tol=1e-6):
        sentence = f"The tick of {name} is {scale.tick:g} at the server and {instrument.tick_size:g} here."
        return failed(step, sentence, f"{FIND_SYMBOL} Global Settings >> Symbol Settings shows its tick size.", told)
    money_cents = round(100 * value)
    if money_cents and money_cents != instrument.tick_value_cents:
        sentence = f"A tick of {name} is worth {value:g} at the server and {instrument.tick_value_cents / 100:g} here."
        return failed(step, sentence, "Global Settings >> Symbol Settings: Currency Value per Tick.", told)
    sentence = (
        f"A tick of {name} is {scale.tick:g}, worth {value:g}; prices are the server's times {scale.multiplier:g}"
    )
    odd = [] if scale.multiplier in (1.0, 0.01) else [f"the multiplier {scale.multiplier:g} is neither 1 nor .01"]
    odd += [] if money_cents else ["the server does not say what a tick is worth"]
    odd += ["its data are delayed, and delayed data are never traded"] if given.is_delayed else []
    odd += _dates(contract, told)
    return warning(step, f"{sentence}; {'; '.join(odd)}.", told) if odd else ok(step, f"{sentence}.", told)


def _dates(contract: Symbol, told: dict[str, object]) -> list[str]:
    """Where the server's dates are not those that follow from the contract's name."""
    expected = dt.datetime.fromtimestamp(contract_expiry_ns(contract) / NANOS_PER_SECOND, dt.UTC).date()
    rows = (("expires", expected), ("rolls", roll_date(contract)))
    return [f"it {verb} on {told[verb]}, not {day}" for verb, day in rows if told[verb] and told[verb] != str(day)]


def _date(seconds: int) -> str:
    """The UTC date of a time in UNIX seconds; empty where none is told."""
    try:
        return str(dt.datetime.fromtimestamp(seconds, dt.UTC).date()) if seconds else ""
    except (OverflowError, OSError, ValueError):
        return f"no date: {seconds}"


async def unknown_symbol(desk: Desk) -> Finding:
    """How the server answers for a symbol that does not exist; it must not invent one."""
    step = "unknown_symbol"
    try:
        invented = await desk.client.definition(NO_SYMBOL)
    except DtcTimeout as error:
        return warning(step, f"{NO_SYMBOL} is not answered at all: {error}", "no answer")
    except DtcRejected as error:
        return ok(step, f"{NO_SYMBOL} is refused: {error}", "refused")
    told = {"description": invented.description, "tick": round(invented.min_price_increment, 6)}
    sentence = f"The server describes {NO_SYMBOL}, which does not exist; a misspelt symbol would pass for a real one."
    return warning(step, sentence, told)


async def market_data(desk: Desk) -> Finding:
    """Does the server refuse CME data, as it is documented?"""
    step, symbol = "market_data", _any_symbol(desk)
    if not symbol:
        return unknown(step, "the server knows none of our symbols")
    try:
        subscription = await desk.client.subscribe(symbol)
    except DtcRejected:
        rejects = [each for each in desk.seen.kept(m.MarketDataReject) if isinstance(each, m.MarketDataReject)]
        text = rejects[-1].reject_text if rejects else "a snapshot without prices"
        sentence = f"Data of {symbol} are refused ({text!r}), as CME data always are; MinhOS reads the .scid files."
        return ok(step, sentence, {"served": False, "text": text})
    except DtcTimeout as error:
        return warning(step, f"The request for data of {symbol} is not answered: {error}", {"served": None})
    desk.client.unsubscribe(subscription)
    return ok(step, f"The server gives data of {symbol} over DTC, which is not documented.", {"served": True})


async def historical_data(desk: Desk) -> Finding:
    """Does the historical port refuse CME data too, and in which words?"""
    step, symbol = "history", _any_symbol(desk)
    if not symbol:
        return unknown(step, "the server knows none of our symbols")
    options = msgspec.structs.replace(desk.options, port=desk.history_port)
    request = m.HistoricalPriceDataRequest(
        symbol=symbol, record_interval=MINUTE_S, start_date_time=desk.clock.now_ns() // NANOS_PER_SECOND - DAY_S
    )
    n_records = 0
    try:
        async for _ in history(options, request):
            n_records += 1
            break
    except DtcRejected as error:
        sentence = f"History of {symbol} is refused, as CME history is: {error}"
        return ok(step, sentence, {"served": False, "text": str(error)})
    except DtcDisconnected as error:
        return unknown(step, f"the historical port {desk.history_port} cannot be used: {error}", {"served": None})
    except DtcError as error:
        return unknown(step, f"the historical port {desk.history_port} does not answer well: {error}", {"served": None})
    served = f"gives history of {symbol}" if n_records else f"accepts the request for {symbol} and has no records"
    return ok(step, f"The historical port {served}.", {"served": bool(n_records)})


def _any_symbol(desk: Desk) -> str:
    return next((name for each in desk.symbols.values() for name in each), "")
