"""Files with a header, without a network."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.outcomes import (
    AnswerError,
    CallError,
    CallTimeout,
    ChecksumError,
    ConnectionLost,
    FileTooLarge,
)
from actionhero_tcp.client.settings import Limits
from tests.support import PROPERTY
from tests.support.conversations import ModelServer, Party, Waiter, answer, encode
from tests.unit.client.test_protocol import CONTENTS, SAID, cut


class HeaderTestCase(SynchronousTestCase):
    """A client, and a server that sends headers."""

    def setUp(self) -> None:
        self.party = Party(offers_header=True)
        self.server = ModelServer(CONTENTS, offers_header=True)

    def exchange(self) -> None:
        """Has the server answer what was sent, until nothing more is."""
        while data := self.party.protocol.take():
            self.party.feed(self.server.serve(data))

    def header(self, call: Waiter, **fields: Any) -> None:
        """Receives a header with the number of the last request."""
        self.party.feed(encode({"context": "file", **fields, "messageCount": 1}))


class DiscoveryTests(HeaderTestCase):
    """Whether the server sends headers."""

    def test_the_server_is_asked_once(self) -> None:
        self.party = Party(offers_header=None)
        calls = [self.party.ask_file("text"), self.party.ask_file("binary")]
        self.assertEqual(b'{"action":"actionsView"}\n', self.party.protocol.take())
        self.party.feed(self.server.serve(b'{"action":"actionsView"}\n'))
        self.assertEqual(2, self.party.protocol.take().count(b'"header":true'))
        self.party.feed(self.server.serve(b""))
        self.assertEqual(2, self.party.protocol.waiting)
        self.assertFalse(any(call.done for call in calls))
        self.party = Party(offers_header=None)
        self.server.number = 0
        first = self.party.ask_file("text")
        self.exchange()
        second = self.party.ask_file("text")
        self.assertIn(b'"header":true', self.party.protocol._out[0])
        self.exchange()
        self.assertEqual([CONTENTS["text"]] * 2, first.results + second.results)

    def test_a_server_without_headers(self) -> None:
        self.party, self.server = Party(offers_header=None), ModelServer(CONTENTS)
        for name, content in CONTENTS.items():
            call = self.party.ask_file(name)
            self.exchange()
            self.assertEqual([content], call.results, name)

    def test_a_server_that_does_not_tell_is_asked_again(self) -> None:
        self.party = Party(offers_header=None)
        call = self.party.ask_file("text")
        self.party.protocol.take()
        self.server.number = 1
        self.party.feed(answer(1, error="log in first"))
        self.exchange()
        self.assertEqual([CONTENTS["text"]], call.results)
        self.party.ask_file("text")
        self.assertEqual(b'{"action":"actionsView"}\n', self.party.protocol.take())

    def test_such_a_server_sends_no_parts(self) -> None:
        self.party, self.server = Party(offers_header=None), ModelServer(CONTENTS)
        call = self.party.ask_file("text", offset=3)
        self.exchange()
        self.assertIn("no header", str(call.errors[0]))

    def test_strange_lists_of_actions_are_those_of_an_old_server(self) -> None:
        for actions in (7, [7], [{}], [{"name": "file"}], [{"name": "file", "inputs": []}]):
            self.party, self.server = Party(offers_header=None), ModelServer(CONTENTS)
            call = self.party.ask_file("text")
            self.party.protocol.take()
            self.server.number = 1
            self.party.feed(answer(1, actions=actions))
            self.exchange()
            self.assertEqual([CONTENTS["text"]], call.results)


class HeaderTests(HeaderTestCase):
    """Files whose length is known."""

    def test_every_content_arrives_as_it_is(self) -> None:
        for name, content in CONTENTS.items():
            call = self.party.ask_file(name)
            self.assertEqual(1, self.party.protocol._out[0].count(b"\n"))
            self.exchange()
            self.assertEqual([content], call.results, (name, call.errors))
        self.assertEqual((0, 0), (self.party.protocol.late, self.party.protocol.waiting))

    @PROPERTY
    @given(st.lists(st.sampled_from(sorted(set(CONTENTS) - {"binary"})), max_size=4), st.data())
    def test_whatever_is_said_gets_into_no_file(self, names: list[str], data: Any) -> None:
        party, server = Party(offers_header=True), ModelServer(CONTENTS, offers_header=True)
        calls, others = [], []
        for name in names:
            calls.append(party.ask_file(name))
            others.append(party.ask(b"roomView\n"))
        stream, talk = b"", 0
        for line in party.protocol.take().splitlines(keepends=True):
            said = data.draw(st.integers(0, 2))
            talk += said
            stream += encode(SAID) * said + server.serve(line)
        for chunk in cut(stream, data):
            party.feed(chunk)
        self.assertEqual([[CONTENTS[name]] for name in names], [call.results for call in calls])
        self.assertEqual([1] * len(names), [len(other.results) for other in others])
        self.assertEqual([SAID] * talk, party.messages)

    def test_files_may_come_in_any_order(self) -> None:
        calls = [self.party.ask_file("text"), self.party.ask_file("binary")]
        first, second = self.party.protocol.take().splitlines()
        one, two = self.server.serve(first), self.server.serve(second)
        self.party.feed(two + one)
        self.assertEqual([CONTENTS["text"], CONTENTS["binary"]], [c.results[0] for c in calls])

    def test_a_missing_file_is_an_error(self) -> None:
        call = self.party.ask_file("nope")
        self.exchange()
        (error,) = call.errors
        assert isinstance(error, AnswerError)
        self.assertEqual("The file, nope, is not found.", str(error))
        self.assertEqual((1, 1), (error.answer.number, error.answer["messageCount"]))

    def test_an_answer_that_is_no_file_is_an_error(self) -> None:
        call = self.party.ask_file("text")
        self.party.feed(answer(1, status="OK"))
        self.assertEqual("the server has answered without a file", str(call.errors[0]))

    def test_a_part(self) -> None:
        parts: list[bytes] = []
        seen: list[Any] = []
        content = CONTENTS["text"]
        call = self.party.ask_file(
            "text", parts.append, offset=3, progress=lambda *how_far: seen.append(how_far)
        )
        self.exchange()
        self.assertEqual((content[3:], [len(content) - 3]), (b"".join(parts), call.results))
        self.assertEqual([(len(content), len(content))], seen)

    def test_progress(self) -> None:
        seen: list[Any] = []
        call = self.party.ask_file("binary", progress=lambda *how_far: seen.append(how_far))
        data = self.server.serve(self.party.protocol.take())
        size = len(CONTENTS["binary"])
        for start in range(0, len(data), 65536):
            self.party.feed(data[start : start + 65536])
        self.assertEqual([CONTENTS["binary"]], call.results)
        self.assertEqual((size, size), seen[-1])
        self.assertEqual(sorted(seen), seen)

    def test_the_checksum_is_that_of_the_whole_file(self) -> None:
        content = CONTENTS["text"]
        right, wrong = hashlib.sha256(content[:3]), hashlib.sha256(b"not")
        for digest, fails in ((right, False), (right, False), (wrong, True), (None, False)):
            call = self.party.ask_file("text", offset=3, digest=digest)
            self.exchange()
            self.assertEqual([] if fails else [content[3:]], call.results)
            self.assertEqual(fails, any(isinstance(e, ChecksumError) for e in call.errors))

    def test_content_that_is_not_what_its_checksum_says(self) -> None:
        call = self.party.ask_file("text")
        self.header(call, bytes=3, sha256=hashlib.sha256(b"abc").hexdigest(), offset=0)
        self.party.feed(b"abd" + encode(SAID))
        self.assertIsInstance(call.errors[0], ChecksumError)
        self.assertEqual([SAID], self.party.messages)

    def test_a_header_of_another_part(self) -> None:
        call = self.party.ask_file("text")
        self.header(call, bytes=3, sha256="", offset=1)
        self.party.feed(b"abc" + encode(SAID))
        self.assertIn("another part", str(call.errors[0]))
        self.assertEqual([SAID], self.party.messages)

    def test_a_header_without_a_length_ends_the_connection(self) -> None:
        for size in (None, -1, True, 1.0, "1"):
            self.setUp()
            call = self.party.ask_file("text")
            self.header(call, bytes=size, offset=0)
            self.assertIn("no length", str(self.party.faults[0]))

    def test_a_header_that_nobody_has_asked_for_is_a_message(self) -> None:
        header = {"context": "file", "bytes": 3, "messageCount": 7}
        self.party.ask()
        self.party.feed(encode(header))
        self.party.ask_file("text")
        self.party.feed(encode(header))
        self.assertEqual([header] * 2, self.party.messages)


class GivingUpTests(HeaderTestCase):
    """Limits, time limits and lost connections."""

    def test_a_file_larger_than_the_limit_fails_at_once_and_is_skipped(self) -> None:
        self.party = Party(Limits(max_file_bytes=1000), offers_header=True)
        call, exact = self.party.ask_file("binary"), self.party.ask_file("text")
        data = self.server.serve(self.party.protocol.take())
        self.party.feed(data[:200])
        self.assertIsInstance(call.errors[0], FileTooLarge)
        self.party.feed(data[200:])
        self.assertEqual([CONTENTS["text"]], exact.results)

    def test_a_function_that_fails_fails_the_call(self) -> None:
        def sink(part: bytes) -> None:
            raise OSError("the disk is full")

        call, other = self.party.ask_file("binary", sink), self.party.ask()
        self.exchange()
        self.assertEqual(["the disk is full"], list(map(str, call.errors)))
        self.assertEqual(1, len(other.results))

    def test_the_time_limit_starts_again_with_each_part(self) -> None:
        call = self.party.ask_file("binary", timeout=2)
        data = self.server.serve(self.party.protocol.take())
        self.party.feed(data[:1000], now=1.5)
        self.assertEqual(3.5, self.party.protocol.expire(2.5))
        self.party.feed(data[1000:2000], now=3)
        self.party.protocol.expire(5)
        self.assertIsInstance(call.errors[0], CallTimeout)
        self.assertIn("to its end", str(self.party.faults[0]))

    def test_a_file_that_comes_too_late_is_skipped(self) -> None:
        call, other = self.party.ask_file("binary", timeout=2), self.party.ask()
        self.party.protocol.expire(2)
        self.assertIsInstance(call.errors[0], CallTimeout)
        self.assertEqual([], self.party.faults)
        self.exchange()
        self.assertEqual((1, [], 1), (len(other.results), call.results, len(call.errors)))
        self.assertEqual(0, self.party.protocol.waiting)

    def test_a_file_that_waits_for_the_discovery_has_its_time_limit(self) -> None:
        self.party = Party(offers_header=None)
        call = self.party.ask_file("text", timeout=2)
        self.assertEqual(2, self.party.protocol.expire(1))
        self.party.protocol.expire(2)
        self.assertIsInstance(call.errors[0], CallTimeout)
        self.exchange()
        self.assertEqual(([], 0), (call.results, self.party.protocol.waiting))

    def test_a_lost_connection_fails_a_call_that_nobody_resumes(self) -> None:
        for offers in (True, None):
            self.party = Party(offers_header=offers)
            call = self.party.ask_file("text")
            self.party.protocol.lose(ConnectionLost("gone"))
            self.assertEqual(["gone"], list(map(str, call.errors)))
            self.assertEqual(0, self.party.protocol.waiting)

    def resume(self, files: dict[str, bytes]) -> Waiter:
        """Loses a connection in the middle of a file, and goes on with other files."""
        call = self.party.ask_file("text")
        download, resumed = self.party.download, list[bool]()
        download.resume_by(lambda: not resumed.append(True))  # type: ignore[func-returns-value]
        data = self.server.serve(self.party.protocol.take())
        self.party.feed(data[:-3])
        self.party.protocol.lose(ConnectionLost("gone"))
        self.assertEqual(([True], False), (resumed, call.done))
        self.party, self.server = Party(offers_header=True), ModelServer(files, offers_header=True)
        self.party.protocol.ask_file(download)
        self.exchange()
        return call

    def test_the_next_connection_goes_on(self) -> None:
        self.assertEqual([CONTENTS["text"]], self.resume(CONTENTS).results)

    def test_a_file_that_has_changed_meanwhile_is_an_error(self) -> None:
        content = CONTENTS["text"][:-1] + b"?"
        call = self.resume({"text": content})
        self.assertIsInstance(call.errors[0], ChecksumError)
        self.assertIn("has changed", str(call.errors[0]))

    def test_a_file_that_is_gone_meanwhile_is_an_error(self) -> None:
        self.assertIn("not found", str(self.resume({}).errors[0]))

    def test_a_next_server_without_headers_cannot_go_on(self) -> None:
        self.server = ModelServer(CONTENTS, offers_header=True)
        call = self.party.ask_file("text")
        download = self.party.download
        download.resume_by(lambda: True)
        self.party.feed(self.server.serve(self.party.protocol.take())[:-3])
        self.party.protocol.lose(ConnectionLost("gone"))
        self.party, self.server = Party(offers_header=False), ModelServer(CONTENTS)
        self.party.protocol.ask_file(download)
        self.assertIsInstance(call.errors[0], CallError)
