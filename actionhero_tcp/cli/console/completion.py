"""Completions of a line that is being typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ...wire.verbs import HELP, HELP_29
from . import schema_offers

VERBS: Final = {
    name: {**verbs, "paramAdd": f"{verbs['paramAdd']}: paramAdd key=value"}
    for name, verbs in {"2012": HELP, "29": HELP_29}.items()
}
"""The verbs that are offered in each dialect, and what they do."""

_TAKES_PARAM: Final = {"paramAdd": "=", "paramView": "", "paramDelete": ""}
_NAME: Final = re.compile(r'\{\s*"action"\s*:\s*"([^"]*)$')
_PARAMS: Final = re.compile(r'\{\s*"action"\s*:\s*"(?P<action>[^"]+)".*?"params"\s*:\s*(?=\{)')


@dataclass(frozen=True)
class Action:
    """An action of the server.

    Attributes:
        name: Its name.
        description: What it does.
        inputs: The names of its inputs, the required ones first.
        schema: The JSON Schema of its inputs; empty where the server gives none.
    """

    name: str
    description: str
    inputs: tuple[str, ...]
    schema: schema_offers.Schema = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """The completions of a line.

    Attributes:
        text: What comes,
        replaced: in place of so many characters before the cursor.
        help: What it is, in one line.
    """

    text: str
    replaced: int
    help: str = ""


def read_actions(answer: dict[str, Any]) -> list[Action]:
    """The actions of `actionsView`; entries of an unexpected form are left out."""
    found = []
    for entry in answer.get("actions", ()):
        try:
            inputs = [*entry["inputs"]["required"], *entry["inputs"]["optional"]]
            names, schema = tuple(map(str, inputs)), entry.get("inputSchema", {})
            found.append(Action(entry["name"], entry["description"], names, schema))
        except (KeyError, TypeError):
            continue
    return found


def offers(line: str, actions: list[Action], dialect: str = "2012") -> Iterator[Offer]:
    """The completions of a line.

    Args:
        line: The text before the cursor.
        actions: The server's actions.
        dialect: The name of the dialect.
    """
    line = line.lstrip(" \t")
    word, blank, rest = line.partition(" ")
    if line.startswith("{"):
        yield from _json_offers(line, actions)
    elif not blank:
        known = {**VERBS[dialect], **{action.name: action.description for action in actions}}
        for name in sorted(known, key=str.casefold):
            if name.startswith(word):
                yield Offer(name, len(word), known[name])
    elif word in _TAKES_PARAM and " " not in rest:
        yield from _param_offers(word, rest, actions)


def _param_offers(word: str, rest: str, actions: list[Action]) -> Iterator[Offer]:
    """For a verb that takes a param: the names of inputs, and the values that one may have."""
    name, equals, begun = rest.partition("=")
    if not equals:
        users: dict[str, list[str]] = {}
        for action in actions:
            for known in action.inputs:
                users.setdefault(known, []).append(action.name)
        for known in sorted(users):
            if known.startswith(name):
                yield Offer(known + _TAKES_PARAM[word], len(name), ", ".join(users[known]))
    elif _TAKES_PARAM[word]:
        found = [value for each in actions for value in schema_offers.values(each.schema, name)]
        for text in dict.fromkeys(map(_sticky, found)):
            if text.startswith(begun) and text != begun:
                yield Offer(text, len(begun))


def _json_offers(line: str, actions: list[Action]) -> Iterator[Offer]:
    """For a request in JSON: whole requests, or the fields and values of an action's inputs."""
    name, params = _NAME.match(line), _PARAMS.match(line)
    if name is not None or line == "{":
        begun = name[1] if name is not None else ""
        for each in actions:
            if each.name.startswith(begun):
                yield Offer(_request(each), len(line), each.description)
    elif params is not None:
        known = {action.name: action for action in actions}
        action = known.get(params["action"])
        if action is None:
            return
        schema = action.schema or {"properties": {key: {} for key in action.inputs}}
        for text, replaced in schema_offers.continuations(line[params.end() :], schema):
            yield Offer(text, replaced)


def _sticky(value: object) -> str:
    """A value as the text of a sticky param."""
    return value if isinstance(value, str) else json.dumps(value)


def _request(action: Action) -> str:
    params = {"params": dict.fromkeys(action.inputs, "")} if action.inputs else {}
    request = {"action": action.name, **params}
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"))
