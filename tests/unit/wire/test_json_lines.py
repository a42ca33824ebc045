"""Lines of JSON: what the server sends."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass

import attrs
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from pydantic import BaseModel
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import UnserializableError
from actionhero_tcp.wire import json_lines
from tests.support import PROPERTY
from tests.support.json_values import ANY_TEXT, JSON_VALUES


class Point(Struct):
    """What msgspec writes as an object."""

    x: int


@dataclass
class DataPoint:
    """So are these."""

    x: int


@attrs.define
class AttrsPoint:
    """Of attrs."""

    x: int


class ModelPoint(BaseModel):
    """Of pydantic."""

    x: int


class Nothing(Struct):
    """Has no fields."""


class Framed(Struct):
    """Has fields of the names that the framing uses."""

    messageCount: int
    context: str
    inner: dict[str, int]


class Inner(Struct):
    """Has them further down."""

    inner: dict[str, int]


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
        self.assertRaises(UnserializableError, json_lines.head, {"a": object()})

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

    def test_a_result_may_be_whatever_is_written_as_an_object(self) -> None:
        for outcome in (Point(1), DataPoint(1), AttrsPoint(1), ModelPoint(x=1), {"x": 1}):
            self.assertEqual(
                b'{"context":"response","x":1,"messageCount":7}\r\n', json_lines.result(outcome, 7)
            )
        self.assertEqual(
            b'{"context":"response","messageCount":7}\r\n', json_lines.result(Nothing(), 7)
        )

    def test_no_kind_of_result_can_overwrite_the_number(self) -> None:
        self.assertEqual(
            b'{"context":"mine","inner":{"messageCount":5},"messageCount":7}\r\n',
            json_lines.result(Framed(99, "mine", {"messageCount": 5}), 7),
        )
        self.assertEqual(
            b'{"context":"response","inner":{"messageCount":5,"context":1},"messageCount":7}\r\n',
            json_lines.result(Inner({"messageCount": 5, "context": 1}), 7),
        )

    def test_a_message_may_be_whatever_is_written_as_an_object(self) -> None:
        self.assertEqual(b'{"x":1,"context":"api"}\r\n', json_lines.message_line(Point(1)))
        self.assertEqual(b'{"context":"api"}\r\n', json_lines.message_line(Nothing()))
        error = self.assertRaises(UnserializableError, json_lines.message_line, [1])
        self.assertEqual("a message is a dict, not of type list", str(error))

    def test_a_result_that_is_no_object_is_refused(self) -> None:
        for outcome in ([], [1], "", "text", 0, 1, True, False, (), b"", object()):
            error = self.assertRaises(UnserializableError, json_lines.result, outcome, 1)
            self.assertIn(f"of type {type(outcome).__name__}", str(error))

    def test_a_result_is_strict(self) -> None:
        for value in (float("nan"), object(), {None: 2}, range(3)):
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
        self.assertRaises(UnserializableError, json_lines.error, "no", 1, {"a": object()})

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
