"""Errors for clients about inputs that cannot be converted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from msgspec import inspect as introspection

from ..errors import shorten

_MESSAGE: Final = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?", re.DOTALL)
_KEY: Final = re.compile(r"(?P<what>.*) - at `key` in `(?P<path>[^`]*)`", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<field>[^.\[\]]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
_EXPECTED: Final = re.compile(r"Expected `(?P<kinds>[^`]*)`(?:, got `[^`]*`)?")
_BOUND: Final = re.compile(r"Expected `\w+` (?P<bound>.*)", re.DOTALL)
_LENGTH: Final = re.compile(r"of length (?:(?P<sign>[<>]=) )?(?P<length>\d+)(?:, got \d+)?")

_NAMES: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "bytes": "bytes in base64",
    "datetime": "a date and time, such as 2026-01-31T12:00:00Z",
    "date": "a date, such as 2026-01-31",
    "time": "a time, such as 12:00:00",
    "duration": "a duration, such as PT90S",
    "uuid": "a UUID",
    "decimal": "a decimal number",
}
_FORMS: Final = {
    "Invalid UUID": "uuid",
    "Invalid RFC3339 encoded datetime": "datetime",
    "Invalid RFC3339 encoded date": "date",
    "Invalid RFC3339 encoded time": "time",
    "Invalid ISO8601 duration": "duration",
    "Invalid base64 encoded string": "bytes",
    "Invalid decimal string": "decimal",
}
_BOUNDS: Final = {
    ">=": "must be at least",
    "<=": "must be at most",
    ">": "must be more than",
    "<": "must be less than",
    "that's a multiple of": "must be a multiple of",
    "matching regex": "must match the pattern",
}
_HOW_MANY: Final = {">=": "at least", "<=": "at most", None: "exactly"}
_UNITS: Final = {"str": "characters", "bytes": "bytes", "array": "items", "object": "keys"}


class ConversionError(ValueError):
    """A value cannot be converted.

    Args:
        problem: What is wrong, as the end of a sentence: ``must be a number``.
        path: Where in the input, such as ``.values[2]``; empty for the input itself.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path} {problem}".strip())
        self.problem = problem
        self.path = path


def explain(error: msgspec.ValidationError, annotation: Any) -> ConversionError:
    """The error for a client, of msgspec's own.

    Args:
        error: The error of msgspec.
        annotation: The type to which it was to convert.
    """
    if key := _KEY.fullmatch(str(error)):
        problem = _problem(key["what"], [], error)
        return ConversionError(f"has a key that {problem}", key["path"].removeprefix("$"))
    match = _MESSAGE.fullmatch(str(error))
    assert match is not None
    path = (match["path"] or "").removeprefix("$")
    cause = error.__cause__
    if cause is not None and hasattr(cause, "errors"):
        return _of_pydantic(cause, path)
    if cause is not None:
        return ConversionError(f"is not valid: {cause}", path)
    missing = re.fullmatch(r"Object missing required field `(.*)`", match["what"])
    if missing:
        return ConversionError("is required", f"{path}.{missing[1]}")
    return ConversionError(_problem(match["what"], _at(annotation, path), error), path)


def _of_pydantic(error: Any, path: str) -> ConversionError:
    """The first error of a pydantic model."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    for step in first["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{shorten(str(step))}"
    return ConversionError(f"is not valid: {first['msg']}", path)


def _problem(what: str, found: list[Any], error: Exception) -> str:
    """What is wrong, from msgspec's words, and the types that are possible there."""
    if what in _FORMS:
        return f"must be {_NAMES[_FORMS[what]]}"
    if match := _EXPECTED.fullmatch(what):
        names = [_NAMES.get(name, name) for name in match["kinds"].split(" | ")]
        return f"must be {_either([name for name in names if name != 'null'] or names)}"
    if match := _BOUND.fullmatch(what):
        return _bound(what, match["bound"])
    if what.startswith(("Invalid enum value", "Invalid value")):
        return f"must be {_either([_shown(value) for value in _choices(found)])}"
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        return f"has no field {did_you_mean(match[1], _field_names(found))}"
    if "out of range" in what:
        return "must be a number that is not that large"
    return f"is not valid: {what}"


def _bound(what: str, bound: str) -> str:
    if match := _LENGTH.fullmatch(bound):
        kind = what.partition("`")[2].partition("`")[0]
        unit, length = _UNITS.get(kind, "items"), match["length"]
        if length == "1":
            unit = unit.removesuffix("s")
        return f"must have {_HOW_MANY[match['sign']]} {length} {unit}"
    for sign, text in _BOUNDS.items():
        if bound.startswith(f"{sign} "):
            return f"{text} {bound.removeprefix(sign).strip().removesuffix('.0')}"
    return f"must be {what.removeprefix('Expected ')}"


def did_you_mean(name: str, known: list[str]) -> str:
    """A name that is not known, as an error shows it, with the known one that is like it."""
    shown = shorten(name)
    close = get_close_matches(shown, known, 1)
    return f"{shown}; did you mean {close[0]}?" if close else shown


def _either(names: list[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    if len(names) < 2:
        return "".join(names) or "something else"
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _choices(found: list[Any]) -> Iterator[object]:
    """The values that enums, literals and tags allow."""
    for kind in found:
        if isinstance(kind, introspection.EnumType):
            yield from (member.value for member in kind.cls)
        elif isinstance(kind, introspection.LiteralType):
            yield from kind.values
        elif isinstance(kind, str | int):
            yield kind


def _field_names(found: list[Any]) -> list[str]:
    return [field.encode_name for kind in found for field in getattr(kind, "fields", ())]


def _at(annotation: Any, path: str) -> list[Any]:
    """The types that are possible at a path below an annotation; tags as themselves."""
    found = list(_members(introspection.type_info(annotation)))
    for step in _STEP.finditer(path):
        found = [member for kind in found for part in _step(kind, step) for member in part]
    return found


def _members(kind: Any) -> Iterator[Any]:
    """The types that a type may be: the members of a union, or itself."""
    if isinstance(kind, introspection.UnionType):
        for member in kind.types:
            yield from _members(member)
    elif isinstance(kind, introspection.Metadata):
        yield from _members(kind.type)
    else:
        yield kind


def _step(kind: Any, step: re.Match[str]) -> Iterator[list[Any]]:
    """The types one step further down."""
    if name := step["field"]:
        for field in getattr(kind, "fields", ()):
            if field.encode_name == name:
                yield list(_members(field.type))
        if getattr(kind, "tag_field", None) == name:
            yield [kind.tag]
    elif step["index"] is not None and hasattr(kind, "item_types"):
        yield list(_members(kind.item_types[int(step["index"])]))
    elif step["index"] is not None and hasattr(kind, "item_type"):
        yield list(_members(kind.item_type))
    elif step["index"] is None and hasattr(kind, "value_type"):
        yield list(_members(kind.value_type))
