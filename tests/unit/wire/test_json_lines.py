"""The wire format: strict JSON both ways."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import uuid
from collections import OrderedDict, namedtuple
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import ClientError, UnserializableError
from actionhero_tcp.wire import json_lines
from tests.support import PROPERTY

ANY_TEXT = st.text(
    st.characters(exclude_categories=()) | st.characters(categories=["Cc", "Cs"]), max_size=30
)
"""Any text, also with lone surrogates in it."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
)


def _nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
        max_leaves=15,
    )


JSON_VALUES = _nested(SCALARS)

TOKENS = st.sampled_from(
    [
        *'{}[]:,"\\-.0123456789eE+/',
        *" \t\r\n\x0b\x0c\x00\x1f\x7f\x85\xa0\u2028\ufeff☃😀",
        *('"a"', '"a":', '{"a":1}', "[1,2]", '""', "[]", "{}", '"☃"', '"\n"', '"\x01"'),
        *("true", "false", "null", "True", "nul", "undefined", "NaN", "Infinity", "-Infinity"),
        *("1", "-1", "-", "01", "-01", "1.", ".5", "1.5", "1e5", "1E+5", "1e", "0x10", "1_000"),
        *("1e400", "-1e400", "1e-400", "9" * 400, "9" * 400 + ".0", "9" * 4301, "-" + "9" * 4301),
        *('"\\ud800"', '"\\udfff"', '"\\ud83d\\ude00"', '"\\u00e9"', '"\\u00e"', '"\\x"', '"\\/"'),
        *("'a'", "//", "/*", "*/", ",]", ",}"),
    ]
)


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    """The text of a JSON value, with one place replaced by something else."""
    ascii_only = draw(st.booleans())
    text = json.dumps(
        draw(JSON_VALUES), ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 1]))
    )
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 2)))
    return text[:start] + draw(TOKENS | st.just("")) + text[end:]


JSON_LIKE = st.lists(TOKENS, max_size=8).map("".join) | _damaged() | _damaged() | ANY_TEXT


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("too large")
    return value


def _refuse(name: str) -> float:
    raise ValueError(name)


def reference(text: str) -> object:
    """A strict reading of a JSON text; ValueError where it is none."""
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def depth(value: object) -> int:
    """How deeply a value is nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


class LoadsTests(SynchronousTestCase):
    """`loads`, on what FACTS.md says that ujson takes, and more."""

    def refused(self, text: str, expected: str, max_depth: int = 64) -> None:
        """Checks that a text is refused, with the text of the error."""
        error = self.assertRaises(ClientError, json_lines.loads, text, max_depth)
        self.assertEqual(expected, error.text)

    def test_reads_every_kind_of_value(self) -> None:
        text = '{"a":[1,-2.5,1e3,true,false,null,"s",{}],"b":{"c":[]}}'
        expected = {"a": [1, -2.5, 1000.0, True, False, None, "s", {}], "b": {"c": []}}
        self.assertEqual(expected, json_lines.loads(text, 64))

    def test_keeps_whole_numbers_whole(self) -> None:
        self.assertEqual("[5, 5.0, 500.0]", repr(json_lines.loads("[5,5.0,5e2]", 64)))

    def test_keeps_large_whole_numbers_exact(self) -> None:
        self.assertEqual(10**40 + 1, json_lines.loads(str(10**40 + 1), 64))

    def test_reads_non_ascii_raw_and_escaped(self) -> None:
        self.assertEqual(
            ["☃", "☃", "😀", "/"], json_lines.loads(r'["☃","\u2603","\ud83d\ude00","\/"]', 64)
        )

    def test_reads_blanks_within_and_after(self) -> None:
        self.assertEqual({"a": [1]}, json_lines.loads('{ "a" :\t[\r\n1 ] } \t\r\n', 64))

    def test_refuses_nan(self) -> None:
        self.refused("NaN", "the line is not valid JSON: NaN is not JSON")
        self.refused('{"a":[NaN]}', "the line is not valid JSON: NaN is not JSON")

    def test_refuses_infinities(self) -> None:
        self.refused("[Infinity]", "the line is not valid JSON: Infinity is not JSON")
        self.refused("[-Infinity]", "the line is not valid JSON: -Infinity is not JSON")

    def test_refuses_numbers_that_become_infinite(self) -> None:
        self.refused('{"a":1e400}', "the line is not valid JSON: the number 1e400 is too large")
        self.refused("[-1e400]", "the line is not valid JSON: the number -1e400 is too large")

    def test_repeats_only_the_beginning_of_a_number(self) -> None:
        shown = "9" * 64 + "…"
        self.refused(
            "[" + "9" * 400 + ".0]", f"the line is not valid JSON: the number {shown} is too large"
        )

    def test_reads_numbers_that_become_zero(self) -> None:
        self.assertEqual(0.0, json_lines.loads("1e-400", 64))

    def test_reads_the_largest_number(self) -> None:
        self.assertEqual([1.7976931348623157e308], json_lines.loads("[1.7976931348623157e308]", 64))

    def test_refuses_a_lone_minus(self) -> None:
        self.refused("-", "the line is not valid JSON: Expecting value at character 1")
        self.refused('{"a":-}', "the line is not valid JSON: Expecting value at character 6")

    def test_refuses_leading_zeros(self) -> None:
        self.refused("01", "the line is not valid JSON: Extra data at character 2")
        self.refused("[01]", "the line is not valid JSON: Expecting ',' delimiter at character 3")
        self.refused("[-01]", "the line is not valid JSON: Expecting ',' delimiter at character 4")

    def test_refuses_a_number_that_ends_in_its_point(self) -> None:
        self.refused("1.", "the line is not valid JSON: Extra data at character 2")
        self.refused("[1.]", "the line is not valid JSON: Expecting ',' delimiter at character 3")

    def test_refuses_a_number_that_begins_with_its_point(self) -> None:
        self.refused("[.5]", "the line is not valid JSON: Expecting value at character 2")

    def test_refuses_raw_control_characters_in_strings(self) -> None:
        for code in range(0x20):
            with self.assertRaises(ClientError):
                json_lines.loads(f'["{chr(code)}"]', 64)

    def test_names_the_place_of_a_raw_control_character(self) -> None:
        self.refused(
            '["\n"]', "the line is not valid JSON: Invalid control character at character 3"
        )

    def test_reads_escaped_control_characters(self) -> None:
        self.assertEqual(["\n\x00\x1f"], json_lines.loads(r'["\n\u0000\u001f"]', 64))

    def test_reads_lone_surrogates(self) -> None:
        self.assertEqual(["\ud800", "x\udfff"], json_lines.loads(r'["\ud800","x\udfff"]', 64))

    def test_takes_the_last_of_repeated_keys(self) -> None:
        self.assertEqual({"a": 2}, json_lines.loads('{"a":1,"a":2}', 64))

    def test_reads_integers_of_4300_digits(self) -> None:
        self.assertEqual([10**4300 - 1], json_lines.loads(f"[{'9' * 4300}]", 64))

    def test_refuses_integers_of_more_digits(self) -> None:
        for text in (f"[{'9' * 4301}]", "-" + "9" * 4301, '{"a":' + "9" * 60000 + "}"):
            self.refused(text, "the line is not valid JSON: a number has too many digits")

    def test_takes_as_many_levels_as_are_allowed(self) -> None:
        self.assertEqual([[1]], json_lines.loads("[[1]]", 2))
        self.assertEqual({"a": [{}]}, json_lines.loads('{"a":[{}]}', 3))

    def test_refuses_one_level_more(self) -> None:
        self.refused("[[[1]]]", "the JSON is nested deeper than 2 levels", 2)
        self.refused('{"a":{"b":{}}}', "the JSON is nested deeper than 2 levels", 2)
        self.refused('[{"a":[1]}]', "the JSON is nested deeper than 2 levels", 2)

    def test_counts_no_siblings(self) -> None:
        self.assertEqual([[]] * 50, json_lines.loads("[" + "[]," * 49 + "[]]", 2))

    def test_counts_no_braces_in_strings(self) -> None:
        self.assertEqual(["[[[[{{{{"], json_lines.loads('["[[[[{{{{"]', 1))

    def test_refuses_any_depth(self) -> None:
        for levels in (65, 500, 1023, 1024, 1025, 5000, 65535):
            for text in ("[" * levels + "]" * levels, '{"a":' * levels + "1" + "}" * levels):
                self.refused(text, "the JSON is nested deeper than 64 levels")

    def test_refuses_a_depth_that_never_closes(self) -> None:
        self.refused("[" * 100_000, "the JSON is nested deeper than 64 levels")

    def test_refuses_what_follows(self) -> None:
        self.refused('{"a":1}x', "the line is not valid JSON: Extra data at character 8")
        self.refused("{}{}", "the line is not valid JSON: Extra data at character 3")

    def test_takes_only_jsons_own_blanks_after_it(self) -> None:
        for blank in "\x0b\x0c\x85\xa0\u2028\ufeff\x00":
            self.refused("{}" + blank, "the line is not valid JSON: Extra data at character 3")

    def test_refuses_nothing_at_all(self) -> None:
        self.refused("", "the line is not valid JSON: Expecting value at character 1")

    def test_refuses_what_other_languages_take(self) -> None:
        for text in ("{'a':1}", "{a:1}", "[1,]", '{"a":1,}', "[1 2]", '"\\x41"', '"a', "True"):
            with self.assertRaises(ClientError):
                json_lines.loads(text, 64)

    @PROPERTY
    @given(JSON_LIKE, st.sampled_from(["", "", "", "", "", "{", "["]))
    def test_agrees_with_a_strict_reader(self, text: str, start: str) -> None:
        text = (start + text).lstrip(" \t\r\n")
        try:
            expected = repr(reference(text))
        except ValueError:
            error = self.assertRaises(ClientError, json_lines.loads, text, 1000)
            self.assertLess(len(error.text), 150)
        else:
            self.assertEqual(expected, repr(json_lines.loads(text, 1000)))

    @PROPERTY
    @given(JSON_VALUES)
    def test_reads_every_json_value(self, value: object) -> None:
        text = json.dumps(value)
        self.assertEqual(repr(json.loads(text)), repr(json_lines.loads(text, 1000)))

    @PROPERTY
    @given(JSON_VALUES)
    def test_counts_levels(self, value: object) -> None:
        text, levels = json.dumps(value), depth(value)
        json_lines.loads(text, levels)
        if levels:
            error = self.assertRaises(ClientError, json_lines.loads, text, levels - 1)
            self.assertIn(f"deeper than {levels - 1} levels", error.text)


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


class DumpsTests(SynchronousTestCase):
    """`dumps`, on what FACTS.md says that ujson writes, and more."""

    def refused(self, value: object) -> str:
        """Checks that a value is refused, alone and within others; gives the error's text."""
        for outer in ([value], (1, value), {"key": value}, {"a": [{"b": value}]}):
            self.assertRaises(UnserializableError, json_lines.dumps, outer)
        return str(self.assertRaises(UnserializableError, json_lines.dumps, value))

    def test_writes_every_kind_of_value(self) -> None:
        value = {"a": [1, -2.5, True, False, None, "s", {}, [], ()], "b": {"c": {}}}
        expected = b'{"a":[1,-2.5,true,false,null,"s",{},[],[]],"b":{"c":{}}}'
        self.assertEqual(expected, json_lines.dumps(value))

    def test_writes_scalars(self) -> None:
        for value, expected in ((None, b"null"), (True, b"true"), (5, b"5"), ("x", b'"x"')):
            self.assertEqual(expected, json_lines.dumps(value))

    def test_keeps_the_order_of_keys(self) -> None:
        self.assertEqual(b'{"b":1,"a":2,"c":3}', json_lines.dumps({"b": 1, "a": 2, "c": 3}))

    def test_does_not_escape_slashes(self) -> None:
        self.assertEqual(b'{"/":"</a>&"}', json_lines.dumps({"/": "</a>&"}))

    def test_writes_non_ascii_as_it_is(self) -> None:
        self.assertEqual('{"é":"☃😀"}'.encode(), json_lines.dumps({"é": "☃😀"}))

    def test_escapes_lone_surrogates(self) -> None:
        self.assertEqual(b'"\\ud800"', json_lines.dumps("\ud800"))
        self.assertEqual(b'{"x\\udfff":["\\udc80y"]}', json_lines.dumps({"x\udfff": ["\udc80y"]}))

    def test_escapes_control_characters(self) -> None:
        self.assertEqual(
            rb'"\u0000\b\t\n\u000b\f\r\u001b\u001f"', json_lines.dumps("\0\b\t\n\v\f\r\x1b\x1f")
        )

    def test_escapes_quotes_and_backslashes(self) -> None:
        self.assertEqual(rb'{"\"":"\\n"}', json_lines.dumps({'"': "\\n"}))

    def test_writes_large_whole_numbers_exactly(self) -> None:
        for value in (2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**4300 - 1):
            self.assertEqual(str(value).encode(), json_lines.dumps([value])[1:-1])

    def test_refuses_integers_past_4300_digits(self) -> None:
        self.refused(10**4300)

    def test_refuses_nan_and_infinities(self) -> None:
        for value in (float("nan"), float("inf"), float("-inf")):
            self.assertIn("not JSON", self.refused(value))

    def test_refuses_decimals(self) -> None:
        self.assertEqual(
            "it holds a value of type Decimal, which is no JSON",
            self.refused(decimal.Decimal("0.1")),
        )

    def test_refuses_own_encodings(self) -> None:
        for value in (WithJson(), WithDict(), TextWithJson("x"), NumberWithDict(1)):
            self.assertIn(type(value).__name__, self.refused(value))

    def test_refuses_bytes_dates_uuids_and_sets(self) -> None:
        day = datetime.datetime(2012, 11, 12)
        values = (b"x", bytearray(b"x"), day, day.date(), uuid.UUID(int=1), {1}, frozenset("x"))
        for value in values:
            self.assertIn(type(value).__name__, self.refused(value))

    def test_refuses_other_objects(self) -> None:
        for value in (object(), int, len, range(3), iter(""), 1j, Colour.RED, ..., {}.keys()):
            self.refused(value)

    def test_names_the_key_of_what_it_refuses(self) -> None:
        error = self.assertRaises(UnserializableError, json_lines.dumps, {"a": {"when": [b"x"]}})
        self.assertEqual("when holds a value of type bytes, which is no JSON", str(error))

    def test_refuses_circles(self) -> None:
        around: list[object] = []
        around.append(around)
        circle: dict[str, object] = {}
        circle["a"] = [circle]
        for value in (around, circle):
            self.refused(value)

    def test_writes_the_same_thing_twice(self) -> None:
        shared = [1]
        self.assertEqual(b'{"a":[1],"b":[1]}', json_lines.dumps({"a": shared, "b": shared}))

    def test_refuses_keys_that_are_no_strings(self) -> None:
        for key in (1, 1.5, True, None, b"a", (1, 2), Number.ONE):
            self.assertIn("no str", self.refused({key: 1}))

    def test_refuses_too_many_levels(self) -> None:
        value: object = 1
        for _ in range(20_000):
            value = [value]
        error = self.assertRaises(UnserializableError, json_lines.dumps, value)
        self.assertIn("not JSON", str(error))

    def test_writes_a_hundred_levels(self) -> None:
        value: object = 1
        for _ in range(100):
            value = [value]
        self.assertEqual(b"[" * 100 + b"1" + b"]" * 100, json_lines.dumps(value))

    def test_writes_kinds_of_dicts_lists_and_strings(self) -> None:
        self.assertEqual(b'{"b":1,"a":2}', json_lines.dumps(OrderedDict(b=1, a=2)))
        self.assertEqual(b"[1,2]", json_lines.dumps(Pair(1, 2)))
        self.assertEqual(b'{"yes":["yes",1]}', json_lines.dumps({Word.YES: [Word.YES, Number.ONE]}))

    @PROPERTY
    @given(JSON_VALUES)
    def test_round_trips(self, value: object) -> None:
        written = json_lines.dumps(value)
        # Two lone surrogates side by side are read as one character: hence by way of json.
        self.assertEqual(repr(json.loads(json.dumps(value))), repr(reference(written.decode())))

    @PROPERTY
    @given(JSON_VALUES)
    def test_writes_one_line_of_utf8(self, value: object) -> None:
        written = json_lines.dumps(value)
        self.assertNotIn(b"\n", written)
        self.assertNotIn(b"\r", written)
        self.assertTrue(all(byte >= 0x20 for byte in written))
        written.decode("utf-8", "strict")

    @PROPERTY
    @given(st.text(max_size=50))
    def test_escapes_no_more_of_a_text_than_it_must(self, text: str) -> None:
        self.assertEqual(json.dumps(text, ensure_ascii=False), json_lines.dumps(text).decode())

    @PROPERTY
    @given(JSON_VALUES)
    def test_trusted_writes_the_same(self, value: object) -> None:
        self.assertEqual(json_lines.dumps(value), json_lines.dumps_trusted(value))

    @PROPERTY
    @given(
        st.recursive(
            SCALARS
            | st.floats()
            | st.binary(max_size=3)
            | st.decimals()
            | st.dates()
            | st.sampled_from([WithJson(), WithDict(), TextWithJson("x"), Number.ONE, Word.YES]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.tuples(inner, inner)
                | st.dictionaries(ANY_TEXT | st.integers() | st.none(), inner, max_size=3)
            ),
            max_leaves=8,
        )
    )
    def test_writes_json_or_refuses(self, value: object) -> None:
        try:
            written = json_lines.dumps(value)
        except UnserializableError:
            return
        self.assertEqual(reference(json.dumps(value)), reference(written.decode()))


class LineTests(SynchronousTestCase):
    """`line` and `message_line`."""

    def test_ends_in_cr_lf(self) -> None:
        self.assertEqual(b'{"a":1}\r\n', json_lines.line({"a": 1}))

    def test_holds_no_newline_of_its_strings(self) -> None:
        self.assertEqual(b'{"a\\nb":"\\r\\n"}\r\n', json_lines.line({"a\nb": "\r\n"}))

    def test_takes_any_mapping(self) -> None:
        self.assertEqual(b'{"b":1,"a":2}\r\n', json_lines.line(OrderedDict(b=1, a=2)))

    def test_refuses_what_is_no_json(self) -> None:
        for write in (json_lines.line, json_lines.message_line):
            self.assertRaises(UnserializableError, write, {"a": float("nan")})

    def test_a_message_gets_the_context_api(self) -> None:
        self.assertEqual(b'{"a":1,"context":"api"}\r\n', json_lines.message_line({"a": 1}))
        self.assertEqual(b'{"context":"api"}\r\n', json_lines.message_line({}))

    def test_a_message_keeps_the_context_it_names(self) -> None:
        self.assertEqual(
            b'{"context":"x","a":1}\r\n', json_lines.message_line({"context": "x", "a": 1})
        )

    @PROPERTY
    @given(st.dictionaries(ANY_TEXT, JSON_VALUES, max_size=4))
    def test_is_one_line(self, message: dict[str, object]) -> None:
        written = json_lines.message_line(message)
        self.assertEqual(1, written.count(b"\n"))
        self.assertEqual(1, written.count(b"\r"))
        self.assertTrue(written.endswith(b"\r\n"))
        self.assertIn("context", json.loads(written))


class ResponseTests(SynchronousTestCase):
    """`head`, `NUMBERED`, `result` and `error`."""

    def test_a_head_and_a_number_make_a_line(self) -> None:
        head = json_lines.head({"status": "OK", "context": "response"})
        self.assertEqual(b'{"status":"OK","context":"response",', head)
        self.assertEqual(
            b'{"status":"OK","context":"response","messageCount":12}\r\n',
            json_lines.NUMBERED % (head, 12),
        )

    def test_a_head_of_no_fields_makes_a_line(self) -> None:
        self.assertEqual(b'{"messageCount":1}\r\n', json_lines.NUMBERED % (json_lines.head({}), 1))

    def test_a_head_is_strict(self) -> None:
        self.assertRaises(UnserializableError, json_lines.head, {"a": b""})

    def test_a_result_holds_what_the_action_returned(self) -> None:
        self.assertEqual(
            '{"context":"response","b":"☃/","a":[1],"messageCount":7}\r\n'.encode(),
            json_lines.result({"b": "☃/", "a": [1]}, 7),
        )

    def test_a_result_holds_lone_surrogates_as_escapes(self) -> None:
        self.assertEqual(
            '{"context":"response","a\\ud800":"\\udfffé","messageCount":7}\r\n'.encode(),
            json_lines.result({"a\ud800": "\udfffé"}, 7),
        )

    def test_a_result_of_nothing_is_ok(self) -> None:
        self.assertEqual(
            b'{"context":"response","status":"OK","messageCount":3}\r\n', json_lines.result(None, 3)
        )

    def test_a_result_of_an_empty_object_is_empty(self) -> None:
        self.assertEqual(b'{"context":"response","messageCount":3}\r\n', json_lines.result({}, 3))

    def test_an_action_cannot_overwrite_the_number(self) -> None:
        for outcome in ({"messageCount": 99, "a": 1}, {"a": 1, "messageCount": None}):
            self.assertEqual(
                b'{"context":"response","a":1,"messageCount":3}\r\n', json_lines.result(outcome, 3)
            )
        self.assertEqual(
            b'{"context":"response","messageCount":3}\r\n',
            json_lines.result({"messageCount": 9}, 3),
        )

    def test_an_action_may_name_a_context(self) -> None:
        self.assertEqual(
            b'{"context":"mine","a":1,"messageCount":3}\r\n',
            json_lines.result({"a": 1, "context": "mine", "messageCount": 9}, 3),
        )
        self.assertEqual(
            b'{"context":"mine","a":1,"messageCount":3}\r\n',
            json_lines.result({"a": 1, "context": "mine"}, 3),
        )

    def test_a_result_leaves_the_outcome_as_it_was(self) -> None:
        outcome = {"messageCount": 9, "context": "x"}
        json_lines.result(outcome, 3)
        self.assertEqual({"messageCount": 9, "context": "x"}, outcome)

    def test_a_result_is_a_kind_of_dict_too(self) -> None:
        self.assertEqual(
            b'{"context":"response","a":1,"messageCount":1}\r\n',
            json_lines.result(OrderedDict(a=1), 1),
        )

    def test_a_result_that_is_no_object_is_refused(self) -> None:
        for outcome in ([], [1], "", "text", 0, 1, True, False, (), b"", object()):
            error = self.assertRaises(UnserializableError, json_lines.result, outcome, 1)
            self.assertIn(f"of type {type(outcome).__name__};", str(error))

    def test_a_result_is_strict(self) -> None:
        for value in (float("nan"), b"", {1: 2}, decimal.Decimal(1)):
            self.assertRaises(UnserializableError, json_lines.result, {"a": value}, 1)
            self.assertRaises(
                UnserializableError, json_lines.result, {"context": "x", "a": value}, 1
            )

    def test_an_error(self) -> None:
        self.assertEqual(
            b'{"context":"response","error":"hello is not a known action.","messageCount":2}\r\n',
            json_lines.error("hello is not a known action.", 2),
        )

    def test_an_error_with_fields(self) -> None:
        self.assertEqual(
            b'{"context":"response","error":"no","code":404,"why":null,"messageCount":2}\r\n',
            json_lines.error("no", 2, {"code": 404, "why": None}),
        )

    def test_an_errors_fields_cannot_overwrite_what_is_ours(self) -> None:
        fields = {"messageCount": 9, "error": "x", "code": 1, "context": "y"}
        self.assertEqual(
            b'{"context":"response","error":"no","code":1,"messageCount":2}\r\n',
            json_lines.error("no", 2, fields),
        )

    def test_an_errors_fields_are_strict(self) -> None:
        self.assertRaises(UnserializableError, json_lines.error, "no", 1, {"a": b""})

    def test_an_error_holds_any_text(self) -> None:
        self.assertEqual(
            '{"context":"response","error":"é\\n\\ud800/","messageCount":1}\r\n'.encode(),
            json_lines.error("é\n\ud800/", 1),
        )

    @PROPERTY
    @given(
        st.dictionaries(
            ANY_TEXT | st.sampled_from(["messageCount", "context"]), JSON_VALUES, max_size=4
        ),
        st.integers(1, 10**12),
    )
    def test_a_result_is_what_was_returned_and_its_number(
        self, outcome: dict[str, object], number: int
    ) -> None:
        written = json_lines.result(outcome, number)
        rest = {key: value for key, value in outcome.items() if key != "messageCount"}
        expected = {"context": "response", **rest, "messageCount": number}
        self.assertEqual(json.loads(json.dumps(expected)), json.loads(written))
        keys = [key for key, _ in json.loads(written, object_pairs_hook=list)]
        self.assertEqual(["context", "messageCount"], [keys[0], keys[-1]])
        self.assertEqual((1, 1), (keys.count("context"), keys.count("messageCount")))
        self.assertEqual((1, 1), (written.count(b"\n"), written.count(b"\r")))

    @PROPERTY
    @given(
        ANY_TEXT,
        st.dictionaries(
            ANY_TEXT | st.sampled_from(["messageCount", "error", "context"]),
            JSON_VALUES,
            max_size=4,
        ),
    )
    def test_an_error_says_its_text_and_its_number(
        self, text: str, fields: dict[str, object]
    ) -> None:
        written = json.loads(json_lines.error(text, 5, fields))
        self.assertEqual(
            ["response", json.loads(json.dumps(text)), 5],
            [written["context"], written["error"], written["messageCount"]],
        )
        self.assertEqual(["context", "error"], list(written)[:2])
        self.assertEqual(
            {*json.loads(json.dumps(fields)), "context", "error", "messageCount"}, {*written}
        )
