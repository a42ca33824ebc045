"""`@action`, which makes an action of a function."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar, Concatenate, Protocol, TypedDict, TypeVar, Unpack, overload

from msgspec import Struct

from ..connection.connection import Connection
from ..errors import StartError, UnserializableError
from ..wire import json_writer
from .actions import MARK, Action
from .api import Api
from .conversion_errors import did_you_mean
from .file_response import FileResponse
from .inputs import read_signature
from .marks import Mark, place_of, remember
from .outputs import NoResponse, read_output


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


class _Attrs(Protocol):
    __attrs_attrs__: ClassVar[Any]


class _Model(Protocol):
    """A pydantic model."""

    def model_dump_json(self) -> str: ...


Response = (
    Mapping[str, Any] | Struct | _Dataclass | _Attrs | _Model | NoResponse | FileResponse | None
)
"""What an action may return, for type checkers: what is written as a JSON object, or nothing."""

Outcome = Response | Awaitable[Response] | AsyncIterator[Response]

Function = TypeVar("Function", bound=Callable[Concatenate[Api[Any], Connection, ...], Outcome])


class _Options(TypedDict, total=False):
    """The options of `action`; see there."""

    name: str | None
    description: str | None
    output_example: Mapping[str, object] | None
    blocking: bool
    sends_file: bool
    strict: bool
    errors: Mapping[int, str] | None


class _Decorator(Protocol):
    def __call__(self, function: Function, /) -> Function: ...


@overload
def action(function: Function, /) -> Function: ...
@overload
def action(**options: Unpack[_Options]) -> _Decorator: ...


def action(function: Any = None, /, **options: Any) -> Any:
    """Make a function an action that clients can call. The function itself stays as it is.

    The function takes ``(api, connection, *, inputs…)``: a keyword-only parameter without
    a default is a required input, one with a default an optional one, and its annotation
    converts what a client sent: any type that msgspec can convert, or a pydantic model.
    ``**params`` takes all the rest. It returns what is written as a JSON object (a dict, a
    ``msgspec.Struct``, a dataclass, …) for the response, or None. An ``async def`` that yields
    such objects answers in parts, one for each.

    Args:
        function: The function, where the decorator is used without parentheses.
        options: How it is an action. ``name``: what clients call it, where that is not the
            function's name. ``description``: what it does, where that is not the first line of
            its docstring. ``output_example``: an example of its response, for ``actionsView``.
            ``blocking``: run a plain ``def`` in a thread, for code that blocks; clients take
            turns. ``sends_file``: it sends a file (``connection.send_file``), and may have to
            wait before: whatever else is sent to its client meanwhile follows the file.
            ``strict``: refuse params that it does not declare. ``errors``: what it raises for
            clients, for ``actionsView`` and the schemas: texts by code, such as
            ``{401: "authenticate first"}``.

    Raises:
        StartError: The function cannot be an action; names the file and the line.
        TypeError: There is no such option.
    """
    _check_options(options)

    def mark(function: Any) -> Any:
        made = _make(function, _Given(**options))
        setattr(function, MARK, made)
        remember(Mark(function, f"the action {made.name!r}", made.file, made.line))
        return function

    return mark if function is None else mark(function)


@dataclass(frozen=True, slots=True)
class _Given:
    """The options of an action, and their defaults; see `action`."""

    name: str | None = None
    description: str | None = None
    output_example: Mapping[str, object] | None = None
    blocking: bool = False
    sends_file: bool = False
    strict: bool = False
    errors: Mapping[int, str] | None = None


def _check_options(options: Mapping[str, object]) -> None:
    known = _Options.__annotations__
    for name in options:
        if name not in known:
            raise TypeError(f"@action has no option {did_you_mean(name, list(known))}")


def _make(function: Any, given: _Given) -> Action:
    file, line = place_of(function)
    place = f"{file}:{line}"
    if not isinstance(function, FunctionType):
        kind = type(function).__name__
        raise StartError(f"{place}: an object of type {kind} is no function, so it is no action")
    if MARK in vars(function):
        raise StartError(f"{place}: {function.__name__!r} is an action already; it has one name")
    name = function.__name__ if given.name is None else given.name
    description, output_example, errors = given.description, given.output_example, given.errors
    if description is None:
        description = (inspect.getdoc(function) or "").partition("\n")[0]
    try:
        _check_name(name)
        _check_kind(function, given.blocking)
        _check_shown(description, output_example or {}, errors or {})
        inputs = read_signature(function)
        output = read_output(function)
    except ValueError as error:
        raise StartError(f"{place}: the action {name!r}: {error}") from None
    return Action(
        name=name,
        function=function,
        inputs=inputs,
        description=description,
        output_example=output_example or {},
        blocking=given.blocking,
        sends_file=given.sends_file,
        file=file,
        line=line,
        strict=given.strict,
        streams=inspect.isasyncgenfunction(inspect.unwrap(function)),
        errors=errors or {},
        output=output,
    )


def _check_name(name: str) -> None:
    if not name or not name.isprintable() or " " in name or name.startswith("{"):
        raise ValueError("a name is one word, of printable characters, that does not begin with {")


def _check_shown(description: object, output_example: object, errors: object) -> None:
    """Refuse what ``actionsView`` could not show."""
    if not isinstance(description, str):
        raise ValueError("a description is a str")
    if not isinstance(output_example, Mapping):
        raise ValueError("an output_example is a dict")
    if not isinstance(errors, Mapping) or not all(
        type(code) is int and isinstance(text, str) for code, text in errors.items()
    ):
        raise ValueError("errors is a dict of texts by code, such as {401: 'authenticate first'}")
    try:
        json_writer.dumps(dict(output_example))
    except UnserializableError as error:
        raise ValueError(f"the output_example: {error}") from None


def _check_kind(function: Any, blocking: bool) -> None:
    if inspect.isgeneratorfunction(function):
        raise ValueError("a generator is an action only as async def")
    if blocking and inspect.isasyncgenfunction(function):
        raise ValueError("blocking=True is for a plain def, not for an async generator")
    if blocking and inspect.iscoroutinefunction(function):
        raise ValueError("blocking=True is for a plain def, not for async def")
