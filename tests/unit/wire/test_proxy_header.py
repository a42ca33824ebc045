"""The PROXY header."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.wire.proxy_header import (
    MAX_V1_BYTES,
    MAX_V2_BYTES,
    V2_SIGNATURE,
    Header,
    HeaderError,
    HeaderReader,
)
from tests.support import PROPERTY

MORE = settings(PROPERTY, max_examples=500)

PORTS = st.integers(0, 65535)
HOSTS = st.one_of(
    st.tuples(st.just("TCP4"), st.ip_addresses(v=4), st.ip_addresses(v=4)),
    st.tuples(st.just("TCP6"), st.ip_addresses(v=6), st.ip_addresses(v=6)),
)
RESTS = st.binary(max_size=30)
CUTS = st.lists(st.integers(0, 5000), max_size=10)


def v2(command: int, family: int, block: bytes = b"", length: int | None = None) -> bytes:
    """A header of version 2, right or wrong."""
    size = len(block) if length is None else length
    return V2_SIGNATURE + struct.pack("!BBH", command, family, size) + block


def v2_of(hosts: Any, port: int, other: int, more: bytes = b"") -> bytes:
    """A header of version 2 for addresses and ports."""
    protocol, source, target = hosts
    block = source.packed + target.packed + struct.pack("!HH", port, other) + more
    return v2(0x21, 0x11 if protocol == "TCP4" else 0x21, block)


def v1_of(hosts: Any, port: int, other: int) -> bytes:
    """A header of version 1 for addresses and ports."""
    protocol, source, target = hosts
    return f"PROXY {protocol} {source} {target} {port} {other}\r\n".encode()


V4_BLOCK = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack("!HH", 256, 443)
UNIX_BLOCK = b"/run/client.sock".ljust(108, b"\0") + b"/run/server.sock".ljust(108, b"\0")

V1_HEADERS = st.builds(v1_of, HOSTS, PORTS, PORTS)
V2_HEADERS = st.builds(v2_of, HOSTS, PORTS, PORTS, st.binary(max_size=60))
OTHER_HEADERS = st.sampled_from(
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN what \xff ever\r\n",
        v2(0x20, 0),
        v2(0x20, 0x11, b"x"),
        v2(0x21, 0, b"abc"),
        v2(0x21, 0x31, UNIX_BLOCK),
    ]
)
HEADERS = st.one_of(V1_HEADERS, V2_HEADERS, OTHER_HEADERS)

BROKEN = st.one_of(
    st.binary(max_size=150),
    st.binary(max_size=150).map(b"PROXY ".__add__),
    st.binary(max_size=150).map(V2_SIGNATURE.__add__),
    st.builds(lambda line: b"PROXY TCP4 " + line + b"\r\n", st.binary(max_size=40)),
    st.builds(
        lambda header, place, byte: header[: place % len(header)] + byte + header[place:],
        HEADERS,
        st.integers(0, 300),
        st.binary(max_size=2),
    ),
)
"""Bytes of which few are a header, and most begin like one."""


def outcome(*pieces: bytes) -> Header | str | None:
    """What a reader makes of pieces that come one after another: a header or its error.

    What is left of the pieces when the header is complete is added to its rest.
    """
    reader = HeaderReader()
    for n, piece in enumerate(pieces):
        try:
            header = reader.feed(piece)
        except HeaderError as error:
            return str(error)
        if header is not None:
            return Header(header.address, header.rest + b"".join(pieces[n + 1 :]))
    return None


def each_byte(stream: bytes) -> list[bytes]:
    """A stream in pieces of one byte."""
    return [stream[n : n + 1] for n in range(len(stream))]


class HeaderTestCase(SynchronousTestCase):
    """What headers are read as."""

    def assert_read(self, stream: bytes, address: Any, rest: bytes = b"") -> None:
        """A stream holds a header, in one piece and in single bytes."""
        self.assertEqual(Header(address, rest), outcome(stream))
        self.assertEqual(Header(address, rest), outcome(*each_byte(stream)))

    def assert_refused(self, stream: bytes, text: str, at: int | None = None) -> None:
        """A stream is refused with a text, in one piece and in single bytes.

        Args:
            stream: The stream.
            text: The whole text.
            at: How many bytes suffice to refuse it; all of them by default.
        """
        self.assertEqual(text, outcome(stream))
        self.assertEqual(text, outcome(*each_byte(stream)))
        enough = len(stream) if at is None else at
        self.assertIsNone(outcome(stream[: enough - 1]))
        self.assertEqual(text, outcome(stream[:enough]))


class CutTests(SynchronousTestCase):
    """Wherever the bytes are cut, the outcome is the same."""

    def assert_same(self, stream: bytes, cuts: list[int]) -> Header | str | None:
        places = sorted(cut % (len(stream) + 1) for cut in cuts)
        pieces = [stream[i:j] for i, j in zip([0, *places], [*places, len(stream)], strict=True)]
        whole = outcome(stream)
        self.assertEqual(whole, outcome(*pieces))
        self.assertEqual(whole, outcome(*each_byte(stream)))
        return whole

    @MORE
    @given(HEADERS, RESTS, CUTS)
    def test_of_headers(self, header: bytes, rest: bytes, cuts: list[int]) -> None:
        read = self.assert_same(header + rest, cuts)
        assert isinstance(read, Header)
        self.assertEqual(rest, read.rest)

    @MORE
    @given(BROKEN, CUTS)
    def test_of_anything(self, stream: bytes, cuts: list[int]) -> None:
        self.assert_same(stream, cuts)

    @MORE
    @given(HEADERS)
    def test_a_header_is_complete_with_its_last_byte(self, header: bytes) -> None:
        for size in range(len(header)):
            self.assertIsNone(outcome(header[:size]))

    @MORE
    @given(BROKEN)
    def test_errors_can_be_shown(self, stream: bytes) -> None:
        error = outcome(stream)
        if isinstance(error, str):
            self.assertTrue(error.isascii() and error.isprintable(), error)


class OracleTests(SynchronousTestCase):
    """Valid headers are read as Twisted reads them."""

    def assert_as_twisted(self, parser: Any, header: bytes, hosts: Any, rest: bytes) -> None:
        info, left = parser().feed(header + rest)
        read = outcome(header + rest)
        assert isinstance(read, Header)
        assert isinstance(read.address, tuple)
        theirs = hosts[1].__class__(info.source.host)
        mine = getattr(theirs, "ipv4_mapped", None) or theirs
        self.assertEqual((str(mine), info.source.port), read.address)
        self.assertEqual(left, read.rest)

    @MORE
    @given(HOSTS, PORTS, PORTS, RESTS)
    def test_version_1(self, hosts: Any, port: int, other: int, rest: bytes) -> None:
        self.assert_as_twisted(V1Parser, v1_of(hosts, port, other), hosts, rest)

    @MORE
    @given(HOSTS, PORTS, PORTS, RESTS, RESTS)
    def test_version_2(self, hosts: Any, port: int, other: int, more: bytes, rest: bytes) -> None:
        self.assert_as_twisted(V2Parser, v2_of(hosts, port, other, more), hosts, rest)


class VersionOneTests(HeaderTestCase):
    """A line of text."""

    def test_addresses(self) -> None:
        for words, address in (
            (b"TCP4 192.0.2.1 192.0.2.2 56324 443", ("192.0.2.1", 56324)),
            (b"TCP4 255.255.255.255 0.0.0.0 65535 0", ("255.255.255.255", 65535)),
            (b"TCP4 0.0.0.0 0.0.0.0 0 65535", ("0.0.0.0", 0)),
            (b"TCP6 2001:DB8:0:0::0001 ::1 1 2", ("2001:db8::1", 1)),
            (b"TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2", ("192.0.2.1", 1)),
            (b"UNKNOWN", None),
            (b"UNKNOWN ", None),
            (b"UNKNOWN \xff\r\0 more", None),
        ):
            self.assert_read(b"PROXY " + words + b"\r\n", address)
            self.assert_read(
                b"PROXY " + words + b"\r\n\n paramsView\r\n", address, b"\n paramsView\r\n"
            )

    def test_addresses_that_are_none(self) -> None:
        for protocol, words in (
            ("TCP4", ["192.0.2.01", "192.0.2.256", "192.0.2", "192.0.2.1.1", "0xc0.0.2.1"]),
            (
                "TCP4",
                ["::1", "", "localhost", "+192.0.2.1", "192.0.2.1/32", "192.0.2.\xb9", "3221"],
            ),
            ("TCP6", ["192.0.2.1", "1::2::3", ":::", "fe80::1%eth0", "[::1]", "g::1", "::1/128"]),
            ("TCP6", ["1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::\xb9", "", "::1%"]),
        ):
            good = "192.0.2.2" if protocol == "TCP4" else "::2"
            for word in words:
                for pair in ((word, good), (good, word)):
                    line = f"PROXY {protocol} {pair[0]} {pair[1]} 1 2\r\n".encode("latin-1")
                    self.assert_refused(line, f"{word!a} is no address for {protocol}")

    def test_ports_that_are_none(self) -> None:
        for word in ("", "65536", "99999", "123456", "00", "01", "+1", "-1", "1.0", "0x1", "\xb9"):
            for pair in ((word, "1"), ("1", word)):
                line = f"PROXY TCP4 192.0.2.1 192.0.2.2 {pair[0]} {pair[1]}\r\n".encode("latin-1")
                self.assert_refused(line, f"a port must be 0 to 65535, not {word!a}")

    def test_too_few_and_too_many_words(self) -> None:
        for words in ([], ["192.0.2.1"], ["192.0.2.1", "192.0.2.2", "1"], ["a", "b", "1", "2", ""]):
            line = " ".join(["PROXY", "TCP4", *words]).encode() + b"\r\n"
            self.assert_refused(line, f"TCP4 takes two addresses and two ports, not {words}")

    def test_other_protocols(self) -> None:
        for word in ("", "TCP", "tcp4", "TCP5", "UDP4", "UNKNOWN2", "\t", "\x1b[2J"):
            line = f"PROXY {word}\r\n".encode()
            text = f"the protocol must be TCP4, TCP6 or UNKNOWN, not {word!a}"
            self.assert_refused(line, text)

    def test_other_line_ends(self) -> None:
        for line in (b"PROXY UNKNOWN", b"PROXY UNKNOWN\r ", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2"):
            text = f"the line {line.decode()!a} does not end in CR LF"
            self.assert_refused(line + b"\n", text)
        # It may end yet.
        self.assertIsNone(outcome(b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r"))

    def test_the_longest_line(self) -> None:
        start = b"PROXY UNKNOWN "
        for size in range(MAX_V1_BYTES - 2, MAX_V1_BYTES + 1):
            self.assert_read(start.ljust(size - 2, b"x") + b"\r\nabc", None, b"abc")
        for end in (b"\r\n", b"\n", b"", b"x" * 1000 + b"\r\n"):
            line = start.ljust(MAX_V1_BYTES - 1, b"x") + b"\r" + end
            if not end:
                self.assertIsNone(outcome(line[:-1]))
            self.assert_refused(line, "no line end within 107 bytes", MAX_V1_BYTES)


class VersionTwoTests(HeaderTestCase):
    """The binary form."""

    def test_addresses(self) -> None:
        six = IPv6Address("2001:db8::1").packed + bytes(16) + struct.pack("!HH", 65535, 1)
        mapped = IPv6Address("::ffff:192.0.2.1").packed + bytes(16) + struct.pack("!HH", 7, 1)
        for family, block, address in (
            (0x11, V4_BLOCK, ("192.0.2.1", 256)),
            (0x12, V4_BLOCK, ("192.0.2.1", 256)),
            (0x21, six, ("2001:db8::1", 65535)),
            (0x22, six, ("2001:db8::1", 65535)),
            (0x21, mapped, ("192.0.2.1", 7)),
            (0x31, UNIX_BLOCK, "/run/client.sock"),
            (0x32, UNIX_BLOCK, "/run/client.sock"),
            (0x31, b"x" * 216, "x" * 108),
            (0x31, bytes(216), ""),
            (0x31, b"\0abstract".ljust(216, b"\0"), ""),
            (0x31, b"\xff\n".ljust(216, b"\0"), "\ufffd\n"),
            (0x00, b"", None),
        ):
            for more in (b"", b"\x04\x00\x01\x00", b"no TLV"):
                self.assert_read(v2(0x21, family, block + more), address)
                self.assert_read(v2(0x21, family, block + more) + b"\r\n\0", address, b"\r\n\0")

    def test_what_the_proxy_says_for_itself(self) -> None:
        for family in (0x00, 0x11, 0x21, 0x31, 0x13, 0xFF):
            for block in (b"", b"x", V4_BLOCK, UNIX_BLOCK):
                self.assert_read(v2(0x20, family, block) + b"rest", None, b"rest")

    def test_other_versions_and_commands(self) -> None:
        for command in set(range(256)) - {0x20, 0x21}:
            text = f"version and command must be 0x20 or 0x21, not 0x{command:02x}"
            self.assert_refused(v2(command, 0x11, V4_BLOCK), text, 13)

    def test_other_families(self) -> None:
        for family in set(range(256)) - {0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32}:
            text = f"0x{family:02x} is no address family with its protocol"
            self.assert_refused(v2(0x21, family, UNIX_BLOCK), text, 14)

    def test_lengths(self) -> None:
        for command, family, least in (
            (0x20, 0x11, 0),
            (0x21, 0x00, 0),
            (0x21, 0x11, 12),
            (0x21, 0x22, 36),
            (0x21, 0x31, 216),
        ):
            for size in (least, least + 1, MAX_V2_BYTES):
                header = v2(command, family, bytes(size))
                self.assertIsNone(outcome(header[:-1]))
                self.assertIsInstance(outcome(header), Header)
            for size in (least - 1, MAX_V2_BYTES + 1, 65535):
                if size >= 0:
                    text = f"the length must be {least} to 4096, not {size}"
                    self.assert_refused(v2(command, family, b"", size), text)


class NoHeaderTests(HeaderTestCase):
    """A client that speaks directly is found out with the first byte that is wrong."""

    def test_other_protocols(self) -> None:
        for stream, wrong in (
            (b"detailsView\r\n", "d"),
            (b"GET / HTTP/1.1\r\n\r\n", "G"),
            (b'{"action":"status"}\n', "{"),
            (b"\x16\x03\x01\x02\x00\x01", "\x16"),
            (b"\n", "\n"),
            (b"\xff\xf4\xff\xfd\x06", "\xff"),
            (b"\x04", "\x04"),
            (b"\x1b[2J", "\x1b"),
            (b"POST /", "PO"),
            (b"proxy TCP4", "p"),
            (b"PROXY\t", "PROXY\t"),
            (b" PROXY", " "),
            (b"\r\n\r\ndetailsView", "\r\n\r\nd"),
            (b"\r\n\r\n\0\r\nQUIT\r", "\r\n\r\n\0\r\nQUIT\r"),
        ):
            text = f"this is no PROXY header, since it begins with {wrong!a}"
            self.assert_refused(stream, text, len(wrong))

    def test_nothing_is_no_error(self) -> None:
        self.assertIsNone(outcome(b"", b""))
        self.assertEqual(Header(None, b""), outcome(b"", b"PROXY UNKNOWN\r", b"", b"\n"))
