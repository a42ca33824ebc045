"""Requests in JSON, read straight into the inputs of their actions.

One decoder of msgspec knows all actions: each is a `Struct` whose tag is the action's name and
whose field ``params`` has the types of the action's inputs. So a line is parsed, its action is
found, and its inputs are checked and converted in one call. All that it refuses, and values whose
meaning it does not know (null, an empty string, a number as text), is left to the general way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Union

import msgspec
from msgspec import inspect as introspection

from .actions import Action
from .conversion import check_numbers, decode_other, kinds, without_none
from .inputs import Input
from .runnable import Runnable

_as_dict: Final = msgspec.structs.asdict
_DEFAULTED: Final = {"action", "limit", "offset"}
"""Params that requests get from elsewhere where they do not hold them."""
_NEVER_EMPTY: Final = (
    introspection.BoolType,
    introspection.IntType,
    introspection.FloatType,
    introspection.ListType,
    introspection.DictType,
    introspection.SetType,
    introspection.TupleType,
    introspection.VarTupleType,
    introspection.StructType,
    introspection.DataclassType,
    introspection.TypedDictType,
    introspection.DateTimeType,
    introspection.DateType,
    introspection.UUIDType,
)
"""Types that neither null nor an empty string is of."""
_IMMUTABLE: Final = (type(None), bool, int, float, str)


Found = tuple[Runnable, dict[str, Any] | None, dict[str, Any] | None]
"""A request that was read: what runs; the keyword arguments for its function, or None where
only the line was read; and what the client sent, or None where that was read into the
arguments."""


class RequestDecoder:
    """Reads requests in JSON.

    Args:
        actions: The actions, each with what runs for it: itself, or what wraps it.
    """

    def __init__(self, actions: Iterable[tuple[Action, Runnable]]) -> None:
        self._targets: dict[type, _Target] = {}
        for action, runnable in actions:
            target = _target(action, runnable)
            self._targets[_envelope(action, target.inputs)] = target
        union: Any = Union[tuple(self._targets)] if self._targets else None  # noqa: UP007
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(
            union, dec_hook=decode_other
        ).decode

    def read(self, line: bytes, max_depth: int) -> Found | None:
        """Read a request.

        Args:
            line: The line.
            max_depth: How deeply it may be nested.

        Returns:
            The request; None where it is not of the plain form, or has a fault.
        """
        # As `may_be_deeper`, for each request.
        if len(line) > 2 * max_depth and line.count(b"[") + line.count(b"{") > max_depth:
            return None
        try:
            request = self._decode(line)
            target = self._targets[type(request)]
            if target.inputs is None:
                return target.runnable, None, request.params
            arguments = _as_dict(request.params)
            if target.looks:
                # An empty string counts as missing, and so does null.
                if b'""' in line or b"null" in line:
                    return None
                check_numbers(arguments)
        except Exception:
            return None
        return target.runnable, arguments, None


@dataclass(frozen=True, slots=True)
class _Target:
    """The target of a request.

    Attributes:
        runnable: The action, or its wrapper with hooks.
        inputs: A type whose fields are the action's inputs; None where there can be none.
        looks: Whether a value that has an input's type may still count as missing, or as no
            number.
    """

    runnable: Runnable
    inputs: type[msgspec.Struct] | None
    looks: bool = False


def _target(action: Action, runnable: Runnable) -> _Target:
    # One with hooks converts its inputs later; they may change what the client sent.
    if runnable is not action or not _is_direct(action):
        return _Target(runnable, None)
    fields: list[Any] = []
    looks = False
    for declared in action.inputs.declared:
        annotation = without_none(declared.annotation)
        if annotation is str:
            # An empty one counts as missing, which is not for msgspec to decide.
            annotation = Annotated[annotation, msgspec.Meta(min_length=1)]
        else:
            looks = looks or _may_mislead(annotation)
        default = () if declared.required else (_default(declared),)
        fields.append((declared.name, annotation, *default))
    try:
        inputs = msgspec.defstruct("Inputs", fields, kw_only=True, forbid_unknown_fields=True)
        msgspec.json.Decoder(inputs, dec_hook=decode_other)
    except Exception:
        # An input has a name that a Struct has itself.
        return _Target(runnable, None)
    return _Target(runnable, inputs, looks)


def _may_mislead(annotation: Any) -> bool:
    """Whether a type has values that count as missing, or as no number."""
    found = list(kinds(annotation))
    top = found[0].types if isinstance(found[0], introspection.UnionType) else found[:1]
    is_plain = all(isinstance(kind, _NEVER_EMPTY) for kind in top)
    return not is_plain or any(isinstance(kind, introspection.DecimalType) for kind in found)


def _is_direct(action: Action) -> bool:
    """Whether a request for the action can be read straight into its inputs."""
    names = {declared.name for declared in action.inputs.declared}
    takes_rest = action.inputs.takes_rest
    # Without inputs there is nothing to convert, and any params are ignored.
    return bool(names) and not (action.blocking or takes_rest) and names.isdisjoint(_DEFAULTED)


def _default(declared: Input) -> Any:
    if isinstance(declared.default, _IMMUTABLE):
        return msgspec.field(default=declared.default)
    return msgspec.field(default_factory=lambda: declared.absent)


def _envelope(action: Action, inputs: type[msgspec.Struct] | None) -> type[msgspec.Struct]:
    """The type of a request for an action."""
    field: tuple[Any, ...]
    if inputs is None:
        field = ("params", dict[str, Any], msgspec.field(default_factory=dict))
    elif action.inputs.names(required=True):
        field = ("params", inputs)
    else:
        field = ("params", inputs, msgspec.field(default_factory=inputs))
    return msgspec.defstruct(
        "Request", [field], tag_field="action", tag=action.name, forbid_unknown_fields=True
    )
