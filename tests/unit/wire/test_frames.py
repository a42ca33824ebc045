"""Tests of `actionhero_tcp.wire.frames`, against wsproto at the other end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, Event, Message, Ping, TextMessage

from actionhero_tcp.wire import frames
from actionhero_tcp.wire.frames import (
    BINARY,
    CLOSE,
    NOT_UTF_8,
    PING,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    FrameError,
    FrameReader,
    close_frame,
    frame,
    text_frames,
)
from tests.support import PROPERTY

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 70_000)
MOST = 100_000

MESSAGES = st.lists(
    st.one_of(
        st.text(max_size=300).map(lambda text: TextMessage(data=text)),
        st.binary(max_size=300).map(lambda data: BytesMessage(data=data)),
        st.binary(max_size=125).map(lambda data: Ping(payload=data)),
    ),
    max_size=8,
)


def read(data: bytes, most: int = MOST) -> list[tuple[int, bytes]]:
    """What a reader makes of bytes that come in one piece."""
    return list(FrameReader(most).feed(data))


def masked(payload: bytes, first: int = 0x80 | TEXT) -> bytes:
    """A short frame of a client."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


def expected(event: Event) -> tuple[int, bytes]:
    if isinstance(event, TextMessage):
        return TEXT, event.data.encode()
    if isinstance(event, BytesMessage):
        return BINARY, bytes(event.data)
    assert isinstance(event, Ping)
    return PING, bytes(event.payload)


class ReaderTests(SynchronousTestCase):
    """What a client sends."""

    @PROPERTY
    @given(MESSAGES, st.integers(1, 50))
    def test_whatever_is_sent_is_read_in_whatever_pieces(
        self, events: list[Event], piece: int
    ) -> None:
        client, reader = Connection(ConnectionType.CLIENT), FrameReader(MOST)
        data = b"".join(client.send(event) for event in events)
        found = []
        for start in range(0, len(data), piece):
            found += reader.feed(data[start : start + piece])
        self.assertEqual([expected(event) for event in events], found)

    def test_each_form_of_a_length(self) -> None:
        client = Connection(ConnectionType.CLIENT)
        for size in SIZES:
            data = client.send(BytesMessage(data=b"x" * size))
            self.assertEqual([(BINARY, b"x" * size)], read(data))

    def test_a_message_in_parts_with_a_ping_between_them(self) -> None:
        client = Connection(ConnectionType.CLIENT)
        events: list[Message | Ping] = [
            TextMessage(data="one ", message_finished=False),
            Ping(payload=b"p"),
            TextMessage(data="two", message_finished=True),
        ]
        data = b"".join(client.send(event) for event in events)
        self.assertEqual([(PING, b"p"), (TEXT, b"one two")], read(data))

    def test_what_breaks_the_protocol(self) -> None:
        for data in (
            b"\x81\x05hello",  # not masked
            masked(b"x", 0xC1),  # an extension
            masked(b"x", 0x83),  # unknown kinds
            masked(b"x", 0x8B),
            masked(b"x", 0x80),  # goes on with nothing
            masked(b"x", 0x01) + masked(b"y", 0x81),  # begins within another
            masked(b"x", 0x09),  # a ping in parts
            bytes((0x89, 0xFE)) + (126).to_bytes(2, "big"),  # a long ping
        ):
            error = self.assertRaises(FrameError, read, data)
            self.assertEqual(PROTOCOL_ERROR, error.code, data)

    def test_text_that_is_not_utf_8(self) -> None:
        error = self.assertRaises(FrameError, read, masked(b"\xff"))
        self.assertEqual(NOT_UTF_8, error.code)

    def test_what_came_before_a_fault_is_read(self) -> None:
        found = []
        with self.assertRaises(FrameError):
            for message in FrameReader(MOST).feed(masked(b"good") + b"\x81\x05wrong"):
                found.append(message)
        self.assertEqual([(TEXT, b"good")], found)

    def test_a_message_that_is_too_long_is_refused_by_its_head(self) -> None:
        head = bytes((0x82, 0xFF)) + (1 << 62).to_bytes(8, "big")
        self.assertEqual(TOO_BIG, self.assertRaises(FrameError, read, head).code)
        self.assertEqual([(TEXT, b"x" * 100)], read(masked(b"x" * 100), most=100))

    def test_parts_that_are_too_long_together(self) -> None:
        for part in (b"x" * 30, b""):
            data = masked(b"", 0x01) + masked(part, 0x00) * 100
            self.assertEqual(TOO_BIG, self.assertRaises(FrameError, read, data, 1000).code)

    @PROPERTY
    @given(st.binary(max_size=300), st.integers(1, 50))
    def test_nonsense_raises_nothing_else(self, data: bytes, piece: int) -> None:
        reader = FrameReader(100)
        try:
            for start in range(0, len(data), piece):
                list(reader.feed(data[start : start + piece]))
        except FrameError:
            pass
        self.assertLessEqual(len(reader._buffer), 300)


class WriterTests(SynchronousTestCase):
    """What the server sends, as a client reads it."""

    def events(self, data: bytes) -> list[Event]:
        client = Connection(ConnectionType.CLIENT)
        client.receive_data(data)
        return list(client.events())

    def test_frames_of_each_length(self) -> None:
        for size in SIZES:
            data = b"".join(
                bytes(event.data)
                for event in self.events(frame(b"x" * size))
                if isinstance(event, BytesMessage)
            )
            self.assertEqual(b"x" * size, data)

    def test_each_line_is_a_text_message(self) -> None:
        lines = ["x" * size for size in SIZES if size]
        data = text_frames("".join(f"{line}\r\n" for line in lines).encode())
        texts, text = [], ""
        for event in self.events(data):
            assert isinstance(event, TextMessage)
            text += event.data
            if event.message_finished:
                texts.append(text)
                text = ""
        self.assertEqual(lines, texts)

    def test_the_end(self) -> None:
        (event,) = self.events(close_frame(frames.NORMAL))
        self.assertEqual(1000, getattr(event, "code", None))
        self.assertEqual(CLOSE, close_frame(1000)[0] & 0x0F)
