"""The two JSON forms of a message: an object of named fields, and for frequent types an array of values ("F").

Not for users: they call `minhos.dtc.codec`.
"""

from __future__ import annotations

import json
import math

import msgspec

from minhos.dtc.layouts import INTEGER_LIMITS, LAYOUTS, UNSET, Field, Layout, Malformed
from minhos.dtc.messages import Message, Unknown

COMPACT_TYPES = frozenset({3, 104, 106, 107, 108, 112, 113, 114, 115, 117, 119, 120, 122, 124, 134, 803, 804})
UNSET_FROM = 1.797e308
"""Servers have been seen to print DBL_MAX rounded; from here on a number counts as unset."""
ALIASES = {803: {"NumTrades": "OpenInterest"}}
"""The two share their four bytes in binary; a server may name either."""
EXACT_INTEGERS = 2.0**53
ABSENT = object()
_decoder = msgspec.json.Decoder(object)


def encode_json(message: Message, compact: bool) -> bytes:
    """The message as JSON with its closing NUL.  Raises DtcError where the binary form would."""
    if isinstance(message, Unknown):
        return (message.body or b'{"Type":%d}' % message.message_type) + b"\0"
    layout = LAYOUTS[message.TYPE]
    layout.pack(message)  # what cannot be carried in binary is not sent in JSON either
    values = [_plain(value) for value in msgspec.structs.astuple(message)]
    if compact and message.TYPE in COMPACT_TYPES:
        content: dict[str, object] = {"Type": message.TYPE, "F": values}
    else:
        named = zip(layout.fields, values, strict=True)
        content = {"Type": message.TYPE, **{field.name: value for field, value in named if value is not None}}
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\0"


def _plain(value: object) -> object:
    """Whole numbers without a decimal point, as the protocol's examples have them; enumerations as numbers."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_INTEGERS:
        return int(value)
    return int(value) if isinstance(value, int) else value


def decode_json(data: bytes) -> Message | Malformed:
    """The message before the first NUL, in either form; never raises."""
    text = data.partition(b"\0")[0]
    content = _parsed(text)
    if isinstance(content, Malformed):
        return content
    if not isinstance(content, dict):
        return Malformed(f"A message must be a JSON object, not {_shown(text)}.")
    message_type = content.get("Type")
    if not isinstance(message_type, int) or isinstance(message_type, bool) or not 0 <= message_type <= 0xFFFF:
        return Malformed(f"A message must name its Type as a number from 0 to 65535; this one is {_shown(text)}.")
    layout = LAYOUTS.get(message_type)
    if layout is None:
        return Unknown(message_type, text)
    return _message(layout, content)


def _parsed(text: bytes) -> object:
    """The JSON value; text that is not UTF-8 is read as Latin-1, the protocol's character set."""
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _decoder.decode(text.decode("latin-1"))
    except (ValueError, RecursionError) as error:
        return Malformed(f"Not JSON: {_shown(text)} ({error}).")


def _message(layout: Layout, content: dict[str, object]) -> Message | Malformed:
    array = content.get("F")
    aliases = ALIASES.get(layout.message.TYPE, {})
    values = []
    for index, field in enumerate(layout.fields):
        if isinstance(array, list):
            raw = array[index] if index < len(array) else None
        else:
            raw = content.get(field.name, content.get(aliases.get(field.name, field.name)))
        value = _value(field, raw)
        if value is ABSENT:
            return Malformed(f"{layout.name} has {field.name} = {_shown(repr(raw).encode())}, which does not fit it.")
        values.append(value)
    return layout.message(*values)


def _value(field: Field, raw: object) -> object:
    """The field's value; its default for null; ABSENT for what can never be one."""
    if raw is None:
        return field.default
    if field.is_text:
        return raw.partition("\0")[0] if isinstance(raw, str) else ABSENT
    if not isinstance(raw, int | float):
        return ABSENT
    try:
        number = float(raw)
    except OverflowError:
        return ABSENT
    if not math.isfinite(number):
        return ABSENT
    if field.default is None and (number >= UNSET_FROM or number == UNSET[field.code]):
        return None
    if field.code == "d":
        return number
    if field.code == "f":
        return number if abs(number) <= UNSET["f"] else ABSENT
    low, high = INTEGER_LIMITS[field.code]
    return int(raw) if number.is_integer() and low <= raw <= high else ABSENT


def _shown(text: bytes) -> str:
    """The beginning of a peer's text, fit for a sentence."""
    start = text[:60].decode("latin-1")
    return repr(start + ("…" if len(text) > len(start) else ""))
