"""What an action takes: its inputs, read from its signature."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from ..errors import ClientError, shorten
from .conversion import CONVERTERS, Converter, converter
from .conversion_errors import ConversionError, did_you_mean

_SUPPORTED: Final = (
    f"supported: {', '.join(kind.__name__ for kind in CONVERTERS)}, each also with | None, "
    "and every type that msgspec can convert"
)
MOST_UNKNOWN: Final = 10
"""So many params that are not declared an error names; to find what each was meant to be takes
a while."""

_ALWAYS_KNOWN: Final = ("action", "limit", "offset")
"""Params that every request has or may have, whatever its action declares."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of an action.

    Attributes:
        name: Its name.
        convert: Makes a value of its type of what a client sent.
        required: Whether a client must give it.
        default: What it is where a client does not.
        annotation: Its type.
    """

    name: str
    convert: Converter
    required: bool
    default: object
    annotation: Any

    @property
    def absent(self) -> object:
        """The value where a client gives none: the default, or a copy where it can be changed."""
        return copy.deepcopy(self.default) if _can_change(self.default) else self.default


@dataclass(frozen=True, slots=True)
class Fault:
    """One input that a client got wrong.

    Attributes:
        param: Which, with the path below it, such as ``reading.values[2]``.
        error: What is wrong, as a sentence.
        is_missing: Whether it is only missing.
    """

    param: str
    error: str
    is_missing: bool = False


class InputError(ClientError):
    """A client got inputs wrong.

    Args:
        faults: What it got wrong, in declared order; at least one.
    """

    def __init__(self, faults: list[Fault]) -> None:
        told = [{"param": fault.param, "error": fault.error} for fault in faults]
        # Where inputs are only missing, the error names the first one.
        is_long = len(faults) > 1 and not all(fault.is_missing for fault in faults)
        super().__init__(faults[0].error, {"errors": told} if is_long else None)


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

    def arguments(self, params: Mapping[str, Any], *, strict: bool = False) -> dict[str, Any]:
        """The keyword arguments for the function, made of a request's params.

        Args:
            params: The params of the request. None and "" count as missing.
            strict: Whether a param that is not declared is an error.

        Raises:
            InputError: A required one is missing, one cannot be converted, or one is unknown.
        """
        arguments: dict[str, Any] = {}
        if self.takes_rest:
            arguments = {key: params[key] for key in params if key not in self.reserved}
        faults = list(self._unknown(params)) if strict else []
        for declared in self.declared:
            value = params.get(declared.name)
            if value is None or value == "":
                if declared.required:
                    text = f"{declared.name} is a required parameter for this action"
                    faults.append(Fault(declared.name, text, is_missing=True))
                else:
                    arguments[declared.name] = declared.absent
            else:
                try:
                    arguments[declared.name] = declared.convert(value)
                except ConversionError as error:
                    param = declared.name + error.path
                    faults.append(Fault(param, f"{param} {error.problem}"))
        if faults:
            raise InputError(faults)
        return arguments

    def refuse_beside(self, document: Mapping[str, Any]) -> None:
        """Refuse a request in JSON with inputs beside ``action``, which are missing for that.

        Args:
            document: The request, which has no ``params``.

        Raises:
            ClientError: An input that is required is missing; with a hint where the inputs go.
        """
        beside = [declared.name for declared in self.declared if declared.name in document]
        if beside and (missing := self.names(required=True)):
            text = f"{missing[0]} is a required parameter for this action"
            raise ClientError(text, {"hint": f"inputs belong in params: {', '.join(beside)}"})

    def _unknown(self, params: Mapping[str, Any]) -> list[Fault]:
        """The params that are not declared, the first `MOST_UNKNOWN` of them."""
        if self.takes_rest:
            return []
        names = [declared.name for declared in self.declared]
        known = {*names, *_ALWAYS_KNOWN}
        unknown = islice((key for key in params if key not in known), MOST_UNKNOWN)
        return [Fault(shorten(key), f"unknown param {did_you_mean(key, names)}") for key in unknown]

    def names(self, *, required: bool) -> list[str]:
        """The names of the inputs that are required, or of those that are not."""
        return [declared.name for declared in self.declared if declared.required is required]


def _can_change(value: object) -> bool:
    """Whether a default holds data that one request could change for the next one."""
    return isinstance(value, (list, dict, set, bytearray, Struct)) or is_dataclass(value)


def check_order(signature: inspect.Signature) -> None:
    """Check that a function does not take ``(connection, api)``.

    Raises:
        ValueError: It does.
    """
    if list(signature.parameters)[:2] == ["connection", "api"]:
        raise ValueError("it takes (connection, api); the order is (api, connection)")


def read_signature(function: Callable[..., Any]) -> Inputs:
    """Read the inputs of an action from its function.

    Raises:
        ValueError: It is not of the form ``(api, connection, *, inputs…)``, or an
            input has no supported annotation; the text says what is expected.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception as error:
        raise ValueError(f"its annotations cannot be read: {error}") from None
    parameters = list(signature.parameters.values())
    check_order(signature)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) != 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise ValueError("an action takes (api, connection, *, and then its inputs by keyword)")
    declared = tuple(_input(p) for p in parameters if p.kind is p.KEYWORD_ONLY)
    takes_rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
    reserved = tuple(p.name for p in positional if p.kind is p.POSITIONAL_OR_KEYWORD)
    return Inputs(declared, takes_rest, reserved)


def _input(parameter: inspect.Parameter) -> Input:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        raise ValueError(f"the input {parameter.name} has no annotation; {_SUPPORTED}")
    try:
        convert = converter(annotation)
    except TypeError as error:
        raise ValueError(
            f"the input {parameter.name} is annotated with {_name(annotation)}; "
            f"{_SUPPORTED}: {error}"
        ) from None
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    return Input(parameter.name, convert, required, default, annotation)


def _name(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)
