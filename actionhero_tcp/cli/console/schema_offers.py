"""Completion of requests in JSON, by the schema of their params."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

Schema = dict[str, Any]

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]:,]|[^\s"{}\[\]:,]+')
_ITEM: Final = "[]"
"""The step of a path into a list."""


@dataclass
class Container:
    """An object or a list that is not closed yet.

    Attributes:
        is_list: Which of them.
        key: The key whose value comes next; empty where a key does.
        keys: The keys that are there.
    """

    is_list: bool
    key: str = ""
    keys: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Position:
    """Where in a JSON text its end is.

    Attributes:
        open: The containers around it, the outermost first; empty behind the outermost.
        begun: What has been begun there: a string without its end, or the start of a word.
    """

    open: list[Container]
    begun: str

    @property
    def path(self) -> list[str]:
        """The steps from the outermost container to the value that is being written."""
        return [_ITEM if each.is_list else each.key for each in self.open]


def locate(text: str) -> Position | None:
    """Where the end of a JSON text is; None where nothing can begin there."""
    open_ones: list[Container] = []
    begun, may_begin = "", False
    for token in _TOKEN.finditer(text):
        word = token[0]
        begun = ""
        if word in "{[":
            open_ones.append(Container(word == "["))
            may_begin = True
        elif word in "}]":
            if open_ones:
                open_ones.pop()
            may_begin = False
        elif word == ",":
            if open_ones and not open_ones[-1].is_list:
                open_ones[-1].key = ""
            may_begin = True
        elif word == ":":
            may_begin = True
        elif not _is_whole(word) and token.end() == len(text):
            begun = word
        else:
            if may_begin and open_ones and not open_ones[-1].is_list and not open_ones[-1].key:
                open_ones[-1].key = _string(word)
                open_ones[-1].keys.append(_string(word))
            may_begin = False
    return Position(open_ones, begun) if may_begin else None


def _is_whole(word: str) -> bool:
    return word.startswith('"') and len(word) > 1 and _string(word + " ") != ""


def _string(word: str) -> str:
    try:
        value = json.loads(word)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def continuations(text: str, schema: Schema) -> Iterator[tuple[str, int]]:
    """List the continuations of an object's text, by its schema.

    Args:
        text: The text, from the object's opening brace to the cursor.
        schema: The object's schema.

    Yields:
        The text, and the number of characters that it replaces.
    """
    position = locate(text)
    if position is None or not position.open:
        return
    inner = position.open[-1]
    expects_key = not inner.is_list and not inner.key
    path = position.path[:-1] if expects_key else position.path
    found: dict[str, None] = {}
    for part in _at(schema, path):
        if expects_key:
            names = (key for key in part.get("properties", ()) if key not in inner.keys)
            found.update((f"{_text(name)}:", None) for name in names)
        else:
            found.update((_text(value), None) for value in _values(part))
    for offer in found:
        if offer.startswith(position.begun) and offer != position.begun:
            yield offer, len(position.begun)


def values(schema: Schema, name: str) -> list[object]:
    """The values that a schema allows for one of its properties, where it lists them."""
    return [value for part in _at(schema, [name]) for value in _values(part)]


def _values(part: Schema) -> Iterator[object]:
    yield from part.get("enum", ())
    if "const" in part:
        yield part["const"]
    if part.get("type") == "boolean":
        yield from (True, False)


def _at(root: Schema, path: list[str]) -> list[Schema]:
    """The schemas that are possible at a path."""
    found = _alternatives(root, root)
    for step in path:
        found = [
            part
            for schema in found
            for below in _below(schema, step)
            for part in _alternatives(below, root)
        ]
    return found


def _below(schema: Schema, step: str) -> Iterator[Schema]:
    places = (
        [schema.get("items")]
        if step == _ITEM
        else [schema.get("properties", {}).get(step), schema.get("additionalProperties")]
    )
    yield from (place for place in places if isinstance(place, dict))


def _alternatives(schema: Schema, root: Schema, depth: int = 8) -> list[Schema]:
    """A schema, its references followed and its alternatives apart."""
    if depth == 0:
        return []
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix("#/$defs/")
        target = root.get("$defs", {}).get(name)
        return _alternatives(target, root, depth - 1) if isinstance(target, dict) else []
    parts = [part for word in ("anyOf", "oneOf", "allOf") for part in schema.get(word, ())]
    found = [each for part in parts for each in _alternatives(part, root, depth - 1)]
    return found or [schema]


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
