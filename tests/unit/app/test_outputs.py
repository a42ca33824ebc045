"""What actions return, by their return annotations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import attrs
import pydantic
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.outputs import NO_RESPONSE, NoResponse, check_response, read_output


class Accepted(Struct):
    """A response."""

    stored: int


class Listed(Struct, array_like=True):
    """Is written as a list."""

    stored: int


@dataclass
class DataAccepted:
    """A response."""

    stored: int


@attrs.define
class AttrsAccepted:
    """A response."""

    stored: int


class DictAccepted(TypedDict):
    """A response."""

    stored: int


class ModelAccepted(pydantic.BaseModel):
    """A response."""

    stored: int


class Pair(NamedTuple):
    """Is written as a list."""

    a: int


class Unknown:
    """Nobody knows how to write this."""


def returning(annotation: Any) -> Callable[..., Any]:
    """A function with that return annotation."""

    def act() -> None: ...

    act.__annotations__["return"] = annotation
    return act


class ReadTests(SynchronousTestCase):
    """`read_output`."""

    def test_objects(self) -> None:
        for kind in (
            *(Accepted, DataAccepted, AttrsAccepted, DictAccepted, ModelAccepted, None),
            *(dict, dict[str, int], Mapping[str, object], Accepted | None, Accepted | DataAccepted),
        ):
            self.assertEqual(kind, read_output(returning(kind)))
            for around in (Awaitable, Deferred, AsyncIterator):
                self.assertEqual(kind, read_output(returning(around[kind])))

    def test_what_says_nothing(self) -> None:
        self.assertIs(Any, read_output(lambda: None))
        for kind in (Any, object, NoResponse, Unknown, Deferred[Any], Deferred):
            self.assertIs(Any, read_output(returning(kind)), kind)

    def test_an_answer_by_itself_has_no_type(self) -> None:
        self.assertEqual(Accepted, read_output(returning(Accepted | NoResponse)))

    def test_refuses_what_is_no_object(self) -> None:
        for kind in (int, str, bytes, list, list[int], set[int], tuple[int], Pair, Listed, bool):
            for annotation in (kind, kind | None, Awaitable[kind], Accepted | kind):
                error = str(self.assertRaises(ValueError, read_output, returning(annotation)))
                self.assertIn("which is no JSON object", error)
        error = str(self.assertRaises(ValueError, read_output, returning(set[int])))
        self.assertTrue(error.startswith("it returns set[int], which is no JSON object"), error)


class CheckTests(SynchronousTestCase):
    """`check_response`."""

    def test_what_fits(self) -> None:
        for outcome, kind in (
            (Accepted(1), Accepted),
            ({"stored": 1}, Accepted),
            (DataAccepted(1), DataAccepted),
            (ModelAccepted(stored=1), ModelAccepted),
            (None, None),
            (None, Accepted | None),
            ({"a": object()}, dict[str, int]),
            (NO_RESPONSE, Accepted),
            ({"a": 1}, Any),
            ({"a": {1}}, dict[str, object]),
            (Accepted(1), Accepted | DataAccepted),
        ):
            self.assertIsNone(check_response(outcome, kind))

    def test_what_does_not(self) -> None:
        for outcome, kind, expected in (
            (Accepted("x"), Accepted, "stored must be a whole number"),  # type: ignore[arg-type]
            ({}, Accepted, "stored is required"),
            (
                {"a": {"b": [1, "x"]}},
                dict[str, dict[str, list[int]]],
                "[...][...][1] must be a whole number",
            ),
            (None, Accepted, "must be an object"),
            ({"a": 1}, None, "must be null"),
        ):
            self.assertEqual(expected, check_response(outcome, kind))
