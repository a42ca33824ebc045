"""JSON Schemas of what actions take and return."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jsonschema
import pydantic
from hypothesis import given
from msgspec import Meta, Struct
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import schema
from actionhero_tcp.app.actions import MARK
from actionhero_tcp.app.decorator import action
from actionhero_tcp.app.inputs import InputError, read_signature
from tests.support import PROPERTY
from tests.support.json_values import JSON_VALUES


class Colour(enum.Enum):
    """A colour."""

    RED = "red"


class Reading(Struct):
    """What a device measured."""

    at: datetime.datetime
    values: list[float]
    status: Literal["ok", "warn"] = "ok"


class Tree(Struct):
    """May hold itself."""

    child: Tree | None = None


@dataclass
class Point:
    """A dataclass."""

    x: int


class Inner(pydantic.BaseModel):
    """A model within another."""

    n: int


class Model(pydantic.BaseModel):
    """A model of pydantic."""

    inner: Inner


def everything(
    api: Any,
    connection: Any,
    *,
    device: uuid.UUID,
    reading: Reading,
    tree: Tree,
    model: Model,
    anything: object,
    battery: Annotated[int, Meta(ge=0, le=100)] | None = None,
    colour: Colour = Colour.RED,
    tags: dict[str, Point] = {},  # noqa: B006
    when: datetime.date = datetime.date(2026, 1, 31),
) -> None:
    """Takes a bit of everything."""


class InputTests(SynchronousTestCase):
    """`of_inputs`."""

    def test_it_is_a_schema_by_the_published_meta_schema(self) -> None:
        found = schema.of_inputs(read_signature(everything))
        jsonschema.Draft202012Validator.check_schema(found)
        self.assertEqual(
            jsonschema.Draft202012Validator, jsonschema.validators.validator_for(found)
        )

    def test_it_says_what_is_required_and_what_is_not(self) -> None:
        found = schema.of_inputs(read_signature(everything))
        self.assertEqual(["device", "reading", "tree", "model", "anything"], found["required"])
        properties = found["properties"]
        self.assertEqual({"type": "string", "format": "uuid"}, properties["device"])
        self.assertEqual({"$ref": "#/$defs/Reading"}, properties["reading"])
        self.assertEqual("2026-01-31", properties["when"]["default"])
        self.assertEqual("red", properties["colour"]["default"])
        battery = properties["battery"]
        self.assertIn({"type": "integer", "minimum": 0, "maximum": 100}, battery["anyOf"])
        self.assertIsNone(battery["default"])

    def test_every_reference_leads_somewhere(self) -> None:
        found = schema.of_inputs(read_signature(everything))
        self.assertEqual(
            {"Reading", "Tree", "Model", "Inner", "Colour", "Point"}, {*found["$defs"]} | {"Model"}
        )
        valid = {
            "device": str(uuid.UUID(int=1)),
            "reading": {"at": "2026-01-31T00:00:00Z", "values": [1]},
            "tree": {"child": {}},
            "model": {"inner": {"n": 1}},
            "anything": [],
        }
        jsonschema.validate(valid, found)
        for wrong in (
            {"reading": {"values": []}},
            {"model": {"inner": {"n": "x"}}},
            {"tree": {"child": 5}},
            {"tags": {"a": {"x": "y"}}},
        ):
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate({**valid, **wrong}, found)

    def test_a_strict_action_takes_nothing_else(self) -> None:
        def act(api: Any, connection: Any, *, a: int) -> None: ...

        found = schema.of_inputs(read_signature(act), strict=True)
        self.assertIs(False, found["additionalProperties"])
        jsonschema.validate({"a": 1, "limit": 5}, found)
        with self.assertRaises(jsonschema.ValidationError):
            jsonschema.validate({"a": 1, "b": 5}, found)

    @PROPERTY
    @given(JSON_VALUES)
    def test_what_it_allows_the_action_takes(self, value: object) -> None:
        def act(api: Any, connection: Any, *, x: Tree | list[Point] | None = None) -> None: ...

        inputs = read_signature(act)
        validator = jsonschema.Draft202012Validator(schema.of_inputs(inputs))
        if validator.is_valid({"x": value}):
            try:
                inputs.arguments({"x": value})
            except InputError as error:
                # A text that JSON can hold, and Unicode cannot.
                self.assertIn("lone surrogate", error.text)


class OutputTests(SynchronousTestCase):
    """`of_output`."""

    def test_objects(self) -> None:
        for kind, value in (
            (Reading, {"at": "x", "values": []}),
            (Point, {"x": 1}),
            (Model, {"inner": {"n": 1}}),
        ):
            found = schema.of_output(kind)
            jsonschema.Draft202012Validator.check_schema(found)
            jsonschema.validate(value, found)
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate({}, found)

    def test_nothing_is_a_status(self) -> None:
        for kind in (None, type(None)):
            found = schema.of_output(kind)
            jsonschema.validate({"status": "OK"}, found)
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate({}, found)
        both = schema.of_output(Point | None)
        jsonschema.validate({"status": "OK"}, both)
        jsonschema.validate({"x": 1}, both)

    def test_what_is_not_said_is_an_object(self) -> None:
        self.assertEqual({"$schema": schema.DIALECT, "type": "object"}, schema.of_output(Any))
        found = schema.of_output(dict[str, object])
        jsonschema.validate({"a": [1]}, found)


class ActionTests(SynchronousTestCase):
    """`Action.schemas`."""

    def test_inputs_output_and_errors(self) -> None:
        @action(errors={401: "authenticate first"})
        def act(api: Any, connection: Any, *, a: int) -> Point:
            raise NotImplementedError

        found = getattr(act, MARK).schemas
        self.assertEqual(["inputSchema", "outputSchema", "errors"], list(found))
        self.assertEqual({"a": {"type": "integer"}}, found["inputSchema"]["properties"])
        self.assertEqual([{"code": 401, "error": "authenticate first"}], found["errors"])
        self.assertIs(found["inputSchema"], getattr(act, MARK).schemas["inputSchema"])
