"""How a value that a client sent becomes what the annotation of an input says.

Six plain types (`CONVERTERS`) follow documented rules, since sticky params are text. msgspec
converts everything else: first strictly, then with text taken as numbers and the like, and
last with text taken as JSON.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from decimal import Decimal
from math import isfinite
from re import compile as regex
from typing import Annotated, Any, Final, NewType, Union, get_args, get_origin

import msgspec
from msgspec import inspect as introspection

from ..errors import ClientError
from ..wire import json_reader, json_writer
from .conversion_errors import ConversionError, explain

JSON_INPUT_DEPTH: Final = 64
"""How deeply a list or dict may be nested that a client gave as the text of a sticky param."""

_NUMBER: Final = regex(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}

Converter = Callable[[Any], Any]
"""Makes a value of an input's type of what a client sent, or raises `ConversionError`."""


def number(text: object) -> float | None:
    """The number that a JSON value is, or that a text spells; None where it is none.

    Whole numbers are ints. NaN, the infinities and truth values are no numbers.
    """
    if type(text) is int:
        return text
    if type(text) is float:
        return text if isfinite(text) else None
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        value = float(text)
        return value if isfinite(value) else None


def _to_str(value: object) -> str:
    if type(value) is str:
        return value
    if number(value) is None:
        raise ConversionError("must be a string")
    return json_writer.dumps(value).decode()


def _to_int(value: object) -> int:
    found = number(value)
    if found is None or found != int(found):
        raise ConversionError("must be a whole number")
    return int(found)


def _to_float(value: object) -> float:
    found = number(value)
    if found is None:
        raise ConversionError("must be a number")
    try:
        return float(found)
    except OverflowError:
        raise ConversionError("must be a number that is not that large") from None


def _to_bool(value: object) -> bool:
    if type(value) is bool:
        return value
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    raise ConversionError("must be true or false")


def _to_list(value: object) -> list[object]:
    value = _parsed(value)
    if not isinstance(value, list):
        raise ConversionError("must be a list")
    return value


def _to_dict(value: object) -> dict[str, object]:
    value = _parsed(value)
    if not isinstance(value, dict):
        raise ConversionError("must be an object")
    return value


def _parsed(value: object) -> object:
    """The value that a sticky param's text stands for, where it is JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json_reader.loads(value.strip(), JSON_INPUT_DEPTH)
    except ClientError:
        return value


CONVERTERS: Final[dict[type, Converter]] = {
    str: _to_str,
    int: _to_int,
    float: _to_float,
    bool: _to_bool,
    list: _to_list,
    dict: _to_dict,
}
"""How a value becomes each of the plain types."""


def converter(annotation: Any) -> Converter:
    """Make the converter of an annotation.

    Raises:
        TypeError: No value that a client sends can become that; the text says why.
    """
    check_supported(annotation)
    kind = base(annotation)
    plain = CONVERTERS.get(kind) if isinstance(kind, type) else None
    if plain is None:
        return _typed(annotation)
    if not _is_constrained(annotation):
        return plain

    def convert(value: object) -> object:
        return _convert(plain(value), annotation)

    return convert


def base(annotation: Any) -> Any:
    """The type below ``| None``, ``NewType`` and ``Annotated``."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        else:
            below = without_none(annotation)
            if below is annotation:
                return annotation
            annotation = below


def without_none(annotation: Any) -> Any:
    """The annotation without its ``| None``, if it has that."""
    if get_origin(annotation) in (Union, types.UnionType):
        parts = get_args(annotation)
        rest = [part for part in parts if part is not type(None)]
        if 0 < len(rest) < len(parts):
            return Union[tuple(rest)]  # noqa: UP007
    return annotation


def _is_constrained(annotation: Any) -> bool:
    """Whether a `Meta` is on an annotation of a plain type."""
    if isinstance(annotation, NewType):
        return _is_constrained(annotation.__supertype__)
    notes = getattr(annotation, "__metadata__", ())
    if any(isinstance(note, msgspec.Meta) for note in notes):
        return True
    return any(_is_constrained(part) for part in get_args(annotation) if part not in notes)


def _typed(annotation: Any) -> Converter:
    """Make a converter that leaves everything to msgspec."""
    has_decimals = any(type(kind) is introspection.DecimalType for kind in kinds(annotation))

    def convert(value: object) -> object:
        try:
            return _convert(value, annotation, check_finite=has_decimals)
        except ConversionError:
            pass
        try:
            return _convert(value, annotation, strict=False)
        except ConversionError as error:
            parsed = _parsed(value)
            if not isinstance(parsed, list | dict) or parsed is value:
                raise error from None
        return _convert(parsed, annotation, strict=False)

    return convert


def _convert(
    value: object, annotation: Any, *, strict: bool = True, check_finite: bool = False
) -> object:
    try:
        converted: object = msgspec.convert(
            value, annotation, strict=strict, dec_hook=decode_other, str_keys=True
        )
    except msgspec.ValidationError as error:
        raise explain(error, annotation) from None
    except RecursionError:
        raise ConversionError("is nested too deeply") from None
    except UnicodeEncodeError:
        raise ConversionError("has a key with a lone surrogate in it") from None
    if check_finite or not strict:
        # Taken as a number, a text may spell one that is none.
        check_numbers(converted)
    return converted


def check_numbers(value: object) -> None:
    """Refuse NaN and the infinities anywhere in a converted value.

    Raises:
        ConversionError: There is one; it names the path.
    """
    builtins = msgspec.to_builtins(
        value, builtin_types=(Decimal,), enc_hook=lambda _: None, str_keys=True
    )
    for path, item in _leaves(builtins, ""):
        if isinstance(item, float | Decimal) and not isfinite(item):
            raise ConversionError("must be a number", path)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def decode_other(kind: Any, value: object) -> object:
    """Convert to a type that msgspec leaves to others: pydantic's models, and ``object``."""
    if kind is object:
        return value
    if json_writer.is_pydantic(kind):
        return kind.model_validate(value)
    raise NotImplementedError


def check_supported(annotation: Any) -> None:
    """Check that what a client sends can be converted to an annotation.

    Raises:
        TypeError: It cannot; the text says why.
    """
    try:
        msgspec.json.Decoder(annotation, dec_hook=decode_other)
    except Exception as error:
        raise TypeError(str(error)) from None
    for kind in kinds(annotation):
        cls = getattr(kind, "cls", None)
        if isinstance(kind, introspection.CustomType):
            if cls is not object and not json_writer.is_pydantic(cls):
                raise TypeError(f"{getattr(cls, '__name__', cls)} cannot be sent as JSON")
        elif isinstance(kind, introspection.RawType | introspection.ExtType):
            raise TypeError("Raw and Ext cannot be converted")


def kinds(annotation: Any) -> Iterator[introspection.Type]:
    """All types in an annotation, at any depth, each of them once."""
    seen: set[int] = set()
    waiting: list[Any] = [introspection.type_info(annotation)]
    while waiting:
        kind = waiting.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        yield kind
        waiting += parts(kind)


def parts(kind: Any) -> Iterator[introspection.Type]:
    """The types that a type is made of."""
    for name in ("type", "item_type", "key_type", "value_type"):
        part = getattr(kind, name, None)
        if isinstance(part, introspection.Type):
            yield part
    yield from getattr(kind, "item_types", ())
    if isinstance(kind, introspection.UnionType):
        yield from kind.types
    for field in getattr(kind, "fields", ()):
        yield field.type
