"""Write minhos/dtc/messages/: the enumerations and one typed struct a message, from minhos/dtc/layouts.json.

Run by a developer after the table was changed; both are committed, and a test holds them together.  The table was
taken from the public-domain header DTCProtocol.h (version 8), its offsets from a compiler.

    python scripts/make_dtc_messages.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOM = Path(__file__).resolve().parents[1] / "minhos" / "dtc"
GENERATED = "Written by scripts/make_dtc_messages.py from layouts.json; change the table, not this file."
DEPTH_TYPES = frozenset({102, 106, 121, 122, 140, 141, 145, *range(150, 156)})
THEMES = {
    "session": "Logging on, staying connected, logging off, and the choice of an encoding",
    "market_data": "Trades, quotes and the statistics of a session",
    "market_depth": "The book by price level and by order",
    "orders": "Orders, fills and positions",
    "accounts": "Trading accounts and their balances",
    "securities": "Security definitions and symbol searches",
    "general": "Messages to the user and the journal",
    "history": "Historical prices and depth",
}


def snake_case(name: str) -> str:
    """A protocol field's name as an attribute: LastFillExecutionID becomes last_fill_execution_id.

    >>> snake_case("OCOLinkedOrderServerOrderID"), snake_case("UseZLibNGCompression"), snake_case("Price1_2AsString")
    ('oco_linked_order_server_order_id', 'use_zlib_ng_compression', 'price1_2_as_string')
    """
    name = name.replace("ZLibNG", "ZlibNg").replace("ZLib", "Zlib")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()


def theme(message_type: int) -> str:
    """The module that a message belongs to."""
    if message_type in DEPTH_TYPES:
        return "market_depth"
    hundreds = {0: "session", 1: "market_data", 2: "orders", 3: "orders", 4: "accounts", 5: "securities"}
    return {**hundreds, 6: "accounts", 7: "general", 8: "history"}.get(message_type // 100, "history")


def field_line(name: str, code: str, default: Any, enum: str | None) -> str:
    """One field of a struct; an enumeration is named beside it, because a peer may send values that it lacks."""
    kind = "str" if code.endswith("s") else "float" if code in "fd" else "int"
    unset = default is None
    remark = f"  # {enum}" if enum else ""
    text = json.dumps(default) if isinstance(default, str) else repr(default)
    return f"    {snake_case(name)}: {kind}{' | None' if unset else ''} = {text}{remark}"


def message_class(message: dict[str, Any]) -> str:
    """The struct of one message."""
    lines = [
        f"class {message['name']}(Message, frozen=True, gc=False):",
        f'    """Type {message["type"]}; {message["size"]} bytes in binary."""',
        "",
        f"    TYPE: ClassVar[int] = {message['type']}",
        "",
    ]
    lines += [field_line(name, code, default, *(enum or [None])) for name, code, _, default, *enum in message["fields"]]
    return "\n".join(lines).rstrip()


def enums_module(enums: dict[str, dict[str, int]]) -> str:
    """All enumerations but the encodings, which are the codec's."""
    parts = [f'"""The enumerations of the protocol.\n\n{GENERATED}\n"""\n\nimport enum\n']
    for name, members in enums.items():
        lines = [f"    {member} = {value}" for member, value in members.items()]
        parts.append(f'\nclass {name}(enum.IntEnum):\n    """{name}Enum."""\n\n' + "\n".join(lines) + "\n")
    return "\n".join(parts)


def theme_module(name: str, messages: Iterable[dict[str, Any]]) -> str:
    """The module of one theme."""
    head = f'"""{THEMES[name]}.\n\n{GENERATED}\n"""\n\nfrom typing import ClassVar\n\n'
    head += "from minhos.dtc.messages.base import Message\n\n\n"
    return head + "\n\n\n".join(message_class(message) for message in messages) + "\n"


def package_module(by_theme: dict[str, list[dict[str, Any]]]) -> str:
    """The package: every message by name, and MESSAGES by type number."""
    lines = ['"""Every message of the protocol as a frozen struct, its fields named as in the protocol, in snake case.']
    lines += ["", "None is an unset number, in the fields where the protocol knows such; enumerations arrive as plain"]
    lines += ["integers and compare with the members of `minhos.dtc.messages.enums`.", "", GENERATED, '"""', ""]
    lines += ["from minhos.dtc.messages.base import Message, Unknown"]
    for name, messages in sorted(by_theme.items()):
        names = sorted(message["name"] for message in messages)
        lines += [f"from minhos.dtc.messages.{name} import ("] + [f"    {each}," for each in names] + [")"]
    every = [message["name"] for messages in by_theme.values() for message in messages]
    lines += ["", "MESSAGES: dict[int, type[Message]] = {"]
    lines += ["    each.TYPE: each", "    for each in ("] + [f"        {name}," for name in every] + ["    )", "}"]
    lines += ['"""The struct of each type number."""', "", "__all__ = ["]
    lines += [f'    "{name}",' for name in ["MESSAGES", *sorted([*every, "Message", "Unknown"])]] + ["]", ""]
    return "\n".join(lines)


def modules(table: dict[str, Any]) -> dict[str, str]:
    """File name to text, before formatting."""
    by_theme: dict[str, list[dict[str, Any]]] = {name: [] for name in THEMES}
    for message in table["messages"]:
        by_theme[theme(message["type"])].append(message)
    texts = {f"{name}.py": theme_module(name, messages) for name, messages in by_theme.items()}
    return {"enums.py": enums_module(table["enums"]), "__init__.py": package_module(by_theme), **texts}


if __name__ == "__main__":
    from _environment import alone

    alone(__doc__)
    for file_name, text in modules(json.loads((ROOM / "layouts.json").read_text())).items():
        (ROOM / "messages" / file_name).write_text(text)
    print("Now run: ruff check --fix minhos/dtc/messages && ruff format minhos/dtc/messages")
