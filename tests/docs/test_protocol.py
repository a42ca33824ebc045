r"""The transcripts of the protocol pages and README.md, replayed against a real ``twistd``.

A block with the info string ``transcript`` is a connection from its welcome on;
``transcript continued`` goes on with the block before it; options after the word are
options of the server that it needs. Its lines are:

- ``> text``: the client sends it and a line end. ``\xNN`` stands for one byte (only that:
  JSON has escapes of its own). An interrupt (Ctrl-D, telnet's Ctrl-C) is sent without a
  line end.
- ``> (closed)``: the client closes its end.
- ``< text``: the client gets it. A server's own line, which ends in ``}``, has to end in
  ``\r\n``; any other is a file's, and has to end in ``\n``.
- ``< (closed)``: the server closes the connection.
- ``= the server gets SIGTERM``.

With several clients a letter stands before ``>`` and ``<``; a client connects where its
first line stands. Lines are compared byte for byte, but for the values that `masked`
hides and the ids: an id of the page stands for the same real id throughout a transcript.
At a transcript's end every client sends one more request, so that a line too many is found.
"""

from __future__ import annotations

import re
import shlex
import signal
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.wire.framing import INTERRUPTS
from tests import support

PROTOCOL = support.ROOT / "docs" / "protocol.md"
PROTOCOL_29 = support.ROOT / "docs" / "protocol-29.md"
MIGRATING = support.ROOT / "docs" / "migrating.md"
README = support.ROOT / "README.md"

CLOSED = "(closed)"
STOP = "= the server gets SIGTERM"
MARKER = b"paramView noSuchParam"

_WHOLE = re.compile(
    rb'"(connectedAt|createdAt|expireTimestamp|joinedAt|sentAt|sleepStarted|sleepEnded|sleepDelta|'
    rb"memoryConsumption|numberOfObjects|"
    rb"numberOfGlobalSocketRequests|numberOfLocalSocketRequests|numberOfLocalActiveSocketClients|"
    rb"heldBytes|blocked)"
    rb'":[0-9]+'
)
_FRACTION = re.compile(
    rb'("randomNumber":|"uptimeSeconds":|Your random number is )[0-9]+(\.[0-9]+)?(e-[0-9]+)?'
)
_COUNTS = re.compile(rb'"(closed|limits)":\{[^{}]*\}')
_ID = re.compile(rb"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_STEP = re.compile(r"([A-Z]?)([<>]) ?(.*)")
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BYTE = re.compile(rb"\\x([0-9a-f]{2})")


@dataclass
class Step:
    """One line of a transcript."""

    place: str
    client: str
    direction: str
    text: str


@dataclass
class Transcript:
    """A transcript with all blocks that continue it."""

    place: str
    options: tuple[str, ...]
    blocks: int = 0
    steps: list[Step] = field(default_factory=list)

    @property
    def stops_the_server(self) -> bool:
        """Whether the server is gone at its end."""
        return any(step.text == STOP for step in self.steps)


def fences(page: Path) -> Iterator[tuple[int, str, str]]:
    """The fenced blocks of a page: the number of their first line, info string and content."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield text.count("\n", 0, match.start(2)) + 1, match[1], match[2]


def transcripts(page: Path) -> list[Transcript]:
    """The transcripts of a page."""
    found: list[Transcript] = []
    for start, info, content in fences(page):
        word, *options = shlex.split(info) or [""]
        if word != "transcript":
            continue
        if options != ["continued"]:
            found.append(Transcript(f"{page.name}:{start}", tuple(options)))
        found[-1].blocks += 1
        for number, line in enumerate(content.splitlines(), start):
            found[-1].steps.append(_step(f"{page.name}:{number}", line))
    return found


def _step(place: str, line: str) -> Step:
    if line == STOP:
        return Step(place, "", "=", line)
    match = _STEP.fullmatch(line)
    if match is None:
        raise AssertionError(f"{place}: this is no line of a transcript: {line}")
    return Step(place, match[1], match[2], match[3])


def raw(text: str) -> bytes:
    r"""The bytes that a line of a transcript stands for: UTF-8, and ``\xNN`` for one byte."""
    return _BYTE.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode())


def masked(line: bytes) -> bytes:
    """A line without the values that vary; these have to be of the right form."""
    line = _WHOLE.sub(rb'"\1":0', line)
    line = _FRACTION.sub(rb"\g<1>0.0", line)
    line = _COUNTS.sub(rb'"\1":{}', line)
    return _ID.sub(b"id", line)


class Peer:
    """One client of a transcript."""

    def __init__(self, daemon: support.Daemon) -> None:
        self.socket = daemon.connect()
        self.stream = self.socket.makefile("rb")
        self.requests = 0
        self.open = True

    def send(self, lines: list[bytes]) -> None:
        """Sends lines, all in one go."""
        self.requests += sum(1 for line in lines if line.rstrip(b"\r"))
        self.socket.sendall(
            b"".join(line if line in INTERRUPTS else line + b"\n" for line in lines)
        )

    def hang_up(self) -> None:
        """Closes this end."""
        self.socket.shutdown(socket.SHUT_WR)

    def read(self) -> bytes:
        """The next line with its end; empty where the server has closed."""
        return self.stream.readline()

    def close(self) -> None:
        """Closes the socket."""
        self.open = False
        self.stream.close()
        self.socket.close()


class Replay:
    """One transcript's way through a server."""

    def __init__(self, daemon: support.Daemon) -> None:
        self.daemon = daemon
        self.peers: dict[str, Peer] = {}
        self._real_ids: dict[bytes, bytes] = {}

    def run(self, transcript: Transcript) -> None:
        """Replays it, line for line; raises AssertionError where the server does otherwise."""
        try:
            self.play(transcript.steps)
        except BaseException:
            self._close()
            raise
        self.finish()

    def play(self, steps: list[Step]) -> None:
        """Replays some lines; the clients stay."""
        waiting: list[bytes] = []
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            if step.direction == "=":
                self.daemon.process.send_signal(signal.SIGTERM)
                continue
            if step.client not in self.peers:
                self.peers[step.client] = Peer(self.daemon)
            peer = self.peers[step.client]
            try:
                if step.direction == "<":
                    self._get(peer, step.text)
                elif step.text == CLOSED:
                    peer.hang_up()
                else:
                    waiting.append(self._with_real_ids(raw(step.text)))
                    # Lines that follow one another go out together.
                    if (
                        following is None
                        or following.text == CLOSED
                        or (following.client, following.direction) != (step.client, ">")
                    ):
                        peer.send(waiting)
                        waiting = []
            except (AssertionError, OSError) as error:
                raise AssertionError(f"{step.place}: {error}") from error

    def _get(self, peer: Peer, text: str) -> None:
        line = peer.read()
        if text == CLOSED:
            assert not line, f"got {line!r} where the connection should end"
            peer.close()
            return
        expected = raw(text) + (b"\r\n" if text.endswith(("}", '"')) else b"\n")
        assert masked(line) == masked(expected), f"expected {expected!r}\n     got {line!r}"
        for shown, real in zip(_ID.findall(expected), _ID.findall(line), strict=True):
            known = self._real_ids.setdefault(shown, real)
            assert known == real, f"{shown!r} was {known!r}, and now is {real!r}"
        assert len({*self._real_ids.values()}) == len(self._real_ids), "two ids for one"

    def _with_real_ids(self, data: bytes) -> bytes:
        return _ID.sub(lambda match: self._real_ids[match[0]], data)

    def finish(self) -> None:
        """Checks that no client got more than the transcript shows, and has them leave."""
        try:
            self._leave()
        finally:
            self._close()

    def _close(self) -> None:
        for peer in self.peers.values():
            peer.close()

    def _leave(self) -> None:
        staying = {name: peer for name, peer in self.peers.items() if peer.open}
        for name, peer in staying.items():
            peer.send([MARKER])
            line = peer.read()
            answer = b'{"context":"response","params":{},"messageCount":%d}\r\n' % peer.requests
            assert line == answer, f"client {name!r} got a line too many: {line!r}"
        for peer in staying.values():
            peer.send([b"quit"])
            while peer.read():
                pass


def prepare(page: Path, folder: Path) -> None:
    """Makes the working folder of a server for a page: its actions and its public folder."""
    (folder / "none").mkdir()
    for _, info, content in fences(page):
        path = None
        if info.startswith("file "):
            path = folder / info.removeprefix("file ")
        elif info == "python":
            path = folder / content.partition("\n")[0].removeprefix("# ")
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")


class TranscriptTests(SynchronousTestCase):
    """The pages say what the server does."""

    def replay(self, page: Path) -> int:
        """Replays all transcripts of a page; gives the number of blocks replayed."""
        by_options: dict[tuple[str, ...], list[list[Transcript]]] = {}
        for transcript in transcripts(page):
            runs = by_options.setdefault(transcript.options, [[]])
            # One that stops the server has a server of its own.
            if transcript.stops_the_server:
                runs.append([transcript])
            else:
                runs[0].append(transcript)
        blocks = 0
        failures: list[str] = []
        for options, runs in by_options.items():
            for run in filter(None, runs):
                with tempfile.TemporaryDirectory() as temporary:
                    prepare(page, Path(temporary))
                    with support.daemon(*options, folder=temporary) as daemon:
                        self.assertTrue(daemon.port, daemon.log)
                        for transcript in run:
                            blocks += transcript.blocks
                            try:
                                Replay(daemon).run(transcript)
                            except (AssertionError, OSError) as error:
                                failures.append(f"{transcript.place}: {error}")
                        if not run[0].stops_the_server:
                            daemon.process.send_signal(signal.SIGTERM)
                        # Twistd ends by the signal that it was stopped with.
                        self.assertEqual(-signal.SIGTERM, daemon.process.wait(support.PATIENCE))
        self.assertEqual([], failures, "\n" + "\n".join(failures))
        return blocks

    def test_protocol(self) -> None:
        blocks = self.replay(PROTOCOL)
        self.assertEqual(PROTOCOL.read_text(encoding="utf-8").count("\n```transcript"), blocks)

    def test_protocol_29(self) -> None:
        blocks = self.replay(PROTOCOL_29)
        self.assertGreaterEqual(blocks, 1)

    def test_migrating(self) -> None:
        blocks = self.replay(MIGRATING)
        self.assertEqual(MIGRATING.read_text(encoding="utf-8").count("\n```transcript"), blocks)

    def test_readme(self) -> None:
        blocks = self.replay(README)
        self.assertEqual(README.read_text(encoding="utf-8").count("\n```transcript"), blocks)
        self.assertGreaterEqual(blocks, 1)


class PageTests(SynchronousTestCase):
    """The pages leave nothing out."""

    def test_every_verb_has_a_transcript(self) -> None:
        verbs = support.make_commands(None).verbs
        words = {word for verb in verbs for word in verb.words}
        sent = {
            step.text.strip().partition(" ")[0]
            for transcript in transcripts(PROTOCOL)
            for step in transcript.steps
            if step.direction == ">"
        }
        self.assertEqual(set(), words - sent)

    def test_every_verb_is_in_the_text(self) -> None:
        text = PROTOCOL.read_text(encoding="utf-8")
        for verb in support.make_commands(None).verbs:
            for word in verb.words:
                self.assertRegex(text, rf"`{word}\b[^`\n]*`")

    def test_what_looks_like_a_transcript_is_one(self) -> None:
        for page in (PROTOCOL, PROTOCOL_29, MIGRATING, README):
            for number, info, content in fences(page):
                if re.search(r"^[A-Z]?[<>] ", content, re.MULTILINE):
                    self.assertEqual("transcript", info.partition(" ")[0], f"{page}:{number}")

    def test_transcripts_begin_with_a_welcome(self) -> None:
        for page in (PROTOCOL, PROTOCOL_29, MIGRATING, README):
            for transcript in transcripts(page):
                first = transcript.steps[0]
                self.assertEqual("<", first.direction, first.place)
                self.assertIn('"welcome"', first.text, first.place)


class MaskTests(SynchronousTestCase):
    """What the comparison hides, and what it does not."""

    def test_hides_values_of_the_right_form(self) -> None:
        id = b"0123456789abcdef" * 2
        line = b'{"id":"%b","sentAt":17,"randomNumber":0.25}' % id
        other = b'{"id":"%b","sentAt":4,"randomNumber":1.5e-05}' % id[::-1]
        self.assertEqual(masked(line), masked(other))

    def test_shows_values_of_another_form(self) -> None:
        line = b'{"sentAt":17,"from":0}'
        for other in (b'{"sentAt":"17","from":0}', b'{"from":0,"sentAt":17}', line + b" "):
            self.assertNotEqual(masked(line), masked(other))

    def test_bytes(self) -> None:
        self.assertEqual('"☃\\n"'.encode() + b"\x04\xff", raw('"☃\\n"\\x04\\xff'))
