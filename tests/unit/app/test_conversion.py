"""How a value that a client sent becomes what an input's annotation says."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict

import attrs
import msgspec
import pydantic
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import conversion
from actionhero_tcp.app.conversion import JSON_INPUT_DEPTH, number
from actionhero_tcp.app.inputs import read_signature
from actionhero_tcp.errors import ClientError
from tests.support import PROPERTY

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        ["1", "-1.5", "1e400", "true", "FALSE", "[1]", '{"a":1}', " [] ", "9" * 5000]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


class NumberTests(SynchronousTestCase):
    """`number`."""

    def test_numbers_are_themselves(self) -> None:
        self.assertEqual("[5, 5.0, -0.5, 0]", repr([number(n) for n in (5, 5.0, -0.5, 0)]))

    def test_whole_numbers_are_ints(self) -> None:
        texts = ("5", "-5", "0", "007", "-0")
        self.assertEqual("[5, -5, 0, 7, 0]", repr([number(text) for text in texts]))

    def test_other_numbers_are_floats(self) -> None:
        texts = ("1.5", "-0.25", "1e3", "2.5E-1")
        self.assertEqual("[1.5, -0.25, 1000.0, 0.25]", repr([number(text) for text in texts]))

    def test_large_whole_numbers_are_exact(self) -> None:
        self.assertEqual(10**30 + 1, number(str(10**30 + 1)))

    def test_what_is_no_number(self) -> None:
        texts = ("", "-", "1.", ".5", "+1", "1e", "0x10", "1_000", " 1", "1 ", "1\n", "٣", "abc")
        for value in (*texts, None, True, False, [], {}, [1], b"1"):
            self.assertIsNone(number(value), repr(value))

    def test_infinite_texts_are_no_numbers(self) -> None:
        for text in ("NaN", "nan", "Infinity", "inf", "1e400", "-1e400", "9" * 5000):
            self.assertIsNone(number(text), text[:10])

    def test_infinite_values_are_no_numbers(self) -> None:
        for value in (math.nan, math.inf, -math.inf):
            self.assertIsNone(number(value), value)

    @PROPERTY
    @given(st.text(max_size=8) | st.from_regex(r"-?[0-9.eE+-]{1,8}"))
    def test_gives_what_python_reads(self, text: str) -> None:
        found = number(text)
        if found is not None:
            self.assertEqual(float(text), float(found))
            self.assertTrue(math.isfinite(found))


class ConvertingTests(SynchronousTestCase):
    """The conversion to each type that an input may have."""

    def convert(self, kind: type, value: object) -> Any:
        """What an action gets for an input of that type."""

        def act(api, connection, *, x):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        act.__annotations__["x"] = kind
        return read_signature(act).arguments({"x": value})["x"]

    def converts(self, kind: type, *pairs: tuple[object, object]) -> None:
        """Checks what becomes of values, types included."""
        for value, expected in pairs:
            self.assertEqual(repr(expected), repr(self.convert(kind, value)), repr(value))

    def refuses(self, kind: type, expected: str, *values: object) -> None:
        """Checks that values are refused."""
        for value in values:
            error = self.assertRaises(ClientError, self.convert, kind, value)
            self.assertEqual(f"x must be {expected}", error.text, repr(value)[:50])

    def test_str(self) -> None:
        self.converts(str, ("a b", "a b"), (5, "5"), (-2.5, "-2.5"), (0, "0"), (2.0, "2.0"))
        self.refuses(str, "a string", True, False, [], ["a"], {}, {"a": 1})

    def test_int(self) -> None:
        self.converts(int, (5, 5), ("5", 5), (5.0, 5), ("5.0", 5), ("1e3", 1000), ("-7", -7))
        self.converts(int, (0, 0), ("0", 0), (10**30, 10**30))
        self.refuses(int, "a whole number", 1.5, "1.5", "five", True, [1], {}, "1e400", " 5")

    def test_float(self) -> None:
        self.converts(float, (5, 5.0), (0.5, 0.5), ("5", 5.0), ("-2.5e1", -25.0), (0, 0.0))
        self.refuses(float, "a number", "x", False, [], {}, "NaN", "Infinity", "1e400")

    def test_float_takes_no_int_that_it_cannot_hold(self) -> None:
        self.refuses(float, "a number that is not that large", 10**400, "9" * 400)

    def test_bool(self) -> None:
        self.converts(bool, (True, True), ("true", True), ("1", True), (1, True), ("TRUE", True))
        self.converts(bool, (False, False), ("false", False), ("0", False), (0, False))
        self.refuses(bool, "true or false", 2, "yes", "on", 1.0, [], [True], {}, "t", -1)

    def test_list(self) -> None:
        self.converts(list, ([], []), ([1, "a"], [1, "a"]), ('[1,"a"]', [1, "a"]), (" [] ", []))
        self.refuses(list, "a list", "a,b", 5, True, {"a": 1}, '{"a":1}', "[1", "[NaN]", "[1]]")

    def test_dict(self) -> None:
        self.converts(dict, ({}, {}), ({"a": 1}, {"a": 1}), ('{"a":[1]}', {"a": [1]}))
        self.refuses(dict, "an object", "a", 5, True, [1], "[1]", '{"a"}', "{'a':1}")

    def test_text_may_be_nested_so_deeply(self) -> None:
        levels = JSON_INPUT_DEPTH
        self.convert(list, "[" * levels + "]" * levels)
        self.refuses(list, "a list", "[" * (levels + 1) + "]" * (levels + 1), "[" * 5000)

    def test_none_beside_a_type_changes_nothing(self) -> None:
        for kind in (int | None, None | int, typing.Union[int, None]):  # noqa: UP007
            self.converts(kind, ("5", 5))  # type: ignore[arg-type]
            self.refuses(kind, "a whole number", "x")  # type: ignore[arg-type]

    @PROPERTY
    @given(st.sampled_from([str, int, float, bool, list, dict]), JSON_VALUES)
    def test_gives_the_type_or_an_error_for_the_client(self, kind: type, value: object) -> None:
        try:
            converted = self.convert(kind, value)
        except ClientError as error:
            self.assertTrue(error.text.startswith("x "), error.text)
        else:
            self.assertIs(kind, type(converted))

    @PROPERTY
    @given(
        st.one_of(
            *(
                st.tuples(st.just(kind), values)
                for kind, values in (
                    (str, st.text(min_size=1)),
                    (int, st.integers()),
                    (float, st.floats(allow_nan=False, allow_infinity=False)),
                    (bool, st.booleans()),
                    (list, st.lists(JSON_VALUES, max_size=3)),
                    (dict, st.dictionaries(st.text(), JSON_VALUES, max_size=3)),
                )
            )
        )
    )
    def test_leaves_what_has_the_type(self, pair: tuple[type, object]) -> None:
        kind, value = pair
        self.assertEqual(value, self.convert(kind, value))


class Colour(enum.Enum):
    """An enum of strings."""

    RED = "red"
    BLUE = "blue"


class Reading(Struct):
    """What a device measured."""

    at: datetime.datetime
    values: list[float]
    status: Literal["ok", "warn"] = "ok"


class Circle(Struct, tag="circle"):
    """One of two shapes."""

    radius: float


class Square(Struct, tag="square", forbid_unknown_fields=True, rename="camel"):
    """The other one."""

    side_length: float = 1.0


class Positive(Struct):
    """Has a check of its own."""

    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("n cannot be negative")


class Tree(Struct):
    """May hold itself."""

    child: Tree | None = None
    n: int = 0


@dataclass
class DataPoint:
    """A dataclass."""

    x: int


@attrs.define
class AttrsPoint:
    """Of attrs."""

    x: int


class DictPoint(TypedDict):
    """A typed dict."""

    x: int


class TuplePoint(NamedTuple):
    """A named tuple."""

    x: int


class ModelPoint(pydantic.BaseModel):
    """Of pydantic."""

    x: int
    tags: list[int] = []


UserId = NewType("UserId", int)
Percent = Annotated[int, Meta(ge=0, le=100)]


class TypedTests(SynchronousTestCase):
    """The conversion to types that msgspec knows."""

    def convert(self, kind: Any, value: object) -> Any:
        """What an action gets for an input of that type."""

        def act(api, connection, *, x):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        act.__annotations__["x"] = kind
        return read_signature(act).arguments({"x": value})["x"]

    def converts(self, kind: Any, *pairs: tuple[object, object]) -> None:
        """Checks what becomes of values, types included."""
        for value, expected in pairs:
            self.assertEqual(repr(expected), repr(self.convert(kind, value)), repr(value))

    def refuses(self, kind: Any, *pairs: tuple[object, str]) -> None:
        """Checks that values are refused, and with which text."""
        for value, expected in pairs:
            error = self.assertRaises(ClientError, self.convert, kind, value)
            self.assertEqual(expected, error.text, repr(value)[:50])
            self.assertEqual({}, error.fields)

    def test_lists_tuples_sets_and_dicts(self) -> None:
        self.converts(list[int], ([1, "2", 3.0], [1, 2, 3]), ("[1,2]", [1, 2]), ([], []))
        self.converts(tuple[int, str], ([1, "a"], (1, "a")))
        self.converts(set[str], (["a", "a"], {"a"}))
        self.converts(dict[str, int], ({"a": 1}, {"a": 1}), ('{"a":1}', {"a": 1}))
        self.converts(dict[int, str], ({"1": "a"}, {1: "a"}))
        self.converts(dict[str, object], ({"a": [1.5]}, {"a": [1.5]}))
        self.converts(Sequence[int], ([1], [1]))
        self.converts(Mapping[str, int], ({"a": 1}, {"a": 1}))
        self.refuses(
            list[int],
            ("1,2", "x must be a list"),
            ([1, "b"], "x[1] must be a whole number"),
            ('[1,"b"]', "x[1] must be a whole number"),
            ({}, "x must be a list"),
        )
        self.refuses(tuple[int, str], ([1], "x must have exactly 2 items"))
        self.refuses(dict[int, str], ({"a": "b"}, "x has a key that must be a whole number"))
        self.refuses(dict[str, int], ({"a": "b"}, "x[...] must be a whole number"))

    def test_dates_times_ids_decimals_and_bytes(self) -> None:
        utc = datetime.UTC
        day = datetime.datetime(2026, 1, 31, 12, tzinfo=utc)
        self.converts(datetime.datetime, ("2026-01-31T12:00:00Z", day), (1769860800, day))
        self.converts(datetime.date, ("2026-01-31", day.date()))
        self.converts(datetime.time, ("12:00:00", day.time()))
        self.converts(datetime.timedelta, ("PT90S", datetime.timedelta(seconds=90)))
        self.converts(uuid.UUID, (str(uuid.UUID(int=5)), uuid.UUID(int=5)))
        self.converts(decimal.Decimal, ("1.10", decimal.Decimal("1.10")))
        self.converts(bytes, ("eA==", b"x"))
        when = "such as 2026-01-31T12:00:00Z"
        self.refuses(
            datetime.datetime,
            ("today", f"x must be a date and time, {when}"),
            ([], f"x must be a date and time, {when}"),
        )
        self.refuses(datetime.date, ("x", "x must be a date, such as 2026-01-31"))
        self.refuses(datetime.time, ("x", "x must be a time, such as 12:00:00"))
        self.refuses(datetime.timedelta, ("x", "x must be a duration, such as PT90S"))
        self.refuses(uuid.UUID, ("x", "x must be a UUID"), (5, "x must be a UUID"))
        self.refuses(decimal.Decimal, ("x", "x must be a decimal number"))
        self.refuses(bytes, ("*", "x must be bytes in base64"))

    def test_choices(self) -> None:
        self.converts(Colour, ("red", Colour.RED))
        self.converts(Literal["a", 1], ("a", "a"), (1, 1))
        self.converts(Literal[1, 2], ("2", 2))
        self.refuses(Colour, ("green", 'x must be "red" or "blue"'))
        self.refuses(Literal["a", "b", "c"], ("d", 'x must be "a", "b" or "c"'))

    def test_unions(self) -> None:
        self.converts(int | str, (5, 5), ("5", "5"), ("a", "a"))
        self.converts(int | list[int] | None, ("5", 5), ([5], [5]))
        self.refuses(int | list[int], ({}, "x must be a whole number or a list"))
        self.converts(Any, ("x", "x"), ([1], [1]))
        self.converts(object, ("x", "x"), ([1], [1]))

    def test_structs(self) -> None:
        at = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
        given_reading = {"at": "2026-01-31T00:00:00Z", "values": [1, "2"]}
        self.converts(Reading, (given_reading, Reading(at, [1.0, 2.0])))
        self.converts(
            Reading, (msgspec.json.encode(given_reading).decode(), Reading(at, [1.0, 2.0]))
        )
        self.refuses(
            Reading,
            ({**given_reading, "values": [1, 2, "x"]}, "x.values[2] must be a number"),
            ({**given_reading, "values": None}, "x.values must be a list"),
            ({**given_reading, "status": "no"}, 'x.status must be "ok" or "warn"'),
            ({"values": []}, "x.at is required"),
            (5, "x must be an object"),
            ("{", "x must be an object"),
        )

    def test_numbers_that_are_none(self) -> None:
        given_reading = {"at": "2026-01-31T00:00:00Z", "values": [1]}
        for text in ("nan", "NaN", "inf", "-Infinity"):
            value = {**given_reading, "values": [1, text]}
            self.refuses(Reading, (value, "x.values[1] must be a number"))
            self.refuses(list[decimal.Decimal], ([text], "x[0] must be a number"))
        self.converts(float | str, ("nan", "nan"))

    def test_tagged_unions_and_options_of_structs(self) -> None:
        shape = Circle | Square
        self.converts(shape, ({"type": "circle", "radius": 2}, Circle(2.0)))
        self.converts(shape, ({"type": "square", "sideLength": 2}, Square(2.0)))
        self.refuses(
            shape,
            ({}, "x.type is required"),
            ({"type": "line"}, 'x.type must be "circle" or "square"'),
            ({"type": "circle", "radius": "x"}, "x.radius must be a number"),
            (
                {"type": "square", "sidelength": 1},
                "x has no field sidelength; did you mean sideLength?",
            ),
        )
        self.refuses(Square, ({"a" * 200: 1}, "x has no field " + "a" * 64 + "…"))

    def test_checks_of_a_struct_itself(self) -> None:
        self.refuses(list[Positive], ([{"n": -1}], "x[0] is not valid: n cannot be negative"))

    def test_types_that_hold_themselves(self) -> None:
        self.converts(Tree, ({"child": {"n": 1}}, Tree(Tree(None, 1))))
        self.refuses(
            Tree, ({"child": {"child": {"n": "x"}}}, "x.child.child.n must be a whole number")
        )

    def test_other_objects(self) -> None:
        for kind in (DataPoint, AttrsPoint):
            self.converts(kind, ({"x": 1}, kind(1)), ({"x": "1"}, kind(1)))
            self.refuses(kind, ({"x": "a"}, "x.x must be a whole number"), ({}, "x.x is required"))
        self.converts(DictPoint, ({"x": "1", "y": 2}, {"x": 1}))
        self.converts(TuplePoint, (["1"], TuplePoint(1)))

    def test_models_of_pydantic(self) -> None:
        self.converts(ModelPoint, ({"x": 1}, ModelPoint(x=1)), ('{"x":"1"}', ModelPoint(x=1)))
        self.converts(ModelPoint | None, ({"x": 1}, ModelPoint(x=1)))
        self.converts(dict[str, ModelPoint], ({"a": {"x": 1}}, {"a": ModelPoint(x=1)}))
        self.refuses(ModelPoint, ({}, "x.x is not valid: Field required"))
        self.refuses(
            list[ModelPoint],
            (
                [{"x": 1}, {"x": 1, "tags": [1, "b"]}],
                "x[1].tags[1] is not valid: Input should be a valid integer, "
                "unable to parse string as an integer",
            ),
        )

    def test_constraints(self) -> None:
        self.converts(Percent, (100, 100), ("1e2", 100), (5.0, 5))
        self.converts(Percent | None, ("5", 5))
        self.refuses(
            Percent,
            (101, "x must be at most 100"),
            ("-1", "x must be at least 0"),
            ("x", "x must be a whole number"),
        )
        for meta, value, expected in (
            (Meta(gt=0), 0, "must be more than 0"),
            (Meta(lt=0.5), "0.5", "must be less than 0.5"),
            (Meta(multiple_of=5), 3, "must be a multiple of 5"),
        ):
            self.refuses(Annotated[float, meta], (value, f"x {expected}"))
        for meta, value, expected in (
            (Meta(max_length=3), "abcd", "must have at most 3 characters"),
            (Meta(min_length=2), "a", "must have at least 2 characters"),
            (Meta(pattern="^a"), "b", "must match the pattern '^a'"),
        ):
            self.refuses(Annotated[str, meta], (value, f"x {expected}"))
        self.refuses(Annotated[list, Meta(min_length=1)], ([], "x must have at least 1 item"))
        self.refuses(Annotated[dict, Meta(max_length=0)], ({"a": 1}, "x must have at most 0 keys"))

    def test_keys_with_lone_surrogates(self) -> None:
        self.converts(dict[str, int], ({"\ud800": 1}, {"\ud800": 1}))
        self.refuses(Reading, ({"\ud800": 1}, "x has a key with a lone surrogate in it"))

    def test_a_new_type_converts_as_what_it_is(self) -> None:
        self.converts(UserId, ("1e3", 1000), (UserId(5), 5))
        self.refuses(UserId, ("x", "x must be a whole number"))

    def test_a_note_that_is_no_constraint_changes_nothing(self) -> None:
        self.converts(Annotated[int, 5, "note"], ("1e3", 1000))

    @PROPERTY
    @given(
        st.sampled_from(
            [
                *(Reading, Circle | Square, Tree, DataPoint, DictPoint, TuplePoint, ModelPoint),
                *(list[float], set[int], dict[str, float], tuple[int, ...], Percent, Colour),
                *(datetime.datetime, uuid.UUID, decimal.Decimal, bytes, float | bool, int | str),
            ]
        ),
        JSON_VALUES,
    )
    def test_gives_a_value_or_an_error_for_the_client(self, kind: Any, value: object) -> None:
        try:
            converted = self.convert(kind, value)
        except ClientError as error:
            self.assertTrue(error.text.startswith("x"), error.text)
        else:
            # What was converted is a number if it is one.
            conversion.check_numbers(converted)


class SupportTests(SynchronousTestCase):
    """`check_supported`."""

    def test_what_no_client_can_send(self) -> None:
        for annotation, why in (
            (Callable, "Callable cannot be sent as JSON"),
            (Iterator[int], "Iterator cannot be sent as JSON"),
            (list[type], "type cannot be sent as JSON"),
            (dict[str, list[complex] | None], "complex cannot be sent as JSON"),
            (msgspec.Raw, "Raw and Ext cannot be converted"),
            (list[int] | set[int], "Type unions may not contain more than one array-like"),
            ("Missing", "is not supported"),
        ):
            error = self.assertRaises(TypeError, conversion.check_supported, annotation)
            self.assertIn(why, str(error))

    def test_a_struct_with_a_field_that_no_client_can_send(self) -> None:
        kind = msgspec.defstruct("Odd", [("a", list[complex])])
        self.assertRaises(TypeError, conversion.check_supported, kind)
