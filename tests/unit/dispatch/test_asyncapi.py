"""The protocol of a server, as an AsyncAPI document."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.actions import MARK, Action
from actionhero_tcp.app.decorator import action
from actionhero_tcp.dispatch import asyncapi
from actionhero_tcp.dispatch.verb import Verb
from tests import support

SCHEMA = support.ROOT / "tests" / "support" / "asyncapi-3.0.0.json"
"""The published schema of AsyncAPI 3.0.0 (github.com/asyncapi/spec-json-schemas, Apache
License 2.0), without its descriptions."""

SERVER = asyncapi.ServerAddress("Chat", "1.0", "localhost:5000", False)


class Point(Struct):
    """A point."""

    x: int
    inner: list[Point] = []


def move_action(**options: Any) -> Action:
    """An action, made anew."""

    def move(api: Any, connection: Any, *, to: Point, by: Pair = (1, "a")) -> Point | None:
        """Move a point."""

    found: Action = getattr(action(**options)(move), MARK)
    return found


Pair = tuple[int, str]


VERBS = (
    Verb(lambda *_: b"", ("quit", "exit"), "", False, "say goodbye and hang up"),
    Verb(lambda *_: b"", ("paramAdd",), "a param and its value", False, "make a param sticky"),
)


MOVE = {"action": "move"}
RESPONSE = {"context": "response", "messageCount": 1}


def references(value: object) -> list[str]:
    """All references in a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    return []


class DocumentTests(SynchronousTestCase):
    """`document`."""

    def document(self, *actions: Action) -> dict[str, Any]:
        """The document of a server with these actions, which is checked."""
        found = asyncapi.document(SERVER, actions, VERBS)
        found = json.loads(json.dumps(found))
        published = json.loads(SCHEMA.read_text(encoding="utf-8"))
        jsonschema.Draft7Validator(published).validate(found)
        for reference in references(found):
            part: Any = found
            for step in reference.removeprefix("#/").split("/"):
                part = part[step]
        return found

    def test_an_action_is_an_operation(self) -> None:
        found = self.document(move_action(errors={404: "no such point"}))
        operation = found["operations"]["move"]
        self.assertEqual(("receive", "Move a point."), (operation["action"], operation["summary"]))
        replies = [m["$ref"].rpartition("/")[2] for m in operation["reply"]["messages"]]
        self.assertEqual(["move.response", "error", "move.error.404"], replies)

    def test_the_payloads_fit_what_is_sent(self) -> None:
        found = self.document(move_action(errors={404: "no such point"}))
        for name, fits, misfits in (
            ("move.request", {**MOVE, "params": {"to": {"x": 1}, "by": [1, "b"]}}, {**MOVE}),
            ("move.request", {**MOVE, "params": {"to": {"x": 1}}}, {"params": {"to": {"x": 1}}}),
            ("move.response", {**RESPONSE, "x": 1}, {"x": 1}),
            ("move.response", {**RESPONSE, "status": "OK"}, RESPONSE),
            ("error", {**RESPONSE, "error": "no"}, RESPONSE),
            ("welcome", {"welcome": "hi", "room": "r", "context": "api", "messageCount": 0}, {}),
            ("said", {"message": "hi", "room": "r", "from": 0, "context": "user", "sentAt": 5}, {}),
            ("paramAdd.line", "paramAdd key=value", "paramAdd"),
            ("quit.line", "exit", "exit now"),
        ):
            payload = found["components"]["messages"][name]["payload"]
            validator = jsonschema.Draft7Validator({**payload, "components": found["components"]})
            validator.validate(fits)
            self.assertFalse(validator.is_valid(misfits), (name, misfits))

    def test_names_of_any_characters(self) -> None:
        names = ("grüß/dich", "gr__/dich", "welcome")
        found = self.document(*(move_action(name=name) for name in names))
        keys = [key for key in found["operations"] if re.match("gr|welcome", key)]
        self.assertEqual(["welcome", "gr___dich", "gr___dich-2", "welcome-2"], keys)

    def test_there_may_be_no_actions(self) -> None:
        found = self.document()
        self.assertEqual("tcp", found["servers"]["server"]["protocol"])
        self.assertIn("paramAdd", found["operations"])
