"""Strict JSON out."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import enum
import json
import uuid
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass

import attrs
import ujson
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw, Struct
from pydantic import BaseModel
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import UnserializableError
from actionhero_tcp.wire import json_writer
from tests.support import PROPERTY
from tests.support.json_values import ANY_TEXT, JSON_VALUES, SCALARS, reference


class Pair(namedtuple("Pair", "a b")):
    """A tuple with names."""


class Colour(enum.Enum):
    """An enumeration of no JSON type."""

    RED = 1


class Number(enum.IntEnum):
    """An enumeration of whole numbers."""

    ONE = 1


class Word(enum.StrEnum):
    """An enumeration of strings."""

    YES = "yes"


class TextWithJson(str):
    """A string that ujson would write as something else."""

    def __json__(self) -> str:
        return "evil\n"


class NumberWithDict(int):
    """A number that ujson could write as something else."""

    def toDict(self) -> dict[str, int]:
        return {"evil": 1}


class WithJson:
    """Something that ujson would ask how it is written."""

    def __json__(self) -> str:
        return '{"evil":1}'


class WithDict:
    """Something that ujson would make a dict of."""

    def toDict(self) -> dict[str, int]:
        return {"evil": 1}


class Point(Struct):
    """An object of msgspec."""

    x: float | None
    tags: list[str]


@dataclass
class DataPoint:
    """A dataclass."""

    x: float
    tags: list[str]


@attrs.define
class AttrsPoint:
    """An object of attrs."""

    x: float
    tags: list[str]


class ModelPoint(BaseModel):
    """A model of pydantic."""

    x: float
    tags: list[str]


RICH_VALUES = st.recursive(
    SCALARS
    | st.floats()
    | st.binary(max_size=3)
    | st.decimals()
    | st.dates()
    | st.uuids()
    | st.builds(Point, st.floats() | st.none(), st.lists(ANY_TEXT, max_size=2))
    | st.builds(DataPoint, st.floats(), st.lists(ANY_TEXT, max_size=2))
    | st.sampled_from([WithJson(), WithDict(), TextWithJson("x"), Number.ONE, Word.YES]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(ANY_TEXT | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


class DumpsTests(SynchronousTestCase):
    """`dumps`."""

    def refused(self, value: object) -> str:
        """Checks that a value is refused, alone and within others; gives the error's text."""
        for outer in ([value], (1, value), {"key": value}, {"a": [{"b": value}]}):
            self.assertRaises(UnserializableError, json_writer.dumps, outer)
        return str(self.assertRaises(UnserializableError, json_writer.dumps, value))

    def test_writes_every_kind_of_value(self) -> None:
        value = {"a": [1, -2.5, True, False, None, "s", {}, [], ()], "b": {"c": {}}}
        expected = b'{"a":[1,-2.5,true,false,null,"s",{},[],[]],"b":{"c":{}}}'
        self.assertEqual(expected, json_writer.dumps(value))

    def test_writes_scalars(self) -> None:
        for value, expected in ((None, b"null"), (True, b"true"), (5, b"5"), ("x", b'"x"')):
            self.assertEqual(expected, json_writer.dumps(value))

    def test_keeps_the_order_of_keys(self) -> None:
        self.assertEqual(b'{"b":1,"a":2,"c":3}', json_writer.dumps({"b": 1, "a": 2, "c": 3}))

    def test_does_not_escape_slashes(self) -> None:
        self.assertEqual(b'{"/":"</a>&"}', json_writer.dumps({"/": "</a>&"}))

    def test_writes_non_ascii_as_it_is(self) -> None:
        self.assertEqual('{"é":"☃😀"}'.encode(), json_writer.dumps({"é": "☃😀"}))

    def test_escapes_lone_surrogates(self) -> None:
        self.assertEqual(b'"\\ud800"', json_writer.dumps("\ud800"))
        self.assertEqual(b'{"x\\udfff":["\\udc80y"]}', json_writer.dumps({"x\udfff": ["\udc80y"]}))

    def test_escapes_control_characters(self) -> None:
        self.assertEqual(
            rb'"\u0000\b\t\n\u000b\f\r\u001b\u001f"', json_writer.dumps("\0\b\t\n\v\f\r\x1b\x1f")
        )

    def test_escapes_quotes_and_backslashes(self) -> None:
        self.assertEqual(rb'{"\"":"\\n"}', json_writer.dumps({'"': "\\n"}))

    def test_writes_large_whole_numbers_exactly(self) -> None:
        for value in (2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**4300 - 1):
            self.assertEqual(str(value).encode(), json_writer.dumps([value])[1:-1])

    def test_refuses_integers_past_4300_digits(self) -> None:
        self.refused(10**4300)

    def test_refuses_nan_and_infinities(self) -> None:
        for value in (float("nan"), float("inf"), float("-inf")):
            self.assertIn("not JSON", self.refused(value))

    def test_refuses_own_encodings(self) -> None:
        for value in (WithJson(), WithDict(), TextWithJson("x"), NumberWithDict(1)):
            self.assertIn(type(value).__name__, self.refused(value))

    def test_refuses_other_objects(self) -> None:
        for value in (object(), int, len, range(3), iter(""), 1j, ..., UNSET, deque([1])):
            self.refused(value)

    def test_names_the_key_of_what_it_refuses(self) -> None:
        error = self.assertRaises(UnserializableError, json_writer.dumps, {"a": {"when": [1j]}})
        self.assertEqual("when holds a value of type complex, which is no JSON", str(error))

    def test_refuses_circles(self) -> None:
        around: list[object] = []
        around.append(around)
        circle: dict[str, object] = {}
        circle["a"] = [circle]
        for value in (around, circle):
            self.refused(value)

    def test_writes_the_same_thing_twice(self) -> None:
        shared = [1]
        self.assertEqual(b'{"a":[1],"b":[1]}', json_writer.dumps({"a": shared, "b": shared}))

    def test_refuses_too_many_levels(self) -> None:
        value: object = 1
        for _ in range(20_000):
            value = [value]
        error = self.assertRaises(UnserializableError, json_writer.dumps, value)
        self.assertIn("not JSON", str(error))

    def test_writes_a_hundred_levels(self) -> None:
        value: object = 1
        for _ in range(100):
            value = [value]
        self.assertEqual(b"[" * 100 + b"1" + b"]" * 100, json_writer.dumps(value))

    def test_writes_kinds_of_dicts_lists_and_strings(self) -> None:
        self.assertEqual(b'{"b":1,"a":2}', json_writer.dumps(OrderedDict(b=1, a=2)))
        self.assertEqual(b"[1,2]", json_writer.dumps(Pair(1, 2)))
        self.assertEqual(
            b'{"yes":["yes",1]}', json_writer.dumps({Word.YES: [Word.YES, Number.ONE]})
        )

    @PROPERTY
    @given(JSON_VALUES)
    def test_round_trips(self, value: object) -> None:
        written = json_writer.dumps(value)
        # Two lone surrogates side by side are read as one character: hence by way of json.
        self.assertEqual(repr(json.loads(json.dumps(value))), repr(reference(written.decode())))

    @PROPERTY
    @given(JSON_VALUES)
    def test_writes_one_line_of_utf8(self, value: object) -> None:
        written = json_writer.dumps(value)
        self.assertNotIn(b"\n", written)
        self.assertNotIn(b"\r", written)
        self.assertTrue(all(byte >= 0x20 for byte in written))
        written.decode("utf-8", "strict")

    @PROPERTY
    @given(st.text(max_size=50))
    def test_escapes_no_more_of_a_text_than_it_must(self, text: str) -> None:
        self.assertEqual(json.dumps(text, ensure_ascii=False), json_writer.dumps(text).decode())

    def test_writes_dates_ids_enums_sets_and_bytes(self) -> None:
        day = datetime.datetime(2012, 11, 12, 1, 2, 3, tzinfo=datetime.UTC)
        for value, expected in (
            (day, b'"2012-11-12T01:02:03Z"'),
            (day.date(), b'"2012-11-12"'),
            (day.time(), b'"01:02:03"'),
            (datetime.timedelta(seconds=90), b'"PT90S"'),
            (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
            (decimal.Decimal("0.10"), b'"0.10"'),
            (Colour.RED, b"1"),
            ({1}, b"[1]"),
            (frozenset("x"), b'["x"]'),
            (b"x", b'"eA=="'),
        ):
            self.assertEqual(expected, json_writer.dumps(value))
            self.assertEqual(b'{"a":[%b]}' % expected, json_writer.dumps({"a": [value]}))

    def test_writes_structs_dataclasses_attrs_and_pydantic_models(self) -> None:
        for kind in (Point, DataPoint, ModelPoint):
            value = kind(x=1, tags=["a"])
            self.assertIn(
                json_writer.dumps(value), (b'{"x":1,"tags":["a"]}', b'{"x":1.0,"tags":["a"]}')
            )
        # msgspec writes the slots of attrs in an order of its own.
        written = json_writer.dumps([AttrsPoint(x=1, tags=["a"])])
        self.assertEqual([{"x": 1, "tags": ["a"]}], json.loads(written))

    def test_refuses_nan_wherever_it_is(self) -> None:
        nan = float("nan")
        for kind in (Point, DataPoint, AttrsPoint, ModelPoint):
            error = self.refused(kind(x=nan, tags=[]))
            self.assertEqual("it is not JSON: nan has no form in JSON", error)
        self.refused({float("inf")})
        self.refused(frozenset([nan]))

    def test_writes_null(self) -> None:
        self.assertEqual(b'{"x":null,"tags":["null"]}', json_writer.dumps(Point(None, ["null"])))

    def test_writes_lone_surrogates_beside_everything_else(self) -> None:
        value = {"\udfff": [Point(1e300, ["\ud800"]), uuid.UUID(int=1), None, 2**70], 1: {"é"}}
        expected = (
            '{"\\udfff":[{"x":1e300,"tags":["\\ud800"]},'
            '"00000000-0000-0000-0000-000000000001",null,1180591620717411303424],"1":["é"]}'
        )
        self.assertEqual(expected.encode(), json_writer.dumps(value))
        self.refused([Point(float("nan"), ["\ud800"])])

    def test_writes_keys_that_have_a_text(self) -> None:
        for key, text in ((1, "1"), (1.5, "1.5"), (Number.ONE, "1"), (uuid.UUID(int=1), None)):
            self.assertEqual({text or str(key): 1}, json.loads(json_writer.dumps({key: 1})))

    def test_refuses_keys_that_have_none(self) -> None:
        for key in (True, None, (1, 2)):
            self.assertIn("not JSON", self.refused({key: 1}))

    def test_writes_raw_json_on_one_line(self) -> None:
        self.assertEqual(b'{"a":[1,{}]}', json_writer.dumps({"a": Raw(b"[1,\n {}\r\n]")}))
        self.refused(Raw(b"[1,\n"))

    def test_writes_kinds_of_strings_and_numbers(self) -> None:
        class Text(str): ...

        class Whole(int): ...

        class Real(float): ...

        value = {Text("a"): [Text("b"), Text("\ud800"), Whole(1), Real(1.5)]}
        self.assertEqual(b'{"a":["b","\\ud800",1,1.5]}', json_writer.dumps(value))

    @PROPERTY
    @given(JSON_VALUES)
    def test_both_ways_of_writing_agree(self, value: object) -> None:
        piecewise = json_writer._write(value)
        self.assertEqual(piecewise, json_writer.dumps(value))
        with contextlib.suppress(UnicodeEncodeError):
            self.assertEqual(piecewise, json_writer.encode(value))

    @PROPERTY
    @given(ANY_TEXT)
    def test_ujson_writes_a_text_as_msgspec_does(self, text: str) -> None:
        by_ujson = ujson.dumps(text, ensure_ascii=False, escape_forward_slashes=False)
        expected = by_ujson.encode("utf-8", "backslashreplace")
        self.assertEqual(expected, json_writer.dumps(text))

    @PROPERTY
    @given(RICH_VALUES)
    def test_writes_json_or_refuses(self, value: object) -> None:
        try:
            written = json_writer.dumps(value)
        except UnserializableError:
            return
        reference(written.decode())
        self.assertNotIn(b"\n", written)
        self.assertEqual(json_writer._write(value), written)


class DumpsPlainTests(SynchronousTestCase):
    """`dumps_plain`."""

    def refused(self, value: object) -> str:
        """Checks that a value is refused, alone and within others; gives the error's text."""
        for outer in ([value], (1, value), {"key": value}, {"a": [{"b": value}]}):
            self.assertRaises(UnserializableError, json_writer.dumps_plain, outer)
        return str(self.assertRaises(UnserializableError, json_writer.dumps_plain, value))

    def test_refuses_what_would_be_something_else_when_read_again(self) -> None:
        day = datetime.datetime(2012, 11, 12)
        values = (b"x", day, day.date(), uuid.UUID(int=1), {1}, decimal.Decimal(1), Point(1, []))
        for value in values:
            expected = f"it holds a value of type {type(value).__name__}, which is no JSON"
            self.assertEqual(expected, self.refused(value))

    def test_refuses_keys_that_are_no_strings(self) -> None:
        for key in (1, 1.5, True, None, b"a", (1, 2), Number.ONE):
            self.assertIn("no str", self.refused({key: 1}))

    def test_refuses_nan_and_circles(self) -> None:
        around: list[object] = []
        around.append(around)
        for value in (float("nan"), around):
            self.assertIn("not JSON", self.refused(value))

    @PROPERTY
    @given(JSON_VALUES)
    def test_writes_as_dumps_does(self, value: object) -> None:
        self.assertEqual(json_writer.dumps(value), json_writer.dumps_plain(value))
