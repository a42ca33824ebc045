"""Calls as lines, what a client is given, and what comes of calls."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client import requests
from actionhero_tcp.client.settings import TLS
from actionhero_tcp.errors import UnserializableError
from tests.support import PROPERTY

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


class RequestTests(SynchronousTestCase):
    """The lines."""

    def test_actions(self) -> None:
        self.assertEqual(b'{"action":"a"}\n', requests.action("a", {}))
        self.assertEqual(
            '{"action":"ä\\n","params":{"b":"☃\\n/","c":null}}\n'.encode(),
            requests.action("ä\n", {"b": "☃\n/", "c": None}),
        )
        self.assertEqual(b'{"action":"a","params":{}}\n', requests.empty("a"))
        self.assertRaises(UnserializableError, requests.action, "a", {"b": float("nan")})
        self.assertRaises(UnserializableError, requests.action, "a", {"b": object()})

    @PROPERTY
    @given(
        st.text(),
        st.dictionaries(st.text(), VALUES | st.lists(VALUES)),
    )
    def test_an_action_is_one_line_of_json(self, name: str, params: dict[str, Any]) -> None:
        try:
            line = requests.action(name, params)
        except UnserializableError:
            # Infinities, and whole numbers that are too large.
            return
        self.assertEqual(line.find(b"\n"), len(line) - 1)
        expected = {"action": name, "params": params} if params else {"action": name}
        self.assertEqual(expected, json.loads(line))

    def test_verbs(self) -> None:
        self.assertEqual(b"paramsView\n", requests.verb("paramsView"))
        self.assertEqual("say  ☃ = x\n".encode(), requests.verb("say", " ☃ = x"))
        for end in "\n", "\r", "\r\n":
            error = self.assertRaises(ValueError, requests.verb, "say", f"a{end}b")
            self.assertIn("say takes one line", str(error))

    def test_raw_lines(self) -> None:
        self.assertEqual(b"  say x\n", requests.raw("  say x\r"))
        self.assertEqual(b"a\xff\n", requests.raw("a\udcff"))
        for text in "", "\r", "a\nb", "a\n":
            self.assertRaises(ValueError, requests.raw, text)


class GivenTests(SynchronousTestCase):
    """Settings and outcomes."""

    def test_a_certificate_needs_its_key(self) -> None:
        self.assertRaises(ValueError, TLS, cert_file="a")
        self.assertRaises(ValueError, TLS, key_file="a")
        TLS(cert_file="a", key_file="b")
