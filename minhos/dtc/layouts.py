"""The binary layout of every message, compiled once from layouts.json; the codecs work from it.

Not for users: they call `minhos.dtc.codec`.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from bisect import bisect_right
from importlib import resources

import msgspec

from minhos.dtc.messages import MESSAGES, Message
from minhos.errors import DtcError

HEADER = struct.Struct("<HH")
SECRET = "Password"
"""The field whose text no error shows."""
UNSET = {"d": sys.float_info.max, "f": struct.unpack("<f", b"\xff\xff\x7f\x7f")[0], "I": 2**32 - 1}
"""What the protocol writes where a number is not known: DBL_MAX, FLT_MAX, UINT_MAX."""
INTEGER_LIMITS = {
    code: ((-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if code.islower() else (0, 2**bits - 1))
    for letter, bits in (("b", 8), ("h", 16), ("i", 32), ("q", 64))
    for code in (letter, letter.upper())
}


class Malformed(msgspec.Struct, frozen=True):
    """Bytes that are no message, and why, in one sentence."""

    reason: str


class Field(msgspec.Struct, frozen=True):
    """One field: its names in the protocol and in Python, its struct code, its place, and its default."""

    name: str
    attribute: str
    code: str
    offset: int
    default: object

    @property
    def is_text(self) -> bool:
        return self.code.endswith("s")

    @property
    def end(self) -> int:
        return self.offset + struct.calcsize(f"<{self.code}")


class Layout:
    """Reads and writes the binary form of one type of message."""

    def __init__(self, message: type[Message], name: str, size: int, fields: list[Field]) -> None:
        self.message, self.name, self.size, self.fields = message, name, size, fields
        codes, position = "", HEADER.size
        for field in fields:
            codes += f"{field.offset - position}x{field.code}"
            position = field.end
        codes += f"{size - position}x"
        self._write = struct.Struct(f"<HH{codes}").pack
        self._read = struct.Struct(f"<{HEADER.size}x{codes}").unpack_from
        self._texts = [(i, int(field.code[:-1])) for i, field in enumerate(fields) if field.is_text]
        self._unset = [(i, UNSET[field.code]) for i, field in enumerate(fields) if field.default is None]
        self._floats = [i for i, field in enumerate(fields) if field.code in "fd"]
        self._ends = [field.end for field in fields]
        self._default_bytes = self.pack(message())

    def pack(self, message: Message) -> bytes:
        """The message in binary.  Raises DtcError naming the field that the protocol cannot carry."""
        values = list(msgspec.structs.astuple(message))
        try:
            for index, unset in self._unset:
                if values[index] is None:
                    values[index] = unset
            for index in self._floats:
                if not math.isfinite(values[index]):
                    raise self._refusal(message)
            for index, room in self._texts:
                raw = values[index].encode("latin-1")
                if len(raw) >= room or b"\0" in raw:
                    raise self._refusal(message)
                values[index] = raw
            return self._write(self.size, message.TYPE, *values)
        except (struct.error, OverflowError, TypeError, ValueError, AttributeError):
            raise self._refusal(message) from None

    def unpack(self, data: bytes) -> Message | Malformed:
        """The message in data, whose length is what its header says: fields it lacks keep their default."""
        if len(data) < self.size:
            data = self._completed(data)
        values = list(self._read(data))
        for index, unset in self._unset:
            if values[index] == unset:
                values[index] = None
        for index in self._floats:
            number = values[index]
            if number is not None and not math.isfinite(number):
                return Malformed(f"{self.name} has {self.fields[index].name} = {number}, which is not a number.")
        for index, _ in self._texts:
            raw = values[index]
            values[index] = str(raw[: raw.find(b"\0")] if b"\0" in raw else raw, "latin-1") if raw[0] else ""
        return self.message(*values)

    def _completed(self, data: bytes) -> bytes:
        """An older, shorter form, completed with defaults; a field cut in the middle counts as absent."""
        present = bisect_right(self._ends, len(data))
        cut = self._ends[present - 1] if present else HEADER.size
        return data[:cut] + self._default_bytes[cut:]

    def _refusal(self, message: Message) -> DtcError:
        """What is wrong with a message that could not be packed."""
        for field in self.fields:
            problem = _problem(field, getattr(message, field.attribute))
            if problem:
                return DtcError(f"{self.name} cannot be sent: {field.attribute} {problem}.")
        return DtcError(f"{self.name} cannot be sent: {message!r} does not fit the protocol.")


def _problem(field: Field, value: object) -> str | None:
    """Why a value does not fit its field, or None."""
    if value is None:
        return None if field.default is None else "is None, and the protocol has no unset value there"
    if field.is_text:
        room = int(field.code[:-1]) - 1
        if not isinstance(value, str):
            return f"is {value!r}, not text"
        if len(value) > room:
            shown = "" if field.name == SECRET else f" ({value[:80]!r})"
            return f"has {len(value)} characters{shown}; the protocol carries at most {room}"
        bad = next((character for character in value if not "\0" < character <= "\xff"), None)
        shown = "something" if field.name == SECRET else repr(bad)
        return None if bad is None else f"contains {shown}, which is not a Latin-1 character"
    if field.code in "fd":
        return None if isinstance(value, int | float) and math.isfinite(value) else f"is {value!r}, not a finite number"
    low, high = INTEGER_LIMITS[field.code]
    fits = isinstance(value, int) and low <= value <= high
    return None if fits else f"is {value!r}, not an integer from {low} to {high}"


def _load() -> dict[int, Layout]:
    table = json.loads(resources.files("minhos.dtc").joinpath("layouts.json").read_text(encoding="utf-8"))
    layouts = {}
    for row in table["messages"]:
        message = MESSAGES[row["type"]]
        fields = [
            Field(name, attribute, code, offset, default)
            for (name, code, offset, default, *_), attribute in zip(
                row["fields"], message.__struct_fields__, strict=True
            )
        ]
        layouts[message.TYPE] = Layout(message, row["name"], row["size"], fields)
    return layouts


LAYOUTS = _load()
"""The layout of each type number."""
