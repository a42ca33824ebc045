"""JSON Schemas (draft 2020-12) of what an action takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..wire import json_writer
from .inputs import Inputs
from .outputs import members

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

OK: Final = {
    "type": "object",
    "properties": {"status": {"const": "OK"}},
    "required": ["status"],
}
"""The schema of the response of an action that returned None."""

Schema = dict[str, Any]


def of_inputs(inputs: Inputs, *, strict: bool = False) -> Schema:
    """The schema of a request's ``params``.

    It describes the JSON of each type. An action also takes text for numbers and the like, since
    sticky params are text.

    Args:
        inputs: The inputs of the action.
        strict: Whether it refuses params that it does not declare.
    """
    parts, definitions = _components([declared.annotation for declared in inputs.declared])
    properties: Schema = {}
    for declared, part in zip(inputs.declared, parts, strict=True):
        properties[declared.name] = part if declared.required else _optional(part, declared.default)
    schema: Schema = {"$schema": DIALECT, "type": "object", "properties": properties}
    if required := inputs.names(required=True):
        schema["required"] = required
    if strict and not inputs.takes_rest:
        known = {"limit": {"type": "integer"}, "offset": {"type": "integer"}}
        schema["properties"] = {**known, **properties}
        schema["additionalProperties"] = False
    return _with_definitions(schema, definitions)


def of_output(annotation: Any) -> Schema:
    """The schema of what a response holds, beside ``context`` and ``messageCount``.

    Args:
        annotation: The type of the response; see `outputs.read_output`.
    """
    every = members(annotation)
    kinds = [kind for kind in every if kind not in (None, type(None))]
    parts, definitions = _components(kinds)
    parts = [part or {"type": "object"} for part in parts]
    if len(kinds) < len(every):
        parts.append(OK)
    schema = parts[0] if len(parts) == 1 else {"anyOf": parts}
    return _with_definitions({"$schema": DIALECT, **schema}, definitions)


def _components(annotations: list[Any]) -> tuple[list[Schema], Schema]:
    """The schemas of types, and the definitions that they refer to."""
    parts, definitions = msgspec.json.schema_components(
        annotations, schema_hook=_schema_of_other, ref_template="#/$defs/{name}"
    )
    definitions = dict(definitions)
    _hoist([*parts, definitions], definitions)
    return list(parts), definitions


def _schema_of_other(kind: Any) -> Schema:
    """The schema of a type that msgspec leaves to others; see `conversion.decode_other`."""
    if json_writer.is_pydantic(kind):
        schema: Schema = kind.model_json_schema()
        return schema
    # msgspec takes an empty schema for none.
    return {"description": "any JSON value"}


def _hoist(value: object, definitions: Schema) -> None:
    """Move the definitions of nested schemas to where references look for them."""
    if isinstance(value, dict):
        nested = value.pop("$defs", {}) if value is not definitions else {}
        for name, schema in nested.items():
            definitions.setdefault(name, schema)
            _hoist(schema, definitions)
        for item in list(value.values()):
            _hoist(item, definitions)
    elif isinstance(value, list):
        for item in value:
            _hoist(item, definitions)


def _optional(part: Schema, default: object) -> Schema:
    try:
        text = json_writer.dumps(default)
    except Exception:
        return part
    return {**part, "default": msgspec.json.decode(text)}


def _with_definitions(schema: Schema, definitions: Mapping[str, Any]) -> Schema:
    return {**schema, "$defs": dict(definitions)} if definitions else schema
