"""A file with a header, which outlives its connection."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.content import Content
from actionhero_tcp.client.download import MOST_FRUITLESS, Download
from actionhero_tcp.client.outcomes import CallError, ConnectionLost
from tests.support.conversations import Waiter

GONE = ConnectionLost("gone")


class DownloadTests(SynchronousTestCase):
    """The requests, and what comes of them."""

    def make(self, offset: int = 0, **params: Any) -> Download:
        """A download with a caller."""
        self.call = Waiter(started=1.0, timeout=5.0)
        download = Download({"fileName": "a", **params}, Content(None, 100, None, offset))
        download.attach(self.call)
        return download

    def header(self, content: bytes, sent: bytes, offset: int = 0) -> dict[str, Any]:
        """The header of a part."""
        digest = hashlib.sha256(content).hexdigest()
        return {"bytes": len(sent), "sha256": digest, "offset": offset}

    def test_the_request(self) -> None:
        start = b'{"action":"file","params":{"fileName":"a"'
        self.assertEqual(start + b',"header":true}}\n', self.make().line)
        self.assertEqual(start + b',"header":true,"offset":7}}\n', self.make(7).line)
        download = self.make(length=5)
        download.begin(self.header(b"abcde", b"abcde"), 2.0)
        download.feed(b"ab", 3.0)
        self.assertEqual(start + b',"length":3,"header":true,"offset":2}}\n', download.line)
        self.assertEqual((3.0, 5.0), (download.started, download.timeout))

    def test_without_a_header(self) -> None:
        raw = self.make().raw
        self.assertEqual(b'{"action":"file","params":{"fileName":"a"}}\n', raw.line)
        self.assertIs(self.call, raw.call)
        for download in self.make(7), self.make(length=5):
            self.assertRaises(CallError, getattr, download, "raw")
        typed = Download({}, Content(), None, b"file\n")
        self.assertEqual((True, b"file\n"), (typed.is_raw, typed.raw.line))

    def test_content_ends_at_its_length(self) -> None:
        download = self.make()
        download.begin(self.header(b"abc", b"abc"), 2.0)
        self.assertTrue(download.receiving)
        self.assertIsNone(download.feed(b"ab", 3.0))
        self.assertEqual(b"rest", download.feed(b"crest", 3.0))
        download.finish(3.0)
        self.assertEqual(([b"abc"], False), (self.call.results, download.receiving))

    def test_an_empty_file_ends_at_its_header(self) -> None:
        download = self.make()
        download.begin(self.header(b"", b""), 2.0)
        self.assertEqual(b"", download.feed(b"", 2.0))
        download.finish(2.0)
        self.assertEqual([b""], self.call.results)

    def test_each_part_allows_for_more_losses(self) -> None:
        download, content = self.make(), b"abcdefgh"
        download.resume_by(lambda: True)
        for place, byte in enumerate(content):
            for _ in range(MOST_FRUITLESS):
                download.fail(GONE)
            download.begin(self.header(content, content[place:], place), 2.0)
            download.feed(bytes([byte]), 3.0)
        download.finish(3.0)
        self.assertEqual([content], self.call.results)
        download = self.make()
        download.resume_by(lambda: True)
        for _ in range(MOST_FRUITLESS + 1):
            self.assertEqual([], self.call.errors)
            download.fail(GONE)
        self.assertEqual([GONE], self.call.errors)

    def test_no_next_connection(self) -> None:
        download = self.make()
        download.resume_by(lambda: False)
        download.fail(GONE)
        self.assertEqual([GONE], self.call.errors)

    def test_other_errors_are_final(self) -> None:
        download = self.make()
        download.resume_by(lambda: True)
        download.fail(CallError("refused"))
        self.assertEqual(["refused"], list(map(str, self.call.errors)))

    def test_given_up(self) -> None:
        download = self.make()
        self.assertTrue(download.is_wanted)
        self.assertIs(self.call, download.give_up())
        self.assertFalse(download.is_wanted)
        download.begin(self.header(b"abc", b"abc"), 2.0)
        self.assertEqual(b"", download.feed(b"abc", 3.0))
        download.finish(3.0)
        download.fail(GONE)
        self.assertFalse(self.call.done)
