"""The conversations of docs/protocol.md, cut into pieces in every way."""

from __future__ import annotations

import random
import re
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from actionhero_tcp.wire.framing import INTERRUPTS
from tests.docs import test_protocol as documented
from tests.faults.counts import CUT_DISTANCE, RANDOM_CUTS
from tests.faults.crowd import BATCH, Crowd, Peer
from tests.faults.harness import FaultTestCase

SEED = 3

SAID = re.compile(rb'\{"message":[^\n]*"context":"user"[^\n]*\r\n')
"""What the other conversations of a crowd say in their room."""

WAITING = (b"sleepTest", b"slowAction", b"countUp")
"""Actions whose answers, or parts of these, come in time, and so in another order."""

AT_ONCE = 200
"""So many conversations go on at once."""


@dataclass(frozen=True, order=True)
class ClientProtocol:
    """One client's part of a transcript, without its pauses.

    Attributes:
        options: The options of its server.
        place: Where it stands.
        sent: All that the client sends, to its goodbye.
        half_closed: Whether it closes its sending side after that.
        expected: All that it gets, as `comparable` gives it.
    """

    options: tuple[str, ...]
    place: str
    sent: bytes
    half_closed: bool
    expected: list[bytes]


def comparable(received: bytes, sent: bytes) -> list[bytes]:
    """What a client got, line by line, without what varies from run to run."""
    lines = documented.masked(received).splitlines(keepends=True)
    return sorted(lines) if any(word in sent for word in WAITING) else lines


def conversations() -> Iterator[ClientProtocol]:
    """The conversations of the page that one client has alone."""
    for transcript in documented.transcripts(documented.PROTOCOL):
        alone = {step.client for step in transcript.steps} == {""}
        if alone and not transcript.stops_the_server:
            yield conversation(transcript)


def conversation(transcript: documented.Transcript) -> ClientProtocol:
    """What is sent and received in a transcript; a goodbye is added where it has no end."""
    sent = received = b""
    requests, ends, half_closed = 0, False, False
    for step in transcript.steps:
        if step.text == documented.CLOSED:
            ends = True
            half_closed |= step.direction == ">"
        elif step.direction == ">":
            line = documented.raw(step.text)
            sent += line if line in INTERRUPTS else line + b"\n"
            requests += bool(line.strip(b"\r"))
        else:
            received += documented.raw(step.text)
            received += b"\r\n" if step.text.endswith("}") else b"\n"
    if not ends:
        sent += b"quit\n"
        requests += 1
        received += b'{"status":"Bye!","context":"response","messageCount":%d}\r\n' % requests
    return ClientProtocol(
        transcript.options, transcript.place, sent, half_closed, comparable(received, sent)
    )


class Talk(Peer):
    """A client that has one conversation, piece by piece."""

    def __init__(
        self, crowd: Crowd, stream: socket.socket, conversation: ClientProtocol, cuts: list[int]
    ) -> None:
        super().__init__(crowd, stream)
        self.conversation = conversation
        self.got = bytearray()
        ends = [*cuts, len(conversation.sent)]
        self._pieces = [conversation.sent[a:b] for a, b in zip([0, *cuts], ends, strict=True)][::-1]

    def received(self, data: bytes) -> None:
        self.got += data

    def send_piece(self) -> bool:
        """Sends the next piece, and gives whether there was one."""
        if not self._pieces:
            return False
        self.send(self._pieces.pop())
        if not self._pieces and self.conversation.half_closed:
            self.finish()
        return True

    @property
    def lines(self) -> list[bytes]:
        """What it got, as `comparable` gives it."""
        return comparable(SAID.sub(b"", bytes(self.got)), self.conversation.sent)


def at_every_offset(conversation: ClientProtocol) -> list[list[int]]:
    """In two, at each place in turn."""
    return [[offset] for offset in range(1, len(conversation.sent), CUT_DISTANCE)]


def byte_by_byte(conversation: ClientProtocol) -> list[list[int]]:
    """Into single bytes."""
    return [list(range(1, len(conversation.sent)))]


def at_random(conversation: ClientProtocol) -> list[list[int]]:
    """Into up to ten pieces, over and over."""
    chance = random.Random(SEED)
    offsets = range(1, len(conversation.sent))
    most = min(9, len(offsets))
    return [sorted(chance.sample(offsets, chance.randint(0, most))) for _ in range(RANDOM_CUTS)]


WAYS = {
    "cut in two at every offset": at_every_offset,
    "sent byte by byte": byte_by_byte,
    "cut at random places": at_random,
}
"""Ways to cut a conversation: for each the places where the pieces end, the last one aside."""


def documented_files() -> dict[str, bytes]:
    """The files of the server that docs/protocol.md is about."""
    with tempfile.TemporaryDirectory() as folder:
        documented.prepare(documented.PROTOCOL, Path(folder))
        found = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in Path(folder).rglob("*")
            if path.is_file()
        }
    return {**found, "none/.nothing": b""}


class CutConversationTests(FaultTestCase):
    """However a conversation is cut, it gets the same answers."""

    number = 3

    def test_same_answers(self) -> None:
        talks, pieces = Counter[str](), Counter[str]()
        for options, found in groupby(sorted(conversations()), key=lambda each: each.options):
            # TLS knows no half-close.
            chosen = [each for each in found if not (self.pair and each.half_closed)]
            failures = 0
            self.begin("--announce-limit=0", *options, files=documented_files())
            for how, cut in WAYS.items():
                planned = [(each, cuts) for each in chosen for cuts in cut(each)]
                for start in range(0, len(planned), AT_ONCE):
                    self.have(planned[start : start + AT_ONCE])
                failures += sum(b"broken\n" in each.sent for each, _ in planned)
                talks[how] += len(planned)
                pieces[how] += sum(len(cuts) + 1 for _, cuts in planned)
            self.finish(failures)
        for how in WAYS:
            self.note(
                f"The conversations of [protocol.md](protocol.md), {how}",
                f"{talks[how]:,} conversations in {pieces[how]:,} pieces: the same answers",
            )

    def have(self, planned: list[tuple[ClientProtocol, list[int]]]) -> None:
        """Has some conversations side by side, and compares what they got."""
        talks = []
        for way in planned:
            talks.append(self.crowd.add(Talk, *way))
            if not len(talks) % BATCH:
                self.crowd.until(lambda: all(each.got for each in talks), "a welcome")
        self.crowd.until(lambda: all(each.got for each in talks), "a welcome")
        while sum(each.send_piece() for each in talks):
            self.crowd.write_batch()
            # Whoever asks after them is served after them, so they have been read by then.
            self.observer.id()
        self.crowd.until(lambda: all(each.end for each in talks), "the end of a conversation")
        for each in talks:
            self.assertEqual(each.lines, each.conversation.expected, each.conversation.place)


class CutConversationTLSTests(CutConversationTests):
    """The same over TLS, where each piece is a record."""

    pair = "ec"
