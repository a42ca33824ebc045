"""What an action returns: its response's type, read from its return annotation."""

from __future__ import annotations

import inspect
import types
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
)
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import inspect as introspection
from twisted.internet.defer import Deferred

from ..errors import UnserializableError
from ..wire import json_reader, json_writer
from .conversion import check_supported, decode_other
from .conversion_errors import ConversionError, explain
from .file_response import FileResponse


class NoResponse:
    """The type of `NO_RESPONSE`."""

    def __repr__(self) -> str:
        return "NO_RESPONSE"


NO_RESPONSE: Final = NoResponse()
"""What an action returns that has answered by itself: its client gets no response."""

_NO_OBJECT_OF_JSON: Final = (NoResponse, FileResponse)
"""Results of actions that are no response in JSON."""

_WRAPPERS: Final = (Awaitable, Deferred, Coroutine, AsyncIterator, AsyncIterable, AsyncGenerator)
"""Types that an annotation may have around that of the response."""

_NO_OBJECTS: Final = (
    introspection.BoolType,
    introspection.IntType,
    introspection.FloatType,
    introspection.StrType,
    introspection.BytesType,
    introspection.ListType,
    introspection.SetType,
    introspection.FrozenSetType,
    introspection.TupleType,
    introspection.VarTupleType,
    introspection.NamedTupleType,
    introspection.DateTimeType,
    introspection.DateType,
    introspection.TimeType,
    introspection.TimeDeltaType,
    introspection.UUIDType,
    introspection.DecimalType,
    introspection.EnumType,
    introspection.LiteralType,
)
"""Types that are not written as JSON objects."""


def read_output(function: Callable[..., Any]) -> Any:
    """The type of an action's response, of its return annotation.

    Returns:
        The type; ``Any`` where the annotation does not say it.

    Raises:
        ValueError: The annotation is of a type that is not written as a JSON object.
    """
    annotation = inspect.signature(function, eval_str=True).return_annotation
    if annotation is inspect.Signature.empty:
        return Any
    annotation = _unwrapped(annotation)
    try:
        kinds = [kind for member in members(annotation) for kind in _kinds(member)]
    except Exception:
        # A class that only its author knows to write; the response itself will tell.
        return Any
    if any(isinstance(kind, _NO_OBJECTS) or getattr(kind, "array_like", False) for kind in kinds):
        name = annotation.__name__ if type(annotation) is type else str(annotation)
        raise ValueError(
            f"it returns {name}, which is no JSON object; an action returns a dict, a Struct, "
            "a dataclass, a TypedDict or the like, or None"
        )
    return annotation


def _unwrapped(annotation: Any) -> Any:
    """The annotation without what is around it while it is awaited, and without `NoResponse`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _WRAPPERS and arguments:
        return _unwrapped(arguments[2 if origin is Coroutine else 0])
    if origin in (Union, types.UnionType):
        rest = [_unwrapped(part) for part in arguments if part not in _NO_OBJECT_OF_JSON]
        return Union[tuple(rest)] if rest else Any  # noqa: UP007
    return Any if annotation in (object, *_NO_OBJECT_OF_JSON) else annotation


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; any other type by itself."""
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _kinds(member: Any) -> list[Any]:
    check_supported(member)
    kind = introspection.type_info(member)
    return [kind.type if isinstance(kind, introspection.Metadata) else kind]


def check_response(outcome: object, annotation: Any) -> str | None:
    """Compare what an action returned with its return annotation.

    Args:
        outcome: What it returned.
        annotation: The type of its response; see `read_output`.

    Returns:
        What is wrong, such as ``stored must be a whole number``; None where nothing is.
    """
    if annotation is Any or outcome is NO_RESPONSE:
        return None
    try:
        text = json_writer.dumps(outcome)
        written = json_reader.loads(text, len(text))
        msgspec.convert(written, annotation, dec_hook=decode_other, str_keys=True)
    except msgspec.ValidationError as error:
        wrong: ConversionError = explain(error, annotation)
        return str(wrong).removeprefix(".")
    except (UnserializableError, TypeError, UnicodeError):
        # The runner logs the first; the others can be written, not read.
        return None
    return None
