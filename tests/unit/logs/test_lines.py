"""How lines of the logs look."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.connected_client import ConnectedClient
from actionhero_tcp.logs.lines import FORMS, MAX_PARAMS_CHARACTERS, UNSHOWN, Form, as_json, stamp
from tests.support import PROPERTY, make_account, make_connection

ANY_TEXT = st.text(
    st.characters(exclude_categories=()) | st.characters(categories=["Cc", "Cs", "Cf", "Zl"]),
    max_size=20,
)
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def strictly(text: str) -> Any:
    """Reads JSON, without what only Python takes for it."""
    text.encode()
    return json.loads(text, parse_constant=refuse)


class Unshowable:
    """A value that cannot be shown at all."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


class StampTests(SynchronousTestCase):
    """`stamp`."""

    def test_is_in_utc_to_the_millisecond(self) -> None:
        self.assertEqual("1970-01-01T00:00:00.000Z", stamp(0))
        self.assertEqual("2012-09-06T05:24:59.007Z", stamp(1346909099007))
        self.assertEqual("2012-09-06T05:25:00.999Z", stamp(1346909100999))


class AsJsonTests(SynchronousTestCase):
    """`as_json`."""

    def test_is_compact_and_keeps_what_can_be_printed(self) -> None:
        self.assertEqual('{"a":[1,"☃/\\"größe"]}', as_json({"a": [1, '☃/"größe']}))

    def test_escapes_what_steers_a_terminal_or_ends_a_line(self) -> None:
        text = "\n\r\x1b[2J\x7f\x9b\u2028\u202e\ufeff\U000e0001"
        shown = as_json(text)
        self.assertEqual(r'"\n\r\u001b[2J\u007f\u009b\u2028\u202e\ufeff\udb40\udc01"', shown)
        self.assertEqual(text, strictly(shown))

    def test_a_lone_surrogate_becomes_text_that_every_reader_takes(self) -> None:
        shown = as_json({"a\ud800": "\udfff"})
        self.assertEqual(r'{"a\\ud800":"\\udfff"}', shown)
        self.assertEqual({r"a\ud800": r"\udfff"}, strictly(shown))

    def test_what_is_no_json_is_shown_as_python_does(self) -> None:
        when = datetime.date(2012, 9, 6)
        self.assertEqual('["datetime.date(2012, 9, 6)","b\'x\'"]', as_json([when, b"x"]))

    def test_what_cannot_be_shown_is_refused(self) -> None:
        circle: list[Any] = []
        circle.append(circle)
        for value in (math.nan, [math.inf], circle, 10**5000):
            self.assertRaises(ValueError, as_json, value)
        self.assertRaises(TypeError, as_json, {(1, 2): 3})
        self.assertRaises(RuntimeError, as_json, Unshowable())

    @PROPERTY
    @given(ANY_VALUE)
    def test_is_one_printable_line_or_refused(self, value: Any) -> None:
        try:
            text = as_json(value)
        except ValueError:
            return
        self.assertTrue(text.isprintable())
        strictly(text)


class FormTestCase(SynchronousTestCase):
    """Has a client, and makes lines."""

    def setUp(self) -> None:
        self.client = make_connection()
        self.client.id = "ab" * 16
        self.client.requests = 7

    def lines(self, form: Form, name: str, error: str | None, params: Any) -> list[str]:
        """A line of each kind."""
        request = f"{form.request}{form.who(self.client)}3{form.name(name)}0.250"
        rests = (
            form.connected(self.client),
            request + form.ok,
            request + form.outcome(error, params),
            form.disconnected(self.client, 2.25, error or "quit"),
            form.turned_away("127.0.0.1:4321", "bad PROXY header", error),
        )
        return [form.start + stamp(0) + rest for rest in rests]


class FormsTests(FormTestCase):
    """What both forms share."""

    @PROPERTY
    @given(ANY_TEXT, st.none() | ANY_TEXT, st.none() | st.dictionaries(ANY_TEXT, ANY_VALUE))
    def test_every_line_is_one_and_printable(
        self, name: str, error: str | None, params: Any
    ) -> None:
        for form in FORMS.values():
            for line in self.lines(form(3), name, error, params):
                self.assertTrue(line.endswith("\n"))
                self.assertTrue(line[:-1].isprintable(), line)
        for line in self.lines(FORMS["json"](), name, error, params):
            self.assertIsInstance(strictly(line), dict)

    def test_every_line_says_which_worker_writes_it(self) -> None:
        for text, json_text in zip(
            self.lines(FORMS["text"](2), "x", "no", None),
            self.lines(FORMS["json"](2), "x", "no", None),
            strict=True,
        ):
            self.assertRegex(text, r"^\S+ (connect|request|disconnect) worker=2 \w+=")
            self.assertEqual(2, strictly(json_text)["worker"])
        for text, json_text in zip(
            self.lines(FORMS["text"](), "x", "no", None),
            self.lines(FORMS["json"](), "x", "no", None),
            strict=True,
        ):
            self.assertNotIn("worker", text + json_text)

    def test_params_that_cannot_be_shown_say_so(self) -> None:
        circle: dict[str, Any] = {}
        circle["circle"] = circle
        for params in (circle, {"a": Unshowable()}, {"a": 10**5000}, {(1, 2): 3}, UNSHOWN):
            text = FORMS["text"]().outcome(None, params)
            self.assertEqual(f' ok params="{UNSHOWN}"\n', text)
            line = self.lines(FORMS["json"](), "x", None, params)[2]
            self.assertEqual(UNSHOWN, strictly(line)["paramsText"])
            self.assertNotIn("params", strictly(line))


class JsonFormTests(FormTestCase):
    """`JsonForm`."""

    def read(self, index: int, error: str | None = None, params: Any = None) -> dict[str, Any]:
        """A line, read; the fields that all lines have are checked and left out."""
        line = strictly(self.lines(FORMS["json"](), "paramAdd", error, params)[index])
        for name, value in (
            ("time", "1970-01-01T00:00:00.000Z"),
            ("level", "info"),
            ("namespace", "actionhero_tcp.logs.request_log"),
        ):
            self.assertEqual(value, line.pop(name))
        self.assertEqual("ab" * 16, line.pop("client", "ab" * 16))
        self.assertEqual("127.0.0.1:4321", line.pop("from"))
        return line

    def test_who_comes(self) -> None:
        self.assertEqual({"event": "connect"}, self.read(0))

    def test_who_goes(self) -> None:
        self.assertEqual(
            {"event": "disconnect", "requests": 7, "seconds": 2.25, "reason": "slow consumer"},
            self.read(3, "slow consumer"),
        )

    def test_who_goes_without_a_welcome(self) -> None:
        expected = {"event": "disconnect", "reason": "bad PROXY header"}
        self.assertEqual(expected, self.read(4))
        self.assertEqual({**expected, "error": "it is '\x1b'"}, self.read(4, "it is '\x1b'"))
        self.assertNotIn('"client"', self.lines(FORMS["json"](), "x", None, None)[4])

    def test_a_request_that_was_answered(self) -> None:
        expected = {"event": "request", "number": 3, "name": "paramAdd", "ms": 0.25}
        self.assertEqual({**expected, "outcome": "ok"}, self.read(1))
        self.assertEqual({**expected, "outcome": "ok"}, self.read(2))
        with_params = {**expected, "outcome": "ok", "params": {"a": [1, "☃"]}}
        self.assertEqual(with_params, self.read(2, None, {"a": [1, "☃"]}))

    def test_a_request_that_failed(self) -> None:
        line = self.read(2, 'say "hi"', {"a": 1})
        self.assertEqual(("error", 'say "hi"'), (line["outcome"], line["error"]))
        self.assertEqual({"a": 1}, line["params"])

    def test_params_that_are_too_long_are_text_and_cut(self) -> None:
        room = MAX_PARAMS_CHARACTERS - len('{"a":""}')
        self.assertEqual({"a": "x" * room}, self.read(2, None, {"a": "x" * room})["params"])
        line = self.read(2, None, {"a": "x" * (room + 1)})
        self.assertEqual('{"a":"' + "x" * (room + 1) + '"', line["paramsText"])
        self.assertNotIn("params", line)

    def test_the_address_of_a_client_cannot_forge_fields(self) -> None:
        self.client = ConnectedClient(
            self.client.outbox, self.client.owner, 'unix:/a","event":"forged', make_account()
        )
        self.client.id = "ab" * 16
        line = strictly(self.lines(FORMS["json"](), "x", None, None)[1])
        self.assertEqual("request", line["event"])
        self.assertEqual('unix:/a","event":"forged', line["from"])
