"""Settings from nested dictionaries, with sentences instead of validation reports."""

from __future__ import annotations

from pydantic import ValidationError

from minhos import ranges
from minhos.errors import SettingsError
from minhos.settings.sections import Section
from minhos.settings.structs import refuse_unknown
from minhos.settings.whole import Settings


def parse(values: dict[str, object]) -> Settings:
    """Settings from nested dictionaries, with sentences instead of validation reports."""
    refuse_unknown(values, tuple(Settings.model_fields), "minhos.toml")
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        section = values.get(name)
        if isinstance(kind, type) and issubclass(kind, Section) and isinstance(section, dict):
            refuse_unknown(section, tuple(kind.model_fields), f"[{name}]")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(_sentence(first["loc"], first["input"], first["msg"])) from error


def _sentence(loc: tuple[int | str, ...], value: object, message: str) -> str:
    """What is wrong with a value, with its range and the reason where it is a number."""
    where = ".".join(str(part) for part in loc)
    section = Settings.model_fields.get(str(loc[0]))
    kind = section.annotation if section is not None else None
    if len(loc) > 1 and isinstance(kind, type) and issubclass(kind, Section):
        allowed = range_of(kind, str(loc[1]))
        if allowed is not None and ranges.is_number(value):
            return ranges.refusal(where, value, allowed, kind.model_fields[str(loc[1])].default)
        field = kind.model_fields[str(loc[1])]
        if isinstance(value, str) and field.annotation is str and isinstance(field.json_schema_extra, dict):
            return f'{where} = {value!r}: {field.json_schema_extra["why"]}; set it to "{field.default}".'
    return f"{where} = {value!r}: {message.lower()}."


def range_of(section: type[Section], key: str) -> ranges.Range | None:
    """The range of a number of that section; None for what is no number."""
    field = section.model_fields[key]
    ends = [getattr(each, name) for name in ("ge", "le") for each in field.metadata if hasattr(each, name)]
    extra = field.json_schema_extra
    if len(ends) != 2 or not isinstance(extra, dict):
        return None
    return ranges.Range(ends[0], ends[1], str(extra["why"]))
