"""Any bytes from clients of the dialect of actionHero 29: each line gets one answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero_tcp.wire.framing import INTERRUPTS
from tests import support
from tests.support import PROPERTY
from tests.support.routing import RouterTestCase, echo

LIMIT = 100
NOT_FOUND = b'"that file is not found"'
BYE = b'{"status":"Bye","context":"api"}'


def _ends_or_waits(line: bytes) -> bool:
    """Whether a line closes the connection, or is answered later."""
    starts = (*INTERRUPTS, b"\x16\x03")
    return line.startswith(starts) or line.split(b" ")[0] in (b"quit", b"exit", b"sleepTest")


LINES = st.sampled_from(
    [
        *(b"paramAdd key=value", b"paramAdd k=\xe2\x98\x83=x ", b"paramAdd messageId=m"),
        *(b"paramAdd", b"paramAdd a b", b"paramAdd =", b"paramDelete messageId", b"paramView key"),
        *(b"paramsView", b"paramsDelete", b"roomAdd hall", b"roomAdd nope", b"roomAdd"),
        *(b"roomLeave hall", b"roomLeave", b"roomView hall", b"roomView", b"detailsView"),
        *(b"say attic \xe2\x98\x83", b"say", b"say  x", b"documentation", b"echo", b"nope"),
        *(b" ", b"\t", b" paramsView", b"paramAdd\tk=v", b"null", b"5", b'"x"', b"[1]", b"[["),
        *(b"{", b"{}", b'{"action":null}', b'{"action":["echo"]}', b'{"action":{}}', b'"\\ud800"'),
        *(b'{"action":"\\ud800","params":{"\\ud800":"\\udfff"}}', b'{"params":7}'),
        *(b'{"params":[1,[2]],"action":"echo"}', b'{"params":"text","action":"echo"}'),
        *(b'{"action":"echo","params":{"messageId":{"a":[1e300]}}}', b'{"params":null}'),
        *(b'{"params":{"file":7}}', b'{"params":{"apiVersion":[]},"action":"echo"}'),
        *(b"file", b"file nope", b"file ../x", b"file \x00", b"\xff\xfe", b"say \xff x", b"quit!"),
        *(b'{"action":"cacheTest","params":{"key":"\\ud800key","value":{"a":1}}}', b"cacheTest"),
    ]
)
LONG = st.builds(lambda size: b"y" * size, st.integers(LIMIT - 1, LIMIT * 4))
GARBAGE = st.binary(min_size=1, max_size=12).filter(
    lambda data: not any(map(_ends_or_waits, re.split(b"[\r\n]", data)))
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\r\n"])
LAST = st.sampled_from(
    [b"", b"quit\n", b"exit now\r\nparamsView\n", *INTERRUPTS, b"half of a line"]
)
ENDED = st.builds(lambda line, end: line + end, st.one_of(LINES, LINES, LONG, GARBAGE), ENDS)
BODIES = st.lists(ENDED, max_size=25).map(b"".join)
CUTS = st.lists(st.integers(0, 3000), max_size=12)

_MASKS = (
    (re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), b"ID"),
    (re.compile(rb'"(connectedAt|createdAt|joinedAt)":[0-9]+'), rb'"\1":0'),
)


def lines_of(data: bytes) -> list[bytes]:
    """The complete lines of a stream that hold something."""
    return [line for line in data.replace(b"\r", b"\n").split(b"\n")[:-1] if line]


def masked(data: bytes) -> bytes:
    """Some output without what differs from run to run."""
    for pattern, text in _MASKS:
        data = pattern.sub(text, data)
    return data


class StreamTests(RouterTestCase):
    """One client after another, each with a stream of its own."""

    def setUp(self) -> None:
        self.start(
            echo,
            values={
                ("tcp_server", "dialect"): "29",
                ("tcp_server", "max_data_length"): LIMIT,
                ("general", "starting_chat_rooms"): ("hall",),
                ("limits", "announce_delay"): 0,
            },
        )

    def answers(self, stream: bytes, cuts: Sequence[int] = ()) -> bytes:
        """What a new client gets for a stream that is cut at some places."""
        client = support.Client(self.service, self.reactor)
        client.raw()
        start = 0
        for cut in (*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)):
            client.send(stream[start:cut])
            start = cut
        answers = client.raw()
        client.transport.loseConnection()
        self.reactor.advance(0)
        self.assertEqual("", self.log)
        return masked(answers)

    @settings(PROPERTY, max_examples=300)
    @given(body=BODIES, last=LAST, cuts=CUTS)
    def test_each_line_gets_one_answer(self, body: bytes, last: bytes, cuts: list[int]) -> None:
        whole = self.answers(body + last)
        self.assertEqual(whole, self.answers(body + last, cuts))
        *got, rest = whole.split(b"\r\n")
        self.assertEqual(b"", rest)
        if last and last != b"half of a line":
            self.assertEqual(BYE, got.pop())
        self.assertEqual(len(lines_of(body)), len(got), got)
        for number, line in enumerate(got, 1):
            if line != NOT_FOUND:
                answer = json.loads(line)
                self.assertEqual(("response", number), (answer["context"], answer["messageCount"]))
                self.assertEqual(["messageId", "messageCount"], list(answer)[-2:])

    @settings(PROPERTY, max_examples=200)
    @given(stream=st.binary(max_size=400), cuts=CUTS)
    def test_nothing_raises(self, stream: bytes, cuts: list[int]) -> None:
        for line in self.answers(stream, cuts).split(b"\r\n")[:-1]:
            json.loads(line)

    def test_a_character_may_be_cut_between_packets(self) -> None:
        answers = self.answers("paramAdd k=☃\nparamView k\n".encode(), range(40))
        self.assertIn('"data":"☃"'.encode(), answers)

    def test_other_protocols_are_refused_in_this_dialect(self) -> None:
        for stream in (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello"):
            (line,) = self.answers(stream).split(b"\r\n")[:-1]
            answer = json.loads(line)
            self.assertEqual(["error", "context", "messageId", "messageCount"], list(answer))
