"""`dispatch.dialect_2012`: what is read from a line, and how answers are written."""

from __future__ import annotations

from typing import Any

from actionhero_tcp.connection.connection import JsonParams
from actionhero_tcp.dispatch.dialect import Response
from actionhero_tcp.dispatch.request import Request
from actionhero_tcp.errors import ClientError, LimitError, UnknownActionError
from actionhero_tcp.wire.framing import TOO_LONG
from tests.support import make_connection
from tests.support.routing import RouterTestCase, echo


class DialectTestCase(RouterTestCase):
    """Has the dialect of a daemon with one action, and a request."""

    def setUp(self) -> None:
        super().setUp()
        self.start(echo)
        self.dialect: Any = self.service.factory.context.dialect
        self.request = Request(make_connection(), 7, 0.0)

    def read(self, line: bytes) -> Any:
        word, _, rest = line.partition(b" ")
        return self.dialect.read(self.request, line, word, rest)


class ReadTests(DialectTestCase):
    """`Dialect2012.read`, of lines that begin with no verb."""

    def test_an_action_gets_a_copy_of_the_sticky_params(self) -> None:
        sticky = self.request.connection.params
        sticky["key"] = "value"
        self.assertEqual("echo", self.read(b"echo").name)
        expected = {"key": "value", "action": "echo", "limit": 100, "offset": 0}
        self.assertEqual(expected, self.request.params)
        self.assertIsNot(sticky, self.request.params)
        self.assertEqual(expected, sticky)

    def test_json_has_params_of_its_own(self) -> None:
        self.request.connection.params["key"] = "value"
        self.assertEqual("echo", self.read(b'{"action":"echo","params":{"a":1}}').name)
        params = self.request.params
        shown = params.read() if isinstance(params, JsonParams) else params
        self.assertEqual({"a": 1, "limit": 100, "offset": 0}, shown)
        self.assertEqual({"key": "value"}, self.request.connection.params)

    def test_blanks_and_tabs_around_a_word(self) -> None:
        for line in (b"  echo", b"\techo", b"echo\tx"):
            self.assertEqual("echo", self.read(line).name)
        self.assertIn(b'"status":"OK"', self.read(b"  paramAdd a=b"))

    def test_an_interrupt_means_quit(self) -> None:
        self.assertIn(b"Bye!", self.read(b"\x04"))

    def test_what_is_not_known(self) -> None:
        for line, name in ((b"nope", "nope"), (b" ", "{no action}")):
            error = self.assertRaises(UnknownActionError, self.read, line)
            self.assertEqual(f"{name} is not a known action.", error.text)

    def test_faults_of_json(self) -> None:
        for line in (b"{", b'{"action":1}', b'{"action":"echo","params":[]}', b'{"a":NaN}'):
            self.assertRaises(ClientError, self.read, line)

    def test_a_line_that_was_too_long(self) -> None:
        self.assertRaises(LimitError, self.read, TOO_LONG)


class WriteTests(DialectTestCase):
    """Answers."""

    def test_results_and_parts(self) -> None:
        self.assertEqual(
            b'{"context":"response","a":1,"messageCount":7}\r\n',
            self.dialect.result(self.request, {"a": 1}),
        )
        self.assertEqual(
            b'{"context":"stream","a":1,"messageCount":7}\r\n',
            self.dialect.part(self.request, {"a": 1}),
        )

    def test_a_response_that_is_made_goes_out_as_it_is(self) -> None:
        made = Response(b"made\r\n")
        self.assertIs(made, self.dialect.result(self.request, made))

    def test_errors(self) -> None:
        self.assertEqual(
            b'{"context":"response","error":"no","code":3,"messageCount":7}\r\n',
            self.dialect.error(self.request, "no", {"code": 3}),
        )

    def test_the_welcome_has_the_number_0(self) -> None:
        self.assertEqual(
            b'{"welcome":"hi","room":"r","context":"api","messageCount":0}\r\n',
            self.dialect.welcome("hi", "r"),
        )
