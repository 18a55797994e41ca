"""What a person typed wrong, in one sentence: the value, what is expected, and the way out.

The command line's library knows what it could not read; here that becomes the sentence.  Not for what only a command
can know: it raises a `MinhosError` of its own.
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from minhos.errors import MinhosError

USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""Every mistake that the library finds; it exports only this kind of them by name."""

ALSO_CALLED = {
    "--reason": "--why",
    "--because": "--why",
    "--comment": "--why",
    "--message": "--why",
    "--note": "--why",
    "--file": "--source",
    "--input": "--source",
    "--path": "--source",
    "--folder": "--source",
    "--output": "--out",
    "--date": "--day",
    "--contracts": "--size",
    "--quantity": "--size",
    "--minutes": "--for",
    "--duration": "--for",
    "--tz": "--timezone",
    "--contract": "--symbol",
    "--ticker": "--symbol",
}
"""What an option is called elsewhere, to what it may be here."""
OF_THE_LAUNCHER = ("setup", "test")


def sentence_of(error: Any) -> str:  # of the library's own copy of click, which it does not export
    """The mistake as a sentence; empty where the help was shown instead."""
    name, context = type(error).__name__, getattr(error, "ctx", None)
    command = _path(context)
    if name == "NoArgsIsHelpError":
        return ""
    if name == "NoSuchOption":
        return f"{command} has no {error.option_name}: {_other_option(error.option_name, context)}"
    if name == "MissingParameter":
        return f"{command} needs {_label(error.param)}{_meaning(error.param)}; {_help_of(command)}"
    if name == "BadParameter":
        return _of_value(error, command)
    text = str(error.message)
    if found := re.search(r"No such command '([^']*)'", text):
        return _no_command(found[1], command, context)
    if found := re.search(r"unexpected extra arguments? *\(?s?\)? *\((.*)\)", text):
        why = f' words belong in quotes, as in --why "{found[1]}";' if "--why" in _options(context) else ""
        return f"{command} does not take {found[1]!r}:{why} {_help_of(command)}"
    if name == "BadOptionUsage":
        command = f"minh.py {sys.argv[1]}" if context is None or context.parent is None else command
        return f"{error.option_name} of {command} needs a value; {_help_of(command)}"
    return f"{command}: {text.rstrip('.')}; {_help_of(command)}"


def _of_value(error: Any, command: str) -> str:
    """A value that an option or an argument cannot take."""
    label, found = _label(error.param), _first(error)
    if found is None:
        return f"{label}: {str(error.message).rstrip('.')}; {_help_of(command)}"
    value, bounds = found.get("input"), found.get("ctx", {})
    what = f"{label} {value!r}"
    match found.get("type"):
        case "int_parsing" | "int_from_float" | "int_parsing_size":
            return f"{what} is not an integer: {_plain_number(value, label, command)}"
        case "float_parsing":
            return f"{what} is not a number: {_plain_number(value, label, command)}"
        case "greater_than_equal":
            return f"{label} {value} is too small: give at least {_figure(bounds['ge'])}"
        case "greater_than":
            return f"{label} {value} is too small: give more than {_figure(bounds['gt'])}"
        case "less_than_equal":
            return f"{label} {value} is too large: give at most {_figure(bounds['le'])}"
        case "finite_number":
            return f"{what} is not a number that can be meant; {_help_of(command)}"
    return f"{label}: {str(found.get('msg', error.message)).removeprefix('Value error, ').rstrip('.')}"


def _first(error: Any) -> dict[str, Any] | None:
    """What the validation of the value says of it; None where it was the option's own."""
    try:
        return dict(error.__cause__.errors()[0])
    except (AttributeError, IndexError, TypeError):
        return None


def _plain_number(value: object, label: str, command: str) -> str:
    """How it is written, where one can be made out of it: without commas, spaces or a currency."""
    bare = bare_number(str(value))
    return f"write {label} {bare}" if bare else _help_of(command)


def _figure(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _no_command(word: str, command: str, context: Any) -> str:
    if word in OF_THE_LAUNCHER:
        return f"{word!r} is the launcher's: type python3 minh.py {word}"
    known = list(context.command.commands) if context is not None else []
    return f"{command} has no command {word!r}: {_meant(word, known, f'`{command} --help` lists them')}"


def _other_option(option: str, context: Any) -> str:
    known = _options(context)
    also = ALSO_CALLED.get(option, "")
    if also in known:
        return f"did you mean {also}?"
    return _meant(option, known, f"it has {', '.join(known)}" if known else _help_of(_path(context)))


def _meant(word: str, known: Sequence[str], otherwise: str) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def _options(context: Any) -> list[str]:
    params = context.command.params if context is not None else []
    return sorted(name for each in params for name in each.opts if name.startswith("--"))


def _label(param: Any) -> str:
    """An option by its long name, an argument by its own."""
    named = [name for name in getattr(param, "opts", []) if name.startswith("-")]
    return max(named, key=len) if named else str(getattr(param, "name", "a value")).upper()


def _meaning(param: Any) -> str:
    text = str(getattr(param, "help", "") or "").rstrip(".")
    return f" ({text[:1].lower()}{text[1:]})" if text else ""


def _path(context: Any) -> str:
    return str(context.command_path) if context is not None else "minh.py"


def _help_of(command: str) -> str:
    return f"`{command} --help` shows an example"


def refuse_no_path(command: Any) -> None:  # as above
    """An empty word is no path: to the library it is the folder in which one stands."""

    def taken(param: Any, process: Callable[[Any, Any], object]) -> Callable[[Any, Any], object]:
        def read(context: Any, value: Any) -> object:
            if value == "":
                raise MinhosError(f"{_label(param)} is empty: give the path of a file or folder.")
            return process(context, value)

        return read

    for param in command.params:
        if param.type_descriptor.annotation is Path:
            param.process_value = taken(param, param.process_value)


# What several commands ask of a value --------------------------------------------------------------------------------


def bare_number(text: str) -> str:
    """The number that a text with commas, spaces or a currency means; empty where it means none."""
    bare = re.sub(r"[\s_,'$€]", "", text)
    return bare if bare != text and re.fullmatch(r"[+-]?\d+(\.\d+)?", bare) else ""


def finite(values: Mapping[str, float | None]) -> None:
    """Raises MinhosError for an option that is not a number, as nan, inf and 1e999 are."""
    for option, value in values.items():
        if value is not None and not math.isfinite(value):
            raise MinhosError(f"{option} {value:g} is not a number that can be meant; leave it out or give one.")


def end(error: Exception) -> int:
    """Say the sentence on stderr; the exit code of wrong use."""
    sentence = sentence_of(error)
    if sentence:
        mark = "" if sentence.endswith("?") else "."
        sys.stderr.write(f"MinhOS: {sentence}{mark}\n")
    return 2
