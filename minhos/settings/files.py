"""A home's settings files: where they lie, and how they are read.  Read only by services and commands."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from minhos.errors import SettingsError
from minhos.risk.events import parse_events
from minhos.settings.contradictions import refuse_contradictions
from minhos.settings.parse import parse
from minhos.settings.structs import refuse_unknown
from minhos.settings.whole import KELLY_FILE, OTHER_FILES, Settings

T = TypeVar("T")
OVERRIDES = "MINHOS_OVERRIDES"
"""Environment variable through which `start` hands its switches to the processes that it starts."""
LARGEST_NUMBER = 2**63 - 1
"""What TOML promises for a whole number."""
TOO_LONG = f"has a whole number beyond {LARGEST_NUMBER}, which no setting is; write a shorter one."
TOO_DEEP = (
    "has lists or tables within each other so deep that no setting is there; remove what is in too many brackets."
)
ROOT = Path(__file__).resolve().parents[2]
AS_STARTED = "MINHOS_SETTINGS"
"""Environment variable through which `start` names the copy of the files that all of its processes go by, so that one
that is started again does not go by others than the rest."""
FILES = ("minhos.toml", KELLY_FILE, "events.csv")


def home() -> Path:
    """Where configuration and data lie: the checkout, or the folder named by MINHOS_HOME."""
    return Path(os.environ.get("MINHOS_HOME", ROOT))


def texts_of(folder: Path) -> dict[str, str]:
    """The files of a home's settings by name, as they stand; an absent one is empty.  Raises SettingsError."""
    return {name: text_of(folder / "config" / name) for name in FILES}


def load(
    folder: Path | None = None,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    *,
    copy: Path | None = None,
    texts: Mapping[str, str] | None = None,
) -> Settings:
    """Settings of that home folder; files that are absent leave the defaults.  overrides: section → key → value.

    A process that `start` began reads the copy of the files that was made then; copy: the same for others, where there
    is one.  texts: what the files are about to hold, by name, instead of what they hold.

    Raises:
        SettingsError: a file that cannot be read, an unknown key, a contradiction or a value out of range.
    """
    place = folder or home()
    config, texts = place / "config", texts or _copied(copy) or texts_of(place)
    values = read_toml(config / "minhos.toml", texts["minhos.toml"])
    for source in (switches(), overrides or {}):
        for section, entries in source.items():
            given = values.setdefault(section, {})
            if isinstance(given, dict):  # anything else is refused by `parse`
                values[section] = {**given, **entries}
    refuse_unknown(values, tuple(name for name in Settings.model_fields if name not in OTHER_FILES), "minhos.toml")
    values["kelly"] = _read_json(config / KELLY_FILE, texts[KELLY_FILE])
    values["events_text"] = texts["events.csv"]
    _place_mirror(values, folder or home())
    settings = parse(values)
    settings.sierra.names_at_broker()
    settings.risk_parameters()
    parse_events(settings.events_text)
    refuse_contradictions(settings)
    return settings


def _place_mirror(values: dict[str, object], folder: Path) -> None:
    """With a bridge the mirror has a folder, which is the source where no other is named; ~ is the user's folder."""
    data = values.get("data")
    if isinstance(data, dict) and isinstance(source := data.get("source"), str) and source.startswith("~"):
        values["data"] = data = {**data, "source": str(Path(source).expanduser())}
    if not isinstance(data, dict) or not data.get("bridge"):
        return
    mirror = data.get("bridge_folder") or str(folder / "data" / "bridge")
    values["data"] = {**data, "bridge_folder": mirror, "source": data.get("source") or mirror}
    parse({"data": values["data"]}).data.bridge_address()


def switches() -> dict[str, dict[str, str | int | float | bool]]:
    """What the command that started this process was told on its command line, by section."""
    text = os.environ.get(OVERRIDES)
    values: dict[str, dict[str, str | int | float | bool]] = json.loads(text) if text else {}
    return values


def text_of(path: Path) -> str:
    """One file's text; empty where there is none.  Raises SettingsError with the way out."""
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark of its encoding
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} cannot be read: it is no text in UTF-8 from byte {error.start} on; save it as UTF-8, or move it "
            "away for the defaults."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}; make it a file that you may read, or move it away for the "
            "defaults."
        ) from error


def _copied(copy: Path | None) -> dict[str, str] | None:
    """The files as `start` copied them; None where there is no whole copy, and then the files themselves count."""
    named = os.environ.get(AS_STARTED)
    path = copy or (Path(named) if named else None)
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path is not None else None
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and all(isinstance(found.get(name), str) for name in FILES)
    return found if whole else None


def _refuse_endless(values: object, path: Path) -> None:
    """Raises SettingsError for a whole number, however deep, that no setting can be and no float can hold."""
    if isinstance(values, dict | list):
        for value in values.values() if isinstance(values, dict) else values:
            _refuse_endless(value, path)
    elif isinstance(values, int) and abs(values) > LARGEST_NUMBER:
        raise SettingsError(f"{path} {TOO_LONG}")


def _parsed(path: Path, kind: str, parse: Callable[[], T]) -> T:
    """What a parser makes of a file's text.  Raises SettingsError, which names the file."""
    try:
        values = parse()
        _refuse_endless(values, path)
        return values
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise SettingsError(f"{path} is not valid {kind}: {error}.") from error
    except RecursionError as error:
        raise SettingsError(f"{path} {TOO_DEEP}") from error
    except ValueError as error:
        raise SettingsError(f"{path} {TOO_LONG}") from error


def read_toml(path: Path, text: str) -> dict[str, object]:
    """The text of that file as TOML.  Raises SettingsError, which names the file."""
    return _parsed(path, "TOML", lambda: tomllib.loads(text))


def _once(path: Path, pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON.  Raises SettingsError for a key that stands twice: which value is meant nobody knows."""
    values = dict(pairs)
    for key in values:
        if len(given := [value for name, value in pairs if name == key]) > 1:
            raise SettingsError(f"{path} has {key!r} twice, as {given[0]!r} and {given[1]!r}; keep one of them.")
    return values


def _read_json(path: Path, text: str) -> dict[str, object]:
    values = _parsed(path, "JSON", lambda: json.loads(text, object_pairs_hook=partial(_once, path)) if text else {})
    if not isinstance(values, dict):
        raise SettingsError(f"{path} must hold one JSON object, not {type(values).__name__}.")
    return values
