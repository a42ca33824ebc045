"""Tests of `actionhero_tcp.dispatch.file_verb_29`."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.outputs import NO_RESPONSE
from actionhero_tcp.connection.connection import Connection
from actionhero_tcp.connection.files import FileReader
from actionhero_tcp.dispatch.dialect import Response
from actionhero_tcp.dispatch.file_verb_29 import NOT_FOUND, FileVerb
from actionhero_tcp.errors import ClientError
from tests.support import make_connection


class FileVerbTests(SynchronousTestCase):
    """`FileVerb`."""

    def setUp(self) -> None:
        self.client = make_connection()
        self.reader = FileReader(os.open(os.devnull, os.O_RDONLY), 0)
        self.addCleanup(self.reader.close)
        self.asked: list[str] = []

    def start(self, path: object) -> Any:
        """Runs the verb for a path."""
        api = SimpleNamespace(files=SimpleNamespace(open=self.open))
        return FileVerb(path).start(api, Connection(self.client, {}))

    def open(self, path: str) -> FileReader:
        """The one file that there is."""
        self.asked.append(path)
        if path != "menu.txt":
            raise ClientError("that file is not found")
        return self.reader

    def test_sends_a_file_raw_and_nothing_else(self) -> None:
        self.assertIs(NO_RESPONSE, self.start("menu.txt"))
        self.assertEqual([self.reader], self.client.outbox.files)

    def test_of_a_file_that_is_not_there_the_client_gets_a_text(self) -> None:
        self.assertEqual(Response(NOT_FOUND), self.start("other.txt"))
        self.assertEqual([], self.client.outbox.files)

    def test_what_is_no_path_is_not_looked_for(self) -> None:
        for path in (None, "", 5, ["menu.txt"], {"file": "menu.txt"}):
            self.assertEqual(Response(NOT_FOUND), self.start(path), path)
        self.assertEqual([], self.asked)
