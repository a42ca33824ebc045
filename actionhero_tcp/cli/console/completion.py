"""What a line that is being typed may go on with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

VERBS: Final = {
    "quit": "say goodbye and hang up",
    "paramAdd": "make a param sticky: paramAdd key=value",
    "paramView": "show a sticky param",
    "paramDelete": "forget a sticky param",
    "paramsView": "show all sticky params",
    "paramsDelete": "forget all sticky params",
    "roomChange": "leave the room for another one",
    "roomView": "show who is in the room",
    "detailsView": "show what the server knows",
    "say": "say something to the room",
}
"""The verbs that are offered, and what they do."""

_TAKES_PARAM: Final = {"paramAdd": "=", "paramView": "", "paramDelete": ""}
_NAME: Final = re.compile(r'\{\s*"action"\s*:\s*"([^"]*)$')
_INPUT: Final = re.compile(
    r'\{\s*"action"\s*:\s*"(?P<action>[^"]+)".*"params"\s*:\s*\{(?P<before>.*?)(?P<begun>"[^"]*)?$'
)


@dataclass(frozen=True)
class Action:
    """An action of the server.

    Attributes:
        name: Its name.
        description: What it does.
        inputs: The names of its inputs, the required ones first.
    """

    name: str
    description: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Offer:
    """What a line may go on with.

    Attributes:
        text: What comes,
        replaced: in place of so many characters before the cursor.
        help: What it is, in one line.
    """

    text: str
    replaced: int
    help: str = ""


def read_actions(answer: dict[str, Any]) -> list[Action]:
    """The actions that `actionsView` has told of; what it does not tell as expected is left out."""
    found = []
    for entry in answer.get("actions", ()):
        try:
            inputs = [*entry["inputs"]["required"], *entry["inputs"]["optional"]]
            found.append(Action(entry["name"], entry["description"], tuple(map(str, inputs))))
        except (KeyError, TypeError):
            continue
    return found


def offers(line: str, actions: list[Action]) -> Iterator[Offer]:
    """What a line may go on with.

    Args:
        line: What stands before the cursor.
        actions: The server's actions.
    """
    line = line.lstrip(" \t")
    word, blank, rest = line.partition(" ")
    if line.startswith("{"):
        yield from _json_offers(line, actions)
    elif not blank:
        known = {**VERBS, **{action.name: action.description for action in actions}}
        for name in sorted(known, key=str.casefold):
            if name.startswith(word):
                yield Offer(name, len(word), known[name])
    elif word in _TAKES_PARAM and " " not in rest and "=" not in rest:
        users: dict[str, list[str]] = {}
        for action in actions:
            for name in action.inputs:
                users.setdefault(name, []).append(action.name)
        for name in sorted(users):
            if name.startswith(rest):
                yield Offer(name + _TAKES_PARAM[word], len(rest), ", ".join(users[name]))


def _json_offers(line: str, actions: list[Action]) -> Iterator[Offer]:
    """For a request in JSON: whole requests, or the names of an action's inputs."""
    name, inputs = _NAME.match(line), _INPUT.match(line)
    if name is not None or line == "{":
        begun = name[1] if name is not None else ""
        for action in actions:
            if action.name.startswith(begun):
                yield Offer(_request(action), len(line), action.description)
    elif inputs is not None:
        before, begun = inputs["before"].strip(), inputs["begun"] or ""
        if not before or before.endswith(","):
            known = {action.name: action.inputs for action in actions}
            for key in known.get(inputs["action"], ()):
                text = f"{json.dumps(key, ensure_ascii=False)}:"
                if text.startswith(begun) and text not in before:
                    yield Offer(text, len(begun))


def _request(action: Action) -> str:
    params = {"params": dict.fromkeys(action.inputs, "")} if action.inputs else {}
    request = {"action": action.name, **params}
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"))
