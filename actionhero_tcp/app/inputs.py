"""What an action takes: its inputs, read from its signature, and their conversion."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Union, get_args, get_origin

from ..errors import ClientError
from ..wire import json_reader, json_writer

JSON_INPUT_DEPTH: Final = 64
"""How deeply a list or dict may be nested that a client gave as the text of a sticky param."""

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


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
        raise ValueError("a string")
    return json_writer.dumps(value).decode()


def _to_int(value: object) -> int:
    found = number(value)
    if found is None or found != int(found):
        raise ValueError("a whole number")
    return int(found)


def _to_float(value: object) -> float:
    found = number(value)
    if found is None:
        raise ValueError("a number")
    try:
        return float(found)
    except OverflowError:
        raise ValueError("a number that is not that large") from None


def _to_bool(value: object) -> bool:
    if type(value) is bool:
        return value
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    raise ValueError("true or false")


def _to_list(value: object) -> list[object]:
    value = _parsed(value)
    if not isinstance(value, list):
        raise ValueError("a list")
    return value


def _to_dict(value: object) -> dict[str, object]:
    value = _parsed(value)
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value


def _parsed(value: object) -> object:
    """The value that a sticky param's text stands for, where it is JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json_reader.loads(value.strip(), JSON_INPUT_DEPTH)
    except ClientError:
        return value


Converter = Callable[[Any], Any]

CONVERTERS: Final[dict[type, Converter]] = {
    str: _to_str,
    int: _to_int,
    float: _to_float,
    bool: _to_bool,
    list: _to_list,
    dict: _to_dict,
}
"""How a value that a client sent becomes each type that an input may be annotated with.

A converter raises ValueError with what it had expected.
"""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of an action.

    Attributes:
        name: Its name.
        convert: Makes a value of its type of what a client sent.
        required: Whether a client must give it.
        default: What it is where a client does not.
    """

    name: str
    convert: Converter
    required: bool
    default: object


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that an action takes.

    Attributes:
        declared: The inputs, in the order in which they were declared.
        takes_rest: Whether the function has ``**params``, which takes all other params.
        reserved: Names that ``**params`` cannot hold, since the function's first two
            parameters have them.
    """

    declared: tuple[Input, ...]
    takes_rest: bool
    reserved: tuple[str, ...] = ()

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments for the function, made of a request's params.

        Args:
            params: What the client sent. None and "" count as missing.

        Raises:
            ClientError: A required one is missing, or one cannot be converted.
        """
        arguments: dict[str, Any] = {}
        if self.takes_rest:
            arguments = {key: params[key] for key in params if key not in self.reserved}
        for declared in self.declared:
            value = params.get(declared.name)
            if value is None or value == "":
                if declared.required:
                    raise ClientError(f"{declared.name} is a required parameter for this action")
                arguments[declared.name] = declared.default
            else:
                try:
                    arguments[declared.name] = declared.convert(value)
                except ValueError as expected:
                    raise ClientError(f"{declared.name} must be {expected}") from None
        return arguments

    def names(self, *, required: bool) -> list[str]:
        """The names of the inputs that are required, or of those that are not."""
        return [declared.name for declared in self.declared if declared.required is required]


def read_signature(function: Callable[..., Any]) -> Inputs:
    """Reads the inputs of an action from its function.

    Raises:
        ValueError: It is not of the form ``(api, connection, *, inputs…)``, or an
            input has no supported annotation; the text says what is expected.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception as error:
        raise ValueError(f"its annotations cannot be read: {error}") from None
    parameters = list(signature.parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) != 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise ValueError("an action takes (api, connection, *, and then its inputs by keyword)")
    declared = tuple(_input(p) for p in parameters if p.kind is p.KEYWORD_ONLY)
    takes_rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
    reserved = tuple(p.name for p in positional if p.kind is p.POSITIONAL_OR_KEYWORD)
    return Inputs(declared, takes_rest, reserved)


def _input(parameter: inspect.Parameter) -> Input:
    supported = ", ".join(kind.__name__ for kind in CONVERTERS)
    if parameter.annotation is parameter.empty:
        raise ValueError(f"the input {parameter.name} has no annotation; supported: {supported}")
    kind = _without_none(parameter.annotation)
    if kind not in CONVERTERS:
        raise ValueError(
            f"the input {parameter.name} is annotated with {_name(parameter.annotation)}; "
            f"supported: {supported}, each also with | None"
        )
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    return Input(parameter.name, CONVERTERS[kind], required, default)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [kind for kind in get_args(annotation) if kind is not type(None)]
        return rest[0] if len(rest) == 1 else annotation
    return annotation if isinstance(annotation, type) else None


def _name(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)
